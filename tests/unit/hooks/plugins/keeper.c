/* keeper: a plugin for the tests of cleat.handover/1. It gives and takes as its configuration tells it, and is built wrong in the way that a -D
 * of the test says. What happened is told through find("test.keeper/1"). */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keeper.h"

#ifndef SALT /* makes another file of the same plugin */
#define SALT "none"
#endif
#ifndef HALF_SIZE
#define HALF_SIZE sizeof(cleat_plugin_handover)
#endif
CLEAT_PLUGIN_NOTE("name=keeper\nversion=1.2.3\nabi=0.9\nleast=0.9\nrequires=cleat.config/1 cleat.handover/1\nx-salt=" SALT "\n");

#define TEXT(literal) ((cleat_str){(literal), sizeof(literal) - 1})

struct instance {
  char says[32], give[32], take[32];
};

static const cleat_host *host;
static const cleat_host_config *config;
static const cleat_host_handover *handover;
static struct keeper_state state;

static int is(const char *text, const char *word) { return strcmp(text, word) == 0; }

static void note(const char *what, const struct instance *who) {
  const size_t at = strlen(state.journal);
  snprintf(state.journal + at, sizeof state.journal - at, "%s %s;", what, who->says);
}

static void read(cleat_config root, cleat_str key, char *to, size_t size) {
  cleat_config node = 0;
  cleat_str text = {NULL, 0};
  if (config->get(root, key, &node) == CLEAT_OK) config->text(node, &text);
  snprintf(to, size, "%.*s", (int)text.size, text.size == 0 ? "" : text.data);
}

static cleat_status create(const cleat_create *info, void **instance) {
  struct instance *made = calloc(1, sizeof *made);
  read(info->config, TEXT("says"), made->says, sizeof made->says);
  read(info->config, TEXT("give"), made->give, sizeof made->give);
  read(info->config, TEXT("take"), made->take, sizeof made->take);
  note("create", made);
  *instance = made;
  if (!is(made->take, "refuse_create")) return CLEAT_OK;
  free(made);
  return CLEAT_FAILED;
}

static void destroy(void *instance) {
  note("destroy", instance);
  free(instance);
}

static void *write_elsewhere(void *handle) {
  state.elsewhere = handover->write(*(uint64_t *)handle, TEXT("x"));
  return NULL;
}

static cleat_status give(void *instance, uint64_t handle, uint32_t *format) {
  const struct instance *from = instance;
  pthread_t thread;
  note("give", from);
  state.format_before = *format;
  state.handle = handle;
  *format = 7;
  if (is(from->give, "nothing")) return CLEAT_NOT_FOUND;
  if (is(from->give, "silent")) return CLEAT_FAILED;
  if (is(from->give, "says")) {
    host->set_error(TEXT("the moon is full"));
    return CLEAT_FAILED;
  }
  if (is(from->give, "empty")) return CLEAT_OK;
  if (is(from->give, "no_bytes")) state.wrote = handover->write(handle, (cleat_str){NULL, 5});
  if (is(from->give, "other")) state.wrote = handover->write(handle + 1, TEXT("x"));
  if (is(from->give, "elsewhere") && pthread_create(&thread, NULL, write_elsewhere, &handle) == 0) pthread_join(thread, NULL);
  if (is(from->give, "full") || is(from->give, "over")) { /* 64 MiB, and one byte more */
    static char block[1 << 20];
    for (int i = 0; i < 64; ++i) state.wrote = handover->write(handle, (cleat_str){block, sizeof block});
    if (is(from->give, "over")) state.wrote = handover->write(handle, TEXT("x"));
    return CLEAT_OK;
  }
  handover->write(handle, TEXT("from "));
  handover->write(handle, (cleat_str){from->says, strlen(from->says) + 1}); /* its 0 too */
  return CLEAT_OK;
}

static cleat_status take(void *instance, uint32_t format, cleat_str bytes) {
  const struct instance *to = instance;
  note("take", to);
  state.late = handover->write(state.handle, TEXT("x"));
  state.format = format;
  state.size = bytes.size;
  snprintf(state.taken, sizeof state.taken, "%.*s", bytes.size < sizeof state.taken ? (int)bytes.size : 0, bytes.size == 0 ? "" : bytes.data);
  if (is(to->take, "unknown")) return CLEAT_UNSUPPORTED;
  if (is(to->take, "silent")) return CLEAT_INVALID;
  if (is(to->take, "says")) {
    host->set_error(TEXT("not without my state"));
    return CLEAT_FAILED;
  }
  return CLEAT_OK;
}

static const cleat_plugin_handover half = {
    .size = HALF_SIZE,
#ifndef NO_GIVE
    .give = give,
#endif
#ifndef NO_TAKE
    .take = take,
#endif
};

static const void *find(cleat_str id) {
  if (id.size == sizeof "test.keeper/1" - 1 && memcmp(id.data, "test.keeper/1", id.size) == 0) return &state;
#ifndef NO_HALF
  if (id.size == sizeof CLEAT_EXT_HANDOVER - 1 && memcmp(id.data, CLEAT_EXT_HANDOVER, id.size) == 0) return &half;
#endif
  (void)give, (void)take;
  return NULL;
}

static const cleat_plugin table = {.size = sizeof table, .abi = CLEAT_ABI, .find = find, .create = create, .destroy = destroy};

const cleat_plugin *cleat_plugin_v1(const cleat_host *given) {
  host = given;
  config = host->find(TEXT(CLEAT_EXT_CONFIG));
  handover = host->find(TEXT(CLEAT_EXT_HANDOVER));
  (void)half;
  return &table;
}
