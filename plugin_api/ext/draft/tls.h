/* cleat.tls/1 (draft): TLS, seen and decided by plugins. NOT IN 0.9: find() answers NULL for this id, which is reserved.
 *
 * Will give: the ClientHello (SNI, ALPN, versions) before a certificate is chosen; the choice of certificate by name of a secret,
 * with SUSPEND while it is fetched; the peer's chain for verification, and its verdict. The verified peer: ext/attributes.h, and on_tls.
 * For: SPIFFE identities, certificates on demand, pinning. */
#ifndef CLEAT_EXT_DRAFT_TLS_H
#define CLEAT_EXT_DRAFT_TLS_H
#include "../../types.h"

#define CLEAT_EXT_TLS "cleat.tls/1"

#endif
