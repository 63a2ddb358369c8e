//! State that workers share, kept over generations (`cleat.kv/1`): keys and values of any bytes in spaces, each with a bound. All of it is in
//! the memory of this process. Every call locks a part of the space for as long as it copies.

use core::time::Duration;

use crate::exchange::milliseconds;
use crate::ffi;
use crate::hooks::Create;
use crate::host::host_call;
use crate::status::Status;
use crate::text::to_str;

const KEY_BYTES_MAX: usize = 512; // of the host

/// A space. A value, for any thread: copies are the same space. It lives as long as an instance that has opened it, and is found as it was by
/// the next generation's; every call answers `STALE` once it is gone.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Kv(u64);

/// What is kept under a key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KvValue {
    /// The value.
    pub bytes: Vec<u8>,
    /// Names this state of this key: it changes with every change, and none comes twice in a space.
    pub version: u64,
}

impl<P> Create<'_, P> {
    fn open(&self, name: &str, flags: u32, bytes_max: u64) -> Result<Kv, Status> {
        let mut space = 0u64;
        host_call!(kv.open(self.instance(), to_str(name.as_bytes()), flags, bytes_max, &mut space))?;
        Ok(Kv(space))
    }
    /// The space of that name, 1 to 64 of A-Z a-z 0-9 _ . -, of instances of this name, made if there is none. `bytes_max`: of all entries,
    /// each counted with 96 more, 1 KiB to 1 GiB. `LIMIT`: 16 of this instance, or 1,024 in all.
    pub fn open_kv(&self, name: &str, bytes_max: u64) -> Result<Kv, Status> {
        self.open(name, 0, bytes_max)
    }
    /// The same, shared by all instances of this plugin.
    pub fn open_plugin_kv(&self, name: &str, bytes_max: u64) -> Result<Kv, Status> {
        self.open(name, ffi::KV_PLUGIN, bytes_max)
    }
}

/// 0 is for ever, so what is shorter than a millisecond is one.
fn ttl_ms(ttl: Duration) -> u64 {
    milliseconds(ttl).max(u64::from(!ttl.is_zero()))
}

/// None where the host says that there is none.
fn found<T>(result: Result<T, Status>) -> Result<Option<T>, Status> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(status) if status == Status::NOT_FOUND => Ok(None),
        Err(status) => Err(status),
    }
}

/// Keys are 1 to 512 bytes: `INVALID`. Values are at most 64 KiB, and what is in a full space lives on: `LIMIT`.
impl Kv {
    /// What is kept under the key; None: nothing is.
    pub fn get(self, key: impl AsRef<[u8]>) -> Result<Option<KvValue>, Status> {
        let key = to_str(key.as_ref());
        let (mut needed, mut version) = (0u64, 0u64);
        let mut bytes = vec![0u8; 256];
        loop {
            let got = host_call!(kv.get(self.0, key, bytes.as_mut_ptr(), bytes.len() as u64, &mut needed, &mut version));
            if got != Err(Status::TOO_SMALL) {
                bytes.truncate(needed as usize);
                return found(got.map(|()| KvValue { bytes, version }));
            }
            bytes.resize(needed as usize, 0); // it may have grown again by the next call
        }
    }
    /// Keeps a value for `ttl`, zero: for ever. What its version is then.
    pub fn set(self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>, ttl: Duration) -> Result<u64, Status> {
        let mut version = 0u64;
        host_call!(kv.set(self.0, to_str(key.as_ref()), to_str(value.as_ref()), ttl_ms(ttl), &mut version))?;
        Ok(version)
    }
    /// The same if the key's version is `expected`, 0: if there is no such key. `STALE`: it is another, and nothing is changed.
    pub fn set_if(self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>, expected: u64, ttl: Duration) -> Result<u64, Status> {
        let mut version = 0u64;
        host_call!(kv.set_if(self.0, to_str(key.as_ref()), to_str(value.as_ref()), ttl_ms(ttl), expected, &mut version))?;
        Ok(version)
    }
    /// Removes a key, if its version is `expected`, 0: whatever it is. `NOT_FOUND`, `STALE` as in [`set_if`](Self::set_if).
    pub fn remove(self, key: impl AsRef<[u8]>, expected: u64) -> Result<(), Status> {
        host_call!(kv.remove(self.0, to_str(key.as_ref()), expected))
    }
    /// Adds to a decimal integer, in one step: what it is then. One that is not there is 0, and lives for `ttl`; else its time stays as it is.
    /// `INVALID` where the value is no such number, or would leave 64 bits.
    pub fn add(self, key: impl AsRef<[u8]>, amount: i64, ttl: Duration) -> Result<i64, Status> {
        let mut value = 0i64;
        host_call!(kv.add(self.0, to_str(key.as_ref()), amount, ttl_ms(ttl), &mut value))?;
        Ok(value)
    }
    /// The first key behind `after`, in the order of bytes, that begins with `prefix`; both may be empty. None at the end. A walk that others
    /// change meanwhile sees each key that stays.
    pub fn next(self, prefix: impl AsRef<[u8]>, after: impl AsRef<[u8]>) -> Result<Option<Vec<u8>>, Status> {
        let mut key = vec![0u8; KEY_BYTES_MAX];
        let mut needed = 0u64;
        let got = host_call!(kv.next(self.0, to_str(prefix.as_ref()), to_str(after.as_ref()), key.as_mut_ptr(), key.len() as u64, &mut needed));
        key.truncate(needed as usize);
        found(got.map(|()| key))
    }
}
