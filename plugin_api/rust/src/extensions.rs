//! The plugin's halves of extensions: their tables, the functions in them, and `find`. For `plugin!` alone.

use core::ffi::c_void;
use std::panic::{catch_unwind, AssertUnwindSafe};

use crate::balancer::{Balancer, Endpoints};
use crate::command::{Command, RunCommand};
use crate::config::Config;
use crate::exchange::{Connection, Exchange};
use crate::ffi;
use crate::handler::{OnHandle, OnHandleBody, OnHandleEnd, OnWritable};
use crate::handover::{Handover, StateWriter};
use crate::panics::{guard_status, guard_verdict, guard_void};
use crate::source::Discovery;
use crate::table::{plugin_of, verdict_hook, Probe};
use crate::text::Text;
use crate::tls::OnClientHello;

/// Of each extension the plugin's table, with NULL for what the plugin does not have.
pub struct Extensions {
    pub balancer: ffi::PluginBalancer,
    pub command: ffi::PluginCommand,
    pub config_source: ffi::PluginConfigSource,
    pub handler: ffi::PluginHandler,
    pub handover: ffi::PluginHandover,
    pub tls: ffi::PluginTls,
}

impl Extensions {
    /// Is there one that the plugin has?
    pub const fn any(&self) -> bool {
        self.balancer.pick.is_some()
            || self.command.run.is_some()
            || self.config_source.watch.is_some()
            || self.handler.on_handle.is_some()
            || self.handover.give.is_some()
            || self.tls.on_client_hello.is_some()
    }

    /// The table of an extension, or NULL where the plugin does not have it.
    ///
    /// # Safety
    /// `id` is a text of the host's.
    pub unsafe fn find(&'static self, id: ffi::Str) -> *const c_void {
        fn half<T>(has: bool, table: &'static T) -> *const c_void {
            if has {
                table as *const T as *const c_void
            } else {
                core::ptr::null()
            }
        }
        match Text::from_raw(id).to_utf8() {
            Some(ffi::EXT_BALANCER) => half(self.balancer.pick.is_some(), &self.balancer),
            Some(ffi::EXT_COMMAND) => half(self.command.run.is_some(), &self.command),
            Some(ffi::EXT_CONFIG_SOURCE) => half(self.config_source.watch.is_some(), &self.config_source),
            Some(ffi::EXT_HANDLER) => half(self.handler.on_handle.is_some(), &self.handler),
            Some(ffi::EXT_HANDOVER) => half(self.handover.give.is_some(), &self.handover),
            Some(ffi::EXT_TLS) => half(self.tls.on_client_hello.is_some(), &self.tls),
            _ => core::ptr::null(),
        }
    }
}

type VoidHook = Option<unsafe extern "C" fn(*mut c_void, u64)>;
type SetCreate = Option<unsafe extern "C" fn(*mut c_void, *const ffi::EndpointSet, u64, *mut *mut c_void) -> ffi::Status>;
type Pick = Option<unsafe extern "C" fn(*mut c_void, *mut c_void, u64, *mut u64) -> ffi::Status>;
type Watch = Option<unsafe extern "C" fn(*mut c_void, ffi::Str, u64, *mut *mut c_void) -> ffi::Status>;
type Give = Option<unsafe extern "C" fn(*mut c_void, u64, *mut u32) -> ffi::Status>;
type Take = Option<unsafe extern "C" fn(*mut c_void, u32, ffi::Str) -> ffi::Status>;
type Gone = Option<unsafe extern "C" fn(*mut c_void, *mut c_void)>;

/// What a type has of the extensions whose traits it does not implement: NULL.
pub trait NoExtensions {
    const SET_CREATE: SetCreate = None;
    const SET_DESTROY: Gone = None;
    const PICK: Pick = None;
    const WATCH: Watch = None;
    const UNWATCH: Gone = None;
    const GIVE: Give = None;
    const TAKE: Take = None;
    const ON_CLIENT_HELLO: Option<unsafe extern "C" fn(*mut c_void, u64) -> ffi::Verdict> = None;
    const COMMAND: Option<unsafe extern "C" fn(*const ffi::CommandCall) -> i32> = None;
    const ON_HANDLE: Option<unsafe extern "C" fn(*mut c_void, u64) -> ffi::Verdict> = None;
    const ON_HANDLE_BODY: Option<unsafe extern "C" fn(*mut c_void, u64, u32) -> ffi::Verdict> = None;
    const ON_WRITABLE: VoidHook = None;
    const ON_HANDLE_END: VoidHook = None;
}
impl<P> NoExtensions for Probe<P> {}

// SAFETY, of all functions below: the host calls them as their extension's header says: `instance` is what `create` made, views live until
// they return.

verdict_hook!(OnClientHello, ON_CLIENT_HELLO, on_client_hello, Connection);
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

impl<P: Balancer> Probe<P> {
    pub const SET_CREATE: SetCreate = Some(set_create::<P>);
    pub const SET_DESTROY: Gone = Some(set_destroy::<P>);
    pub const PICK: Pick = Some(pick::<P>);
}
unsafe extern "C" fn set_create<P: Balancer>(
    instance: *mut c_void,
    set: *const ffi::EndpointSet,
    config: u64,
    state: *mut *mut c_void,
) -> ffi::Status {
    guard_status(|| {
        let made = plugin_of::<P>(instance).set_create(Endpoints::from_raw(&*set), Config::new(config))?;
        *state = Box::into_raw(Box::new(made)) as *mut c_void;
        Ok(())
    })
}
unsafe extern "C" fn set_destroy<P: Balancer>(instance: *mut c_void, state: *mut c_void) {
    guard_void::<P>(instance, || drop(Box::from_raw(state as *mut P::Set)));
}
unsafe extern "C" fn pick<P: Balancer>(instance: *mut c_void, state: *mut c_void, x: u64, index: *mut u64) -> ffi::Status {
    let mut picked = None;
    let status = guard_status(|| {
        picked = plugin_of::<P>(instance).pick(&*(state as *const P::Set), &mut Exchange::new(x));
        Ok(())
    });
    match picked {
        Some(picked) => *index = picked as u64,
        None if status == ffi::OK => return ffi::NOT_FOUND,
        None => (),
    }
    status
}

impl<P: Discovery> Probe<P> {
    pub const WATCH: Watch = Some(watch::<P>);
    pub const UNWATCH: Gone = Some(unwatch::<P>);
}
unsafe extern "C" fn watch<P: Discovery>(instance: *mut c_void, cluster: ffi::Str, config: u64, watch: *mut *mut c_void) -> ffi::Status {
    guard_status(|| {
        let cluster = Text::from_raw(cluster).to_string_lossy();
        let made = plugin_of::<P>(instance).watch(&cluster, Config::new(config))?;
        *watch = Box::into_raw(Box::new(made)) as *mut c_void;
        Ok(())
    })
}
unsafe extern "C" fn unwatch<P: Discovery>(instance: *mut c_void, watch: *mut c_void) {
    guard_void::<P>(instance, || drop(Box::from_raw(watch as *mut P::Watch)));
}

impl<P: Handover> Probe<P> {
    pub const GIVE: Give = Some(give::<P>);
    pub const TAKE: Take = Some(take::<P>);
}
unsafe extern "C" fn give<P: Handover>(instance: *mut c_void, handover: u64, format: *mut u32) -> ffi::Status {
    let mut to = StateWriter::new(handover);
    let status = guard_status(|| plugin_of::<P>(instance).give_state(&mut to));
    *format = to.format;
    if status == ffi::OK && !to.written {
        return ffi::NOT_FOUND;
    }
    status
}
unsafe extern "C" fn take<P: Handover>(instance: *mut c_void, format: u32, bytes: ffi::Str) -> ffi::Status {
    let mut taken = false;
    let status = guard_status(|| {
        taken = plugin_of::<P>(instance).take_state(format, Text::from_raw(bytes).bytes())?;
        Ok(())
    });
    if status == ffi::OK && !taken {
        return ffi::UNSUPPORTED;
    }
    status
}
