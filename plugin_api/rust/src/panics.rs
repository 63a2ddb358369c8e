//! Where panics stop: at every hook and callback. A panic becomes Fail with its words and place, or a line in the log where the hook has
//! no verdict; the process goes on.

use core::any::Any;
use core::cell::RefCell;
use core::ffi::c_void;
use std::panic::{catch_unwind, set_hook, take_hook, AssertUnwindSafe};

use crate::ffi;
use crate::host::{host_call, set_error, worker};
use crate::status::{Error, Verdict};
use crate::table::self_of;
use crate::text::to_str;

thread_local! {
    static PLACE: RefCell<String> = const { RefCell::new(String::new()) }; // where this thread panicked last
}

/// Panics of workers are told through the host; those of other threads by whoever told them before.
pub(crate) fn install() {
    let before = take_hook();
    set_hook(Box::new(move |info| {
        if let Some(place) = info.location() {
            PLACE.with(|to| *to.borrow_mut() = place.to_string());
        }
        if worker().is_none() {
            before(info);
        }
    }));
}

#[cold]
fn describe(payload: Box<dyn Any + Send>) -> String {
    let place = PLACE.with(|from| core::mem::take(&mut *from.borrow_mut()));
    let words = match (payload.downcast_ref::<&str>(), payload.downcast_ref::<String>()) {
        (Some(words), _) => (*words).to_owned(),
        (_, Some(words)) => words.clone(),
        _ => {
            core::mem::forget(payload); // its drop might panic in turn
            "something that is no text".to_owned()
        }
    };
    format!("panicked at {}: {}", place, words)
}

pub(crate) fn guard_verdict(hook: impl FnOnce() -> Verdict) -> ffi::Verdict {
    match catch_unwind(AssertUnwindSafe(hook)) {
        Ok(verdict) => verdict as ffi::Verdict,
        Err(payload) => {
            set_error(&describe(payload));
            ffi::FAIL
        }
    }
}

/// A call that makes something: CLEAT_OK, or CLEAT_FAILED with the reason said.
pub(crate) fn guard_status(make: impl FnOnce() -> Result<(), Error>) -> ffi::Status {
    match catch_unwind(AssertUnwindSafe(make)) {
        Ok(Ok(())) => return ffi::OK,
        Ok(Err(error)) => set_error(error.text()),
        Err(payload) => set_error(&describe(payload)),
    }
    ffi::FAILED
}

/// A hook that answers nobody: its failure goes to the log, blamed on the instance. False: it panicked.
pub(crate) fn guard_void<P>(instance: *mut c_void, hook: impl FnOnce()) -> bool {
    match catch_unwind(AssertUnwindSafe(hook)) {
        Ok(()) => true,
        Err(payload) => {
            let text = describe(payload);
            let _ = host_call!(core.log(self_of::<P>(instance), ffi::ERROR, to_str(text.as_bytes())));
            false
        }
    }
}
