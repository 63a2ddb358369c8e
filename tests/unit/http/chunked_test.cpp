// The chunked decoder: every vector is decoded whole, byte by byte, and in two pieces cut at every byte.
#include <catch2/catch_test_macros.hpp>
#include <string>
#include <vector>

#include "kernel/http/parse.hpp"
#include "tests/unit/http/heads.hpp"

namespace {

using cleat::http::ChunkedDecoder;
using std::string;
using namespace std::string_literals;

struct Outcome {
  string data;
  string trailers;
  string end;  // "end", "more" or the reason
  std::size_t consumed = 0;
  bool operator==(const Outcome&) const = default;
};

Outcome decode(const std::vector<std::string_view>& pieces) {
  ChunkedDecoder decoder;
  Outcome outcome;
  outcome.end = "more";
  for (std::string_view piece : pieces) {
    for (;;) {
      const auto step = decoder.decode(piece);
      outcome.consumed += step.consumed;
      outcome.data += step.data;
      piece.remove_prefix(step.consumed);
      if (step.event == ChunkedDecoder::Event::kData) continue;
      if (step.event == ChunkedDecoder::Event::kEnd) {
        outcome.end = "end";
        outcome.trailers = decoder.trailer_section();
        return outcome;
      }
      if (step.event == ChunkedDecoder::Event::kError) {
        outcome.end = decoder.reason();
        return outcome;
      }
      REQUIRE(piece.empty());
      break;
    }
  }
  return outcome;
}

Outcome decode_all_ways(const string& text) {
  const Outcome whole = decode({text});
  std::vector<std::string_view> bytes;
  for (std::size_t i = 0; i < text.size(); ++i) bytes.push_back(std::string_view(text).substr(i, 1));
  CHECK((decode(bytes) == whole));
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    const Outcome two = decode({std::string_view(text).substr(0, cut), std::string_view(text).substr(cut)});
    if (!(two == whole)) {
      CAPTURE(text, cut);
      CHECK(two.end == whole.end);
      CHECK(two.data == whole.data);
    }
  }
  return whole;
}

}  // namespace

TEST_CASE("chunked decoder judges bodies the same however they are cut") {
  const struct {
    string text;
    const char* end;
    const char* data;
  } vectors[] = {
      {"0\r\n\r\n", "end", ""},
      {"000\r\n\r\n", "end", ""},
      {"3\r\nabc\r\n0\r\n\r\n", "end", "abc"},
      {"3\r\nabc\r\n00A\r\n0123456789\r\n0\r\n\r\n", "end", "abc0123456789"},
      {"a\r\n0123456789\r\nB\r\n0123\r\n56789\r\n0\r\n\r\n", "end", "01234567890123\r\n56789"},
      {"3;a=b\r\nabc\r\n0;c\r\n\r\n", "end", "abc"},
      {"3;a=\"b \t;=\xc3\xa9\"\r\nabc\r\n0\r\n\r\n", "end", "abc"},
      {"3\r\nabc\r\n0\r\nA: b\r\nC: d\r\n\r\n", "end", "abc"},
      {"3\r\nabc\r\n", "more", "abc"},
      {"3\r\nab", "more", "ab"},
      {"3\r\nabc\r\n0\r\n", "more", "abc"},
      {"", "more", ""},
      {"\r\n", "chunk without size", ""},
      {";a\r\n", "malformed chunk size", ""},
      {" 3\r\nabc\r\n", "malformed chunk size", ""},
      {"3 \r\nabc\r\n", "malformed chunk size", ""},
      {"3 ;a\r\nabc\r\n", "malformed chunk size", ""},
      {"3\t;a\r\nabc\r\n", "malformed chunk size", ""},
      {"+3\r\nabc\r\n", "malformed chunk size", ""},
      {"-3\r\nabc\r\n", "malformed chunk size", ""},
      {"0x3\r\nabc\r\n", "malformed chunk size", ""},
      {"3g\r\nabc\r\n", "malformed chunk size", ""},
      {"3_\r\nabc\r\n", "malformed chunk size", ""},
      {"3\nabc\n", "malformed chunk size", ""},
      {"3\r\rabc", "bare CR in chunk size", ""},
      {"3\rabc", "bare CR in chunk size", ""},
      {"3;a\nabc\r\n", "control character in chunk extension", ""},
      {"3;a\0\r\nabc\r\n"s, "control character in chunk extension", ""},
      {"3;a\rb\r\nabc\r\n", "bare CR in chunk size", ""},
      {"3\r\nabcd\r\n", "no CRLF after chunk", "abc"},
      {"3\r\nabc\n0\r\n\r\n", "no CRLF after chunk", "abc"},
      {"3\r\nabc\r0\r\n", "no CRLF after chunk", "abc"},
      {"3\r\nabc0\r\n\r\n", "no CRLF after chunk", "abc"},
      {"7fffffffffffffff\r\na", "more", "a"},
      {"8000000000000000\r\na", "chunk size too large", ""},
      {"ffffffffffffffff\r\na", "chunk size too large", ""},
      {"10000000000000000\r\na", "chunk size too large", ""},
      {"00000000000000003\r\nabc", "chunk size too large", ""},
      {"0000000000000003\r\nabc", "more", "abc"},
      {"0\r\nA: b\nC: d\r\n\r\n", "bare LF in trailers", ""},
      {"0\r\n\n", "bare LF in trailers", ""},
      {"0\r\n\rX", "bare CR in trailers", ""},
      {"0\r\nA: b\r\r\n\r\n", "bare CR in trailers", ""},
      {"0\r\nA: b\r\n c\r\n\r\n", "trailer line begins with space", ""},
      {"0\r\nA: \0\r\n\r\n"s, "control character in trailers", ""},
      {"0\r\nA: \x7f\r\n\r\n", "control character in trailers", ""},
  };
  for (const auto& vector : vectors) {
    INFO(vector.text);
    const Outcome outcome = decode_all_ways(vector.text);
    CHECK(outcome.end == vector.end);
    CHECK(outcome.data == vector.data);
  }
}

TEST_CASE("chunked decoder stops at the end of the body and leaves what follows") {
  const string body = "3\r\nabc\r\n0\r\n\r\n";
  const Outcome outcome = decode({body + "GET / HTTP/1.1\r\n"});
  CHECK(outcome.end == "end");
  CHECK(outcome.consumed == body.size());
}

TEST_CASE("chunked decoder hands out views into its input, not copies") {
  const string text = "3\r\nabc\r\n0\r\n\r\n";
  ChunkedDecoder decoder;
  const auto step = decoder.decode(text);
  CHECK(step.event == ChunkedDecoder::Event::kData);
  CHECK(step.consumed == 6);
  CHECK(step.data.data() == text.data() + 3);
}

TEST_CASE("chunked decoder can be used again after reset, and only then") {
  ChunkedDecoder decoder;
  CHECK(decoder.decode("x").event == ChunkedDecoder::Event::kError);
  CHECK(decoder.decode("0\r\n\r\n").event == ChunkedDecoder::Event::kError);
  decoder.reset();
  CHECK(decoder.decode("0\r\n\r\n").event == ChunkedDecoder::Event::kEnd);
  CHECK(decoder.decode("0\r\n\r\n").consumed == 0);
}

TEST_CASE("chunked decoder bounds extensions and trailers") {
  CHECK(decode({"3;" + string(4000, 'a') + "\r\nabc"}).end == "more");
  CHECK(decode({"3;" + string(4096, 'a') + "\r\nabc"}).end == "chunk size line too long");
  CHECK(decode({"0\r\nA: " + string(8000, 'a') + "\r\n\r\n"}).end == "end");
  CHECK(decode({"0\r\nA: " + string(9000, 'a')}).end == "trailer section too large");
  string many;
  for (int i = 0; i < 20; ++i) many += "1;" + string(1000, 'a') + "\r\nx\r\n";
  CHECK(decode({many}).end == "too much in chunk extensions");
  string honest;
  for (int i = 0; i < 5000; ++i) honest += "1\r\nx\r\n";
  CHECK(decode({honest + "0\r\n\r\n"}).end == "end");
  string paid;  // signed chunks, as some storage protocols have them
  for (int i = 0; i < 200; ++i) paid += "400;chunk-signature=" + string(64, 'a') + "\r\n" + string(1024, 'x') + "\r\n";
  CHECK(decode({paid + "0\r\n\r\n"}).end == "end");
}

TEST_CASE("chunked decoder keeps the trailer section, which parses to fields") {
  const Outcome outcome = decode_all_ways("0\r\nA: b\r\nETag:  \"x\" \r\n\r\n");
  CHECK(outcome.trailers == "A: b\r\nETag:  \"x\" \r\n\r\n");
  cleat::test::Memory memory;
  cleat::http::Fields fields;
  CHECK_FALSE(cleat::http::parse_trailers(outcome.trailers, {}, memory.arena, fields));
  REQUIRE(fields.size() == 2);
  CHECK(fields[1].name == "ETag");
  CHECK(fields[1].value == "\"x\"");
}

TEST_CASE("trailers that frame, route or authenticate are dropped") {
  cleat::test::Memory memory;
  cleat::http::Fields fields;
  const string section =
      "Content-Length: 5\r\nTransfer-Encoding: chunked\r\nHost: a\r\nAuthorization: b\r\nSet-Cookie: c\r\nConnection: d\r\n"
      "Trailer: e\r\nContent-Type: f\r\nX-Forwarded-For: g\r\ncontent-encoding: h\r\nExpect: i\r\nGrpc-Status: 0\r\n\r\n";
  CHECK_FALSE(cleat::http::parse_trailers(section, {}, memory.arena, fields));
  REQUIRE(fields.size() == 1);
  CHECK(fields[0].name == "Grpc-Status");
  CHECK_FALSE(cleat::http::parse_trailers("", {}, memory.arena, fields));
  CHECK(fields.empty());
}

TEST_CASE("malformed trailers are refused") {
  const auto verdict = [](const string& section, const cleat::http::HeadLimits& limits = {}) {
    cleat::test::Memory memory;
    cleat::http::Fields fields;
    return cleat::test::describe(cleat::http::parse_trailers(section, limits, memory.arena, fields));
  };
  CHECK(verdict("A\r\n\r\n") == "400 malformed trailer");
  CHECK(verdict("A : b\r\n\r\n") == "400 malformed trailer");
  CHECK(verdict(": b\r\n\r\n") == "400 malformed trailer");
  CHECK(verdict(" A: b\r\n\r\n") == "400 malformed trailer");
  CHECK(verdict("A: b\nB: c\r\n\r\n") == "400 malformed trailer");
  CHECK(verdict("A: b") == "400 malformed trailers");
  CHECK(verdict("A: b\r\n\r\nB: c\r\n") == "400 malformed trailers");
  cleat::http::HeadLimits limits;
  limits.fields_max = 1;
  CHECK(verdict("A: b\r\nB: c\r\n\r\n", limits) == "431 too many trailers");
}
