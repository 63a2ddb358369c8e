// Honest: counts its requests in a space of its own and in one of the plugin, and answers with both. Configuration: {mark: TEXT}, which only
// makes another instance. "x-kv: get|set|add|cas|remove|list KEY [VALUE]" asks for one operation and its status.
#include <sstream>

#include "plugin_api/cpp/cleat.hpp"

namespace {

class KeepsState : public cleat::Plugin {
 public:
  explicit KeepsState(cleat::Config config) : own_(open_kv("own", 64 * 1024)), shared_(open_kv("all", 64 * 1024, CLEAT_KV_PLUGIN)) {
    config.get<std::string>("mark", "");
  }

  cleat::Verdict on_request(cleat::Exchange x) {
    if (const auto asked = x.request().get("x-kv")) return reply(x, operate(std::string(*asked)));
    const auto mine = own_.add("requests", 1), all = shared_.add("requests", 1);
    if (!mine || !all) return cleat::fail(cleat::error_text());
    return reply(x, std::to_string(*mine) + " " + std::to_string(*all));
  }

 private:
  static cleat::Verdict reply(cleat::Exchange x, const std::string& text) { return x.reply({.status = 200, .body = text}); }

  std::string operate(const std::string& asked) const {
    std::istringstream words(asked);
    std::string what, key, value;
    words >> what >> key >> value;
    if (what == "get") {
      const auto found = own_.get(key);
      return found ? found->text : "none";
    }
    if (what == "set") return std::to_string(own_.set(key, value).code());
    if (what == "big") return std::to_string(own_.set(key, std::string(std::stoul(value), 'x')).code());
    if (what == "brief") return std::to_string(own_.set(key, value, std::chrono::milliseconds(1)).code());
    if (what == "cas") return std::to_string(own_.set_if(key, value, 0).code());
    if (what == "remove") return std::to_string(own_.remove(key).code());
    if (what == "add") {
      const auto now = own_.add(key, std::stoll(value));
      return now ? std::to_string(*now) : std::to_string(now.status().code());
    }
    std::string list;
    for (auto next = own_.next(key, ""); next; next = own_.next(key, *next)) list += *next + " ";
    return list;
  }

  const cleat::Kv own_, shared_;
};

}  // namespace

CLEAT_PLUGIN(KeepsState, "name=keeps_state\nversion=1.0.0\nrequires=cleat.config/1 cleat.kv/1\nabout=counts in shared state\n");
