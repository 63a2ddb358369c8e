#include <algorithm>
#include <cstdio>
#include <map>
#include <vector>

#include "top.hpp"

namespace admin {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kNameColumns = 28;

std::uint64_t whole(const Json& map, const char* key) {
  const auto found = map.find(key);
  return found != map.end() && found->is_number() ? found->get<std::uint64_t>() : 0;
}

std::string text(const Json& map, const char* key) {
  const auto found = map.find(key);
  std::string value = found != map.end() && found->is_string() ? found->get<std::string>() : std::string();
  std::replace_if(value.begin(), value.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }, '?');
  return value;
}

const Json& list(const Json& map, const char* key) {
  static const Json kNone = Json::array();
  const auto found = map.find(key);
  return found != map.end() && found->is_array() ? *found : kNone;
}

std::uint64_t sum(const Json& map, const char* key) {
  const auto found = map.find(key);
  std::uint64_t all = 0;
  if (found != map.end() && found->is_object()) {
    for (const Json& one : *found) all += one.is_number() ? one.get<std::uint64_t>() : 0;
  }
  return all;
}

std::string print(const char* format, double value) {
  char out[32];
  std::snprintf(out, sizeof out, format, value);
  return out;
}

std::string number(double n) {
  if (n >= 1e6) return print("%.1fM", n / 1e6);
  if (n >= 1e4) return print("%.1fk", n / 1e3);
  return n >= 100 || n == static_cast<double>(static_cast<std::uint64_t>(n)) ? print("%.0f", n) : print("%.1f", n);
}

std::string micros(double us) {
  if (us == 0) return "-";
  if (us >= 1e6) return print("%.2fs", us / 1e6);
  return us >= 1e3 ? print("%.1fms", us / 1e3) : us >= 1 ? print("%.0fus", us) : print("%.0fns", us * 1e3);
}

std::string left(std::string value, std::size_t width) {
  if (value.size() > width) value = value.substr(0, width - 1) + "~";
  value.resize(width, ' ');
  return value;
}

std::string right(const std::string& value, std::size_t width) { return value.size() >= width ? value : std::string(width - value.size(), ' ') + value; }

class Frame {
 public:
  Frame(const Sample& now, const std::optional<Sample>& before, bool color)
      : now_(now), before_(before), seconds_(before ? now.at_s - before->at_s : 0), color_(color) {}

  std::vector<std::string> lines() {
    head();
    routes();
    clusters();
    plugins();
    return std::move(lines_);
  }

 private:
  double rate(std::uint64_t value, const std::map<std::string, std::uint64_t>& earlier, const std::string& key) const {
    const auto was = earlier.find(key);
    if (was == earlier.end() || value < was->second || seconds_ <= 0) return 0;
    return static_cast<double>(value - was->second) / seconds_;
  }
  std::string paint(const char* code, const std::string& value) const { return color_ ? "\x1b[" + std::string(code) + "m" + value + "\x1b[0m" : value; }
  void title(const std::string& what) {
    lines_.emplace_back();
    lines_.push_back(paint("1", what));
  }
  static std::uint64_t requests(const Json& listeners) {
    std::uint64_t all = 0;
    for (const Json& listener : listeners) all += whole(listener, "requests");
    return all;
  }

  void head() {
    const Json& server = now_.server;
    const double rate = before_ && seconds_ > 0 && requests(now_.listeners) >= requests(before_->listeners)
                            ? static_cast<double>(requests(now_.listeners) - requests(before_->listeners)) / seconds_
                            : 0;
    std::uint64_t connections = 0, exchanges = 0;
    for (const Json& listener : now_.listeners) {
      connections += whole(listener, "connections_active");
      exchanges += whole(listener, "exchanges_active");
    }
    const std::string state = text(server, "state");
    lines_.push_back(paint("1", "cleat " + text(server, "version")) + "  " + paint(state == "serving" ? "32" : "31", state) + "  pid " +
                     std::to_string(whole(server, "pid")) + "  generation " + std::to_string(whole(server, "generation")) + "  up " +
                     std::to_string(whole(server, "uptime_s")) + " s");
    lines_.push_back(number(rate) + " requests/s  " + std::to_string(exchanges) + " under way  " + std::to_string(connections) + " connections  " +
                     print("%.1f MiB", static_cast<double>(whole(server, "resident_bytes")) / (1 << 20)) + "  " +
                     std::to_string(whole(server, "descriptors")) + " descriptors");
  }

  void routes() {
    std::map<std::string, std::uint64_t> earlier;
    if (before_) {
      for (const Json& listener : before_->listeners) {
        for (const Json& route : list(listener, "routes")) earlier[text(listener, "name") + " " + text(route, "name")] = sum(route, "requests");
      }
    }
    title(left("ROUTE", kNameColumns) + right("req/s", 9) + right("5xx", 9) + right("p50", 9) + right("p99", 9) + right("all", 11));
    for (const Json& listener : now_.listeners) {
      for (const Json& route : list(listener, "routes")) {
        const std::string key = text(listener, "name") + " " + text(route, "name");
        const std::uint64_t all = sum(route, "requests");
        const Json counts = route.value("requests", Json::object()), duration = route.value("duration", Json::object());
        const std::uint64_t failed = whole(counts, "5xx");
        const std::string failures = right(number(static_cast<double>(failed)), 9);
        lines_.push_back(left(text(route, "name"), kNameColumns) + right(number(rate(all, earlier, key)), 9) + (failed != 0 ? paint("31", failures) : failures) +
                         right(micros(static_cast<double>(whole(duration, "p50_us"))), 9) +
                         right(micros(static_cast<double>(whole(duration, "p99_us"))), 9) + right(number(static_cast<double>(all)), 11));
      }
    }
  }

  void clusters() {
    std::map<std::string, std::uint64_t> earlier;
    if (before_) {
      for (const Json& cluster : before_->clusters) earlier[text(cluster, "name")] = whole(cluster, "attempts");
    }
    title(left("CLUSTER", kNameColumns) + right("att/s", 9) + right("flight", 9) + right("p50", 9) + right("p99", 9) + right("healthy", 11));
    for (const Json& cluster : now_.clusters) {
      const Json& endpoints = list(cluster, "endpoints");
      const auto healthy = std::count_if(endpoints.begin(), endpoints.end(), [](const Json& one) { return one.value("healthy", false); });
      const std::string health = right(std::to_string(healthy) + "/" + std::to_string(endpoints.size()), 11);
      const Json duration = cluster.value("duration", Json::object());
      const std::uint64_t attempts = whole(cluster, "attempts");
      lines_.push_back(left(text(cluster, "name"), kNameColumns) + right(number(rate(attempts, earlier, text(cluster, "name"))), 9) +
                       right(std::to_string(whole(cluster, "in_flight")), 9) + right(micros(static_cast<double>(whole(duration, "p50_us"))), 9) +
                       right(micros(static_cast<double>(whole(duration, "p99_us"))), 9) +
                       (static_cast<std::size_t>(healthy) < endpoints.size() ? paint("31", health) : health));
    }
  }

  void plugins() {
    std::map<std::string, std::uint64_t> earlier;
    if (before_) {
      for (const Json& plugin : list(before_->plugins, "plugins")) earlier[text(plugin, "name")] = whole(plugin, "calls");
    }
    title(left("PLUGIN", kNameColumns) + right("calls/s", 9) + right("failed", 9) + right("", 9) + right("p99", 9) + right("calls", 11));
    for (const Json& plugin : list(now_.plugins, "plugins")) {
      std::uint64_t slowest = 0;
      for (const Json& hook : list(plugin, "hooks")) slowest = std::max(slowest, whole(hook, "p99_ns"));
      const std::uint64_t calls = whole(plugin, "calls"), failed = whole(plugin, "failures");
      const std::string failures = right(number(static_cast<double>(failed)), 9);
      lines_.push_back(left(text(plugin, "name"), kNameColumns) + right(number(rate(calls, earlier, text(plugin, "name"))), 9) +
                       (failed != 0 ? paint("31", failures) : failures) + (plugin.value("quarantined", false) ? paint("31", right("OUT", 9)) : right("", 9)) +
                       right(micros(static_cast<double>(slowest) / 1000), 9) + right(number(static_cast<double>(calls)), 11));
    }
  }

  const Sample& now_;
  const std::optional<Sample>& before_;
  double seconds_;
  bool color_;
  std::vector<std::string> lines_;
};

// To so many columns, colours not counted.
std::string cut(const std::string& line, std::size_t columns) {
  std::string out;
  std::size_t shown = 0;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '\x1b') {
      const std::size_t end = line.find('m', i);
      if (end == std::string::npos) break;
      out += line.substr(i, end - i + 1);
      i = end;
    } else if (shown < columns) {
      out += line[i];
      ++shown;
    }
  }
  return out;
}

}  // namespace

std::string frame(const Sample& now, const std::optional<Sample>& before, std::size_t columns, std::size_t rows, bool color) {
  std::string out;
  std::size_t row = 0;
  for (const std::string& line : Frame(now, before, color).lines()) {
    if (row++ == rows) break;
    out += cut(line, columns) + "\n";
  }
  return out;
}

}  // namespace admin
