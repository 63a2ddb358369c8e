#include "kernel/route/path.hpp"

#include <algorithm>
#include <cstring>

#include "kernel/http/chars.hpp"

namespace cleat::route {
namespace {

using config::PathPolicy;
using config::SlashPolicy;
namespace chars = http::detail;

NormalisedTarget refuse(const char* reason) { return {false, reason, {}}; }

// Nothing to do: no triplet, no segment that begins with a dot, no "//" to merge. True for nearly every path.
bool is_plain(std::string_view path, bool merge_slashes) {
  char before = '\0';
  for (const char c : path) {
    if (c == '%' || (before == '/' && (c == '.' || (c == '/' && merge_slashes)))) return false;
    before = c;
  }
  return true;
}

// Does a segment that keeps escaped slashes hide ".."? An origin that decodes them would climb where we saw one segment.
bool hides_dots(std::string_view segment) {
  for (std::size_t at = 0; at < segment.size();) {
    std::size_t end = at;
    while (end < segment.size() && segment.substr(end, 3) != "%2F" && segment.substr(end, 3) != "%5C") ++end;
    if (segment.substr(at, end - at) == ".." && (at != 0 || end != segment.size())) return true;
    at = end + 3;
  }
  return false;
}

// Decodes what RFC 3986 6.2.2.2 calls equivalent and writes the rest in upper case (6.2.2.1). Never yields a new '%', which
// makes it idempotent. A reason, or nullptr.
const char* decode(std::string_view path, const PathPolicy& policy, char* out, std::size_t& size) {
  static constexpr char kUpper[] = "0123456789ABCDEF";
  size = 0;
  for (std::size_t at = 0; at < path.size(); ++at) {
    if (path[at] != '%') {
      out[size++] = path[at];
      continue;
    }
    if (at + 2 >= path.size() || !chars::is(path[at + 1], chars::kHexChar) || !chars::is(path[at + 2], chars::kHexChar)) {
      return "malformed percent-triplet";
    }
    const unsigned byte = chars::hex_value(path[at + 1]) << 4 | chars::hex_value(path[at + 2]);
    at += 2;
    if (byte == 0) return "NUL in path";
    // An escaped backslash is an escaped slash to some origins; it is never decoded, since no raw one is let in either.
    if ((byte == '/' || byte == '\\') && policy.escaped_slashes == SlashPolicy::kReject) return "escaped slash in path";
    if (chars::is(static_cast<char>(byte), chars::kUnreservedChar) ||
        (byte == '/' && policy.escaped_slashes == SlashPolicy::kDecode)) {
      out[size++] = static_cast<char>(byte);
    } else {
      out[size++] = '%';
      out[size++] = kUpper[byte >> 4];
      out[size++] = kUpper[byte & 15];
    }
  }
  return nullptr;
}

// Removes dot segments (RFC 3986 5.2.4) and empty ones, in place: the result is never longer. A reason, or nullptr.
const char* fold(char* path, std::size_t& size, bool merge_slashes) {
  std::size_t from = 0;
  std::size_t to = 0;  // path[0, to) is folded, and holds whole segments, each with its '/' before
  while (from < size) {
    const char* const begin = path + from + 1;
    const auto* end = static_cast<const char*>(std::memchr(begin, '/', size - from - 1));
    const bool last = end == nullptr;
    if (last) end = path + size;
    const std::string_view segment(begin, static_cast<std::size_t>(end - begin));
    from += 1 + segment.size();
    // "/..;x/" climbs for servlet containers, which cut parameters off first, and is a name for everyone else.
    if (segment.starts_with("..;") || segment.starts_with(".;")) return "dot segment with parameters";
    if (segment == "..") {
      if (to == 0) return "path climbs above the root";
      while (path[--to] != '/') {}
      if (last) path[to++] = '/';
    } else if (segment == ".") {
      if (last) path[to++] = '/';
    } else if (segment.empty() && merge_slashes && !last) {
      continue;
    } else {
      if (hides_dots(segment)) return "dot segment behind an escaped slash";
      std::memmove(path + to, begin - 1, segment.size() + 1);
      to += segment.size() + 1;
    }
  }
  size = to;
  return nullptr;
}

}  // namespace

NormalisedTarget normalise_target(std::string_view target, const PathPolicy& policy, Arena& arena) {
  if (target.empty() || target.front() != '/') return refuse("not an absolute path");
  const std::size_t path_size = std::min(target.find('?'), target.size());
  const std::string_view path = target.substr(0, path_size);
  if (is_plain(path, policy.merge_slashes)) return {true, "", target};

  char* out = static_cast<char*>(arena.allocate(target.size() + 1, 1));
  if (out == nullptr) return refuse("path exceeds its memory");
  std::size_t size = 0;
  if (const char* reason = decode(path, policy, out, size)) return refuse(reason);
  if (const char* reason = fold(out, size, policy.merge_slashes)) return refuse(reason);
  const std::string_view query = target.substr(path_size);
  if (!query.empty()) std::memcpy(out + size, query.data(), query.size());
  const std::string_view result(out, size + query.size());
  return {true, "", result == target ? target : result};
}

}  // namespace cleat::route
