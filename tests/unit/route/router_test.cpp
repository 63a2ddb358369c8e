// The router against the words of its header, and against a matcher that tries every route in order.
#include "kernel/route/router.hpp"

#include <re2/re2.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <functional>
#include <optional>
#include <random>
#include <string>

namespace {

using namespace cleat;
using config::Match;
using config::TextMatch;

struct Asked {
  std::string method = "GET", host = "a.example.com", target = "/";
  std::vector<std::pair<std::string, std::string>> headers;
};

// The routes and what they answer; positions as int, -1 for none.
class Routes {
 public:
  config::Route& add(Match match) {
    routes_.emplace_back();
    routes_.back().match = std::move(match);
    return routes_.back();
  }
  config::Route& prefix(std::string path, std::vector<std::string> hosts = {}) { return path_route(Match::Path::kPrefix, path, hosts); }
  config::Route& exact(std::string path, std::vector<std::string> hosts = {}) { return path_route(Match::Path::kExact, path, hosts); }
  config::Route& regex(std::string path) { return path_route(Match::Path::kRegex, path, {}); }
  config::Route& any(std::vector<std::string> hosts) { return path_route(Match::Path::kAny, "", hosts); }

  int operator()(const Asked& asked) {
    if (!router_.has_value()) router_.emplace(routes_, diagnostics);
    BlockPool pool;
    Arena arena(pool);
    http::RequestHead head;
    head.method = asked.method;
    head.authority = asked.host;
    head.target = asked.target;
    for (const auto& [name, value] : asked.headers) REQUIRE(head.fields.add(arena, {name, value}));
    const std::uint32_t found = router_->match(head);
    return found == route::Router::kNone ? -1 : static_cast<int>(found);
  }
  int operator()(std::string target) { return (*this)(Asked{.target = std::move(target)}); }
  int host(std::string host) { return (*this)(Asked{.host = std::move(host)}); }

  const std::vector<config::Route>& all() const { return routes_; }
  config::Diagnostics diagnostics{"test.yaml"};

 private:
  config::Route& path_route(Match::Path kind, std::string path, std::vector<std::string> hosts) {
    Match match;
    match.path_kind = kind;
    match.path = std::move(path);
    match.hosts = std::move(hosts);
    return add(std::move(match));
  }
  std::vector<config::Route> routes_;
  std::optional<route::Router> router_;
};

config::FieldMatch field(std::string name, TextMatch::Kind kind, std::string value, bool invert = false) {
  return {std::move(name), {kind, std::move(value), nullptr}, invert};
}

}  // namespace

TEST_CASE("no routes match nothing") {
  Routes routes;
  CHECK(routes("/") == -1);
}

TEST_CASE("a prefix matches at segment borders") {
  Routes routes;
  routes.prefix("/v1");
  CHECK(routes("/v1") == 0);
  CHECK(routes("/v1/") == 0);
  CHECK(routes("/v1/x") == 0);
  CHECK(routes("/v1?x=/v2") == 0);
  CHECK(routes("/v10") == -1);
  CHECK(routes("/v") == -1);
  CHECK(routes("/") == -1);
}

TEST_CASE("a prefix with a slash at its end wants the slash") {
  Routes routes;
  routes.prefix("/v1/");
  CHECK(routes("/v1") == -1);
  CHECK(routes("/v1/") == 0);
  CHECK(routes("/v1/x") == 0);
}

TEST_CASE("the prefix of one slash matches everything, whatever the target's form") {
  Routes routes;
  routes.prefix("/").allow_connect = true;
  CHECK(routes("/") == 0);
  CHECK(routes("/a/b") == 0);
  CHECK(routes(Asked{.method = "OPTIONS", .target = "*"}) == 0);
  CHECK(routes(Asked{.method = "CONNECT", .host = "a.example.com:443", .target = "a.example.com:443"}) == 0);
}

TEST_CASE("an exact path is the whole path, without the query") {
  Routes routes;
  routes.exact("/a/b");
  CHECK(routes("/a/b") == 0);
  CHECK(routes("/a/b?c") == 0);
  CHECK(routes("/a/b/") == -1);
  CHECK(routes("/a") == -1);
  CHECK(routes("/A/b") == -1);
}

TEST_CASE("a regular expression must match the whole path") {
  Routes routes;
  routes.regex("/user/[0-9]+");
  CHECK(routes("/user/12?x") == 0);
  CHECK(routes("/user/12/x") == -1);
  CHECK(routes("/x/user/12") == -1);
}

TEST_CASE("the first match in order wins, whatever its kind") {
  Routes routes;
  routes.exact("/b");
  routes.prefix("/a");
  routes.exact("/a/x", {"a.example.com"});
  routes.any({"*.example.com"});
  routes.exact("/c", {"a.example.com"});
  CHECK(routes("/a/x") == 1);
  CHECK(routes("/b") == 0);
  CHECK(routes("/c") == 3);
}

TEST_CASE("hosts are compared without regard to case, and without the port") {
  Routes routes;
  routes.any({"API.example.com"});
  routes.any({"[2001:DB8::1]"});
  CHECK(routes.host("api.EXAMPLE.com") == 0);
  CHECK(routes.host("api.example.com:8080") == 0);
  CHECK(routes.host("xapi.example.com") == -1);
  CHECK(routes.host("[2001:db8::1]") == 1);
  CHECK(routes.host("[2001:db8::1]:443") == 1);
  CHECK(routes.host("[2001:db8::2]:443") == -1);
  CHECK(routes.host("[2001:db8::1") == -1);
  CHECK(routes.host("") == -1);
}

TEST_CASE("a wildcard host wants one or more labels in front") {
  Routes routes;
  routes.any({"*.example.com", "other.example.org"});
  CHECK(routes.host("a.example.com") == 0);
  CHECK(routes.host("a.b.example.com:80") == 0);
  CHECK(routes.host("example.com") == -1);
  CHECK(routes.host(".example.com") == -1);
  CHECK(routes.host("aexample.com") == -1);
  CHECK(routes.host("a.example.com.evil.example") == -1);
  CHECK(routes.host("other.example.org") == 0);
}

TEST_CASE("a star, or no host, is any host") {
  Routes routes;
  routes.exact("/star", {"*"});
  routes.exact("/none");
  CHECK(routes("/star") == 0);
  CHECK(routes(Asked{.host = "", .target = "/none"}) == 1);
}

TEST_CASE("a host longer than any name is matched by routes for any host only") {
  Routes routes;
  routes.any({"*.example.com"});
  routes.any({});
  CHECK(routes.host(std::string(300, 'a') + ".example.com") == 1);
  CHECK(routes.host(std::string(240, 'a') + ".example.com") == 0);
}

TEST_CASE("methods are a list, and compared with case") {
  Routes routes;
  Match match;
  match.methods = {"GET", "HEAD"};
  routes.add(match);
  CHECK(routes("/") == 0);
  CHECK(routes(Asked{.method = "HEAD"}) == 0);
  CHECK(routes(Asked{.method = "get"}) == -1);
  CHECK(routes(Asked{.method = "POST"}) == -1);
}

TEST_CASE("a header condition holds if any field of that name matches") {
  Routes routes;
  Match match;
  match.headers = {field("X-Tier", TextMatch::Kind::kExact, "gold"), field("x-drop", TextMatch::Kind::kPresent, "", true)};
  routes.add(match);
  CHECK(routes(Asked{.headers = {{"x-tier", "gold"}}}) == 0);
  CHECK(routes(Asked{.headers = {{"X-TIER", "silver"}, {"x-tier", "gold"}}}) == 0);
  CHECK(routes(Asked{.headers = {{"x-tier", "golden"}}}) == -1);
  CHECK(routes(Asked{.headers = {{"x-tier", "gold"}, {"X-Drop", ""}}}) == -1);
  CHECK(routes("/") == -1);
}

TEST_CASE("query parameters are raw bytes") {
  Routes routes;
  Match match;
  match.query = {field("v", TextMatch::Kind::kExact, "a b")};
  routes.add(match);
  match.query = {field("v", TextMatch::Kind::kExact, "")};
  routes.add(match);
  match.query = {field("v", TextMatch::Kind::kPrefix, "1=")};
  routes.add(match);
  match.query = {field("v", TextMatch::Kind::kRegex, "[a-z]+%20")};
  routes.add(match);
  CHECK(routes("/?v=a%20b") == -1);
  CHECK(routes("/?v") == 1);
  CHECK(routes("/?x&v=&y") == 1);
  CHECK(routes("/?v=1=2") == 2);
  CHECK(routes("/?w=1&v=ab%20") == 3);
  CHECK(routes("/?vv=") == -1);
  CHECK(routes("/") == -1);
  CHECK(routes("/?") == -1);
}

TEST_CASE("a CONNECT request matches only routes that allow it") {
  Routes routes;
  routes.any({});
  routes.any({"a.example.com"}).allow_connect = true;
  CHECK(routes(Asked{.method = "CONNECT", .host = "a.example.com:443", .target = "a.example.com:443"}) == 1);
  CHECK(routes(Asked{.method = "CONNECT", .host = "b.example.com:443", .target = "b.example.com:443"}) == -1);
  CHECK(routes("/") == 0);
}

TEST_CASE("prefixes deeper than the tables are tried and found") {
  Routes routes;
  std::string deep;
  for (int i = 0; i < 40; ++i) deep += "/s";
  routes.prefix(deep);
  routes.prefix(deep.substr(0, 64));
  routes.prefix(deep.substr(0, 66));
  CHECK(routes(deep + "/x") == 0);
  CHECK(routes(deep + "x") == 1);
  CHECK(routes(deep.substr(0, 66)) == 1);
  CHECK(routes(deep.substr(0, 62)) == -1);
}

TEST_CASE("a wrong regular expression is an error at its node, and never matches") {
  config::Node node;
  node.position = {3, 9};
  node.path = "routes[0].match.regex";
  Routes routes;
  routes.regex("/(").match.path_node = &node;
  CHECK(routes("/(") == -1);
  CHECK(routes.diagnostics.text() == "test.yaml:3:9: routes[0].match.regex: regular expression: missing ): /(\n");
}

TEST_CASE("a regular expression beyond the bound is refused") {
  Routes routes;
  routes.regex("(((a{30}){30}){30})");
  CHECK(routes("/") == -1);
  CHECK(routes.diagnostics.count() == 1);
}

// --- the same, by trying every route in order ----------------------------------------------------------------------------

namespace {

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  return text;
}

bool linear_text(const TextMatch& match, const std::string& text) {
  switch (match.kind) {
    case TextMatch::Kind::kPresent: return true;
    case TextMatch::Kind::kExact: return text == match.value;
    case TextMatch::Kind::kPrefix: return text.rfind(match.value, 0) == 0;
    case TextMatch::Kind::kRegex: return re2::RE2::FullMatch(text, match.value);
  }
  return false;
}

bool linear_fields(const std::vector<config::FieldMatch>& wanted, const std::vector<std::pair<std::string, std::string>>& given,
                   bool any_case) {
  return std::all_of(wanted.begin(), wanted.end(), [&](const config::FieldMatch& one) {
    const bool found = std::any_of(given.begin(), given.end(), [&](const auto& pair) {
      const bool same = any_case ? lower(pair.first) == lower(one.name) : pair.first == one.name;
      return same && linear_text(one.match, pair.second);
    });
    return found != one.invert;
  });
}

bool linear_host(const std::string& pattern, const std::string& authority) {
  if (pattern == "*") return true;
  std::string host = lower(authority);
  if (host.rfind("[", 0) == 0) {
    host = host.substr(0, host.find(']') + 1);
  } else {
    host = host.substr(0, host.find(':'));
  }
  const std::string wanted = lower(pattern);
  if (wanted.rfind("*.", 0) != 0) return host == wanted;
  const std::string suffix = wanted.substr(1);
  return host.size() > suffix.size() && host.substr(host.size() - suffix.size()) == suffix;
}

bool linear_path(const Match& match, const std::string& path) {
  switch (match.path_kind) {
    case Match::Path::kAny: return true;
    case Match::Path::kExact: return path == match.path;
    case Match::Path::kRegex: return re2::RE2::FullMatch(path, match.path);
    case Match::Path::kPrefix: break;
  }
  if (match.path == "/" || path == match.path) return true;
  return path.rfind(match.path.back() == '/' ? match.path : match.path + "/", 0) == 0;
}

int linear(const std::vector<config::Route>& routes, const Asked& asked) {
  const std::string path = asked.target.substr(0, asked.target.find('?'));
  std::vector<std::pair<std::string, std::string>> query;
  for (std::size_t at = path.size(); at < asked.target.size();) {
    const std::size_t end = std::min(asked.target.find('&', at + 1), asked.target.size());
    const std::string one = asked.target.substr(at + 1, end - at - 1);
    const std::size_t equals = std::min(one.find('='), one.size());
    query.emplace_back(one.substr(0, equals), equals < one.size() ? one.substr(equals + 1) : "");
    at = end;
  }
  for (std::size_t i = 0; i < routes.size(); ++i) {
    const Match& match = routes[i].match;
    if (asked.method == "CONNECT" && !routes[i].allow_connect) continue;
    if (!match.hosts.empty() && std::none_of(match.hosts.begin(), match.hosts.end(),
                                             [&](const std::string& host) { return linear_host(host, asked.host); })) {
      continue;
    }
    if (!match.methods.empty() && std::find(match.methods.begin(), match.methods.end(), asked.method) == match.methods.end()) continue;
    if (linear_path(match, path) && linear_fields(match.headers, asked.headers, true) && linear_fields(match.query, query, false)) {
      return static_cast<int>(i);
    }
  }
  return -1;
}

// Small alphabets, so that routes and requests meet often.
class Dice {
 public:
  explicit Dice(unsigned seed) : random_(seed) {}
  unsigned below(unsigned bound) { return static_cast<unsigned>(random_() % bound); }
  bool once_in(unsigned n) { return below(n) == 0; }
  std::string of(std::initializer_list<const char*> words) { return *(words.begin() + below(static_cast<unsigned>(words.size()))); }
  std::string path() {
    std::string path;
    for (unsigned i = once_in(20) ? 30 + below(8) : below(4); i > 0; --i) path += "/" + of({"a", "b", "ab", "longer-segment", "x", ""});
    if (path.empty() || once_in(4)) path += "/";
    return path;
  }
  std::string host() {
    return of({"example.com", ".example.com", "a.example.com", "b.a.example.com", "A.Example.COM", "x.example.org", "com", "[::1]", "a.b.c.d.example.com"});
  }

 private:
  std::mt19937 random_;
};

Match random_match(Dice& dice) {
  Match match;
  for (unsigned i = dice.once_in(2) ? 0 : 1 + dice.below(3); i > 0; --i) {
    match.hosts.push_back(dice.once_in(3) ? dice.of({"*", "*.example.com", "*.a.example.com", "*.Com", "*.d.example.com"}) : dice.host());
  }
  const unsigned kind = dice.below(12);
  if (kind < 5) match.path_kind = Match::Path::kPrefix, match.path = dice.path();
  else if (kind < 9) match.path_kind = Match::Path::kExact, match.path = dice.path();
  else if (kind == 9) match.path_kind = Match::Path::kRegex, match.path = dice.of({"/a/.*", "/[ab]+", ".*x", "/a", ".*"});
  if (dice.once_in(4)) match.methods = {dice.of({"GET", "POST", "CONNECT"})};
  const auto kinds = {TextMatch::Kind::kExact, TextMatch::Kind::kPrefix, TextMatch::Kind::kRegex, TextMatch::Kind::kPresent};
  const auto random_field = [&] {
    return field(dice.of({"k", "K", "other"}), *(kinds.begin() + dice.below(4)), dice.of({"", "1", "12", "1[0-9]*"}), dice.once_in(4));
  };
  if (dice.once_in(5)) match.headers.push_back(random_field());
  if (dice.once_in(5)) match.query.push_back(random_field());
  return match;
}

Asked random_request(Dice& dice) {
  Asked asked;
  asked.method = dice.of({"GET", "GET", "POST", "CONNECT"});
  asked.host = dice.host() + dice.of({"", "", ":80", ":65535"});
  asked.target = asked.method == "CONNECT" && dice.once_in(2) ? asked.host : dice.path();
  if (dice.once_in(3)) asked.target += dice.of({"?", "?k", "?k=1", "?x=2&k=12", "?K=1&&k=", "?k=1=2"});
  if (dice.once_in(40)) asked.target = "*";
  for (unsigned i = dice.below(3); i > 0; --i) asked.headers.emplace_back(dice.of({"k", "K", "Other"}), dice.of({"", "1", "12", "13"}));
  return asked;
}

}  // namespace

TEST_CASE("any table of routes answers as trying every route in order does") {
  Dice dice(20240817);
  std::size_t matched = 0, asked_count = 0;
  for (unsigned table = 0; table < 2000; ++table) {
    Routes routes;
    for (unsigned i = dice.below(table % 20 == 0 ? 200 : 12); i > 0; --i) {
      config::Route& route = routes.add(random_match(dice));
      route.allow_connect = dice.once_in(3);
    }
    for (unsigned i = 0; i < 30; ++i) {
      const Asked asked = random_request(dice);
      const int expected = linear(routes.all(), asked);
      const int got = routes(asked);
      ++asked_count;
      matched += expected >= 0 ? 1 : 0;
      if (got != expected) {
        INFO("table " << table << ": " << asked.method << " " << asked.host << " " << asked.target);
        CHECK(got == expected);
      }
    }
    REQUIRE_FALSE(routes.diagnostics.failed());
  }
  CHECK(matched > asked_count / 4);  // the dice are not idle
  CHECK(matched < asked_count * 9 / 10);
}
