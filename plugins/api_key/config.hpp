// What the operator asks for: where keys stand, which file knows them, and who may pass.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "keys.hpp"
#include "plugin_api/cpp/cleat.hpp"
#include "source.hpp"

namespace api_key {

// Who may pass; the instance's, or a route's on top of it.
struct Access {
  bool disabled = false;            // nothing is looked at, nothing is stripped
  bool optional = false;            // a request without a key passes; one with an unknown key does not
  std::vector<std::string> owners;  // empty: every owner
  std::vector<std::string> scopes;  // all of them are needed

  // `base` with what `config` says in place of it.
  static Access read(const cleat::Config& config, Access base);

  bool allows_owner(const Key& key) const;
  bool allows_scopes(const Key& key) const;
};

struct Settings {
  explicit Settings(cleat::Config config);

  std::string keys_file;
  std::vector<Source> sources;
  std::chrono::milliseconds reload_every;  // 0: never
  bool strip;
  std::string challenge;                   // the value of WWW-Authenticate
  Access access;
};

}  // namespace api_key
