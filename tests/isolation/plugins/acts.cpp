// Does in on_request what the request's field `act` says, and tells what came of it in the log: "act: name=status ...". Raw ABI.
#include <chrono>
#include <cstdio>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "plugin_api/ext/attributes.h"
#include "plugin_api/ext/body.h"
#include "plugin_api/ext/config.h"
#include "plugin_api/ext/control.h"
#include "plugin_api/ext/events.h"
#include "plugin_api/ext/http_call.h"
#include "plugin_api/ext/kv.h"
#include "plugin_api/ext/metadata.h"
#include "plugin_api/ext/metrics.h"
#include "plugin_api/ext/post.h"
#include "plugin_api/ext/timer.h"
#include "plugin_api/plugin.h"

CLEAT_PLUGIN_NOTE("name=acts\nversion=1.0.0\nabi=0.9\nleast=0.9\nrequires=cleat.config/1 cleat.timer/1 cleat.post/1 cleat.kv/1\noptional=cleat.control/1\n");

namespace {

const cleat_host* host = nullptr;

template <class Table>
const Table* find(std::string_view id) {
  return static_cast<const Table*>(host->find({id.data(), id.size()}));
}
cleat_str str(std::string_view text) { return {text.data(), text.size()}; }
std::string_view view(cleat_str text) { return {text.data, static_cast<std::size_t>(text.size)}; }

struct Acts {
  cleat_instance self = 0;
  const cleat_host_timer* timer = nullptr;
  const cleat_host_post* post = nullptr;
  const cleat_host_metadata* metadata = nullptr;
  const cleat_host_metrics* metrics = nullptr;
  const cleat_host_kv* kv = nullptr;
  const cleat_host_http_call* calls = nullptr;
  const cleat_host_attributes* attributes = nullptr;
  const cleat_host_body* body = nullptr;
  const cleat_host_events* events = nullptr;
  std::uint32_t key = 0;
  std::uint64_t counter_metric = 0, histogram_metric = 0, space = 0;
  cleat_series counter = 0, histogram = 0;
  std::thread thread;
  cleat_exchange kept = 0;
  cleat_ticket kept_ticket = 0;
  std::string greeting;

  void say(const std::string& text) const { host->log(self, CLEAT_INFO, str(text)); }
};

std::string last_error() {
  char text[256];
  std::uint64_t size = 0;
  host->error_text(text, sizeof text, &size);
  return std::string(text, size < sizeof text ? size : sizeof text);
}

struct Waiting {  // for a timer or a post that resumes
  Acts* acts;
  cleat_exchange x;
  cleat_ticket ticket;
};

void resume_later(void*, std::uint64_t owner, void* user) {
  Waiting* const waiting = static_cast<Waiting*>(user);
  host->header_set(owner, CLEAT_REQUEST, str("x-late"), str("yes"));
  const cleat_status first = host->resume(waiting->ticket, CLEAT_CONTINUE);
  const cleat_status second = host->resume(waiting->ticket, CLEAT_CONTINUE);
  waiting->acts->say("resumed: first=" + std::to_string(first) + " second=" + std::to_string(second));
  delete waiting;
}

void posted(void*, cleat_status status, std::uint64_t owner, void* user) {
  Acts* const acts = static_cast<Acts*>(user);
  acts->say("posted: status=" + std::to_string(status));
  if (status == CLEAT_OK && owner != acts->self) acts->metadata->set_text(owner, acts->key, str("from a post"));
}

void call_told(void*, cleat_call, std::uint64_t owner, const cleat_call_event* event, void* user) {
  Waiting* const waiting = static_cast<Waiting*>(user);
  waiting->acts->say("called: kind=" + std::to_string(event->kind) + " status=" + std::to_string(event->status) + " body=" + std::string(view(event->body)) +
                     " owner=" + (owner == waiting->x ? "x" : "other"));
  if (event->kind > CLEAT_CALL_FAILED) return;
  host->resume(waiting->ticket, CLEAT_CONTINUE);
  delete waiting;
}

std::string header(cleat_exchange x, std::string_view name) {
  cleat_str value{};
  return host->header_get(x, CLEAT_REQUEST, str(name), 0, &value) == CLEAT_OK ? std::string(view(value)) : std::string();
}

cleat_verdict act_on_heads(Acts& acts, cleat_exchange x) {
  std::string said = "heads:";
  const auto add = [&](const char* name, cleat_status status) { said += std::string(" ") + name + "=" + std::to_string(status); };
  add("set", host->header_set(x, CLEAT_REQUEST, str("x-a"), str("1")));
  add("add", host->header_add(x, CLEAT_REQUEST, str("x-a"), str("2")));
  add("remove", host->header_remove(x, CLEAT_REQUEST, str("gone")));
  add("missing", host->header_remove(x, CLEAT_REQUEST, str("never-there")));
  add("framing", host->header_set(x, CLEAT_REQUEST, str("content-length"), str("1")));
  add("value", host->header_set(x, CLEAT_REQUEST, str("x-b"), str("a\nb")));
  add("target", host->field_set(x, CLEAT_TARGET, str("/new/./here?q=1")));
  add("response", host->header_set(x, CLEAT_RESPONSE, str("x"), str("y")));
  add("status", host->status_set(x, 200));
  add("trailers", host->header_set(x, CLEAT_REQUEST_TRAILERS, str("x"), str("y")));
  add("retry", host->retry(x, nullptr));
  std::uint64_t count = 0;
  host->header_count(x, CLEAT_REQUEST, &count);
  cleat_str second{}, path{};
  host->header_get(x, CLEAT_REQUEST, str("X-A"), 1, &second);
  host->field_get(x, CLEAT_PATH, &path);
  said += " count=" + std::to_string(count) + " second=" + std::string(view(second)) + " path=" + std::string(view(path)) + " gone=" + header(x, "gone");
  acts.say(said);
  return CLEAT_CONTINUE;
}

cleat_verdict act_reply(Acts&, cleat_exchange x, bool really) {
  if (!really) return CLEAT_REPLIED;
  const cleat_header fields[] = {{str("x-why"), str("because")}};
  const cleat_reply reply = {sizeof reply, 403, fields, 1, str("no"), str("refused_here")};
  return host->reply(x, &reply) == CLEAT_OK ? CLEAT_REPLIED : CLEAT_FAIL;
}

cleat_verdict act_suspend(Acts& acts, cleat_exchange x, const std::string& how) {
  cleat_ticket ticket = 0;
  if (how != "suspend-nothing" && host->suspend(x, &ticket) != CLEAT_OK) return CLEAT_FAIL;
  if (how == "suspend-timer") {
    cleat_timer timer = 0;
    if (acts.timer->arm(acts.self, x, 10, resume_later, new Waiting{&acts, x, ticket}, &timer) != CLEAT_OK) return CLEAT_FAIL;
  } else if (how == "suspend-thread") {
    if (acts.thread.joinable()) acts.thread.join();
    acts.thread = std::thread([ticket] { host->resume(ticket, CLEAT_UNSUBSCRIBE); });
  } else if (how == "suspend-now") {
    host->resume(ticket, CLEAT_CONTINUE);
  } else if (how == "suspend-keep") {
    acts.kept_ticket = ticket;
  } else if (how == "suspend-reset") {
    cleat_timer timer = 0;
    acts.timer->arm(acts.self, x, 10, [](void*, std::uint64_t owner, void*) { host->reset(owner); }, nullptr, &timer);
  }
  return CLEAT_SUSPEND;
}

cleat_verdict act_call(Acts& acts, cleat_exchange x) {
  cleat_ticket ticket = 0;
  host->suspend(x, &ticket);
  const cleat_header fields[] = {{str("x-token"), str("abc")}};
  cleat_call_request request{};
  request.size = sizeof request;
  request.cluster = str("auth");
  request.target = str("/check");
  request.headers = fields;
  request.header_count = 1;
  request.timeout_ms = 1000;
  cleat_call call = 0;
  const auto waiting = new Waiting{&acts, x, ticket};
  const cleat_status status = acts.calls->start(acts.self, x, &request, call_told, waiting, &call);
  if (status == CLEAT_OK) return CLEAT_SUSPEND;
  delete waiting;
  acts.say("call: status=" + std::to_string(status) + " text=" + last_error());
  return CLEAT_CONTINUE;
}

std::string_view text_of(cleat_str text) { return view(text); }  // where `view` is another

void act_visit(Acts& acts) {
  std::string seen;
  const auto see = [](void* user, const cleat_metric_view* view) {
    std::string& all = *static_cast<std::string*>(user);
    all += " " + std::string(text_of(view->name)) + "(" + std::string(text_of(view->help)) + ")";
    for (std::uint64_t i = 0; i < view->label_count; ++i) all += std::string(text_of(view->labels[i].name)) + ":" + std::string(text_of(view->labels[i].value));
    all += "=" + std::to_string(view->value);
    for (std::uint64_t i = 0; i < view->bound_count; ++i) all += "," + std::to_string(view->bounds[i]) + "/" + std::to_string(view->buckets[i]);
    if (view->kind == CLEAT_HISTOGRAM) all += "," + std::to_string(view->buckets[view->bound_count]);
  };
  const cleat_status status = acts.metrics->visit(see, &seen);
  acts.say("visit: " + std::to_string(status) + seen);
}

void act_kv(Acts& acts) {
  char buffer[4];
  std::uint64_t needed = 0, version = 0;
  std::int64_t value = 0;
  std::string said = "kv:";
  said += " get=" + std::to_string(acts.kv->get(acts.space, str("key"), buffer, sizeof buffer, &needed, &version));
  said += " needed=" + std::to_string(needed) + " version=" + std::to_string(version);
  said += " add=" + std::to_string(acts.kv->add(acts.space, str("n"), 5, 0, &value));
  said += " value=" + std::to_string(value);
  said += " set_if=" + std::to_string(acts.kv->set_if(acts.space, str("key"), str("v"), 0, 3, &version));
  said += " text=" + last_error();
  acts.say(said);
}

void act_facts(Acts& acts, cleat_exchange x) {
  std::string said = "facts:";
  cleat_str text{};
  std::int64_t integer = 0;
  said += " listener=" + std::to_string(acts.attributes->text(x, CLEAT_ATTR_LISTENER, &text));
  said += "," + std::string(view(text));
  said += " route=" + std::to_string(acts.attributes->text(x, CLEAT_ATTR_ROUTE, &text));
  said += " attempts=" + std::to_string(acts.attributes->integer(x, CLEAT_ATTR_ATTEMPTS, &integer));
  said += "," + std::to_string(integer);
  said += " wrong=" + std::to_string(acts.attributes->integer(x, CLEAT_ATTR_LISTENER, &integer));
  said += " get=" + std::to_string(acts.metadata->get_text(x, acts.key, &text));
  said += "," + std::string(view(text));
  said += " set=" + std::to_string(acts.metadata->set_integer(x, acts.key, 42));
  said += " again=" + std::to_string(acts.metadata->get_integer(x, acts.key, &integer));
  said += "," + std::to_string(integer);
  said += " type=" + std::to_string(acts.metadata->get_text(x, acts.key, &text));
  acts.say(said);
}

void act_stale(Acts& acts, cleat_exchange x) {
  cleat_str value{};
  cleat_timer timer = 0;
  std::string said = "stale:";
  said += " get=" + std::to_string(host->header_get(acts.kept, CLEAT_REQUEST, str("a"), 0, &value));
  said += " timer=" + std::to_string(acts.timer->arm(acts.self, acts.kept, 1, resume_later, nullptr, &timer));
  said += " ticket=" + std::to_string(host->resume(acts.kept_ticket, CLEAT_CONTINUE));
  cleat_status elsewhere = 0;
  std::thread([&] { elsewhere = host->header_set(x, CLEAT_REQUEST, str("a"), str("b")); }).join();
  said += " thread=" + std::to_string(elsewhere);
  said += " worker=" + std::to_string(host->header_get(x | std::uint64_t{1} << 56, CLEAT_REQUEST, str("a"), 0, &value));
  said += " none=" + std::to_string(host->header_get(x | std::uint64_t{200} << 56, CLEAT_REQUEST, str("a"), 0, &value));
  acts.say(said);
}

cleat_verdict on_request(void* instance, cleat_exchange x) {
  Acts& acts = *static_cast<Acts*>(instance);
  const std::string act = header(x, "act");
  if (act == "heads") return act_on_heads(acts, x);
  if (act == "reply") return act_reply(acts, x, true);
  if (act == "replied") return act_reply(acts, x, false);
  if (act.starts_with("suspend-")) return act_suspend(acts, x, act);
  if (act == "throw") throw std::runtime_error("of this kind");
  if (act == "throw-int") throw 5;
  if (act == "junk") return 77;
  if (act == "fail") {
    host->set_error(str("that is why"));
    return CLEAT_FAIL;
  }
  if (act == "unsubscribe") return CLEAT_UNSUBSCRIBE;
  if (act == "call") return act_call(acts, x);
  if (act == "kv") act_kv(acts);
  if (act == "kv-thread") {
    if (acts.thread.joinable()) acts.thread.join();
    acts.thread = std::thread([&acts] {
      std::int64_t value = 0;
      const cleat_status status = acts.kv->add(acts.space, str("n"), 5, 0, &value);
      acts.say("kv-thread: add=" + std::to_string(status) + " value=" + std::to_string(value) + " text=" + last_error());
    });
  }
  if (act == "hang") acts.say("hanging");
  if (act == "hang") std::this_thread::sleep_for(std::chrono::hours(1));
  if (act == "facts") act_facts(acts, x);
  if (act == "stale") act_stale(acts, x);
  if (act == "keep") acts.kept = x;
  if (act == "state") {
    void* state = nullptr;
    std::string said = "state: none=" + std::to_string(host->exchange_state(x, 0, &state));
    said += " made=" + std::to_string(host->exchange_state(x, 24, &state));
    ++*static_cast<int*>(state);
    said += " large=" + std::to_string(host->exchange_state(x, 25, &state)) + " over=" + std::to_string(host->exchange_state(x, 5000, &state));
    acts.say(said);
  }
  if (act == "after") {
    cleat_timer timer = 0;
    acts.timer->arm(acts.self, x, 10, [](void* self, std::uint64_t owner, void*) {
      Acts& one = *static_cast<Acts*>(self);
      one.metadata->set_text(owner, one.key, str("from a timer"));
      one.say("after: reply=" + std::to_string(host->reply(owner, nullptr)));
    }, nullptr, &timer);
  }
  if (act == "post") {
    if (acts.thread.joinable()) acts.thread.join();
    acts.thread = std::thread([&acts, x] { acts.post->post(acts.self, x, posted, &acts); });
  }
  if (act == "post-control") acts.post->post_worker(acts.self, CLEAT_POST_CONTROL, posted, &acts);
  if (act == "metrics") {
    acts.metrics->add(acts.counter, 2);
    acts.metrics->add(acts.counter, 3);
    acts.metrics->observe(acts.histogram, 7);
    std::thread([&acts] { acts.metrics->add(acts.counter, 100); }).join();
    std::string said = "metrics: negative=" + std::to_string(acts.metrics->add(acts.counter, -1)) + " bogus=" + std::to_string(acts.metrics->add(12345, 1));
    said += " observe=" + std::to_string(acts.metrics->observe(acts.counter, 1));
    acts.say(said);
  }
  if (act == "visit") act_visit(acts);
  if (act == "visit-thread") {
    if (acts.thread.joinable()) acts.thread.join();
    acts.thread = std::thread([&acts] { act_visit(acts); });
  }
  if (act == "subscribe") {
    acts.body->subscribe(x, CLEAT_REQUEST, CLEAT_BODY_STREAM, 0);
    acts.say("subscribe: large=" + std::to_string(acts.body->subscribe(x, CLEAT_REQUEST, CLEAT_BODY_WHOLE, std::uint64_t{1} << 40)));
  }
  if (act == "many") {
    for (int i = 0; i < 5000; ++i) acts.metadata->set_integer(x, acts.key, i);
  }
  if (act == "publish") acts.say("publish: " + std::to_string(acts.events->publish(acts.self, str("acts.done"), str("x=1"))));
  if (act == "chatter") {
    for (int i = 0; i < 20000; ++i) acts.say("chatter");
  }
  return CLEAT_CONTINUE;
}

cleat_verdict on_route(void*, cleat_exchange x) {
  void* route = nullptr;
  const cleat_status status = host->route_config(x, &route);
  host->header_set(x, CLEAT_REQUEST, str("x-route"), str(status == CLEAT_OK ? *static_cast<std::string*>(route) : std::to_string(status)));
  host->cluster_set(x, str("other"));
  host->reroute(x);
  host->exchange_timeout(x, 2500);
  return CLEAT_CONTINUE;
}

cleat_verdict on_request_body(void* instance, cleat_exchange x, std::uint32_t flags) {
  const Acts& acts = *static_cast<Acts*>(instance);
  if (header(x, "act") == "suspend-timer") {  // the piece is at hand for as long as its hook is suspended
    cleat_ticket ticket = 0;
    host->suspend(x, &ticket);
    cleat_timer timer = 0;
    acts.timer->arm(acts.self, x, 10, [](void* self, std::uint64_t owner, void* user) {
      static_cast<Acts*>(self)->body->append(owner, CLEAT_REQUEST, str(" later"));
      host->resume(reinterpret_cast<cleat_ticket>(user), CLEAT_CONTINUE);
    }, reinterpret_cast<void*>(ticket), &timer);
    return CLEAT_SUSPEND;
  }
  acts.body->append(x, CLEAT_REQUEST, str(flags == CLEAT_BODY_END ? "!" : "+"));
  acts.body->prepend(x, CLEAT_REQUEST, str(">"));
  acts.body->drain(x, CLEAT_REQUEST, 2);
  cleat_str piece{};
  acts.body->view(x, CLEAT_REQUEST, &piece);
  acts.say("piece: " + std::string(view(piece)) + " other=" + std::to_string(acts.body->view(x, CLEAT_RESPONSE, &piece)));
  return CLEAT_CONTINUE;
}

cleat_verdict on_attempt_end(void*, cleat_exchange x, const cleat_attempt_end* end) {
  const cleat_retry retry = {sizeof retry, CLEAT_RETRY_OTHER_ENDPOINT, 20};
  const cleat_status status = host->retry(x, &retry);
  host->header_set(x, CLEAT_REQUEST, str("x-retry"), str(std::to_string(status) + " " + std::to_string(end->elapsed_us)));
  return CLEAT_CONTINUE;
}

cleat_verdict on_response(void*, cleat_exchange x) {
  std::uint32_t status = 0;
  host->status_get(x, &status);
  host->status_set(x, status + 1);
  host->status_get(x, &status);
  host->header_set(x, CLEAT_RESPONSE, str("x-status"), str(std::to_string(status)));
  return CLEAT_CONTINUE;
}

void on_end(void* instance, cleat_exchange x) {
  const Acts& acts = *static_cast<Acts*>(instance);
  void* state = nullptr;
  const cleat_status status = host->exchange_state(x, 0, &state);
  cleat_timer timer = 0;
  acts.say("end: state=" + (status == CLEAT_OK ? std::to_string(*static_cast<int*>(state)) : std::to_string(status)) +
           " timer=" + std::to_string(acts.timer->arm(acts.self, x, 1, resume_later, nullptr, &timer)) +
           " set=" + std::to_string(host->header_set(x, CLEAT_REQUEST, str("a"), str("b"))));
}

cleat_verdict on_connection(void* instance, cleat_conn conn) {
  const Acts& acts = *static_cast<Acts*>(instance);
  cleat_str text{};
  std::int64_t integer = 0;
  std::string said = "connection: source=" + std::to_string(acts.attributes->text(conn, CLEAT_ATTR_SOURCE_ADDRESS, &text));
  said += "," + std::string(view(text));
  acts.say(said + " protocol=" + std::to_string(acts.attributes->text(conn, CLEAT_ATTR_PROTOCOL, &text)) +
           " id=" + std::to_string(acts.attributes->integer(conn, CLEAT_ATTR_CONNECTION_ID, &integer)));
  cleat_ticket ticket = 0;
  if (host->suspend(conn, &ticket) != CLEAT_OK) return CLEAT_FAIL;
  host->resume(ticket, CLEAT_REPLIED);
  return CLEAT_SUSPEND;
}

cleat_status create(const cleat_create* info, void** instance) {
  auto* const acts = new Acts;
  acts->self = info->self;
  acts->timer = find<cleat_host_timer>(CLEAT_EXT_TIMER);
  acts->post = find<cleat_host_post>(CLEAT_EXT_POST);
  acts->metadata = find<cleat_host_metadata>(CLEAT_EXT_METADATA);
  acts->metrics = find<cleat_host_metrics>(CLEAT_EXT_METRICS);
  acts->kv = find<cleat_host_kv>(CLEAT_EXT_KV);
  acts->calls = find<cleat_host_http_call>(CLEAT_EXT_HTTP_CALL);
  acts->attributes = find<cleat_host_attributes>(CLEAT_EXT_ATTRIBUTES);
  acts->body = find<cleat_host_body>(CLEAT_EXT_BODY);
  acts->events = find<cleat_host_events>(CLEAT_EXT_EVENTS);
  *instance = acts;
  if (find<cleat_host_control>(CLEAT_EXT_CONTROL) != nullptr) return CLEAT_FAILED;
  const auto* const config = find<cleat_host_config>(CLEAT_EXT_CONFIG);
  cleat_config node = 0;
  cleat_str text{};
  if (config->get(info->config, str("greeting"), &node) == CLEAT_OK && config->text(node, &text) == CLEAT_OK) acts->greeting = view(text);
  if (config->get(info->config, str("file"), &node) == CLEAT_OK && config->path(node, &text) == CLEAT_OK) acts->say("path: " + std::string(view(text)));
  std::int64_t number = 0;
  std::uint64_t wait = 0;
  if (config->get(info->config, str("limits"), &node) == CLEAT_OK) {
    cleat_config first = 0, most = 0;
    if (config->at(node, 0, nullptr, &first) == CLEAT_OK && config->get(first, str("most"), &most) == CLEAT_OK) config->integer(most, 1, 10, &number);
  }
  if (config->get(info->config, str("wait"), &node) == CLEAT_OK && config->duration_ms(node, &wait) == CLEAT_OK) acts->say("wait: " + std::to_string(wait));
  if (acts->greeting == "refuse") {
    delete acts;
    host->set_error(str("no such greeting"));
    return CLEAT_FAILED;
  }
  if (acts->greeting == "throw") {
    delete acts;
    throw std::runtime_error("in create");
  }
  acts->metadata->key(str("acts.value"), &acts->key);
  const cleat_str labels[] = {str("kind")};
  const cleat_str values[] = {str("a")};
  const std::uint64_t bounds[] = {5, 10};
  const cleat_metric_def counter = {sizeof counter, CLEAT_COUNTER, str("acts_total"), str("Acts."), labels, 1, nullptr, 0, 0};
  const cleat_metric_def histogram = {sizeof histogram, CLEAT_HISTOGRAM, str("acts_size"), str("Sizes."), nullptr, 0, bounds, 2, 0};
  acts->metrics->define(acts->self, &counter, &acts->counter_metric);
  acts->metrics->define(acts->self, &histogram, &acts->histogram_metric);
  acts->metrics->series(acts->counter_metric, values, 1, &acts->counter);
  acts->metrics->series(acts->histogram_metric, nullptr, 0, &acts->histogram);
  acts->kv->open(acts->self, str("space"), 0, 4096, &acts->space);
  std::uint64_t version = 0;
  const cleat_status set = acts->kv->set(acts->space, str("a"), str("b"), 0, &version);
  acts->say("create: kv=" + std::to_string(set) + " version=" + std::to_string(version));
  acts->events->subscribe(acts->self, str("acts.*"));
  return CLEAT_OK;
}

void destroy(void* instance) {
  Acts* const acts = static_cast<Acts*>(instance);
  if (acts->thread.joinable()) acts->thread.join();
  acts->say("destroyed");
  delete acts;
}

cleat_status route_create(void* instance, cleat_config config, void** route) {
  const auto* const table = find<cleat_host_config>(CLEAT_EXT_CONFIG);
  cleat_config node = 0;
  cleat_str text{};
  if (table->get(config, str("name"), &node) != CLEAT_OK || table->text(node, &text) != CLEAT_OK) {
    static_cast<Acts*>(instance)->say("a route without a name");
    host->set_error(str("a route has a name"));
    return CLEAT_FAILED;
  }
  *route = new std::string(view(text));
  return CLEAT_OK;
}
void route_destroy(void*, void* route) { delete static_cast<std::string*>(route); }

cleat_status worker_start(void* instance, std::uint32_t worker) {
  std::uint32_t index = 99;
  host->worker_index(&index);
  static_cast<Acts*>(instance)->say("worker_start: " + std::to_string(worker) + " " + std::to_string(index));
  return CLEAT_OK;
}
void worker_stop(void* instance, std::uint32_t worker) { static_cast<Acts*>(instance)->say("worker_stop: " + std::to_string(worker)); }

void on_event(void* instance, const cleat_event* event) {
  static_cast<Acts*>(instance)->say("event: " + std::to_string(event->kind) + " " + std::string(view(event->name)) + " " + std::string(view(event->data)));
}
void on_drain(void* instance, std::uint64_t completion) {
  const cleat_status first = host->complete(completion);
  static_cast<Acts*>(instance)->say("drain: " + std::to_string(first) + " " + std::to_string(host->complete(completion)));
}

constexpr cleat_plugin make_table() {
  cleat_plugin table{};
  table.size = sizeof table;
  table.abi = CLEAT_ABI;
  table.create = create;
  table.destroy = destroy;
  table.route_create = route_create;
  table.route_destroy = route_destroy;
  table.worker_start = worker_start;
  table.worker_stop = worker_stop;
  table.on_connection = on_connection;
  table.on_request = on_request;
  table.on_route = on_route;
  table.on_request_body = on_request_body;
  table.on_attempt_end = on_attempt_end;
  table.on_response = on_response;
  table.on_end = on_end;
  table.on_event = on_event;
  table.on_drain = on_drain;
  return table;
}
constexpr cleat_plugin kTable = make_table();

}  // namespace

const cleat_plugin* cleat_plugin_v1(const cleat_host* given) {
  host = given;
  return &kTable;
}
