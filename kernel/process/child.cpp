#include "kernel/process/child.hpp"

#include <spawn.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>

#include "kernel/base/check.hpp"
#include "kernel/base/log.hpp"

namespace cleat {
namespace {

namespace asio = boost::asio;

// posix_spawn's two objects, given back at the end.
struct SpawnSetting {
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  SpawnSetting() { CLEAT_CHECK(::posix_spawn_file_actions_init(&files) == 0 && ::posix_spawnattr_init(&attributes) == 0); }
  SpawnSetting(const SpawnSetting&) = delete;
  SpawnSetting& operator=(const SpawnSetting&) = delete;
  ~SpawnSetting() {
    ::posix_spawn_file_actions_destroy(&files);
    ::posix_spawnattr_destroy(&attributes);
  }
  void inherit(const Socket& socket) { ::posix_spawn_file_actions_adddup2(&files, socket.fd(), socket.fd()); }  // clears close-on-exec
};

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> all;
  for (std::string& text : texts) all.push_back(text.data());
  all.push_back(nullptr);
  return all;
}

std::vector<std::string> environment_with(const Handover& given) {
  std::vector<std::string> all;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    if (!is_handover_variable(*entry)) all.emplace_back(*entry);
  }
  all.push_back(handover_variable(given));
  return all;
}

Result<pid_t> spawn(const StartCommand& command, const Handover& given) {
  SpawnSetting setting;
  setting.inherit(given.link);
  for (const auto& [key, sockets] : given.listening) {
    for (const SharedSocket& socket : sockets) setting.inherit(*socket);
  }
  if (given.supervised) {
    ::posix_spawnattr_setflags(&setting.attributes, POSIX_SPAWN_SETPGROUP);
    ::posix_spawnattr_setpgroup(&setting.attributes, 0);
  }
  std::vector<std::string> arguments = command.arguments, environment = environment_with(given);
  pid_t pid = 0;
  const int error = ::posix_spawnp(&pid, command.program.c_str(), &setting.files, &setting.attributes, pointers(arguments).data(),
                                   pointers(environment).data());
  if (error != 0) return Error{"cannot start " + command.program + ": " + std::strerror(error)};
  return pid;
}

}  // namespace

StartCommand start_command(int argc, const char* const* argv) {
  StartCommand command;
  command.arguments.assign(argv, argv + argc);
  command.program = argc > 0 ? argv[0] : "";
  std::error_code error;  // a folder that is gone: then the path stays relative
  if (command.program.find('/') == std::string::npos) return command;
  if (const auto absolute = std::filesystem::absolute(command.program, error); !error) command.program = absolute.string();
  return command;
}

std::string words_of_end(int wait_status) {
  if (WIFEXITED(wait_status)) return "exited with " + std::to_string(WEXITSTATUS(wait_status));
  if (WIFSIGNALED(wait_status)) {
    return "was killed by signal " + std::to_string(WTERMSIG(wait_status)) + " (" + ::strsignal(WTERMSIG(wait_status)) + ")";
  }
  return "ended";
}

Result<std::shared_ptr<Child>> Child::start(asio::io_context& io, ChildOwner& owner, const StartCommand& command, Handover given) {
  Result<std::pair<Socket, Socket>> link = make_link();
  if (!link.ok()) return Error{link.error()};
  given.link = std::move(link->second);
  Result<pid_t> pid = spawn(command, given);
  if (!pid.ok()) return Error{pid.error()};
  Socket process(static_cast<int>(::syscall(SYS_pidfd_open, *pid, 0)));  // sys/pidfd.h of glibc 2.36 is not for C++
  if (!process.open()) {
    const int error = errno;
    ::kill(*pid, SIGKILL);
    ::waitpid(*pid, nullptr, 0);
    return Error{std::string("pidfd_open: ") + std::strerror(error)};
  }
  auto child = std::make_shared<Child>(io, owner, *pid, std::move(given.listening));
  child->follow(std::move(link->first), std::move(process), command.ready_within);
  return child;
}

Child::Child(asio::io_context& io, ChildOwner& owner, pid_t pid, ListeningSockets listening)
    : owner_(owner), pid_(pid), link_(io), process_(io), late_(io), listening_(std::move(listening)) {}

void Child::follow(Socket link, Socket process, std::chrono::milliseconds ready_within) {
  link_.assign(link.release());
  process_.assign(process.release());
  wait_for_messages();
  wait_for_end();
  end_unless_ready(ready_within, SIGTERM);
}

void Child::signal(int number) {
  if (!ended_) ::kill(pid_, number);  // after waitpid the number may be another's
}

void Child::drain() { tell(LinkMessage::Kind::kDrain); }

void Child::hurry() { tell(LinkMessage::Kind::kHurry); }

void Child::tell(LinkMessage::Kind kind) {
  if (ready_) {
    send_message(link_.native_handle(), {kind, {}, {}});  // fails when it has ended: then that is known soon
  } else {
    signal(SIGTERM);
  }
}

// --- what comes from it: nothing is called back once the Child is gone ---

void Child::wait_for_messages() {
  link_.async_wait(asio::posix::descriptor_base::wait_read, [weak = weak_from_this()](const boost::system::error_code& error) {
    const std::shared_ptr<Child> self = weak.lock();
    if (!error && self != nullptr) self->read_messages();
  });
}

void Child::read_messages() {
  LinkMessage message;
  for (;;) {
    switch (receive_message(link_.native_handle(), message)) {
      case LinkState::kMessage: take(std::move(message)); break;
      case LinkState::kNothing: return wait_for_messages();
      case LinkState::kClosed: return;
    }
  }
}

void Child::take(LinkMessage message) {
  switch (message.kind) {
    case LinkMessage::Kind::kListening: {
      std::vector<SharedSocket>& sockets = listening_[message.key];
      std::move(message.sockets.begin(), message.sockets.end(), std::back_inserter(sockets));
      break;
    }
    case LinkMessage::Kind::kGone: listening_.erase(message.key); break;
    case LinkMessage::Kind::kReady:
      if (ready_ || given_up_) break;
      ready_ = true;
      ready_since_ = Clock::now();
      late_.cancel();
      owner_.child_ready(*this);
      break;
    default: break;
  }
}

void Child::wait_for_end() {
  process_.async_wait(asio::posix::descriptor_base::wait_read, [weak = weak_from_this()](const boost::system::error_code& error) {
    const std::shared_ptr<Child> self = weak.lock();
    if (error || self == nullptr) return;
    self->late_.cancel();
    self->read_messages();  // its last ones
    int status = 0;
    ::waitpid(self->pid_, &status, 0);
    self->ended_ = true;
    self->owner_.child_ended(*self, status);
  });
}

void Child::end_unless_ready(std::chrono::milliseconds within, int signal_number) {
  late_.expires_after(within);
  late_.async_wait([weak = weak_from_this(), within, signal_number](const boost::system::error_code& error) {
    const std::shared_ptr<Child> self = weak.lock();
    if (error || self == nullptr || self->ready_ || self->ended_) return;
    log::write(log::Level::kError, "kernel", "process " + std::to_string(self->pid_) + " is not ready after " + std::to_string(within.count()) + " ms: ending it");
    self->given_up_ = true;
    self->signal(signal_number);
    self->end_unless_ready(within, SIGKILL);
  });
}

}  // namespace cleat
