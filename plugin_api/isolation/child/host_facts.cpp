// cleat.attributes/1, cleat.metadata/1 and cleat.body/1: what was told with the latest hook, and changes of it.
#include <algorithm>

#include "kernel/base/reactor.hpp"
#include "kernel/hooks/host_fields.hpp"
#include "kernel/hooks/host_tables.hpp"
#include "plugin_api/isolation/child/host.hpp"

namespace cleat::isolation::host {
namespace {

using hooks::bad;
using hooks::fail_call;
using hooks::guarded;
using hooks::to_str;
using hooks::to_view;

// --- attributes ---

bool is_of_tls(std::uint32_t attribute) { return attribute >= CLEAT_ATTR_TLS_VERSION && attribute <= CLEAT_ATTR_TLS_PEER_FINGERPRINT; }
bool is_text(std::uint32_t attribute) { return (attribute >= CLEAT_ATTR_SOURCE_ADDRESS && attribute <= CLEAT_ATTR_ORIGINAL_DESTINATION) || is_of_tls(attribute); }
bool is_integer(std::uint32_t attribute) { return attribute >= CLEAT_ATTR_START_UNIX_US && attribute <= CLEAT_ATTR_TLS_RESUMED; }
bool is_of_a_connection(std::uint32_t attribute) {
  switch (attribute) {
    case CLEAT_ATTR_SOURCE_ADDRESS:
    case CLEAT_ATTR_DESTINATION_ADDRESS:
    case CLEAT_ATTR_LISTENER:
    case CLEAT_ATTR_ORIGINAL_DESTINATION:
    case CLEAT_ATTR_START_UNIX_US:
    case CLEAT_ATTR_CONNECTION_ID:
    case CLEAT_ATTR_CONNECTION_REQUESTS:
    case CLEAT_ATTR_GENERATION:
    case CLEAT_ATTR_TLS_RESUMED: return true;
    default: return is_of_tls(attribute);
  }
}

Found find_attribute(std::uint64_t subject, std::uint32_t attribute) {
  const bool connection = handle_kind(subject) == HandleKind::kConnection;
  Found at = find_subject(subject, connection ? HandleKind::kConnection : HandleKind::kExchange);
  if (at.x != nullptr && connection && !is_of_a_connection(attribute)) {
    return {at.worker, nullptr, fail_call(CLEAT_UNSUPPORTED, "attribute: only of an exchange")};
  }
  return at;
}

cleat_status not_known() { return fail_call(CLEAT_NOT_FOUND, "attribute: not known, or not yet"); }
cleat_status not_of_this_type() { return invalid("attribute: there is none of this number and type"); }

cleat_status attributes_text(std::uint64_t subject, std::uint32_t attribute, cleat_str* value) {
  if (value == nullptr) return invalid("attribute: the output is NULL");
  if (!is_text(attribute)) return not_of_this_type();
  const Found at = find_attribute(subject, attribute);
  if (at.x == nullptr) return at.status;
  const std::string_view* const text = at.x->now.text(attribute);
  if (text == nullptr || text->empty()) return not_known();
  *value = to_str(*text);
  return CLEAT_OK;
}

cleat_status attributes_integer(std::uint64_t subject, std::uint32_t attribute, std::int64_t* value) {
  if (value == nullptr) return invalid("attribute: the output is NULL");
  if (!is_integer(attribute)) return not_of_this_type();
  const Found at = find_attribute(subject, attribute);
  if (at.x == nullptr) return at.status;
  const std::int64_t* const integer = at.x->now.integer(attribute);
  if (integer == nullptr) return not_known();
  *value = *integer;
  // The one that does not stand still; of an exchange that has ended it does.
  if (attribute == CLEAT_ATTR_DURATION_US && !is_of_exchange_end(at.x->now.head.hook)) *value += static_cast<std::int64_t>(monotonic_us() - at.x->told_us);
  return CLEAT_OK;
}

// --- metadata ---

constexpr std::uint32_t kKeysMax = 4096;

cleat_status metadata_key(cleat_str name, std::uint32_t* key) {
  if (!hooks::on_control_thread()) return fail_call(CLEAT_WRONG_THREAD, "metadata key: only on the control thread, at best in create");
  if (key == nullptr || bad(name)) return invalid("metadata key: a pointer is NULL");
  return guarded([&]() -> cleat_status {
    Writer arguments;
    arguments.text(name);
    std::string answer;
    if (const cleat_status wrong = ask_kernel(Function::kMetadataKey, arguments, answer)) return wrong;
    Reader reader(answer);
    const auto number = reader.number<std::uint32_t>();
    if (!reader.ok()) return strange_answer();
    *key = number;
    return CLEAT_OK;
  });
}

cleat_status no_key() { return invalid("metadata: not a key that was handed out"); }
bool is_key(std::uint32_t key) { return key - 1 < kKeysMax; }

MetadataValue* find_value(Snapshot& snapshot, std::uint32_t key) {
  for (MetadataValue& value : snapshot.metadata) {
    if (value.key == key) return &value;
  }
  return nullptr;
}

template <class Change>
cleat_status metadata_set(cleat_exchange handle, std::uint32_t key, Operation what, Change&& change) {
  const Found at = find_exchange(handle);
  if (at.x == nullptr) return at.status;
  if (!is_key(key)) return no_key();
  if (at.worker->full(*at.x)) return hooks::arena_is_full();
  return guarded([&]() -> cleat_status {
    MetadataValue* value = find_value(at.x->now, key);
    if (value == nullptr) {
      at.x->now.metadata.push_back({});
      value = &at.x->now.metadata.back();
      value->key = key;
    }
    if (const cleat_status wrong = change(*at.x, *value)) return wrong;
    return tell(at, what, [&](Writer& writer) {
      writer.number(key);
      switch (value->type) {
        case CLEAT_METADATA_TEXT: writer.text(value->text); break;
        case CLEAT_METADATA_INTEGER: writer.number(value->integer); break;
        default: writer.number(value->number); break;
      }
    });
  });
}

cleat_status too_much_text() { return fail_call(CLEAT_LIMIT, "metadata: texts of an exchange have at most 64 KiB"); }

cleat_status metadata_set_text(cleat_exchange handle, std::uint32_t key, cleat_str text) {
  if (bad(text)) return invalid("metadata: the text is NULL");
  if (text.size > Subject::kMetadataBytesMax) return too_much_text();
  return metadata_set(handle, key, Operation::kMetadataText, [&](Subject& x, MetadataValue& value) -> cleat_status {
    if (text.size > value.text.size()) {
      if (x.metadata_bytes + text.size > Subject::kMetadataBytesMax) return too_much_text();
      x.metadata_bytes += text.size;
    }
    const std::string_view copy = x.arena.copy(to_view(text));
    if (copy.data() == nullptr) return hooks::arena_is_full();
    value.text = copy;
    value.type = CLEAT_METADATA_TEXT;
    return CLEAT_OK;
  });
}

cleat_status metadata_set_integer(cleat_exchange handle, std::uint32_t key, std::int64_t integer) {
  return metadata_set(handle, key, Operation::kMetadataInteger, [&](Subject&, MetadataValue& value) {
    value.integer = integer;
    value.type = CLEAT_METADATA_INTEGER;
    return CLEAT_OK;
  });
}

cleat_status metadata_set_number(cleat_exchange handle, std::uint32_t key, double number) {
  return metadata_set(handle, key, Operation::kMetadataNumber, [&](Subject&, MetadataValue& value) {
    value.number = number;
    value.type = CLEAT_METADATA_NUMBER;
    return CLEAT_OK;
  });
}

template <class Read>
cleat_status metadata_get(cleat_exchange handle, std::uint32_t key, std::uint32_t type, const void* output, Read&& read) {
  const Found at = find_exchange(handle);
  if (at.x == nullptr) return at.status;
  if (output == nullptr) return invalid("metadata: the output is NULL");
  if (!is_key(key)) return no_key();
  const MetadataValue* const value = find_value(at.x->now, key);
  if (value == nullptr || value->type == 0) return fail_call(CLEAT_NOT_FOUND, "metadata: not set");
  if (type != 0 && value->type != type) return invalid("metadata: the value is of another type");
  read(*value);
  return CLEAT_OK;
}

cleat_status metadata_get_text(cleat_exchange x, std::uint32_t key, cleat_str* text) {
  return metadata_get(x, key, CLEAT_METADATA_TEXT, text, [&](const MetadataValue& value) { *text = to_str(value.text); });
}
cleat_status metadata_get_integer(cleat_exchange x, std::uint32_t key, std::int64_t* integer) {
  return metadata_get(x, key, CLEAT_METADATA_INTEGER, integer, [&](const MetadataValue& value) { *integer = value.integer; });
}
cleat_status metadata_get_number(cleat_exchange x, std::uint32_t key, double* number) {
  return metadata_get(x, key, CLEAT_METADATA_NUMBER, number, [&](const MetadataValue& value) { *number = value.number; });
}
cleat_status metadata_type(cleat_exchange x, std::uint32_t key, std::uint32_t* type) {
  return metadata_get(x, key, 0, type, [&](const MetadataValue& value) { *type = value.type; });
}

// --- bodies ---

cleat_status no_part() { return invalid("body: the part is the request or the response"); }

bool may_subscribe(const Found& at, cleat_part part) {
  const HookNumber latest = latest_hook(*at.worker, *at.x);
  if (part == CLEAT_REQUEST) return at.x->now.has(kHasRequest) && (latest == HookNumber::kRequest || latest == HookNumber::kRoute);
  return !at.x->head_sent() && !is_of_exchange_end(latest);
}

bool over_body_buffer(const Subject& x, std::uint64_t bytes) { return x.now.head.body_max != 0 && bytes > x.now.head.body_max; }

cleat_status body_subscribe(cleat_exchange handle, cleat_part part, std::uint32_t mode, std::uint64_t bytes_max) {
  const Found at = find_exchange(handle);
  if (at.x == nullptr) return at.status;
  if (part > CLEAT_RESPONSE) return no_part();
  if (mode > CLEAT_BODY_WHOLE) return invalid("body subscribe: there is no such mode");
  if (bytes_max != 0 && mode != CLEAT_BODY_WHOLE) return invalid("body subscribe: bytes_max is for CLEAT_BODY_WHOLE");
  if (!may_subscribe(at, part)) return wrong_phase("body subscribe: up to on_route for the request, to on_response for the response");
  if (over_body_buffer(*at.x, bytes_max)) return fail_call(CLEAT_LIMIT, "body subscribe: more than the listener's body_buffer");
  return guarded([&] {
    return tell(at, Operation::kBodySubscribe, [&](Writer& writer) {
      writer.number(part);
      writer.number(mode);
      writer.number(bytes_max);
    });
  });
}

// Runs `use` with the piece of the body hook that is running, or suspended.
template <class Use>
cleat_status with_piece(cleat_exchange handle, cleat_part part, Use&& use) {
  const Found at = find_exchange(handle);
  if (at.x == nullptr) return at.status;
  if (part > CLEAT_RESPONSE) return no_part();
  const HookNumber wanted = part == CLEAT_REQUEST ? HookNumber::kRequestBody : HookNumber::kResponseBody;
  const Call& call = at.x->calls[static_cast<std::size_t>(lane_of(wanted))];
  if (at.worker->running_hook(*at.x) != wanted && !(call.suspended && call.hook == wanted)) {
    return wrong_phase("body: only inside the body hook of that part, or while it is suspended");
  }
  return use(*at.x, at.x->pieces[part]);
}

template <class Change>
cleat_status change_piece(cleat_exchange handle, cleat_part part, Change&& change) {
  return with_piece(handle, part, [&](const Subject& x, Subject::Piece& piece) {
    constexpr std::uint64_t kNotTold = std::uint64_t{1} << 30;  // it has to fit the ring, and is the kernel's side's to judge
    const cleat_status status = change(piece.bytes, x.now.head.body_max != 0 ? x.now.head.body_max : kNotTold);
    if (status == CLEAT_OK) piece.changed = true;
    return status;
  });
}

cleat_status body_view(cleat_exchange x, cleat_part part, cleat_str* data) {
  if (data == nullptr) return invalid("body view: the output is NULL");
  const Found at = find_exchange(x);
  if (at.x != nullptr && part == CLEAT_REQUEST && at.worker->running_hook(*at.x) == HookNumber::kHandleBody) {
    *data = to_str(at.x->now.piece);
    return CLEAT_OK;
  }
  return with_piece(x, part, [&](const Subject&, const Subject::Piece& piece) {
    *data = to_str(piece.bytes.view());
    return CLEAT_OK;
  });
}

cleat_status body_append(cleat_exchange x, cleat_part part, cleat_str data) {
  return change_piece(x, part, [&](Buffer& piece, std::uint64_t most) { return hooks::join_piece(piece, most, data, false); });
}
cleat_status body_prepend(cleat_exchange x, cleat_part part, cleat_str data) {
  return change_piece(x, part, [&](Buffer& piece, std::uint64_t most) { return hooks::join_piece(piece, most, data, true); });
}
cleat_status body_replace(cleat_exchange x, cleat_part part, cleat_str data) {
  return change_piece(x, part, [&](Buffer& piece, std::uint64_t most) { return hooks::replace_piece(piece, most, data); });
}
cleat_status body_drain(cleat_exchange x, cleat_part part, std::uint64_t count) {
  return change_piece(x, part, [&](Buffer& piece, std::uint64_t) { return hooks::drain_piece(piece, count); });
}

cleat_status body_keep_for_replay(cleat_exchange handle, std::uint64_t bytes_max) {
  const Found at = find_exchange(handle);
  if (at.x == nullptr) return at.status;
  if (!may_subscribe(at, CLEAT_REQUEST)) return wrong_phase("keep_for_replay: in on_request and on_route");
  if (over_body_buffer(*at.x, bytes_max)) return fail_call(CLEAT_LIMIT, "keep_for_replay: more than the listener's body_buffer");
  return guarded([&] { return tell(at, Operation::kKeepForReplay, [&](Writer& writer) { writer.number(bytes_max); }); });
}

}  // namespace

const cleat_host_attributes kAttributes = {
    .size = sizeof(cleat_host_attributes), .reserved = 0, .text = attributes_text, .integer = attributes_integer};

const cleat_host_metadata kMetadata = {
    .size = sizeof(cleat_host_metadata),
    .reserved = 0,
    .key = metadata_key,
    .set_text = metadata_set_text,
    .set_integer = metadata_set_integer,
    .set_number = metadata_set_number,
    .get_text = metadata_get_text,
    .get_integer = metadata_get_integer,
    .get_number = metadata_get_number,
    .type = metadata_type,
};

const cleat_host_body kBody = {
    .size = sizeof(cleat_host_body),
    .reserved = 0,
    .subscribe = body_subscribe,
    .view = body_view,
    .append = body_append,
    .prepend = body_prepend,
    .replace = body_replace,
    .drain = body_drain,
    .keep_for_replay = body_keep_for_replay,
};

}  // namespace cleat::isolation::host
