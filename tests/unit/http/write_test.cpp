#include "kernel/http/write.hpp"

#include <catch2/catch_test_macros.hpp>
#include <string>

#include "tests/unit/http/heads.hpp"

namespace {

using cleat::Buffer;
using cleat::http::Body;
using cleat::http::Framing;
using cleat::test::Request;
using cleat::test::Response;

std::string write(const Request& request, const cleat::http::RequestWrite& how) {
  REQUIRE(request.verdict.empty());
  Buffer out;
  cleat::http::write_request_head(out, request.head, how);
  return std::string(out.view());
}

std::string write(const Response& response, const cleat::http::ResponseWrite& how) {
  REQUIRE(response.verdict.empty());
  Buffer out;
  cleat::http::write_response_head(out, response.head, how);
  return std::string(out.view());
}

const char* const kRequest =
    "POST http://b.example.org/x?y HTTP/1.1\r\nA: 1\r\nHost: b.example.org\r\nConnection: upgrade, a2, TE\r\nA2: 2\r\n"
    "TE: trailers\r\nUpgrade: websocket\r\nContent-Length: 3\r\nExpect: 100-continue\r\nVia: 1.0 x\r\n\r\n";

}  // namespace

TEST_CASE("request writer sends Host first and leaves hop-by-hop fields out") {
  CHECK(write(Request(kRequest), {{Body::kLength, 3, false}, false, false, false}) ==
        "POST /x?y HTTP/1.1\r\nHost: b.example.org\r\nA: 1\r\nVia: 1.0 x\r\nContent-Length: 3\r\n\r\n");
}

TEST_CASE("request writer says TE, Upgrade and Expect when asked to") {
  const Request request(kRequest);
  CHECK(write(request, {{Body::kChunked, 0, false}, true, false, true}) ==
        "POST /x?y HTTP/1.1\r\nHost: b.example.org\r\nA: 1\r\nVia: 1.0 x\r\nExpect: 100-continue\r\n"
        "Transfer-Encoding: chunked\r\nTE: trailers\r\nConnection: TE\r\n\r\n");
  CHECK(write(request, {{}, true, true, false}) ==
        "POST /x?y HTTP/1.1\r\nHost: b.example.org\r\nA: 1\r\nVia: 1.0 x\r\n"
        "TE: trailers\r\nConnection: TE, upgrade\r\nUpgrade: websocket\r\n\r\n");
  CHECK(write(request, {{Body::kNone, 0, true}, false, true, false}) ==
        "POST /x?y HTTP/1.1\r\nHost: b.example.org\r\nA: 1\r\nVia: 1.0 x\r\nContent-Length: 0\r\n"
        "Connection: upgrade\r\nUpgrade: websocket\r\n\r\n");
}

TEST_CASE("request writer never lets an added field frame the message a second time") {
  Request request("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  for (const char* name : {"Content-Length", "Transfer-Encoding", "Connection", "Host", "TE", "Upgrade", "Keep-Alive"}) {
    request.head.fields.add(request.arena, {name, "x", cleat::http::name_of(name), false});
  }
  CHECK(write(request, {}) == "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
}

TEST_CASE("response writer frames the body for its own hop") {
  const Response response("HTTP/1.1 200 OK\r\nA: 1\r\nTransfer-Encoding: chunked\r\nConnection: b\r\nB: 2\r\n\r\n");
  CHECK(write(response, {{Body::kChunked, 0, false}, false, false, false, false}) ==
        "HTTP/1.1 200 OK\r\nA: 1\r\nTransfer-Encoding: chunked\r\n\r\n");
  CHECK(write(response, {{Body::kLength, 18446744073709551615u, false}, false, false, true, false}) ==
        "HTTP/1.1 200 OK\r\nA: 1\r\nContent-Length: 18446744073709551615\r\nConnection: keep-alive\r\n\r\n");
  CHECK(write(response, {{Body::kNone, 0, true}, false, true, false, false}) ==
        "HTTP/1.1 200 OK\r\nA: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  CHECK(write(response, {{Body::kUntilClose, 0, false}, false, false, true, false}) ==
        "HTTP/1.1 200 OK\r\nA: 1\r\nConnection: close\r\n\r\n");
}

TEST_CASE("response writer keeps the Content-Length of HEAD and 304, and gives none to 204 and 1xx") {
  const Response head("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n", "HEAD");
  CHECK(write(head, {{}, true, false, false, false}) == "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n");
  const Response not_modified("HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n");
  CHECK(write(not_modified, {{}, true, false, false, false}) == "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n");
  CHECK(write(not_modified, {{Body::kNone, 0, true}, false, false, false, false}) == "HTTP/1.1 304 Not Modified\r\n\r\n");
  const Response none("HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n");
  CHECK(write(none, {{Body::kNone, 0, true}, true, false, false, false}) == "HTTP/1.1 204 No Content\r\n\r\n");
}

TEST_CASE("response writer relays a switch of protocols") {
  const Response response("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nA: 1\r\n\r\n");
  CHECK(write(response, {{}, false, false, false, true}) ==
        "HTTP/1.1 101 Switching Protocols\r\nA: 1\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
}

TEST_CASE("status lines take their phrase from the head, else from the table, else none") {
  cleat::http::ResponseHead head;
  const auto line = [&head](std::uint16_t status, const char* reason) {
    head.status = status;
    head.reason = reason;
    Buffer out;
    cleat::http::write_response_head(out, head, {});
    return std::string(out.view());
  };
  CHECK(line(200, "") == "HTTP/1.1 200 OK\r\n\r\n");
  CHECK(line(200, "Fine") == "HTTP/1.1 200 Fine\r\n\r\n");
  CHECK(line(404, "") == "HTTP/1.1 404 Not Found\r\n\r\n");
  CHECK(line(503, "") == "HTTP/1.1 503 Service Unavailable\r\n\r\n");
  CHECK(line(299, "") == "HTTP/1.1 299 \r\n\r\n");
  CHECK(cleat::http::reason_phrase(511) == "Network Authentication Required");
  CHECK(cleat::http::reason_phrase(999).empty());
}

TEST_CASE("chunk heads are lower-case hex and one CRLF") {
  Buffer out;
  cleat::http::write_chunk_head(out, 0);
  cleat::http::write_chunk_head(out, 0xabc);
  cleat::http::write_chunk_head(out, UINT64_MAX);
  CHECK(out.view() == "0\r\nabc\r\nffffffffffffffff\r\n");
}

TEST_CASE("fields are written without those that are hop-by-hop") {
  cleat::test::Memory memory;
  cleat::http::Fields fields;
  fields.add(memory.arena, {"a", "1"});
  fields.add(memory.arena, {"b", "2", cleat::http::Name::kOther, true});
  fields.add(memory.arena, {"c", ""});
  Buffer out;
  cleat::http::write_fields(out, fields);
  CHECK(out.view() == "a: 1\r\nc: \r\n");
}
