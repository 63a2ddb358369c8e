#include "plugin_api/isolation/child/handover.hpp"

#include <utility>

#include "kernel/hooks/guard.hpp"
#include "kernel/hooks/host_exchange.hpp"
#include "plugin_api/isolation/child/host.hpp"

namespace cleat::isolation {

using hooks::fail_call;

cleat_status Handover::write(std::uint64_t handover, cleat_str bytes) {
  if (!giving_ || handover != gives_) return fail_call(CLEAT_STALE, "write: no give with this handle is running");
  const bool failed = std::exchange(write_failed_, true);
  if (hooks::bad(bytes)) return fail_call(CLEAT_INVALID, "write: the bytes are NULL");
  if (bytes.size > kStateBytesMax - given_.size()) return fail_call(CLEAT_LIMIT, "write: a state is at most 64 MiB");
  return hooks::guarded([&]() -> cleat_status {
    given_.append(hooks::to_view(bytes));
    write_failed_ = failed;
    return CLEAT_OK;
  });
}

cleat_status Handover::run_give(hooks::Instance& instance, std::string& words) {
  given_ = {};
  format_ = 0;
  write_failed_ = false;
  giving_ = true;
  ++gives_;
  const hooks::CallOutcome outcome = hooks::call_plugin(&instance, hooks::Hook::kGive, [&] {
    const cleat_status status = instance.handover->give(instance.self, gives_, &format_);
    if (status != CLEAT_OK || !write_failed_) return status;
    hooks::set_call_error("it went on after a write had failed");
    return CLEAT_FAILED;
  });
  giving_ = false;
  words = outcome.words;
  return outcome.status;
}

void Handover::give(Control& control, const Control::Frame& request, hooks::Instance& instance) {
  Reader reader(request.rest);
  const auto at = reader.number<std::uint64_t>();
  if (!reader.ok() || !reader.at_end() || instance.handover == nullptr || (at != 0 && at >= given_.size())) die("a state cannot be given");
  std::string words;
  const cleat_status status = at == 0 ? run_give(instance, words) : CLEAT_OK;
  if (status != CLEAT_OK) {
    given_ = {};
    return control.answer(request, status, words, {});
  }
  const std::string_view left = std::string_view(given_).substr(static_cast<std::size_t>(at));
  const std::string_view piece = left.substr(0, kHandoverBytesMax);
  Writer writer;
  writer.number(format_);
  writer.number(std::uint64_t{given_.size()});
  writer.text(piece);
  control.answer(request, CLEAT_OK, {}, writer.bytes);
  if (piece.size() == left.size()) given_ = {};
}

void Handover::take(Control& control, const Control::Frame& request, hooks::Instance& instance) {
  Reader reader(request.rest);
  const bool last = reader.number<std::uint8_t>() != 0;
  const auto format = reader.number<std::uint32_t>();
  taken_.append(reader.text());
  if (!reader.ok() || !reader.at_end() || instance.handover == nullptr || taken_.size() > kStateBytesMax) die("a state cannot be taken");
  if (!last) return control.answer(request, CLEAT_OK, {}, {});
  const std::string state = std::exchange(taken_, {});
  const hooks::CallOutcome outcome = hooks::call_plugin(&instance, hooks::Hook::kTake, [&] {
    return instance.handover->take(instance.self, format, hooks::to_str(state));
  });
  control.answer(request, outcome.status, outcome.words, {});
}

namespace host {
namespace {

cleat_status handover_write(std::uint64_t handover, cleat_str bytes) {
  if (!hooks::on_control_thread()) return fail_call(CLEAT_WRONG_THREAD, "write: a state is given on the control thread");
  return Process::current()->handover.write(handover, bytes);
}

}  // namespace

const cleat_host_handover kHandover = {.size = sizeof(cleat_host_handover), .reserved = 0, .write = handover_write};

}  // namespace host
}  // namespace cleat::isolation
