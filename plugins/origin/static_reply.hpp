// A fixed reply as the configuration describes it. Made on the control thread, then only read.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "plugin_api/cpp/config.hpp"

namespace origin {

inline constexpr std::uint64_t kReplyBytesMost = 16 * 1024;  // a made body up to this size is kept; a longer one is streamed
inline constexpr std::uint64_t kBodyBytesMost = std::uint64_t{1} << 30;

class StaticReply {
 public:
  explicit StaticReply(const cleat::Config& config);
  StaticReply(const StaticReply&) = delete;
  StaticReply& operator=(const StaticReply&) = delete;

  const std::string& path() const { return path_; }
  std::uint32_t status() const { return status_; }
  const std::string& body() const { return body_; }
  std::uint64_t streamed_bytes() const { return streamed_bytes_; }          // not 0: instead of body()
  const std::vector<cleat_header>& headers() const { return headers_; }     // with Content-Length where the body is streamed

 private:
  void read_headers(const cleat::Config& headers);

  std::string path_;
  std::uint32_t status_ = 200;
  std::string body_;
  std::uint64_t streamed_bytes_ = 0;
  std::vector<std::pair<std::string, std::string>> fields_;  // owns what headers_ shows
  std::vector<cleat_header> headers_;
};

}  // namespace origin
