// The control socket: frames out of it and into it. Any thread sends, and none waits for it: what the socket does not take at once is kept, up to a
// bound, for the instance's thread to send on. That thread alone receives.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "plugin_api/isolation/protocol.hpp"

namespace isolation_process {

class Channel {
 public:
  static constexpr std::size_t kOutMax = std::size_t{2} * cleat::isolation::kControlFrameMax;

  explicit Channel(int socket) : socket_(socket) {}
  // [any] False: the process takes nothing; there is no hope for it.
  bool request(std::uint32_t number, cleat::isolation::Function function, std::string_view arguments);
  bool answer(std::uint32_t number, cleat::isolation::Function function, std::int32_t status, std::string_view error, std::string_view rest);
  bool flush();                            // [any] false: as above
  bool wants_to_write();                   // [any]

  enum class Got : std::uint8_t { kFrame, kNothing, kEnd, kBroken };
  Got receive(std::string& frame);         // [one thread]

 private:
  bool send(std::string_view bytes);
  bool flush_locked();

  const int socket_;
  std::mutex mutex_;
  std::string out_;
  std::string in_;
  std::size_t in_used_ = 0;
};

}  // namespace isolation_process
