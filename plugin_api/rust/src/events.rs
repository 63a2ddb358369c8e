//! Named events of the process (`cleat.events/1`): what is published under a name comes to [`OnEvent`](crate::OnEvent) of the plugins that
//! subscribed to it, on the control thread, one at a time. An event says that something is worth looking at: a full queue loses it.

use crate::handle::Handle;
use crate::hooks::Plugin;
use crate::host::host_call;
use crate::status::Status;
use crate::text::to_str;

impl<P: Plugin> Handle<P> {
    /// From now on, until the instance ends, [`OnEvent`](crate::OnEvent) is told of a name, or with `.*` after it of every name below it:
    /// 1 to 128 of A-Z a-z 0-9 _ - and dots. Control thread: in create. The host's own begin with `cleat.`, and `ext/events.h` has them.
    /// `LIMIT` over 64 of an instance.
    pub fn subscribe(self, pattern: &str) -> Result<(), Status> {
        host_call!(events.subscribe(self.instance, to_str(pattern.as_bytes())))
    }
    /// Tells all who subscribed to the name, this plugin too, once this has returned. Any thread. At most 4,096 bytes of data. `INVALID` for
    /// the host's names; `LIMIT`: 4,096 events wait already, and this one is lost.
    pub fn publish(self, name: &str, data: impl AsRef<[u8]>) -> Result<(), Status> {
        host_call!(events.publish(self.instance, to_str(name.as_bytes()), to_str(data.as_ref())))
    }
}
