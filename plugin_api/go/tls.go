package cleat

// #include "bridge.h"
import "C"

// HelloPart is a part of a ClientHello (RFC 8446, 4.1.2), as it came.
type HelloPart uint32

// Parts of a ClientHello.
const (
	HelloVersion    HelloPart = C.CLEAT_TLS_VERSION     // legacy_version: 2 bytes
	HelloCiphers    HelloPart = C.CLEAT_TLS_CIPHERS     // cipher_suites: 2 bytes each, in the client's order
	HelloExtensions HelloPart = C.CLEAT_TLS_EXTENSIONS  // types of the extensions: 2 bytes each, in their order
	HelloServerName HelloPart = C.CLEAT_TLS_SERVER_NAME // the host name of server_name, in lower case (RFC 6066, 3)
	HelloALPN       HelloPart = C.CLEAT_TLS_ALPN        // the protocol names offered, a length byte before each (RFC 7301, 3.1)
)

// ClientHello gives a part of the ClientHello: in OnClientHello, and while it is suspended. False elsewhere, and where it has no such part.
func (c *Connection) ClientHello(part HelloPart) (string, bool) {
	return text(C.go_client_hello(c.handle, C.uint32_t(part)))
}

// ClientHelloExtension gives the data of the ClientHello's first extension of that type; as ClientHello.
func (c *Connection) ClientHelloExtension(kind uint16) (string, bool) {
	return text(C.go_client_hello_extension(c.handle, C.uint32_t(kind)))
}

// UseCertificate shows the certificate of that secret of the configuration, instead of what the name would choose: in OnClientHello, and while
// it is suspended, else ErrWrongPhase. ErrNotFound: there is no such secret, or it has no certificate.
func (c *Connection) UseCertificate(secret string) error {
	return check(C.go_certificate_use(c.handle, in(secret), size(secret)))
}

// PeerCertificate gives a certificate of the client's chain in DER, its own first: from OnTLS on. False: there is none; a resumed session has
// the first alone. Whether it was verified is the listener's to say.
func (c *Connection) PeerCertificate(index uint32) (string, bool) {
	return text(C.go_peer_certificate(c.handle, C.uint32_t(index)))
}
