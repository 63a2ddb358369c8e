// How many retries may still be made: a share of the requests of a sliding window, and a few more. It keeps retries from
// multiplying the load of an upstream that fails because of its load. One for each worker; not shared.
#pragma once

#include <array>
#include <cstdint>

namespace retry {

class Budget {
 public:
  // At any time, at most `minimum` + `percent` per cent of the requests of the last `window_ms`.
  Budget(std::uint32_t percent, std::uint32_t minimum, std::uint64_t window_ms)
      : percent_(percent), minimum_(minimum), slice_ms_(window_ms / kSlices > 0 ? window_ms / kSlices : 1) {}

  // `now_ms`: any clock that does not go back.
  void count_request(std::uint64_t now_ms) {
    advance(now_ms);
    ++slices_[current_].requests;
    ++requests_;
  }

  // Takes one retry, if there is one.
  bool take(std::uint64_t now_ms) {
    advance(now_ms);
    if (retries_ >= minimum_ + requests_ * percent_ / 100) return false;
    ++slices_[current_].retries;
    ++retries_;
    return true;
  }

 private:
  static constexpr std::size_t kSlices = 10;
  struct Slice {
    std::uint32_t requests = 0, retries = 0;
  };

  void advance(std::uint64_t now_ms) {
    const std::uint64_t slice = now_ms / slice_ms_;
    if (slice == slice_) [[likely]] return;
    const std::uint64_t passed = slice - slice_;
    slice_ = slice;
    if (passed >= kSlices) {
      slices_ = {};
      requests_ = retries_ = 0;
      return;
    }
    for (std::uint64_t i = 0; i < passed; ++i) {
      current_ = (current_ + 1) % kSlices;
      requests_ -= slices_[current_].requests;
      retries_ -= slices_[current_].retries;
      slices_[current_] = {};
    }
  }

  std::uint64_t percent_, minimum_, slice_ms_;
  std::uint64_t slice_ = 0;  // number of the current one, counted from the clock's zero
  std::size_t current_ = 0;
  std::uint64_t requests_ = 0, retries_ = 0;  // sums of the slices
  std::array<Slice, kSlices> slices_;
};

}  // namespace retry
