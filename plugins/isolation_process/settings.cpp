#include "settings.hpp"

#include <bit>
#include <charconv>

namespace isolation_process {
namespace {

constexpr std::uint64_t kRingMin = 256 * 1024, kRingMax = 64 * 1024 * 1024;
constexpr std::uint64_t kMemoryMin = 64 * 1024 * 1024;
constexpr std::uint64_t kTimeMaxMs = 10 * 60 * 1000;

bool get(cleat_config map, std::string_view key, cleat_config& value) {
  std::uint32_t type = CLEAT_CONFIG_NULL;
  return host.config->get(map, str(key), &value) == CLEAT_OK && host.config->type(value, &type) == CLEAT_OK && type != CLEAT_CONFIG_NULL;
}

std::string text(cleat_config map, std::string_view key) {
  cleat_config node = 0;
  cleat_str value{};
  if (!get(map, key, node) || host.config->text(node, &value) != CLEAT_OK) return {};
  return std::string(view(value));
}

bool read_bytes(cleat_config options, std::string_view key, std::uint64_t least, std::uint64_t most, std::uint64_t& value) {
  cleat_config node = 0;
  if (!get(options, key, node)) return true;
  std::uint64_t bytes = 0;
  if (host.config->bytes(node, &bytes) != CLEAT_OK) return false;
  if (bytes < least || bytes > most) {
    host.config->error(node, str("must be from " + std::to_string(least) + " to " + std::to_string(most) + " bytes"));
    return false;
  }
  value = bytes;
  return true;
}

bool read_time(cleat_config options, std::string_view key, Milliseconds& value) {
  cleat_config node = 0;
  if (!get(options, key, node)) return true;
  std::uint64_t ms = 0;
  if (host.config->duration_ms(node, &ms) != CLEAT_OK) return false;
  if (ms < 100 || ms > kTimeMaxMs) {
    host.config->error(node, str("must be from 100ms to 10m"));
    return false;
  }
  value = Milliseconds(ms);
  return true;
}

}  // namespace

bool read_hosting(cleat_config node, Hosting& hosting) {
  hosting.file = text(node, "file");
  hosting.plugin = text(node, "plugin");
  hosting.program = text(node, "program");
  hosting.config_file = text(node, "config_file");
  if (hosting.file.empty() || hosting.program.empty()) {
    host.config->error(node, str("is not to be used by itself: say `isolation: process` at the plugin that is to be isolated"));
    return false;
  }
  cleat_config config = 0;
  cleat_str json{};
  host.config->get(node, str("config"), &config);
  hosting.config_node = config;
  if (get(node, "config", config) && host.config->json(config, &json) == CLEAT_OK) hosting.config = view(json);
  cleat_config options = 0;
  if (!get(node, "options", options)) return true;
  Settings& settings = hosting.settings;
  bool right = read_bytes(options, "ring", kRingMin, kRingMax, settings.ring);
  right = read_bytes(options, "memory_max", kMemoryMin, UINT64_MAX / 2, settings.memory_max) && right;
  right = read_time(options, "start_timeout", settings.start_timeout) && right;
  right = read_time(options, "hang", settings.hang) && right;
  settings.ring = std::bit_ceil(settings.ring);
  return right;
}

void record_error(cleat_config root, std::string_view path, std::string_view words) {
  cleat_config node = root;
  std::string_view left = path;
  while (!left.empty()) {
    cleat_config next = 0;
    if (left.front() == '[') {
      std::uint64_t index = 0;
      const std::size_t end = left.find(']');
      if (end == std::string_view::npos || std::from_chars(left.data() + 1, left.data() + end, index).ec != std::errc()) break;
      if (host.config->at(node, index, nullptr, &next) != CLEAT_OK) break;
      left.remove_prefix(end + 1);
    } else {
      if (left.front() == '.') left.remove_prefix(1);
      // Keys may have dots and brackets in them: the longest member that the rest begins with.
      std::uint64_t count = 0, best = UINT64_MAX;
      std::size_t size = 0;
      std::uint32_t type = 0;
      if (host.config->type(node, &type) != CLEAT_OK || type != CLEAT_CONFIG_MAP || host.config->count(node, &count) != CLEAT_OK) break;
      for (std::uint64_t i = 0; i < count; ++i) {
        cleat_str key{};
        cleat_config value = 0;
        if (host.config->at(node, i, &key, &value) != CLEAT_OK) continue;
        const std::string_view name = view(key);
        const bool ends = left.size() == name.size() || (left.size() > name.size() && (left[name.size()] == '.' || left[name.size()] == '['));
        if (!left.starts_with(name) || !ends || (best != UINT64_MAX && name.size() <= size)) continue;
        best = i;
        size = name.size();
        next = value;
      }
      if (best == UINT64_MAX) break;
      left.remove_prefix(size);
    }
    node = next;
  }
  const std::string rest = left.empty() ? std::string() : std::string(left.front() == '.' ? left.substr(1) : left) + ": ";
  host.config->error(node, str(rest + std::string(words)));
}

}  // namespace isolation_process
