// Heads: read from what was told with the latest hook; changed there, and told.
#include <algorithm>

#include "kernel/hooks/host_fields.hpp"
#include "kernel/route/path.hpp"
#include "plugin_api/isolation/child/host.hpp"

namespace cleat::isolation::host {
namespace {

using hooks::bad;
using hooks::fail_call;
using hooks::FieldUse;
using hooks::to_str;
using hooks::to_view;

cleat_status no_part() { return invalid("there is no such part"); }
cleat_status null_pointer() { return invalid("header: a pointer is NULL"); }
cleat_status no_response() { return wrong_phase("there is no response head now"); }
cleat_status full() { return hooks::arena_is_full(); }

const http::Fields* readable(const Subject& x, cleat_part part, cleat_status& status) {
  switch (part) {
    case CLEAT_REQUEST: return &x.now.request.fields;
    case CLEAT_RESPONSE:
      if (x.has_response()) return &x.now.response;
      status = no_response();
      return nullptr;
    case CLEAT_REQUEST_TRAILERS:
      if (x.now.has(kHasRequestTrailers)) return &x.now.request_trailers;
      status = wrong_phase("there are no request trailers, or not yet");
      return nullptr;
    case CLEAT_RESPONSE_TRAILERS:
      if (x.now.has(kHasResponseTrailers)) return &x.now.response_trailers;
      status = wrong_phase("there are no response trailers, or not yet");
      return nullptr;
    default: status = no_part(); return nullptr;
  }
}

bool request_is_sent_again(ChildWorker& worker, const Subject& x) {
  if (!x.now.has(kHasRequest)) return false;
  switch (latest_hook(worker, x)) {
    case HookNumber::kRequest:
    case HookNumber::kRoute:
    case HookNumber::kHandle:
    case HookNumber::kAttempt:
    case HookNumber::kAttemptEnd: return true;
    case HookNumber::kHandleBody:
    case HookNumber::kRequestBody:
    case HookNumber::kRequestTrailers: return !x.has_response();
    default: return false;
  }
}

bool in_trailers(ChildWorker& worker, const Subject& x, HookNumber hook, HookLane lane, const http::Fields& trailers) {
  return worker.running_hook(x) == hook || (x.is_suspended(lane) && !trailers.empty());
}

// The list to change, or nullptr and why not.
http::Fields* changeable(const Found& at, cleat_part part, cleat_status& status) {
  Subject& x = *at.x;
  if (at.worker->full(x)) {
    status = full();
    return nullptr;
  }
  switch (part) {
    case CLEAT_REQUEST:
      if (request_is_sent_again(*at.worker, x)) return &x.now.request.fields;
      status = wrong_phase("the request head is not sent again");
      return nullptr;
    case CLEAT_RESPONSE:
      if (x.has_response() && !x.head_sent() && !is_of_exchange_end(latest_hook(*at.worker, x))) return &x.now.response;
      status = wrong_phase("there is no response head that could be changed now");
      return nullptr;
    case CLEAT_REQUEST_TRAILERS:
      if (in_trailers(*at.worker, x, HookNumber::kRequestTrailers, HookLane::kRequestBody, x.now.request_trailers)) return &x.now.request_trailers;
      status = wrong_phase("request trailers are changed in on_request_trailers");
      return nullptr;
    case CLEAT_RESPONSE_TRAILERS:
      if (in_trailers(*at.worker, x, HookNumber::kResponseTrailers, HookLane::kResponseBody, x.now.response_trailers)) return &x.now.response_trailers;
      status = wrong_phase("response trailers are changed in on_response_trailers");
      return nullptr;
    default: status = no_part(); return nullptr;
  }
}

FieldUse use_of(cleat_part part) {
  return part == CLEAT_REQUEST ? FieldUse::kRequest : part == CLEAT_RESPONSE ? FieldUse::kResponse : FieldUse::kTrailers;
}

template <class Change>
cleat_status change(cleat_exchange handle, cleat_part part, Operation what, cleat_str name, const cleat_str* value, Change&& make) {
  const Found at = find_exchange(handle);
  if (at.x == nullptr) return at.status;
  cleat_status status;
  http::Fields* const fields = changeable(at, part, status);
  if (fields == nullptr) return status;
  return hooks::guarded([&]() -> cleat_status {
    if (const cleat_status wrong = make(at.x->arena, *fields, use_of(part))) return wrong;
    return tell(at, what, [&](Writer& writer) {
      writer.number(part);
      writer.text(name);
      if (value != nullptr) writer.text(*value);
    });
  });
}

// As the listener would normalise it, if it has no policy of its own: that is the kernel's side's to apply.
cleat_status set_target(Subject& x, std::string_view target) {
  if (x.now.request.is_connect()) return invalid("field_set: CONNECT's target is its authority");
  if (!hooks::valid_target(target)) return invalid("field_set: the target is not /path?query");
  const std::string_view copy = x.arena.copy(target);
  if (copy.data() == nullptr) return full();
  const route::NormalisedTarget normalised = route::normalise_target(copy, config::PathPolicy{}, x.arena);
  if (!normalised.ok) return invalid(normalised.reason);
  x.now.request.target = normalised.target;
  return CLEAT_OK;
}

cleat_status set_field(Subject& x, cleat_field field, std::string_view value) {
  switch (field) {
    case CLEAT_METHOD: return hooks::set_method(x.now.request, x.arena, value);
    case CLEAT_AUTHORITY: return hooks::set_authority(x.now.request, x.arena, value);
    case CLEAT_TARGET: return set_target(x, value);
    default: return invalid("field_set: this field is only read; set the target");
  }
}

}  // namespace

cleat_status header_get(cleat_exchange handle, cleat_part part, cleat_str name, std::uint64_t index, cleat_str* value) {
  const Found at = find_exchange(handle);
  if (at.x == nullptr) return at.status;
  if (value == nullptr || bad(name)) return null_pointer();
  cleat_status status;
  const http::Fields* const fields = readable(*at.x, part, status);
  if (fields == nullptr) return status;
  const http::Field* const field = index > UINT32_MAX ? nullptr : fields->find(to_view(name), static_cast<std::uint32_t>(index));
  if (field == nullptr) return fail_call(CLEAT_NOT_FOUND, "no such field");
  *value = to_str(field->value);
  return CLEAT_OK;
}

cleat_status header_count(cleat_exchange handle, cleat_part part, std::uint64_t* count) {
  const Found at = find_exchange(handle);
  if (at.x == nullptr) return at.status;
  if (count == nullptr) return null_pointer();
  cleat_status status;
  const http::Fields* const fields = readable(*at.x, part, status);
  if (fields == nullptr) return status;
  *count = fields->size();
  return CLEAT_OK;
}

cleat_status header_at(cleat_exchange handle, cleat_part part, std::uint64_t position, cleat_header* header) {
  const Found at = find_exchange(handle);
  if (at.x == nullptr) return at.status;
  if (header == nullptr) return null_pointer();
  cleat_status status;
  const http::Fields* const fields = readable(*at.x, part, status);
  if (fields == nullptr) return status;
  if (position >= fields->size()) return fail_call(CLEAT_NOT_FOUND, "no field at this position");
  const http::Field& field = (*fields)[static_cast<std::uint32_t>(position)];
  *header = {to_str(field.name), to_str(field.value)};
  return CLEAT_OK;
}

cleat_status header_set(cleat_exchange x, cleat_part part, cleat_str name, cleat_str value) {
  return change(x, part, Operation::kHeaderSet, name, &value,
                [&](Arena& arena, http::Fields& fields, FieldUse use) { return hooks::set_field(arena, fields, name, value, use); });
}

cleat_status header_add(cleat_exchange x, cleat_part part, cleat_str name, cleat_str value) {
  return change(x, part, Operation::kHeaderAdd, name, &value,
                [&](Arena& arena, http::Fields& fields, FieldUse use) { return hooks::add_field(arena, fields, name, value, use); });
}

cleat_status header_remove(cleat_exchange x, cleat_part part, cleat_str name) {
  if (bad(name)) return null_pointer();
  return change(x, part, Operation::kHeaderRemove, name, nullptr,
                [&](Arena&, http::Fields& fields, FieldUse use) { return hooks::remove_field(fields, name, use); });
}

cleat_status field_get(cleat_exchange handle, cleat_field field, cleat_str* value) {
  const Found at = find_exchange(handle);
  if (at.x == nullptr) return at.status;
  if (value == nullptr) return invalid("field_get: the output is NULL");
  const http::RequestHead& request = at.x->now.request;
  const std::string_view target = request.target;
  const std::size_t mark = std::min(target.find('?'), target.size());
  switch (field) {
    case CLEAT_METHOD: *value = to_str(request.method); break;
    case CLEAT_SCHEME: *value = to_str(request.scheme); break;
    case CLEAT_AUTHORITY: *value = to_str(request.authority); break;
    case CLEAT_TARGET: *value = to_str(target); break;
    case CLEAT_PATH: *value = to_str(target.substr(0, mark)); break;
    case CLEAT_QUERY: *value = to_str(mark == target.size() ? std::string_view{} : target.substr(mark + 1)); break;
    default: return invalid("field_get: there is no such field");
  }
  return CLEAT_OK;
}

cleat_status field_set(cleat_exchange handle, cleat_field field, cleat_str value) {
  const Found at = find_exchange(handle);
  if (at.x == nullptr) return at.status;
  if (bad(value)) return invalid("field_set: the value is NULL");
  if (field < CLEAT_METHOD || field > CLEAT_QUERY) return invalid("field_set: there is no such field");
  if (!request_is_sent_again(*at.worker, *at.x)) return wrong_phase("field_set: the request head is not sent again");
  if (at.worker->full(*at.x)) return full();
  return hooks::guarded([&]() -> cleat_status {
    if (const cleat_status wrong = set_field(*at.x, field, to_view(value))) return wrong;
    return tell(at, Operation::kFieldSet, [&](Writer& writer) {
      writer.number(field);
      writer.text(value);
    });
  });
}

cleat_status status_get(cleat_exchange handle, std::uint32_t* value) {
  const Found at = find_exchange(handle);
  if (at.x == nullptr) return at.status;
  if (value == nullptr) return invalid("status_get: the output is NULL");
  if (!at.x->has_response()) return no_response();
  *value = at.x->now.status;
  return CLEAT_OK;
}

cleat_status status_set(cleat_exchange handle, std::uint32_t value) {
  const Found at = find_exchange(handle);
  if (at.x == nullptr) return at.status;
  if (value < 200 || value > 599) return invalid("status_set: a status is 200 to 599");
  Subject& x = *at.x;
  const HookNumber hook = hook_at_hand(*at.worker, x);
  if ((hook != HookNumber::kReply && hook != HookNumber::kResponse) || x.head_sent() || !x.has_response()) {
    return wrong_phase("status_set: in on_reply and on_response");
  }
  if (x.now.status == value) return CLEAT_OK;
  const bool tunnel = x.now.status == 101 || (x.now.request.is_connect() && x.now.status / 100 == 2 && hook == HookNumber::kResponse);
  if (tunnel || (x.now.request.is_connect() && value / 100 == 2)) return invalid("status_set: not of a tunnel, or into one");
  if (at.worker->full(x)) return full();
  x.now.status = value;
  return hooks::guarded([&] { return tell(at, Operation::kStatusSet, [&](Writer& writer) { writer.number(value); }); });
}

}  // namespace cleat::isolation::host
