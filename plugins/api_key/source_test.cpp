// Where keys stand, and how they are taken out: the functions on text. With a whole request: tests/e2e/test_api_key.py.
#include "source.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace api_key;

namespace {

std::string query_key(std::string_view query, Found expected = Found::kOne) {
  char scratch[16];
  std::string_view value;
  CHECK(find_in_query(query, "key", scratch, value) == expected);
  return std::string(value);
}

std::string cookie_key(std::string_view cookie, Found expected = Found::kOne) {
  std::string_view value;
  CHECK(find_in_cookie(cookie, "key", value) == expected);
  return std::string(value);
}

}  // namespace

TEST_CASE("a key is found in a query") {
  CHECK(query_key("key=abc") == "abc");
  CHECK(query_key("a=1&key=abc&b=2") == "abc");
  CHECK(query_key("key=a=b") == "a=b");
  CHECK(query_key("key=a%2Bb+c") == "a+b+c");
  CHECK(query_key("key=&key=abc") == "abc");
  query_key("", Found::kNone);
  query_key("key", Found::kNone);
  query_key("key=", Found::kNone);
  query_key("xkey=a&keyx=b&KEY=c", Found::kNone);
}

TEST_CASE("a query with two keys, or one that cannot be decoded, is bad") {
  query_key("key=a&key=b", Found::kBad);
  query_key("key=a&key=a", Found::kBad);
  for (const char* bad : {"key=%", "key=%4", "key=%zz", "key=a%4"}) query_key(bad, Found::kBad);
  query_key("key=%41aaaaaaaaaaaaaaaa", Found::kBad);  // longer than the scratch memory
}

TEST_CASE("a key is taken out of a target, and nothing else") {
  CHECK(without_parameter("/p?key=a", "key") == "/p");
  CHECK(without_parameter("/p?key=a&b=2", "key") == "/p?b=2");
  CHECK(without_parameter("/p?a=1&key=x&b=2&key=y", "key") == "/p?a=1&b=2");
  CHECK(without_parameter("/p?a=1&&key", "key") == "/p?a=1&");
  CHECK(without_parameter("/p?a=1&keyx=2", "key") == std::nullopt);
  CHECK(without_parameter("/key=a", "key") == std::nullopt);
  CHECK(without_parameter("/p?", "key") == std::nullopt);
}

TEST_CASE("a key is found in a cookie and taken out of it") {
  CHECK(cookie_key("key=abc") == "abc");
  CHECK(cookie_key("a=1; key=\"abc\"; b=2") == "abc");
  CHECK(cookie_key("a=1;key=abc") == "abc");
  cookie_key("", Found::kNone);
  cookie_key("key=; xkey=1", Found::kNone);
  cookie_key("key=a; key=b", Found::kBad);
  CHECK(without_cookie("key=abc", "key") == "");
  CHECK(without_cookie("a=1; key=abc; b=2", "key") == "a=1; b=2");
  CHECK(without_cookie("a=1;key=abc", "key") == "a=1");
  CHECK(without_cookie("a=1; xkey=abc", "key") == std::nullopt);
}

TEST_CASE("credentials of another scheme are not ours") {
  CHECK(after_scheme("Bearer abc", "bearer") == "abc");
  CHECK(after_scheme("bearer   abc ", "Bearer") == "abc");
  CHECK(after_scheme("Basic abc", "Bearer") == std::nullopt);
  CHECK(after_scheme("Bearerabc", "Bearer") == std::nullopt);
  CHECK(after_scheme("Bearer", "Bearer") == std::nullopt);
}
