/* Tries to break the framing of messages: sets the fields that are the host's, values with CR, LF and NUL, names that are no
 * tokens, statuses and targets out of range, replies that carry such fields. x-mode:
 *   request   replies with what the calls on the request head answered
 *   response  puts what the calls on the response head answered into x-report: "call=STATUS;..."
 *   replies   replies with what bad replies were answered */
#include "report.h"

HOSTILE_NOTE("bad_headers", "");

#define BYTES(literal) bytes((literal), sizeof(literal) - 1)

static cleat_str bytes(const char *data, uint64_t size) {
  cleat_str str;
  str.data = data;
  str.size = size;
  return str;
}

struct attempt {
  const char *label;
  const char *name;
  const char *value;
  uint64_t value_size;
};

static const struct attempt attempts[] = {
    {"host", "host", "other.example", 13},
    {"connection", "connection", "close", 5},
    {"connection_case", "CoNNeCTioN", "close", 5},
    {"transfer_encoding", "transfer-encoding", "chunked", 7},
    {"content_length", "content-length", "5", 1},
    {"cr", "x-a", "a\rb", 3},
    {"lf", "x-a", "a\nb", 3},
    {"crlf", "x-a", "a\r\nx-injected: 1", 16},
    {"nul", "x-a", "a\0b", 3},
    {"leading_space", "x-a", " a", 2},
    {"trailing_tab", "x-a", "a\t", 2},
    {"empty_name", "", "a", 1},
    {"space_in_name", "x a", "a", 1},
    {"colon_in_name", "x:", "a", 1},
    {"crlf_in_name", "x\r\ny", "a", 1},
    {"high_name", "x\xc3\xa9", "a", 1},
};

static void try_part(report *r, cleat_exchange x, cleat_part part) {
  size_t i;
  char name[64];
  for (i = 0; i < sizeof attempts / sizeof attempts[0]; ++i) {
    const struct attempt *a = &attempts[i];
    const cleat_str value = bytes(a->value, a->value_size);
    snprintf(name, sizeof name, "set_%s", a->label);
    report_status(r, name, host->header_set(x, part, to_str(a->name), value));
    snprintf(name, sizeof name, "add_%s", a->label);
    report_status(r, name, host->header_add(x, part, to_str(a->name), value));
  }
  report_status(r, "remove_host", host->header_remove(x, part, to_str("Host")));
  report_status(r, "remove_content_length", host->header_remove(x, part, to_str("content-length")));
  report_status(r, "remove_transfer_encoding", host->header_remove(x, part, to_str("transfer-encoding")));
  report_status(r, "part_out_of_range", host->header_set(x, 77, to_str("x-a"), to_str("b")));
}

static void try_fields(report *r, cleat_exchange x) {
  report_status(r, "method_space", host->field_set(x, CLEAT_METHOD, to_str("GET /x")));
  report_status(r, "method_empty", host->field_set(x, CLEAT_METHOD, to_str("")));
  report_status(r, "method_crlf", host->field_set(x, CLEAT_METHOD, to_str("GET\r\n")));
  report_status(r, "target_space", host->field_set(x, CLEAT_TARGET, to_str("/a HTTP/1.1")));
  report_status(r, "target_crlf", host->field_set(x, CLEAT_TARGET, to_str("/a\r\nx: y")));
  report_status(r, "target_relative", host->field_set(x, CLEAT_TARGET, to_str("a/b")));
  report_status(r, "target_escapes", host->field_set(x, CLEAT_TARGET, to_str("/../../etc")));
  report_status(r, "target_empty", host->field_set(x, CLEAT_TARGET, to_str("")));
  report_status(r, "authority_crlf", host->field_set(x, CLEAT_AUTHORITY, to_str("a.example\r\nx: y")));
  report_status(r, "authority_space", host->field_set(x, CLEAT_AUTHORITY, to_str("a b")));
  report_status(r, "authority_userinfo", host->field_set(x, CLEAT_AUTHORITY, to_str("user@a.example")));
  report_status(r, "scheme", host->field_set(x, CLEAT_SCHEME, to_str("https")));
  report_status(r, "path", host->field_set(x, CLEAT_PATH, to_str("/a")));
  report_status(r, "unknown_field", host->field_set(x, 77, to_str("a")));
  report_status(r, "target", host->field_set(x, CLEAT_TARGET, to_str("/good")));
}

static cleat_status try_reply(cleat_exchange x, uint32_t size, uint32_t status, const char *name, cleat_str value) {
  cleat_header field;
  cleat_reply reply;
  memset(&reply, 0, sizeof reply);
  field.name = to_str(name);
  field.value = value;
  reply.size = size;
  reply.status = status;
  reply.headers = &field;
  reply.header_count = 1;
  reply.body = to_str("a bad reply\n");
  return host->reply(x, &reply);
}

static cleat_verdict on_request(void *instance, cleat_exchange x) {
  const cleat_str mode = asked(x, "x-mode");
  const uint32_t size = sizeof(cleat_reply);
  report r;
  (void)instance;
  r.size = 0;
  if (is(mode, "request")) {
    try_part(&r, x, CLEAT_REQUEST);
    try_fields(&r, x);
    return report_reply(x, &r);
  }
  if (!is(mode, "replies")) return CLEAT_CONTINUE;
  report_status(&r, "status_100", try_reply(x, size, 100, "x-a", to_str("b")));
  report_status(&r, "status_199", try_reply(x, size, 199, "x-a", to_str("b")));
  report_status(&r, "status_600", try_reply(x, size, 600, "x-a", to_str("b")));
  report_status(&r, "status_0", try_reply(x, size, 0, "x-a", to_str("b")));
  report_status(&r, "size_0", try_reply(x, 0, 200, "x-a", to_str("b")));
  report_status(&r, "size_4", try_reply(x, 4, 200, "x-a", to_str("b")));
  report_status(&r, "crlf", try_reply(x, size, 200, "x-a", BYTES("b\r\nx-injected: 1")));
  report_status(&r, "nul", try_reply(x, size, 200, "x-a", BYTES("b\0c")));
  report_status(&r, "name", try_reply(x, size, 200, "x a", to_str("b")));
  report_status(&r, "transfer_encoding", try_reply(x, size, 200, "transfer-encoding", to_str("chunked")));
  report_status(&r, "connection", try_reply(x, size, 200, "connection", to_str("upgrade")));
  return report_reply(x, &r);
}

static cleat_verdict on_response(void *instance, cleat_exchange x) {
  report r;
  size_t i;
  (void)instance;
  if (!is(asked(x, "x-mode"), "response")) return CLEAT_CONTINUE;
  r.size = 0;
  try_part(&r, x, CLEAT_RESPONSE);
  report_status(&r, "status_100", host->status_set(x, 100));
  report_status(&r, "status_600", host->status_set(x, 600));
  for (i = 0; i < r.size; ++i) {
    if (r.text[i] == ' ') r.text[i] = '=';
    if (r.text[i] == '\n') r.text[i] = ';';
  }
  return host->header_set(x, CLEAT_RESPONSE, to_str("x-report"), bytes(r.text, r.size)) == CLEAT_OK ? CLEAT_CONTINUE : CLEAT_FAIL;
}

static const cleat_plugin table = {
    .size = sizeof table,
    .abi = CLEAT_ABI,
    .create = create_nothing,
    .destroy = destroy_nothing,
    .on_request = on_request,
    .on_response = on_response,
};

const cleat_plugin *cleat_plugin_v1(const cleat_host *host_table) {
  host = host_table;
  return &table;
}
