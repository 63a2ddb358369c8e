// The stamp of a thread that calls plugins: what it is calling just now. The thread writes it before and after every call, at the price
// of plain stores; host functions and crash reports read it there, and the watchdog's thread reads it from outside.
#pragma once

#include <atomic>
#include <cstdint>

#include "kernel/hooks/instance.hpp"

namespace cleat {
class Exchange;
}

namespace cleat::hooks {

// A value that one thread writes and others may read, each by itself.
template <class T>
class Relaxed {
 public:
  Relaxed(T value = {}) : value_(value) {}
  Relaxed(const Relaxed& other) : value_(static_cast<T>(other)) {}
  Relaxed& operator=(const Relaxed& other) { return *this = static_cast<T>(other); }
  Relaxed& operator=(T value) {
    value_.store(value, std::memory_order_relaxed);
    return *this;
  }
  operator T() const { return value_.load(std::memory_order_relaxed); }
  T operator->() const { return *this; }

 private:
  std::atomic<T> value_;
};

// The running hook, and where its instance stands in the exchange's chain, which `look` marks from outside. The next call's stamp takes the
// mark off by being stored: two looks that meet the same call can tell, and the call site counts nothing for it.
class StampedHook {
 public:
  static constexpr unsigned kPositionShift = 16;
  static constexpr std::uint32_t word(Hook hook, std::uint8_t position) {
    return static_cast<std::uint32_t>(hook) | std::uint32_t{position} << kPositionShift;
  }

  StampedHook(Hook hook = Hook::kNone) : word_(static_cast<std::uint32_t>(hook)) {}
  StampedHook(const StampedHook& other) : word_(other.word_.load(std::memory_order_relaxed) & ~kMark) {}
  StampedHook& operator=(const StampedHook& other) { return store(other.word_.load(std::memory_order_relaxed) & ~kMark); }
  StampedHook& operator=(Hook hook) { return store(static_cast<std::uint32_t>(hook)); }
  StampedHook& store(std::uint32_t word) {
    word_.store(word, std::memory_order_relaxed);
    return *this;
  }
  std::uint8_t position() const { return static_cast<std::uint8_t>(word_.load(std::memory_order_relaxed) >> kPositionShift); }
  // As above; who looks sees what was written before it.
  void publish(Hook hook) { word_.store(static_cast<std::uint32_t>(hook), std::memory_order_release); }
  operator Hook() const { return static_cast<Hook>(static_cast<std::uint8_t>(word_.load(std::memory_order_relaxed))); }

  enum class Seen : std::uint8_t { kNothing, kNew, kSame };  // a call runs: the same one as when `look` last answered kNew or kSame
  Seen look() {                                              // [one thread, another than the stamp's]
    std::uint32_t word = word_.load(std::memory_order_acquire);
    if (static_cast<std::uint8_t>(word) == 0) return Seen::kNothing;
    if ((word & kMark) != 0) return Seen::kSame;
    return word_.compare_exchange_strong(word, word | kMark, std::memory_order_acquire) ? Seen::kNew : Seen::kNothing;
  }

 private:
  static constexpr std::uint32_t kMark = 0x100;
  static_assert(kHooks <= 0xff);
  std::atomic<std::uint32_t> word_;
};

struct CallStamp {
  Relaxed<Instance*> instance;
  StampedHook hook;
  Relaxed<Exchange*> exchange;
  Relaxed<const char*> loading = {};  // the plugin file that the control thread is loading
};

CallStamp& control_stamp();  // of the control thread

}  // namespace cleat::hooks
