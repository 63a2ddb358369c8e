// See playground.hpp.
#include "playground.hpp"

#include <array>
#include <charconv>
#include <optional>

namespace origin {
namespace {

constexpr char kPeriod[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-\n";
static_assert(sizeof kPeriod == kPatternPeriod + 1 && kPatternBytes % kPatternPeriod == 0);

constexpr std::array<char, kPatternBytes> kPattern = [] {
  std::array<char, kPatternBytes> bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = kPeriod[i % kPatternPeriod];
  return bytes;
}();

std::optional<std::uint64_t> number(std::string_view text, std::uint64_t least, std::uint64_t most) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < least || value > most) return {};
  return value;
}

std::optional<std::uint64_t> milliseconds(std::string_view text) {
  constexpr struct {
    std::string_view unit;
    std::uint64_t ms;
  } kUnits[] = {{"ms", 1}, {"s", 1000}, {"m", 60'000}};
  for (const auto& [unit, ms] : kUnits) {
    if (!text.ends_with(unit)) continue;
    const auto count = number(text.substr(0, text.size() - unit.size()), 0, kDelayMsMost / ms);
    if (count) return *count * ms;
  }
  return {};
}

// The command if the argument could be read, else what was expected.
Command with(Action action, std::optional<std::uint64_t> argument, std::string_view expected) {
  return argument ? Command{action, *argument, {}} : Command{Action::kMalformed, 0, expected};
}

bool take(std::string_view& path, std::string_view prefix) {
  if (!path.starts_with(prefix)) return false;
  path.remove_prefix(prefix.size());
  return true;
}

Command flaky(std::string_view rest) {
  const std::size_t slash = rest.find('/');
  if (slash != 0 && slash != std::string_view::npos && slash <= 64) {
    if (const auto failures = number(rest.substr(slash + 1), 0, kFlakyMost)) return {Action::kFlaky, *failures, rest.substr(0, slash)};
  }
  return {Action::kMalformed, 0, "/flaky/NAME/2: a name of at most 64 bytes, then how often it fails"};
}

}  // namespace

Command parse(std::string_view path) {
  if (path == "/") return {Action::kIndex};
  if (path == "/echo") return {Action::kEcho};
  if (path == "/trailers") return {Action::kTrailers};
  if (path == "/abort") return {Action::kAbort};
  if (path == "/abort-body") return {Action::kAbortBody};
  if (take(path, "/delay/")) return with(Action::kDelay, milliseconds(path), "/delay/250ms: a time in ms, s or m, at most an hour");
  if (take(path, "/delay-body/")) return with(Action::kDelayBody, milliseconds(path), "/delay-body/250ms: a time in ms, s or m, at most an hour");
  if (take(path, "/status/")) return with(Action::kStatus, number(path, 200, 599), "/status/503: a status from 200 to 599");
  if (take(path, "/bytes/")) return with(Action::kBytes, number(path, 0, kBytesMost), "/bytes/1048576: a number, at most 2^40");
  if (take(path, "/chunked/")) return with(Action::kChunked, number(path, 0, kBytesMost), "/chunked/1048576: a number, at most 2^40");
  if (take(path, "/flaky/")) return flaky(path);
  return {};
}

std::string_view index_text() {
  return "/echo                GET: the request as JSON; POST, PUT, PATCH: its body\n"
         "/delay/250ms         200 after that time\n"
         "/delay-body/250ms    200 at once, its body after that time\n"
         "/status/503          that status\n"
         "/bytes/1048576       that many bytes, with Content-Length\n"
         "/chunked/1048576     that many bytes, chunked\n"
         "/trailers            a body, then trailers\n"
         "/flaky/NAME/2        503 to the first 2 requests of that name, then 200\n"
         "/abort               no answer: the connection is closed\n"
         "/abort-body          half an answer, then the connection is closed\n";
}

std::string_view pattern() { return {kPattern.data(), kPattern.size()}; }

}  // namespace origin
