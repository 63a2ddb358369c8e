// Most heads are plain: a usual method, origin-form, fields one to a line. They are cut here in one pass; the first doubt leaves the head to
// llhttp, whose word alone refuses one. So nothing gets through that llhttp would not let through: tests/fuzz compares the two.
#include <algorithm>

#include "kernel/http/chars.hpp"
#include "kernel/http/head.hpp"
#include "kernel/http/scan.hpp"

namespace cleat::http::detail {
namespace {

bool usual_method(std::string_view method) {
  switch (method.size()) {
    case 3: return method == "GET" || method == "PUT";
    case 4: return method == "POST" || method == "HEAD";
    case 5: return method == "PATCH";
    case 6: return method == "DELETE";
    case 7: return method == "OPTIONS";
    default: return false;
  }
}

// The first line was found well-formed by its own parser, which is not the stricter of the two everywhere.
bool plain_line(std::string_view line, bool request) {
  if (!request) return line.size() > 13 && line[12] == ' ' && line.starts_with("HTTP/1.") && line.find_first_not_of(' ', 13) == 13;
  const std::size_t space = line.find(' ');
  return space != std::string_view::npos && usual_method(line.substr(0, space)) && line[space + 1] == '/';
}

// What decides where a message ends, in the forms that leave no doubt. bare: no space follows the value.
bool plain_framing(const Field& field, bool bare, bool& framed) {
  if (field.known == Name::kContentLength) {
    if (framed || !bare || field.value.empty() || field.value.size() > 18 || !std::all_of(field.value.begin(), field.value.end(), is_digit)) return false;
    framed = true;
  } else if (field.known == Name::kTransferEncoding) {
    if (framed || !bare || field.value != "chunked") return false;
    framed = true;
  }
  return true;
}

}  // namespace

// The CRLF CRLF at the end bounds the loops.
bool read_plain(std::string_view head, std::size_t first_line, bool request, const HeadLimits& limits, Arena& arena, Fields& fields) {
  if (!plain_line(head.substr(0, first_line), request)) return false;
  const char* const data = head.data();
  std::size_t at = first_line + 2;
  bool framed = false;
  while (data[at] != '\r') {
    const std::size_t name = at;
    at = skip_usual_name(data, at, head.size());
    while (is(data[at], kTokenChar)) ++at;
    if (at == name || data[at] != ':' || fields.size() == limits.fields_max) return false;
    Field field{{data + name, at - name}, {}, Name::kOther, false};
    ++at;
    while (is_space(data[at])) ++at;
    const std::size_t value = at;
    at = find_control(data, at, head.size());
    if (data[at] != '\r' || data[at + 1] != '\n') return false;
    std::size_t end = at;
    while (end > value && is_space(data[end - 1])) --end;
    field.value = {data + value, end - value};
    field.known = name_of(field.name);
    field.hop = is_hop_by_hop(field.known);
    if (!plain_framing(field, end == at, framed) || !fields.add(arena, field)) return false;
    at += 2;
  }
  return at + 2 == head.size();
}

}  // namespace cleat::http::detail
