// What gRPC says in HTTP fields: which requests are its own, grpc-timeout, grpc-status, grpc-message. Pure functions. Source: the
// documents of gRPC "gRPC over HTTP2" (PROTOCOL-HTTP2) and "HTTP to gRPC Status Code Mapping".
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace grpc {

enum Code : std::uint32_t {
  kOk = 0, kCancelled = 1, kUnknown = 2, kDeadlineExceeded = 4, kPermissionDenied = 7, kResourceExhausted = 8, kUnimplemented = 12,
  kInternal = 13, kUnavailable = 14, kUnauthenticated = 16,
};
inline constexpr std::uint32_t kCodes = 17;       // 0 to 16
std::string_view name_of(std::uint32_t code);     // "DEADLINE_EXCEEDED"; of a number without a name, "UNKNOWN"

// application/grpc, alone or with +proto and the like, or parameters. Not application/grpc-web: that is spoken to something else.
bool is_grpc(std::string_view content_type);

// grpc-timeout: 1 to 8 digits and one of H M S m u n; what is below a millisecond counts as one. Nothing: not of that form.
std::optional<std::chrono::milliseconds> parse_timeout(std::string_view value);

std::optional<std::uint32_t> parse_status(std::string_view value);  // grpc-status: digits, 0 to 16; others are UNKNOWN

// The code for a reply that was made here, by its HTTP status and the flag that says why it was made (CLEAT_ATTR_REPLY_FLAG).
Code code_of_reply(std::uint32_t http_status, std::string_view flag);

// Percent-encodes what grpc-message may not have as it is: all but printable ASCII, and '%'.
std::string encode_message(std::string_view text);

}  // namespace grpc
