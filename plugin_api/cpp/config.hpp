// Reading configuration, typed. Control thread only; nodes die with the constructor they were given to, so what is read is
// copied out. Every mistake is recorded by the host at its file:line:column and reading goes on with the fallback: the
// load is refused once the constructor returns, with all mistakes at once.
//
//   explicit Greeter(cleat::Config config)
//       : greeting_(config.get<std::string>("greeting", "hello")),
//         pause_(config.get<std::chrono::milliseconds>("pause", 0ms)),
//         hosts_(config.required<std::vector<std::string>>("hosts")) {}
//
// What get<T> and required<T> read:
//   std::string               a scalar's text
//   bool                      true, false
//   integers                  in T's range, or in the Range given
//   double, float             a number
//   std::chrono::milliseconds a duration: 250ms, 2s, 1m, 1h
//   cleat::Bytes              a size: 512, 16KiB, 1MB
//   cleat::Path               a path; a relative one is relative to the configuration file
//   std::vector<T>            a list of any of these
//   std::map<std::string, T>, std::vector<std::pair<std::string, T>>   a map; the second keeps the file's order
//   std::optional<T>          one of these, or nothing if absent
//   any type with an explicit constructor from cleat::Config   a map, read by that constructor
#pragma once

#include <chrono>
#include <concepts>
#include <initializer_list>
#include <limits>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

#include "plugin_api/cpp/host.hpp"

CLEAT_CPP_NAMESPACE_BEGIN

// A size in bytes, read from "16KiB".
struct Bytes {
  std::uint64_t value = 0;
};

// A file's path as the operator meant it: absolute, or relative to the process after the host resolved it.
struct Path {
  std::string value;
};

// Both ends are allowed values.
struct Range {
  std::int64_t least = std::numeric_limits<std::int64_t>::min();
  std::int64_t most = std::numeric_limits<std::int64_t>::max();
};

namespace detail {
CLEAT_CPP_HIDDEN inline constinit std::uint64_t config_errors = 0;  // [control] recorded since the process started: create compares before and after
}

// A node of configuration, or nothing where the key is absent. A value; copies are the same node.
class Config {
 public:
  constexpr Config() noexcept = default;
  explicit Config(cleat_config node) noexcept : node_(node) {
    if (detail::call(detail::host.config.type, node_, &type_) != CLEAT_OK) type_ = CLEAT_CONFIG_NULL;
  }

  // False if absent, or empty in the file.
  explicit operator bool() const noexcept { return type_ != CLEAT_CONFIG_NULL; }
  bool is_scalar() const noexcept { return type_ == CLEAT_CONFIG_SCALAR; }
  bool is_list() const noexcept { return type_ == CLEAT_CONFIG_LIST; }
  bool is_map() const noexcept { return type_ == CLEAT_CONFIG_MAP; }
  cleat_config node() const noexcept { return node_; }

  // A map's value; nothing if absent, or (recorded) if this is not a map.
  Config operator[](std::string_view key) const {
    if (type_ == CLEAT_CONFIG_NULL) return {};
    cleat_config value = 0;
    const cleat_status status = detail::call(detail::host.config.get, node_, to_str(key), &value);
    if (status == CLEAT_OK) return Config(value);
    if (status != CLEAT_NOT_FOUND) ++detail::config_errors;
    return {};
  }

  // The value of `key`, or `fallback` if it is absent or (recorded) out of form.
  template <class T>
  T get(std::string_view key, T fallback = T{}, Range range = {}) const {
    const Config value = (*this)[key];
    return value ? value.as<T>(std::move(fallback), range) : fallback;
  }

  // The value of `key`; an absent one is recorded as an error, and T{} given.
  template <class T>
  T required(std::string_view key, Range range = {}) const {
    const Config value = (*this)[key];
    if (value) return value.as<T>(T{}, range);
    error("\"" + std::string(key) + "\" is required");
    return T{};
  }

  // One of the words listed; any other is recorded, with the list.
  template <class T>
  T choice(std::string_view key, std::initializer_list<std::pair<std::string_view, T>> words, T fallback) const {
    const Config value = (*this)[key];
    return value ? value.choice_of(words, std::move(fallback)) : fallback;
  }

  // This node itself, as T.
  template <class T>
  T as(T fallback = T{}, Range range = {}) const {
    T value = std::move(fallback);
    read(value, range);
    return value;
  }

  // This node itself, as one of the words listed.
  template <class T>
  T choice_of(std::initializer_list<std::pair<std::string_view, T>> words, T fallback) const {
    const std::string text = as<std::string>();
    std::string all;
    for (const auto& [word, value] : words) {
      if (word == text) return value;
      if (!all.empty()) all += ", ";
      all += word;
    }
    error("must be one of: " + all);
    return fallback;
  }

  // Members of a list or map, in the file's order; key is empty in a list.
  struct Member;
  std::vector<Member> members() const;

  // The whole subtree as JSON text; every key below counts as known.
  std::string json() const {
    cleat_str text{};
    return note(detail::call(detail::host.config.json, node_, &text)) ? std::string(to_view(text)) : std::string();
  }

  // Records an error here, in the plugin's words. Reading goes on; the load will be refused.
  void error(std::string_view text) const {
    ++detail::config_errors;
    if (detail::call(detail::host.config.error, node_, to_str(text)) != CLEAT_OK) set_error(text);
  }

 private:
  template <class T> struct IsVector : std::false_type {};
  template <class T> struct IsVector<std::vector<T>> : std::true_type {};
  template <class T> struct IsPairs : std::false_type {};
  template <class T> struct IsPairs<std::vector<std::pair<std::string, T>>> : std::true_type {};
  template <class T> struct IsMap : std::false_type {};
  template <class T> struct IsMap<std::map<std::string, T>> : std::true_type {};
  template <class T> struct IsOptional : std::false_type {};
  template <class T> struct IsOptional<std::optional<T>> : std::true_type {};
  template <class> static constexpr bool kNever = false;

  static bool note(cleat_status status) noexcept {
    if (status == CLEAT_OK) return true;
    ++detail::config_errors;  // the host has recorded where and why
    return false;
  }

  template <class T>
  void read(T& value, Range range) const {
    const cleat_host_config& host = detail::host.config;
    if constexpr (std::is_same_v<T, std::string>) {
      cleat_str text{};
      if (note(detail::call(host.text, node_, &text))) value = to_view(text);
    } else if constexpr (std::is_same_v<T, Path>) {
      cleat_str text{};
      if (note(detail::call(host.path, node_, &text))) value.value = to_view(text);
    } else if constexpr (std::is_same_v<T, Bytes>) {
      std::uint64_t bytes = 0;
      if (note(detail::call(host.bytes, node_, &bytes))) value.value = bytes;
    } else if constexpr (std::is_same_v<T, bool>) {
      std::uint32_t boolean = 0;
      if (note(detail::call(host.boolean, node_, &boolean))) value = boolean != 0;
    } else if constexpr (std::is_same_v<T, std::chrono::milliseconds>) {
      std::uint64_t ms = 0;
      if (note(detail::call(host.duration_ms, node_, &ms))) value = std::chrono::milliseconds(ms);
    } else if constexpr (std::floating_point<T>) {
      double number = 0;
      if (note(detail::call(host.number, node_, &number))) value = static_cast<T>(number);
    } else if constexpr (std::integral<T>) {
      std::int64_t least = range.least, most = range.most, integer = 0;
      if (std::cmp_less(least, std::numeric_limits<T>::min())) least = static_cast<std::int64_t>(std::numeric_limits<T>::min());
      if (std::cmp_greater(most, std::numeric_limits<T>::max())) most = static_cast<std::int64_t>(std::numeric_limits<T>::max());
      if (note(detail::call(host.integer, node_, least, most, &integer))) value = static_cast<T>(integer);
    } else if constexpr (IsOptional<T>::value) {
      value = as<typename T::value_type>({}, range);
    } else if constexpr (IsPairs<T>::value || IsMap<T>::value || IsVector<T>::value) {
      read_members(value, range);
    } else if constexpr (std::is_constructible_v<T, Config>) {
      value = T(*this);
    } else {
      static_assert(kNever<T>, "not readable from configuration: see the list at the top of config.hpp");
    }
  }

  template <class T>
  void read_members(T& value, Range range) const;

  cleat_config node_ = 0;
  std::uint32_t type_ = CLEAT_CONFIG_NULL;
};

struct Config::Member {
  std::string key;
  Config value;
};

inline std::vector<Config::Member> Config::members() const {
  std::vector<Member> all;
  std::uint64_t count = 0;
  if (type_ == CLEAT_CONFIG_NULL || !note(detail::call(detail::host.config.count, node_, &count))) return all;
  for (std::uint64_t i = 0; i < count; ++i) {
    cleat_str key{};
    cleat_config value = 0;
    if (note(detail::call(detail::host.config.at, node_, i, &key, &value))) all.push_back({std::string(to_view(key)), Config(value)});
  }
  return all;
}

template <class T>
void Config::read_members(T& value, Range range) const {
  constexpr bool wants_map = IsPairs<T>::value || IsMap<T>::value;
  if (wants_map ? !is_map() : !is_list()) {
    error(wants_map ? "must be a map" : "must be a list");
    return;
  }
  value.clear();
  for (const Member& member : members()) {
    if constexpr (IsPairs<T>::value) {
      using Value = typename T::value_type::second_type;
      value.emplace_back(member.key, member.value.template as<Value>(Value{}, range));
    } else if constexpr (IsMap<T>::value) {
      using Value = typename T::mapped_type;
      value.emplace(member.key, member.value.template as<Value>(Value{}, range));
    } else {
      using Value = typename T::value_type;
      value.push_back(member.value.template as<Value>(Value{}, range));
    }
  }
}

// Thrown by constructors where going on makes no sense; caught by the wrapper and recorded at `node`.
class ConfigError : public std::runtime_error {
 public:
  ConfigError(Config node, const std::string& text) : std::runtime_error(text), node_(node) {}
  const Config& node() const noexcept { return node_; }

 private:
  Config node_;
};

CLEAT_CPP_NAMESPACE_END
