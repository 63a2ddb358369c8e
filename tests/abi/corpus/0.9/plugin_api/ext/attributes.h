/* cleat.attributes/1: facts about an exchange or its connection, by number: one call, no strings to compare.
 * `subject` is a cleat_exchange, or a cleat_conn for the connection's own. CLEAT_NOT_FOUND: not known (yet). */
#ifndef CLEAT_EXT_ATTRIBUTES_H
#define CLEAT_EXT_ATTRIBUTES_H
#include "../types.h"
#ifdef __cplusplus
extern "C" {
#endif

#define CLEAT_EXT_ATTRIBUTES "cleat.attributes/1"

/* Text. C: of a connection too. */
#define CLEAT_ATTR_SOURCE_ADDRESS UINT32_C(1)      /* C  ip:port of the downstream peer, [ip]:port for IPv6; a PROXY header's client */
#define CLEAT_ATTR_DESTINATION_ADDRESS UINT32_C(2) /* C  ip:port the connection was accepted on; a PROXY header's */
#define CLEAT_ATTR_LISTENER UINT32_C(3)            /* C  name */
#define CLEAT_ATTR_PROTOCOL UINT32_C(4)            /*    "HTTP/1.0", "HTTP/1.1", "HTTP/2" as received */
#define CLEAT_ATTR_ROUTE UINT32_C(5)               /*    name, or listener/position */
#define CLEAT_ATTR_CLUSTER UINT32_C(6)
#define CLEAT_ATTR_ENDPOINT UINT32_C(7)            /*    ip:port of the latest attempt */
#define CLEAT_ATTR_REQUEST_ID UINT32_C(8)          /*    X-Request-Id as sent upstream */
#define CLEAT_ATTR_REPLY_FLAG UINT32_C(9)          /*    why a reply was made here: kernel/README.md lists the kernel's flags */
#define CLEAT_ATTR_REPLY_REASON UINT32_C(10)       /*    cleat_reply.reason, or the kernel's own words */
#define CLEAT_ATTR_REPLY_BY UINT32_C(11)           /*    instance that replied, or "kernel" */
#define CLEAT_ATTR_ORIGINAL_TARGET UINT32_C(12)    /*    target as received */
#define CLEAT_ATTR_ORIGINAL_HOST UINT32_C(13)      /*    authority as received */
#define CLEAT_ATTR_ORIGINAL_DESTINATION UINT32_C(14) /* C  ip:port the client wanted before it was redirected, passed on (PROXY) or transparently taken */
/* Of a connection with TLS, once its handshake is done: from on_tls on. What a certificate says is said where it was verified alone. */
#define CLEAT_ATTR_TLS_VERSION UINT32_C(32)        /* C  "TLSv1.2", "TLSv1.3" */
#define CLEAT_ATTR_TLS_CIPHER UINT32_C(33)         /* C  as the RFCs name it */
#define CLEAT_ATTR_TLS_SERVER_NAME UINT32_C(34)    /* C  that the client asked for (SNI, RFC 6066) */
#define CLEAT_ATTR_TLS_ALPN UINT32_C(35)           /* C  that was agreed on (RFC 7301) */
#define CLEAT_ATTR_TLS_PEER_SUBJECT UINT32_C(36)   /* C  of the client's certificate, RFC 2253 */
#define CLEAT_ATTR_TLS_PEER_ISSUER UINT32_C(37)    /* C */
#define CLEAT_ATTR_TLS_PEER_URI UINT32_C(38)       /* C  its first URI among the subject alternative names: a SPIFFE ID */
#define CLEAT_ATTR_TLS_PEER_DNS UINT32_C(39)       /* C  its first DNS name among them */
#define CLEAT_ATTR_TLS_PEER_FINGERPRINT UINT32_C(40) /* C  SHA-256 of it, 64 hexadecimal digits */

/* Integers. Times are microseconds since the request's first byte, of an exchange. */
#define CLEAT_ATTR_START_UNIX_US UINT32_C(100)     /* C  wall clock at accept (connection) or first byte (exchange) */
#define CLEAT_ATTR_REQUEST_END_US UINT32_C(101)    /*    last byte of the request received */
#define CLEAT_ATTR_UPSTREAM_START_US UINT32_C(102) /*    latest attempt started */
#define CLEAT_ATTR_UPSTREAM_HEAD_US UINT32_C(103)  /*    response head complete */
#define CLEAT_ATTR_DURATION_US UINT32_C(104)       /*    until now; in on_end: the whole */
#define CLEAT_ATTR_REQUEST_BODY_BYTES UINT32_C(105)  /* received, without framing */
#define CLEAT_ATTR_RESPONSE_BODY_BYTES UINT32_C(106) /* sent, without framing */
#define CLEAT_ATTR_REQUEST_HEAD_BYTES UINT32_C(107)
#define CLEAT_ATTR_RESPONSE_STATUS UINT32_C(108)   /*    as sent; not found if nothing was */
#define CLEAT_ATTR_ATTEMPTS UINT32_C(109)
#define CLEAT_ATTR_CONNECTION_ID UINT32_C(110)     /* C  unique in the process */
#define CLEAT_ATTR_CONNECTION_REQUESTS UINT32_C(111) /* C  requests so far, this one included */
#define CLEAT_ATTR_GENERATION UINT32_C(112)        /* C */
#define CLEAT_ATTR_COMPLETE UINT32_C(113)          /*    on_end: 1 if the response was sent to its end */
#define CLEAT_ATTR_TLS_RESUMED UINT32_C(114)       /* C  of a connection with TLS: 1 if it resumed a session */

typedef struct cleat_host_attributes {
  uint32_t size;
  uint32_t reserved;
  /* [worker] Views live until the hook returns. */
  cleat_status (*text)(uint64_t subject, uint32_t attribute, cleat_str *value);
  /* [worker] */
  cleat_status (*integer)(uint64_t subject, uint32_t attribute, int64_t *value);
} cleat_host_attributes;

#ifdef __cplusplus
}
#endif
#endif
