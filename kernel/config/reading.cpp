// The small words the sections of a model are read with.
#include "kernel/config/reading.hpp"

#include <arpa/inet.h>

#include <unordered_map>

#include "kernel/base/socket.hpp"
#include "kernel/config/pattern.hpp"
#include "kernel/http/head.hpp"

namespace cleat::config {

const Node* child(const Node& map, std::string_view key) {
  const Node* node = map.get(key);
  return node == nullptr || node->type == Node::Type::kNull ? nullptr : node;
}

const Node* required(const Node& map, std::string_view key, Reading& reading) {
  const Node* node = child(map, key);
  if (node == nullptr) reading.diagnostics.error(map, std::string(key) + " is missing");
  return node;
}

namespace {

bool expect(const Node& node, Node::Type type, std::string_view text, Reading& reading) {
  if (node.type == type) return true;
  node.ask_all();
  reading.diagnostics.error(node, text);
  return false;
}

}  // namespace

bool expect_map(const Node& node, Reading& reading) { return expect(node, Node::Type::kMap, "must be a map", reading); }
bool expect_list(const Node& node, Reading& reading) { return expect(node, Node::Type::kList, "must be a list", reading); }

std::vector<const Node*> items(const Node& map, std::string_view key, Reading& reading) {
  std::vector<const Node*> found;
  const Node* node = child(map, key);
  if (node == nullptr || !expect_list(*node, reading)) return found;
  for (const Node::Member& member : node->members) found.push_back(member.value.get());
  return found;
}

std::vector<const Node*> one_or_items(const Node& map, std::string_view key, Reading& reading) {
  const Node* node = child(map, key);
  if (node != nullptr && node->type == Node::Type::kScalar) return {node};
  return items(map, key, reading);
}

const Node* optional_map(const Node& map, std::string_view key, Reading& reading) {
  const Node* node = child(map, key);
  return node != nullptr && expect_map(*node, reading) ? node : nullptr;
}

void refuse_keys(const Node& map, std::initializer_list<std::string_view> keys, std::string_view why, Reading& reading) {
  for (const std::string_view key : keys) {
    const Node* value = child(map, key);
    if (value == nullptr) continue;
    value->ask_all();
    reading.diagnostics.error(*value, why);
  }
}

const Node* opaque_child(const Node& map, std::string_view key, Reading& reading) {
  const Node* node = child(map, key);
  if (node != nullptr) reading.opaque.insert(node);
  return node;
}

bool optional(const Node& map, std::string_view key, Reading& reading, std::string& value) {
  const Node* node = child(map, key);
  return node != nullptr && read_text(*node, reading.diagnostics, value);
}

bool optional(const Node& map, std::string_view key, Reading& reading, bool& value) {
  const Node* node = child(map, key);
  return node != nullptr && read_boolean(*node, reading.diagnostics, value);
}

bool optional(const Node& map, std::string_view key, Reading& reading, Milliseconds& value) {
  const Node* node = child(map, key);
  return node != nullptr && read_duration(*node, reading.diagnostics, value);
}

bool optional_bytes(const Node& map, std::string_view key, Reading& reading, std::uint64_t least, std::uint64_t& value, std::uint64_t most) {
  const Node* node = child(map, key);
  std::uint64_t number = 0;
  if (node == nullptr || !read_bytes(*node, reading.diagnostics, number)) return false;
  if (number < least || number > most) {
    const std::string bound = number < least ? "at least " + std::to_string(least) : "at most " + std::to_string(most);
    reading.diagnostics.error(*node, "must be " + bound + " bytes");
    return false;
  }
  value = number;
  return true;
}

int word_index(const Node& node, const std::vector<std::string>& words, Reading& reading) {
  std::string word;
  if (!read_text(node, reading.diagnostics, word)) return -1;
  std::string known;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i] == word) return static_cast<int>(i);
    known += (i == 0 ? "" : i + 1 == words.size() ? " or " : ", ") + words[i];
  }
  reading.diagnostics.error(node, "must be " + known + ", not \"" + word.substr(0, 64) + "\"" +
                                      did_you_mean(word, words, reading.diagnostics));
  return -1;
}

void read_own_name(const Node& map, Reading& reading, std::string& value) {
  const Node* name = reading.staged_name == nullptr ? required(map, "name", reading) : child(map, "name");
  if (name != nullptr && !read_name(*name, reading, value)) return;
  if (reading.staged_name == nullptr) return;
  if (name != nullptr && value != *reading.staged_name) reading.diagnostics.error(*name, "is staged as \"" + *reading.staged_name + "\"");
  value = *reading.staged_name;
}

bool valid_name(std::string_view name) {
  constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-/";
  constexpr std::size_t kNameBytesMax = 128;
  return !name.empty() && name.size() <= kNameBytesMax && name.find_first_not_of(kLetters) == std::string_view::npos;
}

bool read_name(const Node& node, Reading& reading, std::string& value) {
  std::string name;
  if (!read_text(node, reading.diagnostics, name)) return false;
  if (!valid_name(name)) {
    reading.diagnostics.error(node, "a name is 1 to 128 of A-Z a-z 0-9 _ . - /");
    return false;
  }
  value = std::move(name);
  return true;
}

bool read_reference(const Node& node, Reading& reading, std::vector<Reference>& to, std::string& name) {
  if (!read_name(node, reading, name)) return false;
  to.push_back({&node, name});
  return true;
}

namespace {

bool is_ip6(const std::string& text) {
  in6_addr address;
  return inet_pton(AF_INET6, text.c_str(), &address) == 1;
}

}  // namespace

bool read_address(const Node& node, Reading& reading, bool port_zero, std::string& value) {
  std::string text;
  if (!read_text(node, reading.diagnostics, text)) return false;
  Result<Address> address = parse_address(text);
  if (!address.ok()) {
    const std::string host = text.substr(0, text.rfind(':'));
    std::string why = "must be ip:port or [ip]:port";
    if (is_ip6(text)) {
      why += ": an IPv6 address stands in brackets";
    } else if (!port_zero && !parse_address(host + ":1").ok() && host.find_first_not_of("0123456789.:[]") != std::string::npos) {
      why += ": a cluster of a host name has no endpoints here, but discovery";
    }
    reading.diagnostics.error(node, why);
    return false;
  }
  if (address->port() == 0 && !port_zero) {
    reading.diagnostics.error(node, "port 0 cannot be connected to");
    return false;
  }
  value = address->text();  // one spelling of each: two listeners on one address would take its connections from each other
  return true;
}

bool read_authority(const Node& node, Reading& reading, std::string& value) {
  std::string text;
  if (!read_text(node, reading.diagnostics, text)) return false;
  http::detail::Authority parts;
  if (text.find('\0') != std::string::npos || !http::detail::read_authority(text, parts)) {
    reading.diagnostics.error(node, "must be a host, or host:port");
    return false;
  }
  value = std::move(text);
  return true;
}

bool read_pattern(const Node& node, Reading& reading, std::string& value) {
  std::string pattern;
  if (!read_text(node, reading.diagnostics, pattern)) return false;
  if (auto made = make_pattern(pattern); !made) {
    reading.diagnostics.error(node, made.error());
    return false;
  }
  value = std::move(pattern);
  return true;
}

void report_repeated(const std::vector<Named>& named, std::string_view what, Reading& reading) {
  std::unordered_map<std::string_view, const Node*> first;
  for (const Named& one : named) {
    if (one.name.empty()) continue;  // already an error
    const auto [at, added] = first.emplace(one.name, one.node);
    if (added) continue;
    reading.diagnostics.error(*one.node, std::string(what) + " \"" + std::string(one.name) + "\" is already at " +
                                             reading.diagnostics.where(*at->second, *one.node));
  }
}

}  // namespace cleat::config
