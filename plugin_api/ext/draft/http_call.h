/* cleat.http_call/1 (draft): calls to clusters, from plugins. NOT IN 0.9: find() answers NULL for this id, which is reserved.
 *
 * Will give: a request to a named cluster, from an exchange or on a worker's own account, with the whole answer in one callback or
 * streamed; a deadline for each call; cancel by handle; a bound on answer bytes and on calls in flight of an instance. Never completes
 * before the function that started it has returned; a call whose exchange has ended is cancelled and says so.
 * For: external authorisation, JWKS, token exchange, rate limit services, exporters. */
#ifndef CLEAT_EXT_DRAFT_HTTP_CALL_H
#define CLEAT_EXT_DRAFT_HTTP_CALL_H
#include "../../types.h"

#define CLEAT_EXT_HTTP_CALL "cleat.http_call/1"

#endif
