// The PROXY header: what is understood, what is refused and why, and that a cut anywhere changes nothing but that more is wanted.
#include "kernel/proxy_protocol/header.hpp"

#include <catch2/catch_test_macros.hpp>
#include <string>

namespace {

using namespace cleat;
using namespace cleat::proxy_protocol;
using namespace std::string_literals;
using Found = Header::Found;
using std::string;

const string kSignature = "\r\n\r\n\0\r\nQUIT\n"s;
const string kV4 = "\xc0\x00\x02\x01\xc6\x33\x64\x02\x30\x39\x01\xbb"s;  // 192.0.2.1:12345 to 198.51.100.2:443
const string kV6 = "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"s + "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02"s + "\x30\x39\x01\xbb";

string v2(unsigned command, unsigned family, const string& rest, std::size_t length) {
  return kSignature + static_cast<char>(command) + static_cast<char>(family) + static_cast<char>(length >> 8) + static_cast<char>(length & 0xff) + rest;
}
string v2(unsigned command, unsigned family, const string& rest) { return v2(command, family, rest, rest.size()); }

string extension(unsigned type, const string& value) {
  return string{static_cast<char>(type), static_cast<char>(value.size() >> 8), static_cast<char>(value.size() & 0xff)} + value;
}

// What it says in one line: "v1 source > destination + rest", or why not.
string said(const string& data) {
  const Header header = read_header(data);
  switch (header.found) {
    case Found::kMore: return "more";
    case Found::kAbsent: return "absent";
    case Found::kMalformed: return header.reason;
    case Found::kWhole: break;
  }
  const string who = header.known ? header.source.text() + " > " + header.destination.text() : "unknown";
  return "v" + std::to_string(header.version) + " " + who + " + " + data.substr(header.size);
}

// Whatever its first bytes are cut down to, a whole header is never taken for something else.
void check_cuts(const string& data, std::size_t size) {
  for (std::size_t cut = 0; cut < size; ++cut) {
    INFO(cut);
    CHECK(said(data.substr(0, cut)) == "more");
  }
}

}  // namespace

TEST_CASE("headers are understood, and what follows them is left alone") {
  const struct {
    string header, who;
  } vectors[] = {
      {"PROXY TCP4 192.0.2.1 198.51.100.2 12345 443\r\n", "v1 192.0.2.1:12345 > 198.51.100.2:443"},
      {"PROXY TCP4 255.255.255.255 0.0.0.0 65535 0\r\n", "v1 255.255.255.255:65535 > 0.0.0.0:0"},
      {"PROXY TCP6 2001:db8::1 2001:DB8::2 1 2\r\n", "v1 [2001:db8::1]:1 > [2001:db8::2]:2"},
      {"PROXY TCP6 ::ffff:192.0.2.1 ::1 1 2\r\n", "v1 [::ffff:192.0.2.1]:1 > [::1]:2"},
      {"PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n",
       "v1 [ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535 > [ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535"},
      {"PROXY UNKNOWN\r\n", "v1 unknown"},
      {"PROXY UNKNOWN anything  at all\r\n", "v1 unknown"},
      {"PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n", "v1 unknown"},
      {v2(0x21, 0x11, kV4), "v2 192.0.2.1:12345 > 198.51.100.2:443"},
      {v2(0x21, 0x21, kV6), "v2 [2001:db8::1]:12345 > [2001:db8::2]:443"},
      {v2(0x21, 0x12, kV4), "v2 unknown"},  // datagrams
      {v2(0x21, 0x22, kV6), "v2 unknown"},
      {v2(0x21, 0x31, string(216, 'u')), "v2 unknown"},
      {v2(0x21, 0x32, string(216, 'u')), "v2 unknown"},
      {v2(0x21, 0x00, ""), "v2 unknown"},
      {v2(0x21, 0x00, extension(4, "")), "v2 unknown"},
      {v2(0x20, 0x00, ""), "v2 unknown"},
      {v2(0x20, 0x11, kV4), "v2 unknown"},          // LOCAL: whatever is in the block
      {v2(0x20, 0x11, "short"), "v2 unknown"},
      {v2(0x20, 0x00, "\x03\xff\xff"s), "v2 unknown"},
      {v2(0x21, 0x11, kV4 + extension(1, "h2") + extension(2, "example.com") + extension(0xee, "")), "v2 192.0.2.1:12345 > 198.51.100.2:443"},
      {v2(0x21, 0x11, kV4 + extension(4, string(4096 - 16 - 12 - 3, '\0'))), "v2 192.0.2.1:12345 > 198.51.100.2:443"},
  };
  for (const auto& vector : vectors) {
    INFO(vector.header);
    CHECK(said(vector.header) == vector.who + " + ");
    CHECK(said(vector.header + "PROXY UNKNOWN\r\n") == vector.who + " + PROXY UNKNOWN\r\n");
    check_cuts(vector.header, vector.header.size());
  }
}

TEST_CASE("what no header begins with is none") {
  for (const string& data : {"G"s, "GET / HTTP/1.1\r\n"s, "\r\nGET / "s, "\r\n\r\n\r\n"s, "\r\n\r\n\0\r\nQUIS"s, "PROXYTCP4"s, "proxy TCP4 "s, "PROX "s, "\0"s,
                             "\x16\x03\x01"s}) {
    INFO(data);
    CHECK(said(data) == "absent");
  }
}

TEST_CASE("malformed headers are refused with a reason") {
  const string words = "an address or port is not one of its protocol";
  const string protocol = "the protocol is none of TCP4, TCP6 and UNKNOWN";
  const string line = "the line does not end with CRLF";
  const struct {
    string header, why;
  } vectors[] = {
      {"PROXY \r\n", protocol},
      {"PROXY TCP\r\n", protocol},
      {"PROXY tcp4 192.0.2.1 192.0.2.2 1 2\r\n", protocol},
      {"PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n", protocol},
      {"PROXY  TCP4 192.0.2.1 192.0.2.2 1 2\r\n", protocol},
      {"PROXY UNKNOWNX\r\n", protocol},
      {"PROXY TCP4\r\n", words},
      {"PROXY TCP4 192.0.2.1\r\n", words},
      {"PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n", words},
      {"PROXY TCP4 192.0.2.1 192.0.2.2 1 \r\n", words},
      {"PROXY TCP4 192.0.2.1 192.0.2.2 1 2 \r\n", words},
      {"PROXY TCP4 192.0.2.1 192.0.2.2 1 2 3\r\n", words},
      {"PROXY TCP4 192.0.2.1  192.0.2.2 1 2\r\n", words},
      {"PROXY TCP4 192.0.2.1\t192.0.2.2 1 2\r\n", words},
      {"PROXY TCP4 192.0.2 192.0.2.2 1 2\r\n", words},
      {"PROXY TCP4 192.0.2.256 192.0.2.2 1 2\r\n", words},
      {"PROXY TCP4 192.0.2.01 192.0.2.2 1 2\r\n", words},
      {"PROXY TCP4 192.0.2.1\0 192.0.2.2 1 2\r\n"s, words},
      {"PROXY TCP4 ::1 ::2 1 2\r\n", words},
      {"PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n", words},
      {"PROXY TCP6 [::1] [::2] 1 2\r\n", words},
      {"PROXY TCP6 fe80::1%eth0 ::2 1 2\r\n", words},
      {"PROXY TCP6 ::1::2 ::2 1 2\r\n", words},
      {"PROXY TCP4 192.0.2.1 192.0.2.2 65536 2\r\n", words},
      {"PROXY TCP4 192.0.2.1 192.0.2.2 -1 2\r\n", words},
      {"PROXY TCP4 192.0.2.1 192.0.2.2 +1 2\r\n", words},
      {"PROXY TCP4 192.0.2.1 192.0.2.2 01 2\r\n", words},
      {"PROXY TCP4 192.0.2.1 192.0.2.2 0x1 2\r\n", words},
      {"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\n", line},
      {"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\rX", line},
      {"PROXY UNKNOWN a\nb\r\n", line},
      {"PROXY UNKNOWN " + string(200, 'x'), "the line is too long"},
      {"PROXY UNKNOWN " + string(92, 'x') + "\r\n", "the line is too long"},
      {v2(0x11, 0x11, kV4), "the version is not 2, or the command none of it"},
      {v2(0x31, 0x11, kV4), "the version is not 2, or the command none of it"},
      {v2(0x22, 0x11, kV4), "the version is not 2, or the command none of it"},
      {v2(0x21, 0x10, kV4), "there is no such address family and protocol"},
      {v2(0x21, 0x01, kV4), "there is no such address family and protocol"},
      {v2(0x21, 0x13, kV4), "there is no such address family and protocol"},
      {v2(0x21, 0x41, kV4), "there is no such address family and protocol"},
      {v2(0x20, 0x41, kV4), "there is no such address family and protocol"},
      {v2(0x21, 0x11, kV4.substr(1)), "the header is too short for its addresses"},
      {v2(0x21, 0x21, kV4), "the header is too short for its addresses"},
      {v2(0x21, 0x31, string(215, 'u')), "the header is too short for its addresses"},
      {v2(0x21, 0x11, kV4, 4081), "the header is too long"},
      {v2(0x20, 0x00, "", 65535), "the header is too long"},
      {v2(0x21, 0x11, kV4 + "\x01"), "an extension is cut off"},
      {v2(0x21, 0x11, kV4 + "\x01\0"s), "an extension is cut off"},
      {v2(0x21, 0x11, kV4 + "\x01\0\x03h2"s), "an extension is longer than the header"},
      {v2(0x21, 0x00, "\x01\xff\xff"s), "an extension is longer than the header"},
      {v2(0x21, 0x11, kV4 + extension(3, "abc")), "the checksum has not four bytes"},
      {v2(0x21, 0x11, kV4 + extension(3, "abcd")), "the checksum is wrong"},
  };
  for (const auto& vector : vectors) {
    INFO(vector.header);
    CHECK(said(vector.header) == vector.why);
    for (std::size_t cut = 0; cut < vector.header.size(); ++cut) {  // early or late, never for good
      const string early = said(vector.header.substr(0, cut));
      if (early != "more") CHECK(early == vector.why);
    }
  }
}

TEST_CASE("a checksum is compared") {
  // Computed elsewhere, by an implementation that gives e3069283 for "123456789".
  const string with = v2(0x21, 0x11, kV4 + extension(3, "\x70\x80\x13\x80") + extension(4, "x"));
  CHECK(said(with) == "v2 192.0.2.1:12345 > 198.51.100.2:443 + ");
  for (std::size_t i = 16; i < with.size(); ++i) {
    if (i == 28) continue;  // makes it another extension
    string damaged = with;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x10);
    INFO(i);
    CHECK(read_header(damaged).found == Found::kMalformed);
  }
}

TEST_CASE("what is written is understood") {
  const Address one = *parse_address("192.0.2.1:12345"), two = *parse_address("198.51.100.2:443");
  const Address six = *parse_address("[2001:db8::1]:12345"), seven = *parse_address("[2001:db8::2]:443");
  CHECK(write_v1(one, two) == "PROXY TCP4 192.0.2.1 198.51.100.2 12345 443\r\n");
  CHECK(write_v1(six, seven) == "PROXY TCP6 2001:db8::1 2001:db8::2 12345 443\r\n");
  CHECK(write_v2(one, two) == v2(0x21, 0x11, kV4));
  CHECK(write_v2(six, seven) == v2(0x21, 0x21, kV6));
  CHECK(said(write_v1(one, seven)) == "v1 unknown + ");
  CHECK(said(write_v2(one, seven)) == "v2 unknown + ");
  CHECK(write_local_v1() == "PROXY UNKNOWN\r\n");
  CHECK(write_local_v2() == v2(0x20, 0x00, ""));
}
