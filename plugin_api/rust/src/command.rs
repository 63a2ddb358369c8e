//! Words of the command line, `cleat <word> ...`, that a plugin adds (`cleat.command/1`). Its note names them:
//! `commands=word: one line of help; another: its help`.

use crate::ffi;
use crate::hooks::Plugin;
use crate::status::Status;
use crate::text::{to_str, Text};

/// A plugin that adds words to the command line.
pub trait RunCommand: Plugin {
    /// Runs a word in a process that serves nothing, and answers the exit code. By custom: 0 done, 1 it failed, 2 bad usage; a panic is 1.
    /// There are no instances, workers or exchanges; it may block.
    fn run_command(command: Command<'_>) -> u8;
}

/// One run of a word.
#[derive(Clone, Copy)]
pub struct Command<'call> {
    call: &'call ffi::CommandCall,
}

impl<'call> Command<'call> {
    pub(crate) fn new(call: &'call ffi::CommandCall) -> Command<'call> {
        Command { call }
    }
    /// Which of the plugin's words it is.
    pub fn word(self) -> Text<'call> {
        // SAFETY: the call and all it points to live as long as 'call.
        unsafe { Text::from_raw(self.call.word) }
    }
    /// What followed the word.
    pub fn arguments(self) -> impl Iterator<Item = Text<'call>> {
        // SAFETY: the host's array of so many; as in word.
        (0..self.call.argument_count as usize).map(move |i| unsafe { Text::from_raw(*self.call.arguments.add(i)) })
    }
    fn write(self, stream: u32, text: &[u8]) -> Result<(), Status> {
        match self.call.write {
            None => Err(Status::UNSUPPORTED),
            // SAFETY: the host's function, for as long as the call lives.
            Some(write) => Status::check(unsafe { write(stream, to_str(text)) }),
        }
    }
    /// Writes all of the text to standard output, unbuffered. `FAILED`: nobody reads any more.
    pub fn out(self, text: impl AsRef<[u8]>) -> Result<(), Status> {
        self.write(ffi::STREAM_OUT, text.as_ref())
    }
    /// The same to standard error.
    pub fn error(self, text: impl AsRef<[u8]>) -> Result<(), Status> {
        self.write(ffi::STREAM_ERROR, text.as_ref())
    }
}
