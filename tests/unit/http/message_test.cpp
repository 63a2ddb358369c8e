#include "kernel/http/message.hpp"

#include <catch2/catch_test_macros.hpp>
#include <cstdint>
#include <iterator>
#include <string>

using cleat::http::equal_names;
using cleat::http::Fields;
using cleat::http::has_token;
using cleat::http::Name;
using cleat::http::name_of;
using cleat::http::valid_name;
using cleat::http::valid_value;

namespace {

constexpr struct {
  const char* text;
  Name name;
} kNames[] = {{"Host", Name::kHost},
              {"Connection", Name::kConnection},
              {"Content-Length", Name::kContentLength},
              {"Transfer-Encoding", Name::kTransferEncoding},
              {"TE", Name::kTe},
              {"Trailer", Name::kTrailer},
              {"Upgrade", Name::kUpgrade},
              {"Keep-Alive", Name::kKeepAlive},
              {"Proxy-Connection", Name::kProxyConnection},
              {"Expect", Name::kExpect},
              {"Via", Name::kVia},
              {"X-Forwarded-For", Name::kXForwardedFor},
              {"X-Forwarded-Proto", Name::kXForwardedProto},
              {"X-Request-Id", Name::kXRequestId},
              {"Date", Name::kDate},
              {"Server", Name::kServer},
              {"Proxy-Authenticate", Name::kProxyAuthenticate},
              {"Proxy-Authorization", Name::kProxyAuthorization}};

}  // namespace

TEST_CASE("names are equal without regard to the case of letters, and of nothing else, at every place and length") {
  const auto lower = [](int c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; };
  for (std::size_t size = 1; size <= 20; ++size) {
    for (std::size_t at = 0; at < size; ++at) {
      std::string a(size, 'x'), b(size, 'X');
      std::uint32_t wrong = 0;
      for (int c = 0; c < 256; ++c) {
        for (int d = 0; d < 256; ++d) {
          a[at] = static_cast<char>(c);
          b[at] = static_cast<char>(d);
          wrong += equal_names(a, b) != (lower(c) == lower(d));
        }
      }
      CAPTURE(size, at);
      CHECK(wrong == 0);
    }
  }
  CHECK(equal_names("", ""));
  CHECK_FALSE(equal_names("", "a"));
}

TEST_CASE("every known name is found in any case, and nothing near it") {
  REQUIRE(std::size(kNames) == static_cast<std::size_t>(Name::kProxyAuthorization));
  for (const auto& known : kNames) {
    std::string text = known.text;
    CHECK(name_of(text) == known.name);
    for (char& c : text) c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 32 : c);
    CHECK(name_of(text) == known.name);
    for (char& c : text) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
    CHECK(name_of(text) == known.name);
    for (std::size_t i = 0; i < text.size(); ++i) {
      std::string near = text;
      near[i] = '_';
      CHECK(name_of(near) == Name::kOther);
      near[i] = static_cast<char>(text[i] ^ 0x20);  // '-' becomes CR, which is no letter in another case
      if (text[i] == '-') CHECK(name_of(near) == Name::kOther);
    }
    CHECK(name_of(text + "x") == Name::kOther);
    CHECK(name_of(text.substr(1)) == Name::kOther);
  }
  CHECK(name_of("") == Name::kOther);
}

TEST_CASE("names are tokens and values are field-content") {
  CHECK(valid_name("x-a_b~1"));
  CHECK_FALSE(valid_name(""));
  CHECK_FALSE(valid_name("a b"));
  CHECK_FALSE(valid_name("a:"));
  CHECK_FALSE(valid_name("\xc3\xa9"));
  CHECK(valid_value(""));
  CHECK(valid_value("a \t b"));
  CHECK(valid_value("\xc3\xa9"));
  CHECK_FALSE(valid_value(" a"));
  CHECK_FALSE(valid_value("a\t"));
  CHECK_FALSE(valid_value(" "));
  CHECK_FALSE(valid_value("a\r\nb: c"));
  CHECK_FALSE(valid_value(std::string_view("a\0b", 3)));
  CHECK_FALSE(valid_value("\x7f"));
}

TEST_CASE("a token is found in a list as a whole element") {
  CHECK(has_token("close", "CLOSE"));
  CHECK(has_token("a, b\t,close", "close"));
  CHECK(has_token(",,close,", "close"));
  CHECK_FALSE(has_token("closed", "close"));
  CHECK_FALSE(has_token("a close", "close"));
  CHECK_FALSE(has_token("", "close"));
}

TEST_CASE("fields keep their order through growth and removal") {
  cleat::BlockPool pool;
  cleat::Arena arena(pool);
  Fields fields;
  static const std::string names[] = {"a", "B", "c"};
  for (int i = 0; i < 99; ++i) REQUIRE(fields.add(arena, {names[i % 3], names[(i + 1) % 3], Name::kOther, false}));
  CHECK(fields.size() == 99);
  CHECK(fields.remove("b") == 33);
  CHECK(fields.remove("b") == 0);
  REQUIRE(fields.size() == 66);
  for (std::uint32_t i = 0; i < 66; ++i) CHECK(fields[i].name == names[i % 2 == 0 ? 0 : 2]);
}

TEST_CASE("fields refuse to grow past the arena's bound") {
  cleat::BlockPool pool;
  cleat::Arena arena(pool, 4096);
  Fields fields;
  std::uint32_t added = 0;
  while (added < 1000 && fields.add(arena, {"a", "b", Name::kOther, false})) ++added;
  CHECK(added < 1000);
  CHECK(fields.size() == added);
}
