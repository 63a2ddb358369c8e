//! TLS of clients (`cleat.tls/1`): what a ClientHello says before anything is answered, which certificate is shown, what the client's is.

use crate::exchange::Connection;
use crate::ffi;
use crate::hooks::Plugin;
use crate::host::host_call;
use crate::status::{Status, Verdict};
use crate::text::{to_str, Text, EMPTY};

/// A client begins a TLS handshake.
pub trait OnClientHello: Plugin {
    /// After on_connection, and before anything is answered. Replied closes the connection; Suspend holds the handshake back, for
    /// `timeouts.suspend` at most.
    fn on_client_hello(&self, connection: &mut Connection<'_>) -> Verdict;
}

/// A part of a ClientHello (RFC 8446, 4.1.2), as it came.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u32)]
pub enum HelloPart {
    /// legacy_version: 2 bytes.
    Version = ffi::TLS_VERSION,
    /// cipher_suites: 2 bytes each, in the client's order.
    Ciphers = ffi::TLS_CIPHERS,
    /// Types of the extensions: 2 bytes each, in their order.
    Extensions = ffi::TLS_EXTENSIONS,
    /// The host name of server_name, in lower case (RFC 6066, 3).
    ServerName = ffi::TLS_SERVER_NAME,
    /// The protocol names offered, a length byte before each (RFC 7301, 3.1).
    Alpn = ffi::TLS_ALPN,
}

impl<'hook> Connection<'hook> {
    /// A part of the ClientHello: in on_client_hello, and while it is suspended. None elsewhere, and where it has no such part.
    pub fn client_hello(&self, part: HelloPart) -> Option<Text<'_>> {
        let mut value = EMPTY;
        host_call!(tls.client_hello(self.handle(), part as u32, &mut value)).ok()?;
        // SAFETY: the view lives until the hook returns, or the suspended one is resumed, which takes effect after the callback.
        Some(unsafe { Text::from_raw(value) })
    }
    /// The data of the ClientHello's first extension of that type; as [`client_hello`](Self::client_hello).
    pub fn client_hello_extension(&self, kind: u16) -> Option<Text<'_>> {
        let mut data = EMPTY;
        host_call!(tls.extension(self.handle(), u32::from(kind), &mut data)).ok()?;
        // SAFETY: as in client_hello.
        Some(unsafe { Text::from_raw(data) })
    }
    /// Shows the certificate of that secret of the configuration, instead of what the name would choose: in on_client_hello, and while it is
    /// suspended, else `WRONG_PHASE`. `NOT_FOUND`: there is no such secret, or it has no certificate.
    pub fn use_certificate(&self, secret: &str) -> Result<(), Status> {
        host_call!(tls.certificate_use(self.handle(), to_str(secret.as_bytes())))
    }
    /// From on_tls on: a certificate of the client's chain in DER, its own first. None: there is none; a resumed session has the first alone.
    /// Whether it was verified is the listener's to say.
    pub fn peer_certificate(&self, index: u32) -> Option<Text<'_>> {
        let mut der = EMPTY;
        host_call!(tls.peer_certificate(self.handle(), index, &mut der)).ok()?;
        // SAFETY: it lives as long as the connection.
        Some(unsafe { Text::from_raw(der) })
    }
}
