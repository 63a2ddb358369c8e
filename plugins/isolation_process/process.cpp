#include "process.hpp"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

extern "C" char** environ;

namespace isolation_process {
namespace {

using namespace cleat::isolation;

std::string failed(const char* what) { return std::string(what) + ": " + std::strerror(errno); }

}  // namespace

std::shared_ptr<Process> Process::start(const Hosting& hosting, std::uint32_t workers, std::uint64_t life, std::string& words) {
  const std::shared_ptr<Process> process(new Process(life));
  process->ring_ = hosting.settings.ring;
  if (!process->make_memory(workers, words) || !process->spawn(hosting, words)) return nullptr;
  return process;
}

Process::~Process() {
  if (pid_ > 0 && !reaped_) {
    kill();
    siginfo_t ignored{};
    ::waitid(P_PIDFD, static_cast<id_t>(pidfd_), &ignored, WEXITED);
  }
  if (memory_ != nullptr) ::munmap(memory_, bytes_);
  for (const int descriptor : {file_, control_, theirs_, pidfd_}) {
    if (descriptor >= 0) ::close(descriptor);
  }
  for (const auto* all : {&to_, &from_}) {
    for (const int descriptor : *all) ::close(descriptor);
  }
}

bool Process::make_memory(std::uint32_t workers, std::string& words) {
  bytes_ = static_cast<std::size_t>(ring_bytes(ring_) * 2 * workers);
  file_ = ::memfd_create("cleat-rings", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  // Sealed: a file that its process cut short would end this one at the next look into it.
  if (file_ < 0 || ::ftruncate(file_, static_cast<off_t>(bytes_)) != 0 || ::fcntl(file_, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
    words = failed("no memory file");
    return false;
  }
  void* const memory = ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, file_, 0);
  if (memory == MAP_FAILED) {
    words = failed("no shared memory");
    return false;
  }
  memory_ = memory;
  int pair[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
    words = failed("no socket");
    return false;
  }
  control_ = pair[0];
  theirs_ = pair[1];
  ::fcntl(control_, F_SETFL, O_NONBLOCK);
  for (std::uint32_t worker = 0; worker < workers; ++worker) {
    for (auto* all : {&to_, &from_}) {
      const int event = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
      if (event < 0) {
        words = failed("no eventfd");
        return false;
      }
      all->push_back(event);
    }
  }
  return true;
}

// posix_spawn: the memory of this process, which may be large, is not copied for it.
bool Process::spawn(const Hosting& hosting, std::string& words) {
  std::vector<int> given = {theirs_, file_};
  for (std::size_t worker = 0; worker < to_.size(); ++worker) {
    given.push_back(to_[worker]);
    given.push_back(from_[worker]);
  }
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawnattr_init(&attributes);
  // Two steps: a descriptor of this process may have the number that another gets there.
  const int beyond = kControlDescriptor + static_cast<int>(given.size());
  std::vector<int> high;
  for (const int descriptor : given) high.push_back(::fcntl(descriptor, F_DUPFD_CLOEXEC, beyond));
  int at = kControlDescriptor;
  for (const int descriptor : high) ::posix_spawn_file_actions_adddup2(&actions, descriptor, at++);
  ::posix_spawn_file_actions_addclosefrom_np(&actions, beyond);
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  ::posix_spawnattr_setsigdefault(&attributes, &all);
  ::posix_spawnattr_setpgroup(&attributes, 0);  // what a terminal sends to this process's group is not for it
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  char* const arguments[] = {const_cast<char*>(hosting.program.c_str()), const_cast<char*>("plugin"), const_cast<char*>("host"), nullptr};
  const int failure = ::posix_spawn(&pid_, hosting.program.c_str(), &actions, &attributes, arguments, environ);
  ::posix_spawn_file_actions_destroy(&actions);
  ::posix_spawnattr_destroy(&attributes);
  for (const int descriptor : high) {
    if (descriptor >= 0) ::close(descriptor);
  }
  if (failure != 0) {
    pid_ = -1;
    words = hosting.program + " could not be started: " + std::strerror(failure);
    return false;
  }
  ::close(theirs_);
  theirs_ = -1;
  pidfd_ = static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0));
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  const std::uint64_t memory_max = 0;  // their shadow takes terabytes of address space
#else
  const std::uint64_t memory_max = hosting.settings.memory_max;
#endif
  // Before anything was said to it: it has loaded nothing yet.
  const rlimit bound = {memory_max, memory_max};
  if (pidfd_ < 0 || (memory_max != 0 && ::prlimit(pid_, RLIMIT_AS, &bound, nullptr) != 0)) {
    words = failed("its process cannot be bounded or watched");
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    reaped_ = true;
    return false;
  }
  ::fcntl(pidfd_, F_SETFD, FD_CLOEXEC);
  return true;
}

void Process::wake(std::uint32_t worker) const {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(to_[worker], &one, sizeof one);  // full is as good: it will wake
}

char* Process::ring_at(std::uint32_t number) const {
  return static_cast<char*>(memory_) + ring_bytes(ring_) * number;
}

RingWriter Process::writer(std::uint32_t worker) const { return {ring_at(worker * 2), ring_}; }
RingReader Process::reader(std::uint32_t worker) const { return {ring_at(worker * 2 + 1), ring_}; }
RingMemory& Process::to_process(std::uint32_t worker) const { return *reinterpret_cast<RingMemory*>(ring_at(worker * 2)); }

void Process::kill() const {
  if (pid_ > 0 && !reaped_) ::syscall(SYS_pidfd_send_signal, pidfd_, SIGKILL, nullptr, 0);
}

bool Process::reap(std::string& words) {
  siginfo_t how{};
  if (::waitid(P_PIDFD, static_cast<id_t>(pidfd_), &how, WEXITED | WNOHANG) != 0) {
    words = failed("ended, and how is not known");
  } else if (how.si_pid == 0) {
    return false;
  } else if (how.si_code == CLD_EXITED) {
    words = "exited with code " + std::to_string(how.si_status);
  } else {
    const char* name = ::sigdescr_np(how.si_status);
    words = "was killed by signal " + std::to_string(how.si_status) + (name != nullptr ? std::string(" (") + name + ")" : "");
  }
  reaped_ = true;
  return true;
}

bool Process::has_space(std::uint64_t space) const {
  for (const auto& own : spaces) {
    if (space != 0 && own.load(std::memory_order_acquire) == space) return true;
  }
  return false;
}

}  // namespace isolation_process
