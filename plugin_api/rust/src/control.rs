//! The running process (`cleat.control/1`): what it is like, and what an operator may ask of it. Who may ask is for the plugin to decide.

use core::ffi::c_void;

use crate::ffi;
use crate::handle::{own, Handle, Level};
use crate::hooks::Plugin;
use crate::host::host_call;
use crate::panics::guard_void;
use crate::status::Status;
use crate::table::plugin_of;
use crate::text::{to_str, Text};

/// Where the process is in its life.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ProcessState {
    /// Workers have not all begun; or the host does not say.
    Starting,
    /// It serves.
    Serving,
    /// No new connections; what is under way is finished.
    Draining,
    /// It is about to end.
    Stopping,
}

/// The state of the process. Any thread.
pub fn process_state() -> ProcessState {
    let mut state = ffi::STATE_STARTING;
    match host_call!(control.state(&mut state)).map(|()| state) {
        Ok(ffi::STATE_SERVING) => ProcessState::Serving,
        Ok(ffi::STATE_DRAINING) => ProcessState::Draining,
        Ok(ffi::STATE_STOPPING) => ProcessState::Stopping,
        _ => ProcessState::Starting,
    }
}

/// From which level on lines are written to the log. Any thread.
pub fn log_level() -> Result<Level, Status> {
    let mut level = 0u32;
    host_call!(control.log_level_get(&mut level))?;
    Ok(match level {
        ffi::DEBUG => Level::Debug,
        ffi::INFO => Level::Info,
        ffi::WARN => Level::Warn,
        _ => Level::Error,
    })
}

/// What is asked with a function is answered to it once, on the control thread, unless the instance ends before: Ok and the text, or why not and
/// the reason. `LIMIT`: too many questions wait. Any thread.
impl<P: Plugin> Handle<P> {
    /// Reads the configuration again. `FAILED`: it was refused, for these reasons, and nothing has changed.
    pub fn reload<F>(self, answered: F) -> Result<(), Status>
    where
        F: FnOnce(&P, Result<(), Status>, Text<'_>) + Send + 'static,
    {
        own(answered, |user| host_call!(control.reload(self.instance, Some(on_control::<P, F>), user)))
    }
    /// Begins to drain, and ends the process after, as SIGTERM does.
    pub fn drain(self) -> Result<(), Status> {
        host_call!(control.drain(self.instance))
    }
    /// Puts instances of this name that are in quarantine back to work. `NOT_FOUND`: there is none of the name; `WRONG_PHASE`: it is not in
    /// quarantine.
    pub fn restore<F>(self, instance: &str, answered: F) -> Result<(), Status>
    where
        F: FnOnce(&P, Result<(), Status>, Text<'_>) + Send + 'static,
    {
        own(answered, |user| host_call!(control.restore(self.instance, to_str(instance.as_bytes()), Some(on_control::<P, F>), user)))
    }
    /// JSON of "server", "config", "listeners", "clusters", "plugins" or "generations", without secrets. `NOT_FOUND`: no such topic.
    pub fn describe<F>(self, topic: &str, answered: F) -> Result<(), Status>
    where
        F: FnOnce(&P, Result<(), Status>, Text<'_>) + Send + 'static,
    {
        own(answered, |user| host_call!(control.describe(self.instance, to_str(topic.as_bytes()), Some(on_control::<P, F>), user)))
    }
    /// From which level on lines are written, until the next reload.
    pub fn set_log_level(self, level: Level) -> Result<(), Status> {
        host_call!(control.log_level_set(self.instance, level as u32))
    }
}

unsafe extern "C" fn on_control<P, F>(instance: *mut c_void, status: ffi::Status, text: ffi::Str, user: *mut c_void)
where
    P: Plugin,
    F: FnOnce(&P, Result<(), Status>, Text<'_>),
{
    // SAFETY: the host calls it as its functions promise, with the `user` that was handed over for just this F.
    guard_void::<P>(instance, || {
        let answered = Box::from_raw(user as *mut F);
        answered(plugin_of::<P>(instance), Status::check(status), Text::from_raw(text));
    });
}
