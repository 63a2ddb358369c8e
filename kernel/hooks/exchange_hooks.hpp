// The hooks of an exchange, called for the spine so that it speaks of verdicts without knowing the ABI's structs. Worker threads.
#pragma once

#include <cstdint>

#include "kernel/hooks/instance.hpp"

namespace cleat {
class Exchange;
enum class Stage : std::uint8_t;
}  // namespace cleat

namespace cleat::hooks {

inline constexpr std::uint32_t kContinue = CLEAT_CONTINUE;
inline constexpr std::uint32_t kReplied = CLEAT_REPLIED;
inline constexpr std::uint32_t kSuspend = CLEAT_SUSPEND;
inline constexpr std::uint32_t kFail = CLEAT_FAIL;
inline constexpr std::uint32_t kUnsubscribe = CLEAT_UNSUBSCRIBE;

inline constexpr std::uint32_t kEndResponse = CLEAT_END_RESPONSE;
inline constexpr std::uint32_t kEndConnectFailed = CLEAT_END_CONNECT_FAILED;
inline constexpr std::uint32_t kEndConnectTimeout = CLEAT_END_CONNECT_TIMEOUT;
inline constexpr std::uint32_t kEndReset = CLEAT_END_RESET;
inline constexpr std::uint32_t kEndTimeout = CLEAT_END_TIMEOUT;
inline constexpr std::uint32_t kEndMalformed = CLEAT_END_MALFORMED;
inline constexpr std::uint32_t kEndNoEndpoint = CLEAT_END_NO_ENDPOINT;
inline constexpr std::uint32_t kEndOverflow = CLEAT_END_OVERFLOW;

// The chain's hooks of heads, from `cursor` on, without those in `hidden`, as long as their answer is CONTINUE and no more. `cursor` stands
// then at the one that said otherwise, whose verdict is answered, one of those above; or at the chain's end.
std::uint32_t call_head_hooks(Exchange& x, Hook hook, std::uint64_t hidden, std::uint8_t& cursor);
std::uint32_t call_body_hook(Exchange& x, Instance& instance, bool response, std::uint8_t position, bool end);
std::uint32_t call_trailers_hook(Exchange& x, Instance& instance, bool response, std::uint8_t position);
void call_end(Exchange& x);  // on_end of everyone who has not unsubscribed, once

// cleat.handler/1 and cleat.balancer/1.
std::uint32_t call_handle(Exchange& x);
std::uint32_t call_handle_body(Exchange& x, bool end);  // CONTINUE where the handler has no such hook
void call_writable(Exchange& x);
void call_handler_end(Exchange& x);
std::uint32_t call_pick(Exchange& x);                   // an endpoint's index, or UINT32_MAX: the plugin could not

Hook hook_of_stage(Stage stage);
void count_exchange_failure(Exchange& x, Instance& instance, Hook hook, const char* what);
void cancel_timers(Exchange& x);

}  // namespace cleat::hooks
