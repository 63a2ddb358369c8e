// The only file that knows llhttp. Its copy in Debian 12 (8.1.0) is older than several fixes of request smuggling, so nothing
// here trusts it: every field it reports is checked against the bytes around it.
#include <llhttp.h>

#include <algorithm>
#include <iterator>

#include "kernel/http/chars.hpp"
#include "kernel/http/head.hpp"

namespace cleat::http::detail {
namespace {

struct Pass {
  const HeadLimits& limits;
  Arena& arena;
  Fields& fields;
  const char* end;         // of the head
  const char* next;        // where the next line must begin; nullptr until the first field
  ParseError error;
  bool open = false;       // a name was reported, its line not yet finished
  std::string_view value;  // of the open field
};

int refuse(Pass& pass, std::uint16_t status, const char* reason) {
  pass.error = {status, reason};
  return -1;
}

// The line of the open field must be: name ":" OWS value OWS CRLF. The head ends in CRLF CRLF, which bounds every loop here.
bool close_line(Pass& pass) {
  if (!pass.open) return true;
  pass.open = false;
  Field& field = pass.fields[pass.fields.size() - 1];
  const char* at = field.name.data() + field.name.size() + 1;
  while (is_space(*at)) ++at;
  if (!pass.value.empty()) {
    if (at != pass.value.data()) return false;
    at += pass.value.size();
    while (is_space(*at)) ++at;
    field.value = trim(pass.value);
  }
  if (at[0] != '\r' || at[1] != '\n') return false;
  pass.next = at + 2;
  return true;
}

int on_name(llhttp_t* parser, const char* at, std::size_t size) {
  Pass& pass = *static_cast<Pass*>(parser->data);
  if (!close_line(pass)) return refuse(pass, 400, "malformed field");
  if (size == 0 || at != pass.next || at[size] != ':') return refuse(pass, 400, "malformed field name");
  const std::string_view name(at, size);
  if (!valid_name(name)) return refuse(pass, 400, "malformed field name");
  if (pass.fields.size() == pass.limits.fields_max) return refuse(pass, 431, "too many fields");
  const Name known = name_of(name);
  if (!pass.fields.add(pass.arena, {name, {}, known, is_hop_by_hop(known)})) return refuse(pass, 431, "head exceeds its memory");
  pass.open = true;
  pass.value = {};
  return 0;
}

int on_value(llhttp_t* parser, const char* at, std::size_t size) {
  Pass& pass = *static_cast<Pass*>(parser->data);
  if (size == 0) return 0;
  if (!pass.open || !pass.value.empty()) return refuse(pass, 400, "malformed field");
  pass.value = {at, size};
  return 0;
}

int on_complete(llhttp_t* parser) {
  Pass& pass = *static_cast<Pass*>(parser->data);
  if (!close_line(pass) || pass.next + 2 != pass.end) return refuse(pass, 400, "malformed head");
  return HPE_PAUSED;  // before it judges the body: that is done from the fields
}

constexpr llhttp_settings_t make_settings() {
  llhttp_settings_t settings{};
  settings.on_header_field = on_name;
  settings.on_header_value = on_value;
  settings.on_headers_complete = on_complete;
  return settings;
}
constexpr llhttp_settings_t kSettings = make_settings();

// What llhttp refused by itself. The first line was found well-formed before.
ParseError explain(int code, const Fields& fields) {
  switch (code) {
    case HPE_INVALID_METHOD:
    case HPE_INVALID_CONSTANT: return {501, "unknown method"};
    case HPE_INVALID_URL: return {400, "malformed target"};
    case HPE_INVALID_VERSION: return {400, "malformed version"};
    case HPE_INVALID_STATUS: return {400, "malformed status"};
    case HPE_INVALID_CONTENT_LENGTH: return {400, "malformed content-length"};
    case HPE_INVALID_TRANSFER_ENCODING: return {400, "malformed transfer-encoding"};
    case HPE_UNEXPECTED_CONTENT_LENGTH:
      return {400, fields.find(Name::kTransferEncoding) != nullptr ? "content-length with transfer-encoding"
                                                                   : "repeated content-length"};
    case HPE_INVALID_HEADER_TOKEN: return {400, "malformed field name"};  // a bad value was refused by the scan
    default: return {400, "malformed head"};
  }
}

}  // namespace

bool known_method(std::string_view method) {
#define CLEAT_METHOD_TEXT(number, name, text) #text,
  static constexpr std::string_view kMethods[] = {HTTP_METHOD_MAP(CLEAT_METHOD_TEXT)};
#undef CLEAT_METHOD_TEXT
  return std::find(std::begin(kMethods), std::end(kMethods), method) != std::end(kMethods);
}

ParseError tokenise(std::string_view head, bool request, const HeadLimits& limits, Arena& arena, Fields& fields) {
  const std::size_t first_line = head.find("\r\n");
  if (first_line == std::string_view::npos || head.size() < 4 || !head.ends_with("\r\n\r\n")) return {400, "malformed head"};
  if (read_plain(head, first_line, request, limits, arena, fields)) return {};
  fields.clear();
  return judge(head, first_line, request, limits, arena, fields);
}

ParseError judge(std::string_view head, std::size_t first_line, bool request, const HeadLimits& limits, Arena& arena, Fields& fields) {
  Pass pass{limits, arena, fields, head.data() + head.size(), head.data() + first_line + 2, {}, false, {}};
  llhttp_t parser;
  llhttp_init(&parser, request ? HTTP_REQUEST : HTTP_RESPONSE, &kSettings);
  parser.data = &pass;
  parser.lenient_flags |= LENIENT_VERSION;  // read_version judges it, and lets 1.2 pass for 1.1
  const int code = llhttp_execute(&parser, head.data(), head.size());
  if (pass.error) return pass.error;
  if (code == HPE_PAUSED) return {};
  if (pass.open) {  // it stopped inside this value: show the caller the whole line, to judge by and to log
    Field& field = fields[fields.size() - 1];
    const char* const value = field.name.data() + field.name.size() + 1;
    const std::string_view rest(value, static_cast<std::size_t>(pass.end - value));
    field.value = trim(rest.substr(0, rest.find('\r')));
  }
  return explain(code, fields);
}

}  // namespace cleat::http::detail
