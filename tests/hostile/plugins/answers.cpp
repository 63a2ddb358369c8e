// A handler whose answer goes wrong, or takes its time, as x-answer says: text, crash, hang (in on_handle); promise-crash, promise-hang (in a timer after
// it has gone on); begun-crash, begun-hang (the same, when the answer has begun); ended-crash (when it has ended); body-crash, body-reply, body-later (in
// on_handle_body: with its last piece it replies with how many bytes came, at once or when it is resumed); waits (until on_handle_end, which is told in the
// log).
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "report.h"

HOSTILE_NOTE("answers", "requires=cleat.handler/1 cleat.timer/1 cleat.body/1\n");

namespace {

const cleat_host_handler* answers = nullptr;
const cleat_host_timer* timers = nullptr;
const cleat_host_body* bodies = nullptr;
cleat_instance self = 0;

struct Kept {
  std::uint64_t bytes;
  cleat_ticket ticket;
};

std::string how(cleat_exchange x) {
  const cleat_str value = asked(x, "x-answer");
  return value.size == 0 ? std::string() : std::string(value.data, value.size);
}

Kept* kept(cleat_exchange x) {
  void* state = nullptr;
  return host->exchange_state(x, sizeof(Kept), &state) == CLEAT_OK ? static_cast<Kept*>(state) : nullptr;
}

void do_it(const std::string& what) {
  if (what.find("crash") != std::string::npos) std::abort();
  while (what.find("hang") != std::string::npos) ::usleep(1000);
}

void in_time(void*, std::uint64_t x, void*) {
  const std::string what = how(x);
  do_it(what);
  if (what != "body-later") return;
  const std::string text = std::to_string(kept(x)->bytes);
  text_reply(x, 200, text.c_str());
  host->resume(kept(x)->ticket, CLEAT_REPLIED);
}

bool arm(cleat_exchange x, std::uint64_t delay_ms) {
  cleat_timer timer = 0;
  return timers->arm(self, x, delay_ms, in_time, nullptr, &timer) == CLEAT_OK;
}

cleat_verdict on_handle(void*, cleat_exchange x) {
  const std::string what = how(x);
  if (what.empty() || what == "text") return text_reply(x, 200, "handled\n");
  if (what == "crash" || what == "hang") do_it(what);
  if (what == "waits" && kept(x) == nullptr) return CLEAT_FAIL;
  if (what.starts_with("begun") || what.starts_with("ended")) {
    const cleat_reply head = {sizeof head, 200, nullptr, 0, {nullptr, 0}, {nullptr, 0}};
    std::uint64_t accepted = 0;
    if (answers->start(x, &head) != CLEAT_OK || answers->write(x, to_str("begun\n"), &accepted) != CLEAT_OK) return CLEAT_FAIL;
    if (what.starts_with("ended")) answers->finish(x, nullptr, 0);
  }
  if (what.starts_with("promise") || what.starts_with("begun")) return arm(x, 50) ? CLEAT_CONTINUE : CLEAT_FAIL;
  if (what.starts_with("ended")) do_it(what);
  return CLEAT_CONTINUE;
}

cleat_verdict on_handle_body(void*, cleat_exchange x, std::uint32_t flags) {
  const std::string what = how(x);
  if (what == "body-crash") do_it(what);
  if (what != "body-reply" && what != "body-later") return CLEAT_CONTINUE;
  cleat_str piece{};
  Kept* const own = kept(x);
  if (own == nullptr || bodies->view(x, CLEAT_REQUEST, &piece) != CLEAT_OK) return CLEAT_FAIL;
  own->bytes += piece.size;
  if ((flags & CLEAT_BODY_END) == 0) return CLEAT_CONTINUE;
  if (what == "body-later") return host->suspend(x, &own->ticket) == CLEAT_OK && arm(x, 1) ? CLEAT_SUSPEND : CLEAT_FAIL;
  const std::string text = std::to_string(own->bytes);
  return text_reply(x, 200, text.c_str());
}

void on_handle_end(void*, cleat_exchange x) {
  if (how(x) == "waits") host->log(self, CLEAT_INFO, to_str("it is not wanted any more"));
}

void on_end(void*, cleat_exchange x) {
  void* state = nullptr;
  const bool remembered = host->exchange_state(x, 0, &state) == CLEAT_OK;
  if (how(x) == "waits") host->log(self, CLEAT_INFO, to_str(remembered ? "and it is over" : "it is over, and was forgotten"));
}

cleat_status create(const cleat_create* info, void** instance) {
  self = info->self;
  return create_nothing(info, instance);
}

const void* find(cleat_str id) {
  static const cleat_plugin_handler handler = {sizeof handler, 0, on_handle, on_handle_body, nullptr, on_handle_end};
  return is(id, CLEAT_EXT_HANDLER) ? &handler : nullptr;
}

const cleat_plugin table = [] {
  cleat_plugin made{};
  made.size = sizeof made;
  made.abi = CLEAT_ABI;
  made.find = find;
  made.create = create;
  made.destroy = destroy_nothing;
  made.on_end = on_end;
  return made;
}();

}  // namespace

extern "C" CLEAT_EXPORT const cleat_plugin* cleat_plugin_v1(const cleat_host* host_table) {
  host = host_table;
  answers = static_cast<const cleat_host_handler*>(host->find(to_str(CLEAT_EXT_HANDLER)));
  timers = static_cast<const cleat_host_timer*>(host->find(to_str(CLEAT_EXT_TIMER)));
  bodies = static_cast<const cleat_host_body*>(host->find(to_str(CLEAT_EXT_BODY)));
  return &table;
}
