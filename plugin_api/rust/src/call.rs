//! A plugin's own requests to a cluster (`cleat.http_call/1`): through its pools, balancing, health, connections and bounds.

use core::ffi::c_void;
use core::mem::size_of;
use core::time::Duration;

use crate::exchange::{milliseconds, Exchange, How};
use crate::ffi;
use crate::handle::{own, Handle};
use crate::hooks::Plugin;
use crate::host::host_call;
use crate::panics::guard_void;
use crate::status::Status;
use crate::table::plugin_of;
use crate::text::{list, same_name, to_headers, to_str, Text};

/// What is asked. All of it is copied when the call is started.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    /// A cluster of the configuration.
    pub cluster: &'a str,
    /// Not CONNECT.
    pub method: &'a str,
    /// `path[?query]`, sent as it stands.
    pub target: &'a str,
    /// `host[:port]`; empty: the endpoint's address.
    pub authority: &'a str,
    /// Names and values; none of those that frame the message.
    pub headers: &'a [(&'a str, &'a [u8])],
    /// At most 1 MiB; empty with `stream_body`.
    pub body: &'a [u8],
    /// The body comes through [`CallHandle::write`] and [`finish`](CallHandle::finish) instead, chunked.
    pub stream_body: bool,
    /// From the start to the response's end; at least 1 ms.
    pub timeout: Duration,
    /// Most of a response's body that is kept, at most 16 MiB; 0: 64 KiB. Not of a streamed one.
    pub body_max: u64,
}

impl Default for Call<'_> {
    /// GET / within 5 s.
    fn default() -> Self {
        Call {
            cluster: "",
            method: "GET",
            target: "/",
            authority: "",
            headers: &[],
            body: b"",
            stream_body: false,
            timeout: Duration::from_secs(5),
            body_max: 0,
        }
    }
}

/// What became of a call. Dies when the function it is given to returns.
pub struct Answer<'a> {
    event: &'a ffi::CallEvent,
}

impl<'a> Answer<'a> {
    /// A whole response came. If not, [`how`](Self::how) and [`reason`](Self::reason) say why.
    pub fn is_ok(&self) -> bool {
        self.event.kind == ffi::CALL_DONE
    }
    /// The response's status; None where none came whole.
    pub fn status(&self) -> Option<u32> {
        self.is_ok().then_some(self.event.status)
    }
    /// How it ended.
    pub fn how(&self) -> How {
        How::from_raw(self.event.how)
    }
    /// The host's words on a failure.
    pub fn reason(&self) -> Text<'_> {
        // SAFETY: the event and all it points to live as long as 'a.
        unsafe { Text::from_raw(self.event.reason) }
    }
    /// The response's body; empty of a streamed one, which was told before.
    pub fn body(&self) -> Text<'_> {
        // SAFETY: as in reason.
        unsafe { Text::from_raw(self.event.body) }
    }
    /// The first field of that name, in any case.
    pub fn header(&self, name: &str) -> Option<Text<'_>> {
        self.headers().find(|(one, _)| same_name(one, name.as_bytes())).map(|(_, value)| value)
    }
    /// The response's fields, name and value; none of a streamed one.
    pub fn headers(&self) -> impl Iterator<Item = (Text<'_>, Text<'_>)> {
        list(self.event.headers, self.event.header_count)
    }
    /// The response's trailers, name and value.
    pub fn trailers(&self) -> impl Iterator<Item = (Text<'_>, Text<'_>)> {
        list(self.event.trailers, self.event.trailer_count)
    }
}

/// The head of a streamed response.
pub struct CallHead<'a> {
    event: &'a ffi::CallEvent,
}

impl<'a> CallHead<'a> {
    /// The response's status.
    pub fn status(&self) -> u32 {
        self.event.status
    }
    /// The first field of that name, in any case.
    pub fn header(&self, name: &str) -> Option<Text<'_>> {
        self.headers().find(|(one, _)| same_name(one, name.as_bytes())).map(|(_, value)| value)
    }
    /// The response's fields, name and value.
    pub fn headers(&self) -> impl Iterator<Item = (Text<'_>, Text<'_>)> {
        list(self.event.headers, self.event.header_count)
    }
}

/// What comes of a streamed call. Dies when the function it is given to returns.
#[non_exhaustive]
pub enum CallEvent<'a> {
    /// The response's head: once, before its body.
    Head(CallHead<'a>),
    /// A piece of the response's body.
    Data(Text<'a>),
    /// [`CallHandle::write`] takes more again, after it had taken less than it was given.
    Writable,
    /// The last event, exactly once: the rest is here, with trailers, or [`is_ok`](Answer::is_ok) is false, and what was told is not whole.
    End(Answer<'a>),
}

/// A call that is under way, on its worker. A value: copies are the same call. `STALE` once it has ended.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct CallHandle(u64);

impl CallHandle {
    /// More of the request's body, of a call with [`stream_body`](Call::stream_body): how many bytes were taken, from the front. The call holds
    /// 64 KiB that the endpoint does not take yet. Where fewer were taken, go on at [`CallEvent::Writable`].
    pub fn write(self, data: impl AsRef<[u8]>) -> Result<usize, Status> {
        let mut accepted = 0u64;
        host_call!(http_call.write(self.0, to_str(data.as_ref()), &mut accepted))?;
        Ok(accepted as usize)
    }
    /// Ends the request's body, with trailers or none.
    pub fn finish(self, trailers: &[(&str, &[u8])]) -> Result<(), Status> {
        let trailers = to_headers(trailers);
        host_call!(http_call.finish(self.0, trailers.as_ptr(), trailers.len() as u64))
    }
    /// true: no more of a streamed response for now; false: go on. What is under way already may still come.
    pub fn pause(self, on: bool) -> Result<(), Status> {
        host_call!(http_call.pause(self.0, u32::from(on)))
    }
    /// Its end follows, once this has returned: [`How::Cancelled`].
    pub fn cancel(self) -> Result<(), Status> {
        host_call!(http_call.cancel(self.0))
    }
}

impl<P: Plugin> Handle<P> {
    /// Starts a call on behalf of an exchange, on its worker. `answered` is called exactly once, when the call is done, has failed or
    /// was cancelled; of one whose exchange has ended the exchange is stale, and what is asked of it fails. Where this fails
    /// `answered` is dropped. `NOT_FOUND`: no such cluster.
    ///
    /// ```no_run
    /// # use cleat::{Call, Handle, Verdict};
    /// # fn ask<P: cleat::Plugin>(me: Handle<P>, x: &mut cleat::Exchange<'_>) -> Result<Verdict, cleat::Status> {
    /// let ticket = x.suspend()?;
    /// me.call(x, &Call { cluster: "auth", target: "/check", ..Call::default() }, move |_, _, answer| {
    ///     let verdict = if answer.status() == Some(200) { Verdict::Continue } else { Verdict::Fail };
    ///     let _ = ticket.resume(verdict);
    /// })?;
    /// Ok(Verdict::Suspend)
    /// # }
    /// ```
    pub fn call<F>(self, x: &Exchange<'_>, call: &Call<'_>, answered: F) -> Result<CallHandle, Status>
    where
        F: FnOnce(&P, &mut Exchange<'_>, &Answer<'_>) + 'static,
    {
        start(self.instance, x.handle(), call, 0, Some(on_exchange_call::<P, F>), answered)
    }

    /// The same on the instance's own account, on the worker it is started on. From worker_start on.
    pub fn call_worker<F>(self, call: &Call<'_>, answered: F) -> Result<CallHandle, Status>
    where
        F: FnOnce(&P, &Answer<'_>) + 'static,
    {
        start(self.instance, self.instance, call, 0, Some(on_worker_call::<P, F>), answered)
    }

    /// Starts a call whose response is told piece by piece, and not kept: `told` is called for each event, the last of which is
    /// [`CallEvent::End`]. A panic in it is a line of the log and cancels the call; nothing more is told then. Otherwise as
    /// [`call`](Self::call).
    ///
    /// ```no_run
    /// # use cleat::{Call, CallEvent, Handle, Verdict};
    /// # fn ask<P: cleat::Plugin>(me: Handle<P>, x: &mut cleat::Exchange<'_>) -> Result<Verdict, cleat::Status> {
    /// let ticket = x.suspend()?;
    /// let mut bytes = 0;
    /// me.call_stream(x, &Call { cluster: "files", target: "/list", ..Call::default() }, move |_, x, _, event| match event {
    ///     CallEvent::Data(piece) => bytes += piece.len(),
    ///     CallEvent::End(answer) => {
    ///         let _ = x.request_mut().set("x-list-bytes", bytes.to_string());
    ///         let _ = ticket.resume(if answer.is_ok() { Verdict::Continue } else { Verdict::Fail });
    ///     }
    ///     _ => (),
    /// })?;
    /// Ok(Verdict::Suspend)
    /// # }
    /// ```
    pub fn call_stream<F>(self, x: &Exchange<'_>, call: &Call<'_>, told: F) -> Result<CallHandle, Status>
    where
        F: FnMut(&P, &mut Exchange<'_>, CallHandle, CallEvent<'_>) + 'static,
    {
        let streamed = Streamed { told, over: false };
        start(self.instance, x.handle(), call, ffi::CALL_STREAM, Some(on_exchange_stream::<P, F>), streamed)
    }

    /// The same on the instance's own account, on the worker it is started on. From worker_start on.
    pub fn call_worker_stream<F>(self, call: &Call<'_>, told: F) -> Result<CallHandle, Status>
    where
        F: FnMut(&P, CallHandle, CallEvent<'_>) + 'static,
    {
        let streamed = Streamed { told, over: false };
        start(self.instance, self.instance, call, ffi::CALL_STREAM, Some(on_worker_stream::<P, F>), streamed)
    }
}

fn start<F>(instance: u64, owner: u64, call: &Call<'_>, flags: u32, function: ffi::CallFn, answered: F) -> Result<CallHandle, Status> {
    let headers = to_headers(call.headers);
    let request = ffi::CallRequest {
        size: size_of::<ffi::CallRequest>() as u32,
        flags: flags | if call.stream_body { ffi::CALL_STREAM_BODY } else { 0 },
        cluster: to_str(call.cluster.as_bytes()),
        method: to_str(call.method.as_bytes()),
        target: to_str(call.target.as_bytes()),
        authority: to_str(call.authority.as_bytes()),
        headers: headers.as_ptr(),
        header_count: headers.len() as u64,
        body: to_str(call.body),
        timeout_ms: milliseconds(call.timeout),
        body_max: call.body_max,
    };
    let mut handle = 0u64;
    own(answered, |user| host_call!(http_call.start(instance, owner, &request, function, user, &mut handle)))?;
    Ok(CallHandle(handle))
}

/// Runs `then` with the closure that the call was started with, at the call's last event.
unsafe fn on_call<P: Plugin, F>(instance: *mut c_void, event: *const ffi::CallEvent, user: *mut c_void, then: impl FnOnce(&P, F, &Answer<'_>)) {
    let event = &*event;
    if event.kind != ffi::CALL_DONE && event.kind != ffi::CALL_FAILED {
        return; // without CLEAT_CALL_STREAM there are no others
    }
    guard_void::<P>(instance, || {
        let answered = Box::from_raw(user as *mut F);
        then(plugin_of::<P>(instance), *answered, &Answer { event });
    });
}

unsafe extern "C" fn on_exchange_call<P, F>(instance: *mut c_void, _call: u64, owner: u64, event: *const ffi::CallEvent, user: *mut c_void)
where
    P: Plugin,
    F: FnOnce(&P, &mut Exchange<'_>, &Answer<'_>),
{
    on_call(instance, event, user, |plugin: &P, answered: F, answer| answered(plugin, &mut Exchange::new(owner), answer));
}

unsafe extern "C" fn on_worker_call<P, F>(instance: *mut c_void, _call: u64, _owner: u64, event: *const ffi::CallEvent, user: *mut c_void)
where
    P: Plugin,
    F: FnOnce(&P, &Answer<'_>),
{
    on_call(instance, event, user, |plugin: &P, answered: F, answer| answered(plugin, answer));
}

/// What a streamed call was started with.
struct Streamed<F> {
    told: F,
    over: bool, // it panicked: its state may be broken
}

/// Runs `then` with the closure that the call was started with, at each event; drops it at the last.
unsafe fn on_stream<P: Plugin, F>(
    instance: *mut c_void,
    call: u64,
    event: *const ffi::CallEvent,
    user: *mut c_void,
    then: impl FnOnce(&P, &mut F, CallHandle, CallEvent<'_>),
) {
    let event = &*event;
    let told = match event.kind {
        ffi::CALL_HEAD => CallEvent::Head(CallHead { event }),
        ffi::CALL_DATA => CallEvent::Data(Text::from_raw(event.body)),
        ffi::CALL_WRITABLE => CallEvent::Writable,
        ffi::CALL_DONE | ffi::CALL_FAILED => CallEvent::End(Answer { event }),
        _ => return,
    };
    let call = CallHandle(call);
    if let CallEvent::End(_) = told {
        guard_void::<P>(instance, || {
            let mut streamed = Box::from_raw(user as *mut Streamed<F>);
            if !streamed.over {
                then(plugin_of::<P>(instance), &mut streamed.told, call, told);
            }
        });
        return;
    }
    let streamed = &mut *(user as *mut Streamed<F>); // no callback comes while another runs
    if !guard_void::<P>(instance, || then(plugin_of::<P>(instance), &mut streamed.told, call, told)) {
        streamed.over = true;
        let _ = call.cancel(); // its end alone follows
    }
}

unsafe extern "C" fn on_exchange_stream<P, F>(instance: *mut c_void, call: u64, owner: u64, event: *const ffi::CallEvent, user: *mut c_void)
where
    P: Plugin,
    F: FnMut(&P, &mut Exchange<'_>, CallHandle, CallEvent<'_>),
{
    on_stream(instance, call, event, user, |plugin: &P, told: &mut F, call, event| told(plugin, &mut Exchange::new(owner), call, event));
}

unsafe extern "C" fn on_worker_stream<P, F>(instance: *mut c_void, call: u64, _owner: u64, event: *const ffi::CallEvent, user: *mut c_void)
where
    P: Plugin,
    F: FnMut(&P, CallHandle, CallEvent<'_>),
{
    on_stream(instance, call, event, user, |plugin: &P, told: &mut F, call, event| told(plugin, call, event));
}
