//! Reading configuration (`cleat.config/1`), on the control thread. Nodes die with the call they were given to, so what is read is
//! copied out. Every mistake is recorded by the host at its file:line:column and reading goes on with the fallback: the load is
//! refused once `create` has returned, with all mistakes at once.

use core::marker::PhantomData;
use core::ops::RangeInclusive;
use core::time::Duration;

use crate::ffi;
use crate::host::{host_call, set_error};
use crate::status::Status;
use crate::text::{to_str, Text, EMPTY};

/// What a node is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Absent, or empty in the file.
    Null,
    /// A text, number, boolean, duration or size.
    Scalar,
    /// A list.
    List,
    /// A map.
    Map,
}

/// A node of configuration, or nothing where the key is absent. A value; copies are the same node. A key that was never asked for is
/// refused as unknown: ask for every key you know, each time.
#[derive(Clone, Copy)]
pub struct Config<'call> {
    node: u64,
    here: PhantomData<(&'call (), *mut ())>,
}

impl<'call> Config<'call> {
    pub(crate) fn new(node: u64) -> Config<'call> {
        Config { node, here: PhantomData }
    }

    /// What it is.
    pub fn kind(self) -> Kind {
        let mut kind = ffi::CONFIG_NULL;
        match host_call!(config.type_(self.node, &mut kind)).map(|()| kind) {
            Ok(ffi::CONFIG_SCALAR) => Kind::Scalar,
            Ok(ffi::CONFIG_LIST) => Kind::List,
            Ok(ffi::CONFIG_MAP) => Kind::Map,
            _ => Kind::Null,
        }
    }

    /// A map's value; None if absent or empty, or (recorded) if this is not a map.
    pub fn get(self, key: &str) -> Option<Config<'call>> {
        if self.kind() == Kind::Null {
            return None;
        }
        let mut node = 0u64;
        host_call!(config.get(self.node, to_str(key.as_bytes()), &mut node)).ok()?;
        let value = Config::new(node);
        (value.kind() != Kind::Null).then_some(value)
    }

    /// The same; an absent one is recorded as an error.
    pub fn required(self, key: &str) -> Option<Config<'call>> {
        let value = self.get(key);
        if value.is_none() {
            self.error(&format!("\"{}\" is required", key));
        }
        value
    }

    /// Members of a list or map, in the file's order; the key is empty in a list.
    pub fn members(self) -> Vec<(String, Config<'call>)> {
        let mut count = 0u64;
        if self.kind() == Kind::Null || host_call!(config.count(self.node, &mut count)).is_err() {
            return Vec::new();
        }
        let mut all = Vec::new();
        for index in 0..count {
            let (mut key, mut node) = (EMPTY, 0u64);
            if host_call!(config.at(self.node, index, &mut key, &mut node)).is_ok() {
                // SAFETY: the view lives until the call that the node was given to returns; it is copied at once.
                all.push((unsafe { Text::from_raw(key) }.to_string_lossy(), Config::new(node)));
            }
        }
        all
    }

    // --- this node itself; a failure is recorded where it stands ---

    /// A scalar's text.
    pub fn text(self) -> Result<String, Status> {
        let mut text = EMPTY;
        host_call!(config.text(self.node, &mut text))?;
        // SAFETY: as in members.
        Ok(unsafe { Text::from_raw(text) }.to_string_lossy())
    }
    /// A path as the operator meant it: relative ones are relative to the configuration file.
    pub fn path(self) -> Result<String, Status> {
        let mut text = EMPTY;
        host_call!(config.path(self.node, &mut text))?;
        // SAFETY: as in members.
        Ok(unsafe { Text::from_raw(text) }.to_string_lossy())
    }
    /// The whole subtree as JSON text, for a parser of your own; every key below counts as asked for.
    pub fn json(self) -> Result<String, Status> {
        let mut text = EMPTY;
        host_call!(config.json(self.node, &mut text))?;
        // SAFETY: as in members.
        Ok(unsafe { Text::from_raw(text) }.to_string_lossy())
    }
    /// An integer within a range.
    pub fn integer(self, range: RangeInclusive<i64>) -> Result<i64, Status> {
        let mut value = 0i64;
        host_call!(config.integer(self.node, *range.start(), *range.end(), &mut value))?;
        Ok(value)
    }
    /// A number.
    pub fn number(self) -> Result<f64, Status> {
        let mut value = 0f64;
        host_call!(config.number(self.node, &mut value))?;
        Ok(value)
    }
    /// true or false.
    pub fn boolean(self) -> Result<bool, Status> {
        let mut value = 0u32;
        host_call!(config.boolean(self.node, &mut value))?;
        Ok(value != 0)
    }
    /// A duration: 250ms, 2s, 1m, 1h.
    pub fn duration(self) -> Result<Duration, Status> {
        let mut value = 0u64;
        host_call!(config.duration_ms(self.node, &mut value))?;
        Ok(Duration::from_millis(value))
    }
    /// A size in bytes: 512, 16KiB, 1MB.
    pub fn bytes(self) -> Result<u64, Status> {
        let mut value = 0u64;
        host_call!(config.bytes(self.node, &mut value))?;
        Ok(value)
    }

    // --- a key's value, or the fallback where it is absent or (recorded) out of form ---

    /// The text of a key.
    pub fn text_or(self, key: &str, fallback: &str) -> String {
        self.get(key).and_then(|value| value.text().ok()).unwrap_or_else(|| fallback.to_owned())
    }
    /// The integer of a key, within a range.
    pub fn integer_or(self, key: &str, range: RangeInclusive<i64>, fallback: i64) -> i64 {
        self.get(key).and_then(|value| value.integer(range).ok()).unwrap_or(fallback)
    }
    /// The number of a key.
    pub fn number_or(self, key: &str, fallback: f64) -> f64 {
        self.get(key).and_then(|value| value.number().ok()).unwrap_or(fallback)
    }
    /// The boolean of a key.
    pub fn boolean_or(self, key: &str, fallback: bool) -> bool {
        self.get(key).and_then(|value| value.boolean().ok()).unwrap_or(fallback)
    }
    /// The duration of a key.
    pub fn duration_or(self, key: &str, fallback: Duration) -> Duration {
        self.get(key).and_then(|value| value.duration().ok()).unwrap_or(fallback)
    }
    /// The size of a key.
    pub fn bytes_or(self, key: &str, fallback: u64) -> u64 {
        self.get(key).and_then(|value| value.bytes().ok()).unwrap_or(fallback)
    }

    /// Records an error at this node, in the plugin's words. Reading goes on; the load will be refused.
    pub fn error(self, text: &str) {
        if host_call!(config.error(self.node, to_str(text.as_bytes()))).is_err() {
            set_error(text);
        }
    }
}
