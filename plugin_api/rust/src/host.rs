//! This plugin's copy of the host's tables. Filled in once, by `cleat_plugin_v1`, before any other call; read-only after. Copies have
//! every entry this crate knows: one beyond the host's own `size` is None here, and a call through it answers `UNSUPPORTED`.

use core::cell::UnsafeCell;
use core::mem::size_of;
use core::ptr;

use crate::ffi;
use crate::text::to_str;

/// What the host offers, found once. An absent extension is a table of Nones with size 0.
pub(crate) struct Tables {
    pub core: ffi::Host,
    pub attributes: ffi::HostAttributes,
    pub balancer: ffi::HostBalancer,
    pub body: ffi::HostBody,
    pub config: ffi::HostConfig,
    pub config_source: ffi::HostConfigSource,
    pub control: ffi::HostControl,
    pub events: ffi::HostEvents,
    pub handler: ffi::HostHandler,
    pub handover: ffi::HostHandover,
    pub http_call: ffi::HostHttpCall,
    pub kv: ffi::HostKv,
    pub metadata: ffi::HostMetadata,
    pub metrics: ffi::HostMetrics,
    pub post: ffi::HostPost,
    pub timer: ffi::HostTimer,
    pub tls: ffi::HostTls,
}

union Zeroed {
    bytes: [u8; size_of::<Tables>()],
    tables: core::mem::ManuallyDrop<Tables>,
}

struct Slot(UnsafeCell<Zeroed>);
// SAFETY: written once, by `enter`, on the control thread, before the host calls anything else of the plugin.
unsafe impl Sync for Slot {}

static SLOT: Slot = Slot(UnsafeCell::new(Zeroed { bytes: [0; size_of::<Tables>()] }));

/// The tables; all None before `enter`.
#[inline]
pub(crate) fn tables() -> &'static Tables {
    // SAFETY: zero bytes are a value of Tables: null pointers, None for functions, 0 for numbers. See Slot for the absence of races.
    unsafe { &(*SLOT.0.get()).tables }
}

/// Copies as much of a table as both sides know; the rest stays zero.
unsafe fn copy_table<T>(from: *const u8, to: *mut T) {
    if from.is_null() {
        return;
    }
    let size = ptr::read(from as *const u32) as usize;
    ptr::copy_nonoverlapping(from, to as *mut u8, size.min(size_of::<T>()));
}

/// False where the host is older than anything this crate can work with: the loader has refused it before, by the note.
///
/// # Safety
/// `host` is the table that `cleat_plugin_v1` was called with, and this is called from there.
pub(crate) unsafe fn enter(host: *const ffi::Host) -> bool {
    if ((*host).size as usize) < size_of::<ffi::Host>() {
        return false;
    }
    let find = match (*host).find {
        Some(find) => find,
        None => return false,
    };
    let to = SLOT.0.get() as *mut Tables;
    copy_table(host as *const u8, ptr::addr_of_mut!((*to).core));
    let found = |id: &str| find(to_str(id.as_bytes())) as *const u8;
    copy_table(found(ffi::EXT_ATTRIBUTES), ptr::addr_of_mut!((*to).attributes));
    copy_table(found(ffi::EXT_BALANCER), ptr::addr_of_mut!((*to).balancer));
    copy_table(found(ffi::EXT_BODY), ptr::addr_of_mut!((*to).body));
    copy_table(found(ffi::EXT_CONFIG), ptr::addr_of_mut!((*to).config));
    copy_table(found(ffi::EXT_CONFIG_SOURCE), ptr::addr_of_mut!((*to).config_source));
    copy_table(found(ffi::EXT_CONTROL), ptr::addr_of_mut!((*to).control));
    copy_table(found(ffi::EXT_EVENTS), ptr::addr_of_mut!((*to).events));
    copy_table(found(ffi::EXT_HANDLER), ptr::addr_of_mut!((*to).handler));
    copy_table(found(ffi::EXT_HANDOVER), ptr::addr_of_mut!((*to).handover));
    copy_table(found(ffi::EXT_HTTP_CALL), ptr::addr_of_mut!((*to).http_call));
    copy_table(found(ffi::EXT_KV), ptr::addr_of_mut!((*to).kv));
    copy_table(found(ffi::EXT_METADATA), ptr::addr_of_mut!((*to).metadata));
    copy_table(found(ffi::EXT_METRICS), ptr::addr_of_mut!((*to).metrics));
    copy_table(found(ffi::EXT_POST), ptr::addr_of_mut!((*to).post));
    copy_table(found(ffi::EXT_TIMER), ptr::addr_of_mut!((*to).timer));
    copy_table(found(ffi::EXT_TLS), ptr::addr_of_mut!((*to).tls));
    true
}

/// Calls `$table.$entry(arguments)` of the host: a `Result<(), Status>`; UNSUPPORTED where the host has no such entry. The arguments
/// are evaluated outside of the block that is unsafe.
macro_rules! host_call {
    ($table:ident . $entry:ident ( $($argument:expr),* $(,)? )) => {
        match $crate::host::tables().$table.$entry {
            None => Err($crate::Status::UNSUPPORTED),
            // SAFETY: an entry of the host's table, with the types ffi.rs was checked for; pointers are to locals of the caller, or to
            // texts that it borrows, and the host does not keep them.
            Some(function) => $crate::Status::check(unsafe { function($($argument),*) }),
        }
    };
}
pub(crate) use host_call;

/// The host's words on this thread's last failed call, cut at 512 bytes. Any thread.
pub fn error_text() -> String {
    let mut buffer = [0u8; 512];
    let mut needed = 0u64;
    match host_call!(core.error_text(buffer.as_mut_ptr(), buffer.len() as u64, &mut needed)) {
        Err(status) if status == crate::Status::UNSUPPORTED => String::new(),
        _ => String::from_utf8_lossy(&buffer[..(needed as usize).min(buffer.len())]).into_owned(),
    }
}

/// Says why the hook that is running is about to fail. [`fail`](crate::fail) does both.
pub fn set_error(text: &str) {
    let _ = host_call!(core.set_error(to_str(text.as_bytes())));
}

/// The running worker's number, less than [`Create::workers`](crate::Create::workers); None on any other thread.
pub fn worker() -> Option<u32> {
    let mut index = 0u32;
    host_call!(core.worker_index(&mut index)).ok().map(|()| index)
}
