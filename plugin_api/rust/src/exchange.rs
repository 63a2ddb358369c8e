//! The things hooks are called with: an exchange, its heads, its connection. Each is a handle of one word. They live no longer than the
//! hook, and what is read of them no longer than nothing is changed: changes need `&mut`, so the compiler sees to it.

use core::any::TypeId;
use core::ffi::c_void;
use core::marker::PhantomData;
use core::mem::{align_of, size_of};
use core::time::Duration;

use crate::attribute::{IntegerAttribute, TextAttribute};
use crate::body::{Body, BodyMut};
use crate::ffi;
use crate::fields::{Fields, FieldsMut};
use crate::handle::Ticket;
use crate::host::{error_text, host_call};
use crate::status::{fail, Status, Verdict};
use crate::text::{to_headers, to_str, Text, EMPTY};

/// Names an exchange beyond the hook it was seen in: for [`Handle::post`](crate::Handle::post). A late one is harmless.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ExchangeId(pub(crate) u64);

/// A reply made here instead of by an upstream. Copied by the call that takes it; Content-Length, Date and Connection are the host's.
///
/// ```no_run
/// # fn on_request(x: &mut cleat::Exchange<'_>) -> cleat::Verdict {
/// x.reply(cleat::Reply { status: 401, headers: &[("www-authenticate", b"Bearer")], body: b"no token\n", reason: "no_token" })
/// # }
/// ```
#[derive(Clone, Copy)]
pub struct Reply<'a> {
    /// 200 to 599.
    pub status: u32,
    /// Names and values.
    pub headers: &'a [(&'a str, &'a [u8])],
    /// Dropped for HEAD, 204 and 304.
    pub body: &'a [u8],
    /// A short token for the access log, such as `api_key_missing`; may be empty.
    pub reason: &'a str,
}

impl Default for Reply<'_> {
    /// 200 and nothing else.
    fn default() -> Self {
        Reply { status: 200, headers: &[], body: b"", reason: "" }
    }
}

impl Reply<'_> {
    /// Calls `take` with the reply as the ABI has it.
    pub(crate) fn with_raw<T>(&self, take: impl FnOnce(*const ffi::Reply) -> T) -> T {
        let headers = to_headers(self.headers);
        take(&ffi::Reply {
            size: size_of::<ffi::Reply>() as u32,
            status: self.status,
            headers: headers.as_ptr(),
            header_count: headers.len() as u64,
            body: to_str(self.body),
            reason: to_str(self.reason.as_bytes()),
        })
    }
}

/// One request and its response, inside a hook or a callback on its worker.
pub struct Exchange<'hook> {
    handle: u64,
    here: PhantomData<(&'hook mut (), *mut ())>, // neither Send nor Sync
}

pub(crate) fn suspend(subject: u64) -> Result<Ticket, Status> {
    let mut ticket = 0u64;
    host_call!(core.suspend(subject, &mut ticket))?;
    Ok(Ticket(ticket))
}

pub(crate) fn text_of<'a>(subject: u64, attribute: TextAttribute) -> Option<Text<'a>> {
    let mut value = EMPTY;
    host_call!(attributes.text(subject, attribute.0, &mut value)).ok()?;
    // SAFETY: the view lives until the hook returns; callers bind 'a to a borrow of what the hook was called with.
    Some(unsafe { Text::from_raw(value) })
}

pub(crate) fn integer_of(subject: u64, attribute: IntegerAttribute) -> Option<i64> {
    let mut value = 0i64;
    host_call!(attributes.integer(subject, attribute.0, &mut value)).ok().map(|()| value)
}

pub(crate) fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// At the start of an exchange's state; the host's memory comes zeroed, and zero is None.
#[repr(C, align(16))]
struct StateHead {
    made: Option<core::num::NonZeroU32>,
    of: core::mem::MaybeUninit<TypeId>,
}

#[repr(C)]
struct State<T> {
    head: StateHead,
    value: core::mem::MaybeUninit<T>,
}

impl<'hook> Exchange<'hook> {
    /// `handle` may be stale: every call then fails.
    pub(crate) fn new(handle: u64) -> Exchange<'hook> {
        Exchange { handle, here: PhantomData }
    }

    pub(crate) fn handle(&self) -> u64 {
        self.handle
    }

    /// What names it beyond this hook.
    pub fn id(&self) -> ExchangeId {
        ExchangeId(self.handle)
    }

    // --- heads ---

    /// The request's fields.
    pub fn request(&self) -> Fields<'_> {
        Fields::new(self.handle, ffi::REQUEST)
    }
    /// The request's fields, to change them.
    pub fn request_mut(&mut self) -> FieldsMut<'_> {
        FieldsMut::new(self.handle, ffi::REQUEST)
    }
    /// The response's fields; none before there is a response.
    pub fn response(&self) -> Fields<'_> {
        Fields::new(self.handle, ffi::RESPONSE)
    }
    /// The response's fields, to change them.
    pub fn response_mut(&mut self) -> FieldsMut<'_> {
        FieldsMut::new(self.handle, ffi::RESPONSE)
    }
    /// The request's trailers.
    pub fn request_trailers(&self) -> Fields<'_> {
        Fields::new(self.handle, ffi::REQUEST_TRAILERS)
    }
    /// The request's trailers, to change them.
    pub fn request_trailers_mut(&mut self) -> FieldsMut<'_> {
        FieldsMut::new(self.handle, ffi::REQUEST_TRAILERS)
    }
    /// The response's trailers.
    pub fn response_trailers(&self) -> Fields<'_> {
        Fields::new(self.handle, ffi::RESPONSE_TRAILERS)
    }
    /// The response's trailers, to change them.
    pub fn response_trailers_mut(&mut self) -> FieldsMut<'_> {
        FieldsMut::new(self.handle, ffi::RESPONSE_TRAILERS)
    }

    fn field(&self, field: u32) -> Text<'_> {
        let mut value = EMPTY;
        match host_call!(core.field_get(self.handle, field, &mut value)) {
            // SAFETY: the view lives until the head is changed, which borrows self anew, or the hook returns.
            Ok(()) => unsafe { Text::from_raw(value) },
            Err(_) => Text::from(""),
        }
    }

    fn set_field(&mut self, field: u32, value: &[u8]) -> Result<(), Status> {
        host_call!(core.field_set(self.handle, field, to_str(value)))
    }

    /// The request's method; this and the others of the request line are empty where not known.
    pub fn method(&self) -> Text<'_> {
        self.field(ffi::METHOD)
    }
    /// `http` or `https`.
    pub fn scheme(&self) -> Text<'_> {
        self.field(ffi::SCHEME)
    }
    /// `host[:port]`.
    pub fn authority(&self) -> Text<'_> {
        self.field(ffi::AUTHORITY)
    }
    /// `path[?query]`, normalised.
    pub fn target(&self) -> Text<'_> {
        self.field(ffi::TARGET)
    }
    /// The target up to '?'.
    pub fn path(&self) -> Text<'_> {
        self.field(ffi::PATH)
    }
    /// The target after '?'.
    pub fn query(&self) -> Text<'_> {
        self.field(ffi::QUERY)
    }
    /// Another method. After on_route this and the next two do not choose another route; see [`reroute`](Self::reroute).
    pub fn set_method(&mut self, value: impl AsRef<[u8]>) -> Result<(), Status> {
        self.set_field(ffi::METHOD, value.as_ref())
    }
    /// Another authority.
    pub fn set_authority(&mut self, value: impl AsRef<[u8]>) -> Result<(), Status> {
        self.set_field(ffi::AUTHORITY, value.as_ref())
    }
    /// Another target; the host normalises it.
    pub fn set_target(&mut self, value: impl AsRef<[u8]>) -> Result<(), Status> {
        self.set_field(ffi::TARGET, value.as_ref())
    }
    /// The response's status; None while there is none.
    pub fn status(&self) -> Option<u32> {
        let mut status = 0u32;
        host_call!(core.status_get(self.handle, &mut status)).ok().map(|()| status)
    }
    /// Another status, 200 to 599: in on_response and on_reply.
    pub fn set_status(&mut self, status: u32) -> Result<(), Status> {
        host_call!(core.status_set(self.handle, status))
    }

    /// The request's body: to ask for it until on_route has returned, to read the piece at hand in its hook.
    pub fn request_body(&self) -> Body<'_> {
        Body::new(self.handle, ffi::REQUEST)
    }
    /// The request's body, to change the piece at hand in its hook.
    pub fn request_body_mut(&mut self) -> BodyMut<'_> {
        BodyMut::new(self.handle, ffi::REQUEST)
    }
    /// The response's body: to ask for it until on_response has returned, to read the piece at hand in its hook.
    pub fn response_body(&self) -> Body<'_> {
        Body::new(self.handle, ffi::RESPONSE)
    }
    /// The response's body, to change the piece at hand in its hook.
    pub fn response_body_mut(&mut self) -> BodyMut<'_> {
        BodyMut::new(self.handle, ffi::RESPONSE)
    }
    /// on_request, on_route: keep the request's body, up to so many bytes, so that it can be sent again by [`retry`](Self::retry).
    pub fn keep_for_replay(&self, bytes_max: u64) -> Result<(), Status> {
        host_call!(body.keep_for_replay(self.handle, bytes_max))
    }

    // --- decisions ---

    /// Stages a reply: `return x.reply(..)`. Where none is possible any more it answers Fail, with the reason.
    pub fn reply(&self, reply: Reply<'_>) -> Verdict {
        match reply.with_raw(|raw| host_call!(core.reply(self.handle, raw))) {
            Ok(()) => Verdict::Replied,
            Err(_) => fail(&error_text()),
        }
    }
    /// The ticket of a hook that then answers [`Verdict::Suspend`].
    pub fn suspend(&self) -> Result<Ticket, Status> {
        suspend(self.handle)
    }
    /// Cuts the exchange off without a reply once the hook has returned.
    pub fn reset(&self) -> Result<(), Status> {
        host_call!(core.reset(self.handle))
    }
    /// on_route: choose the route again from the head as it is then, when the chain has run. At most 4 times.
    pub fn reroute(&self) -> Result<(), Status> {
        host_call!(core.reroute(self.handle))
    }
    /// on_route: another cluster than the route's.
    pub fn set_cluster(&self, cluster: &str) -> Result<(), Status> {
        host_call!(core.cluster_set(self.handle, to_str(cluster.as_bytes())))
    }
    /// on_attempt: a timeout of this attempt, to the end of its response head; zero: none but the route's.
    pub fn set_attempt_timeout(&self, timeout: Duration) -> Result<(), Status> {
        host_call!(core.attempt_timeout(self.handle, milliseconds(timeout)))
    }
    /// on_request, on_route: the exchange ends this long after its first byte, if it is not to end sooner. At least 1 ms.
    pub fn shorten(&self, timeout: Duration) -> Result<(), Status> {
        host_call!(core.exchange_timeout(self.handle, milliseconds(timeout)))
    }
    /// on_attempt_end: drop this attempt's outcome and make another after `delay`, if it may be at an endpoint not tried yet.
    pub fn retry(&self, delay: Duration, other_endpoint: bool) -> Result<(), Status> {
        let flags = if other_endpoint { ffi::RETRY_OTHER_ENDPOINT } else { 0 };
        let retry = ffi::Retry { size: size_of::<ffi::Retry>() as u32, flags, delay_ms: milliseconds(delay) };
        host_call!(core.retry(self.handle, &retry))
    }

    // --- facts, and the plugin's own ---

    /// An attribute that is a text; None: not known (yet).
    pub fn text(&self, attribute: TextAttribute) -> Option<Text<'_>> {
        text_of(self.handle, attribute)
    }
    /// An attribute that is a number.
    pub fn integer(&self, attribute: IntegerAttribute) -> Option<i64> {
        integer_of(self.handle, attribute)
    }

    /// What [`RouteConfig::route_create`](crate::RouteConfig::route_create) made for the chosen route;
    /// None where the route says nothing. From on_route on.
    pub fn route<R: 'static>(&self) -> Option<&R> {
        let mut route: *mut c_void = core::ptr::null_mut();
        host_call!(core.route_config(self.handle, &mut route)).ok()?;
        // SAFETY: every route of this file is a RouteBox, and lives as long as the generation of the exchange.
        unsafe { crate::table::route_of(route) }
    }

    /// This instance's T of this exchange: `T::default()` at the first call, the same at later ones, gone with the exchange. One type
    /// for each plugin, of at most 4,000 bytes. None for another type, and where the exchange's memory is used up.
    pub fn state<T: Default + Copy + 'static>(&mut self) -> Option<&mut T> {
        if size_of::<State<T>>() > 4096 || align_of::<State<T>>() > 16 {
            return None;
        }
        let mut memory: *mut c_void = core::ptr::null_mut();
        let found = host_call!(core.exchange_state(self.handle, 0, &mut memory));
        if found.is_err() {
            host_call!(core.exchange_state(self.handle, size_of::<State<T>>() as u64, &mut memory)).ok()?;
        }
        let state = memory as *mut State<T>;
        // SAFETY: the host's memory is zeroed when made, aligned to 16, this instance's alone, and of the size of the type that its head
        // names once it was made. T is Copy: nothing has to be dropped. No other reference lives: they borrow the exchange.
        unsafe {
            if (*state).head.made.is_none() {
                if found.is_ok() {
                    return None;
                }
                (*state).value = core::mem::MaybeUninit::new(T::default());
                (*state).head.of = core::mem::MaybeUninit::new(TypeId::of::<T>());
                (*state).head.made = core::num::NonZeroU32::new(1);
            } else if (*state).head.of.assume_init() != TypeId::of::<T>() {
                return None;
            }
            Some(&mut *(*state).value.as_mut_ptr())
        }
    }
}

/// One downstream connection, inside a hook.
pub struct Connection<'hook> {
    handle: u64,
    here: PhantomData<(&'hook mut (), *mut ())>,
}

/// Names a connection beyond the hook it was seen in. A late one is harmless.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ConnectionId(pub(crate) u64);

impl<'hook> Connection<'hook> {
    pub(crate) fn new(handle: u64) -> Connection<'hook> {
        Connection { handle, here: PhantomData }
    }
    pub(crate) fn handle(&self) -> u64 {
        self.handle
    }
    /// What names it beyond this hook.
    pub fn id(&self) -> ConnectionId {
        ConnectionId(self.handle)
    }
    /// An attribute that is a text, of those that connections have; None: not known (yet).
    pub fn text(&self, attribute: TextAttribute) -> Option<Text<'_>> {
        text_of(self.handle, attribute)
    }
    /// An attribute that is a number.
    pub fn integer(&self, attribute: IntegerAttribute) -> Option<i64> {
        integer_of(self.handle, attribute)
    }
    /// The ticket of a hook that then answers [`Verdict::Suspend`].
    pub fn suspend(&self) -> Result<Ticket, Status> {
        suspend(self.handle)
    }
}

/// How an attempt ended: what on_attempt_end is called with.
#[derive(Clone, Copy, Debug)]
pub struct AttemptEnd {
    /// 1 for the first.
    pub attempt: u32,
    /// What became of it.
    pub how: How,
    /// The response's status; 0 if there is none.
    pub status: u32,
    /// [`Exchange::retry`] would be accepted now.
    pub can_retry: bool,
    /// Nothing of the request reached an endpoint.
    pub unsent: bool,
    /// How long it took.
    pub elapsed: Duration,
}

/// How an attempt, or a call, ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum How {
    /// A final response head arrived.
    Response,
    /// Refused, unreachable.
    ConnectFailed,
    /// No connection within the cluster's `connect_timeout`.
    ConnectTimeout,
    /// Closed or reset before it was complete.
    Reset,
    /// Its own timeout.
    Timeout,
    /// The reply broke the protocol.
    Malformed,
    /// No endpoint, or every one unhealthy.
    NoEndpoint,
    /// The cluster's connection or pending bound.
    Overflow,
    /// Of a call: it was cancelled, or its exchange ended.
    Cancelled,
    /// Of a call: the body was longer than `body_max`.
    TooLarge,
    /// One that this crate does not know.
    Other(u32),
}

impl How {
    pub(crate) fn from_raw(how: u32) -> How {
        match how {
            ffi::END_RESPONSE => How::Response,
            ffi::END_CONNECT_FAILED => How::ConnectFailed,
            ffi::END_CONNECT_TIMEOUT => How::ConnectTimeout,
            ffi::END_RESET => How::Reset,
            ffi::END_TIMEOUT => How::Timeout,
            ffi::END_MALFORMED => How::Malformed,
            ffi::END_NO_ENDPOINT => How::NoEndpoint,
            ffi::END_OVERFLOW => How::Overflow,
            ffi::CALL_CANCELLED => How::Cancelled,
            ffi::CALL_TOO_LARGE => How::TooLarge,
            other => How::Other(other),
        }
    }
}

impl AttemptEnd {
    pub(crate) fn from_raw(end: &ffi::AttemptEnd) -> AttemptEnd {
        AttemptEnd {
            attempt: end.attempt,
            how: How::from_raw(end.how),
            status: end.status,
            can_retry: end.flags & ffi::ATTEMPT_CAN_RETRY != 0,
            unsent: end.flags & ffi::ATTEMPT_UNSENT != 0,
            elapsed: Duration::from_micros(end.elapsed_us),
        }
    }
}
