// HotRestart: this process's place in a row of them that serve the same listening sockets. As the one that was started, by the process
// before it or by a supervisor: it goes on with their sockets and tells them how far it is. As the one that starts the next: it serves
// until that one is ready, and goes on serving if it never is. Control thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <functional>
#include <memory>
#include <string>

#include "kernel/process/child.hpp"

namespace cleat {

struct ProcessOptions {
  StartCommand command;
  std::string pid_file;  // holds the number of the process that serves, or of its supervisor; empty: none
};

class HotRestart final : private ChildOwner {
 public:
  // drain: another process serves in the place of this one, or the supervisor wants it or has gone; perhaps more than once. hurry: the
  // supervisor does not want to wait for its end any longer.
  HotRestart(boost::asio::io_context& io, ProcessOptions options, Handover given, std::function<void()> drain, std::function<void()> hurry);
  HotRestart(const HotRestart&) = delete;
  HotRestart& operator=(const HotRestart&) = delete;
  ~HotRestart();

  const ListeningSockets& inherited() const { return told_; }  // until `listening` is called
  void listening(const ListeningSockets& now);                 // before the workers accept from them; again after each change
  void ready();                                                // serves, on all of them
  void begin(const ListeningSockets& listening);               // SIGUSR2
  void stop();                                                 // this process is to end: nobody follows it who is not ready by now

 private:
  void listen_to_supervisor();
  void hear();
  void tell(const LinkMessage& message);
  void child_ready(Child& child) override;
  void child_ended(Child& child, int wait_status) override;

  boost::asio::io_context& io_;
  const ProcessOptions options_;
  const bool supervised_;
  boost::asio::posix::stream_descriptor link_;  // not open: nobody is told
  ListeningSockets told_;                       // what the other end of the link knows
  std::shared_ptr<Child> next_;                 // not ready yet
  const std::function<void()> drain_, hurry_;
};

// Atomically: a reader finds the old number or this one. Empty, or why not. remove_pid_file leaves one alone that holds another's number.
std::string write_pid_file(const std::string& file);
void remove_pid_file(const std::string& file);

}  // namespace cleat
