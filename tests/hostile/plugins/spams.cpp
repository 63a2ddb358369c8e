// Says and counts without end, and goes on after it was destroyed: "x-lines: N" log lines, "x-series: N" series, from one request. A thread of
// its own, which destroy does not end, posts to the control thread and to worker 0, publishes, logs and asks for the kv space that it had; what
// the host answered to each after destroy is told on standard error once: "after destroy: post=-1 ...".
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <string>
#include <thread>

#include "plugin_api/ext/events.h"
#include "plugin_api/ext/kv.h"
#include "report.h"

HOSTILE_NOTE("spams", "requires=cleat.config/1 cleat.metrics/1 cleat.post/1 cleat.events/1 cleat.kv/1\n");

namespace {

const cleat_host_metrics* metrics;
const cleat_host_post* post;
const cleat_host_events* events;
const cleat_host_kv* kv;

struct Spammer {
  cleat_instance self;
  std::uint64_t metric = 0, space = 0;
  std::atomic<bool> destroyed{false};
};

void posted(void*, cleat_status, std::uint64_t, void*) {}

void run(Spammer* spammer) {
  const cleat_str key = to_str("key"), text = to_str("still here");
  for (int stale_rounds = 0; stale_rounds < 100;) {
    const bool after = spammer->destroyed.load();
    char value[8];
    std::uint64_t needed = 0;
    const cleat_status answers[] = {post->post_worker(spammer->self, CLEAT_POST_CONTROL, posted, nullptr), post->post_worker(spammer->self, 0, posted, nullptr),
                                    events->publish(spammer->self, to_str("spams.event"), text), host->log(spammer->self, CLEAT_INFO, text),
                                    kv->get(spammer->space, key, value, sizeof value, &needed, nullptr)};
    // destroy has begun; its handle is stale once it has returned, and the first round may have met that in the middle.
    if (after && answers[0] != CLEAT_OK && stale_rounds++ == 1) {
      std::string line = "after destroy:";
      for (const cleat_status answer : answers) line += " " + std::to_string(answer);
      std::fprintf(stderr, "%s\n", line.c_str());
    }
    ::usleep(1'000);
  }
  // It is never freed: a plugin that goes on after its destroy keeps what it needs.
}

cleat_status create(const cleat_create* info, void** instance) {
  auto* const spammer = new Spammer{info->self};
  cleat_metric_def def{};
  def.size = sizeof def;
  def.kind = CLEAT_COUNTER;
  def.name = to_str("spams_total");
  def.help = to_str("Whatever it counts.");
  const cleat_str label = to_str("number");
  def.labels = &label;
  def.label_count = 1;
  const cleat_status status = metrics->define(info->self, &def, &spammer->metric);
  if (status != CLEAT_OK) return status;
  if (kv->open(info->self, to_str("space"), 0, 1024, &spammer->space) != CLEAT_OK) return CLEAT_FAILED;
  kv->set(spammer->space, to_str("key"), to_str("value"), 0, nullptr);
  std::thread(run, spammer).detach();
  *instance = spammer;
  return CLEAT_OK;
}

void destroy(void* instance) { static_cast<Spammer*>(instance)->destroyed = true; }

cleat_verdict on_request(void* instance, cleat_exchange x) {
  auto* const spammer = static_cast<Spammer*>(instance);
  for (std::uint64_t i = asked_number(x, "x-lines"); i > 0; --i) host->log(spammer->self, CLEAT_ERROR, to_str("nobody wants to know"));
  for (std::uint64_t i = asked_number(x, "x-series"); i > 0; --i) {
    const std::string number = std::to_string(i);
    const cleat_str value = {number.data(), number.size()};
    cleat_series series = 0;
    if (metrics->series(spammer->metric, &value, 1, &series) == CLEAT_OK) metrics->add(series, 1);
  }
  return CLEAT_CONTINUE;
}

const cleat_plugin table = [] {
  cleat_plugin made{};
  made.size = sizeof made;
  made.abi = CLEAT_ABI;
  made.create = create;
  made.destroy = destroy;
  made.on_request = on_request;
  return made;
}();

}  // namespace

extern "C" const cleat_plugin* cleat_plugin_v1(const cleat_host* host_table) {
  host = host_table;
  metrics = static_cast<const cleat_host_metrics*>(host->find(to_str(CLEAT_EXT_METRICS)));
  post = static_cast<const cleat_host_post*>(host->find(to_str(CLEAT_EXT_POST)));
  events = static_cast<const cleat_host_events*>(host->find(to_str(CLEAT_EXT_EVENTS)));
  kv = static_cast<const cleat_host_kv*>(host->find(to_str(CLEAT_EXT_KV)));
  return &table;
}
