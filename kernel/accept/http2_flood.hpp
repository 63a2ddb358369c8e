// What a client of HTTP/2 can make the other side do for little of its own: frames without a use, and streams that it opens and resets at
// once. Each is paid for from an account that useful frames and time fill again; one that is empty ends the connection.
#pragma once

#include <algorithm>
#include <cstdint>

namespace cleat {

class Http2Flood {
 public:
  static constexpr std::uint32_t kFramesMax = 1'000;           // SETTINGS, PING, PRIORITY, WINDOW_UPDATE, CONTINUATION, GOAWAY, empty DATA
  static constexpr std::uint32_t kFramesASecond = 100;         // that many come back
  static constexpr std::uint32_t kFramesForUse = 4;            // and for a frame that carries something, either way
  static constexpr std::uint64_t kResetsWindowMs = 10'000;     // in which resets are counted

  // Each false when there were too many.
  bool useless_frame(std::uint64_t now_ms) {
    if (now_ms > filled_ms_) {
      add(static_cast<std::uint32_t>(std::min<std::uint64_t>((now_ms - filled_ms_) * kFramesASecond / 1000, kFramesMax)));
      filled_ms_ = now_ms;
    }
    if (frames_left_ == 0) return false;
    --frames_left_;
    return true;
  }
  bool reset(std::uint64_t now_ms, std::uint32_t most) {
    if (now_ms - resets_since_ms_ >= kResetsWindowMs) {
      resets_since_ms_ = now_ms;
      resets_ = 0;
    }
    return ++resets_ <= most;
  }
  void useful_frame() { add(kFramesForUse); }

 private:
  void add(std::uint32_t frames) { frames_left_ = std::min(frames_left_ + frames, kFramesMax); }
  std::uint32_t frames_left_ = kFramesMax, resets_ = 0;
  std::uint64_t filled_ms_ = 0, resets_since_ms_ = 0;
};

}  // namespace cleat
