//! Facts about an exchange or its connection, by number (`cleat.attributes/1`): `x.text(attribute::LISTENER)`.
//! `plugin_api/ext/attributes.h` says which a connection has too.

/// An attribute that is a text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TextAttribute(pub(crate) u32);

/// An attribute that is a number. Times are microseconds since the request's first byte, of an exchange.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IntegerAttribute(pub(crate) u32);

/// `ip:port` of the downstream peer, `[ip]:port` for IPv6; a PROXY header's client.
pub const SOURCE_ADDRESS: TextAttribute = TextAttribute(1);
/// `ip:port` the connection was accepted on; a PROXY header's.
pub const DESTINATION_ADDRESS: TextAttribute = TextAttribute(2);
/// The name of the listener.
pub const LISTENER: TextAttribute = TextAttribute(3);
/// "HTTP/1.0", "HTTP/1.1", "HTTP/2" as received.
pub const PROTOCOL: TextAttribute = TextAttribute(4);
/// Name, or listener/position.
pub const ROUTE: TextAttribute = TextAttribute(5);
/// The cluster's name.
pub const CLUSTER: TextAttribute = TextAttribute(6);
/// `ip:port` of the latest attempt.
pub const ENDPOINT: TextAttribute = TextAttribute(7);
/// X-Request-Id as sent upstream.
pub const REQUEST_ID: TextAttribute = TextAttribute(8);
/// Why a reply was made here: kernel/README.md lists the kernel's flags.
pub const REPLY_FLAG: TextAttribute = TextAttribute(9);
/// The reason of the reply, or the kernel's own words.
pub const REPLY_REASON: TextAttribute = TextAttribute(10);
/// Instance that replied, or "kernel".
pub const REPLY_BY: TextAttribute = TextAttribute(11);
/// Target as received.
pub const ORIGINAL_TARGET: TextAttribute = TextAttribute(12);
/// Authority as received.
pub const ORIGINAL_HOST: TextAttribute = TextAttribute(13);
/// `ip:port` the client wanted before it was redirected, passed on (PROXY) or transparently taken.
pub const ORIGINAL_DESTINATION: TextAttribute = TextAttribute(14);
/// "TLSv1.2", "TLSv1.3".
pub const TLS_VERSION: TextAttribute = TextAttribute(32);
/// As the RFCs name it.
pub const TLS_CIPHER: TextAttribute = TextAttribute(33);
/// The name that the client asked for (SNI, RFC 6066).
pub const TLS_SERVER_NAME: TextAttribute = TextAttribute(34);
/// The protocol that was agreed on (RFC 7301).
pub const TLS_ALPN: TextAttribute = TextAttribute(35);
/// The subject of the client's certificate, RFC 2253.
pub const TLS_PEER_SUBJECT: TextAttribute = TextAttribute(36);
/// The issuer of the client's certificate, RFC 2253.
pub const TLS_PEER_ISSUER: TextAttribute = TextAttribute(37);
/// The first URI of that certificate, among the subject alternative names: a SPIFFE ID.
pub const TLS_PEER_URI: TextAttribute = TextAttribute(38);
/// The first DNS name of that certificate, among them.
pub const TLS_PEER_DNS: TextAttribute = TextAttribute(39);
/// SHA-256 of that certificate, 64 hexadecimal digits.
pub const TLS_PEER_FINGERPRINT: TextAttribute = TextAttribute(40);
/// Wall clock at accept (connection) or first byte (exchange).
pub const START_UNIX_US: IntegerAttribute = IntegerAttribute(100);
/// Last byte of the request received.
pub const REQUEST_END_US: IntegerAttribute = IntegerAttribute(101);
/// Latest attempt started.
pub const UPSTREAM_START_US: IntegerAttribute = IntegerAttribute(102);
/// Response head complete.
pub const UPSTREAM_HEAD_US: IntegerAttribute = IntegerAttribute(103);
/// Until now; in on_end: the whole.
pub const DURATION_US: IntegerAttribute = IntegerAttribute(104);
/// Received, without framing.
pub const REQUEST_BODY_BYTES: IntegerAttribute = IntegerAttribute(105);
/// Sent, without framing.
pub const RESPONSE_BODY_BYTES: IntegerAttribute = IntegerAttribute(106);
/// Received.
pub const REQUEST_HEAD_BYTES: IntegerAttribute = IntegerAttribute(107);
/// As sent; not found if nothing was.
pub const RESPONSE_STATUS: IntegerAttribute = IntegerAttribute(108);
/// How many there were.
pub const ATTEMPTS: IntegerAttribute = IntegerAttribute(109);
/// Unique in the process.
pub const CONNECTION_ID: IntegerAttribute = IntegerAttribute(110);
/// Requests so far, this one included.
pub const CONNECTION_REQUESTS: IntegerAttribute = IntegerAttribute(111);
/// Of the configuration.
pub const GENERATION: IntegerAttribute = IntegerAttribute(112);
/// On_end: 1 if the response was sent to its end.
pub const COMPLETE: IntegerAttribute = IntegerAttribute(113);
/// Of a connection with TLS: 1 if it resumed a session.
pub const TLS_RESUMED: IntegerAttribute = IntegerAttribute(114);
