#include "kernel/http/scan.hpp"

#include <algorithm>
#include <cstring>

#include "kernel/http/parse.hpp"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace cleat::http {
namespace {

// What a request line holds besides its target: the method, two spaces, the version, and room to spare.
constexpr std::size_t kLineOverheadMax = 64;

struct Limit {
  std::size_t bytes;
  ParseError over;
};

// 414 once the first line cannot fit its target any more, without waiting for the rest; otherwise 431.
Limit request_limit(std::string_view head, const HeadLimits& limits) {
  const std::size_t line_max = limits.target_bytes_max + kLineOverheadMax;
  if (line_max < limits.head_bytes_max && head.size() >= line_max && std::memchr(head.data(), '\n', line_max) == nullptr) {
    return {line_max, {414, "target too long"}};
  }
  return {limits.head_bytes_max, {431, "head too large"}};
}

// Looks at line ends only. Without memory of earlier calls: it starts one byte (or one CRLF) before what is new, and looks back
// at most two, so that it finds the same first fault however the head was cut into pieces.
HeadScan scan(std::string_view head, std::size_t scanned, const Limit& limit, std::uint16_t status) {
  const std::size_t size = std::min(head.size(), limit.bytes);
  const char* data = head.data();
  std::size_t from = std::min(scanned, size);
  if (from > 0) --from;
  if (from > 0 && data[from] == '\n') --from;
  const auto refuse = [status](const char* reason) { return HeadScan{0, 0, {status, reason}}; };
  for (;;) {
    const std::size_t at = detail::find_control(data, from, size);
    if (at == size) break;
    if (data[at] == '\n') return refuse("bare LF");
    if (data[at] != '\r') return refuse("control character");
    if (at + 1 == size) break;
    if (data[at + 1] != '\n') return refuse("bare CR");
    if (at == 0) return refuse("empty line before the first");
    if (data[at - 1] == '\n') return {0, at + 2, {}};
    // RFC 9112 5.2 allows to replace obs-fold or to refuse it; the same line before the first field is RFC 9112 2.2.
    if (at + 2 < size && (data[at + 2] == ' ' || data[at + 2] == '\t')) return refuse("line begins with space");
    from = at + 2;
  }
  if (size == limit.bytes) return {0, 0, limit.over};
  return {};
}

}  // namespace

HeadScan scan_request_head(std::string_view data, std::size_t scanned, const HeadLimits& limits) {
  const std::size_t skip = data.size() >= 2 && data[0] == '\r' && data[1] == '\n' ? 2 : 0;
  const std::string_view head = data.substr(skip);
  HeadScan found = scan(head, scanned > skip ? scanned - skip : 0, request_limit(head, limits), 400);
  if (found.size != 0) found.skip = skip;
  return found;
}

HeadScan scan_response_head(std::string_view data, std::size_t scanned, const HeadLimits& limits) {
  return scan(data, scanned, {limits.head_bytes_max, {502, "head too large"}}, 502);
}

namespace detail {

std::size_t find_control_scalar(const char* data, std::size_t from, std::size_t to) {
  for (; from < to; ++from) {
    const auto c = static_cast<unsigned char>(data[from]);
    if ((c < 0x20 && c != '\t') || c == 0x7f) return from;
  }
  return to;
}

#if defined(__SSE2__)
std::size_t find_control(const char* data, std::size_t from, std::size_t to) {
  const __m128i last = _mm_set1_epi8(0x1f);
  const __m128i tab = _mm_set1_epi8('\t');
  const __m128i del = _mm_set1_epi8(0x7f);
  for (; from + 16 <= to; from += 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(data + from));
    const __m128i below = _mm_cmpeq_epi8(_mm_min_epu8(bytes, last), bytes);  // unsigned byte <= 0x1f
    const __m128i control = _mm_or_si128(_mm_andnot_si128(_mm_cmpeq_epi8(bytes, tab), below), _mm_cmpeq_epi8(bytes, del));
    const int mask = _mm_movemask_epi8(control);
    if (mask != 0) return from + static_cast<std::size_t>(__builtin_ctz(static_cast<unsigned>(mask)));
  }
  return find_control_scalar(data, from, to);
}

std::size_t skip_usual_name(const char* data, std::size_t from, std::size_t to) {
  const auto up_to = [](__m128i bytes, char last) { return _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(last)), bytes); };
  for (; from + 16 <= to; from += 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(data + from));
    const __m128i letter = up_to(_mm_sub_epi8(_mm_or_si128(bytes, _mm_set1_epi8(0x20)), _mm_set1_epi8('a')), 'z' - 'a');
    const __m128i digit = up_to(_mm_sub_epi8(bytes, _mm_set1_epi8('0')), 9);
    const __m128i usual = _mm_or_si128(_mm_or_si128(letter, digit), _mm_cmpeq_epi8(bytes, _mm_set1_epi8('-')));
    const unsigned other = static_cast<unsigned>(_mm_movemask_epi8(usual)) ^ 0xffff;
    if (other != 0) return from + static_cast<std::size_t>(__builtin_ctz(other));
  }
  return from;
}
#else
std::size_t find_control(const char* data, std::size_t from, std::size_t to) { return find_control_scalar(data, from, to); }
std::size_t skip_usual_name(const char*, std::size_t from, std::size_t) { return from; }
#endif

}  // namespace detail
}  // namespace cleat::http
