// cleat.metadata/1: a short list in the exchange's arena, searched in order: exchanges carry a handful of values.
#include <cstring>

#include "kernel/hooks/host_exchange.hpp"
#include "kernel/hooks/host_fields.hpp"
#include "kernel/hooks/host_tables.hpp"

namespace cleat::hooks {
namespace {

constexpr std::size_t kTextBytesMax = 64 * 1024;  // of one exchange, all texts together
constexpr std::uint32_t kKeysMax = 4096;          // metadata_key gives 1..4096

cleat_status no_key() { return fail_call(CLEAT_INVALID, "metadata: not a key that was handed out"); }
bool is_key(std::uint32_t key) { return key - 1 < kKeysMax; }

Exchange::Metadata* find(const Exchange& x, std::uint32_t key) {
  for (Exchange::Metadata* value = x.metadata; value != nullptr; value = value->next) {
    if (value->key == key) return value;
  }
  return nullptr;
}

// The key's value, made if it is not there; nullptr when the arena is full.
Exchange::Metadata* find_or_make(Exchange& x, std::uint32_t key) {
  if (Exchange::Metadata* const value = find(x, key)) return value;
  void* const memory = x.arena.allocate(sizeof(Exchange::Metadata), alignof(Exchange::Metadata));
  if (memory == nullptr) return nullptr;
  return x.metadata = new (memory) Exchange::Metadata{key, 0, {}, 0, 0, x.metadata};
}

template <class Store>
cleat_status set(cleat_exchange handle, std::uint32_t key, Store&& store) {
  cleat_status status;
  Exchange* const x = exchange_of(handle, status);
  if (x == nullptr) return status;
  if (!is_key(key)) return no_key();
  return guarded([&]() -> cleat_status {
    Exchange::Metadata* const value = find_or_make(*x, key);
    return value == nullptr ? arena_is_full() : store(*x, *value);
  });
}

cleat_status metadata_set_text(cleat_exchange handle, std::uint32_t key, cleat_str text) {
  if (bad(text)) return fail_call(CLEAT_INVALID, "metadata: the text is NULL");
  if (text.size > kTextBytesMax) return fail_call(CLEAT_LIMIT, "metadata: texts of an exchange have at most 64 KiB");
  return set(handle, key, [&](Exchange& x, Exchange::Metadata& value) -> cleat_status {
    char* to = const_cast<char*>(value.text.data());  // of the arena; used again where the new text fits
    if (text.size > value.text.size()) {
      if (x.metadata_bytes + text.size > kTextBytesMax) return fail_call(CLEAT_LIMIT, "metadata: texts of an exchange have at most 64 KiB");
      to = static_cast<char*>(x.arena.allocate(text.size, 1));
      if (to == nullptr) return arena_is_full();
      x.metadata_bytes += text.size;
    }
    if (text.size != 0) std::memmove(to, text.data, text.size);  // it may be a part of the old one
    value.text = {to, text.size};
    value.type = CLEAT_METADATA_TEXT;
    return CLEAT_OK;
  });
}

cleat_status metadata_set_integer(cleat_exchange handle, std::uint32_t key, std::int64_t integer) {
  return set(handle, key, [&](Exchange&, Exchange::Metadata& value) {
    value.integer = integer;
    value.type = CLEAT_METADATA_INTEGER;
    return CLEAT_OK;
  });
}

cleat_status metadata_set_number(cleat_exchange handle, std::uint32_t key, double number) {
  return set(handle, key, [&](Exchange&, Exchange::Metadata& value) {
    value.number = number;
    value.type = CLEAT_METADATA_NUMBER;
    return CLEAT_OK;
  });
}

// type 0: any. `read` stores the output.
template <class Read>
cleat_status get(cleat_exchange handle, std::uint32_t key, std::uint32_t type, const void* output, Read&& read) {
  cleat_status status;
  const Exchange* const x = exchange_of(handle, status);
  if (x == nullptr) return status;
  if (output == nullptr) return fail_call(CLEAT_INVALID, "metadata: the output is NULL");
  if (!is_key(key)) return no_key();
  const Exchange::Metadata* const value = find(*x, key);
  if (value == nullptr || value->type == 0) return fail_call(CLEAT_NOT_FOUND, "metadata: not set");
  if (type != 0 && value->type != type) return fail_call(CLEAT_INVALID, "metadata: the value is of another type");
  read(*value);
  return CLEAT_OK;
}

cleat_status metadata_get_text(cleat_exchange x, std::uint32_t key, cleat_str* text) {
  return get(x, key, CLEAT_METADATA_TEXT, text, [&](const Exchange::Metadata& value) { *text = to_str(value.text); });
}

cleat_status metadata_get_integer(cleat_exchange x, std::uint32_t key, std::int64_t* integer) {
  return get(x, key, CLEAT_METADATA_INTEGER, integer, [&](const Exchange::Metadata& value) { *integer = value.integer; });
}

cleat_status metadata_get_number(cleat_exchange x, std::uint32_t key, double* number) {
  return get(x, key, CLEAT_METADATA_NUMBER, number, [&](const Exchange::Metadata& value) { *number = value.number; });
}

cleat_status metadata_type(cleat_exchange x, std::uint32_t key, std::uint32_t* type) {
  return get(x, key, 0, type, [&](const Exchange::Metadata& value) { *type = value.type; });
}

cleat_status metadata_key_guarded(cleat_str name, std::uint32_t* key) {
  return guarded([&] { return metadata_key(name, key); });
}

}  // namespace

const cleat_host_metadata kHostMetadata = {
    .size = sizeof(cleat_host_metadata),
    .reserved = 0,
    .key = metadata_key_guarded,
    .set_text = metadata_set_text,
    .set_integer = metadata_set_integer,
    .set_number = metadata_set_number,
    .get_text = metadata_get_text,
    .get_integer = metadata_get_integer,
    .get_number = metadata_get_number,
    .type = metadata_type,
};

}  // namespace cleat::hooks
