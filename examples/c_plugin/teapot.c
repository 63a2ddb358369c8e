/* teapot: MAY reply. Requests whose path is `path` (default /coffee) are answered 418 here; all others pass by. A whole plugin
 * in plain C: a note, one table, one exported function. */
#include <stdlib.h>
#include <string.h>

#include "plugin_api/ext/config.h"
#include "plugin_api/plugin.h"

CLEAT_PLUGIN_NOTE("name=teapot\nversion=1.0.0\nabi=0.9\nleast=0.9\nrequires=cleat.config/1\nlicense=Apache-2.0\nabout=answers 418\n");

#define TEXT(literal) ((cleat_str){(literal), sizeof(literal) - 1})

static const cleat_host *host;             /* both live as long as the process */
static const cleat_host_config *host_config;

struct teapot {
  cleat_str path; /* owned */
};

static cleat_status create(const cleat_create *info, void **instance) {
  cleat_str path = TEXT("/coffee");
  uint32_t type = CLEAT_CONFIG_NULL;
  cleat_config node = 0;
  struct teapot *self;
  char *copy;

  host_config->type(info->config, &type);
  if (type != CLEAT_CONFIG_NULL && host_config->get(info->config, TEXT("path"), &node) == CLEAT_OK &&
      host_config->text(node, &path) != CLEAT_OK) {
    return CLEAT_FAILED; /* the host has recorded where and why */
  }

  self = malloc(sizeof *self);
  copy = malloc(path.size + 1);
  if (self == NULL || copy == NULL) {
    free(self);
    free(copy);
    host->set_error(TEXT("out of memory"));
    return CLEAT_FAILED;
  }
  memcpy(copy, path.data, path.size); /* the view dies when create returns */
  self->path.data = copy;
  self->path.size = path.size;
  *instance = self;
  return CLEAT_OK;
}

static void destroy(void *instance) {
  struct teapot *self = instance;
  free((char *)self->path.data);
  free(self);
}

static cleat_verdict on_request(void *instance, cleat_exchange x) {
  const struct teapot *self = instance;
  cleat_str path;
  cleat_reply reply = {0};

  if (host->field_get(x, CLEAT_PATH, &path) != CLEAT_OK) return CLEAT_FAIL;
  if (path.size != self->path.size || memcmp(path.data, self->path.data, path.size) != 0) return CLEAT_UNSUBSCRIBE;

  reply.size = sizeof reply;
  reply.status = 418;
  reply.body = TEXT("short and stout\n");
  reply.reason = TEXT("teapot");
  return host->reply(x, &reply) == CLEAT_OK ? CLEAT_REPLIED : CLEAT_FAIL;
}

static const cleat_plugin table = {
    .size = sizeof(cleat_plugin),
    .abi = CLEAT_ABI,
    .create = create,
    .destroy = destroy,
    .on_request = on_request,
};

const cleat_plugin *cleat_plugin_v1(const cleat_host *host_table) {
  host = host_table;
  host_config = host->find(TEXT(CLEAT_EXT_CONFIG));
  if (host_config == NULL) {
    host->set_error(TEXT("needs " CLEAT_EXT_CONFIG));
    return NULL;
  }
  return &table;
}
