// Response heads, as for HEAD, CONNECT or GET by the first byte. Cuts do not matter; what is written parses to the same.
#include <algorithm>
#include <cstdint>
#include <string>

#include "kernel/base/check.hpp"
#include "kernel/http/parse.hpp"
#include "kernel/http/write.hpp"
#include "tests/fuzz/two_ways.hpp"

namespace {

using cleat::Arena;
using cleat::BlockPool;
using cleat::Buffer;
using cleat::http::Body;
using cleat::http::Field;
using cleat::http::HeadLimits;
using cleat::http::HeadScan;
using cleat::http::Name;
using cleat::http::ResponseHead;

constexpr HeadLimits kLimits{4096, 1024, 40};

HeadScan scan_in_pieces(std::string_view data) {
  std::size_t scanned = 0;
  const std::size_t step = 1 + data.size() % 7;
  for (std::size_t size = 0;; size = std::min(size + step, data.size())) {
    const HeadScan found = cleat::http::scan_response_head(data.substr(0, size), scanned, kLimits);
    scanned = size;
    if (found.error || found.size != 0 || size == data.size()) return found;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  if (size == 0) return 0;
  static constexpr std::string_view kMethods[] = {"GET", "HEAD", "CONNECT", "POST"};
  const std::string_view method = kMethods[bytes[0] % 4];
  const std::string_view data(reinterpret_cast<const char*>(bytes) + 1, size - 1);
  const HeadScan scan = cleat::http::scan_response_head(data, 0, kLimits);
  const HeadScan pieces = scan_in_pieces(data);
  CLEAT_CHECK(pieces.size == scan.size && std::string_view(pieces.error.reason) == scan.error.reason);
  CLEAT_CHECK(!scan.error || scan.error.status == 502);
  if (scan.error || scan.size == 0) return 0;

  BlockPool pool;
  Arena arena(pool, 64 * 1024);
  ResponseHead head;
  const std::string text(data.substr(0, scan.size));
  const cleat::http::ParseError error = cleat::http::parse_response_head(text, method, kLimits, arena, head);
  if (head.fields.size() != 0) cleat::fuzz::check_two_ways(text, false, kLimits);  // past its first line
  if (error) {
    CLEAT_CHECK(error.status == 502);
    return 0;
  }
  CLEAT_CHECK(head.status >= 100 && head.status <= 599);
  CLEAT_CHECK(head.body != Body::kUntilClose || !head.keep_alive);
  const bool bodiless = head.status < 200 || head.status == 204 || head.status == 304 || method == "HEAD";
  CLEAT_CHECK(!bodiless || head.body == Body::kNone);

  Buffer out;
  cleat::http::ResponseWrite how;
  how.framing = {head.body, head.content_length, false};
  how.upgrade = head.status == 101;
  cleat::http::write_response_head(out, head, how);
  const HeadScan again = cleat::http::scan_response_head(out.view(), 0, HeadLimits{});
  CLEAT_CHECK(!again.error && again.size == out.size());
  ResponseHead second;
  Arena arena2(pool, 128 * 1024);
  CLEAT_CHECK(!cleat::http::parse_response_head(out.view(), method, HeadLimits{}, arena2, second));
  CLEAT_CHECK(second.status == head.status && second.body == head.body && second.content_length == head.content_length);
  CLEAT_CHECK(head.reason.empty() || second.reason == head.reason);
  for (const Field& field : head.fields) {
    if (field.hop || field.known == Name::kContentLength) continue;
    const Field* found = second.fields.find(field.name);
    CLEAT_CHECK(found != nullptr);
  }
  return 0;
}
