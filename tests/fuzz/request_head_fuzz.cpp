// Request heads. The scan's answer does not depend on where the bytes were cut; a head that is accepted, written and parsed
// again is the same head.
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
using cleat::http::RequestHead;

constexpr HeadLimits kLimits{4096, 1024, 40};

void check_cuts(std::string_view data, const HeadScan& whole) {
  std::size_t scanned = 0;
  const std::size_t step = 1 + data.size() % 7;
  HeadScan found;
  for (std::size_t size = 0;; size = std::min(size + step, data.size())) {
    found = cleat::http::scan_request_head(data.substr(0, size), scanned, kLimits);
    scanned = size;
    if (found.error || found.size != 0 || size == data.size()) break;
  }
  CLEAT_CHECK(found.size == whole.size && found.skip == whole.skip);
  CLEAT_CHECK(found.error.status == whole.error.status);
  CLEAT_CHECK(std::string_view(found.error.reason) == whole.error.reason);
}

bool end_to_end(const Field& field) {
  switch (field.known) {
    case Name::kHost:
    case Name::kExpect:
    case Name::kContentLength: return false;
    default: return !field.hop;
  }
}

void check_same(const RequestHead& a, const RequestHead& b) {
  CLEAT_CHECK(a.method == b.method && a.target == b.target && a.authority == b.authority);
  CLEAT_CHECK(a.body == b.body && a.content_length == b.content_length);
  CLEAT_CHECK(a.expect_continue == b.expect_continue && a.te_trailers == b.te_trailers && a.upgrade == b.upgrade);
  std::uint32_t at = 0;
  for (const Field& field : a.fields) {
    if (!end_to_end(field)) continue;
    while (at < b.fields.size() && !end_to_end(b.fields[at])) ++at;
    CLEAT_CHECK(at < b.fields.size());
    CLEAT_CHECK(field.name == b.fields[at].name && field.value == b.fields[at].value && field.known == b.fields[at].known);
    CLEAT_CHECK(cleat::http::valid_name(field.name) && cleat::http::valid_value(field.value));
    ++at;
  }
  while (at < b.fields.size()) CLEAT_CHECK(!end_to_end(b.fields[at++]));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string_view data(reinterpret_cast<const char*>(bytes), size);
  const HeadScan scan = cleat::http::scan_request_head(data, 0, kLimits);
  check_cuts(data, scan);
  if (scan.error || scan.size == 0) return 0;

  BlockPool pool;
  Arena arena(pool, 64 * 1024);
  RequestHead head;
  const std::string text(data.substr(scan.skip, scan.size));  // of its exact size, so that a sanitizer sees a read beyond it
  const cleat::http::ParseError error = cleat::http::parse_request_head(text, kLimits, arena, head);
  if (!head.method.empty() && head.fields.size() != 0) cleat::fuzz::check_two_ways(text, true, kLimits);  // past its first line
  if (error) return 0;
  CLEAT_CHECK(!head.authority.empty() || head.minor == 0);
  if (head.authority.empty()) return 0;  // cannot be said in HTTP/1.1

  Buffer out;
  cleat::http::write_request_head(
      out, head, {{head.body, head.content_length, false}, head.te_trailers, !head.upgrade.empty(), head.expect_continue});
  HeadLimits wider = kLimits;  // our own spaces and lines may make it longer
  wider.head_bytes_max *= 2;
  wider.fields_max += 5;
  wider.target_bytes_max += 1;
  const HeadScan again = cleat::http::scan_request_head(out.view(), 0, wider);
  CLEAT_CHECK(!again.error && again.skip == 0 && again.size == out.size());
  Arena arena2(pool, 128 * 1024);
  RequestHead second;
  CLEAT_CHECK(!cleat::http::parse_request_head(out.view(), wider, arena2, second));
  check_same(head, second);
  return 0;
}
