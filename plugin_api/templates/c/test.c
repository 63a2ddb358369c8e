/* What @NAME@ does, in the kernel without sockets: the harness. @NAME@_test <plugin.so> */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "plugin_api/harness/harness.h"

static int failed;

static void expect(int held, const char *what) {
  if (held) return;
  printf("FAILED: %s\n", what);
  failed = 1;
}

static int is(cleat_str text, const char *wanted) {
  return text.size == strlen(wanted) && (text.size == 0 || memcmp(text.data, wanted, text.size) == 0);
}

/* Does the message have a field of that name and value? */
static int has(const cleat_harness_message *message, const char *name, const char *value) {
  for (uint32_t i = 0; i < message->header_count; ++i) {
    if (is(message->headers[i].name, name) && is(message->headers[i].value, value)) return 1;
  }
  return 0;
}

static cleat_harness *host(const char *plugin, const char *config) {
  cleat_harness_options options = {0};
  options.size = sizeof options;
  options.plugin = plugin;
  options.name = "greets";
  options.config = config;
  return cleat_harness_new(&options);
}

static uint64_t begin(cleat_harness *h, cleat_str target) {
  cleat_harness_request request = {0};
  request.size = sizeof request;
  request.target = target;
  return cleat_harness_begin(h, 0, &request);
}

static cleat_harness_message response(cleat_harness *h, uint64_t exchange) {
  cleat_harness_message message = {0};
  message.size = sizeof message;
  expect(cleat_harness_response(h, exchange, &message) == CLEAT_OK, cleat_harness_error(h));
  return message;
}

static void test_what_it_does(const char *plugin) {
  static const cleat_str kHello = CLEAT_HARNESS_TEXT("/hello"), kOther = CLEAT_HARNESS_TEXT("/other"), kMade = CLEAT_HARNESS_TEXT("made");
  cleat_harness *h = host(plugin, "{path: /hello, greeting: good day}");
  cleat_harness_message got;
  cleat_harness_answer answer = {0};
  int64_t counted = 0;
  uint64_t other;
  if (cleat_harness_error(h)[0] != 0) {
    expect(0, cleat_harness_error(h));
    cleat_harness_delete(h);
    return;
  }
  got = response(h, begin(h, kHello));
  expect(got.status == 200 && is(got.body, "good day\n") && is(got.by, "greets"), "the path is answered here");
  cleat_harness_metric(h, "cleat_@NAME@_greetings_total", "instance=greets", &counted);
  expect(counted == 1, "and counted");

  other = begin(h, kOther);
  answer.size = sizeof answer;
  answer.status = 201;
  answer.body = kMade;
  expect(cleat_harness_answer_send(h, cleat_harness_outgoing(h), &answer) == CLEAT_OK, "others reach the cluster");
  got = response(h, other);
  expect(got.status == 201 && is(got.body, "made"), "others pass by");
  expect(has(&got, "x-seen-by", "@NAME@"), "what passes by is marked");

  expect(cleat_harness_finish(h) == 0, "nothing is done against the ABI");
  cleat_harness_delete(h);
}

static void test_that_an_unknown_key_is_refused(const char *plugin) {
  cleat_harness *h = host(plugin, "{colour: red}");
  expect(strstr(cleat_harness_error(h), "colour: unknown key") != NULL, "an unknown key is refused and named");
  cleat_harness_delete(h);
}

int main(int argc, char **argv) {
  if (argc != 2) return 2;
  test_what_it_does(argv[1]);
  test_that_an_unknown_key_is_refused(argv[1]);
  puts(failed ? "failed" : "passed");
  return failed;
}
