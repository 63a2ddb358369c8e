#include "rogue.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>

#include "plugin_api/ext/body.h"
#include "plugin_api/ext/handover.h"
#include "plugin_api/ext/http_call.h"
#include "plugin_api/ext/metadata.h"
#include "plugin_api/ext/metrics.h"
#include "plugin_api/ext/post.h"
#include "plugin_api/ext/timer.h"

namespace {

const cleat_host* host = nullptr;
cleat_instance self = 0;
cleat_str kept{};             // a view, and all that it must not be
cleat_exchange last = 0;      // the exchange before
cleat_ticket ticket = 0;
cleat_series counted = 0;
std::uint32_t key = 0;
volatile char sink = 0;
int left_open = -1;
std::string last_asked;

template <class T>
const T* ext(std::string_view id) {
  return static_cast<const T*>(host->find({id.data(), id.size()}));
}

cleat_str text(std::string_view from) { return {from.data(), from.size()}; }

std::string asked(cleat_exchange x) {
  cleat_str value{};
  if (host->header_get(x, CLEAT_REQUEST, text("x-do"), 0, &value) != CLEAT_OK) return {};
  return std::string(value.data, value.size);
}

cleat_verdict reply(cleat_exchange x, std::uint32_t status, std::string_view reason) {
  cleat_reply r{};
  r.size = sizeof r;
  r.status = status;
  r.body = text("said no\n");
  r.reason = text(reason);
  return host->reply(x, &r) == CLEAT_OK ? CLEAT_REPLIED : CLEAT_FAIL;
}

void fired(void*, std::uint64_t, void* throws) {
  host->resume(ticket, CLEAT_CONTINUE);
  if (throws != nullptr) throw std::runtime_error("thrown");
}

void posted(void*, cleat_status, std::uint64_t, void*) { throw std::runtime_error("thrown"); }

void answered(void*, cleat_call, std::uint64_t owner, const cleat_call_event* event, void*) {
  if (event->kind == CLEAT_CALL_DONE && event->status == 599) {
    host->resume(ticket, CLEAT_CONTINUE);
    throw std::runtime_error("thrown");
  }
  if (event->kind != CLEAT_CALL_DONE || event->status != 200) {
    reply(owner, 403, "denied");
    host->resume(ticket, CLEAT_REPLIED);
    return;
  }
  kept = event->body;
  host->resume(ticket, CLEAT_CONTINUE);
}

cleat_verdict on_request(void*, cleat_exchange x) {
  const std::string what = asked(x);
  if (what.starts_with("state ")) last_asked = what.substr(6);
  if (what == "look" && kept.size != 0) sink = kept.data[0];
  cleat_str value{};
  if (what == "keep" || what == "beyond" || what == "write") {
    host->header_get(x, CLEAT_REQUEST, text("x-a"), 0, &value);
    kept = value;
    if (what == "write") const_cast<char*>(value.data)[0] = 'S';
    if (what == "beyond") sink = value.data[value.size];
  }
  if (what == "deny") return reply(x, 403, "denied");
  if (what == "junk") return 77;
  if (what == "unmade") return CLEAT_REPLIED;
  if (what == "unsaid") {
    reply(x, 200, "");
    return CLEAT_CONTINUE;
  }
  if (what == "ticketless") return CLEAT_SUSPEND;
  if (what == "throw") throw std::runtime_error("thrown");
  if (what == "thread") std::thread([x, &value] { host->field_get(x, CLEAT_PATH, &value); }).join();
  if (what == "signal") std::signal(SIGHUP, SIG_IGN);
  if (what == "folder") sink = static_cast<char>(chdir("/"));
  if (what == "throw elsewhere") ext<cleat_host_post>(CLEAT_EXT_POST)->post(self, x, posted, nullptr);
  if (what == "panic") {
    host->set_error(text("panicked at src/lib.rs:7: on purpose"));
    return CLEAT_FAIL;
  }
  if (what == "where") {
    std::thread([] {
      std::uint32_t index = 0;
      host->worker_index(&index);
    }).join();
  }
  if (what == "early") host->status_set(x, 204);
  if (what == "stale") host->field_get(last, CLEAT_PATH, &value);
  if (what == "body") ext<cleat_host_body>(CLEAT_EXT_BODY)->subscribe(x, CLEAT_REQUEST, CLEAT_BODY_STREAM, 0);
  if (what == "open") left_open = open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (what == "run") std::thread([] { std::this_thread::sleep_for(std::chrono::seconds(2)); }).detach();
  if (what == "throw later" || what == "wait" || what == "forget" || what == "twice" || what == "ask" || what == "own thread") {
    if (host->suspend(x, &ticket) != CLEAT_OK) return CLEAT_FAIL;
    cleat_timer timer = 0;
    if (what == "wait") ext<cleat_host_timer>(CLEAT_EXT_TIMER)->arm(self, x, 100, fired, nullptr, &timer);
    if (what == "throw later") ext<cleat_host_timer>(CLEAT_EXT_TIMER)->arm(self, x, 100, fired, &ticket, &timer);
    if (what == "twice") {
      host->resume(ticket, CLEAT_CONTINUE);
      host->resume(ticket, CLEAT_CONTINUE);
    }
    if (what == "own thread") std::thread([of = ticket] { host->resume(of, CLEAT_CONTINUE); }).detach();
    if (what == "ask") {
      cleat_call_request call{};
      call.size = sizeof call;
      call.cluster = text("auth");
      call.target = text("/check");
      call.timeout_ms = 1000;
      cleat_call made = 0;
      if (ext<cleat_host_http_call>(CLEAT_EXT_HTTP_CALL)->start(self, x, &call, answered, nullptr, &made) != CLEAT_OK) return CLEAT_FAIL;
    }
    return CLEAT_SUSPEND;
  }
  return CLEAT_CONTINUE;
}

cleat_verdict on_request_body(void*, cleat_exchange x, std::uint32_t) {
  const auto* body = ext<cleat_host_body>(CLEAT_EXT_BODY);
  cleat_str piece{};
  if (body->view(x, CLEAT_REQUEST, &piece) != CLEAT_OK || piece.size == 0) return CLEAT_CONTINUE;
  body->append(x, CLEAT_REQUEST, text("!"));
  sink = piece.data[0];  // the piece has been changed
  return CLEAT_CONTINUE;
}

cleat_verdict on_response(void*, cleat_exchange x) {
  if ((asked(x) == "keep" || asked(x) == "ask") && kept.size != 0) sink = kept.data[0];
  return host->header_set(x, CLEAT_RESPONSE, text("x-rogue"), text("seen")) == CLEAT_OK ? CLEAT_CONTINUE : CLEAT_FAIL;
}

void on_end(void*, cleat_exchange x) {
  last = x;
  ext<cleat_host_metrics>(CLEAT_EXT_METRICS)->add(counted, 1);
  ext<cleat_host_metadata>(CLEAT_EXT_METADATA)->set_text(x, key, text("over"));
}

cleat_status create(const cleat_create* info, void** instance) {
  self = info->self;
  *instance = nullptr;
  const auto* metrics = ext<cleat_host_metrics>(CLEAT_EXT_METRICS);
  cleat_metric_def def{};
  def.size = sizeof def;
  def.kind = CLEAT_COUNTER;
  def.name = text("rogue_ends_total");
  def.help = text("Ends.");
  std::uint64_t metric = 0;
  if (metrics->define(self, &def, &metric) != CLEAT_OK || metrics->series(metric, nullptr, 0, &counted) != CLEAT_OK) return CLEAT_FAILED;
  return ext<cleat_host_metadata>(CLEAT_EXT_METADATA)->key(text("rogue.end"), &key);
}

// Its state is what an exchange's x-do has told it: "state keep": the next instance keeps the view of it.
cleat_status give(void*, std::uint64_t to, std::uint32_t* format) {
  *format = 2;
  if (last_asked.empty()) return CLEAT_NOT_FOUND;
  return ext<cleat_host_handover>(CLEAT_EXT_HANDOVER)->write(to, text(last_asked));
}

cleat_status take(void*, std::uint32_t format, cleat_str bytes) {
  if (format != 2) return CLEAT_UNSUPPORTED;
  last_asked.clear();
  if (std::string_view(bytes.data, bytes.size).starts_with("keep")) kept = bytes;
  return CLEAT_OK;
}

const void* find(cleat_str id) {
  static const cleat_plugin_handover half = {sizeof half, 0, give, take};
  return std::string_view(id.data, id.size) == CLEAT_EXT_HANDOVER ? &half : nullptr;
}

const cleat_plugin table = [] {
  cleat_plugin made{};
  made.size = sizeof made;
  made.abi = CLEAT_ABI;
  made.find = find;
  made.create = create;
  made.on_request = on_request;
  made.on_request_body = on_request_body;
  made.on_response = on_response;
  made.on_end = on_end;
  return made;
}();

}  // namespace

const cleat_plugin* rogue_v1(const cleat_host* given) {
  host = given;
  return &table;
}
