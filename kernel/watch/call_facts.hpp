// What a thread is calling, copied out of its stamp in that thread's own signal handler: fixed memory, no allocation, no lock.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "kernel/hooks/call_stamp.hpp"

namespace cleat::watch {

template <std::size_t kBytes>
class FixedText {  // what is longer is cut
 public:
  void operator=(std::string_view text) {
    size_ = std::min(text.size(), kBytes);
    if (size_ != 0) std::memcpy(bytes_, text.data(), size_);
  }
  std::string_view view() const { return {bytes_, size_}; }
  bool empty() const { return size_ == 0; }

 private:
  std::size_t size_ = 0;
  char bytes_[kBytes]{};
};

struct CallFacts {
  hooks::Hook hook = hooks::Hook::kNone;  // kNone: it calls nothing
  FixedText<128> instance;                // empty while a plugin's file is being loaded
  FixedText<512> file;                    // the plugin's
  std::uint64_t instance_generation = 0;  // the first that had the instance
  std::uint64_t exchange = 0;             // its handle; 0: the call is for none
  std::uint64_t generation = 0;           // the exchange's
};

struct ExchangeFacts {
  FixedText<128> request_id;
  FixedText<32> method;
  FixedText<512> target;  // as clients send it: it may hold anything
};

// [on the stamp's thread; in signal handlers]
void read_call(const hooks::CallStamp& stamp, CallFacts& facts);
void read_exchange(const hooks::CallStamp& stamp, ExchangeFacts& facts);

}  // namespace cleat::watch
