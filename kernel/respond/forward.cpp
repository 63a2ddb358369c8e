#include "kernel/respond/forward.hpp"

#include <array>
#include <charconv>
#include <cstring>
#include <ctime>

#include "kernel/accept/connection.hpp"
#include "kernel/base/hex.hpp"
#include "kernel/exchange.hpp"
#include "kernel/http/write.hpp"
#include "kernel/route/path.hpp"

namespace cleat::respond {
namespace {

using http::Name;

// The version is that of the message received (RFC 9110 7.6.3).
constexpr http::Field via(std::uint8_t major, std::uint8_t minor) {
  return {"Via", major == 2 ? "2 cleat" : minor == 0 ? "1.0 cleat" : "1.1 cleat", Name::kVia, false};
}

// One piece of arena memory for the joined parts; {} past the arena's bound.
template <std::size_t N>
std::string_view join(Arena& arena, const std::array<std::string_view, N>& parts) {
  std::size_t size = 0;
  for (const std::string_view part : parts) size += part.size();
  char* const begin = static_cast<char*>(arena.allocate(size + 1, 1));
  if (begin == nullptr) return {};
  char* to = begin;
  for (const std::string_view part : parts) {
    if (!part.empty()) std::memcpy(to, part.data(), part.size());
    to += part.size();
  }
  return {begin, size};
}

// A random UUID, version 4 (RFC 9562 5.4). Names a request in logs; it is no secret.
std::string_view make_id(Exchange& x) {
  char* const id = static_cast<char*>(x.arena.allocate(36, 1));
  if (id == nullptr) return {};
  std::array<unsigned char, 16> bytes;
  const std::uint64_t words[2] = {x.worker.random(), x.worker.random()};
  std::memcpy(bytes.data(), words, sizeof words);
  bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0f) | 0x40);
  bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3f) | 0x80);
  char* to = id;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) *to++ = '-';
    std::memcpy(to, kHexPairs[bytes[i]].data(), 2);
    to += 2;
  }
  return {id, 36};
}

bool set_field(Exchange& x, std::string_view name, Name known, std::string_view value) {
  http::Fields& fields = x.request.fields;
  if (!fields.may_have(known)) return fields.add(x.arena, {name, value, known, false});
  bool placed = false;
  for (http::Field& field : fields) {
    if (field.known != known) continue;
    if (placed) {
      field.hop = true;  // a repeated one is not forwarded
      continue;
    }
    field.value = value;
    field.hop = false;
    placed = true;
  }
  return placed || fields.add(x.arena, {name, value, known, false});
}

bool forward_fields(Exchange& x) {
  const config::ForwardPolicy& policy = x.listener->config->forward;
  http::Fields& fields = x.request.fields;
  bool fits = true;
  switch (policy.x_forwarded_for) {
    case config::ForwardPolicy::For::kOff: fields.remove("X-Forwarded-For"); break;
    case config::ForwardPolicy::For::kKeep: break;
    case config::ForwardPolicy::For::kSet:
      fits = set_field(x, "X-Forwarded-For", Name::kXForwardedFor, x.server->connection().peer_ip());
      break;
    case config::ForwardPolicy::For::kAppend: {
      std::string_view list;
      for (const http::Field& field : fields) {
        if (field.known != Name::kXForwardedFor || field.hop) continue;
        list = list.empty() ? field.value : join<3>(x.arena, {list, ", ", field.value});
      }
      list = list.empty() ? x.server->connection().peer_ip() : join<3>(x.arena, {list, ", ", x.server->connection().peer_ip()});
      fits = set_field(x, "X-Forwarded-For", Name::kXForwardedFor, list);
      break;
    }
  }
  if (policy.x_forwarded_proto) fits = set_field(x, "X-Forwarded-Proto", Name::kXForwardedProto, x.request.scheme) && fits;
  if (policy.x_request_id != config::ForwardPolicy::Id::kOff) {
    const http::Field* given = fields.find(Name::kXRequestId);
    const bool keep = policy.x_request_id == config::ForwardPolicy::Id::kKeepOrMake && given != nullptr && !given->value.empty();
    x.request_id = keep ? given->value : make_id(x);
    fits = set_field(x, "X-Request-Id", Name::kXRequestId, x.request_id) && fits;
  }
  if (policy.via) fits = fields.add(x.arena, via(x.request.major, x.request.minor)) && fits;
  return fits;
}

// IMF-fixdate (RFC 9110 5.6.7), made once a second for each worker thread.
std::string_view http_date() {
  thread_local std::time_t made_at = 0;
  thread_local char text[32];
  thread_local std::size_t size = 0;
  const std::time_t now = std::time(nullptr);
  if (now != made_at) {
    std::tm parts;
    gmtime_r(&now, &parts);
    constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const int written = std::snprintf(text, sizeof text, "%s, %02d %s %04d %02d:%02d:%02d GMT", kDays[parts.tm_wday % 7], parts.tm_mday % 100,
                                      kMonths[parts.tm_mon % 12], (parts.tm_year + 1900) % 10000, parts.tm_hour % 100, parts.tm_min % 100,
                                      parts.tm_sec % 100);
    size = static_cast<std::size_t>(written);
    made_at = now;
  }
  return {text, size};
}

}  // namespace

http::ParseError prepare_request(Exchange& x) {
  if (!x.request.is_connect() && x.request.target != "*") {
    const route::NormalisedTarget normal = route::normalise_target(x.request.target, x.listener->config->path, x.arena);
    if (!normal.ok) return {400, normal.reason};
    x.request.target = normal.target;
  }
  if (!forward_fields(x)) return {431, "head exceeds its memory"};
  return {};
}

bool rewrite_target(Exchange& x) {
  const config::Route& route = *x.route->config;
  if (!route.host_rewrite.empty()) x.request.authority = route.host_rewrite;
  if (!route.prefix_rewrite || x.request.is_connect()) return true;
  std::string_view rest = x.request.target;
  rest.remove_prefix(std::min(route.match.path.size(), rest.size()));
  std::string_view prefix = *route.prefix_rewrite;
  const bool slash = !rest.empty() && rest.front() == '/';
  if (!prefix.empty() && prefix.back() == '/' && slash) prefix.remove_suffix(1);
  const bool needs_slash = (prefix.empty() || prefix.back() != '/') && !slash && (prefix.empty() || (!rest.empty() && rest.front() != '?'));
  const std::string_view target = join<3>(x.arena, {prefix, needs_slash ? "/" : "", rest});
  if (target.data() == nullptr) return false;
  const route::NormalisedTarget normal = route::normalise_target(target, x.listener->config->path, x.arena);
  if (normal.ok) x.request.target = normal.target;
  return normal.ok;
}

void prepare_response(Exchange& x, bool local) {
  http::Fields& fields = x.response.fields;
  if (local && fields.find(Name::kDate) == nullptr && x.response.status >= 200) {
    fields.add(x.arena, {"Date", x.arena.copy(http_date()), Name::kDate, false});
  }
  if (local || !x.listener->config->forward.via) return;
  const bool http2 = x.cluster != nullptr && x.cluster->config.multiplexed();
  fields.add(x.arena, via(http2 ? 2 : 1, x.response.minor));
}

std::string_view error_body(Arena& arena, std::uint16_t status, std::string_view reason) {
  char digits[4];
  std::to_chars(digits, digits + 3, status);
  return join<6>(arena, {std::string_view(digits, 3), " ", http::reason_phrase(status), reason.empty() ? "" : ": ", reason, "\n"});
}

void note_length(Exchange& x, std::size_t size) {
  char digits[20];
  const char* const end = std::to_chars(digits, digits + sizeof digits, size).ptr;
  const std::string_view text = x.arena.copy({digits, static_cast<std::size_t>(end - digits)});
  x.response.fields.add(x.arena, {"Content-Length", text, Name::kContentLength, false});
}

void make_redirect(Exchange& x, const config::Redirect& redirect) {
  const std::string_view scheme = redirect.scheme.empty() ? x.request.scheme : std::string_view(redirect.scheme);
  const std::string_view host = redirect.host.empty() ? x.request.authority : std::string_view(redirect.host);
  const std::string_view target = x.request.target;
  const std::size_t mark = target.find('?');
  std::string_view path = target.substr(0, mark);
  const std::string_view query = mark == std::string_view::npos || redirect.strip_query ? std::string_view() : target.substr(mark);
  if (!redirect.path.empty()) {
    path = redirect.path;
  } else if (redirect.prefix_rewrite) {
    std::string_view rest = path.substr(std::min(x.route->config->match.path.size(), path.size()));
    std::string_view prefix = *redirect.prefix_rewrite;
    if (!prefix.empty() && prefix.back() == '/' && !rest.empty() && rest.front() == '/') rest.remove_prefix(1);
    path = join<3>(x.arena, {prefix, prefix.empty() && (rest.empty() || rest.front() != '/') ? "/" : "", rest});
  }
  x.response = {};
  x.response.status = redirect.status;
  const std::string_view location = join<5>(x.arena, {scheme, "://", host, path, query});
  x.response.fields.add(x.arena, {"Location", location, Name::kOther, false});
  x.reply_flag = "redirect";
}

void make_direct_reply(Exchange& x, const config::DirectReply& reply) {
  x.response = {};
  x.response.status = reply.status;
  for (const config::HeaderValue& header : reply.headers) {
    x.response.fields.add(x.arena, {header.name, header.value, http::name_of(header.name), false});
  }
  x.set_local_body(reply.body);
  x.reply_flag = "direct_reply";
}

}  // namespace cleat::respond
