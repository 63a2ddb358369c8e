//! The plugin's halves of extensions: their tables, the functions in them, and `find`. For `plugin!` alone.

use core::ffi::c_void;
use std::panic::{catch_unwind, AssertUnwindSafe};

use crate::command::{Command, RunCommand};
use crate::exchange::Exchange;
use crate::ffi;
use crate::handler::{OnHandle, OnHandleBody, OnHandleEnd, OnWritable};
use crate::panics::{guard_verdict, guard_void};
use crate::table::{plugin_of, verdict_hook, Probe};
use crate::text::Text;

/// Of each extension the plugin's table, with NULL for what the plugin does not have.
pub struct Extensions {
    pub command: ffi::PluginCommand,
    pub handler: ffi::PluginHandler,
}

impl Extensions {
    /// Is there one that the plugin has?
    pub const fn any(&self) -> bool {
        self.command.run.is_some() || self.handler.on_handle.is_some()
    }

    /// The table of an extension, or NULL where the plugin does not have it.
    ///
    /// # Safety
    /// `id` is a text of the host's.
    pub unsafe fn find(&'static self, id: ffi::Str) -> *const c_void {
        let id = Text::from_raw(id);
        if id == ffi::EXT_COMMAND && self.command.run.is_some() {
            return &self.command as *const ffi::PluginCommand as *const c_void;
        }
        if id == ffi::EXT_HANDLER && self.handler.on_handle.is_some() {
            return &self.handler as *const ffi::PluginHandler as *const c_void;
        }
        core::ptr::null()
    }
}

type VoidHook = Option<unsafe extern "C" fn(*mut c_void, u64)>;

/// What a type has of the extensions whose traits it does not implement: NULL.
pub trait NoExtensions {
    const COMMAND: Option<unsafe extern "C" fn(*const ffi::CommandCall) -> i32> = None;
    const ON_HANDLE: Option<unsafe extern "C" fn(*mut c_void, u64) -> ffi::Verdict> = None;
    const ON_HANDLE_BODY: Option<unsafe extern "C" fn(*mut c_void, u64, u32) -> ffi::Verdict> = None;
    const ON_WRITABLE: VoidHook = None;
    const ON_HANDLE_END: VoidHook = None;
}
impl<P> NoExtensions for Probe<P> {}

// SAFETY, of all functions below: the host calls them as their extension's header says: `instance` is what `create` made, views live until
// they return.

verdict_hook!(OnHandle, ON_HANDLE, on_handle, Exchange);
verdict_hook!(OnHandleBody, ON_HANDLE_BODY, on_handle_body, Exchange, flags: u32 => flags & ffi::BODY_END != 0);

impl<P: OnWritable> Probe<P> {
    pub const ON_WRITABLE: VoidHook = Some(on_writable::<P>);
}
unsafe extern "C" fn on_writable<P: OnWritable>(instance: *mut c_void, x: u64) {
    if !guard_void::<P>(instance, || plugin_of::<P>(instance).on_writable(&mut Exchange::new(x))) {
        let _ = Exchange::new(x).response_writer().abort(); // nobody else would go on
    }
}

impl<P: OnHandleEnd> Probe<P> {
    pub const ON_HANDLE_END: VoidHook = Some(on_handle_end::<P>);
}
unsafe extern "C" fn on_handle_end<P: OnHandleEnd>(instance: *mut c_void, x: u64) {
    guard_void::<P>(instance, || plugin_of::<P>(instance).on_handle_end(&mut Exchange::new(x)));
}

impl<P: RunCommand> Probe<P> {
    pub const COMMAND: Option<unsafe extern "C" fn(*const ffi::CommandCall) -> i32> = Some(command::<P>);
}
unsafe extern "C" fn command<P: RunCommand>(call: *const ffi::CommandCall) -> i32 {
    // The words of a panic are on standard error already: it is not a worker's.
    catch_unwind(AssertUnwindSafe(|| P::run_command(Command::new(&*call)))).map_or(1, i32::from)
}
