/* odd: a plugin for the loader's tests. It does what its configuration tells it, and is built wrong in the way that a -D of the
 * test says. What happened to it is told through find("test.odd/1"). */
#include <stddef.h>
#include <string.h>

#include "odd.h"

#ifndef SALT /* makes another file of the same plugin: files of one content are loaded once */
#define SALT "none"
#endif
#ifndef NOTE_TEXT
#define NOTE_TEXT "name=odd\nversion=1.2.3\nabi=0.9\nleast=0.9\nrequires=cleat.config/1\nx-salt=" SALT "\n"
#endif
#ifndef TABLE_SIZE
#define TABLE_SIZE sizeof(cleat_plugin)
#endif
#ifndef TABLE_ABI
#define TABLE_ABI CLEAT_ABI
#endif
#ifndef NO_NOTE
CLEAT_PLUGIN_NOTE(NOTE_TEXT);
#endif

#define TEXT(literal) ((cleat_str){(literal), sizeof(literal) - 1})

static const cleat_host *host;
static const cleat_host_config *config;
static struct odd_state state;

static int is(cleat_str text, const char *word) { return text.size == strlen(word) && memcmp(text.data, word, text.size) == 0; }

/* config: {mode: ..., list: [...], path: ...}; everything may be absent. */
static cleat_status read(cleat_config root) {
  cleat_config node = 0;
  cleat_str mode = {NULL, 0};
  int64_t number = 0;
  state.kept = root;
  if (config->get(root, TEXT("path"), &node) == CLEAT_OK) config->path(node, &mode);
  if (config->get(root, TEXT("number"), &node) == CLEAT_OK) config->integer(node, 1, 10, &number);
  mode.size = 0;
  if (config->get(root, TEXT("mode"), &node) == CLEAT_OK && config->text(node, &mode) != CLEAT_OK) return CLEAT_FAILED;
  if (is(mode, "silent")) return CLEAT_FAILED;
  if (is(mode, "says")) {
    host->set_error(TEXT("the moon is full"));
    return CLEAT_FAILED;
  }
  if (is(mode, "records")) {
    config->error(node, TEXT("not this mode"));
    return CLEAT_FAILED;
  }
  if (is(mode, "records_ok")) config->error(node, TEXT("not this mode"));
  return CLEAT_OK;
}

static cleat_status create(const cleat_create *info, void **instance) {
  ++state.creates;
  state.self = info->self;
  state.workers = info->workers;
  *instance = &state;
  return read(info->config);
}

#ifdef VALIDATE
static cleat_status validate(const cleat_create *info) {
  ++state.validates;
  return read(info->config);
}
#endif

static void destroy(void *instance) {
  ++((struct odd_state *)instance)->destroys;
  state.log_in_destroy = host->log(state.self, CLEAT_DEBUG, TEXT("going"));
}

static cleat_status route_create(void *instance, cleat_config node, void **route) {
  ++((struct odd_state *)instance)->route_creates;
  *route = &state.route;
  return read(node);
}

static void route_destroy(void *instance, void *route) {
  if (route == &state.route) ++((struct odd_state *)instance)->route_destroys;
}

#ifdef HANDLER_EMPTY
static const cleat_plugin_handler handler = {sizeof handler, 0, NULL, NULL, NULL, NULL};
#else
static cleat_verdict on_handle(void *instance, cleat_exchange x) {
  (void)instance, (void)x;
  return CLEAT_FAIL;
}
static const cleat_plugin_handler handler = {offsetof(cleat_plugin_handler, on_writable), 0, on_handle, NULL, NULL, NULL};
#endif

static const void *find(cleat_str id) {
  if (is(id, "test.odd/1")) return &state;
  if (is(id, CLEAT_EXT_HANDLER)) return &handler;
  return NULL;
}

/* A table of a later ABI: ours, and four entries more. */
static struct {
  cleat_plugin table;
  uint64_t more[4];
} odd = {
    {
        .size = TABLE_SIZE,
        .abi = TABLE_ABI,
        .find = find,
#ifndef NO_CREATE
        .create = create,
#endif
#ifdef VALIDATE
        .validate = validate,
#endif
        .destroy = destroy,
        .route_create = route_create,
        .route_destroy = route_destroy,
    },
#ifdef TAIL
    {0, TAIL, 0, TAIL},
#else
    {0},
#endif
};

#ifdef UNDEFINED
extern void nobody_has_this(void);
#endif

#ifndef NO_ENTRY
const cleat_plugin *cleat_plugin_v1(const cleat_host *given) {
  host = given;
  config = host->find(TEXT(CLEAT_EXT_CONFIG));
  ++state.entries;
  (void)create;
#ifdef UNDEFINED
  nobody_has_this();
#endif
#ifdef ENTRY_SAYS
  host->set_error(TEXT("not on a Sunday"));
#endif
#ifdef ENTRY_NULL
  return NULL;
#endif
  return &odd.table;
}
#endif
