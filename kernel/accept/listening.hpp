// The listening sockets of a process, a set with keys: several for each listener, by SO_REUSEPORT, so that every worker has one of its
// own. A reload, the next process of a hot restart and the one after a crash each go on with those that are open, because closing one
// resets the connections in its queue. Control thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "kernel/base/result.hpp"
#include "kernel/base/socket.hpp"

namespace cleat {

struct Generation;

// By Listener::listening_key.
using ListeningSockets = std::map<std::string, std::vector<SharedSocket>>;

// The sockets of the generation's listeners, at least one for each worker: those of `open`, and new ones where there are too few. A key
// of `open` that is not in the answer is no longer wanted. A port 0 becomes the one that is bound, in Listener::address.
// The error names the listener, and no socket has listened then. An address that a stranger listens on is an error even if he has
// SO_REUSEPORT set.
Result<ListeningSockets> open_listening(const Generation& generation, const ListeningSockets& open, std::uint32_t workers);

// What one worker listens on: by listener index, each with at least one socket. Where there are more sockets than workers a worker has
// several, so that none is left alone with its queue.
std::vector<std::vector<SharedSocket>> sockets_of_worker(const Generation& generation, const ListeningSockets& sockets, std::uint32_t worker,
                                                         std::uint32_t workers);

}  // namespace cleat
