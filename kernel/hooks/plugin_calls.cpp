#include "kernel/hooks/plugin_calls.hpp"

#include <utility>

#include "kernel/exchange.hpp"
#include "kernel/hooks/dispatch.hpp"
#include "kernel/hooks/plugin_call.hpp"

namespace cleat {
namespace {

constexpr std::uint32_t kCallsMax = 1U << 20;  // of one worker
static_assert(Call::kTooLarge == CLEAT_CALL_TOO_LARGE);

// The fields as the ABI shows them, for the time of a callback.
std::vector<cleat_header> shown(const http::Fields& fields) {
  std::vector<cleat_header> all;
  all.reserve(fields.size());
  for (const http::Field& field : fields) {
    if (!field.hop) all.push_back({hooks::to_str(field.name), hooks::to_str(field.value)});
  }
  return all;
}

}  // namespace

// --- one call ---

void PluginCall::tell(cleat_call_event& event) {
  hooks::Instance* const called = hooks::find_instance(instance);
  if (called == nullptr) return;
  event.size = sizeof event;
  event.status = response.status;
  Exchange* const x = owner == instance ? nullptr : worker().find_exchange(owner);
  hooks::call_callback(worker(), *called, hooks::Hook::kCall, x, [&] { fn(called->self, handle, owner, &event, user); });
}

void PluginCall::tell_head() {
  const std::vector<cleat_header> fields = shown(response.fields);
  cleat_call_event event{};
  event.kind = CLEAT_CALL_HEAD;
  event.headers = fields.data();
  event.header_count = fields.size();
  tell(event);
}

void PluginCall::tell_data(std::string_view data) {
  cleat_call_event event{};
  event.kind = CLEAT_CALL_DATA;
  event.body = hooks::to_str(data);
  tell(event);
}

void PluginCall::tell_writable() {
  cleat_call_event event{};
  event.kind = CLEAT_CALL_WRITABLE;
  tell(event);
}

void PluginCall::tell_done() {
  const std::vector<cleat_header> fields = streams_response ? std::vector<cleat_header>() : shown(response.fields);
  const std::vector<cleat_header> trailers = shown(response_trailers);
  cleat_call_event event{};
  event.kind = CLEAT_CALL_DONE;
  event.headers = fields.data();
  event.header_count = fields.size();
  event.body = hooks::to_str(gathered.view());
  event.trailers = trailers.data();
  event.trailer_count = trailers.size();
  worker().plugin_calls->leave(*this);
  tell(event);
}

void PluginCall::tell_failed(std::uint32_t how, std::string_view reason) {
  cleat_call_event event{};
  event.kind = CLEAT_CALL_FAILED;
  event.how = how;
  event.reason = hooks::to_str(reason);
  worker().plugin_calls->leave(*this);
  tell(event);
}

void PluginCall::tell_cancelled() {
  cleat_call_event event{};
  event.kind = CLEAT_CALL_FAILED;
  event.how = CLEAT_CALL_CANCELLED;
  event.reason = hooks::to_str(cancelled_by);
  tell(event);
}

// --- all of a worker ---

PluginCalls::PluginCalls(Worker& worker) : worker_(worker) {}
PluginCalls::~PluginCalls() = default;

std::uint32_t PluginCalls::of(cleat_instance instance) const {
  const auto found = counts_.find(instance);
  return found == counts_.end() ? 0 : found->second;
}

cleat_call PluginCalls::enter(std::unique_ptr<PluginCall> call) {
  if (free_.empty()) {
    if (slots_.size() >= kCallsMax) return 0;
    free_.push_back(static_cast<std::uint32_t>(slots_.size()));
    slots_.emplace_back();
  }
  const std::uint32_t number = free_.back();
  free_.pop_back();
  Slot& slot = slots_[number];
  if (++slot.generation == 0) slot.generation = 1;
  call->handle = make_handle(worker_.index, HandleKind::kCall, number, slot.generation);
  ++counts_[call->instance];
  if (Exchange* const x = call->owner == call->instance ? nullptr : worker_.find_exchange(call->owner)) ++x->calls;
  slot.call = std::move(call);
  return slot.call->handle;
}

PluginCall* PluginCalls::find(cleat_call handle) const {
  const std::uint32_t number = handle_slot(handle);
  if (handle_kind(handle) != HandleKind::kCall || handle_worker(handle) != worker_.index || number >= slots_.size()) return nullptr;
  return slots_[number].generation == handle_generation(handle) ? slots_[number].call.get() : nullptr;
}

void PluginCalls::leave(PluginCall& call) {
  const std::uint32_t number = handle_slot(call.handle);
  if (const auto count = counts_.find(call.instance); count != counts_.end() && --count->second == 0) counts_.erase(count);
  if (Exchange* const x = call.owner == call.instance ? nullptr : worker_.find_exchange(call.owner)) --x->calls;
  worker_.reactor.retire([gone = std::shared_ptr<PluginCall>(std::move(slots_[number].call))] {});
  free_.push_back(number);
}

// Its handle is stale at once; it is told so when the event that brought this about is over.
void PluginCalls::cancel(PluginCall& call, const char* why) {
  call.cancel();
  leave(call);
  call.cancelled_by = why;
  worker_.reactor.defer([](void* gone, std::uint64_t) { static_cast<PluginCall*>(gone)->tell_cancelled(); }, &call);
}

void PluginCalls::cancel_all(Exchange& x) {
  const cleat_exchange owner = x.handle();
  for (std::size_t i = 0; i < slots_.size() && x.calls != 0; ++i) {
    PluginCall* const call = slots_[i].call.get();
    if (call != nullptr && call->owner == owner) cancel(*call, "its exchange has ended");
  }
}

void PluginCalls::cancel_all(cleat_instance instance) {
  for (std::size_t i = 0; i < slots_.size() && of(instance) != 0; ++i) {
    PluginCall* const call = slots_[i].call.get();
    if (call == nullptr || call->instance != instance) continue;
    call->cancel();
    leave(*call);
    call->cancelled_by = "the instance stops";
    call->tell_cancelled();
  }
}

}  // namespace cleat
