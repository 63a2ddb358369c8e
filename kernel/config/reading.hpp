// How the parts of a model are read from nodes. Inside kernel/config only. An optional key that is absent or empty leaves its
// value as it is; a wrong one is an error at its node, and reading goes on, so that one run tells every error.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "kernel/config/compose.hpp"

namespace cleat::config {

struct Reading {
  explicit Reading(Diagnostics& to) : diagnostics(to) {}

  Diagnostics& diagnostics;
  References references;
  std::unordered_set<const Node*> opaque;  // what plugins will read: unknown keys below are the loader's to report
  const std::string* staged_name = nullptr;  // of a source's resource: its document may leave the name out, and must not contradict
};

// The whole file, without looking up the names it refers to.
void read_file_part(const Document& document, Diagnostics& diagnostics, Part& part);

// The sections of the file. Each reads one list member; what is wrong is reported and left out or at its default.
Instance read_instance(const Node& node, Reading& reading);
Listener read_listener(const Node& node, Reading& reading);
RouteTable read_route_table(const Node& node, Reading& reading);
Secret read_secret(const Node& node, Reading& reading);
// certificate, key and ocsp of a map, and the ca that it calls `ca`.
void read_secret_parts(const Node& map, std::string_view ca, Reading& reading, Secret& secret);
ServerTls read_server_tls(const Node& node, Reading& reading);
ClientTls read_client_tls(const Node& node, Reading& reading);
// The `routes` of a listener or a table called `owner`.
std::vector<Route> read_routes(const Node& map, const std::string& owner, const PathPolicy& policy, std::string_view what, Reading& reading);
Route read_tcp_route(const Node& listener, const std::string& name, Reading& reading);  // its `cluster` or `clusters`
Match read_match(const Node& node, const PathPolicy& policy, Reading& reading);
Cluster read_cluster(const Node& node, Reading& reading);
Redirect read_redirect(const Node& node, Reading& reading);
DirectReply read_reply(const Node& node, Reading& reading);

// What depends on the listener that a route is used by; of the routes of a table, once for each of those.
void check_route_plugins(const Listener& listener, Reading& reading);  // each has a plugin that sees the route's exchanges
// Refuses a path that no request normalised by this policy can equal or begin with.
bool check_path(const Node& node, const std::string& path, const PathPolicy& policy, Reading& reading);

// --- nodes ---
const Node* child(const Node& map, std::string_view key);                             // nullptr if absent or null
const Node* required(const Node& map, std::string_view key, Reading& reading);        // the same, and an error
bool expect_map(const Node& node, Reading& reading);
bool expect_list(const Node& node, Reading& reading);
std::vector<const Node*> items(const Node& map, std::string_view key, Reading& reading);         // of an optional list
std::vector<const Node*> one_or_items(const Node& map, std::string_view key, Reading& reading);  // a scalar is a list of one
const Node* optional_map(const Node& map, std::string_view key, Reading& reading);    // nullptr too, with an error, if it is none
void refuse_keys(const Node& map, std::initializer_list<std::string_view> keys, std::string_view why, Reading& reading);  // those that are there
const Node* opaque_child(const Node& map, std::string_view key, Reading& reading);    // absent or null: nullptr

// --- values of optional keys; true if there was one and it was right ---
bool optional(const Node& map, std::string_view key, Reading& reading, std::string& value);
bool optional(const Node& map, std::string_view key, Reading& reading, bool& value);
bool optional(const Node& map, std::string_view key, Reading& reading, Milliseconds& value);
bool optional_bytes(const Node& map, std::string_view key, Reading& reading, std::uint64_t least, std::uint64_t& value, std::uint64_t most = UINT64_MAX);

template <class T>
bool optional_integer(const Node& map, std::string_view key, Reading& reading, std::int64_t least, std::int64_t most, T& value) {
  const Node* node = child(map, key);
  std::int64_t number = 0;
  if (node == nullptr || !read_integer(*node, reading.diagnostics, least, most, number)) return false;
  value = static_cast<T>(number);
  return true;
}

// The position of the scalar among `words`, or -1 with an error.
int word_index(const Node& node, const std::vector<std::string>& words, Reading& reading);

template <class T>
void optional_word(const Node& map, std::string_view key, Reading& reading, const std::vector<std::pair<std::string, T>>& words,
                   T& value) {
  const Node* node = child(map, key);
  if (node == nullptr) return;
  std::vector<std::string> names;
  for (const auto& [name, of] : words) names.push_back(name);
  if (const int i = word_index(*node, names, reading); i >= 0) value = words[static_cast<std::size_t>(i)].second;
}

// --- what values must look like; an error at the node if not ---
void read_own_name(const Node& map, Reading& reading, std::string& value);  // the key `name`; see Reading::staged_name
bool read_name(const Node& node, Reading& reading, std::string& value);  // [A-Za-z0-9_.-/]+
bool read_reference(const Node& node, Reading& reading, std::vector<Reference>& to, std::string& name);  // the name of something that must be there
// ip:port or [ip]:port.
bool read_address(const Node& node, Reading& reading, bool port_zero, std::string& value);
bool read_authority(const Node& node, Reading& reading, std::string& value);  // host[:port]
bool read_pattern(const Node& node, Reading& reading, std::string& value);    // a regular expression (RE2)

// Reports every name of `named` that an earlier one has.
struct Named {
  const Node* node;
  std::string_view name;
};
void report_repeated(const std::vector<Named>& named, std::string_view what, Reading& reading);

template <class T>
std::vector<Named> named(const std::vector<T>& all, std::string T::*name) {
  std::vector<Named> found;
  for (const T& one : all) found.push_back({one.node, one.*name});
  return found;
}

// As the public one, but does not look below the nodes in `opaque`.
void report_unknown_keys(const Node& node, const std::unordered_set<const Node*>& opaque, Diagnostics& diagnostics);
// " (did you mean "x"?)" or nothing.
std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates, const Diagnostics& diagnostics);

}  // namespace cleat::config
