package cleat

// #include "bridge.h"
import "C"

// TextAttribute is a fact about an exchange or its connection that is a text.
type TextAttribute uint32

// IntegerAttribute is a fact that is a number. Times are microseconds since the request's first byte, of an exchange.
type IntegerAttribute uint32

// Texts. plugin_api/ext/attributes.h says which a connection has too.
const (
	AttrSourceAddress       TextAttribute = C.CLEAT_ATTR_SOURCE_ADDRESS       // ip:port of the downstream peer, or a PROXY header's client
	AttrDestinationAddress  TextAttribute = C.CLEAT_ATTR_DESTINATION_ADDRESS  // ip:port the connection was accepted on; a PROXY header's
	AttrListener            TextAttribute = C.CLEAT_ATTR_LISTENER             // the name of the listener
	AttrProtocol            TextAttribute = C.CLEAT_ATTR_PROTOCOL             // "HTTP/1.0", "HTTP/1.1", "HTTP/2" as received
	AttrRoute               TextAttribute = C.CLEAT_ATTR_ROUTE                // name, or listener/position
	AttrCluster             TextAttribute = C.CLEAT_ATTR_CLUSTER              // the cluster's name
	AttrEndpoint            TextAttribute = C.CLEAT_ATTR_ENDPOINT             // ip:port of the latest attempt
	AttrRequestID           TextAttribute = C.CLEAT_ATTR_REQUEST_ID           // X-Request-Id as sent upstream
	AttrReplyFlag           TextAttribute = C.CLEAT_ATTR_REPLY_FLAG           // why a reply was made here: kernel/README.md lists the kernel's flags
	AttrReplyReason         TextAttribute = C.CLEAT_ATTR_REPLY_REASON         // the reason of the reply, or the kernel's own words
	AttrReplyBy             TextAttribute = C.CLEAT_ATTR_REPLY_BY             // instance that replied, or "kernel"
	AttrOriginalTarget      TextAttribute = C.CLEAT_ATTR_ORIGINAL_TARGET      // target as received
	AttrOriginalHost        TextAttribute = C.CLEAT_ATTR_ORIGINAL_HOST        // authority as received
	AttrOriginalDestination TextAttribute = C.CLEAT_ATTR_ORIGINAL_DESTINATION // ip:port the client wanted before it was redirected
	AttrTLSVersion          TextAttribute = C.CLEAT_ATTR_TLS_VERSION          // "TLSv1.2", "TLSv1.3"
	AttrTLSCipher           TextAttribute = C.CLEAT_ATTR_TLS_CIPHER           // as the RFCs name it
	AttrTLSServerName       TextAttribute = C.CLEAT_ATTR_TLS_SERVER_NAME      // the name that the client asked for (SNI, RFC 6066)
	AttrTLSALPN             TextAttribute = C.CLEAT_ATTR_TLS_ALPN             // the protocol that was agreed on (RFC 7301)
	AttrTLSPeerSubject      TextAttribute = C.CLEAT_ATTR_TLS_PEER_SUBJECT     // the subject of the client's certificate, RFC 2253
	AttrTLSPeerIssuer       TextAttribute = C.CLEAT_ATTR_TLS_PEER_ISSUER      // the issuer of the client's certificate, RFC 2253
	AttrTLSPeerURI          TextAttribute = C.CLEAT_ATTR_TLS_PEER_URI         // the first URI of that certificate: a SPIFFE ID
	AttrTLSPeerDNS          TextAttribute = C.CLEAT_ATTR_TLS_PEER_DNS         // the first DNS name of that certificate
	AttrTLSPeerFingerprint  TextAttribute = C.CLEAT_ATTR_TLS_PEER_FINGERPRINT // SHA-256 of that certificate, 64 hexadecimal digits
)

// Numbers.
const (
	AttrStartUnixUS        IntegerAttribute = C.CLEAT_ATTR_START_UNIX_US       // wall clock at accept (connection) or first byte (exchange)
	AttrRequestEndUS       IntegerAttribute = C.CLEAT_ATTR_REQUEST_END_US      // last byte of the request received
	AttrUpstreamStartUS    IntegerAttribute = C.CLEAT_ATTR_UPSTREAM_START_US   // latest attempt started
	AttrUpstreamHeadUS     IntegerAttribute = C.CLEAT_ATTR_UPSTREAM_HEAD_US    // response head complete
	AttrDurationUS         IntegerAttribute = C.CLEAT_ATTR_DURATION_US         // until now; in OnEnd: the whole
	AttrRequestBodyBytes   IntegerAttribute = C.CLEAT_ATTR_REQUEST_BODY_BYTES  // received, without framing
	AttrResponseBodyBytes  IntegerAttribute = C.CLEAT_ATTR_RESPONSE_BODY_BYTES // sent, without framing
	AttrRequestHeadBytes   IntegerAttribute = C.CLEAT_ATTR_REQUEST_HEAD_BYTES  // received
	AttrResponseStatus     IntegerAttribute = C.CLEAT_ATTR_RESPONSE_STATUS     // as sent; not found if nothing was
	AttrAttempts           IntegerAttribute = C.CLEAT_ATTR_ATTEMPTS            // how many there were
	AttrConnectionID       IntegerAttribute = C.CLEAT_ATTR_CONNECTION_ID       // unique in the process
	AttrConnectionRequests IntegerAttribute = C.CLEAT_ATTR_CONNECTION_REQUESTS // requests so far, this one included
	AttrGeneration         IntegerAttribute = C.CLEAT_ATTR_GENERATION          // of the configuration
	AttrComplete           IntegerAttribute = C.CLEAT_ATTR_COMPLETE            // OnEnd: 1 if the response was sent to its end
	AttrTLSResumed         IntegerAttribute = C.CLEAT_ATTR_TLS_RESUMED         // of a connection with TLS: 1 if it resumed a session
)
