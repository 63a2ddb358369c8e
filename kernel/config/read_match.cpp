// A route's `match`: refuses what no request can ever match, for requests are compared after their path was normalised.
#include <algorithm>

#include "kernel/config/reading.hpp"
#include "kernel/http/message.hpp"
#include "kernel/route/path.hpp"

namespace cleat::config {
namespace {

void read_path(const Node& node, const PathPolicy& policy, Reading& reading, Match& match) {
  const std::pair<std::string_view, Match::Path> kinds[] = {
      {"path", Match::Path::kExact}, {"prefix", Match::Path::kPrefix}, {"regex", Match::Path::kRegex}};
  for (const auto& [key, kind] : kinds) {
    const Node* value = child(node, key);
    if (value == nullptr) continue;
    if (match.path_node != nullptr) {
      reading.diagnostics.error(*value, "only one of path, prefix and regex");
      continue;
    }
    match.path_node = value;
    match.path_kind = kind;
    if (kind == Match::Path::kRegex) {
      read_pattern(*value, reading, match.path);
      continue;
    }
    std::string path;
    if (!read_text(*value, reading.diagnostics, path) || !check_path(*value, path, policy, reading)) continue;
    match.path = std::move(path);
  }
}

// "a.example.com", "[::1]", "*.example.com" or "*".
bool read_host(const Node& node, Reading& reading, std::string& host) {
  if (!read_text(node, reading.diagnostics, host)) return false;
  constexpr std::size_t kHostBytesMax = 253;  // RFC 1035 2.3.4, as text
  std::string_view name = host;
  if (name == "*") return true;
  const bool wildcard = name.starts_with("*.");
  if (wildcard) name.remove_prefix(2);
  const bool ip6 = !wildcard && name.size() > 2 && name.front() == '[' && name.back() == ']';
  if (ip6) name = name.substr(1, name.size() - 2);
  const std::string_view letters = ip6 ? "0123456789abcdefABCDEF:." : "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
  const char* why = nullptr;
  if (name.empty() || host.size() > kHostBytesMax) {
    why = "must be a host, \"*.example.com\" or \"*\"";
  } else if (name.find('*') != std::string_view::npos) {
    why = "a wildcard stands alone or as the whole first label: \"*\" or \"*.example.com\"";
  } else if (!ip6 && name.find(':') != std::string_view::npos) {
    why = "is a host without its port";
  } else if (name.find_first_not_of(letters) != std::string_view::npos) {
    why = "has a character that no host has";
  }
  if (why != nullptr) reading.diagnostics.error(node, why);
  return why == nullptr;
}

FieldMatch read_field_match(const Node& node, Reading& reading) {
  FieldMatch field;
  field.match.node = &node;
  if (!expect_map(node, reading)) return field;
  if (const Node* name = required(node, "name", reading)) {
    if (read_text(*name, reading.diagnostics, field.name) && field.name.empty()) reading.diagnostics.error(*name, "is empty");
  }
  int given = 0;
  const std::pair<std::string_view, TextMatch::Kind> kinds[] = {
      {"exact", TextMatch::Kind::kExact}, {"prefix", TextMatch::Kind::kPrefix}, {"regex", TextMatch::Kind::kRegex}};
  for (const auto& [key, kind] : kinds) {
    const Node* value = child(node, key);
    if (value == nullptr) continue;
    if (++given > 1) reading.diagnostics.error(*value, "only one of exact, prefix, regex and present");
    field.match.kind = kind;
    field.match.node = value;
    if (kind == TextMatch::Kind::kRegex) {
      read_pattern(*value, reading, field.match.value);
    } else {
      read_text(*value, reading.diagnostics, field.match.value);
    }
  }
  bool present = true;
  if (optional(node, "present", reading, present)) {
    if (!present) reading.diagnostics.error(*node.get("present"), "for an absent one, say invert: true");
    if (given != 0) reading.diagnostics.error(*node.get("present"), "only one of exact, prefix, regex and present");
  }
  optional(node, "invert", reading, field.invert);
  return field;
}

std::vector<FieldMatch> read_field_matches(const Node& node, Reading& reading) {
  std::vector<FieldMatch> fields;
  if (node.type == Node::Type::kMap) {
    for (const Node::Member& member : node.members) {
      node.get(member.key);
      FieldMatch field;
      field.name = member.key;
      field.match.kind = TextMatch::Kind::kExact;
      field.match.node = member.value.get();
      read_text(*member.value, reading.diagnostics, field.match.value);
      if (field.name.empty()) reading.diagnostics.error(*member.value, "its name is empty");
      fields.push_back(std::move(field));
    }
  } else if (node.type == Node::Type::kList) {
    for (const Node::Member& member : node.members) fields.push_back(read_field_match(*member.value, reading));
  } else {
    reading.diagnostics.error(node, "must be a list of {name, exact|prefix|regex|present, invert}, or a map of exact values");
  }
  return fields;
}

}  // namespace

// What normalising does is asked of the one who does it.
bool check_path(const Node& node, const std::string& path, const PathPolicy& policy, Reading& reading) {
  const auto unfit = [](char c) { return c <= ' ' || c >= 0x7f; };
  BlockPool pool;
  Arena arena(pool);
  std::string why;
  if (!path.starts_with('/')) {
    why = "must begin with '/'";
  } else if (path.find_first_of("?#") != std::string::npos) {
    why = "is a path, without '?' or '#'";
  } else if (std::any_of(path.begin(), path.end(), unfit)) {
    why = "has a character that no request's path has: it must be percent-encoded";
  } else if (const route::NormalisedTarget normal = route::normalise_target(path, policy, arena); !normal.ok) {
    why = std::string("no request may have this path: ") + normal.reason;
  } else if (normal.target != path) {
    why = "matches nothing: requests are compared as \"" + std::string(normal.target) + "\"";
  }
  if (!why.empty()) reading.diagnostics.error(node, why);
  return why.empty();
}

Match read_match(const Node& node, const PathPolicy& policy, Reading& reading) {
  Match match;
  for (const Node* item : one_or_items(node, "host", reading)) {
    std::string host;
    if (read_host(*item, reading, host)) match.hosts.push_back(std::move(host));
  }
  read_path(node, policy, reading, match);
  for (const Node* item : one_or_items(node, "method", reading)) {
    std::string method;
    if (!read_text(*item, reading.diagnostics, method)) continue;
    if (!http::valid_name(method)) reading.diagnostics.error(*item, "is not a method");
    match.methods.push_back(std::move(method));
  }
  if (const Node* headers = child(node, "headers")) {
    match.headers = read_field_matches(*headers, reading);
    for (const FieldMatch& field : match.headers) {
      if (!field.name.empty() && !http::valid_name(field.name)) {
        reading.diagnostics.error(*field.match.node, "\"" + field.name + "\" is not a header name");
      }
    }
  }
  if (const Node* query = child(node, "query")) match.query = read_field_matches(*query, reading);
  return match;
}

}  // namespace cleat::config
