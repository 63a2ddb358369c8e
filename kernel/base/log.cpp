// One lock makes the lines and writes them: what it protects is short, and two threads that both found room in a pipe would else
// block one another. Sources are bounded; each has a bucket of tokens.
#include "kernel/base/log.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <climits>
#include <cstdio>
#include <ctime>
#include <map>
#include <mutex>
#include <string>

namespace cleat::log {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kLineBytesMax = PIPE_BUF;  // with its newline: a pipe takes it whole or not at all
constexpr std::size_t kSourceBytesMax = 128;
constexpr double kLinesPerSecond = 100;
constexpr double kBurst = 200;
constexpr std::size_t kSourcesMax = 1024;        // further ones share one bucket
constexpr std::string_view kCut = "...";

struct Bucket {
  double tokens = kBurst;
  Clock::time_point filled;
  std::uint64_t held = 0;  // lines over the limit since the last one that passed
};

struct Sources {
  std::mutex mutex;
  std::map<std::string, Bucket, std::less<>> buckets;
  std::size_t holding = 0;  // of which with held != 0
};

Sources& sources() {
  static auto* const all = new Sources;  // never destroyed: static destructors log too
  return *all;
}

constinit std::atomic<Level> least_level{Level::kInfo};
constinit std::atomic<std::uint64_t> dropped_lines{0};
constinit std::atomic<void (*)(Level, std::string_view, std::string_view)> other_sink{nullptr};

// Text that a peer may have had a part in must not make a line of its own, or move a terminal's cursor.
void append_escaped(std::string& line, std::string_view text, std::size_t bytes_max) {
  for (const char c : text) {
    char escape[5] = {c, 0};
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\n') {
      std::snprintf(escape, sizeof escape, "\\n");
    } else if (byte < 0x20 || byte == 0x7f) {
      std::snprintf(escape, sizeof escape, "\\x%02x", static_cast<unsigned>(byte));
    }
    const std::string_view piece = c == '\0' ? std::string_view("\\x00") : std::string_view(escape);
    if (line.size() + piece.size() + kCut.size() > bytes_max) {
      line += kCut;
      return;
    }
    line += piece;
  }
}

std::string make_line(Level level, std::string_view source, std::string_view text) {
  const auto now = std::chrono::system_clock::now();
  const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count() % 1000;
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  std::array<char, 40> stamp{};
  const std::size_t size = std::strftime(stamp.data(), stamp.size(), "%Y-%m-%dT%H:%M:%S", &utc);
  std::snprintf(stamp.data() + size, stamp.size() - size, ".%03dZ ", static_cast<int>(milliseconds));
  std::string line(stamp.data());
  line.append(level_name(level)).append(1, ' ');
  append_escaped(line, source, line.size() + kSourceBytesMax);
  line += ' ';
  append_escaped(line, text, kLineBytesMax - 1);
  line += '\n';
  return line;
}

// True if the whole line is out. A descriptor without room for it now is left alone.
bool put(std::string_view line) {
  pollfd ready{STDERR_FILENO, POLLOUT, 0};
  if (::poll(&ready, 1, 0) != 1 || (ready.revents & POLLOUT) == 0) return false;
  for (;;) {
    ssize_t written = ::send(STDERR_FILENO, line.data(), line.size(), MSG_DONTWAIT | MSG_NOSIGNAL);  // a service manager's socket
    if (written < 0 && errno == ENOTSOCK) written = ::write(STDERR_FILENO, line.data(), line.size());
    if (written >= 0) return static_cast<std::size_t>(written) == line.size();
    if (errno != EINTR) return false;
  }
}

void emit(Level level, std::string_view source, std::string_view text) {
  if (!put(make_line(level, source, text))) dropped_lines.fetch_add(1, std::memory_order_relaxed);
}

void refill(Bucket& bucket, Clock::time_point now) {
  const std::chrono::duration<double> since = now - bucket.filled;
  bucket.tokens = std::min(kBurst, bucket.tokens + since.count() * kLinesPerSecond);
  bucket.filled = now;
}

// Lines that say how many were held back, of each source that may speak again.
void summarise(Sources& all, Clock::time_point now) {
  for (auto& [source, bucket] : all.buckets) {
    if (bucket.held == 0) continue;
    refill(bucket, now);
    if (bucket.tokens < 1) continue;
    bucket.tokens -= 1;
    emit(Level::kWarn, source, std::to_string(bucket.held) + " lines dropped: over 100 a second");
    bucket.held = 0;
    --all.holding;
  }
}

}  // namespace

void set_level(Level level) { least_level.store(level, std::memory_order_relaxed); }

void send_to(void (*sink)(Level level, std::string_view source, std::string_view text)) { other_sink.store(sink, std::memory_order_relaxed); }

Level level() { return least_level.load(std::memory_order_relaxed); }

std::string_view level_name(Level level) {
  constexpr std::array<std::string_view, 4> kNames = {"debug", "info", "warn", "error"};
  return kNames[std::min<std::size_t>(static_cast<std::size_t>(level), 3)];
}

bool enabled(Level of) { return of >= level(); }

void write(Level level, std::string_view source, std::string_view text) {
  if (!enabled(level)) return;
  if (const auto sink = other_sink.load(std::memory_order_relaxed)) return sink(level, source, text);
  Sources& all = sources();
  const std::lock_guard lock(all.mutex);
  const Clock::time_point now = Clock::now();
  if (all.holding != 0) summarise(all, now);
  auto found = all.buckets.find(source);
  if (found == all.buckets.end()) {
    const std::string_view name = all.buckets.size() < kSourcesMax ? source : "other sources";
    found = all.buckets.try_emplace(std::string(name), Bucket{kBurst, now, 0}).first;
  }
  Bucket& bucket = found->second;
  refill(bucket, now);
  if (bucket.tokens < 1) {
    if (bucket.held++ == 0) ++all.holding;
    dropped_lines.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  bucket.tokens -= 1;
  emit(level, source, text);
}

std::uint64_t dropped() { return dropped_lines.load(std::memory_order_relaxed); }

}  // namespace cleat::log
