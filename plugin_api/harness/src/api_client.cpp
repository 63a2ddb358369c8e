// The C interface: hosting, and the client's side.
#include "kernel/exchange.hpp"
#include "kernel/hooks/exchange_hooks.hpp"
#include "plugin_api/harness/src/api.hpp"
#include "plugin_api/harness/src/text.hpp"

using namespace cleat;
using namespace cleat::kit;

namespace {

ClientWire* wire_of(Host& host, std::uint64_t exchange) {
  ExchangeRecord* const record = exchange_of(host, exchange);
  if (record == nullptr || record->exchange == nullptr) return nullptr;
  ConnectionRecord* const of = host.connection(record->connection);
  return of == nullptr ? nullptr : of->wire;
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

}  // namespace

// --- hosting ---

cleat_harness* cleat_harness_new(const cleat_harness_options* given) {
  auto* const h = new cleat_harness;
  cleat_harness_options options;
  if (!read(given, options) || (options.plugin == nullptr && options.entry == nullptr && options.document == nullptr)) {
    h->error = "cleat_harness_options: `size`, and `plugin`, `entry` or `document`";
    return h;
  }
  if (Host::any_runs()) {
    h->error = "another harness runs in this process: finish it first";
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
    if (!read(given, request)) return no(CLEAT_INVALID, "cleat_harness_request: `size`");
    if (!sane(request.headers, request.header_count)) return no(CLEAT_INVALID, "cleat_harness_request: the headers");
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
