// Header blocks of HTTP/2. A head that is accepted, written as HTTP/1.1 and parsed by the strict parser is the same head: nothing in a name,
// a value or a pseudo-header field becomes a line of its own. The input: END_STREAM, then fields as size, name, size, value.
#include <cstdint>
#include <string>

#include "kernel/base/check.hpp"
#include "kernel/http/write.hpp"
#include "kernel/http2/header_block.hpp"

namespace {

using namespace cleat;
using http::Body;
using http::Name;

constexpr http::HeadLimits kLimits{4096, 1024, 40};
// Names that matter, in place of a size: the fuzzer need not find their letters.
constexpr std::string_view kNames[] = {":method", ":scheme", ":path", ":authority", ":protocol", "host", "cookie", "content-length",
                                       "te",      "expect",  "connection", "transfer-encoding", "x-a"};

bool end_to_end(const http::Field& field) {
  return !field.hop && field.known != Name::kHost && field.known != Name::kExpect && field.known != Name::kContentLength;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  std::string_view data(reinterpret_cast<const char*>(bytes), size);
  const auto byte = [&] {
    if (data.empty()) return std::uint8_t{0};
    const auto first = static_cast<std::uint8_t>(data.front());
    data.remove_prefix(1);
    return first;
  };
  const auto text = [&] {
    const std::uint8_t count = byte();
    if (count >= 0xe0) return std::string(kNames[count % std::size(kNames)]);
    std::string taken(data.substr(0, count));
    data.remove_prefix(taken.size());
    return taken;
  };
  BlockPool pool;
  Arena arena(pool, 64 * 1024);
  http::RequestHead head;
  http2::RequestBlock block;
  const bool end_stream = byte() % 2 == 0;
  block.begin(arena, head, kLimits);
  while (!data.empty()) {
    const std::string name = text(), value = text();
    block.add(name, value);
  }
  if (!block.end(end_stream).good()) return 0;
  CLEAT_CHECK(!head.authority.empty() && head.major == 2 && head.minor == 1);
  CLEAT_CHECK(head.fields.find(Name::kHost) != nullptr && head.fields.find(Name::kHost, 1) == nullptr);
  CLEAT_CHECK(!end_stream || head.body == Body::kNone || head.content_length == 0);

  Buffer out;
  http::RequestWrite how;
  how.framing = {head.body, head.content_length, false};
  how.te_trailers = head.te_trailers;
  how.expect_continue = head.expect_continue;
  http::write_request_head(out, head, how);
  http::HeadLimits wider = kLimits;
  wider.head_bytes_max *= 2;
  wider.fields_max += 5;
  const http::HeadScan scan = http::scan_request_head(out.view(), 0, wider);
  CLEAT_CHECK(!scan.error && scan.skip == 0 && scan.size == out.size());
  Arena arena2(pool, 128 * 1024);
  http::RequestHead second;
  CLEAT_CHECK(!http::parse_request_head(out.view(), wider, arena2, second));
  CLEAT_CHECK(head.method == second.method && head.target == second.target && http::equal_names(head.authority, second.authority));
  CLEAT_CHECK(head.body == second.body && head.content_length == second.content_length && second.upgrade.empty());
  std::uint32_t at = 0;
  for (const http::Field& field : head.fields) {
    if (!end_to_end(field)) continue;
    while (at < second.fields.size() && !end_to_end(second.fields[at])) ++at;
    CLEAT_CHECK(at < second.fields.size() && field.name == second.fields[at].name && field.value == second.fields[at].value);
    ++at;
  }
  while (at < second.fields.size()) CLEAT_CHECK(!end_to_end(second.fields[at++]));
  return 0;
}
