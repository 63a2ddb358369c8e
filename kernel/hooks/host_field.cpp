// The parts of a request head that are no header fields. What a plugin sets passes the checks that a client's request passed.
#include <algorithm>

#include "kernel/hooks/host_fields.hpp"
#include "kernel/hooks/host_tables.hpp"
#include "kernel/http/chars.hpp"
#include "kernel/http/head.hpp"
#include "kernel/route/path.hpp"

namespace cleat::hooks {
namespace {

namespace chars = http::detail;

constexpr std::size_t kMethodBytesMax = 64;
constexpr std::size_t kAuthorityBytesMax = 512;

cleat_status set_target(Exchange& x, std::string_view target) {
  if (x.request.is_connect()) return fail_call(CLEAT_INVALID, "field_set: CONNECT's target is its authority");
  if (target.size() > x.listener->limits.target_bytes_max) {
    return fail_call(CLEAT_LIMIT, "field_set: the target is longer than the listener lets clients send");
  }
  if (!valid_target(target)) return fail_call(CLEAT_INVALID, "field_set: the target is not /path?query");
  const std::string_view copy = x.arena.copy(target);
  if (copy.data() == nullptr) return arena_is_full();
  const route::NormalisedTarget normalised = route::normalise_target(copy, x.listener->config->path, x.arena);
  if (!normalised.ok) return fail_call(CLEAT_INVALID, normalised.reason);
  x.request.target = normalised.target;
  return CLEAT_OK;
}

}  // namespace

cleat_status set_method(http::RequestHead& request, Arena& arena, std::string_view method) {
  if (method.size() > kMethodBytesMax) return fail_call(CLEAT_LIMIT, "field_set: a method has at most 64 bytes");
  if (!http::valid_name(method)) return fail_call(CLEAT_INVALID, "field_set: the method is not a token");
  if (method == request.method) return CLEAT_OK;
  // These frame their responses, or the connection, in a way of their own, and the client waits for that of its method.
  if (method == "CONNECT" || request.is_connect() || method == "HEAD" || request.is_head()) {
    return fail_call(CLEAT_INVALID, "field_set: neither to CONNECT or HEAD, nor from it");
  }
  if (method == "TRACE" && request.body != http::Body::kNone) return fail_call(CLEAT_INVALID, "field_set: TRACE has no body");
  if (method == "PRI" || (request.target == "*" && method != "OPTIONS")) {
    return fail_call(CLEAT_INVALID, "field_set: not a method for this target");
  }
  const std::string_view copy = arena.copy(method);
  if (copy.data() == nullptr) return arena_is_full();
  request.method = copy;
  return CLEAT_OK;
}

// Kept in the Host field too, where there is one: reading either gives the same.
cleat_status set_authority(http::RequestHead& request, Arena& arena, std::string_view authority) {
  if (request.is_connect()) return fail_call(CLEAT_INVALID, "field_set: CONNECT's authority is its target");
  if (!valid_authority(authority)) {
    return fail_call(CLEAT_INVALID, "field_set: the authority is not host[:port]");
  }
  const std::string_view copy = arena.copy(authority);
  if (copy.data() == nullptr) return arena_is_full();
  for (http::Field& field : request.fields) {
    if (field.known != http::Name::kHost) continue;
    field.value = copy;
    request.authority = copy;
    return CLEAT_OK;
  }
  if (!request.fields.add(arena, {"Host", copy, http::Name::kHost, false})) return arena_is_full();
  request.authority = copy;
  return CLEAT_OK;
}

// Percent-triplets of the path are the normaliser's to judge.
bool valid_target(std::string_view target) {
  if (target.empty() || target.front() != '/') return false;
  const std::size_t mark = std::min(target.find('?'), target.size());
  if (!chars::all(target.substr(0, mark), chars::kPathChar)) return false;
  if (mark == target.size()) return true;
  const std::string_view query = target.substr(mark);
  if (!chars::all(query, chars::kQueryChar)) return false;
  for (std::size_t at = query.find('%'); at != std::string_view::npos; at = query.find('%', at + 3)) {
    if (at + 2 >= query.size() || !chars::is(query[at + 1], chars::kHexChar) || !chars::is(query[at + 2], chars::kHexChar)) return false;
  }
  return true;
}

bool valid_authority(std::string_view authority) {
  chars::Authority parts;
  return authority.size() <= kAuthorityBytesMax && chars::read_authority(authority, parts);
}

cleat_status field_get(const Exchange& x, cleat_field field, cleat_str* value) {
  if (value == nullptr) return fail_call(CLEAT_INVALID, "field_get: the output is NULL");
  const std::string_view target = x.request.target;
  const std::size_t mark = std::min(target.find('?'), target.size());
  switch (field) {
    case CLEAT_METHOD: *value = to_str(x.request.method); break;
    case CLEAT_SCHEME: *value = to_str(x.request.scheme); break;
    case CLEAT_AUTHORITY: *value = to_str(x.request.authority); break;
    case CLEAT_TARGET: *value = to_str(target); break;
    case CLEAT_PATH: *value = to_str(target.substr(0, mark)); break;
    case CLEAT_QUERY: *value = to_str(mark == target.size() ? std::string_view{} : target.substr(mark + 1)); break;
    default: return fail_call(CLEAT_INVALID, "field_get: there is no such field");
  }
  return CLEAT_OK;
}

cleat_status field_set(Exchange& x, cleat_field field, cleat_str value) {
  if (bad(value)) return fail_call(CLEAT_INVALID, "field_set: the value is NULL");
  if (field < CLEAT_METHOD || field > CLEAT_QUERY) return fail_call(CLEAT_INVALID, "field_set: there is no such field");
  if (!x.request_known || x.stage < Stage::kRequest || x.stage > Stage::kPause) {
    return fail_call(CLEAT_WRONG_PHASE, "field_set: the request head is not sent again");
  }
  return guarded([&]() -> cleat_status {
    switch (field) {
      case CLEAT_METHOD: return set_method(x.request, x.arena, to_view(value));
      case CLEAT_AUTHORITY: return set_authority(x.request, x.arena, to_view(value));
      case CLEAT_TARGET: return set_target(x, to_view(value));
      default: return fail_call(CLEAT_INVALID, "field_set: this field is only read; set the target");
    }
  });
}

}  // namespace cleat::hooks
