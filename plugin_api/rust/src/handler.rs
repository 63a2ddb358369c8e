//! The plugin as the origin of a route, `handler: <instance>` (`cleat.handler/1`). The exchange passes every hook as if an upstream had
//! answered, on_attempt and on_attempt_end excepted.

use core::marker::PhantomData;

use crate::exchange::{Exchange, Reply};
use crate::hooks::Plugin;
use crate::host::host_call;
use crate::status::{Status, Verdict};
use crate::text::{to_headers, to_str};

/// A request is to be answered by the plugin itself.
pub trait OnHandle: Plugin {
    /// Its head is complete. Continue: the answer is made, now or later, through [`Exchange::response_writer`]. Replied: [`Exchange::reply`]
    /// holds it all. Fail, and a panic: a 500. Suspend: asked again, from the start, when resumed.
    fn on_handle(&self, x: &mut Exchange<'_>) -> Verdict;
}

/// The body of such a request. Without this trait it is read and dropped.
pub trait OnHandleBody: OnHandle {
    /// A piece of it, in [`Exchange::request_body`]. `last`: no more follows; also called with an empty last piece where there is no body.
    /// Suspend holds the sender back.
    fn on_handle_body(&self, x: &mut Exchange<'_>, last: bool) -> Verdict;
}

/// The client takes more.
pub trait OnWritable: OnHandle {
    /// [`ResponseWriter::write`] had taken less than it was given, and now there is room again. A panic cuts the answer off.
    fn on_writable(&self, x: &mut Exchange<'_>);
}

/// The end of what the plugin is wanted for.
pub trait OnHandleEnd: OnHandle {
    /// The exchange is over, or no more is wanted of it.
    fn on_handle_end(&self, x: &mut Exchange<'_>);
}

/// The answer of a plugin that is the route's handler, as it is made: from on_handle on, in any hook or callback on the exchange's worker.
/// `WRONG_PHASE` where this instance is not the handler, and after the answer's end.
#[derive(Clone, Copy)]
pub struct ResponseWriter<'x> {
    x: u64,
    borrowed: PhantomData<(&'x (), *mut ())>,
}

impl<'hook> Exchange<'hook> {
    /// Where the route's handler writes its answer.
    pub fn response_writer(&self) -> ResponseWriter<'_> {
        ResponseWriter { x: self.handle(), borrowed: PhantomData }
    }
}

impl ResponseWriter<'_> {
    /// Begins the answer: status and headers; the reply's body must be empty. A Content-Length among the headers is kept, and the body held to
    /// it; without one the body is framed chunked.
    pub fn start(self, head: Reply<'_>) -> Result<(), Status> {
        head.with_raw(|raw| host_call!(handler.start(self.x, raw)))
    }
    /// More of the body: how many bytes were taken, from the front. Where fewer were taken the client is slow: go on in
    /// [`OnWritable::on_writable`]. `LIMIT`: more than Content-Length.
    pub fn write(self, data: impl AsRef<[u8]>) -> Result<usize, Status> {
        let mut accepted = 0u64;
        host_call!(handler.write(self.x, to_str(data.as_ref()), &mut accepted))?;
        Ok(accepted as usize)
    }
    /// Ends the answer, with trailers or none. `INVALID` where less than Content-Length was written: the answer is then cut off.
    pub fn finish(self, trailers: &[(&str, &[u8])]) -> Result<(), Status> {
        let trailers = to_headers(trailers);
        host_call!(handler.finish(self.x, trailers.as_ptr(), trailers.len() as u64))
    }
    /// Cuts the answer off: the client sees a broken message.
    pub fn abort(self) -> Result<(), Status> {
        host_call!(handler.abort(self.x))
    }
}
