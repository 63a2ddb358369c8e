//! What a plugin is: a type that implements [`Plugin`], and the trait of each hook it wants to be called for. A hook whose trait it does
//! not implement is NULL in the table, and costs nothing. Hooks of one exchange run one at a time on one worker, different exchanges on
//! different workers at the same time: what hooks change is atomic, or behind a lock that is held for a moment.

use core::marker::PhantomData;

use crate::config::Config;
use crate::exchange::{AttemptEnd, Connection, Exchange};
use crate::ffi;
use crate::handle::{Completion, Handle};
use crate::status::{Error, Verdict};
use crate::text::Text;

/// What an instance is made of, on the control thread.
pub struct Create<'call, P> {
    info: &'call ffi::Create,
    of: PhantomData<fn(P)>,
}

impl<'call, P> Create<'call, P> {
    pub(crate) fn new(info: &'call ffi::Create) -> Create<'call, P> {
        Create { info, of: PhantomData }
    }
    pub(crate) fn instance(&self) -> u64 {
        self.info.self_
    }
    /// The instance's name in the configuration.
    pub fn name(&self) -> Text<'call> {
        // SAFETY: it lives as long as the call.
        unsafe { Text::from_raw(self.info.name) }
    }
    /// Its `config:`; a null node if absent.
    pub fn config(&self) -> Config<'call> {
        Config::new(self.info.config)
    }
    /// How many workers there are.
    pub fn workers(&self) -> u32 {
        self.info.workers
    }
    /// What names the instance in calls to the host: to be kept.
    pub fn handle(&self) -> Handle<P> {
        Handle { instance: self.info.self_, of: PhantomData }
    }
}

/// A plugin: one value for each instance of the configuration, in each generation of it. Dropped on the control thread, as the last of it.
pub trait Plugin: Sized + Send + Sync + 'static {
    /// Reads the configuration and makes the instance. An Err, a panic, and every error recorded in the configuration, refuse the load.
    fn create(create: Create<'_, Self>) -> Result<Self, Error>;
}

/// The checks of [`Plugin::create`] without its effects. Without this trait the host creates and drops.
pub trait Validate: Plugin {
    /// Is the configuration good?
    fn validate(create: Create<'_, Self>) -> Result<(), Error>;
}

/// Routes may say something of their own to the plugin (`plugins: {name: ...}`): [`Exchange::route`] finds it.
pub trait RouteConfig: Plugin {
    /// What is made of it.
    type Route: Send + Sync + 'static;
    /// Reads what a route says. Control thread; as [`Plugin::create`].
    fn route_create(&self, config: Config<'_>) -> Result<Self::Route, Error>;
}

/// Each worker, before any hook there.
pub trait WorkerStart: Plugin {
    /// Worker number `worker` starts. An Err refuses the load.
    fn worker_start(&self, worker: u32) -> Result<(), Error>;
}

/// Each worker, after every hook there.
pub trait WorkerStop: Plugin {
    /// Worker number `worker` is done with this instance.
    fn worker_stop(&self, worker: u32);
}

/// Called when timers fire that [`Handle::arm`], `arm_connection` and `arm_worker` have set; each may be armed anew inside.
pub trait OnTimer: Plugin {
    /// A timer of an exchange.
    fn on_timer(&self, x: &mut Exchange<'_>, token: usize) {
        let _ = (x, token);
    }
    /// A timer of a connection.
    fn on_connection_timer(&self, connection: &mut Connection<'_>, token: usize) {
        let _ = (connection, token);
    }
    /// A timer of a worker.
    fn on_worker_timer(&self, token: usize) {
        let _ = token;
    }
}

macro_rules! hook {
    ($(#[$about:meta])* $Trait:ident, $(#[$what:meta])* fn $hook:ident(&self $(, $argument:ident: $Type:ty)*) $(-> $Answer:ty)?) => {
        $(#[$about])*
        pub trait $Trait: Plugin {
            $(#[$what])*
            fn $hook(&self $(, $argument: $Type)*) $(-> $Answer)?;
        }
    };
}

hook! {
    /// A downstream connection was accepted; nothing is read yet.
    OnConnection,
    /// Replied closes it.
    fn on_connection(&self, connection: &mut Connection<'_>) -> Verdict
}
hook! {
    /// A TLS handshake is done: attributes have the peer. Not called for plain connections.
    OnTls,
    /// Replied closes the connection.
    fn on_tls(&self, connection: &mut Connection<'_>) -> Verdict
}
hook! {
    /// A connection is closed: once for each on_connection.
    OnConnectionEnd,
    /// The last of this connection.
    fn on_connection_end(&self, connection: &mut Connection<'_>)
}
hook! {
    /// The request's head is complete, its target normalised.
    OnRequest,
    /// What must be known before a route is chosen: rewrites, early replies.
    fn on_request(&self, x: &mut Exchange<'_>) -> Verdict
}
hook! {
    /// The route is chosen, and its own configuration readable.
    OnRoute,
    /// Authentication, quotas, rules for fields; another cluster, another route.
    fn on_route(&self, x: &mut Exchange<'_>) -> Verdict
}
hook! {
    /// A piece of the request's body, or all of it, where [`Exchange::request_body`] was asked for it.
    OnRequestBody,
    /// `last`: no more data follows; trailers may.
    fn on_request_body(&self, x: &mut Exchange<'_>, last: bool) -> Verdict
}
hook! {
    /// The request's trailers, if there are any.
    OnRequestTrailers,
    /// They are complete.
    fn on_request_trailers(&self, x: &mut Exchange<'_>) -> Verdict
}
hook! {
    /// Before each attempt upstream, and before an endpoint is chosen.
    OnAttempt,
    /// `attempt`: 1 for the first. What is changed of the request's head stays for later ones.
    fn on_attempt(&self, x: &mut Exchange<'_>, attempt: u32) -> Verdict
}
hook! {
    /// An attempt failed, or its response's head is here.
    OnAttemptEnd,
    /// [`Exchange::retry`] makes another.
    fn on_attempt_end(&self, x: &mut Exchange<'_>, end: AttemptEnd) -> Verdict
}
hook! {
    /// The response's head is here, from whomever.
    OnResponse,
    /// It can be read and changed.
    fn on_response(&self, x: &mut Exchange<'_>) -> Verdict
}
hook! {
    /// A piece of the response's body, or all of it, where [`Exchange::response_body`] was asked for it.
    OnResponseBody,
    /// `last`: no more data follows; trailers may.
    fn on_response_body(&self, x: &mut Exchange<'_>, last: bool) -> Verdict
}
hook! {
    /// The response's trailers, if there are any.
    OnResponseTrailers,
    /// They are complete.
    fn on_response_trailers(&self, x: &mut Exchange<'_>) -> Verdict
}
hook! {
    /// A reply made here is about to be sent; its on_response follows.
    OnReply,
    /// It can be read and changed.
    fn on_reply(&self, x: &mut Exchange<'_>) -> Verdict
}
hook! {
    /// An exchange ended: exactly once, however it ended, also for a request that was refused before on_request.
    OnEnd,
    /// The last of this exchange.
    fn on_end(&self, x: &mut Exchange<'_>)
}
hook! {
    /// Something happened to the process. Control thread.
    OnEvent,
    /// Log files are to be opened anew, or a named event.
    fn on_event(&self, event: Event<'_>)
}
hook! {
    /// No new work comes. Control thread.
    OnDrain,
    /// Call [`Completion::done`] when idle.
    fn on_drain(&self, completion: Completion)
}
hook! {
    /// The last chance to flush. Control thread.
    OnShutdown,
    /// Call [`Completion::done`] when it is done.
    fn on_shutdown(&self, completion: Completion)
}

/// An event of the process.
#[derive(Clone, Copy, Debug)]
pub struct Event<'call> {
    /// Log files have been moved away, open them anew (SIGUSR1). If not, it is one that the plugin subscribed to.
    pub reopen: bool,
    /// Its name.
    pub name: Text<'call>,
    /// What comes with it.
    pub data: Text<'call>,
}
