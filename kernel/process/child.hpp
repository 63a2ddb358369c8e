// Child: another process of this program, started here with listening sockets to go on with. Follows it on its link until it has
// ended. The thread of the io_context.
#pragma once

#include <sys/types.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "kernel/process/handover.hpp"

namespace cleat {

// How this process was started, and so how the next one is: the file is looked for again each time, so that a replaced one is found.
struct StartCommand {
  std::string program;  // a path, made absolute, or a name to be looked for in PATH
  std::vector<std::string> arguments;
  std::chrono::milliseconds ready_within{60'000};  // else the new process is ended
};
StartCommand start_command(int argc, const char* const* argv);

class Child;

class ChildOwner {
 public:
  virtual void child_ready(Child& child) = 0;
  // Last: everything it said before is known by now. wait_status: of waitpid.
  virtual void child_ended(Child& child, int wait_status) = 0;

 protected:
  ~ChildOwner() = default;
};

class Child : public std::enable_shared_from_this<Child> {
 public:
  using Clock = std::chrono::steady_clock;

  // `given` but for its link, which is made here. A supervised one becomes the leader of a process group, so that a terminal's
  // interrupt reaches its supervisor alone. The owner is called back while it keeps the Child, which never ends the process itself.
  static Result<std::shared_ptr<Child>> start(boost::asio::io_context& io, ChildOwner& owner, const StartCommand& command, Handover given);
  Child(boost::asio::io_context& io, ChildOwner& owner, pid_t pid, ListeningSockets listening);

  pid_t pid() const { return pid_; }
  bool ready() const { return ready_; }
  Clock::duration ready_for() const { return ready_ ? Clock::now() - ready_since_ : Clock::duration{}; }
  const ListeningSockets& listening() const { return listening_; }  // what it was given, and opened and let go of since
  void keep_nothing() { listening_.clear(); }                       // from now on nobody but the process itself keeps them open
  void signal(int number);
  void drain();  // takes no more connections, finishes what is in flight, and ends
  void hurry();  // does not finish it

 private:
  void follow(Socket link, Socket process, std::chrono::milliseconds ready_within);
  void wait_for_messages();
  void wait_for_end();
  void read_messages();
  void tell(LinkMessage::Kind kind);
  void take(LinkMessage message);
  void end_unless_ready(std::chrono::milliseconds within, int signal_number);

  ChildOwner& owner_;
  const pid_t pid_;
  boost::asio::posix::stream_descriptor link_, process_;  // process_: readable once it has ended
  boost::asio::steady_timer late_;
  ListeningSockets listening_;
  bool ready_ = false, given_up_ = false, ended_ = false;
  Clock::time_point ready_since_;
};

// "exited with 2", "was killed by signal 9 (Killed)".
std::string words_of_end(int wait_status);

}  // namespace cleat
