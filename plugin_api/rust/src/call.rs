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
use crate::text::{same_name, to_headers, to_str, Text};

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
    /// At most 1 MiB.
    pub body: &'a [u8],
    /// From the start to the response's end; at least 1 ms.
    pub timeout: Duration,
    /// Most of a response's body that is kept, at most 16 MiB; 0: 64 KiB.
    pub body_max: u64,
}

impl Default for Call<'_> {
    /// GET / within 5 s.
    fn default() -> Self {
        Call { cluster: "", method: "GET", target: "/", authority: "", headers: &[], body: b"", timeout: Duration::from_secs(5), body_max: 0 }
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
    /// The response's body.
    pub fn body(&self) -> Text<'_> {
        // SAFETY: as in reason.
        unsafe { Text::from_raw(self.event.body) }
    }
    /// The first field of that name, in any case.
    pub fn header(&self, name: &str) -> Option<Text<'_>> {
        self.headers().find(|(one, _)| same_name(one, name.as_bytes())).map(|(_, value)| value)
    }
    /// The response's fields, name and value.
    pub fn headers(&self) -> impl Iterator<Item = (Text<'_>, Text<'_>)> {
        list(self.event.headers, self.event.header_count)
    }
    /// The response's trailers, name and value.
    pub fn trailers(&self) -> impl Iterator<Item = (Text<'_>, Text<'_>)> {
        list(self.event.trailers, self.event.trailer_count)
    }
}

fn list<'a>(headers: *const ffi::Header, count: u64) -> impl Iterator<Item = (Text<'a>, Text<'a>)> {
    // SAFETY: the host's array of so many, which lives as long as the event; callers bind 'a to a borrow of that.
    (0..count as usize).map(move |i| unsafe {
        let one = &*headers.add(i);
        (Text::from_raw(one.name), Text::from_raw(one.value))
    })
}

/// A call that is under way, to cancel it; on its worker.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct CallHandle(u64);

impl CallHandle {
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
        start(self.instance, x.handle(), call, Some(on_exchange_call::<P, F>), answered)
    }

    /// The same on the instance's own account, on the worker it is started on. From worker_start on.
    pub fn call_worker<F>(self, call: &Call<'_>, answered: F) -> Result<CallHandle, Status>
    where
        F: FnOnce(&P, &Answer<'_>) + 'static,
    {
        start(self.instance, self.instance, call, Some(on_worker_call::<P, F>), answered)
    }
}

fn start<F>(instance: u64, owner: u64, call: &Call<'_>, function: ffi::CallFn, answered: F) -> Result<CallHandle, Status> {
    let headers = to_headers(call.headers);
    let request = ffi::CallRequest {
        size: size_of::<ffi::CallRequest>() as u32,
        flags: 0,
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
