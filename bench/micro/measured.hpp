// Measured: what a benchmark's loop does besides taking time: memory allocations, of all code and libraries, and where the machine has a
// counter for them, instructions. Stands before the loop, and lives until after it; adds the columns `allocs` and `instructions`, for one
// iteration. One thread.
#pragma once

#include <benchmark/benchmark.h>

#include <cstdint>

namespace cleat::bench {

class Measured {
 public:
  // operations: of which one iteration has so many.
  explicit Measured(benchmark::State& state, double operations = 1) : state_(state), operations_(operations) { resume(); }
  Measured(const Measured&) = delete;
  Measured& operator=(const Measured&) = delete;
  ~Measured();

  // Around what is not to be counted, nor timed.
  void pause();
  void resume();

 private:
  benchmark::State& state_;
  const double operations_;
  std::uint64_t allocations_ = 0, instructions_ = 0;  // so far, less what they were at the last resume
};

}  // namespace cleat::bench
