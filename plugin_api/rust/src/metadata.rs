//! Typed values of one exchange, handed from plugin to plugin and to access logs (`cleat.metadata/1`).

use crate::exchange::Exchange;
use crate::ffi;
use crate::host::host_call;
use crate::status::Status;
use crate::text::{to_str, Text, EMPTY};

/// A key, made into a number once: in `create`, on the control thread.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct MetadataKey(u32);

impl MetadataKey {
    /// `api_key.owner`: the plugin's name first, `[a-z0-9_.]{1,64}`.
    pub fn new(name: &str) -> Result<MetadataKey, Status> {
        let mut key = 0u32;
        host_call!(metadata.key(to_str(name.as_bytes()), &mut key))?;
        Ok(MetadataKey(key))
    }
}

/// A value.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Metadata<'a> {
    /// A text; together within 64 KiB an exchange.
    Text(Text<'a>),
    /// An integer.
    Integer(i64),
    /// A number.
    Number(f64),
}

impl<'a> From<&'a str> for Metadata<'a> {
    fn from(text: &'a str) -> Self {
        Metadata::Text(text.into())
    }
}
impl From<i64> for Metadata<'_> {
    fn from(integer: i64) -> Self {
        Metadata::Integer(integer)
    }
}
impl From<f64> for Metadata<'_> {
    fn from(number: f64) -> Self {
        Metadata::Number(number)
    }
}

impl Exchange<'_> {
    /// What is set under the key.
    pub fn metadata(&self, key: MetadataKey) -> Option<Metadata<'_>> {
        let (x, key) = (self.handle(), key.0);
        let mut kind = 0u32;
        host_call!(metadata.type_(x, key, &mut kind)).ok()?;
        match kind {
            ffi::METADATA_TEXT => {
                let mut value = EMPTY;
                host_call!(metadata.get_text(x, key, &mut value)).ok()?;
                // SAFETY: the view lives until the key is set again, which borrows self anew.
                Some(Metadata::Text(unsafe { Text::from_raw(value) }))
            }
            ffi::METADATA_INTEGER => {
                let mut value = 0i64;
                host_call!(metadata.get_integer(x, key, &mut value)).ok()?;
                Some(Metadata::Integer(value))
            }
            ffi::METADATA_NUMBER => {
                let mut value = 0f64;
                host_call!(metadata.get_number(x, key, &mut value)).ok()?;
                Some(Metadata::Number(value))
            }
            _ => None,
        }
    }

    /// Sets it; the last set wins. `LIMIT` where the exchange's memory for texts is used up.
    pub fn set_metadata<'v>(&mut self, key: MetadataKey, value: impl Into<Metadata<'v>>) -> Result<(), Status> {
        let (x, key) = (self.handle(), key.0);
        match value.into() {
            Metadata::Text(text) => host_call!(metadata.set_text(x, key, to_str(&text))),
            Metadata::Integer(integer) => host_call!(metadata.set_integer(x, key, integer)),
            Metadata::Number(number) => host_call!(metadata.set_number(x, key, number)),
        }
    }
}
