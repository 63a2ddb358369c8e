//! From a type to the table: the functions that the host calls, and which of them a type has. For `plugin!` alone.

use core::any::TypeId;
use core::ffi::c_void;
use core::marker::PhantomData;

use crate::config::Config;
use crate::exchange::{AttemptEnd, Connection, Exchange};
use crate::ffi;
use crate::handle::Completion;
use crate::hooks::*;
use crate::panics::{guard_status, guard_verdict, guard_void};
use crate::text::Text;

/// What `instance` of every hook points to.
#[repr(C)]
struct Instance<P> {
    self_: u64,
    plugin: P,
}

/// # Safety
/// `instance` is what `create` of P made.
pub(crate) unsafe fn plugin_of<'a, P>(instance: *mut c_void) -> &'a P {
    &(*(instance as *const Instance<P>)).plugin
}

/// The handle of an instance that `create` of P made; 0 for NULL.
pub(crate) fn self_of<P>(instance: *mut c_void) -> u64 {
    if instance.is_null() {
        return 0;
    }
    // SAFETY: only the host's callbacks are called with an instance, and it was made by create.
    unsafe { (*(instance as *const Instance<P>)).self_ }
}

#[repr(C)]
struct RouteBox<R> {
    of: TypeId,
    route: R,
}

/// # Safety
/// `route` is what `route_create` made, and lives for `'a`.
pub(crate) unsafe fn route_of<'a, R: 'static>(route: *mut c_void) -> Option<&'a R> {
    if route.is_null() || *(route as *const TypeId) != TypeId::of::<R>() {
        return None;
    }
    Some(&(*(route as *const RouteBox<R>)).route)
}

/// Stands for a plugin's type, to be asked which hooks it has: a constant of its own where P has the trait, else that of `NoHooks`.
pub struct Probe<P>(PhantomData<P>);

type VerdictHook = Option<unsafe extern "C" fn(*mut c_void, u64) -> ffi::Verdict>;
type VerdictHookOf<T> = Option<unsafe extern "C" fn(*mut c_void, u64, T) -> ffi::Verdict>;
type VoidHook = Option<unsafe extern "C" fn(*mut c_void, u64)>;

/// What a type has of the hooks whose traits it does not implement: NULL.
pub trait NoHooks {
    const VALIDATE: Option<unsafe extern "C" fn(*const ffi::Create) -> ffi::Status> = None;
    const ROUTE_CREATE: Option<unsafe extern "C" fn(*mut c_void, u64, *mut *mut c_void) -> ffi::Status> = None;
    const ROUTE_DESTROY: Option<unsafe extern "C" fn(*mut c_void, *mut c_void)> = None;
    const WORKER_START: Option<unsafe extern "C" fn(*mut c_void, u32) -> ffi::Status> = None;
    const WORKER_STOP: Option<unsafe extern "C" fn(*mut c_void, u32)> = None;
    const ON_CONNECTION: VerdictHook = None;
    const ON_TLS: VerdictHook = None;
    const ON_CONNECTION_END: VoidHook = None;
    const ON_REQUEST: VerdictHook = None;
    const ON_ROUTE: VerdictHook = None;
    const ON_REQUEST_BODY: VerdictHookOf<u32> = None;
    const ON_REQUEST_TRAILERS: VerdictHook = None;
    const ON_ATTEMPT: VerdictHookOf<u32> = None;
    const ON_ATTEMPT_END: VerdictHookOf<*const ffi::AttemptEnd> = None;
    const ON_RESPONSE: VerdictHook = None;
    const ON_RESPONSE_BODY: VerdictHookOf<u32> = None;
    const ON_RESPONSE_TRAILERS: VerdictHook = None;
    const ON_REPLY: VerdictHook = None;
    const ON_END: VoidHook = None;
    const ON_EVENT: Option<unsafe extern "C" fn(*mut c_void, *const ffi::Event)> = None;
    const ON_DRAIN: VoidHook = None;
    const ON_SHUTDOWN: VoidHook = None;
}
impl<P> NoHooks for Probe<P> {}

// SAFETY, of all functions below: the host calls them as plugin.h says: `instance` is what `create` made, views live until they return.

pub unsafe extern "C" fn create<P: Plugin>(info: *const ffi::Create, instance: *mut *mut c_void) -> ffi::Status {
    guard_status(|| {
        let plugin = P::create(Create::new(&*info))?;
        *instance = Box::into_raw(Box::new(Instance { self_: (*info).self_, plugin })) as *mut c_void;
        Ok(())
    })
}

pub unsafe extern "C" fn destroy<P: Plugin>(instance: *mut c_void) {
    let self_ = self_of::<P>(instance);
    let mut gone = Instance { self_, plugin: () }; // names the instance for the log after it is gone
    guard_void::<()>(&mut gone as *mut Instance<()> as *mut c_void, || drop(Box::from_raw(instance as *mut Instance<P>)));
}

impl<P: Validate> Probe<P> {
    pub const VALIDATE: Option<unsafe extern "C" fn(*const ffi::Create) -> ffi::Status> = Some(validate::<P>);
}
unsafe extern "C" fn validate<P: Validate>(info: *const ffi::Create) -> ffi::Status {
    guard_status(|| P::validate(Create::new(&*info)))
}

impl<P: RouteConfig> Probe<P> {
    pub const ROUTE_CREATE: Option<unsafe extern "C" fn(*mut c_void, u64, *mut *mut c_void) -> ffi::Status> = Some(route_create::<P>);
    pub const ROUTE_DESTROY: Option<unsafe extern "C" fn(*mut c_void, *mut c_void)> = Some(route_destroy::<P>);
}
unsafe extern "C" fn route_create<P: RouteConfig>(instance: *mut c_void, config: u64, route: *mut *mut c_void) -> ffi::Status {
    guard_status(|| {
        let made = plugin_of::<P>(instance).route_create(Config::new(config))?;
        *route = Box::into_raw(Box::new(RouteBox { of: TypeId::of::<P::Route>(), route: made })) as *mut c_void;
        Ok(())
    })
}
unsafe extern "C" fn route_destroy<P: RouteConfig>(instance: *mut c_void, route: *mut c_void) {
    guard_void::<P>(instance, || drop(Box::from_raw(route as *mut RouteBox<P::Route>)));
}

impl<P: WorkerStart> Probe<P> {
    pub const WORKER_START: Option<unsafe extern "C" fn(*mut c_void, u32) -> ffi::Status> = Some(worker_start::<P>);
}
unsafe extern "C" fn worker_start<P: WorkerStart>(instance: *mut c_void, worker: u32) -> ffi::Status {
    guard_status(|| plugin_of::<P>(instance).worker_start(worker))
}

impl<P: WorkerStop> Probe<P> {
    pub const WORKER_STOP: Option<unsafe extern "C" fn(*mut c_void, u32)> = Some(worker_stop::<P>);
}
unsafe extern "C" fn worker_stop<P: WorkerStop>(instance: *mut c_void, worker: u32) {
    guard_void::<P>(instance, || plugin_of::<P>(instance).worker_stop(worker));
}

/// A hook with a verdict: of a subject, and what comes with it.
macro_rules! verdict_hook {
    ($Trait:ident, $CONST:ident, $hook:ident, $Subject:ident $(, $raw:ident: $Raw:ty => $more:expr)?) => {
        impl<P: $Trait> Probe<P> {
            pub const $CONST: Option<unsafe extern "C" fn(*mut c_void, u64 $(, $Raw)?) -> ffi::Verdict> = Some($hook::<P>);
        }
        unsafe extern "C" fn $hook<P: $Trait>(instance: *mut c_void, subject: u64 $(, $raw: $Raw)?) -> ffi::Verdict {
            guard_verdict(|| plugin_of::<P>(instance).$hook(&mut $Subject::new(subject) $(, $more)?))
        }
    };
}
pub(crate) use verdict_hook;

verdict_hook!(OnConnection, ON_CONNECTION, on_connection, Connection);
verdict_hook!(OnTls, ON_TLS, on_tls, Connection);
verdict_hook!(OnRequest, ON_REQUEST, on_request, Exchange);
verdict_hook!(OnRoute, ON_ROUTE, on_route, Exchange);
verdict_hook!(OnRequestBody, ON_REQUEST_BODY, on_request_body, Exchange, flags: u32 => flags & ffi::BODY_END != 0);
verdict_hook!(OnRequestTrailers, ON_REQUEST_TRAILERS, on_request_trailers, Exchange);
verdict_hook!(OnAttempt, ON_ATTEMPT, on_attempt, Exchange, attempt: u32 => attempt);
verdict_hook!(OnAttemptEnd, ON_ATTEMPT_END, on_attempt_end, Exchange, end: *const ffi::AttemptEnd => AttemptEnd::from_raw(&*end));
verdict_hook!(OnResponse, ON_RESPONSE, on_response, Exchange);
verdict_hook!(OnResponseBody, ON_RESPONSE_BODY, on_response_body, Exchange, flags: u32 => flags & ffi::BODY_END != 0);
verdict_hook!(OnResponseTrailers, ON_RESPONSE_TRAILERS, on_response_trailers, Exchange);
verdict_hook!(OnReply, ON_REPLY, on_reply, Exchange);

/// A hook without one, of a number that becomes the argument.
macro_rules! void_hook {
    ($Trait:ident, $CONST:ident, $hook:ident, $raw:ident => $argument:expr) => {
        impl<P: $Trait> Probe<P> {
            pub const $CONST: VoidHook = Some($hook::<P>);
        }
        unsafe extern "C" fn $hook<P: $Trait>(instance: *mut c_void, $raw: u64) {
            guard_void::<P>(instance, || plugin_of::<P>(instance).$hook($argument));
        }
    };
}

void_hook!(OnConnectionEnd, ON_CONNECTION_END, on_connection_end, connection => &mut Connection::new(connection));
void_hook!(OnEnd, ON_END, on_end, x => &mut Exchange::new(x));
void_hook!(OnDrain, ON_DRAIN, on_drain, completion => Completion(completion));
void_hook!(OnShutdown, ON_SHUTDOWN, on_shutdown, completion => Completion(completion));

impl<P: OnEvent> Probe<P> {
    pub const ON_EVENT: Option<unsafe extern "C" fn(*mut c_void, *const ffi::Event)> = Some(on_event::<P>);
}
unsafe extern "C" fn on_event<P: OnEvent>(instance: *mut c_void, event: *const ffi::Event) {
    guard_void::<P>(instance, || {
        let event = &*event;
        let told = Event { reopen: event.kind == ffi::EVENT_REOPEN, name: Text::from_raw(event.name), data: Text::from_raw(event.data) };
        plugin_of::<P>(instance).on_event(told);
    });
}

/// The body of `cleat_plugin_v1`.
///
/// # Safety
/// It is called by `cleat_plugin_v1`, with what the host called that with.
pub unsafe fn enter(host: *const ffi::Host, table: &'static ffi::Plugin) -> *const ffi::Plugin {
    if !crate::host::enter(host) {
        return core::ptr::null();
    }
    crate::panics::install();
    table
}

/// The ELF note: plugin.h, CLEAT_PLUGIN_NOTE.
#[repr(C, align(4))]
pub struct Note<const N: usize> {
    name_size: u32,
    text_size: u32,
    kind: u32,
    name: [u8; 8],
    body: [u8; N],
}

/// How long the note of a text is, with its NUL, in words of 4 bytes.
pub const fn note_size(text: &str) -> usize {
    (text.len() + 1 + 3) / 4 * 4
}

impl<const N: usize> Note<N> {
    /// The note of a text that begins with `name=` and whose lines all end with a newline.
    pub const fn new(text: &str) -> Note<N> {
        let bytes = text.as_bytes();
        assert!(
            bytes.len() > 5 && bytes[0] == b'n' && bytes[1] == b'a' && bytes[2] == b'm' && bytes[3] == b'e' && bytes[4] == b'=',
            "the note begins with name="
        );
        assert!(bytes[bytes.len() - 1] == b'\n', "every line of the note ends with \\n");
        let mut body = [0u8; N];
        let mut i = 0;
        while i < bytes.len() {
            body[i] = bytes[i];
            i += 1;
        }
        Note { name_size: 6, text_size: N as u32, kind: 1, name: *b"Cleat\0\0\0", body }
    }
}
