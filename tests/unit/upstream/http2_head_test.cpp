#include "kernel/upstream/http2_head.hpp"

#include <catch2/catch_test_macros.hpp>
#include <string>
#include <utility>
#include <vector>

using namespace cleat;
using upstream::ResponseFields;
using Pairs = std::vector<std::pair<std::string, std::string>>;

namespace {

struct Reading {
  BlockPool blocks;
  Arena arena{blocks};
  http::ResponseHead head;
  http::Fields trailers;
  ResponseFields fields;

  std::string read_head(const Pairs& pairs, bool last = false, std::string_view method = "GET") {
    fields.begin(false);
    for (const auto& [name, value] : pairs) {
      if (const char* wrong = fields.head_field(name, value, arena, head)) return wrong;
    }
    const char* const wrong = fields.end_head(method, last, head);
    return wrong == nullptr ? "" : wrong;
  }
};

std::string wrong_of(const Pairs& pairs, bool last = false) { return Reading().read_head(pairs, last); }

std::string text_of(const std::vector<nghttp2_nv>& list) {
  std::string text;
  for (const nghttp2_nv& one : list) {
    text.append(reinterpret_cast<const char*>(one.name), one.namelen).append("=").append(reinterpret_cast<const char*>(one.value), one.valuelen);
    text += '|';
  }
  return text;
}

http::Field field(std::string_view name, std::string_view value, bool hop = false) { return {name, value, http::name_of(name), hop}; }

}  // namespace

TEST_CASE("a response's head is read with its framing") {
  Reading whole;
  CHECK(whole.read_head({{":status", "200"}, {"content-length", "5"}, {"x", ""}}).empty());
  CHECK(whole.head.status == 200);
  CHECK(whole.head.body == http::Body::kLength);
  CHECK(whole.head.content_length == 5);
  CHECK(whole.head.fields.size() == 2);
  Reading open;
  CHECK(open.read_head({{":status", "200"}}).empty());
  CHECK(open.head.body == http::Body::kChunked);
  Reading announces;  // HTTP/1.1 has no trailers behind a length
  CHECK(announces.read_head({{":status", "200"}, {"content-length", "5"}, {"trailer", "x-sum"}}).empty());
  CHECK(announces.head.body == http::Body::kChunked);
  CHECK((announces.fields.counted() && announces.fields.content_length() == 5));
  Reading ended;
  CHECK(ended.read_head({{":status", "200"}}, true).empty());
  CHECK(ended.head.body == http::Body::kNone);
  Reading none;
  CHECK(none.read_head({{":status", "200"}, {"content-length", "5"}}, false, "HEAD").empty());
  CHECK(none.head.body == http::Body::kNone);
}

TEST_CASE("what RFC 9113 calls malformed is refused, and why is said") {
  const Pairs ok = {{":status", "200"}};
  const auto with = [&](std::string name, std::string value) {
    Pairs pairs = ok;
    pairs.emplace_back(std::move(name), std::move(value));
    return wrong_of(pairs);
  };
  CHECK(wrong_of({}) == "no :status");
  CHECK(wrong_of({{":status", "101"}}) == "101, which HTTP/2 does not have");
  for (const char* bad : {"", "20", "2000", "abc", "099", "600", "+20", " 20"}) CHECK(wrong_of({{":status", bad}}) == "malformed status");
  CHECK(wrong_of({{":status", "200"}, {":status", "200"}}) == "misplaced :status");
  CHECK(wrong_of({{"x", "y"}, {":status", "200"}}) == "misplaced :status");
  CHECK(with(":path", "/") == "pseudo-header of no response");
  CHECK(with("X-Upper", "y") == "uppercase field name");
  for (const char* bad : {"", "x y", "x:", "x\r\ny", "\x80"}) CHECK(with(bad, "z") == "malformed field name");
  for (const char* bad : {" y", "y ", "y\rz", "y\nz", "\x01"}) CHECK(with("x", bad) == "malformed field value");
  for (const char* bad : {"connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade", "te"}) {
    CHECK(with(bad, "x") == "connection-specific field");
  }
  CHECK(with("content-length", "-1") == "malformed content-length");
  CHECK(wrong_of({{":status", "200"}, {"content-length", "1"}, {"content-length", "1"}}) == "repeated content-length");
  CHECK(wrong_of({{":status", "200"}, {"content-length", "1"}}, true) == "content-length without content");
  CHECK(wrong_of({{":status", "204"}, {"content-length", "1"}}) == "204 with a content-length");
  CHECK(wrong_of({{":status", "103"}}, true) == "informational response that ends the stream");
  CHECK(with("x", std::string(64 * 1024, 'y')) == "head too large");
  Pairs many = ok;
  for (int i = 0; i < 100; ++i) many.emplace_back("x" + std::to_string(i), "y");
  CHECK(wrong_of(many) == "too many fields");
}

TEST_CASE("trailers that would frame or route are dropped, those that are malformed refused") {
  Reading reading;
  reading.fields.begin(true);
  CHECK(reading.fields.trailer("x-sum", "7", reading.arena, reading.trailers) == nullptr);
  CHECK(reading.fields.trailer("content-length", "9", reading.arena, reading.trailers) == nullptr);
  CHECK(reading.trailers.size() == 1);
  for (const char* bad : {":status", "X-Upper", "connection"}) CHECK(reading.fields.trailer(bad, "200", reading.arena, reading.trailers) != nullptr);
}

TEST_CASE("a request's fields are said in HTTP/2's words") {
  BlockPool blocks;
  Arena arena(blocks);
  http::RequestHead head;
  head.method = "POST";
  head.target = "/a?b";
  head.authority = "a.example";
  for (const http::Field& one : {field("Host", "other"), field("X-One", "1"), field("X-Hop", "1", true), field("Connection", "x"), field("TE", "gzip"),
                                 field("Transfer-Encoding", "chunked"), field("Content-Length", "9"), field("Expect", "100-continue")}) {
    head.fields.add(arena, one);
  }
  char length[20];
  std::vector<nghttp2_nv> list;
  const std::string begin = ":method=POST|:scheme=http|:authority=a.example|:path=/a?b|X-One=1|";
  upstream::list_request_fields(head, {}, length, list);
  CHECK(text_of(list) == begin);
  upstream::list_request_fields(head, {{http::Body::kLength, 1234567890123456789, false}, true, false, true}, length, list);
  CHECK(text_of(list) == begin + "expect=100-continue|te=trailers|content-length=1234567890123456789|");
  upstream::list_request_fields(head, {{http::Body::kNone, 0, true}, false, false, false}, length, list);
  CHECK(text_of(list) == begin + "content-length=0|");
}

TEST_CASE("an upgrade to websocket is an extended CONNECT, and its acceptance a 101 with the answer to the key") {
  BlockPool blocks;
  Arena arena(blocks);
  http::RequestHead head;
  head.method = "GET";
  head.target = "/chat";
  head.authority = "a.example";
  head.upgrade = "WebSocket";
  head.fields.add(arena, field("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="));
  head.fields.add(arena, field("Sec-WebSocket-Version", "13"));
  const http::RequestWrite how{{}, false, true, false};
  CHECK(upstream::is_websocket(head, how));
  CHECK_FALSE(upstream::is_websocket(head, {}));
  char length[20];
  std::vector<nghttp2_nv> list;
  upstream::list_request_fields(head, how, length, list);
  CHECK(text_of(list) == ":method=CONNECT|:protocol=websocket|:scheme=http|:authority=a.example|:path=/chat|Sec-WebSocket-Version=13|");
  http::ResponseHead response;
  response.status = 200;
  CHECK(upstream::make_switching(head, arena, response));
  CHECK(response.status == 101);
  CHECK(response.upgrade == "websocket");
  CHECK(response.fields.find("sec-websocket-accept")->value == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}
