// What a parsed request head says: target forms, authority, connection, hop-by-hop fields, limits.
#include <catch2/catch_test_macros.hpp>
#include <string>

#include "tests/unit/http/heads.hpp"

using cleat::http::Body;
using cleat::http::HeadLimits;
using cleat::http::Name;
using cleat::test::Request;

namespace {

std::string with(const std::string& fields, const std::string& version = "1.1") {
  return "GET / HTTP/" + version + "\r\nHost: example.org\r\n" + fields + "\r\n\r\n";
}

bool hop(const Request& request, std::string_view name) {
  const auto* field = request.head.fields.find(name);
  REQUIRE(field != nullptr);
  return field->hop;
}

}  // namespace

TEST_CASE("request head has its fields in order, values trimmed and names known") {
  const Request request("GET /a?b HTTP/1.1\r\nHost: example.org:81\r\nA: \t1 2 \r\nB:\r\nvia: x\r\na: 3\r\n\r\n");
  REQUIRE(request.verdict.empty());
  const auto& head = request.head;
  CHECK(head.method == "GET");
  CHECK(head.target == "/a?b");
  CHECK(head.authority == "example.org:81");
  CHECK(head.scheme == "http");
  CHECK(head.body == Body::kNone);
  REQUIRE(head.fields.size() == 5);
  CHECK(head.fields[0].known == Name::kHost);
  CHECK(head.fields[1].name == "A");
  CHECK(head.fields[1].value == "1 2");
  CHECK(head.fields[1].known == Name::kOther);
  CHECK(head.fields[2].value.empty());
  CHECK(head.fields[3].known == Name::kVia);
  CHECK(head.fields.find("a", 1)->value == "3");
  CHECK(head.fields.find("a", 2) == nullptr);
}

TEST_CASE("absolute-form becomes origin-form and gives the authority") {
  const auto target = [](const std::string& line) {
    const Request request(line + " HTTP/1.1\r\nHost: Example.org\r\n\r\n");
    INFO(line);
    CHECK(request.verdict.empty());
    const auto& head = request.head;
    return std::string(head.scheme) + " " + std::string(head.authority) + " " + std::string(head.target);
  };
  CHECK(target("GET http://example.org/a?b") == "http example.org /a?b");
  CHECK(target("GET http://example.org") == "http example.org /");
  CHECK(target("GET http://example.org?a/b") == "http example.org /?a/b");
  CHECK(target("GET hTTps://example.org/") == "https example.org /");
  CHECK(target("GET http://example.org:80/") == "http example.org:80 /");
  CHECK(target("OPTIONS http://example.org") == "http example.org *");
  CHECK(target("OPTIONS http://example.org/") == "http example.org /");
  CHECK(target("OPTIONS *") == "http Example.org *");
  CHECK(target("CONNECT example.org:443") == "http example.org:443 example.org:443");
}

TEST_CASE("HTTP/1.0 without Host has no authority") {
  const Request request("GET / HTTP/1.0\r\n\r\n");
  CHECK(request.verdict.empty());
  CHECK(request.head.authority.empty());
  CHECK(request.head.minor == 0);
}

TEST_CASE("keep-alive is the default of HTTP/1.1 and an option of HTTP/1.0") {
  CHECK(Request(with("A: b")).head.keep_alive);
  CHECK(Request(with("A: b", "1.7")).head.keep_alive);
  CHECK_FALSE(Request(with("Connection: close")).head.keep_alive);
  CHECK_FALSE(Request(with("Connection: keep-alive, CLOSE")).head.keep_alive);
  CHECK_FALSE(Request(with("Connection: keep-alive\r\nConnection: a,close")).head.keep_alive);
  CHECK_FALSE(Request(with("A: b", "1.0")).head.keep_alive);
  CHECK(Request(with("Connection: Keep-Alive", "1.0")).head.keep_alive);
  CHECK_FALSE(Request(with("Proxy-Connection: keep-alive", "1.0")).head.keep_alive);
}

TEST_CASE("body framing follows Content-Length and Transfer-Encoding") {
  CHECK(Request(with("Content-Length: 17")).head.body == Body::kLength);
  CHECK(Request(with("Content-Length: 17")).head.content_length == 17);
  CHECK(Request(with("Content-Length: 0")).head.body == Body::kLength);
  CHECK(Request(with("Transfer-Encoding: Chunked")).head.body == Body::kChunked);
}

TEST_CASE("hop-by-hop fields are marked, and those that Connection lists") {
  const Request request(with("Connection: X-Mine, te\r\nTE: trailers\r\nKeep-Alive: 5\r\nProxy-Connection: a\r\nx-mine: 1\r\n"
                             "Transfer-Encoding: chunked\r\nUpgrade: a\r\nX-Mine: 2\r\nX-Other: 3\r\nProxy-Authorization: a"));
  REQUIRE(request.verdict.empty());
  for (const char* name : {"Connection", "TE", "Keep-Alive", "Proxy-Connection", "x-mine", "Transfer-Encoding", "Upgrade"}) {
    CHECK(hop(request, name));
  }
  CHECK(request.head.fields.find("x-mine", 1)->hop);
  CHECK_FALSE(hop(request, "X-Other"));
  CHECK_FALSE(hop(request, "Proxy-Authorization"));
  CHECK(request.head.te_trailers);
}

TEST_CASE("Connection cannot strip what the next hop frames, routes or trusts by") {
  const Request request(
      with("Connection: host, content-length, x-forwarded-for, authorization, cookie, via, x-request-id\r\nContent-Length: 3\r\n"
           "X-Forwarded-For: a\r\nAuthorization: b\r\nCookie: c\r\nVia: d\r\nX-Request-Id: e"));
  REQUIRE(request.verdict.empty());
  for (const char* name : {"Host", "Content-Length", "X-Forwarded-For", "Authorization", "Cookie", "Via", "X-Request-Id"}) {
    CHECK_FALSE(hop(request, name));
  }
}

TEST_CASE("Upgrade counts only where Connection lists it, and never in HTTP/1.0") {
  CHECK(Request(with("Connection: Upgrade\r\nUpgrade: websocket")).head.upgrade == "websocket");
  CHECK(Request(with("Upgrade: websocket")).head.upgrade.empty());
  CHECK(Request(with("Connection: upgrade")).head.upgrade.empty());
  CHECK(Request(with("Connection: Upgrade\r\nUpgrade: websocket", "1.0")).head.upgrade.empty());
}

TEST_CASE("Expect: 100-continue counts only with a body, and never in HTTP/1.0") {
  CHECK(Request(with("Expect: 100-continue\r\nContent-Length: 3")).head.expect_continue);
  CHECK(Request(with("Expect: 100-CONTINUE\r\nTransfer-Encoding: chunked")).head.expect_continue);
  CHECK_FALSE(Request(with("Expect: 100-continue")).head.expect_continue);
  CHECK_FALSE(Request(with("Expect: 100-continue\r\nContent-Length: 3", "1.0")).head.expect_continue);
}

TEST_CASE("limits of request heads are exact") {
  HeadLimits limits;
  const std::string text = with("A: b\r\nC: d");
  limits.fields_max = 3;
  CHECK(Request(text, limits).verdict.empty());
  limits.fields_max = 2;
  CHECK(Request(text, limits).verdict == "431 too many fields");

  limits = HeadLimits{};
  limits.head_bytes_max = text.size();
  CHECK(Request(text, limits).verdict.empty());
  limits.head_bytes_max = text.size() - 1;
  CHECK(Request(text, limits).verdict == "431 head too large");

  limits = HeadLimits{};
  limits.target_bytes_max = 100;
  const auto target = [](std::size_t size) {
    return "GET /" + std::string(size - 1, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n";
  };
  CHECK(Request(target(100), limits).verdict.empty());
  CHECK(Request(target(101), limits).verdict == "414 target too long");
  CHECK(Request(target(1000), limits).verdict == "414 target too long");
}

TEST_CASE("a request line or head that can no longer fit is refused before its end") {
  HeadLimits limits;
  CHECK(Request("GET /" + std::string(9000, 'a'), limits).verdict == "414 target too long");
  CHECK(Request("GET /" + std::string(8000, 'a'), limits).verdict == "incomplete");
  CHECK(Request("GET / HTTP/1.1\r\nA: " + std::string(70000, 'a'), limits).verdict == "431 head too large");
  CHECK(Request("GET / HTTP/1.1\r\nA: " + std::string(60000, 'a'), limits).verdict == "incomplete");
}

TEST_CASE("a head that exceeds its arena is refused") {
  cleat::BlockPool pool;
  cleat::Arena arena(pool, 2000);
  std::string text = "GET / HTTP/1.1\r\nHost: a\r\n";
  for (int i = 0; i < 90; ++i) text += "A: b\r\n";
  text += "\r\n";
  cleat::http::RequestHead head;
  const auto error = cleat::http::parse_request_head(text, HeadLimits{}, arena, head);
  CHECK(cleat::test::describe(error) == "431 head exceeds its memory");
}
