// The listening sockets of a generation: one for each worker and listener, by SO_REUSEPORT. Control thread, at start.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "kernel/base/result.hpp"
#include "kernel/base/socket.hpp"
#include "kernel/generation.hpp"

namespace cleat {

// By worker, then by listener. A listener's port 0 becomes the one that was bound, in Listener::address. The error names the
// listener. An address that another process listens on is an error even if that one has SO_REUSEPORT set.
// Listeners that `before` (nullptr: none) has under the same name and address keep their sockets: theirs are left closed here.
Result<std::vector<std::vector<Socket>>> open_listening(const Generation& generation, const Generation* before, std::uint32_t workers);

}  // namespace cleat
