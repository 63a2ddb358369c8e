// What a process of this program gives the next one that it starts, the other half of a hot restart or the child of a supervisor:
// listening sockets by inheritance, described in one environment variable, and a link on which the new one tells how far it is.
// Both ends of the format are here. Control thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kernel/accept/listening.hpp"
#include "kernel/base/result.hpp"
#include "kernel/base/socket.hpp"

namespace cleat {

struct Handover {
  Socket link;                 // to the process that started this one; not open: nobody did
  bool supervised = false;     // that process stays, keeps the listening sockets, and is to be told of each
  std::uint32_t restarts = 0;  // of the supervisor's process, after crashes, until this one
  ListeningSockets listening;
};

// Takes what was handed over out of the environment. REQUIRES: no other thread runs yet. The error is for who set the variable by hand.
Result<Handover> take_handover();

// The variable as it stands in an environment, "NAME=value"; the new process must inherit the descriptors under the same numbers.
std::string handover_variable(const Handover& handover);
bool is_handover_variable(std::string_view entry);

// --- messages on the link ---

struct LinkMessage {
  enum class Kind : char {
    // From the new process to the one that started it:
    kListening = 'l',          // listens on these, under `key`, from now on
    kGone = 'g',               // no longer listens under `key`
    kReady = 'r',              // has started in full
    // From a supervisor. Not as signals, because a service manager may send those to all processes of a group at once:
    kDrain = 'd',              // as SIGTERM, and as the end of the link
    kHurry = 'h',              // as a further SIGTERM
    kOther = '?',              // what a later version may say
  };
  Kind kind = Kind::kOther;
  std::string key;
  std::vector<SharedSocket> sockets;
};

// Waits kLinkWait at most for room. Empty, or why it could not be sent.
std::string send_message(int link, const LinkMessage& message);

enum class LinkState { kMessage, kNothing, kClosed };
LinkState receive_message(int link, LinkMessage& message);  // does not wait

// Both ends of a new link; close-on-exec.
Result<std::pair<Socket, Socket>> make_link();

}  // namespace cleat
