#include "answer.hpp"

#include <catch2/catch_test_macros.hpp>
#include <initializer_list>

namespace {

using Bytes = std::vector<unsigned char>;

void put16(Bytes& to, unsigned value) {
  to.push_back(static_cast<unsigned char>(value >> 8));
  to.push_back(static_cast<unsigned char>(value));
}

void put_name(Bytes& to, std::string_view name) {
  while (!name.empty()) {
    const std::string_view label = name.substr(0, name.find('.'));
    to.push_back(static_cast<unsigned char>(label.size()));
    to.insert(to.end(), label.begin(), label.end());
    name.remove_prefix(std::min(name.size(), label.size() + 1));
  }
  to.push_back(0);
}

class Message {
 public:
  explicit Message(std::string_view name, unsigned type = 1, unsigned code = 0) {
    for (const unsigned word : {7u, 0x8180u | code, 1u, 0u, 0u, 0u}) put16(bytes, word);
    put_name(bytes, name);
    put16(bytes, type);
    put16(bytes, 1);
  }
  Message& record(std::string_view owner, unsigned type, std::uint32_t ttl, const Bytes& data, unsigned of_class = 1) {
    put_name(bytes, owner);
    put16(bytes, type);
    put16(bytes, of_class);
    put16(bytes, ttl >> 16);
    put16(bytes, ttl & 0xffff);
    put16(bytes, static_cast<unsigned>(data.size()));
    bytes.insert(bytes.end(), data.begin(), data.end());
    ++bytes[7];
    if (bytes[7] == 0) ++bytes[6];
    return *this;
  }
  Message& a(std::string_view owner, std::uint32_t ttl, unsigned char last) { return record(owner, 1, ttl, {192, 0, 2, last}); }
  Message& cname(std::string_view owner, std::uint32_t ttl, std::string_view target) {
    Bytes data;
    put_name(data, target);
    return record(owner, 5, ttl, data);
  }
  Bytes bytes;
};

Bytes srv(unsigned priority, unsigned weight, unsigned port, std::string_view target) {
  Bytes data;
  for (const unsigned word : {priority, weight, port}) put16(data, word);
  put_name(data, target);
  return data;
}

dns::Answer read(const Message& message, std::string_view name = "a.example", dns::Type type = dns::Type::kA, std::size_t most = 100) {
  return dns::read_answer(message.bytes, name, type, most);
}

using Kind = dns::Answer::Kind;

}  // namespace

TEST_CASE("the addresses of an answer are sorted, each once, with the least TTL") {
  const auto answer = read(Message("a.example").a("a.example", 60, 2).a("A.Example", 30, 1).a("a.example", 90, 2));
  REQUIRE(answer.kind == Kind::kRecords);
  REQUIRE(answer.records.size() == 2);
  CHECK(answer.records[0].address == "192.0.2.1");
  CHECK(answer.records[1].address == "192.0.2.2");
  CHECK(answer.ttl_s == 30);
}

TEST_CASE("records of other names are not the answer") {
  CHECK(read(Message("a.example").a("b.example", 60, 1)).kind == Kind::kNoRecords);
  CHECK(read(Message("b.example").a("a.example", 60, 1)).kind == Kind::kMalformed);
  CHECK(read(Message("a.example", 28).a("a.example", 60, 1)).kind == Kind::kMalformed);
  CHECK(read(Message("a.example").record("a.example", 1, 60, {192, 0, 2, 1}, 3)).kind == Kind::kNoRecords);
}

TEST_CASE("a chain of CNAMEs is followed, with its TTLs, up to a bound") {
  const auto answer = read(Message("a.example").a("c.example", 60, 9).cname("b.example", 5, "c.example").cname("a.example", 50, "b.example"));
  REQUIRE(answer.records.size() == 1);
  CHECK(answer.ttl_s == 5);
  Message circle("a.example");
  circle.cname("a.example", 5, "b.example").cname("b.example", 5, "a.example").a("c.example", 5, 1);
  CHECK(read(circle).kind == Kind::kNoRecords);
  Message longer("a.example");
  std::string name = "a.example";
  for (int i = 0; i < 20; ++i) {
    const std::string next = "n" + std::to_string(i) + ".example";
    longer.cname(name, 60, next);
    name = next;
  }
  longer.a(name, 60, 1);
  CHECK(read(longer).kind == Kind::kNoRecords);
}

TEST_CASE("more records than the bound are cut, and it is said") {
  Message many("a.example");
  for (int i = 0; i < 200; ++i) many.a("a.example", 60, static_cast<unsigned char>(i));
  const auto answer = read(many, "a.example", dns::Type::kA, 16);
  CHECK(answer.records.size() == 16);
  CHECK(answer.cut);
}

TEST_CASE("SRV records have priority, weight, port and a name that is one") {
  Message message("_http._tcp.example", 33);
  message.record("_http._tcp.example", 33, 60, srv(20, 1, 81, "b.example"))
      .record("_http._tcp.example", 33, 60, srv(10, 5, 80, "A.example"))
      .record("_http._tcp.example", 33, 60, srv(0, 0, 80, ""))
      .record("_http._tcp.example", 33, 60, srv(0, 0, 80, "with space.example"));
  const auto answer = read(message, "_http._tcp.example", dns::Type::kSrv);
  REQUIRE(answer.records.size() == 2);
  CHECK(answer.records[0] == dns::Record{"a.example", 10, 5, 80});
  CHECK(answer.records[1] == dns::Record{"b.example", 20, 1, 81});
}

TEST_CASE("names that do not exist and errors are told apart") {
  CHECK(read(Message("a.example", 1, 3)).kind == Kind::kNoName);
  CHECK(read(Message("a.example", 1, 2)).kind == Kind::kMalformed);
  Message question("a.example");
  question.bytes[2] = 1;  // a query, not a response
  CHECK(read(question).kind == Kind::kMalformed);
}

TEST_CASE("what ends early is malformed, wherever it ends") {
  const Message whole = Message("a.example").cname("a.example", 60, "b.example").a("b.example", 60, 1);
  for (std::size_t size = 0; size < whole.bytes.size(); ++size) {
    CHECK(dns::read_answer(std::span(whole.bytes).first(size), "a.example", dns::Type::kA, 10).kind == Kind::kMalformed);
  }
}

TEST_CASE("addresses that are no host's are not taken") {
  Message four("a.example");
  for (const Bytes& bad : {Bytes{0, 0, 0, 0}, Bytes{224, 0, 0, 1}, Bytes{255, 255, 255, 255}}) four.record("a.example", 1, 60, bad);
  CHECK(read(four).kind == Kind::kNoRecords);
  four.a("a.example", 60, 1);
  CHECK(read(four).records.size() == 1);

  const auto six = [](std::initializer_list<unsigned char> begin, std::initializer_list<unsigned char> end) {
    Bytes all(16, 0);
    std::copy(begin.begin(), begin.end(), all.begin());
    std::copy(end.begin(), end.end(), all.end() - static_cast<std::ptrdiff_t>(end.size()));
    return all;
  };
  Message bad("a.example", 28);
  for (const Bytes& data : {six({}, {}), six({}, {127, 0, 0, 1}), six({}, {0xff, 0xff, 127, 0, 0, 1}), six({0xff, 2}, {1})}) bad.record("a.example", 28, 60, data);
  CHECK(read(bad, "a.example", dns::Type::kAAAA).kind == Kind::kNoRecords);
  bad.record("a.example", 28, 60, six({}, {1})).record("a.example", 28, 60, six({0x20, 1}, {1}));
  const auto good = read(bad, "a.example", dns::Type::kAAAA);
  REQUIRE(good.records.size() == 2);
  CHECK(good.records[0].address == "2001::1");
  CHECK(good.records[1].address == "::1");
}

TEST_CASE("names of hosts") {
  CHECK(dns::valid_name("a.example"));
  CHECK(dns::valid_name("_http._tcp.a-b.example."));
  for (const char* bad : {"", ".", "10.0.0.256", "1", "a..b", ".a", "a b", "a/b", "\xc3\xbc.example"}) CHECK_FALSE(dns::valid_name(bad));
  CHECK_FALSE(dns::valid_name(std::string(64, 'a')));
  CHECK(dns::canonical("A.Example.") == "a.example");
  CHECK(dns::as_address("::0001") == "::1");
  CHECK(dns::as_address("a.example").empty());
}
