// The whole plugin, hosted by the harness: what a request with and without a key becomes, what a route says about it, and that a file that is
// replaced takes effect when its time has come.
#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "plugin_api/harness/harness.hpp"

using cleat::harness::Host;

namespace {

// Of the example keys in this folder.
const std::string kAlice = "sha256:a695bcc6b4e4ec228ca219c7c676488803870cd1b3357cab63ecf55786b840a4 alice\n";

class Keys {
 public:
  Keys() {
    std::string name = (std::filesystem::temp_directory_path() / "cleat_api_key_XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no folder could be made");
    folder_ = name;
    replace(kAlice);
  }
  Keys(const Keys&) = delete;
  Keys& operator=(const Keys&) = delete;
  ~Keys() { std::filesystem::remove_all(folder_); }
  void replace(const std::string& text) const {
    std::ofstream(folder_ / "keys.new") << text;
    std::filesystem::rename(folder_ / "keys.new", folder_ / "keys");
  }
  cleat::harness::Options options() const { return {.entry = cleat_plugin_v1, .config = "keys: " + (folder_ / "keys").string()}; }

 private:
  std::filesystem::path folder_;
};

cleat::harness::Request with_key(const std::string& key) { return {.headers = {{"X-Api-Key", key}}}; }

}  // namespace

TEST_CASE("a request without a key is answered 401, and none goes to the cluster") {
  const Keys keys;
  Host host(keys.options());
  const auto x = host.begin({});
  CHECK(x.response().status == 401);
  CHECK(x.response().get("WWW-Authenticate").has_value());
  CHECK(x.response().by == "plugin");
  CHECK_FALSE(host.outgoing());
  CHECK(host.finish().empty());
}

TEST_CASE("a known key passes, and is not passed on; its owner is") {
  const Keys keys;
  Host host(keys.options());
  const auto x = host.begin(with_key("example-key-of-alice"));
  const auto up = host.outgoing();
  REQUIRE(up);
  CHECK_FALSE(up.seen().get("x-api-key").has_value());
  CHECK(x.metadata("api_key.owner") == "alice");
  up.answer({.body = "hello"});
  CHECK(x.response().body == "hello");
  CHECK(host.finish().empty());
}

TEST_CASE("a route that is disabled lets everything pass, untouched") {
  const Keys keys;
  auto options = keys.options();
  options.route_config = "disabled: true";
  Host host(options);
  host.begin(with_key("anything"));
  const auto up = host.outgoing();
  REQUIRE(up);
  CHECK(up.seen().get("x-api-key") == "anything");
  up.answer({});
  CHECK(host.finish().empty());
}

TEST_CASE("a file that was replaced is in force once it was looked at") {
  const Keys keys;
  Host host(keys.options());
  keys.replace("# nobody\n");
  CHECK(host.begin(with_key("example-key-of-alice")).state() == CLEAT_HARNESS_UPSTREAM);
  host.step(6'000);
  CHECK(host.begin(with_key("example-key-of-alice")).response().status == 401);
  CHECK(host.finish().empty());
}

TEST_CASE("a configuration without a file is refused with the reason") {
  try {
    Host host({.entry = cleat_plugin_v1, .config = "keys: /nowhere/keys"});
    FAIL("it was taken");
  } catch (const std::runtime_error& error) {
    CHECK(std::string(error.what()).find("config:1:7:") != std::string::npos);
  }
}
