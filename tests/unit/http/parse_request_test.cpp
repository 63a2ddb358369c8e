// What the request parser lets in and what it refuses, as one table: each vector with the exact status and reason. Every head
// is also scanned in two pieces, cut at every byte, which must not change the answer.
#include <catch2/catch_test_macros.hpp>
#include <string>
#include <vector>

#include "tests/unit/http/heads.hpp"

namespace {

using cleat::test::Request;
using std::string;
using namespace std::string_literals;

struct Vector {
  string head;
  const char* verdict;  // "" = accepted
};

// With a Host and the end of the head, for vectors that are about one field.
string with(const string& fields, const string& method = "POST") {
  return method + " / HTTP/1.1\r\nHost: example.org\r\n" + fields + "\r\n\r\n";
}
string line(const string& first, const string& host = "example.org") { return first + "\r\nHost: " + host + "\r\n\r\n"; }
string host(const string& value) { return line("GET / HTTP/1.1", value); }
string target(const string& value) { return line("GET " + value + " HTTP/1.1"); }

void check(const std::vector<Vector>& vectors) {
  for (const Vector& vector : vectors) {
    INFO(vector.head);
    const Request whole(vector.head);
    CHECK(whole.verdict == vector.verdict);
    const cleat::http::HeadLimits limits;
    const auto once = cleat::http::scan_request_head(vector.head, 0, limits);
    for (std::size_t cut = 0; cut <= vector.head.size(); ++cut) {
      const auto twice = cleat::test::scan_split(cleat::http::scan_request_head, vector.head, cut, limits);
      if (twice.size != once.size || twice.skip != once.skip || twice.error.reason != once.error.reason) {
        CAPTURE(cut, twice.error.reason);
        CHECK(twice.size == once.size);
        CHECK(string(twice.error.reason) == once.error.reason);
      }
    }
  }
}

}  // namespace

TEST_CASE("request parser judges request lines") {
  check({
      {line("GET / HTTP/1.1"), ""},
      {line("GET / HTTP/1.0"), ""},
      {"GET / HTTP/1.0\r\n\r\n", ""},
      {"\r\n" + line("GET / HTTP/1.1"), ""},
      {"\r\n\r\n" + line("GET / HTTP/1.1"), "400 empty line before the first"},
      {"\n" + line("GET / HTTP/1.1"), "400 bare LF"},
      {" " + line("GET / HTTP/1.1"), "400 malformed method"},
      {line("GET / HTTP/1.2"), ""},
      {line("GET / HTTP/1.9"), ""},
      {line("GET / HTTP/2.0"), "505 version not supported"},
      {line("GET / HTTP/0.9"), "505 version not supported"},
      {line("GET / HTTP/3.1"), "505 version not supported"},
      {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505 version not supported"},
      {line("PRI * HTTP/1.1"), "505 version not supported"},
      {line("GET / http/1.1"), "400 malformed version"},
      {line("GET / HTTP/1.10"), "400 malformed version"},
      {line("GET / HTTP/01.1"), "400 malformed version"},
      {line("GET / HTTP/1"), "400 malformed version"},
      {line("GET / HTTP/1,1"), "400 malformed version"},
      {line("GET / HTTP/1.1 "), "400 malformed version"},
      {line("GET / HTP/1.1"), "400 malformed version"},
      {line("GET /  HTTP/1.1"), "400 malformed target"},
      {line("GET  / HTTP/1.1"), "400 malformed target"},
      {line("GET\t/ HTTP/1.1"), "400 malformed method"},
      {line("GET /\tHTTP/1.1"), "400 no version"},
      {"GET /\r\n\r\n", "400 no version"},
      {"GET\r\n\r\n", "400 malformed request line"},
      {line("GET HTTP/1.1"), "400 no version"},
      {line("GET  HTTP/1.1"), "400 malformed target"},
      {"\r\n", "incomplete"},
      {"GET / HTTP/1.1\r\nHost: a\r\n", "incomplete"},
      {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"s, "400 control character"},
  });
}

TEST_CASE("request parser judges methods") {
  check({
      {line("HEAD / HTTP/1.1"), ""},
      {line("PUT / HTTP/1.1"), ""},
      {line("DELETE / HTTP/1.1"), ""},
      {line("PATCH / HTTP/1.1"), ""},
      {line("TRACE / HTTP/1.1"), ""},
      {line("PROPFIND / HTTP/1.1"), ""},
      {line("M-SEARCH / HTTP/1.1"), ""},
      {line("BREW / HTTP/1.1"), "501 unknown method"},
      {line("get / HTTP/1.1"), "501 unknown method"},
      {line("GETS / HTTP/1.1"), "501 unknown method"},
      {line("ANNOUNCE / HTTP/1.1"), "501 unknown method"},
      {line("G(T / HTTP/1.1"), "400 malformed method"},
      {line("G\xc3\x89T / HTTP/1.1"), "400 malformed method"},
      {line("GET: / HTTP/1.1"), "400 malformed method"},
      {with("Content-Length: 3", "TRACE"), "400 method without body has one"},
      {with("Transfer-Encoding: chunked", "TRACE"), "400 method without body has one"},
      {"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\nContent-Length: 3\r\n\r\n", "400 method without body has one"},
      {"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\nContent-Length: 0\r\n\r\n", ""},
  });
}

TEST_CASE("request parser judges targets") {
  check({
      {target("/a/b;c=d/@:!$&'()*+,=~_-.?q=/?:@"), ""},
      {target("/a%20b?c=%C3%A9"), ""},
      {target("//a"), ""},
      {target("/?"), ""},
      {target("/[a]|b?{}|\\^`"), ""},
      {target("/a#b"), "400 malformed target"},
      {target("/a?b#c"), "400 malformed target"},
      {target("/a b"), "400 malformed target"},
      {target("/a\\b"), "400 malformed target"},
      {target("/{a}"), "400 malformed target"},
      {target("/\"a\""), "400 malformed target"},
      {target("/?a=<b>"), "400 malformed target"},
      {target("/caf\xc3\xa9"), "400 malformed target"},
      {target("/?caf\xc3\xa9"), "400 malformed target"},
      {target("/a\tb"), "400 malformed target"},
      {target("/a\x7f"), "400 control character"},
      {target("/a\x01"), "400 control character"},
      {target("/a\0b"s), "400 control character"},
      {target("/%"), "400 malformed target"},
      {target("/%4"), "400 malformed target"},
      {target("/%4g"), "400 malformed target"},
      {target("/%%20"), "400 malformed target"},
      {target("/?a=50%"), "400 malformed target"},
      {target("a/b"), "400 malformed target"},
      {target("?a"), "400 malformed target"},
      {target("*"), "400 malformed target"},
      {line("OPTIONS * HTTP/1.1"), ""},
      {line("OPTIONS *a HTTP/1.1"), "400 malformed target"},
      {line("OPTIONS / HTTP/1.1"), ""},
      {target("example.org:80"), "400 malformed target"},
      {target("http://example.org/"), ""},
      {target("HTTP://EXAMPLE.org/"), ""},
      {target("http://example.org"), ""},
      {target("http://example.org?a"), ""},
      {target("http://example.org:80/"), ""},
      {target("https://example.org:443/"), ""},
      {target("https://example.org:80/"), "400 host disagrees with target"},
      {target("http://example.org:8080/"), "400 host disagrees with target"},
      {target("http://example.com/"), "400 host disagrees with target"},
      {target("http://user@example.org/"), "400 malformed authority"},
      {target("http://user:pw@example.org/"), "400 malformed authority"},
      {target("http:///a"), "400 malformed authority"},
      {target("http://example.org:/"), "400 malformed authority"},
      {target("http://example.org#a"), "400 malformed target"},
      {target("http://example.org/a\\b"), "400 malformed target"},
      {target("http://example.org\\a"), "400 malformed authority"},
      {target("http:/example.org/"), "400 malformed target"},
      {target("ftp://example.org/"), "400 scheme not supported"},
      {"GET http://example.org/ HTTP/1.1\r\n\r\n", "400 no host"},
      {line("CONNECT example.org:443 HTTP/1.1", "example.org:443"), ""},
      {line("CONNECT example.org:443 HTTP/1.1"), ""},
      {line("CONNECT [2001:db8::1]:443 HTTP/1.1", "[2001:db8::1]"), ""},
      {line("CONNECT example.org:443 HTTP/1.1", "example.org:80"), "400 host disagrees with target"},
      {line("CONNECT example.org:443 HTTP/1.1", "example.com:443"), "400 host disagrees with target"},
      {line("CONNECT example.org HTTP/1.1"), "400 malformed authority"},
      {line("CONNECT example.org: HTTP/1.1"), "400 malformed authority"},
      {line("CONNECT example.org:0 HTTP/1.1"), "400 malformed authority"},
      {line("CONNECT example.org:65536 HTTP/1.1"), "400 malformed authority"},
      {line("CONNECT /a HTTP/1.1"), "400 malformed authority"},
      {line("CONNECT http://example.org:80/ HTTP/1.1"), "400 malformed authority"},
  });
}

TEST_CASE("request parser judges Host") {
  check({
      {host("a"), ""},
      {host("a:8080"), ""},
      {host("127.0.0.1:1"), ""},
      {host("[::1]"), ""},
      {host("[::ffff:1.2.3.4]:80"), ""},
      {host("a_b.example.org."), ""},
      {host("EXAMPLE.org"), ""},
      {host(""), "400 malformed host"},
      {host("a b"), "400 malformed host"},
      {host("a,b"), "400 malformed host"},
      {host("a/b"), "400 malformed host"},
      {host("a?b"), "400 malformed host"},
      {host("a#b"), "400 malformed host"},
      {host("a@b"), "400 malformed host"},
      {host("http://a"), "400 malformed host"},
      {host("a%2eb"), "400 malformed host"},
      {host("caf\xc3\xa9"), "400 malformed host"},
      {host("a:"), "400 malformed host"},
      {host("a:b"), "400 malformed host"},
      {host("a:0"), "400 malformed host"},
      {host("a:99999"), "400 malformed host"},
      {host("a:000080"), "400 malformed host"},
      {host("a:80:80"), "400 malformed host"},
      {host("a:+80"), "400 malformed host"},
      {host(":80"), "400 malformed host"},
      {host("::1"), "400 malformed host"},
      {host("[::1"), "400 malformed host"},
      {host("[::1]a"), "400 malformed host"},
      {host("[]"), "400 malformed host"},
      {host("[fe80::1%25eth0]"), "400 malformed host"},
      {host("[v1.a]"), "400 malformed host"},
      {host(string(256, 'a')), "400 malformed host"},
      {"GET / HTTP/1.1\r\n\r\n", "400 no host"},
      {"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", "400 repeated host"},
      {"GET / HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n", "400 repeated host"},
      {"GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", "400 repeated host"},
  });
}

TEST_CASE("request parser judges field lines") {
  check({
      {with("A: b"), ""},
      {with("A:b"), ""},
      {with("A: \t b \t "), ""},
      {with("A:"), ""},
      {with("A:   "), ""},
      {with("!#$%&'*+-.^_`|~0aZ: b"), ""},
      {with("A: caf\xc3\xa9 \xff"), ""},
      {with("A: b:c: d"), ""},
      {with("A : b"), "400 malformed field name"},
      {with("A\t: b"), "400 malformed field name"},
      {with(": b"), "400 malformed field name"},
      {with("A"), "400 malformed field name"},
      {with("A b: c"), "400 malformed field name"},
      {with("A\xc3\xa9: c"), "400 malformed field name"},
      {with("A(b): c"), "400 malformed field name"},
      {with("A/b: c"), "400 malformed field name"},
      {with("\"A\": c"), "400 malformed field name"},
      {with("A: b\r\n c"), "400 line begins with space"},
      {with("A: b\r\n\tc"), "400 line begins with space"},
      {with("A: b\r\n "), "400 line begins with space"},
      {"GET / HTTP/1.1\r\n Host: a\r\n\r\n", "400 line begins with space"},
      {"GET / HTTP/1.1\r\n \r\nHost: a\r\n\r\n", "400 line begins with space"},
      {with("A: b\nC: d"), "400 bare LF"},
      {with("A: b\n\nGET / HTTP/1.1"), "400 bare LF"},
      {with("A: b\rC: d"), "400 bare CR"},
      {with("A: b\r\r\nC: d"), "400 bare CR"},
      {with("A: \rb"), "400 bare CR"},
      {with("A\r: b"), "400 bare CR"},
      {"GET / HTTP/1.1\nHost: a\n\n", "400 bare LF"},
      {"GET / HTTP/1.1\r\nHost: a\r\n\n", "400 bare LF"},
      {"GET / HTTP/1.1\r\nHost: a\n\r\n", "400 bare LF"},
      {"GET / HTTP/1.1\r\r\nHost: a\r\n\r\n", "400 bare CR"},
      {"GET / HTTP/1.1\r\nHost: a\r\n\rX", "400 bare CR"},
      {with("A: b\0c"s), "400 control character"},
      {with("A\0: b"s), "400 control character"},
      {with("A: b\x01"), "400 control character"},
      {with("A: b\x0b"), "400 control character"},
      {with("A: b\x1f"), "400 control character"},
      {with("A: b\x7f"), "400 control character"},
  });
}

TEST_CASE("request parser judges body framing") {
  check({
      {with("Content-Length: 0"), ""},
      {with("Content-Length: 5"), ""},
      {with("Content-Length:5 "), ""},
      {with("Content-Length: 5\t"), "400 malformed content-length"},  // llhttp is stricter than RFC 9110 5.5 here
      {with("Content-Length: 9223372036854775807"), ""},
      {with("Content-Length: 9223372036854775808"), "400 malformed content-length"},
      {with("Content-Length: 18446744073709551616"), "400 malformed content-length"},
      {with("Content-Length: 00000000000000000000005"), "400 malformed content-length"},
      {with("Content-Length:"), "400 malformed content-length"},
      {with("Content-Length: +5"), "400 malformed content-length"},
      {with("Content-Length: -5"), "400 malformed content-length"},
      {with("Content-Length: 0x5"), "400 malformed content-length"},
      {with("Content-Length: 5a"), "400 malformed content-length"},
      {with("Content-Length: 5.0"), "400 malformed content-length"},
      {with("Content-Length: 5 5"), "400 malformed content-length"},
      {with("Content-Length: 5, 5"), "400 malformed content-length"},
      {with("Content-Length: 5,6"), "400 malformed content-length"},
      {with("Content-Length: \"5\""), "400 malformed content-length"},
      {with("Content-Length: 5\r\nContent-Length: 5"), "400 repeated content-length"},
      {with("Content-Length: 5\r\ncontent-LENGTH: 6"), "400 repeated content-length"},
      {with("Content_Length: 5\r\nContent-Length: 6"), ""},
      {with("Transfer-Encoding: chunked"), ""},
      {with("TRANSFER-encoding: CHUNKED"), ""},
      {with("Transfer-Encoding:\tchunked "), ""},
      {with("Transfer-Encoding: gzip"), "501 unknown transfer-coding"},
      {with("Transfer-Encoding: identity"), "501 unknown transfer-coding"},
      {with("Transfer-Encoding: xchunked"), "501 unknown transfer-coding"},
      {with("Transfer-Encoding: chunkedx"), "501 unknown transfer-coding"},
      {with("Transfer-Encoding: gzip, chunked"), "501 unknown transfer-coding"},
      {with("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked"), "501 unknown transfer-coding"},
      {with("Transfer-Encoding: chunked, gzip"), "400 chunked is not the final coding"},
      {with("Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip"), "400 chunked is not the final coding"},
      {with("Transfer-Encoding: chunked, chunked"), "400 chunked applied twice"},
      {with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"), "400 chunked applied twice"},
      {with("Transfer-Encoding: chunked;q=1"), "400 malformed transfer-encoding"},
      {with("Transfer-Encoding: chunked,"), "400 malformed transfer-encoding"},
      {with("Transfer-Encoding: ,chunked"), "400 malformed transfer-encoding"},
      {with("Transfer-Encoding: \"chunked\""), "400 malformed transfer-encoding"},
      {with("Transfer-Encoding: chunked chunked"), "400 malformed transfer-encoding"},
      {with("Transfer-Encoding: chun ked"), "400 malformed transfer-encoding"},
      {with("Transfer-Encoding: \x0b" "chunked"), "400 control character"},
      {with("Transfer-Encoding: \xa0" "chunked"), "400 malformed transfer-encoding"},
      {with("Transfer-Encoding:"), "400 malformed transfer-encoding"},
      {with("Transfer-Encoding : chunked"), "400 malformed field name"},
      {with("Transfer-Encoding\r\n : chunked"), "400 line begins with space"},
      {with("Content-Length: 5\r\nTransfer-Encoding: chunked"), "400 content-length with transfer-encoding"},
      {with("Transfer-Encoding: chunked\r\nContent-Length: 5"), "400 content-length with transfer-encoding"},
      {with("Transfer-Encoding: gzip\r\nContent-Length: 5"), "400 content-length with transfer-encoding"},
      {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", "400 transfer-encoding in HTTP/1.0"},
      {"POST / HTTP/1.0\r\nTransfer-Encoding: gzip\r\n\r\n", "400 transfer-encoding in HTTP/1.0"},
  });
}

TEST_CASE("request parser judges Connection and Expect") {
  string options = "Connection: a";
  for (int i = 0; i < 32; ++i) options += ",a";
  check({
      {with("Connection: keep-alive, , Upgrade"), ""},
      {with("Connection:"), ""},
      {with("Connection: a b"), "400 malformed connection"},
      {with("Connection: \"close\""), "400 malformed connection"},
      {with("Connection: a;b"), "400 malformed connection"},
      {with(options), "400 too many connection options"},
      {with("Expect: 100-Continue"), ""},
      {with("Expect: 100-continue, 100-continue"), "417 unknown expectation"},
      {with("Expect: 200-ok"), "417 unknown expectation"},
      {with("Expect:"), "417 unknown expectation"},
  });
}
