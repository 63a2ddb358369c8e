/* What the hostile plugins share: the host's table, names of statuses, and a text that says what host calls answered. Plain C11
 * that is also C++: most of them are C, as the ABI is. A test asks by header fields and reads the report in a reply's body
 * ("call STATUS" lines) or in the field x-report. */
#ifndef CLEAT_HOSTILE_REPORT_H
#define CLEAT_HOSTILE_REPORT_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin_api/ext/attributes.h"
#include "plugin_api/ext/balancer.h"
#include "plugin_api/ext/body.h"
#include "plugin_api/ext/config.h"
#include "plugin_api/ext/handler.h"
#include "plugin_api/ext/metadata.h"
#include "plugin_api/ext/metrics.h"
#include "plugin_api/ext/post.h"
#include "plugin_api/ext/timer.h"
#include "plugin_api/plugin.h"

/* lines: more of the note, such as "requires=cleat.timer/1\n", or "". */
#define HOSTILE_NOTE(name, lines) CLEAT_PLUGIN_NOTE("name=" name "\nversion=0.0.0\nabi=0.9\nleast=0.9\n" lines)

static const cleat_host *host; /* set by cleat_plugin_v1 */

static inline cleat_str to_str(const char *text) {
  cleat_str str;
  str.data = text;
  str.size = strlen(text);
  return str;
}

static inline int is(cleat_str str, const char *text) {
  return str.size == strlen(text) && (str.size == 0 || memcmp(str.data, text, (size_t)str.size) == 0);
}

/* The value of a request header; empty if it is not there. */
static inline cleat_str asked(cleat_exchange x, const char *name) {
  cleat_str value = {NULL, 0};
  if (host->header_get(x, CLEAT_REQUEST, to_str(name), 0, &value) != CLEAT_OK) value.size = 0;
  return value;
}

static inline uint64_t asked_number(cleat_exchange x, const char *name) {
  const cleat_str value = asked(x, name);
  uint64_t number = 0;
  uint64_t i;
  for (i = 0; i < value.size && value.data[i] >= '0' && value.data[i] <= '9'; ++i) number = number * 10 + (uint64_t)(value.data[i] - '0');
  return number;
}

static inline const char *status_name(cleat_status status) {
  switch (status) {
    case CLEAT_OK: return "OK";
    case CLEAT_STALE: return "STALE";
    case CLEAT_INVALID: return "INVALID";
    case CLEAT_NOT_FOUND: return "NOT_FOUND";
    case CLEAT_TOO_SMALL: return "TOO_SMALL";
    case CLEAT_LIMIT: return "LIMIT";
    case CLEAT_WRONG_PHASE: return "WRONG_PHASE";
    case CLEAT_WRONG_THREAD: return "WRONG_THREAD";
    case CLEAT_UNSUPPORTED: return "UNSUPPORTED";
    case CLEAT_FAILED: return "FAILED";
    default: return "?";
  }
}

typedef struct report {
  size_t size;
  char text[8000];
} report;

static inline void report_text(report *r, const char *name, const char *value) {
  const int wrote = snprintf(r->text + r->size, sizeof r->text - r->size, "%s %s\n", name, value);
  if (wrote > 0 && r->size + (size_t)wrote < sizeof r->text) r->size += (size_t)wrote;
}

static inline void report_status(report *r, const char *call, cleat_status status) { report_text(r, call, status_name(status)); }

static inline void report_number(report *r, const char *name, uint64_t number) {
  char digits[24];
  snprintf(digits, sizeof digits, "%llu", (unsigned long long)number);
  report_text(r, name, digits);
}

/* Replies 200 with the report: the verdict of the hook. */
static inline cleat_verdict report_reply(cleat_exchange x, const report *r) {
  cleat_reply reply;
  memset(&reply, 0, sizeof reply);
  reply.size = sizeof reply;
  reply.status = 200;
  reply.body.data = r->text;
  reply.body.size = r->size;
  return host->reply(x, &reply) == CLEAT_OK ? CLEAT_REPLIED : CLEAT_FAIL;
}

static inline cleat_verdict text_reply(cleat_exchange x, uint32_t status, const char *text) {
  cleat_reply reply;
  memset(&reply, 0, sizeof reply);
  reply.size = sizeof reply;
  reply.status = status;
  reply.body = to_str(text);
  return host->reply(x, &reply) == CLEAT_OK ? CLEAT_REPLIED : CLEAT_FAIL;
}

/* create and destroy of plugins that keep nothing. */
static inline cleat_status create_nothing(const cleat_create *info, void **instance) {
  static char nothing;
  (void)info;
  *instance = &nothing;
  return CLEAT_OK;
}

static inline void destroy_nothing(void *instance) { (void)instance; }

#endif
