// A space of cleat.kv/1: state that workers share, kept over generations. Open it in the constructor; then any thread may use it.
#pragma once

#include <array>
#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "plugin_api/cpp/host.hpp"

CLEAT_CPP_NAMESPACE_BEGIN

class Kv {
 public:
  using Ttl = std::chrono::milliseconds;  // 0: for ever
  struct Value {
    std::string text;
    std::uint64_t version = 0;
  };

  Kv() = default;
  explicit Kv(std::uint64_t space) noexcept : space_(space) {}

  // Nothing: there is no such key (or the space is not open).
  std::optional<Value> get(std::string_view key) const {
    std::array<char, 256> few;
    std::uint64_t needed = 0, version = 0;
    cleat_status status = detail::call(detail::host.kv.get, space_, to_str(key), few.data(), std::uint64_t{few.size()}, &needed, &version);
    if (status == CLEAT_OK) return Value{{few.data(), static_cast<std::size_t>(needed)}, version};
    std::string text;
    while (status == CLEAT_TOO_SMALL) {  // it may have grown since
      text.resize(static_cast<std::size_t>(needed));
      status = detail::call(detail::host.kv.get, space_, to_str(key), text.data(), std::uint64_t{text.size()}, &needed, &version);
    }
    if (status != CLEAT_OK) return std::nullopt;
    text.resize(static_cast<std::size_t>(needed));
    return Value{std::move(text), version};
  }
  Status set(std::string_view key, std::string_view value, Ttl ttl = Ttl{0}) const noexcept {
    return detail::call(detail::host.kv.set, space_, to_str(key), to_str(value), ms(ttl), static_cast<std::uint64_t*>(nullptr));
  }
  // If the key's version is `expected`, 0: if there is none. CLEAT_STALE: it is another.
  Status set_if(std::string_view key, std::string_view value, std::uint64_t expected, Ttl ttl = Ttl{0}) const noexcept {
    return detail::call(detail::host.kv.set_if, space_, to_str(key), to_str(value), ms(ttl), expected, static_cast<std::uint64_t*>(nullptr));
  }
  Status remove(std::string_view key, std::uint64_t expected = 0) const noexcept { return detail::call(detail::host.kv.remove, space_, to_str(key), expected); }
  // What it is then. ttl: of one that was not there.
  Result<std::int64_t> add(std::string_view key, std::int64_t amount, Ttl ttl = Ttl{0}) const noexcept {
    std::int64_t value = 0;
    const cleat_status status = detail::call(detail::host.kv.add, space_, to_str(key), amount, ms(ttl), &value);
    return {status, value};
  }
  // The first key behind `after` that begins with `prefix`; nothing at the end.
  std::optional<std::string> next(std::string_view prefix, std::string_view after) const {
    std::array<char, 512> key;  // none is longer
    std::uint64_t needed = 0;
    if (detail::call(detail::host.kv.next, space_, to_str(prefix), to_str(after), key.data(), std::uint64_t{key.size()}, &needed) != CLEAT_OK) return std::nullopt;
    return std::string(key.data(), static_cast<std::size_t>(needed));
  }

 private:
  static std::uint64_t ms(Ttl ttl) noexcept { return ttl.count() <= 0 ? 0 : static_cast<std::uint64_t>(ttl.count()); }
  std::uint64_t space_ = 0;
};

CLEAT_CPP_NAMESPACE_END
