// The C interface (harness.h) over Host: texts in, structs of either size out, and no exception.
#include <algorithm>
#include <cstring>
#include <exception>
#include <sstream>
#include <string>

#include "kernel/base/metrics.hpp"
#include "kernel/events.hpp"
#include "kernel/exchange.hpp"
#include "kernel/hooks/exchange_hooks.hpp"
#include "kernel/hooks/hook_totals.hpp"
#include "plugin_api/harness/harness.h"
#include "plugin_api/harness/src/host.hpp"
#include "plugin_api/harness/src/text.hpp"

using namespace cleat;
using namespace cleat::kit;

struct cleat_harness {
  std::unique_ptr<Host> host;
  std::string error;
};

namespace {

constexpr std::uint64_t kHeadersMax = 100'000;

// A struct of the caller's, of the size that it was compiled with; what is beyond it is zero.
template <class T>
bool read(const T* from, T& to) {
  to = T{};
  if (from == nullptr || from->size < sizeof(std::uint32_t) || from->size > sizeof(T)) return false;
  std::memcpy(&to, from, from->size);
  return true;
}

template <class T>
cleat_status give(T& from, T* to) {
  if (to == nullptr || to->size < sizeof(std::uint32_t)) return CLEAT_INVALID;
  from.size = static_cast<std::uint32_t>(std::min<std::size_t>(to->size, sizeof(T)));
  std::memcpy(to, &from, from.size);
  return CLEAT_OK;
}

cleat_status failed(cleat_harness* h, cleat_status status, std::string why) {
  h->error = std::move(why);
  return status;
}

template <class Call>
cleat_status guarded(cleat_harness* h, Call&& call) {
  if (h == nullptr) return CLEAT_INVALID;
  if (h->host == nullptr || !h->host->serving()) return failed(h, CLEAT_WRONG_PHASE, "the harness does not run");
  try {
    h->error.clear();
    return call(*h->host);
  } catch (const std::exception& exception) {
    return failed(h, CLEAT_FAILED, exception.what());
  }
}

template <class Call>
std::uint64_t numbered(cleat_harness* h, Call&& call) {
  std::uint64_t number = 0;
  guarded(h, [&](Host& host) {
    number = call(host);
    return CLEAT_OK;
  });
  return number;
}

bool sane(const cleat_header* headers, std::uint64_t count) { return (headers != nullptr || count == 0) && count <= kHeadersMax; }

ExchangeRecord* exchange_of(Host& host, std::uint64_t id) {
  const auto found = host.wires->exchanges.find(id);
  return found == host.wires->exchanges.end() ? nullptr : found->second.get();
}

ClientWire* wire_of(Host& host, std::uint64_t exchange) {
  ExchangeRecord* const record = exchange_of(host, exchange);
  if (record == nullptr || record->exchange == nullptr) return nullptr;
  ConnectionRecord* const of = host.connection(record->connection);
  return of == nullptr ? nullptr : of->wire;
}

OutgoingRecord* outgoing_of(Host& host, std::uint64_t id) {
  const auto found = host.wires->outgoing.find(id);
  return found == host.wires->outgoing.end() ? nullptr : found->second.get();
}

std::uint32_t state_of(const Exchange& x) {
  for (const std::uint64_t ticket : x.suspended) {
    if (ticket != 0) return CLEAT_HARNESS_SUSPENDED;
  }
  switch (x.stage) {
    case Stage::kGather: return CLEAT_HARNESS_RECEIVING;
    case Stage::kConnect: return CLEAT_HARNESS_UPSTREAM;
    case Stage::kAwait: return x.handler_active ? CLEAT_HARNESS_ANSWERING : CLEAT_HARNESS_UPSTREAM;
    case Stage::kPause: return CLEAT_HARNESS_PAUSED;
    case Stage::kDone:
    case Stage::kIdle: return CLEAT_HARNESS_CLOSED;
    default: return CLEAT_HARNESS_ANSWERING;
  }
}

cleat_status status_of(cleat_harness* h, OriginWire::Taken taken) {
  switch (taken) {
    case OriginWire::Taken::kYes: return CLEAT_OK;
    case OriginWire::Taken::kFull: return failed(h, CLEAT_LIMIT, "the other side takes no more at present");
    case OriginWire::Taken::kPhase: return failed(h, CLEAT_WRONG_PHASE, "it is answered already, or whoever made the request has let go of it, or no head was sent yet");
    default: return failed(h, CLEAT_INVALID, "no valid head, or not as long a body as it announced");
  }
}

template <class Call>
cleat_status answering(cleat_harness* h, std::uint64_t outgoing, Call&& call) {
  return guarded(h, [&](Host& host) -> cleat_status {
    OutgoingRecord* const record = outgoing_of(host, outgoing);
    if (record == nullptr) return failed(h, CLEAT_NOT_FOUND, "no such request");
    if (record->wire == nullptr) return status_of(h, OriginWire::Taken::kPhase);
    OriginWire::Taken taken = OriginWire::Taken::kPhase;
    host.on_worker([&] {
      if (record->wire != nullptr) taken = call(*record->wire);
    });
    host.step(0);
    return status_of(h, taken);
  });
}

std::uint64_t hook_total(const cleat_harness* h, const char* hook, bool failures) {
  std::uint64_t sum = 0;
  if (h == nullptr || h->host == nullptr || hook == nullptr) return 0;
  for (const hooks::HookRow& row : hooks::hook_totals()) {
    if (hooks::hook_name(row.hook) == hook) sum += failures ? row.total.failures : row.total.calls;
  }
  const std::string key = std::string(failures ? "f" : "c") + hook;
  const auto before = h->host->totals_before.find(key);
  return sum - (before == h->host->totals_before.end() ? 0 : before->second);
}

}  // namespace

// --- hosting ---

cleat_harness* cleat_harness_new(const cleat_harness_options* given) {
  auto* const h = new cleat_harness;
  cleat_harness_options options;
  if (!read(given, options) || (options.plugin == nullptr && options.entry == nullptr && options.document == nullptr)) {
    h->error = "cleat_harness_options: `size`, and `plugin`, `entry` or `document`";
    return h;
  }
  try {
    const auto text = [](const char* from) { return from == nullptr ? std::string() : std::string(from); };
    HostOptions wanted;
    wanted.plugin = text(options.plugin);
    wanted.entry = options.entry;
    if (options.name != nullptr) wanted.name = options.name;
    wanted.config = text(options.config);
    wanted.route_config = text(options.route_config);
    wanted.clusters = words_of(text(options.clusters));
    wanted.document = text(options.document);
    wanted.folder = text(options.folder);
    wanted.handler = (options.flags & CLEAT_HARNESS_HANDLER) != 0;
    wanted.fail_open = (options.flags & CLEAT_HARNESS_FAIL_OPEN) != 0;
    wanted.checked = (options.flags & CLEAT_HARNESS_UNCHECKED) == 0;
    wanted.quiet = (options.flags & CLEAT_HARNESS_QUIET) != 0;
    h->host = std::make_unique<Host>(std::move(wanted));
    h->error = h->host->error;
    if (!h->host->serving() && h->error.empty()) h->error = "the plugin could not be hosted";
  } catch (const std::exception& exception) {
    h->error = exception.what();
  }
  return h;
}

const char* cleat_harness_error(const cleat_harness* h) { return h == nullptr ? "no harness" : h->error.c_str(); }

cleat_status cleat_harness_reload(cleat_harness* h, const char* config) {
  return guarded(h, [&](Host& host) -> cleat_status {
    return host.reload_with(config == nullptr ? "" : config) ? CLEAT_OK : failed(h, CLEAT_FAILED, host.error);
  });
}

uint64_t cleat_harness_finish(cleat_harness* h) {
  if (h == nullptr || h->host == nullptr) return 0;
  h->host->finish();
  return h->host->checks.count();
}

void cleat_harness_delete(cleat_harness* h) {
  cleat_harness_finish(h);
  delete h;
}

// --- the client's side ---

uint64_t cleat_harness_connect(cleat_harness* h, const char* peer) { return cleat_harness_connect_to(h, nullptr, peer); }

uint64_t cleat_harness_connect_to(cleat_harness* h, const char* listener, const char* peer) {
  return numbered(h, [&](Host& host) -> std::uint64_t {
    Result<Address> address = parse_address(peer == nullptr ? "127.0.0.1:40000" : peer);
    if (!address.ok()) {
      failed(h, CLEAT_INVALID, address.error());
      return 0;
    }
    const std::uint64_t id = host.connect(*address, listener == nullptr ? "" : listener);
    if (id == 0) failed(h, CLEAT_NOT_FOUND, "no such listener");
    return id;
  });
}

cleat_status cleat_harness_disconnect(cleat_harness* h, uint64_t connection) {
  return guarded(h, [&](Host& host) -> cleat_status {
    ConnectionRecord* const record = host.connection(connection);
    if (record == nullptr) return failed(h, CLEAT_NOT_FOUND, "no such connection");
    host.on_worker([&] {
      if (record->wire != nullptr) return record->wire->abort();
      if (Connection* const one = host.find(*record)) one->cut(false);
      record->closed = true;
    });
    host.step(0);
    return CLEAT_OK;
  });
}

uint32_t cleat_harness_state(cleat_harness* h, uint64_t subject) {
  std::uint32_t state = CLEAT_HARNESS_CLOSED;
  guarded(h, [&](Host& host) {
    if (const ExchangeRecord* const record = exchange_of(host, subject)) {
      if (record->exchange != nullptr) state = state_of(*record->exchange);
    } else if (const ConnectionRecord* const one = host.connection(subject)) {
      if (!one->closed && host.find(*one) != nullptr) state = one->wire == nullptr ? CLEAT_HARNESS_OPENING : CLEAT_HARNESS_OPEN;
    }
    return CLEAT_OK;
  });
  return state;
}

cleat_str cleat_harness_where(cleat_harness* h, uint64_t exchange) {
  cleat_str name{};
  guarded(h, [&](Host& host) {
    const ExchangeRecord* const record = exchange_of(host, exchange);
    if (record == nullptr || record->exchange == nullptr) return CLEAT_NOT_FOUND;
    const Exchange& x = *record->exchange;
    hooks::Hook hook = hooks::Hook::kNone;
    if (x.suspended[0] != 0) hook = x.stage == Stage::kHandle ? hooks::Hook::kHandle : hooks::hook_of_stage(x.stage);
    if (x.suspended[1] != 0) hook = x.handler_active ? hooks::Hook::kHandleBody : hooks::Hook::kRequestBody;
    if (x.suspended[2] != 0) hook = hooks::Hook::kResponseBody;
    if (hook != hooks::Hook::kNone) name = to_str(hooks::hook_name(hook));
    return CLEAT_OK;
  });
  return name;
}

uint64_t cleat_harness_begin(cleat_harness* h, uint64_t connection, const cleat_harness_request* given) {
  return numbered(h, [&](Host& host) -> std::uint64_t {
    cleat_harness_request request;
    const auto no = [&](cleat_status status, const char* why) {
      failed(h, status, why);
      return std::uint64_t{0};
    };
    if (!read(given, request) || !sane(request.headers, request.header_count)) return no(CLEAT_INVALID, "cleat_harness_request: `size`, or the headers");
    const bool follows = (request.flags & CLEAT_HARNESS_BODY) != 0;
    if (follows && request.body.size != 0) return no(CLEAT_INVALID, "with CLEAT_HARNESS_BODY the body comes in pieces");
    const std::string head = request_head(request, follows);
    if (connection == 0) connection = host.connect(*parse_address("127.0.0.1:40000"));
    ConnectionRecord* const of = host.connection(connection);
    if (of == nullptr || of->wire == nullptr) return no(CLEAT_WRONG_PHASE, "the connection is not open");
    if (of->wire->busy()) return no(CLEAT_WRONG_PHASE, "the connection has an exchange under way");
    std::uint64_t id = 0;
    host.on_worker([&] {
      const ExchangeRecord* const record = of->wire->begin(head, std::string(to_view(request.body)), follows);
      if (record != nullptr) id = record->id;
    });
    host.step(0);
    return id;
  });
}

cleat_status cleat_harness_body(cleat_harness* h, uint64_t exchange, cleat_str data) {
  return guarded(h, [&](Host& host) -> cleat_status {
    ClientWire* const wire = wire_of(host, exchange);
    if (wire == nullptr || !wire->awaits_body()) return failed(h, CLEAT_WRONG_PHASE, "no body is to come");
    if (!wire->takes_body()) return failed(h, CLEAT_LIMIT, "the exchange takes no more at present");
    bool taken = false;
    host.on_worker([&] { taken = wire->body(to_view(data)); });
    host.step(0);
    return taken ? CLEAT_OK : failed(h, CLEAT_INVALID, "more than its Content-Length");
  });
}

cleat_status cleat_harness_body_end(cleat_harness* h, uint64_t exchange, const cleat_header* trailers, uint64_t count) {
  return guarded(h, [&](Host& host) -> cleat_status {
    ClientWire* const wire = wire_of(host, exchange);
    if (!sane(trailers, count)) return failed(h, CLEAT_INVALID, "the trailers");
    if (wire == nullptr || !wire->awaits_body()) return failed(h, CLEAT_WRONG_PHASE, "no body is to come");
    bool taken = false;
    host.on_worker([&] { taken = wire->body_end(field_lines(trailers, count, true)); });
    host.step(0);
    return taken ? CLEAT_OK : failed(h, CLEAT_INVALID, "less than its Content-Length, or trailers with one");
  });
}

cleat_status cleat_harness_abort(cleat_harness* h, uint64_t exchange) {
  return guarded(h, [&](Host& host) -> cleat_status {
    ClientWire* const wire = wire_of(host, exchange);
    if (wire == nullptr) return failed(h, CLEAT_WRONG_PHASE, "the exchange is over");
    host.on_worker([&] { wire->abort(); });
    host.step(0);
    return CLEAT_OK;
  });
}

cleat_status cleat_harness_response(cleat_harness* h, uint64_t exchange, cleat_harness_message* response) {
  return guarded(h, [&](Host& host) -> cleat_status {
    ExchangeRecord* const record = exchange_of(host, exchange);
    if (record == nullptr) return failed(h, CLEAT_NOT_FOUND, "no such exchange");
    Sent& sent = record->response;
    cleat_harness_message made{};
    if (sent.head) made.flags |= CLEAT_HARNESS_HEAD;
    if (sent.head && sent.end) made.flags |= CLEAT_HARNESS_END;
    if (record->cut) made.flags |= CLEAT_HARNESS_CUT;
    std::string_view flag = record->flag, by = record->by, reason = record->reason;
    if (const Exchange* const x = record->exchange) {
      flag = x->reply_flag;
      reason = x->reply_reason;
      by = x->reply_by == nullptr ? std::string_view() : std::string_view(x->reply_by->name);
    }
    if (!flag.empty()) made.flags |= CLEAT_HARNESS_LOCAL;
    made.status = sent.status;
    made.headers = sent.headers.shown().data();
    made.header_count = static_cast<std::uint32_t>(sent.headers.size());
    made.body = to_str(sent.body);
    made.trailers = sent.trailers.shown().data();
    made.trailer_count = sent.trailers.size();
    made.flag = to_str(flag);
    made.by = to_str(by);
    made.reason = to_str(reason);
    made.informational = sent.informational;
    return give(made, response);
  });
}

// --- the upstream's side ---

uint64_t cleat_harness_outgoing(cleat_harness* h) {
  return numbered(h, [](Host& host) -> std::uint64_t {
    if (host.wires->fresh.empty()) return 0;
    const std::uint64_t id = host.wires->fresh.front();
    host.wires->fresh.pop_front();
    return id;
  });
}

cleat_status cleat_harness_outgoing_get(cleat_harness* h, uint64_t outgoing, cleat_harness_outgoing_request* request) {
  return guarded(h, [&](Host& host) -> cleat_status {
    OutgoingRecord* const record = outgoing_of(host, outgoing);
    if (record == nullptr) return failed(h, CLEAT_NOT_FOUND, "no such request");
    Sent& sent = record->request;
    cleat_harness_outgoing_request made{};
    if (sent.head) made.flags |= CLEAT_HARNESS_HEAD;
    if (sent.end) made.flags |= CLEAT_HARNESS_END;
    if (record->is_call) made.flags |= CLEAT_HARNESS_CALL;
    if (record->wire == nullptr) made.flags |= CLEAT_HARNESS_RELEASED;
    made.exchange = record->exchange;
    made.attempt = record->attempt;
    made.cluster = to_str(record->cluster);
    made.method = to_str(sent.method);
    made.target = to_str(sent.target);
    made.authority = to_str(sent.authority);
    made.headers = sent.headers.shown().data();
    made.header_count = static_cast<std::uint32_t>(sent.headers.size());
    made.body = to_str(sent.body);
    made.trailers = sent.trailers.shown().data();
    made.trailer_count = sent.trailers.size();
    return give(made, request);
  });
}

cleat_status cleat_harness_answer_send(cleat_harness* h, uint64_t outgoing, const cleat_harness_answer* given) {
  cleat_harness_answer answer;
  if (h == nullptr) return CLEAT_INVALID;
  if (!read(given, answer) || !sane(answer.headers, answer.header_count)) return failed(h, CLEAT_INVALID, "cleat_harness_answer: `size`, or the headers");
  const bool follows = (answer.flags & CLEAT_HARNESS_BODY) != 0;
  if (follows && answer.body.size != 0) return failed(h, CLEAT_INVALID, "with CLEAT_HARNESS_BODY the body comes in pieces");
  if (answer.status < 100 || answer.status > 599 || answer.status == 101) return failed(h, CLEAT_INVALID, "a status from 100 to 599, and not 101");
  const std::string head = response_head(answer, follows);
  return answering(h, outgoing, [&](OriginWire& wire) { return wire.answer(head, to_view(answer.body), follows); });
}

cleat_status cleat_harness_answer_body(cleat_harness* h, uint64_t outgoing, cleat_str data) {
  return answering(h, outgoing, [&](OriginWire& wire) { return wire.answer_body(to_view(data)); });
}

cleat_status cleat_harness_answer_end(cleat_harness* h, uint64_t outgoing, const cleat_header* trailers, uint64_t count) {
  if (h != nullptr && !sane(trailers, count)) return failed(h, CLEAT_INVALID, "the trailers");
  return answering(h, outgoing, [&](OriginWire& wire) { return wire.answer_end(field_lines(trailers, count, true)); });
}

cleat_status cleat_harness_answer_fail(cleat_harness* h, uint64_t outgoing, uint32_t how) {
  const bool known = how >= CLEAT_END_CONNECT_FAILED && how <= CLEAT_END_OVERFLOW && how != CLEAT_END_NO_ENDPOINT;
  if (h != nullptr && !known) return failed(h, CLEAT_INVALID, "one of CLEAT_END_*, but for _RESPONSE and _NO_ENDPOINT");
  return answering(h, outgoing, [&](OriginWire& wire) { return wire.fail(how); });
}

// --- time, threads, the process ---

cleat_status cleat_harness_step(cleat_harness* h, uint64_t ms) {
  return guarded(h, [&](Host& host) -> cleat_status {
    if (ms > Host::kStepMaxMs) return failed(h, CLEAT_LIMIT, "at most a day");
    host.step(ms);
    return CLEAT_OK;
  });
}

uint64_t cleat_harness_now_ms(const cleat_harness* h) { return h == nullptr || h->host == nullptr ? 0 : h->host->now_ms(); }

cleat_status cleat_harness_wait(cleat_harness* h, uint64_t real_ms_max) {
  return guarded(h, [&](Host& host) { return host.wait(std::chrono::milliseconds(real_ms_max)) ? CLEAT_OK : CLEAT_NOT_FOUND; });
}

cleat_status cleat_harness_reopen(cleat_harness* h) {
  return guarded(h, [](Host& host) {
    host.event(CLEAT_EVENT_REOPEN, "cleat.reopen", {});
    return CLEAT_OK;
  });
}

cleat_status cleat_harness_event(cleat_harness* h, cleat_str name, cleat_str data) {
  return guarded(h, [&](Host& host) -> cleat_status {
    if (!valid_event_name(to_view(name))) return failed(h, CLEAT_INVALID, "not a name of an event");
    const bool taken = publish_event(to_view(name), to_view(data));
    host.step(0);
    return taken ? CLEAT_OK : failed(h, CLEAT_LIMIT, "the event was dropped");
  });
}

cleat_status cleat_harness_drain(cleat_harness* h) {
  return guarded(h, [](Host& host) {
    switch (host.ask(hooks::Hook::kDrain, &cleat_plugin::on_drain)) {
      case Host::Asked::kDone: return CLEAT_OK;
      case Host::Asked::kOwed: return CLEAT_NOT_FOUND;
      default: return CLEAT_UNSUPPORTED;
    }
  });
}

// --- looking ---

cleat_status cleat_harness_metric(cleat_harness* h, const char* name, const char* labels, int64_t* value) {
  if (h == nullptr || h->host == nullptr || name == nullptr || value == nullptr) return CLEAT_INVALID;
  const auto wanted = pairs_of(labels == nullptr ? "" : labels);
  bool found = false;
  std::int64_t sum = 0;
  metrics::visit([&](const metrics::View& view) {
    if (view.definition->name != name) return;
    for (const auto& [label, text] : wanted) {
      const auto& names = view.definition->labels;
      const auto at = std::find(names.begin(), names.end(), label);
      if (at == names.end() || (*view.label_values)[static_cast<std::size_t>(at - names.begin())] != text) return;
    }
    found = true;
    if (view.definition->kind != metrics::Kind::kHistogram) {
      sum += view.value;
    } else {
      for (const std::uint64_t bucket : view.buckets) sum += static_cast<std::int64_t>(bucket);
    }
  });
  *value = sum;
  return found ? CLEAT_OK : failed(h, CLEAT_NOT_FOUND, "no such metric, or no such series");
}

cleat_status cleat_harness_metadata(cleat_harness* h, uint64_t exchange, const char* key, cleat_str* value) {
  return guarded(h, [&](Host& host) -> cleat_status {
    ExchangeRecord* const record = exchange_of(host, exchange);
    std::uint32_t number = 0;
    if (record == nullptr || key == nullptr || value == nullptr) return failed(h, CLEAT_INVALID, "no such exchange, or no key");
    if (hooks::metadata_key(to_str(key), &number) != CLEAT_OK) return failed(h, CLEAT_INVALID, "not a name of a key");
    if (record->exchange != nullptr) keep_metadata(*record->exchange, *record);
    const auto found = record->metadata.find(number);
    if (found == record->metadata.end()) return failed(h, CLEAT_NOT_FOUND, "it is not set");
    *value = to_str(found->second);
    return CLEAT_OK;
  });
}

uint64_t cleat_harness_calls(cleat_harness* h, const char* hook) { return hook_total(h, hook, false); }
uint64_t cleat_harness_failures(cleat_harness* h, const char* hook) { return hook_total(h, hook, true); }

uint64_t cleat_harness_log_count(const cleat_harness* h) { return h == nullptr || h->host == nullptr ? 0 : h->host->lines(); }

cleat_status cleat_harness_log(const cleat_harness* h, uint64_t index, cleat_harness_line* line) {
  const LogLine* const found = h == nullptr || h->host == nullptr ? nullptr : h->host->line(index);
  if (found == nullptr) return CLEAT_NOT_FOUND;
  cleat_harness_line made{0, found->level, to_str(found->source), to_str(found->text)};
  return give(made, line);
}

uint64_t cleat_harness_finding_count(const cleat_harness* h) { return h == nullptr || h->host == nullptr ? 0 : h->host->checks.count(); }

cleat_status cleat_harness_finding_get(const cleat_harness* h, uint64_t index, cleat_harness_finding* finding) {
  const Finding* const found = h == nullptr || h->host == nullptr ? nullptr : h->host->checks.at(index);
  if (found == nullptr) return CLEAT_NOT_FOUND;
  cleat_harness_finding made{0, found->rule, to_str(found->section), to_str(found->hook), to_str(found->function), to_str(found->text)};
  return give(made, finding);
}
