/* The shape of the ABI, against plugin_api/v1.layout: sizes, offsets, types, signatures and numbers, as a C compiler sees them. Any
 * change of the headers fails here until the golden file changes with it; what may change at all is test_layout.py's to say.
 *
 *   abi_layout_test            compare with $CLEAT_SOURCE/plugin_api/v1.layout
 *   abi_layout_test --print    print the layout of the headers this was compiled with */
#define _POSIX_C_SOURCE 200809L
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin_api/ext/attributes.h"
#include "plugin_api/ext/balancer.h"
#include "plugin_api/ext/body.h"
#include "plugin_api/ext/command.h"
#include "plugin_api/ext/config.h"
#include "plugin_api/ext/control.h"
#include "plugin_api/ext/config_source.h"
#include "plugin_api/ext/events.h"
#include "plugin_api/ext/handler.h"
#include "plugin_api/ext/handover.h"
#include "plugin_api/ext/http_call.h"
#include "plugin_api/ext/kv.h"
#include "plugin_api/ext/metadata.h"
#include "plugin_api/ext/metrics.h"
#include "plugin_api/ext/post.h"
#include "plugin_api/ext/timer.h"
#include "plugin_api/ext/tls.h"
#include "plugin_api/plugin.h"

_Static_assert(sizeof(void *) == 8 && sizeof(uint64_t) == 8, "v1.layout is of 64-bit machines");

static int failures;
static const char *current; /* the struct being listed */
static size_t current_size, current_end;

/* Members follow each other without a gap and fill the struct: none is missing from the list, and padding has a name. */
static void end_struct(void) {
  if (current != NULL && current_end != current_size) {
    fprintf(stderr, "%s: %zu bytes, but its listed members end at %zu\n", current, current_size, current_end);
    ++failures;
  }
  current = NULL;
}

static void begin_struct(FILE *to, const char *kind, const char *name, size_t size) {
  end_struct();
  current = name;
  current_size = size;
  current_end = 0;
  fprintf(to, "%s %s %zu\n", kind, name, size);
}

static void member(FILE *to, const char *name, size_t offset, size_t size, const char *type, const char *arguments) {
  if (offset != current_end) {
    fprintf(stderr, "%s.%s: at %zu, but the member before it ends at %zu\n", current, name, offset, current_end);
    ++failures;
  }
  current_end = offset + size;
  fprintf(to, "  %zu %zu %s %s%s\n", offset, size, name, type, arguments);
}

#define IS(expression, type, what) _Static_assert(_Generic((expression), type : 1, default : 0), what)
#define VALUE(s) begin_struct(to, "value", #s, sizeof(s));
#define TABLE(s)                                                              \
  _Static_assert(offsetof(s, size) == 0, #s " does not begin with its size"); \
  begin_struct(to, "table", #s, sizeof(s));
#define DATA(s, name, type)                                                       \
  IS(&((s *)0)->name, type *, #s "." #name " has another type than listed");      \
  member(to, #name, offsetof(s, name), sizeof(((s *)0)->name), #type, "");
#define CALL(s, name, result, arguments)                                                        \
  IS(((s *)0)->name, result(*) arguments, #s "." #name " has another signature than listed");   \
  member(to, #name, offsetof(s, name), sizeof(((s *)0)->name), #result " ", #arguments);
#define CALLBACK(name, result, arguments)                                               \
  IS((name)0, result(*) arguments, #name " has another signature than listed");         \
  end_struct();                                                                         \
  fprintf(to, "callback %s %s %s\n", #name, #result, #arguments);
#define NUMBER(name) \
  end_struct();       \
  fprintf(to, "number %s %" PRId64 " %s\n", #name, (int64_t)(name), _Generic((name), int32_t : "int32_t", uint32_t : "uint32_t"));
#define ID(name)  \
  end_struct();   \
  fprintf(to, "id %s %s\n", #name, name);

static void print_layout(FILE *to) {
#include "layout_members.inc"
  CALLBACK(cleat_call_fn, void, (void *, cleat_call, uint64_t, const cleat_call_event *, void *))
  CALLBACK(cleat_commit_fn, void, (void *, cleat_status, uint64_t, cleat_str, void *))
  CALLBACK(cleat_control_fn, void, (void *, cleat_status, cleat_str, void *))
  CALLBACK(cleat_plugin_v1_fn, const cleat_plugin *, (const cleat_host *))
  CALLBACK(cleat_post_fn, void, (void *, cleat_status, uint64_t, void *))
  CALLBACK(cleat_timer_fn, void, (void *, uint64_t, void *))
}

static char *read_file(const char *path) {
  FILE *file = fopen(path, "rb");
  char *text = NULL;
  long size;
  if (file == NULL) return NULL;
  if (fseek(file, 0, SEEK_END) == 0 && (size = ftell(file)) >= 0 && fseek(file, 0, SEEK_SET) == 0) {
    text = calloc((size_t)size + 1, 1);
    if (text != NULL && fread(text, 1, (size_t)size, file) != (size_t)size) {
      free(text);
      text = NULL;
    }
  }
  fclose(file);
  return text;
}

/* Says where two texts first differ; 0 if nowhere. */
static int differ(const char *golden, const char *now) {
  int line = 1;
  while (*golden != '\0' || *now != '\0') {
    const size_t a = strcspn(golden, "\n"), b = strcspn(now, "\n");
    if (a != b || memcmp(golden, now, a) != 0) {
      fprintf(stderr, "v1.layout:%d\n  golden: %.*s\n  now:    %.*s\n", line, (int)a, golden, (int)b, now);
      return 1;
    }
    golden += a + (golden[a] == '\n');
    now += b + (now[b] == '\n');
    ++line;
  }
  return 0;
}

int main(int argc, char **argv) {
  const char *source = getenv("CLEAT_SOURCE");
  char path[4096], *golden, *now = NULL;
  size_t size = 0;
  FILE *memory;
  if (argc == 2 && strcmp(argv[1], "--print") == 0) {
    print_layout(stdout);
    end_struct();
    return failures != 0;
  }
  snprintf(path, sizeof path, "%s/plugin_api/v1.layout", source != NULL ? source : ".");
  golden = read_file(path);
  memory = open_memstream(&now, &size);
  if (golden == NULL || memory == NULL) {
    fprintf(stderr, "cannot read %s\n", path);
    return 1;
  }
  print_layout(memory);
  end_struct();
  fclose(memory);
  failures += differ(golden, now);
  if (failures != 0) {
    fprintf(stderr, "The ABI's shape is not what v1.layout says. Members may be added at the end of a table, numbers and ids may be\n"
                    "added: then print the new layout into v1.layout and write the change into ABI.md. Anything else breaks plugins.\n");
  }
  free(golden);
  free(now);
  return failures != 0;
}
