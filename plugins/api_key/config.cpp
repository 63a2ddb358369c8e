#include "config.hpp"

#include <algorithm>

namespace api_key {

namespace {

bool contains(const std::vector<std::string>& all, const std::string& one) { return std::find(all.begin(), all.end(), one) != all.end(); }

void read_words(const cleat::Config& config, std::string_view key, std::vector<std::string>& words) {
  const cleat::Config node = config[key];
  if (!node) return;
  words = node.as<std::vector<std::string>>();
  if (words.empty()) node.error("an empty list would let nobody pass: name at least one");
}

}  // namespace

Access Access::read(const cleat::Config& config, Access base) {
  Access access = std::move(base);
  access.optional = config.get<bool>("optional", access.optional);
  read_words(config, "owners", access.owners);
  read_words(config, "scopes", access.scopes);
  return access;
}

bool Access::allows_owner(const Key& key) const { return owners.empty() || contains(owners, key.owner); }

bool Access::allows_scopes(const Key& key) const {
  return std::all_of(scopes.begin(), scopes.end(), [&](const std::string& scope) { return contains(key.scopes, scope); });
}

Settings::Settings(cleat::Config config)
    : keys_file(config.required<cleat::Path>("keys").value),
      sources(config.get<std::vector<Source>>("sources")),
      reload_every(config.get("reload", std::chrono::milliseconds(5'000))),
      strip(config.get<bool>("strip", true)),
      access(Access::read(config, {})) {
  if (sources.empty()) {
    if (config["sources"]) config["sources"].error("name at least one source");
    sources.push_back(Source::header("x-api-key"));
  }
  if (reload_every.count() != 0 && reload_every < std::chrono::milliseconds(100)) config["reload"].error("at least 100ms, or 0 for never");

  const auto realm = config.get<std::string>("realm", "cleat");
  const bool legal = std::all_of(realm.begin(), realm.end(), [](unsigned char c) { return c >= 0x20 && c < 0x7f && c != '"' && c != '\\'; });
  if (!legal) config["realm"].error("printable ASCII without quotes and backslashes");
  challenge = (sources.front().scheme().empty() ? "ApiKey" : sources.front().scheme()) + " realm=\"" + realm + "\"";
}

}  // namespace api_key
