// Lets C++ exceptions leave its hooks, which no plugin may. Without the C++ wrapper, whose trampolines would catch them.
// x-hook: the hook that throws (timer and post: a callback while the exchange waits); x-what: exception or int. Configuration
// `throw_in`: create, worker_start or on_connection.
#include <stdexcept>
#include <string>

#include "report.h"

HOSTILE_NOTE("throws", "requires=cleat.config/1 cleat.body/1 cleat.timer/1 cleat.post/1\n");

namespace {

const cleat_host_config* config;
const cleat_host_body* body;
const cleat_host_timer* timer;
const cleat_host_post* post;

struct Instance {
  cleat_instance self;
  std::string throw_in;
};

void maybe_throw(cleat_exchange x, const char* hook) {
  if (!is(asked(x, "x-hook"), hook)) return;
  if (is(asked(x, "x-what"), "int")) throw 42;
  throw std::runtime_error(std::string("thrown by ") + hook);
}

cleat_status create(const cleat_create* info, void** instance) {
  auto* made = new Instance{info->self, ""};
  cleat_config node = 0;
  cleat_str text{};
  std::uint32_t type = 0;
  if (config->type(info->config, &type) == CLEAT_OK && type == CLEAT_CONFIG_MAP &&
      config->get(info->config, to_str("throw_in"), &node) == CLEAT_OK && config->text(node, &text) == CLEAT_OK) {
    made->throw_in.assign(text.data, text.size);
  }
  if (made->throw_in == "create") {
    delete made;
    throw std::runtime_error("thrown by create");
  }
  *instance = made;
  return CLEAT_OK;
}

void destroy(void* instance) { delete static_cast<Instance*>(instance); }

cleat_status worker_start(void* instance, std::uint32_t) {
  if (static_cast<Instance*>(instance)->throw_in == "worker_start") throw std::runtime_error("thrown by worker_start");
  return CLEAT_OK;
}

cleat_verdict on_connection(void* instance, cleat_conn) {
  if (static_cast<Instance*>(instance)->throw_in == "on_connection") throw 42;
  return CLEAT_CONTINUE;
}

// The ticket is resumed first: the exchange goes on although the callback throws.
void on_timer(void*, std::uint64_t x, void* user) {
  auto* ticket = static_cast<cleat_ticket*>(user);
  host->resume(*ticket, CLEAT_CONTINUE);
  delete ticket;
  maybe_throw(x, "timer");
}

void on_post(void*, cleat_status status, std::uint64_t x, void* user) {
  auto* ticket = static_cast<cleat_ticket*>(user);
  host->resume(*ticket, CLEAT_CONTINUE);
  delete ticket;
  if (status == CLEAT_OK) maybe_throw(x, "post");
}

cleat_verdict on_request(void* instance, cleat_exchange x) {
  const cleat_instance self = static_cast<Instance*>(instance)->self;
  maybe_throw(x, "on_request");
  if (is(asked(x, "x-hook"), "on_request_body")) body->subscribe(x, CLEAT_REQUEST, CLEAT_BODY_STREAM, 0);
  if (is(asked(x, "x-hook"), "on_response_body")) body->subscribe(x, CLEAT_RESPONSE, CLEAT_BODY_STREAM, 0);
  const bool by_timer = is(asked(x, "x-hook"), "timer");
  if (!by_timer && !is(asked(x, "x-hook"), "post")) return CLEAT_CONTINUE;
  auto* ticket = new cleat_ticket(0);
  cleat_timer armed = 0;
  if (host->suspend(x, ticket) == CLEAT_OK &&
      (by_timer ? timer->arm(self, x, 1, on_timer, ticket, &armed) : post->post(self, x, on_post, ticket)) == CLEAT_OK) {
    return CLEAT_SUSPEND;
  }
  delete ticket;
  return CLEAT_FAIL;
}

cleat_verdict on_route(void*, cleat_exchange x) { return maybe_throw(x, "on_route"), CLEAT_CONTINUE; }
cleat_verdict on_request_body(void*, cleat_exchange x, std::uint32_t) { return maybe_throw(x, "on_request_body"), CLEAT_CONTINUE; }
cleat_verdict on_attempt(void*, cleat_exchange x, std::uint32_t) { return maybe_throw(x, "on_attempt"), CLEAT_CONTINUE; }
cleat_verdict on_attempt_end(void*, cleat_exchange x, const cleat_attempt_end*) { return maybe_throw(x, "on_attempt_end"), CLEAT_CONTINUE; }
cleat_verdict on_response(void*, cleat_exchange x) { return maybe_throw(x, "on_response"), CLEAT_CONTINUE; }
cleat_verdict on_response_body(void*, cleat_exchange x, std::uint32_t) { return maybe_throw(x, "on_response_body"), CLEAT_CONTINUE; }
cleat_verdict on_reply(void*, cleat_exchange x) { return maybe_throw(x, "on_reply"), CLEAT_CONTINUE; }
void on_end(void*, cleat_exchange x) { maybe_throw(x, "on_end"); }

cleat_verdict on_handle(void*, cleat_exchange x) {
  maybe_throw(x, "on_handle");
  return text_reply(x, 200, "handled\n");
}

const void* find(cleat_str id) {
  static const cleat_plugin_handler handler = [] {
    cleat_plugin_handler made{};
    made.size = sizeof made;
    made.on_handle = on_handle;
    return made;
  }();
  return is(id, CLEAT_EXT_HANDLER) ? &handler : nullptr;
}

const cleat_plugin table = [] {
  cleat_plugin made{};
  made.size = sizeof made;
  made.abi = CLEAT_ABI;
  made.find = find;
  made.create = create;
  made.destroy = destroy;
  made.worker_start = worker_start;
  made.on_connection = on_connection;
  made.on_request = on_request;
  made.on_route = on_route;
  made.on_request_body = on_request_body;
  made.on_attempt = on_attempt;
  made.on_attempt_end = on_attempt_end;
  made.on_response = on_response;
  made.on_response_body = on_response_body;
  made.on_reply = on_reply;
  made.on_end = on_end;
  return made;
}();

}  // namespace

extern "C" CLEAT_EXPORT const cleat_plugin* cleat_plugin_v1(const cleat_host* host_table) {
  host = host_table;
  config = static_cast<const cleat_host_config*>(host->find(to_str(CLEAT_EXT_CONFIG)));
  body = static_cast<const cleat_host_body*>(host->find(to_str(CLEAT_EXT_BODY)));
  timer = static_cast<const cleat_host_timer*>(host->find(to_str(CLEAT_EXT_TIMER)));
  post = static_cast<const cleat_host_post*>(host->find(to_str(CLEAT_EXT_POST)));
  return &table;
}
