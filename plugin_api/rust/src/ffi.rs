//! The C ABI as it is: `plugin_api/*.h` by hand, checked against `plugin_api/v1.layout` by `tests/layout.rs`. Members, sizes and
//! meanings are the headers'; names lose their `cleat_` and `CLEAT_`. Not for plugins to use.
#![allow(missing_docs)]

use core::ffi::c_void;

pub type Status = i32;
pub type Verdict = u32;

pub type TimerFn = Option<unsafe extern "C" fn(*mut c_void, u64, *mut c_void)>;
pub type PostFn = Option<unsafe extern "C" fn(*mut c_void, Status, u64, *mut c_void)>;
pub type CallFn = Option<unsafe extern "C" fn(*mut c_void, u64, u64, *const CallEvent, *mut c_void)>;
pub type VisitFn = Option<unsafe extern "C" fn(*mut c_void, *const MetricView)>;
pub type ControlFn = Option<unsafe extern "C" fn(*mut c_void, Status, Str, *mut c_void)>;
pub type CommitFn = Option<unsafe extern "C" fn(*mut c_void, Status, u64, Str, *mut c_void)>;

pub const EXT_ATTRIBUTES: &str = "cleat.attributes/1";
pub const EXT_BALANCER: &str = "cleat.balancer/1";
pub const EXT_BODY: &str = "cleat.body/1";
pub const EXT_COMMAND: &str = "cleat.command/1";
pub const EXT_CONFIG: &str = "cleat.config/1";
pub const EXT_CONFIG_SOURCE: &str = "cleat.config_source/1";
pub const EXT_CONTROL: &str = "cleat.control/1";
pub const EXT_EVENTS: &str = "cleat.events/1";
pub const EXT_HANDLER: &str = "cleat.handler/1";
pub const EXT_HANDOVER: &str = "cleat.handover/1";
pub const EXT_HTTP_CALL: &str = "cleat.http_call/1";
pub const EXT_KV: &str = "cleat.kv/1";
pub const EXT_METADATA: &str = "cleat.metadata/1";
pub const EXT_METRICS: &str = "cleat.metrics/1";
pub const EXT_POST: &str = "cleat.post/1";
pub const EXT_TIMER: &str = "cleat.timer/1";
pub const EXT_TLS: &str = "cleat.tls/1";

pub const ABI_0_9: u32 = 9;
pub const OK: i32 = 0;
pub const STALE: i32 = -1;
pub const INVALID: i32 = -2;
pub const NOT_FOUND: i32 = -3;
pub const TOO_SMALL: i32 = -4;
pub const LIMIT: i32 = -5;
pub const WRONG_PHASE: i32 = -6;
pub const WRONG_THREAD: i32 = -7;
pub const UNSUPPORTED: i32 = -8;
pub const FAILED: i32 = -9;
pub const CONTINUE: u32 = 0;
pub const REPLIED: u32 = 1;
pub const SUSPEND: u32 = 2;
pub const FAIL: u32 = 3;
pub const UNSUBSCRIBE: u32 = 4;
pub const REQUEST: u32 = 0;
pub const RESPONSE: u32 = 1;
pub const REQUEST_TRAILERS: u32 = 2;
pub const RESPONSE_TRAILERS: u32 = 3;
pub const METHOD: u32 = 1;
pub const SCHEME: u32 = 2;
pub const AUTHORITY: u32 = 3;
pub const TARGET: u32 = 4;
pub const PATH: u32 = 5;
pub const QUERY: u32 = 6;
pub const DEBUG: u32 = 0;
pub const INFO: u32 = 1;
pub const WARN: u32 = 2;
pub const ERROR: u32 = 3;
pub const END_RESPONSE: u32 = 0;
pub const END_CONNECT_FAILED: u32 = 1;
pub const END_CONNECT_TIMEOUT: u32 = 2;
pub const END_RESET: u32 = 3;
pub const END_TIMEOUT: u32 = 4;
pub const END_MALFORMED: u32 = 5;
pub const END_NO_ENDPOINT: u32 = 6;
pub const END_OVERFLOW: u32 = 7;
pub const ATTEMPT_CAN_RETRY: u32 = 1;
pub const ATTEMPT_UNSENT: u32 = 2;
pub const RETRY_OTHER_ENDPOINT: u32 = 1;
pub const EVENT_REOPEN: u32 = 1;
pub const EVENT_NAMED: u32 = 2;
pub const BODY_END: u32 = 1;
pub const BODY_NONE: u32 = 0;
pub const BODY_STREAM: u32 = 1;
pub const BODY_WHOLE: u32 = 2;
pub const CONFIG_NULL: u32 = 0;
pub const CONFIG_SCALAR: u32 = 1;
pub const CONFIG_LIST: u32 = 2;
pub const CONFIG_MAP: u32 = 3;
pub const CALL_DONE: u32 = 1;
pub const CALL_FAILED: u32 = 2;
pub const CALL_STREAM: u32 = 1;
pub const CALL_STREAM_BODY: u32 = 2;
pub const CALL_HEAD: u32 = 3;
pub const CALL_DATA: u32 = 4;
pub const CALL_WRITABLE: u32 = 5;
pub const CALL_CANCELLED: u32 = 64;
pub const CALL_TOO_LARGE: u32 = 65;
pub const METADATA_TEXT: u32 = 1;
pub const METADATA_INTEGER: u32 = 2;
pub const METADATA_NUMBER: u32 = 3;
pub const COUNTER: u32 = 1;
pub const GAUGE: u32 = 2;
pub const HISTOGRAM: u32 = 3;
pub const POST_CONTROL: u32 = 4294967295;
pub const KV_PLUGIN: u32 = 1;
pub const STREAM_OUT: u32 = 1;
pub const STREAM_ERROR: u32 = 2;
pub const STATE_STARTING: u32 = 0;
pub const STATE_SERVING: u32 = 1;
pub const STATE_DRAINING: u32 = 2;
pub const STATE_STOPPING: u32 = 3;
pub const SOURCE_LISTENER: u32 = 1;
pub const SOURCE_ROUTE_TABLE: u32 = 2;
pub const SOURCE_CLUSTER: u32 = 3;
pub const SOURCE_SECRET: u32 = 4;
pub const SOURCE_REPLACE: u32 = 1;
pub const SOURCE_UNHEALTHY: u32 = 1;
pub const TLS_VERSION: u32 = 1;
pub const TLS_CIPHERS: u32 = 2;
pub const TLS_EXTENSIONS: u32 = 3;
pub const TLS_SERVER_NAME: u32 = 4;
pub const TLS_ALPN: u32 = 5;

#[repr(C)]
#[derive(Clone, Copy)]
pub struct Str {
    pub data: *const u8,
    pub size: u64,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct Header {
    pub name: Str,
    pub value: Str,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct Reply {
    pub size: u32,
    pub status: u32,
    pub headers: *const Header,
    pub header_count: u64,
    pub body: Str,
    pub reason: Str,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct AttemptEnd {
    pub size: u32,
    pub attempt: u32,
    pub how: u32,
    pub status: u32,
    pub flags: u32,
    pub reserved: u32,
    pub elapsed_us: u64,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct Retry {
    pub size: u32,
    pub flags: u32,
    pub delay_ms: u64,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct Event {
    pub size: u32,
    pub kind: u32,
    pub name: Str,
    pub data: Str,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct Host {
    pub size: u32,
    pub abi: u32,
    pub name: Str,
    pub version: Str,
    pub find: Option<unsafe extern "C" fn(Str) -> *const c_void>,
    pub log: Option<unsafe extern "C" fn(u64, u32, Str) -> Status>,
    pub error_text: Option<unsafe extern "C" fn(*mut u8, u64, *mut u64) -> Status>,
    pub set_error: Option<unsafe extern "C" fn(Str) -> Status>,
    pub worker_index: Option<unsafe extern "C" fn(*mut u32) -> Status>,
    pub header_get: Option<unsafe extern "C" fn(u64, u32, Str, u64, *mut Str) -> Status>,
    pub header_count: Option<unsafe extern "C" fn(u64, u32, *mut u64) -> Status>,
    pub header_at: Option<unsafe extern "C" fn(u64, u32, u64, *mut Header) -> Status>,
    pub header_set: Option<unsafe extern "C" fn(u64, u32, Str, Str) -> Status>,
    pub header_add: Option<unsafe extern "C" fn(u64, u32, Str, Str) -> Status>,
    pub header_remove: Option<unsafe extern "C" fn(u64, u32, Str) -> Status>,
    pub field_get: Option<unsafe extern "C" fn(u64, u32, *mut Str) -> Status>,
    pub field_set: Option<unsafe extern "C" fn(u64, u32, Str) -> Status>,
    pub status_get: Option<unsafe extern "C" fn(u64, *mut u32) -> Status>,
    pub status_set: Option<unsafe extern "C" fn(u64, u32) -> Status>,
    pub exchange_state: Option<unsafe extern "C" fn(u64, u64, *mut *mut c_void) -> Status>,
    pub route_config: Option<unsafe extern "C" fn(u64, *mut *mut c_void) -> Status>,
    pub reply: Option<unsafe extern "C" fn(u64, *const Reply) -> Status>,
    pub reset: Option<unsafe extern "C" fn(u64) -> Status>,
    pub reroute: Option<unsafe extern "C" fn(u64) -> Status>,
    pub cluster_set: Option<unsafe extern "C" fn(u64, Str) -> Status>,
    pub attempt_timeout: Option<unsafe extern "C" fn(u64, u64) -> Status>,
    pub retry: Option<unsafe extern "C" fn(u64, *const Retry) -> Status>,
    pub suspend: Option<unsafe extern "C" fn(u64, *mut u64) -> Status>,
    pub resume: Option<unsafe extern "C" fn(u64, Verdict) -> Status>,
    pub complete: Option<unsafe extern "C" fn(u64) -> Status>,
    pub exchange_timeout: Option<unsafe extern "C" fn(u64, u64) -> Status>,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct Create {
    pub size: u32,
    pub workers: u32,
    pub self_: u64,
    pub name: Str,
    pub config: u64,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct Plugin {
    pub size: u32,
    pub abi: u32,
    pub find: Option<unsafe extern "C" fn(Str) -> *const c_void>,
    pub create: Option<unsafe extern "C" fn(*const Create, *mut *mut c_void) -> Status>,
    pub validate: Option<unsafe extern "C" fn(*const Create) -> Status>,
    pub destroy: Option<unsafe extern "C" fn(*mut c_void)>,
    pub route_create: Option<unsafe extern "C" fn(*mut c_void, u64, *mut *mut c_void) -> Status>,
    pub route_destroy: Option<unsafe extern "C" fn(*mut c_void, *mut c_void)>,
    pub worker_start: Option<unsafe extern "C" fn(*mut c_void, u32) -> Status>,
    pub worker_stop: Option<unsafe extern "C" fn(*mut c_void, u32)>,
    pub on_connection: Option<unsafe extern "C" fn(*mut c_void, u64) -> Verdict>,
    pub on_tls: Option<unsafe extern "C" fn(*mut c_void, u64) -> Verdict>,
    pub on_connection_end: Option<unsafe extern "C" fn(*mut c_void, u64)>,
    pub on_request: Option<unsafe extern "C" fn(*mut c_void, u64) -> Verdict>,
    pub on_route: Option<unsafe extern "C" fn(*mut c_void, u64) -> Verdict>,
    pub on_request_body: Option<unsafe extern "C" fn(*mut c_void, u64, u32) -> Verdict>,
    pub on_request_trailers: Option<unsafe extern "C" fn(*mut c_void, u64) -> Verdict>,
    pub on_attempt: Option<unsafe extern "C" fn(*mut c_void, u64, u32) -> Verdict>,
    pub on_attempt_end: Option<unsafe extern "C" fn(*mut c_void, u64, *const AttemptEnd) -> Verdict>,
    pub on_response: Option<unsafe extern "C" fn(*mut c_void, u64) -> Verdict>,
    pub on_response_body: Option<unsafe extern "C" fn(*mut c_void, u64, u32) -> Verdict>,
    pub on_response_trailers: Option<unsafe extern "C" fn(*mut c_void, u64) -> Verdict>,
    pub on_reply: Option<unsafe extern "C" fn(*mut c_void, u64) -> Verdict>,
    pub on_end: Option<unsafe extern "C" fn(*mut c_void, u64)>,
    pub on_event: Option<unsafe extern "C" fn(*mut c_void, *const Event)>,
    pub on_drain: Option<unsafe extern "C" fn(*mut c_void, u64)>,
    pub on_shutdown: Option<unsafe extern "C" fn(*mut c_void, u64)>,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct HostAttributes {
    pub size: u32,
    pub reserved: u32,
    pub text: Option<unsafe extern "C" fn(u64, u32, *mut Str) -> Status>,
    pub integer: Option<unsafe extern "C" fn(u64, u32, *mut i64) -> Status>,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct HostBody {
    pub size: u32,
    pub reserved: u32,
    pub subscribe: Option<unsafe extern "C" fn(u64, u32, u32, u64) -> Status>,
    pub view: Option<unsafe extern "C" fn(u64, u32, *mut Str) -> Status>,
    pub append: Option<unsafe extern "C" fn(u64, u32, Str) -> Status>,
    pub prepend: Option<unsafe extern "C" fn(u64, u32, Str) -> Status>,
    pub replace: Option<unsafe extern "C" fn(u64, u32, Str) -> Status>,
    pub drain: Option<unsafe extern "C" fn(u64, u32, u64) -> Status>,
    pub keep_for_replay: Option<unsafe extern "C" fn(u64, u64) -> Status>,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct HostConfig {
    pub size: u32,
    pub reserved: u32,
    pub type_: Option<unsafe extern "C" fn(u64, *mut u32) -> Status>,
    pub get: Option<unsafe extern "C" fn(u64, Str, *mut u64) -> Status>,
    pub count: Option<unsafe extern "C" fn(u64, *mut u64) -> Status>,
    pub at: Option<unsafe extern "C" fn(u64, u64, *mut Str, *mut u64) -> Status>,
    pub text: Option<unsafe extern "C" fn(u64, *mut Str) -> Status>,
    pub integer: Option<unsafe extern "C" fn(u64, i64, i64, *mut i64) -> Status>,
    pub number: Option<unsafe extern "C" fn(u64, *mut f64) -> Status>,
    pub boolean: Option<unsafe extern "C" fn(u64, *mut u32) -> Status>,
    pub duration_ms: Option<unsafe extern "C" fn(u64, *mut u64) -> Status>,
    pub bytes: Option<unsafe extern "C" fn(u64, *mut u64) -> Status>,
    pub json: Option<unsafe extern "C" fn(u64, *mut Str) -> Status>,
    pub error: Option<unsafe extern "C" fn(u64, Str) -> Status>,
    pub path: Option<unsafe extern "C" fn(u64, *mut Str) -> Status>,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct CallRequest {
    pub size: u32,
    pub flags: u32,
    pub cluster: Str,
    pub method: Str,
    pub target: Str,
    pub authority: Str,
    pub headers: *const Header,
    pub header_count: u64,
    pub body: Str,
    pub timeout_ms: u64,
    pub body_max: u64,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct CallEvent {
    pub size: u32,
    pub kind: u32,
    pub how: u32,
    pub status: u32,
    pub headers: *const Header,
    pub header_count: u64,
    pub body: Str,
    pub trailers: *const Header,
    pub trailer_count: u64,
    pub reason: Str,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct HostHttpCall {
    pub size: u32,
    pub reserved: u32,
    pub start: Option<unsafe extern "C" fn(u64, u64, *const CallRequest, CallFn, *mut c_void, *mut u64) -> Status>,
    pub write: Option<unsafe extern "C" fn(u64, Str, *mut u64) -> Status>,
    pub finish: Option<unsafe extern "C" fn(u64, *const Header, u64) -> Status>,
    pub pause: Option<unsafe extern "C" fn(u64, u32) -> Status>,
    pub cancel: Option<unsafe extern "C" fn(u64) -> Status>,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct HostMetadata {
    pub size: u32,
    pub reserved: u32,
    pub key: Option<unsafe extern "C" fn(Str, *mut u32) -> Status>,
    pub set_text: Option<unsafe extern "C" fn(u64, u32, Str) -> Status>,
    pub set_integer: Option<unsafe extern "C" fn(u64, u32, i64) -> Status>,
    pub set_number: Option<unsafe extern "C" fn(u64, u32, f64) -> Status>,
    pub get_text: Option<unsafe extern "C" fn(u64, u32, *mut Str) -> Status>,
    pub get_integer: Option<unsafe extern "C" fn(u64, u32, *mut i64) -> Status>,
    pub get_number: Option<unsafe extern "C" fn(u64, u32, *mut f64) -> Status>,
    pub type_: Option<unsafe extern "C" fn(u64, u32, *mut u32) -> Status>,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct MetricDef {
    pub size: u32,
    pub kind: u32,
    pub name: Str,
    pub help: Str,
    pub labels: *const Str,
    pub label_count: u64,
    pub bounds: *const u64,
    pub bound_count: u64,
    pub series_max: u64,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct MetricView {
    pub size: u32,
    pub kind: u32,
    pub name: Str,
    pub help: Str,
    pub labels: *const Header,
    pub label_count: u64,
    pub value: i64,
    pub bounds: *const u64,
    pub buckets: *const u64,
    pub bound_count: u64,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct HostMetrics {
    pub size: u32,
    pub reserved: u32,
    pub define: Option<unsafe extern "C" fn(u64, *const MetricDef, *mut u64) -> Status>,
    pub series: Option<unsafe extern "C" fn(u64, *const Str, u64, *mut u64) -> Status>,
    pub add: Option<unsafe extern "C" fn(u64, i64) -> Status>,
    pub observe: Option<unsafe extern "C" fn(u64, u64) -> Status>,
    pub visit: Option<unsafe extern "C" fn(VisitFn, *mut c_void) -> Status>,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct HostPost {
    pub size: u32,
    pub reserved: u32,
    pub post: Option<unsafe extern "C" fn(u64, u64, PostFn, *mut c_void) -> Status>,
    pub post_worker: Option<unsafe extern "C" fn(u64, u32, PostFn, *mut c_void) -> Status>,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct HostTimer {
    pub size: u32,
    pub reserved: u32,
    pub arm: Option<unsafe extern "C" fn(u64, u64, u64, TimerFn, *mut c_void, *mut u64) -> Status>,
    pub rearm: Option<unsafe extern "C" fn(u64, u64) -> Status>,
    pub cancel: Option<unsafe extern "C" fn(u64) -> Status>,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct Endpoint {
    pub size: u32,
    pub weight: u32,
    pub address: Str,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct EndpointSet {
    pub size: u32,
    pub reserved: u32,
    pub cluster: u64,
    pub cluster_name: Str,
    pub endpoints: *const Endpoint,
    pub endpoint_count: u64,
    pub endpoint_stride: u64,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct PluginBalancer {
    pub size: u32,
    pub reserved: u32,
    pub set_create: Option<unsafe extern "C" fn(*mut c_void, *const EndpointSet, u64, *mut *mut c_void) -> Status>,
    pub set_destroy: Option<unsafe extern "C" fn(*mut c_void, *mut c_void)>,
    pub pick: Option<unsafe extern "C" fn(*mut c_void, *mut c_void, u64, *mut u64) -> Status>,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct HostBalancer {
    pub size: u32,
    pub reserved: u32,
    pub in_flight: Option<unsafe extern "C" fn(u64, u64, *mut u64) -> Status>,
    pub health_get: Option<unsafe extern "C" fn(u64, u64, *mut u32) -> Status>,
    pub health_set: Option<unsafe extern "C" fn(u64, u64, u32) -> Status>,
    pub tried: Option<unsafe extern "C" fn(u64, u64, *mut u32) -> Status>,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct CommandCall {
    pub size: u32,
    pub reserved: u32,
    pub word: Str,
    pub arguments: *const Str,
    pub argument_count: u64,
    pub write: Option<unsafe extern "C" fn(u32, Str) -> Status>,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct PluginCommand {
    pub size: u32,
    pub reserved: u32,
    pub run: Option<unsafe extern "C" fn(*const CommandCall) -> i32>,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct SourceEndpoint {
    pub size: u32,
    pub weight: u32,
    pub address: Str,
    pub flags: u32,
    pub reserved: u32,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct HostConfigSource {
    pub size: u32,
    pub reserved: u32,
    pub begin: Option<unsafe extern "C" fn(u64, u32, *mut u64) -> Status>,
    pub stage: Option<unsafe extern "C" fn(u64, u32, Str, Str) -> Status>,
    pub remove: Option<unsafe extern "C" fn(u64, u32, Str) -> Status>,
    pub commit: Option<unsafe extern "C" fn(u64, CommitFn, *mut c_void) -> Status>,
    pub abandon: Option<unsafe extern "C" fn(u64) -> Status>,
    pub endpoints: Option<unsafe extern "C" fn(u64, Str, *const SourceEndpoint, u64, u64) -> Status>,
    pub version: Option<unsafe extern "C" fn(u64, *mut u64) -> Status>,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct PluginConfigSource {
    pub size: u32,
    pub reserved: u32,
    pub watch: Option<unsafe extern "C" fn(*mut c_void, Str, u64, *mut *mut c_void) -> Status>,
    pub unwatch: Option<unsafe extern "C" fn(*mut c_void, *mut c_void)>,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct HostControl {
    pub size: u32,
    pub reserved: u32,
    pub state: Option<unsafe extern "C" fn(*mut u32) -> Status>,
    pub reload: Option<unsafe extern "C" fn(u64, ControlFn, *mut c_void) -> Status>,
    pub drain: Option<unsafe extern "C" fn(u64) -> Status>,
    pub restore: Option<unsafe extern "C" fn(u64, Str, ControlFn, *mut c_void) -> Status>,
    pub log_level_get: Option<unsafe extern "C" fn(*mut u32) -> Status>,
    pub log_level_set: Option<unsafe extern "C" fn(u64, u32) -> Status>,
    pub describe: Option<unsafe extern "C" fn(u64, Str, ControlFn, *mut c_void) -> Status>,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct HostEvents {
    pub size: u32,
    pub reserved: u32,
    pub subscribe: Option<unsafe extern "C" fn(u64, Str) -> Status>,
    pub publish: Option<unsafe extern "C" fn(u64, Str, Str) -> Status>,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct PluginHandler {
    pub size: u32,
    pub reserved: u32,
    pub on_handle: Option<unsafe extern "C" fn(*mut c_void, u64) -> Verdict>,
    pub on_handle_body: Option<unsafe extern "C" fn(*mut c_void, u64, u32) -> Verdict>,
    pub on_writable: Option<unsafe extern "C" fn(*mut c_void, u64)>,
    pub on_handle_end: Option<unsafe extern "C" fn(*mut c_void, u64)>,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct HostHandler {
    pub size: u32,
    pub reserved: u32,
    pub start: Option<unsafe extern "C" fn(u64, *const Reply) -> Status>,
    pub write: Option<unsafe extern "C" fn(u64, Str, *mut u64) -> Status>,
    pub finish: Option<unsafe extern "C" fn(u64, *const Header, u64) -> Status>,
    pub abort: Option<unsafe extern "C" fn(u64) -> Status>,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct HostHandover {
    pub size: u32,
    pub reserved: u32,
    pub write: Option<unsafe extern "C" fn(u64, Str) -> Status>,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct PluginHandover {
    pub size: u32,
    pub reserved: u32,
    pub give: Option<unsafe extern "C" fn(*mut c_void, u64, *mut u32) -> Status>,
    pub take: Option<unsafe extern "C" fn(*mut c_void, u32, Str) -> Status>,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct HostKv {
    pub size: u32,
    pub reserved: u32,
    pub open: Option<unsafe extern "C" fn(u64, Str, u32, u64, *mut u64) -> Status>,
    pub get: Option<unsafe extern "C" fn(u64, Str, *mut u8, u64, *mut u64, *mut u64) -> Status>,
    pub set: Option<unsafe extern "C" fn(u64, Str, Str, u64, *mut u64) -> Status>,
    pub set_if: Option<unsafe extern "C" fn(u64, Str, Str, u64, u64, *mut u64) -> Status>,
    pub remove: Option<unsafe extern "C" fn(u64, Str, u64) -> Status>,
    pub add: Option<unsafe extern "C" fn(u64, Str, i64, u64, *mut i64) -> Status>,
    pub next: Option<unsafe extern "C" fn(u64, Str, Str, *mut u8, u64, *mut u64) -> Status>,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct PluginTls {
    pub size: u32,
    pub reserved: u32,
    pub on_client_hello: Option<unsafe extern "C" fn(*mut c_void, u64) -> Verdict>,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct HostTls {
    pub size: u32,
    pub reserved: u32,
    pub client_hello: Option<unsafe extern "C" fn(u64, u32, *mut Str) -> Status>,
    pub extension: Option<unsafe extern "C" fn(u64, u32, *mut Str) -> Status>,
    pub certificate_use: Option<unsafe extern "C" fn(u64, Str) -> Status>,
    pub peer_certificate: Option<unsafe extern "C" fn(u64, u32, *mut Str) -> Status>,
}
