//! Plugins for the Cleat proxy in safe Rust, over its C ABI. A plugin is one type:
//!
//! ```
//! use cleat::{Create, Error, Exchange, Reply, Verdict};
//!
//! // Answers requests for one path here, passes all others by.
//! struct Teapot {
//!     path: String,
//! }
//!
//! impl cleat::Plugin for Teapot {
//!     fn create(create: Create<'_, Self>) -> Result<Self, Error> {
//!         Ok(Teapot { path: create.config().text_or("path", "/coffee") })
//!     }
//! }
//!
//! impl cleat::OnRequest for Teapot {
//!     fn on_request(&self, x: &mut Exchange<'_>) -> Verdict {
//!         if x.path() != self.path {
//!             return Verdict::Unsubscribe;
//!         }
//!         x.reply(Reply { status: 418, body: b"short and stout\n", reason: "teapot", ..Reply::default() })
//!     }
//! }
//!
//! cleat::plugin!(Teapot, "name=teapot\nversion=1.0.0\nrequires=cleat.config/1\nlicense=Apache-2.0\nabout=answers 418\n");
//! ```
//!
//! Built as a `cdylib` it is a file that `cleat run` loads. The hooks whose traits it implements are called; README.md has the rest.
//!
//! **Views.** What is read of an exchange borrows it, and what changes it borrows it alone: a view that would be kept too long does not
//! compile. Copy what must live.
//!
//! ```compile_fail
//! fn on_request(x: &mut cleat::Exchange<'_>) {
//!     let path = x.path();
//!     let _ = x.set_target("/other"); // changes what `path` is a view of
//!     println!("{path}");
//! }
//! ```
//!
//! **Panics** stop at the hook: a panic is [`Verdict::Fail`] with its words and place, and the operator's `on_failure` decides.
//!
//! **Threads.** All workers use the same value at the same time: hooks get `&self`.
#![warn(missing_docs)]

pub mod attribute;
mod balancer;
mod body;
mod call;
mod command;
mod config;
mod control;
mod events;
mod exchange;
#[doc(hidden)]
#[allow(missing_docs)]
pub mod extensions;
#[doc(hidden)]
pub mod ffi;
mod fields;
mod handle;
mod handler;
mod handover;
mod hooks;
mod host;
mod kv;
mod metadata;
mod metrics;
mod panics;
mod source;
mod status;
#[doc(hidden)]
#[allow(missing_docs)]
pub mod table;
mod text;
mod tls;

pub use balancer::{Balancer, Endpoint, Endpoints};
pub use body::{Body, BodyMut};
pub use call::{Answer, Call, CallEvent, CallHandle, CallHead};
pub use command::{Command, RunCommand};
pub use config::{Config, Kind};
pub use control::{log_level, process_state, ProcessState};
pub use exchange::{AttemptEnd, Connection, ConnectionId, Exchange, ExchangeId, How, Reply};
pub use fields::{Fields, FieldsMut};
pub use handle::{Completion, Handle, Level, Ticket, Timer};
pub use handler::{OnHandle, OnHandleBody, OnHandleEnd, OnWritable, ResponseWriter};
pub use handover::{Handover, StateWriter};
pub use hooks::*;
pub use host::{error_text, set_error, worker};
pub use kv::{Kv, KvValue};
pub use metadata::{Metadata, MetadataKey};
pub use metrics::{visit_metrics, Counter, Family, Gauge, Histogram, Metric, MetricKind, MetricView};
pub use source::{Committed, Discovery, Resource, SourceEndpoint, Transaction};
pub use status::{fail, Error, Status, Verdict};
pub use text::Text;
pub use tls::{HelloPart, OnClientHello};

/// The one line that makes a type a plugin: the note and the exported function. Once in a `cdylib`.
///
/// The text is lines of key=value, as `plugin_api/plugin.h` has them, each ended by `\n`, the first of them `name=`; abi and least are
/// added here. `env!` and `concat!` may be used in it. With `panic = "abort"` it does not compile.
#[macro_export]
macro_rules! plugin {
    ($type:ty, $note:expr) => {
        #[allow(unsafe_code)]
        const _: () = {
            #[cfg(panic = "abort")]
            compile_error!("a plugin needs panic = \"unwind\": with \"abort\" a panic of a hook would end the proxy");

            use $crate::extensions::NoExtensions as _;
            use $crate::table::NoHooks as _;
            type CleatProbe = $crate::table::Probe<$type>; // no name that a plugin's type has

            const TEXT: &str = concat!($note, "abi=0.9\nleast=0.9\n");
            #[used]
            #[link_section = ".note.cleat"]
            static NOTE: $crate::table::Note<{ $crate::table::note_size(TEXT) }> = $crate::table::Note::new(TEXT);

            const HAS: $crate::extensions::Extensions = $crate::extensions::Extensions {
                balancer: $crate::ffi::PluginBalancer {
                    size: ::core::mem::size_of::<$crate::ffi::PluginBalancer>() as u32,
                    reserved: 0,
                    set_create: CleatProbe::SET_CREATE,
                    set_destroy: CleatProbe::SET_DESTROY,
                    pick: CleatProbe::PICK,
                },
                command: $crate::ffi::PluginCommand {
                    size: ::core::mem::size_of::<$crate::ffi::PluginCommand>() as u32,
                    reserved: 0,
                    run: CleatProbe::COMMAND,
                },
                config_source: $crate::ffi::PluginConfigSource {
                    size: ::core::mem::size_of::<$crate::ffi::PluginConfigSource>() as u32,
                    reserved: 0,
                    watch: CleatProbe::WATCH,
                    unwatch: CleatProbe::UNWATCH,
                },
                handler: $crate::ffi::PluginHandler {
                    size: ::core::mem::size_of::<$crate::ffi::PluginHandler>() as u32,
                    reserved: 0,
                    on_handle: CleatProbe::ON_HANDLE,
                    on_handle_body: CleatProbe::ON_HANDLE_BODY,
                    on_writable: CleatProbe::ON_WRITABLE,
                    on_handle_end: CleatProbe::ON_HANDLE_END,
                },
                handover: $crate::ffi::PluginHandover {
                    size: ::core::mem::size_of::<$crate::ffi::PluginHandover>() as u32,
                    reserved: 0,
                    give: CleatProbe::GIVE,
                    take: CleatProbe::TAKE,
                },
                tls: $crate::ffi::PluginTls {
                    size: ::core::mem::size_of::<$crate::ffi::PluginTls>() as u32,
                    reserved: 0,
                    on_client_hello: CleatProbe::ON_CLIENT_HELLO,
                },
            };
            static EXTENSIONS: $crate::extensions::Extensions = HAS;
            unsafe extern "C" fn find(id: $crate::ffi::Str) -> *const ::core::ffi::c_void {
                // SAFETY: the host calls it, with an id of its own.
                unsafe { EXTENSIONS.find(id) }
            }

            static TABLE: $crate::ffi::Plugin = $crate::ffi::Plugin {
                size: ::core::mem::size_of::<$crate::ffi::Plugin>() as u32,
                abi: $crate::ffi::ABI_0_9,
                find: if HAS.any() { Some(find) } else { None },
                create: Some($crate::table::create::<$type>),
                validate: CleatProbe::VALIDATE,
                destroy: Some($crate::table::destroy::<$type>),
                route_create: CleatProbe::ROUTE_CREATE,
                route_destroy: CleatProbe::ROUTE_DESTROY,
                worker_start: CleatProbe::WORKER_START,
                worker_stop: CleatProbe::WORKER_STOP,
                on_connection: CleatProbe::ON_CONNECTION,
                on_tls: CleatProbe::ON_TLS,
                on_connection_end: CleatProbe::ON_CONNECTION_END,
                on_request: CleatProbe::ON_REQUEST,
                on_route: CleatProbe::ON_ROUTE,
                on_request_body: CleatProbe::ON_REQUEST_BODY,
                on_request_trailers: CleatProbe::ON_REQUEST_TRAILERS,
                on_attempt: CleatProbe::ON_ATTEMPT,
                on_attempt_end: CleatProbe::ON_ATTEMPT_END,
                on_response: CleatProbe::ON_RESPONSE,
                on_response_body: CleatProbe::ON_RESPONSE_BODY,
                on_response_trailers: CleatProbe::ON_RESPONSE_TRAILERS,
                on_reply: CleatProbe::ON_REPLY,
                on_end: CleatProbe::ON_END,
                on_event: CleatProbe::ON_EVENT,
                on_drain: CleatProbe::ON_DRAIN,
                on_shutdown: CleatProbe::ON_SHUTDOWN,
            };

            #[no_mangle]
            extern "C" fn cleat_plugin_v1(host: *const $crate::ffi::Host) -> *const $crate::ffi::Plugin {
                // SAFETY: the host calls it, once, with its table.
                unsafe { $crate::table::enter(host, &TABLE) }
            }
        };
    };
}
