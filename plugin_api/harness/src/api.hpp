// What the functions of the C interface (harness.h) have in common: structs of either size, and no exception. Private to api_*.cpp.
#pragma once

#include <algorithm>
#include <cstring>
#include <exception>
#include <memory>
#include <string>
#include <utility>

#include "plugin_api/harness/harness.h"
#include "plugin_api/harness/src/host.hpp"

struct cleat_harness {
  std::unique_ptr<cleat::kit::Host> host;
  std::string error;
};

namespace cleat::kit {

inline constexpr std::uint64_t kHeadersMax = 100'000;

// A struct of the caller's, of the size that it was compiled with; what is beyond it is zero.
template <class T>
bool read(const T* from, T& to) {
  to = T{};
  if (from == nullptr || from->size < sizeof(std::uint32_t) || from->size > sizeof(T)) return false;
  std::memcpy(&to, from, from->size);
  return true;
}

template <class T>
cleat_status give(T& from, T* to) {
  if (to == nullptr || to->size < sizeof(std::uint32_t)) return CLEAT_INVALID;
  from.size = static_cast<std::uint32_t>(std::min<std::size_t>(to->size, sizeof(T)));
  std::memcpy(to, &from, from.size);
  return CLEAT_OK;
}

inline cleat_status failed(cleat_harness* h, cleat_status status, std::string why) {
  h->error = std::move(why);
  return status;
}

template <class Call>
cleat_status guarded(cleat_harness* h, Call&& call) {
  if (h == nullptr) return CLEAT_INVALID;
  if (h->host == nullptr || !h->host->serving()) return failed(h, CLEAT_WRONG_PHASE, "the harness does not run");
  try {
    h->error.clear();
    return call(*h->host);
  } catch (const std::exception& exception) {
    return failed(h, CLEAT_FAILED, exception.what());
  }
}

template <class Call>
std::uint64_t numbered(cleat_harness* h, Call&& call) {
  std::uint64_t number = 0;
  guarded(h, [&](Host& host) {
    number = call(host);
    return CLEAT_OK;
  });
  return number;
}

inline bool sane(const cleat_header* headers, std::uint64_t count) { return (headers != nullptr || count == 0) && count <= kHeadersMax; }

inline ExchangeRecord* exchange_of(Host& host, std::uint64_t id) {
  const auto found = host.wires->exchanges.find(id);
  return found == host.wires->exchanges.end() ? nullptr : found->second.get();
}

}  // namespace cleat::kit
