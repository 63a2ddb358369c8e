#include "plugin_api/isolation/child/handover.hpp"

#include <utility>

#include "plugin_api/isolation/child/process.hpp"

namespace cleat::isolation {

void Handover::give(Control& control, const Control::Frame& request, hooks::Instance& instance) {
  Reader reader(request.rest);
  const auto at = reader.number<std::uint64_t>();
  if (!reader.ok() || !reader.at_end() || instance.handover == nullptr || (at != 0 && at >= given_.bytes.size())) die("a state cannot be given");
  if (at == 0) {
    given_ = {};
    const hooks::CallOutcome outcome = hooks::give_state(instance, given_);
    if (const cleat_status status = outcome.ok() ? given_.answer : outcome.status; status != CLEAT_OK) {
      given_ = {};
      return control.answer(request, status, outcome.words, {});
    }
  }
  const std::string_view left = std::string_view(given_.bytes).substr(static_cast<std::size_t>(at));
  const std::string_view piece = left.substr(0, kHandoverBytesMax);
  Writer writer;
  writer.number(given_.format);
  writer.number(std::uint64_t{given_.bytes.size()});
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

}  // namespace cleat::isolation
