/* cleat.tls/1: TLS of clients, seen and decided by plugins: what a ClientHello says, before anything is answered; which certificate is
 * shown; what the client's certificate is. Who it is when all is done: on_tls, and ext/attributes.h. */
#ifndef CLEAT_EXT_TLS_H
#define CLEAT_EXT_TLS_H
#include "../types.h"
#ifdef __cplusplus
extern "C" {
#endif

#define CLEAT_EXT_TLS "cleat.tls/1"

/* Parts of a ClientHello (RFC 8446 4.1.2), as they came. */
#define CLEAT_TLS_VERSION UINT32_C(1)     /* legacy_version: 2 bytes */
#define CLEAT_TLS_CIPHERS UINT32_C(2)     /* cipher_suites: 2 bytes each, in the client's order */
#define CLEAT_TLS_EXTENSIONS UINT32_C(3)  /* types of the extensions: 2 bytes each, in their order */
#define CLEAT_TLS_SERVER_NAME UINT32_C(4) /* the host name of server_name, in lower case (RFC 6066 3) */
#define CLEAT_TLS_ALPN UINT32_C(5)        /* the protocol names offered, a length byte before each (RFC 7301 3.1) */

typedef struct cleat_host_tls {
  uint32_t size;
  uint32_t reserved;
  /* [worker] In on_client_hello, and while it is suspended: else CLEAT_WRONG_PHASE. CLEAT_NOT_FOUND: it has no such part. Views live until
   * the hook returns; of a suspended one, until it is resumed. */
  cleat_status (*client_hello)(cleat_conn conn, uint32_t part, cleat_str *value);
  /* [worker] As above: the data of the first extension of that type. */
  cleat_status (*extension)(cleat_conn conn, uint32_t type, cleat_str *data);
  /* [worker] As above: shows the certificate of that secret of the configuration, instead of what the name would choose.
   * CLEAT_NOT_FOUND: the connection's generation has no such secret, or it has no certificate. */
  cleat_status (*certificate_use)(cleat_conn conn, cleat_str secret);
  /* [worker] From on_tls on: a certificate of the client's chain in DER, its own first. CLEAT_NOT_FOUND: there is none; a resumed session
   * has the first alone. Verified or not: that is what `client_certificate: unverified` is for, with the verdict of on_tls. */
  cleat_status (*peer_certificate)(cleat_conn conn, uint32_t index, cleat_str *der);
} cleat_host_tls;

/* The plugin's half. */
typedef struct cleat_plugin_tls {
  uint32_t size;
  uint32_t reserved;
  /* [worker] After on_connection, outermost first. Verdicts as there: SUSPEND holds the handshake back, for timeouts.suspend at most. */
  cleat_verdict (*on_client_hello)(void *instance, cleat_conn conn);
} cleat_plugin_tls;

#ifdef __cplusplus
}
#endif
#endif
