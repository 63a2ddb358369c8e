// harness.hpp: the harness in C++: the same as harness.h, with owners, ranges and exceptions. A Host that could not be begun throws, with the
// words of the loader or the plugin; what a test does wrong (an answer to nobody) throws too. Exchange and Outgoing are names, good while
// their Host is.
//
//   cleat::harness::Host host({.plugin = "build/plugins/teapot.so", .config = "{path: /coffee}"});
//   auto x = host.begin({.target = "/coffee"});
//   REQUIRE(x.response().status == 418);
//   REQUIRE(host.finish().empty());
#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "harness.h"

namespace cleat::harness {

using Fields = std::vector<std::pair<std::string, std::string>>;

inline std::string_view view(cleat_str text) { return {text.data, static_cast<std::size_t>(text.size)}; }
inline cleat_str text(std::string_view from) { return {from.data(), from.size()}; }

namespace detail {

inline std::vector<cleat_header> shown(const Fields& fields) {
  std::vector<cleat_header> all;
  for (const auto& [name, value] : fields) all.push_back({text(name), text(value)});
  return all;
}

inline Fields taken(const cleat_header* headers, std::uint64_t count) {
  Fields all;
  for (std::uint64_t i = 0; i < count; ++i) all.emplace_back(view(headers[i].name), view(headers[i].value));
  return all;
}

inline char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

inline bool equal_names(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (lower(a[i]) != lower(b[i])) return false;
  }
  return true;
}

}  // namespace detail

// The first field of that name (RFC 9110 5.1: without regard to case).
inline std::optional<std::string> find(const Fields& fields, std::string_view name) {
  for (const auto& [key, value] : fields) {
    if (detail::equal_names(key, name)) return value;
  }
  return std::nullopt;
}

struct Options {
  std::string plugin = {};                // the .so; or empty, and `entry`
  cleat_plugin_v1_fn entry = nullptr;
  std::string name = "plugin";
  std::string config = {}, route_config = {};  // YAML; empty: none
  std::string clusters = {};            // separated by spaces, besides "origin"
  std::string document = {}, folder = {};
  std::uint32_t flags = 0;              // CLEAT_HARNESS_HANDLER ...
};

struct Request {
  std::string method = "GET", target = "/", authority = "example.org";
  Fields headers = {};
  std::string body = {};
  bool body_follows = false;            // in pieces, through Exchange::body and body_end
};

struct Response {
  std::uint32_t status = 0;             // 0: no head has come yet
  bool whole = false, cut = false, local = false;
  Fields headers = {}, trailers = {};
  std::string body = {}, flag = {}, by = {}, reason = {};
  std::optional<std::string> get(std::string_view name) const { return find(headers, name); }
};

struct Answer {
  std::uint32_t status = 200;
  Fields headers = {};
  std::string body = {};
  bool body_follows = false;            // in pieces, through Outgoing::body and body_end
};

struct Finding {
  std::uint32_t rule;
  std::string section, hook, function, text;
};

class Part {
 public:
  std::uint64_t id() const { return id_; }
  explicit operator bool() const { return id_ != 0; }

 protected:
  Part(cleat_harness* h, std::uint64_t id) : h_(h), id_(id) {}
  void check(cleat_status status) const {
    if (status != CLEAT_OK) throw std::runtime_error(cleat_harness_error(h_));
  }
  cleat_harness* h_;
  std::uint64_t id_;
};

class Exchange : public Part {
 public:
  std::uint32_t state() const { return cleat_harness_state(h_, id_); }  // CLEAT_HARNESS_SUSPENDED ...
  bool suspended() const { return state() == CLEAT_HARNESS_SUSPENDED; }
  bool over() const { return state() == CLEAT_HARNESS_CLOSED; }
  std::string suspended_in() const { return std::string(view(cleat_harness_where(h_, id_))); }
  // False: the exchange takes no more at present.
  bool body(std::string_view data) const {
    const cleat_status status = cleat_harness_body(h_, id_, text(data));
    if (status != CLEAT_LIMIT) check(status);
    return status == CLEAT_OK;
  }
  void body_end(const Fields& trailers = {}) const {
    const auto shown = detail::shown(trailers);
    check(cleat_harness_body_end(h_, id_, shown.data(), shown.size()));
  }
  void abort() const { check(cleat_harness_abort(h_, id_)); }
  Response response() const {
    cleat_harness_message m{};
    m.size = sizeof m;
    check(cleat_harness_response(h_, id_, &m));
    return {.status = m.status, .whole = (m.flags & CLEAT_HARNESS_END) != 0, .cut = (m.flags & CLEAT_HARNESS_CUT) != 0,
            .local = (m.flags & CLEAT_HARNESS_LOCAL) != 0, .headers = detail::taken(m.headers, m.header_count),
            .trailers = detail::taken(m.trailers, m.trailer_count), .body = std::string(view(m.body)), .flag = std::string(view(m.flag)),
            .by = std::string(view(m.by)), .reason = std::string(view(m.reason))};
  }
  std::optional<std::string> metadata(const std::string& key) const {
    cleat_str value{};
    if (cleat_harness_metadata(h_, id_, key.c_str(), &value) != CLEAT_OK) return std::nullopt;
    return std::string(view(value));
  }

 private:
  friend class Host;
  using Part::Part;
};

// A request to a cluster: an exchange's attempt, or a call of the plugin's.
class Outgoing : public Part {
 public:
  struct Seen {
    bool is_call, whole, released;
    std::uint64_t exchange;
    std::uint32_t attempt;
    std::string cluster, method, target, authority;
    Fields headers, trailers;
    std::string body;
    std::optional<std::string> get(std::string_view name) const { return find(headers, name); }
  };
  Seen seen() const {
    cleat_harness_outgoing_request r{};
    r.size = sizeof r;
    check(cleat_harness_outgoing_get(h_, id_, &r));
    const auto is = [&](std::uint32_t flag) { return (r.flags & flag) != 0; };
    return {.is_call = is(CLEAT_HARNESS_CALL), .whole = is(CLEAT_HARNESS_END), .released = is(CLEAT_HARNESS_RELEASED),
            .exchange = r.exchange, .attempt = r.attempt, .cluster = std::string(view(r.cluster)), .method = std::string(view(r.method)),
            .target = std::string(view(r.target)), .authority = std::string(view(r.authority)), .headers = detail::taken(r.headers, r.header_count),
            .trailers = detail::taken(r.trailers, r.trailer_count), .body = std::string(view(r.body))};
  }
  void answer(const Answer& with) const {
    const auto shown = detail::shown(with.headers);
    cleat_harness_answer a{};
    a.size = sizeof a;
    a.flags = with.body_follows ? CLEAT_HARNESS_BODY : 0;
    a.status = with.status;
    a.headers = shown.data();
    a.header_count = static_cast<std::uint32_t>(shown.size());
    a.body = text(with.body);
    check(cleat_harness_answer_send(h_, id_, &a));
  }
  bool body(std::string_view data) const {  // false: it is not taken at present
    const cleat_status status = cleat_harness_answer_body(h_, id_, text(data));
    if (status != CLEAT_LIMIT) check(status);
    return status == CLEAT_OK;
  }
  void body_end(const Fields& trailers = {}) const {
    const auto shown = detail::shown(trailers);
    check(cleat_harness_answer_end(h_, id_, shown.data(), shown.size()));
  }
  void fail(std::uint32_t how) const { check(cleat_harness_answer_fail(h_, id_, how)); }

 private:
  friend class Host;
  using Part::Part;
};

class Host {
 public:
  explicit Host(const Options& from) {
    const auto or_null = [](const std::string& one) { return one.empty() ? nullptr : one.c_str(); };
    cleat_harness_options o{};
    o.size = sizeof o;
    o.flags = from.flags;
    o.plugin = or_null(from.plugin);
    o.entry = from.entry;
    o.name = or_null(from.name);
    o.config = or_null(from.config);
    o.route_config = or_null(from.route_config);
    o.clusters = or_null(from.clusters);
    o.document = or_null(from.document);
    o.folder = or_null(from.folder);
    h_ = cleat_harness_new(&o);
    if (*cleat_harness_error(h_) == '\0') return;
    const std::string why = cleat_harness_error(h_);
    cleat_harness_delete(h_);
    throw std::runtime_error(why);
  }
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;
  ~Host() { cleat_harness_delete(h_); }

  std::uint64_t connect(const std::string& peer) { return cleat_harness_connect(h_, peer.c_str()); }
  std::uint64_t connect_to(const std::string& listener, const std::string& peer = "127.0.0.1:40000") {
    return cleat_harness_connect_to(h_, listener.c_str(), peer.c_str());
  }
  Exchange begin(const Request& from, std::uint64_t connection = 0) {
    const auto shown = detail::shown(from.headers);
    cleat_harness_request r{};
    r.size = sizeof r;
    r.flags = from.body_follows ? CLEAT_HARNESS_BODY : 0;
    r.method = text(from.method);
    r.target = text(from.target);
    r.authority = text(from.authority);
    r.headers = shown.data();
    r.header_count = shown.size();
    r.body = text(from.body);
    const Exchange x(h_, cleat_harness_begin(h_, connection, &r));
    if (!x) throw std::runtime_error(cleat_harness_error(h_));
    return x;
  }
  // The oldest request to a cluster that has not been taken yet; one that is false where there is none.
  Outgoing outgoing() { return {h_, cleat_harness_outgoing(h_)}; }

  bool reload(const std::string& config) { return cleat_harness_reload(h_, config.c_str()) == CLEAT_OK; }  // false: error() says why
  std::string error() const { return cleat_harness_error(h_); }
  void step(std::uint64_t ms) { cleat_harness_step(h_, ms); }
  bool wait(std::uint64_t real_ms) { return cleat_harness_wait(h_, real_ms) == CLEAT_OK; }
  std::optional<std::int64_t> metric(const std::string& name, const std::string& labels = {}) {
    std::int64_t value = 0;
    if (cleat_harness_metric(h_, name.c_str(), labels.c_str(), &value) != CLEAT_OK) return std::nullopt;
    return value;
  }
  std::uint64_t calls(const std::string& hook) { return cleat_harness_calls(h_, hook.c_str()); }
  std::uint64_t failures(const std::string& hook) { return cleat_harness_failures(h_, hook.c_str()); }
  // Lines as "plugin/name text".
  std::vector<std::string> log() const {
    std::vector<std::string> lines;
    for (std::uint64_t i = 0; i < cleat_harness_log_count(h_); ++i) {
      cleat_harness_line line{};
      line.size = sizeof line;
      cleat_harness_log(h_, i, &line);
      lines.push_back(std::string(view(line.source)) + " " + std::string(view(line.text)));
    }
    return lines;
  }
  // Ends it, and says what was done against ABI.md; empty is what a test requires.
  std::vector<Finding> finish() {
    cleat_harness_finish(h_);
    std::vector<Finding> all;
    for (std::uint64_t i = 0; i < cleat_harness_finding_count(h_); ++i) {
      cleat_harness_finding f{};
      f.size = sizeof f;
      cleat_harness_finding_get(h_, i, &f);
      all.push_back({f.rule, std::string(view(f.section)), std::string(view(f.hook)), std::string(view(f.function)), std::string(view(f.text))});
    }
    return all;
  }
  cleat_harness* c() const { return h_; }

 private:
  cleat_harness* h_;
};

}  // namespace cleat::harness
