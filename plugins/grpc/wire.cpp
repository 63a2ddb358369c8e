#include "wire.hpp"

#include <array>
#include <charconv>

namespace grpc {

namespace {

constexpr std::array<std::string_view, kCodes> kNames = {
    "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED"};

constexpr std::string_view kType = "application/grpc";
constexpr std::size_t kTimeoutDigitsMax = 8;

constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

std::optional<std::uint64_t> digits(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

std::string_view name_of(std::uint32_t code) { return kNames[code < kCodes ? code : static_cast<std::uint32_t>(kUnknown)]; }

bool is_grpc(std::string_view content_type) {
  if (content_type.size() < kType.size()) return false;
  for (std::size_t i = 0; i < kType.size(); ++i) {
    if (lower(content_type[i]) != kType[i]) return false;
  }
  return content_type.size() == kType.size() || content_type[kType.size()] == '+' || content_type[kType.size()] == ';' || content_type[kType.size()] == ' ';
}

std::optional<std::chrono::milliseconds> parse_timeout(std::string_view value) {
  if (value.size() < 2 || value.size() > kTimeoutDigitsMax + 1) return std::nullopt;
  const auto count = digits(value.substr(0, value.size() - 1));
  if (!count) return std::nullopt;
  const auto parts = [&](std::uint64_t of_a_millisecond) { return std::chrono::milliseconds((*count + of_a_millisecond - 1) / of_a_millisecond); };
  switch (value.back()) {
    case 'H': return std::chrono::milliseconds(*count * 3'600'000);
    case 'M': return std::chrono::milliseconds(*count * 60'000);
    case 'S': return std::chrono::milliseconds(*count * 1'000);
    case 'm': return std::chrono::milliseconds(*count);
    case 'u': return parts(1'000);
    case 'n': return parts(1'000'000);
    default: return std::nullopt;
  }
}

std::optional<std::uint32_t> parse_status(std::string_view value) {
  const auto code = digits(value);
  if (!code) return std::nullopt;
  return *code < kCodes ? static_cast<std::uint32_t>(*code) : static_cast<std::uint32_t>(kUnknown);
}

Code code_of_reply(std::uint32_t http_status, std::string_view flag) {
  if (flag == "request_timeout" || flag == "attempt_timeout") return kDeadlineExceeded;
  switch (http_status) {
    case 400: return kInternal;
    case 401: return kUnauthenticated;
    case 403: return kPermissionDenied;
    case 404: return kUnimplemented;
    case 413: return kResourceExhausted;
    case 429:
    case 502:
    case 503:
    case 504: return kUnavailable;
    default: return kUnknown;
  }
}

std::string encode_message(std::string_view text) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string encoded;
  encoded.reserve(text.size());
  for (const char c : text) {
    if (c >= 0x20 && c <= 0x7e && c != '%') {
      encoded += c;
    } else {
      encoded += {'%', kHex[static_cast<unsigned char>(c) >> 4], kHex[static_cast<unsigned char>(c) & 15]};
    }
  }
  return encoded;
}

}  // namespace grpc
