//! Configuration from elsewhere than the file (`cleat.config_source/1`): a source stages resources, each a YAML or JSON text of one member of the
//! file's section of that kind, and commits them all at once. It owns the names it has brought. Endpoints change without a commit.

use core::ffi::c_void;
use core::marker::PhantomData;
use core::mem::size_of;

use crate::config::Config;
use crate::ffi;
use crate::handle::{own, Handle};
use crate::hooks::Plugin;
use crate::host::host_call;
use crate::panics::guard_void;
use crate::status::{Error, Status};
use crate::table::plugin_of;
use crate::text::{to_str, Text};

/// A plugin that brings endpoints to clusters with `discovery: {use: <instance>, config: ...}`.
pub trait Discovery: Plugin {
    /// What a cluster wants of it: dropped, on the control thread, when it wants no more.
    type Watch: Send + 'static;
    /// A new or changed cluster wants its endpoints, through [`Handle::set_endpoints`]: now, or whenever they are known. The configuration
    /// switches to it with its first list, or after a few seconds without. Two watches of one name may be there for a while: the new one begins
    /// before the old ends, and a list is for both; if the new one ends first, what the old one wants is to be given again. Control thread.
    fn watch(&self, cluster: &str, config: Config<'_>) -> Result<Self::Watch, Error>;
}

/// A section of the configuration.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u32)]
pub enum Resource {
    /// Of `listeners:`.
    Listener = ffi::SOURCE_LISTENER,
    /// Of `route_tables:`.
    RouteTable = ffi::SOURCE_ROUTE_TABLE,
    /// Of `clusters:`.
    Cluster = ffi::SOURCE_CLUSTER,
    /// Of `secrets:`.
    Secret = ffi::SOURCE_SECRET,
}

/// One endpoint of a list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SourceEndpoint<'a> {
    /// `ip:port`, `[ip]:port`; at most once in a list.
    pub address: &'a str,
    /// 1 to 65535.
    pub weight: u32,
    /// If not it is passed over, as long as there are others.
    pub healthy: bool,
}

/// What became of a commit. Dies when the function it is given to returns.
#[derive(Clone, Copy, Debug)]
pub struct Committed<'a> {
    /// Ok: in force. `INVALID`: refused, and nothing has changed. `STALE`: another instance has taken this one's place. `FAILED`: the process ends.
    pub status: Result<(), Status>,
    /// Which of this source's is in force now.
    pub version: u64,
    /// Where it was refused, the reasons: `<source>/<kind>/<name>:line:column: ...`, a line each.
    pub text: Text<'a>,
}

/// A transaction of a source, abandoned unless it is committed. Any thread.
pub struct Transaction<P> {
    handle: u64, // 0: it has ended
    of: PhantomData<fn(P)>,
}

impl<P: Plugin> Handle<P> {
    /// Begins a transaction. `replace`: what this source holds and the transaction does not stage is removed. Any thread. `LIMIT` over 16 open
    /// ones.
    pub fn begin(self, replace: bool) -> Result<Transaction<P>, Status> {
        let flags = if replace { ffi::SOURCE_REPLACE } else { 0 };
        let mut handle = 0u64;
        host_call!(config_source.begin(self.instance, flags, &mut handle))?;
        Ok(Transaction { handle, of: PhantomData })
    }
    /// All endpoints of a cluster from now on, of one that this source holds, has staged or watches: else `NOT_FOUND`. Any thread. Nothing is
    /// rebuilt; of lists that follow each other quickly only the last may be seen. `LIMIT` over 65,536.
    pub fn set_endpoints(self, cluster: &str, list: &[SourceEndpoint<'_>]) -> Result<(), Status> {
        let size = size_of::<ffi::SourceEndpoint>();
        let to_raw = |one: &SourceEndpoint<'_>| ffi::SourceEndpoint {
            size: size as u32,
            weight: one.weight,
            address: to_str(one.address.as_bytes()),
            flags: if one.healthy { 0 } else { ffi::SOURCE_UNHEALTHY },
            reserved: 0,
        };
        let raw: Vec<_> = list.iter().map(to_raw).collect();
        host_call!(config_source.endpoints(self.instance, to_str(cluster.as_bytes()), raw.as_ptr(), raw.len() as u64, size as u64))
    }
    /// How many commits of this source were accepted so far. Any thread.
    pub fn source_version(self) -> Result<u64, Status> {
        let mut version = 0u64;
        host_call!(config_source.version(self.instance, &mut version))?;
        Ok(version)
    }
}

impl<P: Plugin> Transaction<P> {
    /// Reads the document on this thread, which takes its time: not on a worker. What is wrong with it is the commit's to say. The same name
    /// again replaces. `LIMIT` over 4 MiB of one, 128 MiB or 100,000 of all sources' resources.
    pub fn stage(&mut self, kind: Resource, name: &str, document: &str) -> Result<(), Status> {
        host_call!(config_source.stage(self.handle, kind as u32, to_str(name.as_bytes()), to_str(document.as_bytes())))
    }
    /// Removes a resource of this source, also where there is none.
    pub fn remove(&mut self, kind: Resource, name: &str) -> Result<(), Status> {
        host_call!(config_source.remove(self.handle, kind as u32, to_str(name.as_bytes())))
    }
    /// Ends the transaction: `committed` is called once, on the control thread, with what became of it, unless the instance ends before.
    /// `LIMIT`: 1,024 commits wait; where this fails the transaction is abandoned.
    pub fn commit<F>(mut self, committed: F) -> Result<(), Status>
    where
        F: FnOnce(&P, Committed<'_>) + Send + 'static,
    {
        own(committed, |user| host_call!(config_source.commit(self.handle, Some(on_commit::<P, F>), user)))?;
        self.handle = 0;
        Ok(())
    }
}

impl<P> Drop for Transaction<P> {
    fn drop(&mut self) {
        if self.handle != 0 {
            let _ = host_call!(config_source.abandon(self.handle));
        }
    }
}

unsafe extern "C" fn on_commit<P, F>(instance: *mut c_void, status: ffi::Status, version: u64, text: ffi::Str, user: *mut c_void)
where
    P: Plugin,
    F: FnOnce(&P, Committed<'_>),
{
    // SAFETY: the host calls it as `commit` promises, with the `user` that was handed over for just this F.
    guard_void::<P>(instance, || {
        let committed = Box::from_raw(user as *mut F);
        committed(plugin_of::<P>(instance), Committed { status: Status::check(status), version, text: Text::from_raw(text) });
    });
}
