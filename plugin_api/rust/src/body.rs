//! Bodies (`cleat.body/1`): they pass by unseen unless a plugin asks, for each exchange and part.

use core::marker::PhantomData;

use crate::ffi;
use crate::host::host_call;
use crate::status::Status;
use crate::text::{to_str, Text, EMPTY};

/// A body, or in its hook the piece at hand, to ask for and to read.
#[derive(Clone, Copy)]
pub struct Body<'x> {
    x: u64,
    part: u32,
    borrowed: PhantomData<(&'x (), *mut ())>,
}

impl<'x> Body<'x> {
    pub(crate) fn new(x: u64, part: u32) -> Body<'x> {
        Body { x, part, borrowed: PhantomData }
    }
    fn subscribe(self, mode: u32, bytes_max: u64) -> Result<(), Status> {
        host_call!(body.subscribe(self.x, self.part, mode, bytes_max))
    }
    /// Ask for each piece as it passes. Suspend in the hook holds the stream back, and with it the sender.
    pub fn stream(self) -> Result<(), Status> {
        self.subscribe(ffi::BODY_STREAM, 0)
    }
    /// Ask for all of it at once, up to so many bytes (0: the listener's bound). Over the bound: 413, or 502 for a response.
    pub fn whole(self, bytes_max: u64) -> Result<(), Status> {
        self.subscribe(ffi::BODY_WHOLE, bytes_max)
    }
    /// Let it pass by unseen again.
    pub fn unsubscribe(self) -> Result<(), Status> {
        self.subscribe(ffi::BODY_NONE, 0)
    }
    /// In the body's hook: the piece. Empty elsewhere.
    pub fn data(self) -> Text<'x> {
        let mut data = EMPTY;
        match host_call!(body.view(self.x, self.part, &mut data)) {
            // SAFETY: the view lives until the next change, which needs the exchange that 'x borrows, or the hook returns.
            Ok(()) => unsafe { Text::from_raw(data) },
            Err(_) => Text::from(""),
        }
    }
}

/// In a body's hook the piece at hand, to change it: later plugins see the result, and the host frames the body anew.
pub struct BodyMut<'x> {
    x: u64,
    part: u32,
    borrowed: PhantomData<(&'x mut (), *mut ())>,
}

impl<'x> BodyMut<'x> {
    pub(crate) fn new(x: u64, part: u32) -> BodyMut<'x> {
        BodyMut { x, part, borrowed: PhantomData }
    }
    /// Puts data after the piece.
    pub fn append(&mut self, data: impl AsRef<[u8]>) -> Result<(), Status> {
        host_call!(body.append(self.x, self.part, to_str(data.as_ref())))
    }
    /// Puts data before the piece.
    pub fn prepend(&mut self, data: impl AsRef<[u8]>) -> Result<(), Status> {
        host_call!(body.prepend(self.x, self.part, to_str(data.as_ref())))
    }
    /// Other data in place of the piece.
    pub fn replace(&mut self, data: impl AsRef<[u8]>) -> Result<(), Status> {
        host_call!(body.replace(self.x, self.part, to_str(data.as_ref())))
    }
    /// Takes so many bytes off the front; `INVALID` if there are fewer.
    pub fn drain(&mut self, bytes: u64) -> Result<(), Status> {
        host_call!(body.drain(self.x, self.part, bytes))
    }
}
