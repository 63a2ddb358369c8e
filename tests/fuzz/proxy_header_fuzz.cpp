// The start of a connection where the PROXY protocol is read. What is found is found for good: no later byte may change it, and none before
// the header's end may tell it. What is understood can be written, and is then understood as the same.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include "kernel/proxy_protocol/header.hpp"

namespace {

using cleat::proxy_protocol::Header;
using Found = Header::Found;

void require(bool holds) {
  if (!holds) std::abort();
}

bool same(const cleat::Address& a, const cleat::Address& b) { return std::memcmp(&a.storage, &b.storage, sizeof a.storage) == 0; }

bool same(const Header& a, const Header& b) {
  return a.found == b.found && a.size == b.size && a.version == b.version && a.known == b.known && same(a.source, b.source) &&
         same(a.destination, b.destination);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cleat::proxy_protocol;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const Header whole = read_header(text);
  require(whole.found != Found::kMore || size < kHeaderBytesMax);
  if (whole.found == Found::kWhole) require(whole.size <= size && whole.size <= kHeaderBytesMax && (whole.version == 1 || whole.version == 2));
  if (whole.found == Found::kMalformed) require(*whole.reason != '\0');

  bool decided = false;
  const std::size_t cuts = std::min<std::size_t>(size, 512);
  for (std::size_t cut = 0; cut <= cuts; ++cut) {
    const Header part = read_header(std::string(text.substr(0, cut)));
    require(!decided || same(part, whole));
    if (part.found == Found::kMore) continue;
    require(part.found == whole.found);
    if (part.found == Found::kWhole) require(cut == whole.size || decided);
    decided = true;
  }
  if (whole.found != Found::kWhole || !whole.known) return 0;
  for (const std::string& written : {write_v1(whole.source, whole.destination), write_v2(whole.source, whole.destination)}) {
    const Header again = read_header(written);
    require(again.found == Found::kWhole && again.size == written.size() && again.known && same(again.source, whole.source) &&
            same(again.destination, whole.destination));
  }
  return 0;
}
