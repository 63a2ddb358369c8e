// Pipe: a place in the system where bytes on their way from one socket to another wait as the pages they came in (splice(2)): nothing copies
// them. One thread. PipePool: the pipes of one worker, of which there is a bound, since each takes two descriptors.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "kernel/base/socket.hpp"

namespace cleat {

class Pipe {
 public:
  static constexpr std::size_t kBytes = 128 * 1024;

  static std::unique_ptr<Pipe> make();  // nullptr: out of descriptors
  std::size_t held() const { return held_; }
  Io fill(int socket, std::size_t most);  // REQUIRES: held() == 0
  Io drain(int socket);                   // as much as it takes now

 private:
  Pipe(Socket out, Socket in) : out_(std::move(out)), in_(std::move(in)) {}
  Socket out_, in_;
  std::size_t held_ = 0;
};

class PipePool {
 public:
  static constexpr std::size_t kMax = 64;  // at once: who gets none copies

  std::unique_ptr<Pipe> take();
  void give(std::unique_ptr<Pipe> pipe);  // one that is not empty is closed, with what it holds

 private:
  std::vector<std::unique_ptr<Pipe>> free_;
  std::size_t out_ = 0;
};

}  // namespace cleat
