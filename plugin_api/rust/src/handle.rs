//! What an instance does on its own account: log, timers, posts, and what it holds while it waits.

use core::ffi::c_void;
use core::marker::PhantomData;
use core::time::Duration;

use crate::exchange::{milliseconds, Connection, ConnectionId, Exchange, ExchangeId};
use crate::ffi;
use crate::hooks::{OnTimer, Plugin};
use crate::host::host_call;
use crate::panics::guard_void;
use crate::status::{Status, Verdict};
use crate::table::plugin_of;
use crate::text::to_str;

/// How loud a line of the log is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Level {
    /// For who develops.
    Debug = ffi::DEBUG,
    /// Normal work.
    Info = ffi::INFO,
    /// Worth a look.
    Warn = ffi::WARN,
    /// Something is broken.
    Error = ffi::ERROR,
}

/// The right to resume one suspended hook, once, from any thread. A value: copies are the same ticket.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Ticket(pub(crate) u64);

impl Ticket {
    /// Moves the exchange on with a verdict other than Suspend. Any thread. `STALE`, harmless: used before, timed out, or the exchange is gone.
    pub fn resume(self, verdict: Verdict) -> Result<(), Status> {
        host_call!(core.resume(self.0, verdict as u32))
    }
}

/// Call [`done`](Completion::done) once what on_drain or on_shutdown asked for is finished; any thread.
#[derive(Clone, Copy, Debug)]
pub struct Completion(pub(crate) u64);

impl Completion {
    /// It is finished.
    pub fn done(self) -> Result<(), Status> {
        host_call!(core.complete(self.0))
    }
}

/// An armed timer. A value: copies are the same timer. On the worker that armed it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Timer(u64);

impl Timer {
    /// Moves the deadline to `delay` from now; `STALE` if it has fired or was cancelled.
    pub fn rearm(self, delay: Duration) -> Result<(), Status> {
        host_call!(timer.rearm(self.0, milliseconds(delay)))
    }
    /// After Ok its hook will not be called.
    pub fn cancel(self) -> Result<(), Status> {
        host_call!(timer.cancel(self.0))
    }
}

/// Names one instance of the plugin P. Any thread may hold one, and copies; [`Create::handle`](crate::Create::handle) gives it.
pub struct Handle<P> {
    pub(crate) instance: u64,
    pub(crate) of: PhantomData<fn(P)>,
}

impl<P> Clone for Handle<P> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<P> Copy for Handle<P> {}

impl<P> core::fmt::Debug for Handle<P> {
    fn fmt(&self, to: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(to, "Handle({})", self.instance)
    }
}

impl<P: Plugin> Handle<P> {
    /// A line in the log, blamed on this instance. Any thread; over the rate limit it is counted and dropped.
    pub fn log(self, level: Level, text: &str) {
        let _ = host_call!(core.log(self.instance, level as u32, to_str(text.as_bytes())));
    }

    // --- timers: on a worker; never early, up to 10 ms late ---

    fn arm_at(self, owner: u64, delay: Duration, call: ffi::TimerFn, token: usize) -> Result<Timer, Status> {
        let mut timer = 0u64;
        host_call!(timer.arm(self.instance, owner, milliseconds(delay), call, token as *mut c_void, &mut timer))?;
        Ok(Timer(timer))
    }
    /// Calls [`OnTimer::on_timer`] with the token after `delay`, unless the exchange ends first. At most 16 an exchange.
    pub fn arm(self, x: &Exchange<'_>, delay: Duration, token: usize) -> Result<Timer, Status>
    where
        P: OnTimer,
    {
        self.arm_at(x.handle(), delay, Some(on_timer::<P>), token)
    }
    /// Calls [`OnTimer::on_connection_timer`] with the token after `delay`, unless the connection ends first.
    pub fn arm_connection(self, connection: &Connection<'_>, delay: Duration, token: usize) -> Result<Timer, Status>
    where
        P: OnTimer,
    {
        self.arm_at(connection.handle(), delay, Some(on_connection_timer::<P>), token)
    }
    /// Calls [`OnTimer::on_worker_timer`] with the token after `delay`, on this worker, unless it stops first. From worker_start on.
    pub fn arm_worker(self, delay: Duration, token: usize) -> Result<Timer, Status>
    where
        P: OnTimer,
    {
        self.arm_at(self.instance, delay, Some(on_worker_timer::<P>), token)
    }

    // --- posts: from any thread to the one that owns something ---

    /// Runs `task` on the exchange's worker. If the exchange is gone by then, or this fails, the task is dropped without being run.
    pub fn post<F>(self, x: ExchangeId, task: F) -> Result<(), Status>
    where
        F: FnOnce(&P, &mut Exchange<'_>) + Send + 'static,
    {
        own(task, |user| host_call!(post.post(self.instance, x.0, Some(on_exchange_post::<P, F>), user)))
    }
    /// The same on a connection's worker.
    pub fn post_connection<F>(self, connection: ConnectionId, task: F) -> Result<(), Status>
    where
        F: FnOnce(&P, &mut Connection<'_>) + Send + 'static,
    {
        own(task, |user| host_call!(post.post(self.instance, connection.0, Some(on_connection_post::<P, F>), user)))
    }
    /// The same on a worker by number.
    pub fn post_worker<F>(self, worker: u32, task: F) -> Result<(), Status>
    where
        F: FnOnce(&P) + Send + 'static,
    {
        own(task, |user| host_call!(post.post_worker(self.instance, worker, Some(on_post::<P, F>), user)))
    }
    /// The same on the control thread.
    pub fn post_control<F>(self, task: F) -> Result<(), Status>
    where
        F: FnOnce(&P) + Send + 'static,
    {
        self.post_worker(ffi::POST_CONTROL, task)
    }
}

/// Hands a boxed value to the host; takes it back where the host refused it.
pub(crate) fn own<T>(value: T, hand: impl FnOnce(*mut c_void) -> Result<(), Status>) -> Result<(), Status> {
    let user = Box::into_raw(Box::new(value));
    let done = hand(user as *mut c_void);
    if done.is_err() {
        // SAFETY: made above, and the host did not take it.
        drop(unsafe { Box::from_raw(user) });
    }
    done
}

// SAFETY, of all callbacks below: the host calls them as `arm` and `post` promise, with the instance of the Handle, whose plugin is a P,
// and with the `user` that was handed over for just this F.

unsafe extern "C" fn on_timer<P: OnTimer>(instance: *mut c_void, owner: u64, user: *mut c_void) {
    guard_void::<P>(instance, || plugin_of::<P>(instance).on_timer(&mut Exchange::new(owner), user as usize));
}
unsafe extern "C" fn on_connection_timer<P: OnTimer>(instance: *mut c_void, owner: u64, user: *mut c_void) {
    guard_void::<P>(instance, || plugin_of::<P>(instance).on_connection_timer(&mut Connection::new(owner), user as usize));
}
unsafe extern "C" fn on_worker_timer<P: OnTimer>(instance: *mut c_void, _owner: u64, user: *mut c_void) {
    guard_void::<P>(instance, || plugin_of::<P>(instance).on_worker_timer(user as usize));
}

unsafe extern "C" fn on_exchange_post<P, F>(instance: *mut c_void, status: ffi::Status, owner: u64, user: *mut c_void)
where
    P: Plugin,
    F: FnOnce(&P, &mut Exchange<'_>),
{
    guard_void::<P>(instance, || {
        let task = Box::from_raw(user as *mut F);
        if status == ffi::OK {
            task(plugin_of::<P>(instance), &mut Exchange::new(owner));
        }
    });
}
unsafe extern "C" fn on_connection_post<P, F>(instance: *mut c_void, status: ffi::Status, owner: u64, user: *mut c_void)
where
    P: Plugin,
    F: FnOnce(&P, &mut Connection<'_>),
{
    guard_void::<P>(instance, || {
        let task = Box::from_raw(user as *mut F);
        if status == ffi::OK {
            task(plugin_of::<P>(instance), &mut Connection::new(owner));
        }
    });
}
unsafe extern "C" fn on_post<P, F>(instance: *mut c_void, status: ffi::Status, _owner: u64, user: *mut c_void)
where
    P: Plugin,
    F: FnOnce(&P),
{
    guard_void::<P>(instance, || {
        let task = Box::from_raw(user as *mut F);
        if status == ffi::OK {
            task(plugin_of::<P>(instance));
        }
    });
}
