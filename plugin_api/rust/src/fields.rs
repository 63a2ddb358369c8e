//! One list of fields of an exchange: request, response or their trailers. Names compare without regard to case (RFC 9110, 5.1). The
//! host's own (Host, Connection, Transfer-Encoding, Content-Length) can be read, and not changed: `INVALID`.

use core::marker::PhantomData;

use crate::ffi;
use crate::host::host_call;
use crate::status::Status;
use crate::text::{to_str, Text, EMPTY};

/// Fields to read. A part that does not exist yet, or any more, has none.
#[derive(Clone, Copy)]
pub struct Fields<'x> {
    x: u64,
    part: u32,
    borrowed: PhantomData<(&'x (), *mut ())>,
}

impl<'x> Fields<'x> {
    pub(crate) fn new(x: u64, part: u32) -> Fields<'x> {
        Fields { x, part, borrowed: PhantomData }
    }
    /// The first field of that name.
    pub fn get(self, name: &str) -> Option<Text<'x>> {
        self.nth(name, 0)
    }
    /// The `index`-th field of that name; 0 is the first.
    pub fn nth(self, name: &str, index: u64) -> Option<Text<'x>> {
        let mut value = EMPTY;
        host_call!(core.header_get(self.x, self.part, to_str(name.as_bytes()), index, &mut value)).ok()?;
        // SAFETY: the view lives until the head is changed, which needs the exchange that 'x borrows, or the hook returns.
        Some(unsafe { Text::from_raw(value) })
    }
    /// Is there a field of that name?
    pub fn has(self, name: &str) -> bool {
        self.get(name).is_some()
    }
    /// How many fields there are.
    pub fn len(self) -> u64 {
        let mut count = 0u64;
        host_call!(core.header_count(self.x, self.part, &mut count)).map_or(0, |()| count)
    }
    /// Are there none?
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }
    /// Name and value at a position less than `len()`, in order of arrival.
    pub fn at(self, position: u64) -> Option<(Text<'x>, Text<'x>)> {
        let mut field = ffi::Header { name: EMPTY, value: EMPTY };
        host_call!(core.header_at(self.x, self.part, position, &mut field)).ok()?;
        // SAFETY: as in nth.
        Some(unsafe { (Text::from_raw(field.name), Text::from_raw(field.value)) })
    }
    /// Every field, name and value, in order of arrival.
    pub fn iter(self) -> impl Iterator<Item = (Text<'x>, Text<'x>)> {
        (0..self.len()).filter_map(move |position| self.at(position))
    }
}

/// Fields to change. Refuses names and values that RFC 9110, 5.1 and 5.5, do not allow.
pub struct FieldsMut<'x> {
    x: u64,
    part: u32,
    borrowed: PhantomData<(&'x mut (), *mut ())>,
}

impl<'x> FieldsMut<'x> {
    pub(crate) fn new(x: u64, part: u32) -> FieldsMut<'x> {
        FieldsMut { x, part, borrowed: PhantomData }
    }
    /// Replaces every field of that name by one.
    pub fn set(&mut self, name: &str, value: impl AsRef<[u8]>) -> Result<(), Status> {
        host_call!(core.header_set(self.x, self.part, to_str(name.as_bytes()), to_str(value.as_ref())))
    }
    /// Adds one more field of that name.
    pub fn add(&mut self, name: &str, value: impl AsRef<[u8]>) -> Result<(), Status> {
        host_call!(core.header_add(self.x, self.part, to_str(name.as_bytes()), to_str(value.as_ref())))
    }
    /// Removes every field of that name; `NOT_FOUND` if there was none.
    pub fn remove(&mut self, name: &str) -> Result<(), Status> {
        host_call!(core.header_remove(self.x, self.part, to_str(name.as_bytes())))
    }
}
