// When an attempt is made again: what the operator asks for, and the decisions that follow from it alone.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "plugin_api/cpp/cleat.hpp"

namespace retry {

using std::chrono::milliseconds;

// Why an attempt is made again. The words of `on`, and the label of the metric, in this order.
enum class Reason : std::uint8_t { kConnectFailure, kReset, kTimeout, kThrottled, kGatewayError, k5xx };
inline constexpr std::size_t kReasons = 6;
std::string_view word_of(Reason reason);  // "connect_failure"

struct Policy {
  std::uint32_t attempts = 3;           // in all; 1 = never again
  milliseconds per_try_timeout{0};      // 0: none
  std::uint32_t on = 0;                 // bit i: Reason i
  std::vector<std::string> methods;     // {"*"}: all
  milliseconds backoff_base{25}, backoff_max{250};
  milliseconds retry_after_max{1'000};  // an upstream that asks for more is not asked again
  std::uint64_t replay_bytes = 64 * 1024;
  bool other_endpoint = true;

  static Policy defaults();
  // `base` with what `config` says in place of it.
  static Policy read(const cleat::Config& config, Policy base);

  // The reason to make another attempt after one that ended so (CLEAT_END_*, and the status of a response), the most
  // specific one that is asked for; nothing if it stands as it is.
  std::optional<Reason> classify(std::uint32_t how, std::uint32_t status) const;
  bool allows_method(std::string_view method) const;
  bool wants(Reason reason) const { return (on >> static_cast<unsigned>(reason) & 1) != 0; }

  // Most that the wait before attempt `next` (2 for the first retry) may be: backoff_base doubled each time, up to backoff_max.
  milliseconds backoff_bound(std::uint32_t next) const;
};

// Retry-After (RFC 9110 10.2.3): seconds, or a date in the preferred form; a date in the past is 0. Nothing if it is neither.
std::optional<milliseconds> parse_retry_after(std::string_view value, std::chrono::system_clock::time_point now);

}  // namespace retry
