// What the response parser lets in, what it refuses (always as 502), and how it frames the body.
#include <catch2/catch_test_macros.hpp>
#include <string>
#include <vector>

#include "tests/unit/http/heads.hpp"

namespace {

using cleat::http::Body;
using cleat::test::Response;
using std::string;
using namespace std::string_literals;

string with(const string& fields, const string& status = "200 OK") {
  return "HTTP/1.1 " + status + "\r\n" + fields + "\r\n\r\n";
}
string line(const string& first) { return first + "\r\nContent-Length: 0\r\n\r\n"; }

struct Vector {
  string head;
  const char* reason;  // "" = accepted
};

void check(const std::vector<Vector>& vectors) {
  for (const Vector& vector : vectors) {
    INFO(vector.head);
    const Response whole(vector.head);
    CHECK(whole.verdict == (*vector.reason == '\0' ? "" : string("502 ") + vector.reason));
    const cleat::http::HeadLimits limits;
    const auto once = cleat::http::scan_response_head(vector.head, 0, limits);
    for (std::size_t cut = 0; cut <= vector.head.size(); ++cut) {
      const auto twice = cleat::test::scan_split(cleat::http::scan_response_head, vector.head, cut, limits);
      if (twice.size != once.size || twice.error.reason != once.error.reason) {
        CAPTURE(cut, twice.error.reason);
        CHECK(twice.size == once.size);
        CHECK(string(twice.error.reason) == once.error.reason);
      }
    }
  }
}

}  // namespace

TEST_CASE("response parser judges status lines") {
  check({
      {line("HTTP/1.1 200 OK"), ""},
      {line("HTTP/1.0 200 OK"), ""},
      {line("HTTP/1.1 200 "), ""},
      {line("HTTP/1.1 200"), ""},
      {line("HTTP/1.1 299 What\tever caf\xc3\xa9"), ""},
      {line("HTTP/1.1 599 x"), ""},
      {line("HTTP/1.5 200 OK"), ""},
      {line("HTTP/2.0 200 OK"), "version not supported"},
      {line("HTTP/0.9 200 OK"), "version not supported"},
      {line("HTTP/1.11 200 OK"), "malformed status line"},
      {line("http/1.1 200 OK"), "malformed version"},
      {line("ICY 200 OK"), "malformed version"},
      {line("HTTP/1.1 99 x"), "malformed status"},
      {line("HTTP/1.1 099 x"), "malformed status"},
      {line("HTTP/1.1 600 x"), "malformed status"},
      {line("HTTP/1.1 2000 x"), "malformed status"},
      {line("HTTP/1.1 20 x"), "malformed status"},
      {line("HTTP/1.1 2x0 x"), "malformed status"},
      {line("HTTP/1.1 -20 x"), "malformed status"},
      {line("HTTP/1.1 200OK"), "malformed status"},
      {line("HTTP/1.1 200\tOK"), "malformed status"},
      {line("HTTP/1.1  200 OK"), "malformed status"},
      {line("HTTP/1.1"), "malformed status line"},
      {line("HTTP/1.1 "), "malformed status line"},
      {line("HTTP/1.1 200 O\x01K"), "control character"},
      {line("HTTP/1.1 200 O\0K"s), "control character"},
      {line("\r\nHTTP/1.1 200 OK"), "empty line before the first"},
      {line(" HTTP/1.1 200 OK"), "malformed version"},
      {"HTTP/1.1 200 OK\n\n", "bare LF"},
      {"\r\n\r\n", "empty line before the first"},
      {"<html>\r\n\r\n", "malformed version"},
  });
}

TEST_CASE("response parser judges fields and framing") {
  check({
      {"HTTP/1.1 200 OK\r\n\r\n", ""},
      {with("A: b"), ""},
      {with("A : b"), "malformed field name"},
      {with(": b"), "malformed field name"},
      {with("A"), "malformed field name"},
      {with("A: b\r\n c"), "line begins with space"},
      {with("A: b\nC: d"), "bare LF"},
      {with("A: b\rC: d"), "bare CR"},
      {with("A: b\0"s), "control character"},
      {with("A: b\x08"), "control character"},
      {with("Connection: a b"), "malformed connection"},
      {with("Content-Length: 5"), ""},
      {with("Content-Length: 5, 5"), "malformed content-length"},
      {with("Content-Length: -1"), "malformed content-length"},
      {with("Content-Length:"), "malformed content-length"},
      {with("Content-Length: 5\r\nContent-Length: 5"), "repeated content-length"},
      {with("Content-Length: 5\r\nContent-Length: 6", "204 No Content"), "repeated content-length"},
      {with("Content-Length: 5\r\nTransfer-Encoding: chunked"), "content-length with transfer-encoding"},
      {with("Transfer-Encoding: chunked\r\nContent-Length: 5"), "content-length with transfer-encoding"},
      {with("Transfer-Encoding: chunked"), ""},
      {with("Transfer-Encoding: gzip"), "unknown transfer-coding"},
      {with("Transfer-Encoding: gzip, chunked"), "unknown transfer-coding"},
      {with("Transfer-Encoding: chunked, gzip"), "chunked is not the final coding"},
      {with("Transfer-Encoding: chunked, chunked"), "chunked applied twice"},
      {with("Transfer-Encoding: chunked;a=b"), "malformed transfer-encoding"},
      {"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "transfer-encoding in HTTP/1.0"},
      {with("A: b", "101 Switching Protocols"), "101 without upgrade"},
      {with("Upgrade: websocket", "101 Switching Protocols"), "101 without upgrade"},
      {with("Connection: upgrade", "101 Switching Protocols"), "101 without upgrade"},
      {with("Connection: upgrade\r\nUpgrade: websocket", "101 Switching Protocols"), ""},
      {with("A: " + string(70000, 'a')), "head too large"},
  });
}

TEST_CASE("response body framing follows RFC 9112 6.3") {
  struct Case {
    const char* fields;
    const char* status;
    const char* method;
    Body body;
    bool keep_alive;
  };
  const Case cases[] = {
      {"Content-Length: 5", "200 OK", "GET", Body::kLength, true},
      {"Content-Length: 5\r\nConnection: close", "200 OK", "GET", Body::kLength, false},
      {"Transfer-Encoding: chunked", "200 OK", "GET", Body::kChunked, true},
      {"A: b", "200 OK", "GET", Body::kUntilClose, false},
      {"Connection: keep-alive", "200 OK", "GET", Body::kUntilClose, false},
      {"A: b", "200 OK", "HEAD", Body::kNone, true},
      {"Content-Length: 5", "200 OK", "HEAD", Body::kNone, true},
      {"Transfer-Encoding: chunked", "200 OK", "HEAD", Body::kNone, true},
      {"Content-Length: 5", "304 Not Modified", "GET", Body::kNone, true},
      {"A: b", "204 No Content", "GET", Body::kNone, true},
      {"Content-Length: 0", "204 No Content", "GET", Body::kNone, true},
      {"Content-Length: 5", "204 No Content", "GET", Body::kNone, false},
      {"Transfer-Encoding: chunked", "204 No Content", "GET", Body::kNone, false},
      {"A: b", "100 Continue", "POST", Body::kNone, true},
      {"A: b", "103 Early Hints", "GET", Body::kNone, true},
      {"Content-Length: 5", "200 OK", "CONNECT", Body::kNone, false},
      {"Transfer-Encoding: chunked", "200 OK", "CONNECT", Body::kNone, false},
      {"Content-Length: 5", "407 x", "CONNECT", Body::kLength, true},
      {"Connection: upgrade\r\nUpgrade: a", "101 x", "GET", Body::kNone, false},
  };
  for (const Case& c : cases) {
    INFO(c.status << ' ' << c.method << ' ' << c.fields);
    const Response response(with(c.fields, c.status), c.method);
    CHECK(response.verdict.empty());
    CHECK(response.head.body == c.body);
    CHECK(response.head.keep_alive == c.keep_alive);
  }
}

TEST_CASE("HTTP/1.0 responses keep the connection only when they say so") {
  CHECK_FALSE(Response("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n").head.keep_alive);
  CHECK(Response("HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n").head.keep_alive);
}

TEST_CASE("response head has status, reason, fields and upgrade") {
  const Response response(with("Connection: upgrade, x\r\nUpgrade: websocket\r\nX: 1\r\nY: 2", "101 Switching  it"));
  REQUIRE(response.verdict.empty());
  CHECK(response.head.status == 101);
  CHECK(response.head.reason == "Switching  it");
  CHECK(response.head.upgrade == "websocket");
  CHECK(response.head.fields.size() == 4);
  CHECK(response.head.fields.find("x")->hop);
  CHECK_FALSE(response.head.fields.find("y")->hop);
}
