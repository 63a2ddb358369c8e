// listen_on: a socket that listens, in one step, for tests and benchmarks that need no more.
#pragma once

#include <string>
#include <utility>

#include "kernel/base/socket.hpp"

namespace cleat {

inline Result<Socket> listen_on(const Address& address) {
  Result<Socket> bound = bind_to(address);
  if (!bound.ok()) return bound;
  if (std::string why = listen_now(*bound); !why.empty()) return Error{std::move(why)};
  return bound;
}

}  // namespace cleat
