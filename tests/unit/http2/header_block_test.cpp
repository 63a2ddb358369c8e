// Header blocks of HTTP/2 into request heads: what they become, what is malformed, and what is answered as over any other wire.
#include "kernel/http2/header_block.hpp"

#include <catch2/catch_test_macros.hpp>
#include <string>
#include <vector>

#include "kernel/http2/nv.hpp"
#include "tests/unit/http/heads.hpp"

using cleat::http::Body;
using cleat::http::Name;
using cleat::http::RequestHead;

namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

struct Block : cleat::test::Memory {
  explicit Block(const Pairs& pairs, bool end_stream = true, const cleat::http::HeadLimits& limits = {}) {
    cleat::http2::RequestBlock block;
    block.begin(arena, head, limits);
    for (const auto& [name, value] : pairs) block.add(name, value);
    const cleat::http2::Verdict found = block.end(end_stream);
    verdict = found.malformed != nullptr ? std::string("malformed: ") + found.malformed : cleat::test::describe(found.error);
  }
  RequestHead head;
  std::string verdict;  // "": good
};

Pairs with(Pairs more, const std::string& method = "GET") {
  Pairs all = {{":method", method}, {":scheme", "http"}, {":path", "/a?b"}, {":authority", "example.org"}};
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

std::string value_of(const RequestHead& head, std::string_view name) {
  const auto* field = head.fields.find(name);
  return field == nullptr ? "(none)" : std::string(field->value);
}

}  // namespace

TEST_CASE("a header block becomes a head like one of HTTP/1.1") {
  const Block block(with({{"x-a", "1"}, {"cookie", "a=1"}, {"te", "trailers"}, {"cookie", "b=2"}}));
  REQUIRE(block.verdict.empty());
  const RequestHead& head = block.head;
  CHECK(head.method == "GET");
  CHECK(head.target == "/a?b");
  CHECK(head.authority == "example.org");
  CHECK(head.scheme == "http");
  CHECK((head.major == 2 && head.minor == 1));
  CHECK(head.body == Body::kNone);
  CHECK(head.te_trailers);
  CHECK(head.fields.find("te")->hop);
  CHECK(value_of(head, "host") == "example.org");
  CHECK(head.fields.find(Name::kHost) != nullptr);
  CHECK(value_of(head, "cookie") == "a=1; b=2");
  CHECK(head.fields.find("cookie", 1) == nullptr);
  CHECK(value_of(Block(with({{"cookie", ""}, {"cookie", "a=1"}, {"cookie", ""}})).head, "cookie") == "a=1");
}

TEST_CASE("the end of the stream and Content-Length say how a request is framed") {
  CHECK(Block(with({}), true).head.body == Body::kNone);
  CHECK(Block(with({}), false).head.body == Body::kChunked);
  CHECK(Block(with({{"content-length", "5"}}), false).head.body == Body::kLength);
  CHECK(Block(with({{"content-length", "0"}}), true).verdict.empty());
  CHECK(Block(with({{"content-length", "5"}}), true).verdict == "malformed: ends before its content-length");
  CHECK(Block(with({{"content-length", "5x"}}), false).verdict == "400 malformed content-length");
  CHECK(Block(with({}, "TRACE"), false).verdict == "400 method without body has one");
  CHECK(Block(with({{"expect", "100-continue"}}), false).head.expect_continue);
}

TEST_CASE("CONNECT has an authority and nothing else") {
  const Block block({{":method", "CONNECT"}, {":authority", "example.org:443"}}, false);
  REQUIRE(block.verdict.empty());
  CHECK(block.head.target == "example.org:443");
  CHECK(block.head.body == Body::kNone);
  CHECK(Block({{":method", "CONNECT"}, {":authority", "example.org"}}, false).verdict == "400 malformed authority");
  CHECK(Block({{":method", "CONNECT"}, {":authority", "a:1"}, {":path", "/"}}, false).verdict.starts_with("malformed: CONNECT"));
}

TEST_CASE("what RFC 9113 calls malformed") {
  const std::vector<Pairs> blocks = {
      with({{"X-A", "1"}}), with({{"x a", "1"}}), with({{"", "1"}}), with({{"x-a", "1\r\n"}}), with({{"x-a", " 1"}}),
      with({{"x-a", std::string(1, '\0')}}),
      with({{"connection", "close"}}), with({{"transfer-encoding", "chunked"}}), with({{"te", "gzip"}}), with({{"upgrade", "x"}}), with({{":path", "/"}}),
      with({{":x", "1"}}), with({{"x-a", "1"}, {":authority", "a"}}), {{":method", "GET"}, {":path", "/"}}, {{":method", "GET"}, {":scheme", "http"}},
      {{":scheme", "http"}, {":path", "/"}}, {{":method", "GET"}, {":scheme", "http"}, {":path", ""}},
      {{":method", "G T"}, {":scheme", "http"}, {":path", "/"}}};
  for (const Pairs& pairs : blocks) {
    INFO(pairs.back().first << ": " << pairs.back().second);
    CHECK(Block(pairs).verdict.starts_with("malformed: "));
  }
}

TEST_CASE("limits are those of HTTP/1.1") {
  const cleat::http::HeadLimits limits{400, 20, 3};
  CHECK(Block(with({}), true, limits).verdict.empty());
  CHECK(Block(with({{"x-a", std::string(300, 'x')}}), true, limits).verdict == "431 head too large");
  CHECK(Block(with({{"a", ""}, {"b", ""}, {"c", ""}}), true, limits).verdict == "431 too many fields");
  Pairs pairs = with({});
  pairs[2].second = "/" + std::string(20, 'x');
  CHECK(Block(pairs, true, limits).verdict == "414 target too long");
}

TEST_CASE("trailers are checked as fields are, and those that frame are dropped") {
  cleat::test::Memory memory;
  cleat::http::Fields fields;
  cleat::http2::TrailerBlock block;
  block.begin(memory.arena, fields, {});
  block.add("x-sum", "1");
  block.add("content-length", "5");
  CHECK(block.end().good());
  REQUIRE(fields.size() == 1);
  CHECK(fields[0].name == "x-sum");
  block.add(":path", "/");
  CHECK(block.end().malformed != nullptr);
}

TEST_CASE("a response head for nghttp2 has no field of a connection, and one length") {
  cleat::test::Memory memory;
  cleat::http::ResponseHead head;
  head.status = 200;
  const auto add = [&](std::string_view name, std::string_view value, bool hop = false) {
    head.fields.add(memory.arena, {name, value, cleat::http::name_of(name), hop});
  };
  add("Content-Length", "7");
  add("Connection", "x-hop");
  add("Keep-Alive", "a");
  add("X-Hop", "1", true);
  add("X-A", "1");
  const auto text = [&](const cleat::http::ResponseWrite& how) {
    const cleat::http2::NameValues out = cleat::http2::response_head(memory.arena, head, how);
    std::string all;
    for (std::size_t i = 0; i < out.size; ++i) {
      all += std::string(reinterpret_cast<char*>(out.data[i].name), out.data[i].namelen) + "=" +
             std::string(reinterpret_cast<char*>(out.data[i].value), out.data[i].valuelen) + " ";
    }
    return all;
  };
  cleat::http::ResponseWrite how;
  how.framing = {Body::kLength, 9, false};
  CHECK(text(how) == ":status=200 X-A=1 content-length=9 ");
  how.framing = {Body::kChunked, 0, false};
  CHECK(text(how) == ":status=200 X-A=1 ");
  how.framing = {Body::kNone, 0, true};
  CHECK(text(how) == ":status=200 X-A=1 content-length=0 ");
  how.keep_content_length = true;
  CHECK(text(how) == ":status=200 content-length=7 X-A=1 ");
  head.status = 204;
  CHECK(text(how) == ":status=204 X-A=1 ");
}
