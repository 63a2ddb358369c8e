// One life of the plugin's process: its memory, its descriptors, its end. Made and ended by the instance's own thread; workers hold it while they
// use its rings. It ends when the last of them lets go of it.
#pragma once

#include <sys/types.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "plugin_api/isolation/protocol.hpp"
#include "plugin_api/isolation/ring.hpp"
#include "settings.hpp"
#include "snapshot.hpp"

namespace isolation_process {

class Process {
 public:
  // Started, with nothing said to it yet; nullptr, and `words` say why not.
  static std::shared_ptr<Process> start(const Hosting& hosting, std::uint32_t workers, std::uint64_t life, std::string& words);
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  ~Process();

  const std::uint64_t life;            // from 1
  pid_t pid() const { return pid_; }
  int control() const { return control_; }
  int pidfd() const { return pidfd_; }
  int told_by(std::uint32_t worker) const { return from_[worker]; }  // the eventfd by which the process says that a ring has something
  void wake(std::uint32_t worker) const;                            // the process's thread of that worker

  cleat::isolation::RingWriter writer(std::uint32_t worker) const;
  cleat::isolation::RingReader reader(std::uint32_t worker) const;
  cleat::isolation::RingMemory& to_process(std::uint32_t worker) const;
  std::uint64_t ring() const { return ring_; }

  void kill() const;
  // Has it ended? Then `words` are "was killed by signal 11 (Segmentation fault)" or "exited with code 3". Called until it answers true.
  bool reap(std::string& words);

  AskedKeys keys;
  std::array<std::atomic<std::uint64_t>, 16> spaces{};  // of cleat.kv/1, that it has opened
  bool has_space(std::uint64_t space) const;

 private:
  explicit Process(std::uint64_t number) : life(number) {}
  char* ring_at(std::uint32_t number) const;
  bool make_memory(std::uint32_t workers, std::string& words);
  bool spawn(const Hosting& hosting, std::string& words);

  std::uint64_t ring_ = 0;
  std::size_t bytes_ = 0;
  void* memory_ = nullptr;
  int file_ = -1, control_ = -1, theirs_ = -1, pidfd_ = -1;
  std::vector<int> to_, from_;
  pid_t pid_ = -1;
  bool reaped_ = false;
};

}  // namespace isolation_process
