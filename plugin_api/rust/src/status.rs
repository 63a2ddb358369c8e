//! What calls and hooks answer: Status, Verdict, and the Error that refuses a configuration.

use core::fmt;

use crate::ffi;

/// Why a host call failed: one of the constants. Nothing was changed by it. [`error_text`](crate::error_text) has the host's words.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Status(i32);

impl Status {
    /// The handle's object is gone, or the ticket was used: harmless.
    pub const STALE: Status = Status(ffi::STALE);
    /// An argument is out of its domain.
    pub const INVALID: Status = Status(ffi::INVALID);
    /// No such header, key, value.
    pub const NOT_FOUND: Status = Status(ffi::NOT_FOUND);
    /// An output's capacity is short.
    pub const TOO_SMALL: Status = Status(ffi::TOO_SMALL);
    /// A bound would be exceeded.
    pub const LIMIT: Status = Status(ffi::LIMIT);
    /// Not possible at this point of the exchange.
    pub const WRONG_PHASE: Status = Status(ffi::WRONG_PHASE);
    /// Not on this thread.
    pub const WRONG_THREAD: Status = Status(ffi::WRONG_THREAD);
    /// This host, or this object, cannot.
    pub const UNSUPPORTED: Status = Status(ffi::UNSUPPORTED);
    /// Anything else: the host's words say what.
    pub const FAILED: Status = Status(ffi::FAILED);

    pub(crate) fn check(code: i32) -> Result<(), Status> {
        if code == ffi::OK {
            Ok(())
        } else {
            Err(Status(code))
        }
    }

    /// The number in the ABI.
    pub fn code(self) -> i32 {
        self.0
    }
}

impl fmt::Display for Status {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(match *self {
            Status::STALE => "stale",
            Status::INVALID => "invalid",
            Status::NOT_FOUND => "not found",
            Status::TOO_SMALL => "too small",
            Status::LIMIT => "over a limit",
            Status::WRONG_PHASE => "not possible at this point",
            Status::WRONG_THREAD => "not on this thread",
            Status::UNSUPPORTED => "not supported",
            Status::FAILED => "failed",
            Status(code) => return write!(to, "status {}", code),
        })
    }
}

impl fmt::Debug for Status {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, to)
    }
}

impl std::error::Error for Status {}

/// What a hook answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Verdict {
    /// Go on with the next plugin, then the next stage.
    Continue = ffi::CONTINUE,
    /// [`Exchange::reply`](crate::Exchange::reply) was called, which answers this: the exchange is answered now. Of a connection: close it.
    Replied = ffi::REPLIED,
    /// `suspend` was called: nothing moves until the ticket is resumed, or `suspend_timeout` has passed.
    Suspend = ffi::SUSPEND,
    /// Could not decide: the instance's `on_failure` applies.
    Fail = ffi::FAIL,
    /// Continue, and call none of this instance's hooks for this exchange again.
    Unsubscribe = ffi::UNSUBSCRIBE,
}

/// A failed verdict with its reason: `return cleat::fail("no such key");`
pub fn fail(reason: &str) -> Verdict {
    crate::host::set_error(reason);
    Verdict::Fail
}

/// Why an instance, a route's configuration or a worker's start is refused, in words for the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error(String);

impl Error {
    /// A refusal in the plugin's words.
    pub fn new(text: impl Into<String>) -> Error {
        Error(text.into())
    }

    pub(crate) fn text(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Error {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

impl From<Status> for Error {
    /// With the host's words on this thread's last failed call, where it has any.
    fn from(status: Status) -> Error {
        let words = crate::host::error_text();
        Error(if words.is_empty() { status.to_string() } else { words })
    }
}

impl From<String> for Error {
    fn from(text: String) -> Error {
        Error(text)
    }
}

impl From<&str> for Error {
    fn from(text: &str) -> Error {
        Error(text.to_owned())
    }
}
