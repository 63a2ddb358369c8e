// cleat.kv/1: what plugins ask of the spaces of kernel/kv.hpp.
#include <algorithm>
#include <optional>
#include <string>

#include "kernel/hooks/host_exchange.hpp"
#include "kernel/hooks/host_tables.hpp"
#include "kernel/hooks/library.hpp"
#include "kernel/kv.hpp"

namespace cleat::hooks {
namespace {

using kv::Outcome;

cleat_status status_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::kDone: return CLEAT_OK;
    case Outcome::kNotFound: return fail_call(CLEAT_NOT_FOUND, "kv: there is no such key");
    case Outcome::kChanged: return fail_call(CLEAT_STALE, "kv: the key has another version");
    case Outcome::kLimit: return fail_call(CLEAT_LIMIT, "kv: the space is full");
    case Outcome::kNoNumber: return fail_call(CLEAT_INVALID, "kv: the value is no integer, or would leave 64 bits");
  }
  return CLEAT_FAILED;
}

// Calls `use` with the space, which stays for that time.
template <class Use>
cleat_status with_space(std::uint64_t handle, Use&& use) {
  const kv::Spaces::Pin space(kv::spaces(), handle);
  if (space.get() == nullptr) return fail_call(CLEAT_STALE, "kv: the space is gone");
  return guarded([&] { return status_of(use(*space.get())); });
}

bool bad_key(cleat_str key) { return bad(key) || key.size == 0 || key.size > kv::kKeyBytesMax; }
cleat_status refuse_key() { return fail_call(CLEAT_INVALID, "kv: a key is 1 to 512 bytes"); }
cleat_status refuse_value(cleat_str value) {
  return bad(value) ? fail_call(CLEAT_INVALID, "kv: the value is NULL") : fail_call(CLEAT_LIMIT, "kv: a value is at most 64 KiB");
}
bool bad_value(cleat_str value) { return bad(value) || value.size > kv::kValueBytesMax; }

cleat_status after_copy(cleat_status status, std::uint64_t needed, std::uint64_t capacity) {
  return status == CLEAT_OK && needed > capacity ? fail_call(CLEAT_TOO_SMALL, "kv: the buffer is too small") : status;
}

bool valid_space_name(std::string_view name) {
  const auto good = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-'; };
  return !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), good);
}

cleat_status kv_open(cleat_instance self, cleat_str name, std::uint32_t flags, std::uint64_t bytes_max, std::uint64_t* space) {
  if (!on_control_thread()) return fail_call(CLEAT_WRONG_THREAD, "kv: open is for the control thread, at best in create");
  const Instance* const instance = find_instance(self);
  if (instance == nullptr) return fail_call(CLEAT_STALE, "kv: no such instance");
  if (space == nullptr) return fail_call(CLEAT_INVALID, "kv: the output is NULL");
  if ((flags & ~CLEAT_KV_PLUGIN) != 0) return fail_call(CLEAT_INVALID, "kv: a flag that this host does not know");
  if (bad(name) || !valid_space_name(to_view(name))) return fail_call(CLEAT_INVALID, "kv: a space's name is 1 to 64 of A-Z a-z 0-9 _ . -");
  if (bytes_max < kv::kSpaceBytesMin || bytes_max > kv::kSpaceBytesMax) return fail_call(CLEAT_INVALID, "kv: a space has 1 KiB to 1 GiB");
  return guarded([&]() -> cleat_status {
    const bool of_plugin = (flags & CLEAT_KV_PLUGIN) != 0;
    const std::string whose = of_plugin ? "plugin " + instance->note.name : "instance " + instance->name;
    *space = kv::open(self, whose + "/" + std::string(to_view(name)), bytes_max);
    return *space != 0 ? CLEAT_OK : fail_call(CLEAT_LIMIT, "kv: 16 spaces of this instance, or 1,024 in all");
  });
}

cleat_status kv_get(std::uint64_t space, cleat_str key, char* buffer, std::uint64_t capacity, std::uint64_t* needed, std::uint64_t* version) {
  if (bad_key(key)) return refuse_key();
  if (needed == nullptr || (buffer == nullptr && capacity != 0)) return fail_call(CLEAT_INVALID, "kv: an output is NULL");
  std::uint64_t size = 0, is = 0;
  const cleat_status status = with_space(space, [&](kv::Space& in) { return in.get(to_view(key), buffer, capacity, size, is); });
  if (status != CLEAT_OK) return status;
  *needed = size;
  if (version != nullptr) *version = is;
  return after_copy(status, size, capacity);
}

cleat_status put(std::uint64_t space, cleat_str key, cleat_str value, std::uint64_t ttl_ms, std::optional<std::uint64_t> expected, std::uint64_t* version) {
  if (bad_key(key)) return refuse_key();
  if (bad_value(value)) return refuse_value(value);
  std::uint64_t is = 0;
  const cleat_status status = with_space(space, [&](kv::Space& in) { return in.set(to_view(key), to_view(value), ttl_ms, expected, is); });
  if (status == CLEAT_OK && version != nullptr) *version = is;
  return status;
}

cleat_status kv_set(std::uint64_t space, cleat_str key, cleat_str value, std::uint64_t ttl_ms, std::uint64_t* version) {
  return put(space, key, value, ttl_ms, std::nullopt, version);
}

cleat_status kv_set_if(std::uint64_t space, cleat_str key, cleat_str value, std::uint64_t ttl_ms, std::uint64_t expected, std::uint64_t* version) {
  return put(space, key, value, ttl_ms, expected, version);
}

cleat_status kv_remove(std::uint64_t space, cleat_str key, std::uint64_t expected) {
  if (bad_key(key)) return refuse_key();
  return with_space(space, [&](kv::Space& in) { return in.remove(to_view(key), expected); });
}

cleat_status kv_add(std::uint64_t space, cleat_str key, std::int64_t amount, std::uint64_t ttl_ms, std::int64_t* value) {
  if (bad_key(key)) return refuse_key();
  std::int64_t is = 0;
  const cleat_status status = with_space(space, [&](kv::Space& in) { return in.add(to_view(key), amount, ttl_ms, is); });
  if (status == CLEAT_OK && value != nullptr) *value = is;
  return status;
}

cleat_status kv_next(std::uint64_t space, cleat_str prefix, cleat_str after, char* buffer, std::uint64_t capacity, std::uint64_t* needed) {
  if (bad(prefix) || bad(after) || prefix.size > kv::kKeyBytesMax || after.size > kv::kKeyBytesMax) return refuse_key();
  if (needed == nullptr || (buffer == nullptr && capacity != 0)) return fail_call(CLEAT_INVALID, "kv: an output is NULL");
  std::uint64_t size = 0;
  const cleat_status status = with_space(space, [&](kv::Space& in) { return in.next(to_view(prefix), to_view(after), buffer, capacity, size); });
  if (status != CLEAT_OK) return status;
  *needed = size;
  return after_copy(status, size, capacity);
}

}  // namespace

const cleat_host_kv kHostKv = {
    .size = sizeof(cleat_host_kv),
    .reserved = 0,
    .open = kv_open,
    .get = kv_get,
    .set = kv_set,
    .set_if = kv_set_if,
    .remove = kv_remove,
    .add = kv_add,
    .next = kv_next,
};

}  // namespace cleat::hooks
