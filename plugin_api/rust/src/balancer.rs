//! The plugin as the one who chooses endpoints, `balancer: {use: <instance>, config: ...}` of a cluster (`cleat.balancer/1`).

use crate::config::Config;
use crate::exchange::Exchange;
use crate::ffi;
use crate::hooks::Plugin;
use crate::host::host_call;
use crate::status::{Error, Status};
use crate::text::Text;

/// A plugin that chooses a cluster's endpoints.
pub trait Balancer: Plugin {
    /// What it keeps of one cluster, in one generation; all workers share it.
    type Set: Send + Sync + 'static;
    /// Makes a set, of the cluster's endpoints and its `balancer.config`. Control thread; as [`Plugin::create`].
    fn set_create(&self, endpoints: Endpoints, config: Config<'_>) -> Result<Self::Set, Error>;
    /// The endpoint for this attempt, less than [`Endpoints::len`]. None, what is out of range, and a panic, fall back to weighted round robin
    /// and are counted against the plugin. On a worker.
    fn pick(&self, set: &Self::Set, x: &mut Exchange<'_>) -> Option<usize>;
}

/// One endpoint of a cluster.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Endpoint {
    /// `ip:port`, `[ip]:port`, or the path of a Unix socket.
    pub address: String,
    /// 1 to 65535.
    pub weight: u32,
}

/// The endpoints of one cluster in one generation: to be kept in the set. Any thread.
#[derive(Clone, Debug)]
pub struct Endpoints {
    handle: u64,
    cluster: String,
    list: Vec<Endpoint>,
}

impl Endpoints {
    /// # Safety
    /// `set` is what the host has called set_create with, and it has not returned.
    pub(crate) unsafe fn from_raw(set: &ffi::EndpointSet) -> Endpoints {
        let at = |i: u64| {
            let one = &*((set.endpoints as *const u8).add((i * set.endpoint_stride) as usize) as *const ffi::Endpoint);
            Endpoint { address: Text::from_raw(one.address).to_string_lossy(), weight: one.weight }
        };
        let cluster = Text::from_raw(set.cluster_name).to_string_lossy();
        Endpoints { handle: set.cluster, cluster, list: (0..set.endpoint_count).map(at).collect() }
    }
    /// The cluster's name.
    pub fn cluster(&self) -> &str {
        &self.cluster
    }
    /// All of them, in the order of their numbers.
    pub fn list(&self) -> &[Endpoint] {
        &self.list
    }
    /// How many there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }
    /// Are there none?
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
    /// Exchanges that are under way to an endpoint, over all workers. `STALE`: the set is gone; `INVALID`: there is no such endpoint.
    pub fn in_flight(&self, index: usize) -> Result<u64, Status> {
        let mut count = 0u64;
        host_call!(balancer.in_flight(self.handle, index as u64, &mut count))?;
        Ok(count)
    }
    /// Health as the kernel's own choice sees it; healthy is the start.
    pub fn is_healthy(&self, index: usize) -> Result<bool, Status> {
        let mut healthy = 0u32;
        host_call!(balancer.health_get(self.handle, index as u64, &mut healthy))?;
        Ok(healthy != 0)
    }
    /// Unhealthy endpoints are passed over.
    pub fn set_healthy(&self, index: usize, healthy: bool) -> Result<(), Status> {
        host_call!(balancer.health_set(self.handle, index as u64, u32::from(healthy)))
    }
}

impl<'hook> Exchange<'hook> {
    /// In [`Balancer::pick`]: an earlier attempt of this exchange went to that endpoint, and a retry asked for another.
    pub fn tried(&self, index: usize) -> bool {
        let mut tried = 0u32;
        host_call!(balancer.tried(self.handle(), index as u64, &mut tried)).is_ok() && tried != 0
    }
}
