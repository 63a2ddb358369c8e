// The heads that these benchmarks parse and write: those of the count of instructions in tests/instructions, and a head in memory.
#pragma once

#include <string>
#include <string_view>

#include "kernel/base/arena.hpp"
#include "kernel/base/check.hpp"
#include "kernel/http/parse.hpp"

namespace cleat::bench {

inline constexpr std::string_view kSmallRequest = "GET /api/items/42 HTTP/1.1\r\nHost: a.example\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\n\r\n";

inline constexpr std::string_view kTypicalRequest =
    "GET /api/items/42 HTTP/1.1\r\nHost: a.example\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/126.0 Safari/537.36\r\n"
    "Accept: application/json, text/plain, */*\r\nAccept-Encoding: gzip, deflate, br\r\nAccept-Language: en-GB,en;q=0.9\r\n"
    "X-Correlation-Id: 6f1c9d3e-8a52-4b1e-9c77-2d0f5e3a4b6c\r\n"
    "Traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n"
    "Authorization: Bearer eyJhbGciOiJFUzI1NiJ9eyJhbGciOiJFUzI1NiJ9eyJhbGciOiJFUzI1NiJ9eyJhbGciOiJFUzI1NiJ9eyJhbGciOiJFUzI1NiJ9eyJhbGci\r\n"
    "Cookie: session=a1b2c3d4a1b2c3d4a1b2c3d4a1b2c3d4a1b2c3d4a1b2c3d4a1b2c3d4a1b2c3d4\r\n\r\n";

inline constexpr std::string_view kSmallResponse = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 128\r\n\r\n";

inline constexpr std::string_view kTypicalResponse =
    "HTTP/1.1 200 OK\r\nDate: Sun, 29 Nov 2026 10:00:00 GMT\r\nServer: nginx\r\nContent-Type: application/json; charset=utf-8\r\n"
    "Content-Length: 4096\r\nCache-Control: private, max-age=0, must-revalidate\r\nETag: \"5f8a3c1b9d2e4f60718293a4b5c6d7e8\"\r\n"
    "Vary: Accept-Encoding, Origin\r\nStrict-Transport-Security: max-age=31536000; includeSubDomains\r\n"
    "X-Content-Type-Options: nosniff\r\nSet-Cookie: session=a1b2c3d4a1b2c3d4; Path=/; HttpOnly; Secure; SameSite=Lax\r\n\r\n";

struct ParsedRequest {
  explicit ParsedRequest(std::string_view text) { CLEAT_CHECK(!http::parse_request_head(text, {}, arena, head)); }
  BlockPool pool;
  Arena arena{pool};
  http::RequestHead head;
};

struct ParsedResponse {
  explicit ParsedResponse(std::string_view text) { CLEAT_CHECK(!http::parse_response_head(text, "GET", {}, arena, head)); }
  BlockPool pool;
  Arena arena{pool};
  http::ResponseHead head;
};

}  // namespace cleat::bench
