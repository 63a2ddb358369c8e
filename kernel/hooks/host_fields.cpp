#include "kernel/hooks/host_fields.hpp"

#include <cstring>

namespace cleat::hooks {

using http::Name;

cleat_status arena_is_full() { return fail_call(CLEAT_LIMIT, "the exchange's, or the call's, memory is used up"); }

const char* refuse_name(Name known, FieldUse use) {
  if (use == FieldUse::kTrailers) {  // RFC 9110 6.5.1
    const bool may = known == Name::kOther || known == Name::kXRequestId || known == Name::kServer;
    return may ? nullptr : "a field of this name cannot be a trailer";
  }
  switch (known) {
    case Name::kContentLength:
      if (use == FieldUse::kHandler) return nullptr;
      [[fallthrough]];
    case Name::kHost:
    case Name::kConnection:
    case Name::kTransferEncoding:
    case Name::kTe:
    case Name::kTrailer:
    case Name::kUpgrade:
    case Name::kKeepAlive:
    case Name::kProxyConnection: return "fields of this name frame the message or its connection: they are the host's";
    case Name::kExpect: return use == FieldUse::kRequest ? "Expect is answered and sent by the host" : nullptr;
    case Name::kDate: return use == FieldUse::kReply ? "Date of a reply is the host's" : nullptr;
    default: return nullptr;
  }
}

cleat_status copy_field(Arena& arena, cleat_str name, cleat_str value, FieldUse use, http::Field& out) {
  if (bad(name) || bad(value)) return fail_call(CLEAT_INVALID, "field: a pointer is NULL");
  if (name.size > kFieldNameBytesMax || value.size > kFieldValueBytesMax) {
    return fail_call(CLEAT_LIMIT, "field: a name has at most 1 KiB, a value 64 KiB");
  }
  if (!http::valid_name(to_view(name))) return fail_call(CLEAT_INVALID, "field: the name is not a token (RFC 9110 5.1)");
  if (!http::valid_value(to_view(value))) return fail_call(CLEAT_INVALID, "field: the value holds what RFC 9110 5.5 does not allow");
  const Name known = http::name_of(to_view(name));
  if (const char* reason = refuse_name(known, use)) return fail_call(CLEAT_INVALID, reason);
  char* const bytes = static_cast<char*>(arena.allocate(name.size + value.size, 1));
  if (bytes == nullptr) return arena_is_full();
  std::memcpy(bytes, name.data, name.size);
  if (value.size != 0) std::memcpy(bytes + name.size, value.data, value.size);
  out = {{bytes, name.size}, {bytes + name.size, value.size}, known, false};
  return CLEAT_OK;
}

cleat_status copy_fields(Arena& arena, const cleat_header* headers, std::uint64_t count, FieldUse use, http::Fields& out) {
  if (headers == nullptr && count != 0) return fail_call(CLEAT_INVALID, "fields: the list is NULL");
  if (count > kFieldsMax) return fail_call(CLEAT_LIMIT, "fields: more than 200");
  for (std::uint64_t i = 0; i < count; ++i) {
    http::Field field;
    if (const cleat_status status = copy_field(arena, headers[i].name, headers[i].value, use, field)) return status;
    if (!out.add(arena, field)) return arena_is_full();
  }
  return CLEAT_OK;
}

cleat_status set_field(Arena& arena, http::Fields& fields, cleat_str name, cleat_str value, FieldUse use) {
  http::Field field;
  if (const cleat_status wrong = copy_field(arena, name, value, use, field)) return wrong;
  for (std::uint32_t i = 0; i < fields.size(); ++i) {
    if (!http::equal_names(fields[i].name, field.name)) continue;
    // The first keeps its place; without its name it is not among those that are removed.
    fields[i].name = {};
    fields.remove(field.name);
    fields[i] = field;
    return CLEAT_OK;
  }
  if (fields.size() >= kFieldsMax) return fail_call(CLEAT_LIMIT, "header_set: there are 200 fields already");
  return fields.add(arena, field) ? CLEAT_OK : arena_is_full();
}

cleat_status add_field(Arena& arena, http::Fields& fields, cleat_str name, cleat_str value, FieldUse use) {
  if (fields.size() >= kFieldsMax) return fail_call(CLEAT_LIMIT, "header_add: there are 200 fields already");
  http::Field field;
  if (const cleat_status wrong = copy_field(arena, name, value, use, field)) return wrong;
  return fields.add(arena, field) ? CLEAT_OK : arena_is_full();
}

cleat_status remove_field(http::Fields& fields, cleat_str name, FieldUse use) {
  if (const char* reason = refuse_name(http::name_of(to_view(name)), use)) return fail_call(CLEAT_INVALID, reason);
  return fields.remove(to_view(name)) != 0 ? CLEAT_OK : fail_call(CLEAT_NOT_FOUND, "no such field");
}

}  // namespace cleat::hooks
