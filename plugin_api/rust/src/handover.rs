//! What an instance knows, for the one that takes its place when a reload changes its configuration, policy or file (`cleat.handover/1`).

use core::marker::PhantomData;

use crate::hooks::Plugin;
use crate::host::host_call;
use crate::status::{Error, Status};
use crate::text::to_str;

/// A plugin whose state outlives its instance. The old instance serves on after it has given, and what it learns then is lost to the new one:
/// state of which nothing may be lost belongs into a [`Kv`](crate::Kv).
pub trait Handover: Plugin {
    /// Of the old instance, while its hooks run on the workers: writes a snapshot of its state, and changes nothing of it, since the reload may
    /// still be refused. Where nothing is written nothing is handed over. An Err, and a panic, are a warning, and the new one begins anew.
    /// Control thread.
    fn give_state(&self, to: &mut StateWriter<'_>) -> Result<(), Error>;
    /// Of the new instance, before any other call: the bytes, which another build of the plugin may have written, so they are to be read with
    /// suspicion. false: it does not know this format, or can make nothing of it, and begins anew. An Err, and a panic: it will not begin
    /// without, and the reload is refused. Control thread.
    fn take_state(&self, format: u32, bytes: &[u8]) -> Result<bool, Error>;
}

/// Where [`Handover::give_state`] writes.
pub struct StateWriter<'call> {
    handle: u64,
    pub(crate) format: u32,
    pub(crate) written: bool,
    here: PhantomData<(&'call mut (), *mut ())>,
}

impl StateWriter<'_> {
    pub(crate) fn new(handle: u64) -> Self {
        StateWriter { handle, format: 0, written: false, here: PhantomData }
    }
    /// A number of the plugin's own that says how the bytes are written; 0 if none is set.
    pub fn set_format(&mut self, format: u32) {
        self.format = format;
    }
    /// Adds bytes, as often as need be. `LIMIT` over 64 MiB: then nothing is handed over.
    pub fn write(&mut self, bytes: impl AsRef<[u8]>) -> Result<(), Status> {
        host_call!(handover.write(self.handle, to_str(bytes.as_ref())))?;
        self.written = true;
        Ok(())
    }
}
