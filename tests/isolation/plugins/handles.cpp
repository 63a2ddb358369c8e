// A handler that does in on_handle what the request's field `act` says, and tells what came of it in the log. Raw ABI.
#include <string>
#include <string_view>

#include "plugin_api/ext/body.h"
#include "plugin_api/ext/handler.h"
#include "plugin_api/ext/timer.h"
#include "plugin_api/plugin.h"

CLEAT_PLUGIN_NOTE("name=handles\nversion=1.0.0\nabi=0.9\nleast=0.9\nrequires=cleat.handler/1 cleat.body/1 cleat.timer/1\n");

namespace {

const cleat_host* host = nullptr;
const cleat_host_handler* answers = nullptr;
const cleat_host_body* bodies = nullptr;
const cleat_host_timer* timers = nullptr;
cleat_instance self = 0;

cleat_str str(std::string_view text) { return {text.data(), text.size()}; }
std::string_view view(cleat_str text) { return {text.data, static_cast<std::size_t>(text.size)}; }
void say(const std::string& text) { host->log(self, CLEAT_INFO, str(text)); }

std::string act_of(cleat_exchange x) {
  cleat_str value{};
  return host->header_get(x, CLEAT_REQUEST, str("act"), 0, &value) == CLEAT_OK ? std::string(view(value)) : std::string();
}

cleat_status start(cleat_exchange x, std::uint32_t status, std::string_view length = {}) {
  const cleat_header field = {str("Content-Length"), str(length)};
  const cleat_reply head = {sizeof head, status, &field, length.empty() ? 0U : 1U, {}, {}};
  return answers->start(x, &head);
}

std::string write(cleat_exchange x, std::string_view data) {
  std::uint64_t accepted = 0;
  const cleat_status status = answers->write(x, str(data), &accepted);
  return std::to_string(status) + "/" + std::to_string(accepted);
}

cleat_verdict reply(cleat_exchange x, std::string_view body) {
  const cleat_reply reply = {sizeof reply, 200, nullptr, 0, str(body), {}};
  return host->reply(x, &reply) == CLEAT_OK ? CLEAT_REPLIED : CLEAT_FAIL;
}

void later(void*, std::uint64_t x, void*) {
  const std::string act = act_of(x);
  if (act == "later") {
    const cleat_status begun = start(x, 202);
    const cleat_status ended = answers->finish(x, nullptr, 0);
    say("later: start=" + std::to_string(begun) + " finish=" + std::to_string(ended));
  }
}

cleat_verdict suspend(cleat_exchange x, std::uint64_t* asked, cleat_verdict first, cleat_verdict then) {
  if ((*asked)++ != 0) {
    say("asked again: " + std::to_string(*asked));
    return *asked == 2 ? then : CLEAT_FAIL;
  }
  cleat_ticket ticket = 0;
  if (host->suspend(x, &ticket) != CLEAT_OK || host->resume(ticket, first) != CLEAT_OK) return CLEAT_FAIL;
  return CLEAT_SUSPEND;
}

cleat_verdict on_handle(void*, cleat_exchange x) {
  const std::string act = act_of(x);
  void* state = nullptr;
  if (host->exchange_state(x, sizeof(std::uint64_t), &state) != CLEAT_OK) return CLEAT_FAIL;
  auto* const asked = static_cast<std::uint64_t*>(state);
  if (act == "reply") return reply(x, "hello");
  if (act == "fail") return CLEAT_FAIL;
  if (act == "unsubscribe") return CLEAT_UNSUBSCRIBE;
  if (act == "suspend") return suspend(x, asked, CLEAT_CONTINUE, reply(x, "at last"));
  if (act == "suspend-replied") return suspend(x, asked, CLEAT_REPLIED, CLEAT_CONTINUE);
  if (act == "suspend-fail") return suspend(x, asked, CLEAT_FAIL, CLEAT_CONTINUE);
  if (act == "later") {
    cleat_timer timer = 0;
    return timers->arm(self, x, 10, later, nullptr, &timer) == CLEAT_OK ? CLEAT_CONTINUE : CLEAT_FAIL;
  }
  if (act == "stream") {
    const cleat_header trailer = {str("x-end"), str("yes")};
    std::string said = "stream: start=" + std::to_string(start(x, 200));
    said += " write=" + write(x, "hello ");
    said += " large=" + write(x, std::string(100'000, 'x'));
    said += " finish=" + std::to_string(answers->finish(x, &trailer, 1));
    said += " abort=" + std::to_string(answers->abort(x));
    say(said);
  }
  if (act == "length") {
    const cleat_reply with_body = {sizeof with_body, 200, nullptr, 0, str("body"), {}};
    std::string said = "length: body=" + std::to_string(answers->start(x, &with_body));
    said += " start=" + std::to_string(start(x, 200, "5"));
    for (const std::string_view piece : {"123456", "123", "456", "45"}) said += " " + write(x, piece);
    say(said);
  }
  return CLEAT_CONTINUE;
}

cleat_verdict on_handle_body(void*, cleat_exchange x, std::uint32_t flags) {
  cleat_str piece{};
  const cleat_status status = bodies->view(x, CLEAT_REQUEST, &piece);
  const cleat_status change = bodies->append(x, CLEAT_REQUEST, str("more"));
  say("body: view=" + std::to_string(status) + " piece=" + std::string(view(piece)) + " flags=" + std::to_string(flags) + " change=" + std::to_string(change));
  return act_of(x) == "body-unsubscribe" ? CLEAT_UNSUBSCRIBE : CLEAT_CONTINUE;
}

void on_writable(void*, cleat_exchange x) { say("writable: write=" + write(x, "more")); }

void on_handle_end(void*, cleat_exchange x) {
  void* state = nullptr;
  const cleat_status has = host->exchange_state(x, 0, &state);
  cleat_timer timer = 0;
  const cleat_status armed = timers->arm(self, x, 10, later, nullptr, &timer);
  say("handle_end: state=" + std::to_string(has) + " write=" + write(x, "late") + " reset=" + std::to_string(host->reset(x)) + " timer=" + std::to_string(armed));
}

cleat_verdict on_response(void*, cleat_exchange x) {
  cleat_str value{};
  const bool asked = host->header_get(x, CLEAT_RESPONSE, str("unsubscribe"), 0, &value) == CLEAT_OK;
  return asked ? CLEAT_UNSUBSCRIBE : CLEAT_CONTINUE;
}

void on_end(void*, cleat_exchange x) {
  void* state = nullptr;
  say("end: state=" + std::to_string(host->exchange_state(x, 0, &state)) + " start=" + std::to_string(start(x, 200)));
}

cleat_status create(const cleat_create* info, void** instance) {
  self = info->self;
  *instance = &self;
  return CLEAT_OK;
}

const void* find(cleat_str id) {
  static const cleat_plugin_handler handler = {sizeof handler, 0, on_handle, on_handle_body, on_writable, on_handle_end};
  return view(id) == CLEAT_EXT_HANDLER ? &handler : nullptr;
}

const cleat_plugin table = [] {
  cleat_plugin made{};
  made.size = sizeof made;
  made.abi = CLEAT_ABI;
  made.find = find;
  made.create = create;
  made.on_response = on_response;
  made.on_end = on_end;
  return made;
}();

}  // namespace

const cleat_plugin* cleat_plugin_v1(const cleat_host* given) {
  host = given;
  answers = static_cast<const cleat_host_handler*>(host->find(str(CLEAT_EXT_HANDLER)));
  bodies = static_cast<const cleat_host_body*>(host->find(str(CLEAT_EXT_BODY)));
  timers = static_cast<const cleat_host_timer*>(host->find(str(CLEAT_EXT_TIMER)));
  return &table;
}
