//! Text as the host shows it: bytes that need not be UTF-8, borrowed for as long as the ABI says they live.

use core::fmt;
use core::ops::Deref;

use crate::ffi;

/// A view of bytes that are the host's. They came from a peer, or go to one, and need not be UTF-8 (RFC 9110, 5.5). It lives no
/// longer than the hook, and no longer than nothing is changed: the borrow checker holds it to that. Copy what must live.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Text<'a>(&'a [u8]);

impl<'a> Text<'a> {
    /// The text as UTF-8, or None.
    pub fn to_utf8(self) -> Option<&'a str> {
        core::str::from_utf8(self.0).ok()
    }

    /// The bytes, for as long as the text lives.
    pub fn bytes(self) -> &'a [u8] {
        self.0
    }

    /// A copy, with U+FFFD for what is not UTF-8.
    pub fn to_string_lossy(self) -> String {
        String::from_utf8_lossy(self.0).into_owned()
    }

    /// # Safety
    /// `text` is a view that the host gave, and lives for `'a`.
    pub(crate) unsafe fn from_raw(text: ffi::Str) -> Text<'a> {
        if text.size == 0 || text.data.is_null() {
            return Text(&[]);
        }
        Text(core::slice::from_raw_parts(text.data, text.size as usize))
    }
}

impl Deref for Text<'_> {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        self.0
    }
}

impl AsRef<[u8]> for Text<'_> {
    fn as_ref(&self) -> &[u8] {
        self.0
    }
}

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Text<'a> {
        Text(text.as_bytes())
    }
}

impl<'a> From<&'a [u8]> for Text<'a> {
    fn from(bytes: &'a [u8]) -> Text<'a> {
        Text(bytes)
    }
}

impl<'a> From<&'a String> for Text<'a> {
    fn from(text: &'a String) -> Text<'a> {
        Text(text.as_bytes())
    }
}

impl PartialEq<str> for Text<'_> {
    fn eq(&self, other: &str) -> bool {
        self.0 == other.as_bytes()
    }
}

impl PartialEq<&str> for Text<'_> {
    fn eq(&self, other: &&str) -> bool {
        self.0 == other.as_bytes()
    }
}

impl PartialEq<String> for Text<'_> {
    fn eq(&self, other: &String) -> bool {
        self.0 == other.as_bytes()
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        String::from_utf8_lossy(self.0).fmt(to)
    }
}

impl fmt::Debug for Text<'_> {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        String::from_utf8_lossy(self.0).fmt(to)
    }
}

/// The ABI's view of bytes; valid as long as they are.
pub(crate) fn to_str(bytes: &[u8]) -> ffi::Str {
    ffi::Str { data: bytes.as_ptr(), size: bytes.len() as u64 }
}

pub(crate) const EMPTY: ffi::Str = ffi::Str { data: core::ptr::null(), size: 0 };

/// A list of (name, value) as the ABI has it; valid as long as the texts are.
pub(crate) fn to_headers(fields: &[(&str, &[u8])]) -> Vec<ffi::Header> {
    fields.iter().map(|(name, value)| ffi::Header { name: to_str(name.as_bytes()), value: to_str(value) }).collect()
}

/// A list of (name, value) that the host shows. Callers bind 'a to a borrow of what it came with.
pub(crate) fn list<'a>(headers: *const ffi::Header, count: u64) -> impl Iterator<Item = (Text<'a>, Text<'a>)> {
    // SAFETY: the host's array of so many, which lives as long as 'a.
    (0..count as usize).map(move |i| unsafe {
        let one = &*headers.add(i);
        (Text::from_raw(one.name), Text::from_raw(one.value))
    })
}

/// Do two field names say the same? (RFC 9110, 5.1)
pub(crate) fn same_name(a: &[u8], b: &[u8]) -> bool {
    a.eq_ignore_ascii_case(b)
}
