/* cleat.config_source/1: configuration from elsewhere than the file. A source stages resources, each a YAML or JSON text of one list
 * member of the file's section of that kind (`name` may be left out), and commits them all at once: what is then in force is the
 * file and what all sources hold. A source owns its names; what it refers to may be the file's or another source's, and paths in it
 * are absolute. What it holds outlives its instance under the same name, and leaves when the file no longer has that name. An instance
 * whose place another of its name has taken is answered CLEAT_STALE by all of this. */
#ifndef CLEAT_EXT_CONFIG_SOURCE_H
#define CLEAT_EXT_CONFIG_SOURCE_H
#include "../types.h"
#ifdef __cplusplus
extern "C" {
#endif

#define CLEAT_EXT_CONFIG_SOURCE "cleat.config_source/1"

#define CLEAT_SOURCE_LISTENER UINT32_C(1)    /* listeners: */
#define CLEAT_SOURCE_ROUTE_TABLE UINT32_C(2) /* route_tables: */
#define CLEAT_SOURCE_CLUSTER UINT32_C(3)     /* clusters: */
#define CLEAT_SOURCE_SECRET UINT32_C(4)      /* secrets: */

#define CLEAT_SOURCE_REPLACE UINT32_C(1)   /* begin: what the source holds and this transaction does not stage is removed */
#define CLEAT_SOURCE_UNHEALTHY UINT32_C(1) /* endpoint: known, and passed over while there are others */

typedef struct cleat_source_endpoint {
  uint32_t size;
  uint32_t weight;   /* 1..65535 */
  cleat_str address; /* ip:port, [ip]:port; at most once in a list */
  uint32_t flags;    /* CLEAT_SOURCE_UNHEALTHY */
  uint32_t reserved;
} cleat_source_endpoint;

/* [control] What became of a commit. CLEAT_OK: it is in force, as `version` of this source. CLEAT_INVALID: refused, nothing has changed,
 * `version` is still the one in force, and `text` has the reasons, "<source>/<kind>/<name>:line:column: ..." a line each.
 * CLEAT_STALE: another instance has taken this one's place; CLEAT_FAILED: the process is ending. */
typedef void (*cleat_commit_fn)(void *instance, cleat_status status, uint64_t version, cleat_str text, void *user);

typedef struct cleat_host_config_source {
  uint32_t size;
  uint32_t reserved;
  /* [any] A transaction; CLEAT_LIMIT over 16 open ones of an instance. */
  cleat_status (*begin)(cleat_instance self, uint32_t flags, uint64_t *transaction);
  /* [any] Reads the document on this thread, which takes its time: not on a worker. What is wrong with it is the commit's to say.
   * CLEAT_LIMIT over 4 MiB of one, 128 MiB or 100,000 of all sources' resources. The same name again replaces. */
  cleat_status (*stage)(uint64_t transaction, uint32_t kind, cleat_str name, cleat_str document);
  cleat_status (*remove)(uint64_t transaction, uint32_t kind, cleat_str name); /* [any] also where there is none */
  /* [any] Ends the transaction. Commits are made in their order, those of an instance that is being created once it is in force. Of
   * several that wait, each gets the answer that it would get alone. When CLEAT_OK is returned fn (may be NULL) is called once,
   * unless the instance is destroyed before. CLEAT_LIMIT when 1,024 commits wait: the transaction is then still open. */
  cleat_status (*commit)(uint64_t transaction, cleat_commit_fn fn, void *user);
  cleat_status (*abandon)(uint64_t transaction); /* [any] ends it without effect */
  /* [any] All endpoints of a cluster, from now on: of one that this source holds, has staged, or watches (below); else CLEAT_NOT_FOUND. No
   * document is read and nothing is rebuilt; of lists that follow each other quickly only the last may be seen. A list stays through
   * later commits. It is the name's: while a cluster is being replaced, or its replacement is refused, the one in force has it too. At most 65,536 endpoints, 1,000,000 in all: CLEAT_LIMIT. `stride`: bytes from one to the next. */
  cleat_status (*endpoints)(cleat_instance self, cleat_str cluster, const cleat_source_endpoint *list, uint64_t count, uint64_t stride);
  cleat_status (*version)(cleat_instance self, uint64_t *version); /* [any] accepted commits of this source so far */
} cleat_host_config_source;

/* The plugin's half: for clusters with `discovery: {use: <instance>, config: ...}`. */
typedef struct cleat_plugin_config_source {
  uint32_t size;
  uint32_t reserved;
  /* [control] A new or changed cluster wants its endpoints, through host->endpoints. The configuration switches to it with its first
   * list, or after a few seconds without. Two watches of one name may be there for a while: the new one begins before the old ends,
   * and a list is for both: if the new one ends first its configuration was refused, and what the old one wants is to be given again. */
  cleat_status (*watch)(void *instance, cleat_str cluster, cleat_config config, void **watch);
  void (*unwatch)(void *instance, void *watch); /* [control] */
} cleat_plugin_config_source;

#ifdef __cplusplus
}
#endif
#endif
