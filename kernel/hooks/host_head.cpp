// Header lists and the status. header_get is what plugins call most: it compares, it never copies, and that a field is not there
// costs no more than that it is.
#include "kernel/hooks/host_fields.hpp"
#include "kernel/hooks/host_tables.hpp"

namespace cleat::hooks {
namespace {

// Is there a response head to be seen? 1xx heads pass by unseen; between attempts there is none.
bool has_response(const Exchange& x) {
  if (x.response.status < 200 && x.response.status != 101) return false;
  switch (x.stage) {
    case Stage::kHandle:
    case Stage::kAwait: return x.handler_started;
    case Stage::kAttemptEnd: return x.end_how == CLEAT_END_RESPONSE;
    case Stage::kReply:
    case Stage::kResponse:
    case Stage::kStream:
    case Stage::kTunnel:
    case Stage::kDone: return true;
    default: return false;
  }
}

bool in_trailers(const Exchange& x, Hook hook, Lane lane, const http::Fields& trailers) {
  return in_hook(x, hook) || (is_suspended(x, lane) && !trailers.empty());
}

cleat_status no_part() { return fail_call(CLEAT_INVALID, "there is no such part"); }

// The list to read.
cleat_status readable(Exchange& x, cleat_part part, http::Fields*& fields) {
  switch (part) {
    case CLEAT_REQUEST: fields = &x.request.fields; return CLEAT_OK;
    case CLEAT_RESPONSE:
      fields = &x.response.fields;
      return has_response(x) ? CLEAT_OK : fail_call(CLEAT_WRONG_PHASE, "there is no response head now");
    case CLEAT_REQUEST_TRAILERS:
      fields = &x.request_trailers;
      if (!fields->empty() || in_hook(x, Hook::kRequestTrailers)) return CLEAT_OK;
      return fail_call(CLEAT_WRONG_PHASE, "there are no request trailers, or not yet");
    case CLEAT_RESPONSE_TRAILERS:
      fields = &x.response_trailers;
      if (!fields->empty() || in_hook(x, Hook::kResponseTrailers)) return CLEAT_OK;
      return fail_call(CLEAT_WRONG_PHASE, "there are no response trailers, or not yet");
    default: return no_part();
  }
}

// The list to change.
cleat_status changeable(Exchange& x, cleat_part part, http::Fields*& fields) {
  switch (part) {
    case CLEAT_REQUEST:
      fields = &x.request.fields;
      if (x.request_known && x.stage >= Stage::kRequest && x.stage <= Stage::kPause) return CLEAT_OK;
      return fail_call(CLEAT_WRONG_PHASE, "the request head is not sent again");
    case CLEAT_RESPONSE:
      fields = &x.response.fields;
      if (has_response(x) && !x.head_sent() && x.stage != Stage::kDone) return CLEAT_OK;
      return fail_call(CLEAT_WRONG_PHASE, "there is no response head that could be changed now");
    case CLEAT_REQUEST_TRAILERS:
      fields = &x.request_trailers;
      if (in_trailers(x, Hook::kRequestTrailers, Lane::kRequestBody, *fields)) return CLEAT_OK;
      return fail_call(CLEAT_WRONG_PHASE, "request trailers are changed in on_request_trailers");
    case CLEAT_RESPONSE_TRAILERS:
      fields = &x.response_trailers;
      if (in_trailers(x, Hook::kResponseTrailers, Lane::kResponseBody, *fields)) return CLEAT_OK;
      return fail_call(CLEAT_WRONG_PHASE, "response trailers are changed in on_response_trailers");
    default: return no_part();
  }
}

FieldUse use_of(cleat_part part) {
  return part == CLEAT_REQUEST ? FieldUse::kRequest : part == CLEAT_RESPONSE ? FieldUse::kResponse : FieldUse::kTrailers;
}

cleat_status null_pointer() { return fail_call(CLEAT_INVALID, "header: a pointer is NULL"); }

}  // namespace

cleat_status header_get(Exchange& x, cleat_part part, cleat_str name, std::uint64_t index, cleat_str* value) {
  if (value == nullptr || bad(name)) return null_pointer();
  http::Fields* fields = nullptr;
  if (const cleat_status wrong = readable(x, part, fields)) return wrong;
  const http::Field* const field = fields->find(to_view(name), index);
  if (field == nullptr) return fail_call(CLEAT_NOT_FOUND, "no such field");
  *value = to_str(field->value);
  return CLEAT_OK;
}

cleat_status header_count(Exchange& x, cleat_part part, std::uint64_t* count) {
  if (count == nullptr) return null_pointer();
  http::Fields* fields = nullptr;
  if (const cleat_status wrong = readable(x, part, fields)) return wrong;
  *count = fields->size();
  return CLEAT_OK;
}

cleat_status header_at(Exchange& x, cleat_part part, std::uint64_t position, cleat_header* header) {
  if (header == nullptr) return null_pointer();
  http::Fields* fields = nullptr;
  if (const cleat_status wrong = readable(x, part, fields)) return wrong;
  if (position >= fields->size()) return fail_call(CLEAT_NOT_FOUND, "no field at this position");
  const http::Field& field = (*fields)[static_cast<std::uint32_t>(position)];
  *header = {to_str(field.name), to_str(field.value)};
  return CLEAT_OK;
}

cleat_status header_set(Exchange& x, cleat_part part, cleat_str name, cleat_str value) {
  http::Fields* fields = nullptr;
  if (const cleat_status wrong = changeable(x, part, fields)) return wrong;
  return guarded([&] { return set_field(x.arena, *fields, name, value, use_of(part)); });
}

cleat_status header_add(Exchange& x, cleat_part part, cleat_str name, cleat_str value) {
  http::Fields* fields = nullptr;
  if (const cleat_status wrong = changeable(x, part, fields)) return wrong;
  return guarded([&] { return add_field(x.arena, *fields, name, value, use_of(part)); });
}

cleat_status header_remove(Exchange& x, cleat_part part, cleat_str name) {
  if (bad(name)) return null_pointer();
  http::Fields* fields = nullptr;
  if (const cleat_status wrong = changeable(x, part, fields)) return wrong;
  return remove_field(*fields, name, use_of(part));
}

cleat_status status_get(Exchange& x, std::uint32_t* value) {
  if (value == nullptr) return fail_call(CLEAT_INVALID, "status_get: the output is NULL");
  if (!has_response(x)) return fail_call(CLEAT_WRONG_PHASE, "there is no response head now");
  *value = x.response.status;
  return CLEAT_OK;
}

cleat_status status_set(Exchange& x, std::uint32_t value) {
  if (value < 200 || value > 599) return fail_call(CLEAT_INVALID, "status_set: a status is 200 to 599");
  if ((x.stage != Stage::kReply && x.stage != Stage::kResponse) || x.head_sent()) {
    return fail_call(CLEAT_WRONG_PHASE, "status_set: in on_reply and on_response");
  }
  if (x.response.status == value) return CLEAT_OK;
  // What a status says of the connection is not to be changed by changing the number.
  const bool tunnel = x.response.status == 101 || (x.request.is_connect() && x.response.status / 100 == 2 && x.client != nullptr);
  if (tunnel || (x.request.is_connect() && value / 100 == 2)) {
    return fail_call(CLEAT_INVALID, "status_set: not of a tunnel, or into one");
  }
  x.response.status = static_cast<std::uint16_t>(value);
  x.response.reason = {};  // the table's
  return CLEAT_OK;
}

}  // namespace cleat::hooks
