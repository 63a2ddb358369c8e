// Key files: what a line may hold, and that every refusal names its line.
#include "keys.hpp"

#include <catch2/catch_test_macros.hpp>

using api_key::Digest;
using api_key::KeyTable;

namespace {

std::string hex(unsigned char fill) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (int i = 0; i < 32; ++i) text += {kDigits[fill >> 4], kDigits[fill & 15]};
  return text;
}

Digest digest(unsigned char fill) {
  Digest all;
  all.fill(fill);
  return all;
}

std::string error_of(const std::string& text) {
  std::string error;
  CHECK_FALSE(KeyTable::parse(text, error));
  return error;
}

}  // namespace

TEST_CASE("a key file holds digests, owners and scopes, comments and empty lines") {
  std::string error;
  const auto table = KeyTable::parse("# keys\n\nsha256:" + hex(1) + " alice\r\n  sha256:" + hex(2) + "\tteam/bob@example.com read,write  \nsha256:" + hex(0xab) + " c", error);
  REQUIRE(table);
  CHECK(table->size() == 3);
  REQUIRE(table->find(digest(1)));
  CHECK(table->find(digest(1))->owner == "alice");
  CHECK(table->find(digest(1))->scopes.empty());
  REQUIRE(table->find(digest(2)));
  CHECK(table->find(digest(2))->owner == "team/bob@example.com");
  CHECK(table->find(digest(2))->scopes == std::vector<std::string>{"read", "write"});
  CHECK(table->find(digest(2))->scopes_text == "read,write");
  CHECK(table->find(digest(0xab))->owner == "c");
  CHECK_FALSE(table->find(digest(3)));
}

TEST_CASE("upper and lower case digests are the same") {
  std::string error;
  std::string upper = hex(0xab);
  for (char& c : upper) c = c >= 'a' ? static_cast<char>(c - 32) : c;
  CHECK(KeyTable::parse("sha256:" + upper + " a", error)->find(digest(0xab)));
}

TEST_CASE("an empty file is a table that knows no key") {
  std::string error;
  const auto table = KeyTable::parse("", error);
  REQUIRE(table);
  CHECK(table->size() == 0);
  CHECK_FALSE(table->find(digest(0)));
}

TEST_CASE("mistakes name their line") {
  CHECK(error_of("# a\nsecret alice\n") == "line 2: must begin with sha256:<64 hex digits>");
  CHECK(error_of("sha256:abc alice") == "line 1: a SHA-256 digest has 64 hex digits, this has 3");
  CHECK(error_of("sha256:" + hex(1).replace(5, 1, "g") + " a") == "line 1: a digest is hex digits only");
  CHECK(error_of("\n\nsha256:" + hex(1)).starts_with("line 3: the owner must be"));
  CHECK(error_of("sha256:" + hex(1) + " a\"b").starts_with("line 1: the owner must be"));
  CHECK(error_of("sha256:" + hex(1) + " " + std::string(129, 'a')).starts_with("line 1: the owner must be"));
  CHECK(error_of("sha256:" + hex(1) + " a b, c") == "line 1: a comma without a scope after it");
  CHECK(error_of("sha256:" + hex(1) + " a ,b").starts_with("line 1: a scope must be"));
  CHECK(error_of("sha256:" + hex(1) + " a b c") == "line 1: too many words: digest, owner, scopes");
  CHECK(error_of("sha256:" + hex(1) + " a\nsha256:" + hex(1) + " b\n") == "the same key twice: for a and for b");
}

TEST_CASE("keys whose digests begin alike are all found") {
  std::string text, error;
  for (unsigned char last = 0; last < 200; ++last) text += "sha256:" + hex(7).substr(0, 62) + hex(last).substr(0, 2) + " owner" + std::to_string(last) + "\n";
  const auto table = KeyTable::parse(text, error);
  REQUIRE(table);
  for (unsigned char last = 0; last < 200; ++last) {
    Digest wanted = digest(7);
    wanted[31] = last;
    REQUIRE(table->find(wanted));
    CHECK(table->find(wanted)->owner == "owner" + std::to_string(last));
  }
  Digest other = digest(7);
  other[31] = 201;
  CHECK_FALSE(table->find(other));
}
