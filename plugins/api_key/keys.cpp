#include "keys.hpp"

#include <openssl/crypto.h>

#include <algorithm>
#include <bit>
#include <cstring>

namespace api_key {

namespace {

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool is_word(std::string_view text) {
  return !text.empty() && text.size() <= KeyTable::kWordBytesMax && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c != 0 && std::strchr("_.@:/+-", c) != nullptr);
  });
}

// The next word of a line, separated by blanks; empty at its end.
std::string_view take_word(std::string_view& line) {
  const std::size_t first = line.find_first_not_of(" \t");
  if (first == std::string_view::npos) {
    line = {};
    return {};
  }
  line.remove_prefix(first);
  const std::string_view word = line.substr(0, line.find_first_of(" \t"));
  line.remove_prefix(word.size());
  return word;
}

// Empty, or what is wrong with the line.
std::string parse_line(std::string_view line, Key& key) {
  constexpr std::string_view kPrefix = "sha256:";
  std::string_view digest = take_word(line);
  if (!digest.starts_with(kPrefix)) return "must begin with sha256:<64 hex digits>";
  digest.remove_prefix(kPrefix.size());
  if (digest.size() != 2 * key.digest.size()) return "a SHA-256 digest has 64 hex digits, this has " + std::to_string(digest.size());
  for (std::size_t i = 0; i < key.digest.size(); ++i) {
    const int high = hex_value(digest[2 * i]), low = hex_value(digest[2 * i + 1]);
    if (high < 0 || low < 0) return "a digest is hex digits only";
    key.digest[i] = static_cast<unsigned char>(high * 16 + low);
  }

  const std::string_view owner = take_word(line);
  if (!is_word(owner)) return "the owner must be 1 to 128 of A-Z a-z 0-9 _ . @ : / + -";
  key.owner = owner;

  std::string_view scopes = take_word(line);
  key.scopes_text = scopes;
  while (!scopes.empty()) {
    const std::size_t comma = scopes.find(',');
    const std::string_view scope = scopes.substr(0, comma);
    if (!is_word(scope)) return "a scope must be 1 to 128 of A-Z a-z 0-9 _ . @ : / + -, scopes are separated by commas";
    key.scopes.emplace_back(scope);
    if (comma == std::string_view::npos) break;
    scopes.remove_prefix(comma + 1);
    if (scopes.empty()) return "a comma without a scope after it";
  }
  if (!take_word(line).empty()) return "too many words: digest, owner, scopes";
  return {};
}

}  // namespace

std::size_t KeyTable::home(const Digest& digest) const {
  std::uint64_t front;
  std::memcpy(&front, digest.data(), sizeof front);
  return static_cast<std::size_t>(front) & (slots_.size() - 1);
}

std::optional<KeyTable> KeyTable::parse(std::string_view text, std::string& error) {
  KeyTable table;
  std::size_t number = 0;
  const auto refuse = [&](const std::string& what) {
    error = "line " + std::to_string(number) + ": " + what;
    return std::nullopt;
  };
  while (!text.empty()) {
    ++number;
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    const std::size_t first = line.find_first_not_of(" \t");
    if (first == std::string_view::npos || line[first] == '#') continue;
    Key key{};
    if (const std::string what = parse_line(line, key); !what.empty()) return refuse(what);
    if (table.keys_.size() == kKeysMax) return refuse("more than 1,000,000 keys");
    table.keys_.push_back(std::move(key));
  }

  table.slots_.assign(std::bit_ceil(2 * table.keys_.size() + 1), 0);
  for (std::size_t i = 0; i < table.keys_.size(); ++i) {
    const Key& key = table.keys_[i];
    if (const Key* other = table.find(key.digest)) {
      error = "the same key twice: for " + other->owner + " and for " + key.owner;
      return std::nullopt;
    }
    std::size_t slot = table.home(key.digest);
    while (table.slots_[slot] != 0) slot = (slot + 1) & (table.slots_.size() - 1);
    table.slots_[slot] = static_cast<std::uint32_t>(i + 1);
  }
  return table;
}

const Key* KeyTable::find(const Digest& digest) const {
  if (slots_.empty()) return nullptr;
  for (std::size_t slot = home(digest); slots_[slot] != 0; slot = (slot + 1) & (slots_.size() - 1)) {
    const Key& key = keys_[slots_[slot] - 1];
    if (CRYPTO_memcmp(key.digest.data(), digest.data(), digest.size()) == 0) return &key;
  }
  return nullptr;
}

}  // namespace api_key
