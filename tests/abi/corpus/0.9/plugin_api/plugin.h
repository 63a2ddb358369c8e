/* plugin.h: what a plugin gives the kernel: one table, returned by its one exported function, and one ELF note.
 *
 * The note is read, and agreed upon, before any code of the plugin runs. Then: cleat_plugin_v1, once per loaded file
 * [control]; create, route_create [control]; worker_start on each worker; hooks; worker_stop; route_destroy, destroy [control].
 *
 * `instance` is what create returned. Hooks of one exchange run one at a time on one worker; different exchanges run on
 * different workers at the same time. No hook is called again before it returned. No C++ exception and no longjmp may leave
 * a hook. A hook left NULL costs nothing. Request-side hooks run in the order of the listener's chain; the
 * response side (on_attempt_end, on_response*, on_reply, on_end) in reverse. Order of a life: DESIGN in kernel/README.md. */
#ifndef CLEAT_PLUGIN_H
#define CLEAT_PLUGIN_H

#include "host.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cleat_create {
  uint32_t size;
  uint32_t workers;    /* how many workers there are */
  cleat_instance self; /* names this instance in host calls */
  cleat_str name;      /* the instance's name in the configuration */
  cleat_config config; /* its `config:`, read through cleat.config/1; a null node if absent */
} cleat_create;

#define CLEAT_BODY_END UINT32_C(1) /* body hooks' flag: no more data follows (trailers may) */

typedef struct cleat_plugin {
  uint32_t size;
  uint32_t abi; /* CLEAT_ABI this was compiled with; the same as in the note */

  /* [any] The plugin's table of an extension ("cleat.handler/1"), or NULL. May itself be NULL. */
  const void *(*find)(cleat_str extension_id);

  /* --- lifecycle. A failure's words come from host->set_error and config errors. --- */
  cleat_status (*create)(const cleat_create *info, void **instance);                       /* [control] required */
  cleat_status (*validate)(const cleat_create *info);                                      /* [control] create's checks, no effects */
  void (*destroy)(void *instance);                                                         /* [control] the last call */
  cleat_status (*route_create)(void *instance, cleat_config config, void **route);         /* [control] a route's `plugins:` entry */
  void (*route_destroy)(void *instance, void *route);                                      /* [control] */
  cleat_status (*worker_start)(void *instance, uint32_t worker);                           /* [worker] before any hook there */
  void (*worker_stop)(void *instance, uint32_t worker);                                    /* [worker] after every hook there */

  /* --- downstream connection [worker] --- */
  cleat_verdict (*on_connection)(void *instance, cleat_conn conn); /* accepted, nothing read yet */
  cleat_verdict (*on_tls)(void *instance, cleat_conn conn);        /* handshake done: attributes have the peer. Not called for plain connections */
  void (*on_connection_end)(void *instance, cleat_conn conn);      /* closed; once for each on_connection */

  /* --- request side [worker] --- */
  cleat_verdict (*on_request)(void *instance, cleat_exchange x);                      /* head complete, target normalised */
  cleat_verdict (*on_route)(void *instance, cleat_exchange x);                        /* route chosen, route_config readable */
  cleat_verdict (*on_request_body)(void *instance, cleat_exchange x, uint32_t flags); /* subscribed through cleat.body/1 */
  cleat_verdict (*on_request_trailers)(void *instance, cleat_exchange x);             /* only if there are trailers */
  cleat_verdict (*on_attempt)(void *instance, cleat_exchange x, uint32_t attempt);    /* 1 = first; before an endpoint is
                                       chosen. Changes of the request head stay for later attempts. */

  /* --- response side [worker] --- */
  cleat_verdict (*on_attempt_end)(void *instance, cleat_exchange x, const cleat_attempt_end *end); /* failed, or head is here */
  cleat_verdict (*on_response)(void *instance, cleat_exchange x);                                  /* final head, from whomever */
  cleat_verdict (*on_response_body)(void *instance, cleat_exchange x, uint32_t flags);
  cleat_verdict (*on_response_trailers)(void *instance, cleat_exchange x);
  cleat_verdict (*on_reply)(void *instance, cleat_exchange x); /* a reply made here, before its on_response. Plugins that stand
                                       before the one that made it see both; of a reply by the kernel, all do. */
  void (*on_end)(void *instance, cleat_exchange x); /* exactly once, however it ended, also for a request refused
                                       before on_request; the last hook of this exchange */

  /* --- the process --- */
  void (*on_event)(void *instance, const cleat_event *event); /* [control] CLEAT_EVENT_* */
  void (*on_drain)(void *instance, uint64_t completion);      /* [control] no new work; call host->complete when idle */
  void (*on_shutdown)(void *instance, uint64_t completion);   /* [control] last chance to flush; then host->complete */
} cleat_plugin;

/* The one exported function. Returns a table that lives until the file is unmapped, or NULL after host->set_error. */
typedef const cleat_plugin *(*cleat_plugin_v1_fn)(const cleat_host *host);

#if defined(__GNUC__)
#define CLEAT_EXPORT __attribute__((visibility("default")))
#else
#define CLEAT_EXPORT
#endif
CLEAT_EXPORT const cleat_plugin *cleat_plugin_v1(const cleat_host *host);

/* The note: section .note.cleat, name "Cleat", type 1, text of "key=value\n" lines, ASCII. Unknown keys are refused, but for
 * those that begin with "x-". Keys: name, version, abi (built against), least (oldest host it accepts), requires and
 * optional (extension ids, separated by spaces), commands (ext/command.h), license, about. Use once, at file scope:
 *
 *   CLEAT_PLUGIN_NOTE("name=hello\nversion=1.0.0\nabi=0.9\nleast=0.9\nrequires=cleat.config/1\n"); */
#define CLEAT_NOTE_TYPE 1
#define CLEAT_PLUGIN_NOTE(text)                                                                          \
  __attribute__((used, section(".note.cleat"), aligned(4))) static const struct {                        \
    uint32_t name_size, text_size, type;                                                                 \
    char name[8];                                                                                        \
    char body[(sizeof(text) + 3) / 4 * 4];                                                               \
  } cleat_plugin_note = {6, (sizeof(text) + 3) / 4 * 4, CLEAT_NOTE_TYPE, "Cleat", text}

#ifdef __cplusplus
}
#endif
#endif
