// The kernel's own log: lines on standard error, "2026-11-24T01:02:03.456Z warn plugin/authn text". Never blocks a worker: a line
// that does not fit the pipe at once is dropped and counted. Rate-limited for each source. [any thread]
#pragma once

#include <cstdint>
#include <string_view>

namespace cleat::log {

enum class Level : std::uint8_t { kDebug, kInfo, kWarn, kError };

void set_level(Level level);
// [any thread] Lines go there instead, all of them, on the thread that writes; nullptr: to standard error again.
void send_to(void (*sink)(Level level, std::string_view source, std::string_view text));
Level level();
std::string_view level_name(Level level);
bool enabled(Level level);
// source: "kernel", "plugin/<instance>", "downstream", "upstream".
void write(Level level, std::string_view source, std::string_view text);
std::uint64_t dropped();

}  // namespace cleat::log
