#include "policy.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace retry {

namespace {

constexpr std::array<std::string_view, kReasons> kWords = {"connect_failure", "reset", "timeout", "throttled", "gateway_error", "5xx"};

constexpr std::uint32_t bit(Reason reason) { return std::uint32_t{1} << static_cast<unsigned>(reason); }

bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

// Exactly `digits` digits at the front of `text`, taken off; -1 if they are not there.
int take_number(std::string_view& text, std::size_t digits) {
  int value = 0;
  if (text.size() < digits || std::from_chars(text.data(), text.data() + digits, value).ptr != text.data() + digits || value < 0) return -1;
  text.remove_prefix(digits);
  return value;
}

bool take(std::string_view& text, std::string_view expected) {
  if (!text.starts_with(expected)) return false;
  text.remove_prefix(expected.size());
  return true;
}

int take_one_of(std::string_view& text, std::string_view words) {  // words of three letters
  for (std::size_t i = 0; i * 3 < words.size(); ++i) {
    if (take(text, words.substr(i * 3, 3))) return static_cast<int>(i);
  }
  return -1;
}

// "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 5.6.7, IMF-fixdate)
std::optional<std::chrono::system_clock::time_point> parse_date(std::string_view text) {
  using namespace std::chrono;
  if (take_one_of(text, "MonTueWedThuFriSatSun") < 0 || !take(text, ", ")) return std::nullopt;
  const int day_number = take_number(text, 2);
  if (!take(text, " ")) return std::nullopt;
  const int month_number = take_one_of(text, "JanFebMarAprMayJunJulAugSepOctNovDec") + 1;
  if (month_number == 0 || !take(text, " ")) return std::nullopt;
  const int year_number = take_number(text, 4);
  if (!take(text, " ")) return std::nullopt;
  const int h = take_number(text, 2);
  if (!take(text, ":")) return std::nullopt;
  const int m = take_number(text, 2);
  if (!take(text, ":")) return std::nullopt;
  const int s = take_number(text, 2);
  if (text != " GMT" || day_number < 1 || year_number < 0 || h < 0 || h > 23 || m < 0 || m > 59 || s < 0 || s > 60) return std::nullopt;
  const year_month_day date{year(year_number), month(static_cast<unsigned>(month_number)), day(static_cast<unsigned>(day_number))};
  if (!date.ok()) return std::nullopt;
  return sys_days(date) + hours(h) + minutes(m) + seconds(s);
}

}  // namespace

std::string_view word_of(Reason reason) { return kWords[static_cast<std::size_t>(reason)]; }

Policy Policy::defaults() {
  Policy policy;
  policy.on = bit(Reason::kConnectFailure) | bit(Reason::kReset) | bit(Reason::kTimeout) | bit(Reason::kGatewayError);
  policy.methods = {"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"};  // idempotent: RFC 9110 9.2.2
  return policy;
}

Policy Policy::read(const cleat::Config& config, Policy base) {
  Policy policy = std::move(base);
  policy.attempts = config.get("attempts", policy.attempts, {.least = 1, .most = 10});
  policy.per_try_timeout = config.get("per_try_timeout", policy.per_try_timeout);
  if (const cleat::Config on = config["on"]) {
    policy.on = 0;
    for (const auto& member : on.members()) {
      const auto reason = member.value.choice_of<std::uint32_t>({{kWords[0], 1}, {kWords[1], 2}, {kWords[2], 4}, {kWords[3], 8}, {kWords[4], 16}, {kWords[5], 32}}, 0);
      policy.on |= reason;
    }
    if (on.members().empty()) on.error("name at least one, or set attempts: 1");
  }
  if (const cleat::Config methods = config["methods"]) {
    policy.methods = methods.as<std::vector<std::string>>();
    if (policy.methods.empty()) methods.error("name at least one, or set attempts: 1");
    for (const std::string& method : policy.methods) {
      if (!is_token(method)) methods.error("\"" + method + "\" is not a method");
    }
  }
  if (const cleat::Config backoff = config["backoff"]) {
    policy.backoff_base = backoff.get("base", policy.backoff_base);
    policy.backoff_max = backoff.get("max", std::max(policy.backoff_max, policy.backoff_base));
    if (policy.backoff_max < policy.backoff_base) backoff.error("max is less than base");
    if (policy.backoff_max > std::chrono::hours(1)) backoff.error("max is more than 1h");
  }
  policy.retry_after_max = config.get("retry_after_max", policy.retry_after_max);
  policy.replay_bytes = config.get("replay_bytes", cleat::Bytes{policy.replay_bytes}).value;
  policy.other_endpoint = config.get("other_endpoint", policy.other_endpoint);
  return policy;
}

std::optional<Reason> Policy::classify(std::uint32_t how, std::uint32_t status) const {
  const auto asked = [this](Reason reason) { return wants(reason) ? std::optional(reason) : std::nullopt; };
  switch (how) {
    case CLEAT_END_CONNECT_FAILED:
    case CLEAT_END_CONNECT_TIMEOUT: return asked(Reason::kConnectFailure);
    case CLEAT_END_RESET:
    case CLEAT_END_MALFORMED: return asked(Reason::kReset);
    case CLEAT_END_TIMEOUT: return asked(Reason::kTimeout);
    case CLEAT_END_RESPONSE: break;
    default: return std::nullopt;  // no endpoint, or full: another attempt would only add to it
  }
  if (status < 429) [[likely]] return std::nullopt;
  if ((status == 429 || status == 503) && wants(Reason::kThrottled)) return Reason::kThrottled;
  if (status >= 502 && status <= 504 && wants(Reason::kGatewayError)) return Reason::kGatewayError;
  if (status >= 500 && status <= 599) return asked(Reason::k5xx);
  return std::nullopt;
}

bool Policy::allows_method(std::string_view method) const {
  return std::any_of(methods.begin(), methods.end(), [&](const std::string& each) { return each == method || each == "*"; });
}

milliseconds Policy::backoff_bound(std::uint32_t next) const {
  milliseconds bound = backoff_base;
  for (std::uint32_t i = 2; i < next && bound < backoff_max; ++i) bound *= 2;
  return std::min(bound, backoff_max);
}

std::optional<milliseconds> parse_retry_after(std::string_view value, std::chrono::system_clock::time_point now) {
  constexpr std::int64_t kSecondsMax = 365 * 24 * 3600;
  if (!value.empty() && value.find_first_not_of("0123456789") == std::string_view::npos) {
    std::int64_t seconds = 0;
    const bool fits = std::from_chars(value.data(), value.data() + value.size(), seconds).ec == std::errc();
    return std::chrono::seconds(fits ? std::min(seconds, kSecondsMax) : kSecondsMax);
  }
  const auto date = parse_date(value);
  if (!date) return std::nullopt;
  return std::max(milliseconds(0), std::chrono::ceil<milliseconds>(*date - now));
}

}  // namespace retry
