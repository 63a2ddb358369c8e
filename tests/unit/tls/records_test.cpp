// Records after the handshake: RFC 8448's own, against OpenSSL as the client, and each thing that a client must not send.
#include "kernel/tls/records.hpp"

#include <malloc.h>
#include <openssl/err.h>
#include <sys/socket.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <string>
#include <utility>
#include <vector>

#include "kernel/tls/session.hpp"
#include "tests/unit/tls/self_signed.hpp"

namespace {

using namespace cleat;
using namespace cleat::tls;
using namespace std::string_literals;
using std::string;

constexpr unsigned char kAlert = 21, kHandshake = 22, kData = 23;

struct Ends {
  Ends() {
    int fds[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) == 0);
    near = Socket(fds[0]);
    far = Socket(fds[1]);
  }
  Socket near, far;
};

string unhex(const string& text) {
  std::vector<unsigned char> bytes(text.size());
  std::size_t size = 0;
  REQUIRE(OPENSSL_hexstr2buf_ex(bytes.data(), bytes.size(), &size, text.c_str(), '\0') == 1);
  return {bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size)};
}

TrafficSecret secret_of(const string& bytes) {
  TrafficSecret made;
  made.size = bytes.size();
  std::copy(bytes.begin(), bytes.end(), made.bytes.begin());
  return made;
}

string seal(RecordKeys& keys, unsigned char type, const string& content) {
  const iovec part{const_cast<char*>(content.data()), content.size()};
  Pieces pieces(&part, 1);
  string record(content.size() + 22, '\0');
  CHECK(keys.seal(type, pieces, content.size(), reinterpret_cast<unsigned char*>(record.data())) == record.size());
  return record;
}

// One with zeroes behind its type, or with nothing else.
string seal_padded(RecordKeys& keys, const string& content_and_type, std::size_t zeroes) { return seal(keys, 0, content_and_type + string(zeroes, '\0')); }

// The content and the type of one record.
std::pair<string, int> open(RecordKeys& keys, string record) {
  REQUIRE(record.size() >= 22);
  REQUIRE(keys.open(reinterpret_cast<unsigned char*>(record.data()), record.size() - 5));
  return {record.substr(5, record.size() - 22), static_cast<unsigned char>(record[record.size() - 17])};
}

// In their order, which that of `a + b` need not be.
string join(std::initializer_list<string> all) {
  string joined;
  for (const string& one : all) joined += one;
  return joined;
}

string receive(int fd) {
  string all(1 << 20, '\0');
  all.resize(read_some(fd, all.data(), all.size()).size);
  return all;
}

// --- against a client whose secrets are known ---

const string kClientSecret = "9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5";
const string kServerSecret = "a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643";

struct Known {
  Known() : client(*find_suite(0x1301), secret_of(unhex(kClientSecret)), true, 0), server(*find_suite(0x1301), secret_of(unhex(kServerSecret)), false, 0) {
    records = Records::make(0x1301, secret_of(unhex(kClientSecret)), secret_of(unhex(kServerSecret)), 0, ends.near.fd());
    REQUIRE(records != nullptr);
  }
  void send(const string& bytes) const {
    REQUIRE(::send(ends.far.fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size()));
    records->note_readable(false);
  }
  // All there is, read by so many bytes; `last` is the outcome of the read that brought none.
  string read(std::size_t most = 70'000) {
    string all, some(most, '\0');
    for (;;) {
      last = records->read(some.data(), some.size());
      all += some.substr(0, last.size);
      if (last.size == 0) return all;
    }
  }
  Ends ends;
  RecordKeys client, server;  // what the client seals and opens with
  std::unique_ptr<Records> records;
  Io last;
};

// --- against OpenSSL ---

struct Client {
  explicit Client(int version, const char* suite, const std::shared_ptr<const ServerContext>& server, int fragment = 0) : context(SSL_CTX_new(TLS_client_method())) {
    SSL_CTX_set_min_proto_version(context.get(), version);
    SSL_CTX_set_max_proto_version(context.get(), version);
    if (suite != nullptr) REQUIRE(SSL_CTX_set_ciphersuites(context.get(), suite) == 1);
    const unsigned char alpn[] = "\x02h2";
    SSL_CTX_set_alpn_protos(context.get(), alpn, 3);
    ssl.reset(SSL_new(context.get()));
    if (fragment != 0) SSL_set_tlsext_max_fragment_length(ssl.get(), static_cast<std::uint8_t>(fragment));
    SSL_set_tlsext_host_name(ssl.get(), "a.example");
    SSL_set_fd(ssl.get(), ends.far.fd());
    SSL_set_connect_state(ssl.get());
    session = std::make_unique<Session>(server, ends.near.fd());
    for (int i = 0; i < 10 && !session->done(); ++i) {
      SSL_do_handshake(ssl.get());
      session->note_readable(false);
      session->handshake();
    }
    REQUIRE(session->done());
    CHECK(read() == "");  // tickets
  }
  string read() const {
    string all, some(20'000, '\0');
    std::size_t got = 0;
    while (SSL_read_ex(ssl.get(), some.data(), some.size(), &got) == 1) all.append(some, 0, got);
    ERR_clear_error();
    return all;
  }
  // What is sent comes out on the other side, whatever its size, both ways.
  void check_data(const string& data) const {
    INFO(data.size());
    string there, back, some(70'000, '\0');
    std::size_t sent = 0, put = 0;
    while (sent < data.size()) {
      if (SSL_write_ex(ssl.get(), data.data() + sent, std::min<std::size_t>(data.size() - sent, 16'384), &put) == 1) sent += put;
      session->note_readable(false);
      for (Io io; (io = session->read(some.data(), some.size())).size != 0;) there.append(some, 0, io.size);
    }
    CHECK((there == data));
    CHECK(session->drained());
    for (sent = 0; sent < data.size();) {
      const std::size_t cut = (data.size() - sent) / 3;
      const iovec parts[] = {{const_cast<char*>(data.data()) + sent, cut}, {const_cast<char*>(data.data()) + sent + cut, data.size() - sent - cut}};
      const Io io = session->write(parts, 2);
      REQUIRE(io.failed == 0);
      CHECK(io.blocked == (io.size == 0));
      sent += io.size;
      back += read();
    }
    back += read();
    CHECK((back == data));
  }
  ContextPtr context;
  SslPtr ssl;
  Ends ends;
  std::unique_ptr<Session> session;
};

std::shared_ptr<const ServerContext> make_context(bool asks_clients = false) {
  static const config::Secret secret = self_signed("DNS:a.example");
  const config::Node node;
  config::ServerTls from;
  from.node = &node;
  from.own = secret;
  if (asks_clients) {
    from.own.ca = secret.certificate;
    from.client = config::ServerTls::Client::kRequired;
  }
  config::Diagnostics diagnostics("test");
  auto made = ServerContext::make(from, {}, {"h2"}, nullptr, diagnostics);
  REQUIRE(made != nullptr);
  return made;
}

string data_of(std::size_t size) {
  string made(size, '\0');
  for (std::size_t i = 0; i < size; ++i) made[i] = static_cast<char>(i * 31 + (i >> 8));
  return made;
}

}  // namespace

TEST_CASE("records are those of RFC 8448, section 3") {
  Known known;
  string content;
  for (int i = 0; i < 50; ++i) content.push_back(static_cast<char>(i));
  const string record = unhex(
      "1703030043a23f7054b62c94d0affafe8228ba55cbefacea42f914aa66bcab3f2b9819a8a5b46b395bd54a9a20441e2b62974e1f5a6292a2977014bd1e3deae63aeebb21694915e4");
  CHECK(seal(known.client, kData, content) == record);
  known.send(record);
  CHECK(known.read() == content);
}

TEST_CASE("every suite, every size, both ways, with OpenSSL") {
  for (const char* suite : {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"}) {
    INFO(suite);
    const Client client(TLS1_3_VERSION, suite, make_context());
    CHECK(client.session->peer().cipher == suite);
    CHECK(client.session->peer().server_name == "a.example");
    CHECK(client.session->alpn() == "h2");
    for (const std::size_t size : {1, 2, 100, 16'383, 16'384, 16'385, 70'000, 1'000'000}) client.check_data(data_of(size));
  }
}

TEST_CASE("what OpenSSL keeps goes on as well: TLS 1.2, another suite, smaller records") {
  Client(TLS1_2_VERSION, nullptr, make_context()).check_data(data_of(100'000));
  Client(TLS1_3_VERSION, nullptr, make_context(), TLSEXT_max_fragment_length_512).check_data(data_of(100'000));
}

TEST_CASE("keys are updated when the client does, and asks for it") {
  const Client client(TLS1_3_VERSION, nullptr, make_context());
  for (int i = 0; i < 20; ++i) {
    INFO(i);
    REQUIRE(SSL_key_update(client.ssl.get(), i % 2 == 0 ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED) == 1);
    client.check_data(data_of(i == 7 ? 200'000 : 300));
  }
}

TEST_CASE("a key protects so many records and no more") {
  Known known;
  known.records->update_after(3);
  string sent = "hello";
  const iovec part{sent.data(), sent.size()};
  for (int i = 0; i < 10; ++i) {
    INFO(i);
    CHECK(known.records->write(&part, 1).size == sent.size());
    string records = receive(known.ends.far.fd());
    if (i % 3 == 0 && i != 0) {
      CHECK(open(known.server, records.substr(0, 27)) == std::pair("\x18\0\0\x01\0"s, int{kHandshake}));
      known.server.update();
      records.erase(0, 27);
    }
    CHECK(open(known.server, records) == std::pair(sent, int{kData}));
  }
}

TEST_CASE("data is read as it was sent, however it is cut and asked for") {
  const std::vector<string> contents = {"first", data_of(16'384), "", "x", data_of(5'000)};
  for (const std::size_t most : {std::size_t{1}, std::size_t{1'000}, std::size_t{16'700}, std::size_t{70'000}}) {
    for (const std::size_t piece : {1, 2, 21, 4'096, 100'000}) {
      INFO(most << ' ' << piece);
      Known known;
      string stream, all, read;
      for (const string& one : contents) {
        stream += one.size() == 1 ? seal_padded(known.client, one + static_cast<char>(kData), 300) : seal(known.client, kData, one);
        all += one;
      }
      for (std::size_t at = 0; at < stream.size(); at += piece) {
        known.send(stream.substr(at, piece));
        read += known.read(most);
        CHECK(known.last.blocked);
        CHECK(known.records->drained());
      }
      CHECK((read == all));
    }
  }
}

TEST_CASE("what a client must not send is answered with its alert, once, and ends the connection") {
  const auto record = [](Known& of, unsigned char type, const string& content) { return seal(of.client, type, content); };
  const struct {
    const char* what;
    string (*bytes)(Known&, string (*)(Known&, unsigned char, const string&));
    int alert;
    const char* why;
  } vectors[] = {
      {"in the clear", [](Known&, auto) { return "\x16\x03\x03\0\x01\x01"s; }, 10, "a record that is not protected"},
      {"an alert in the clear", [](Known&, auto) { return "\x15\x03\x03\0\x02\x01\0"s; }, 10, "a record that is not protected"},
      {"ChangeCipherSpec", [](Known&, auto) { return "\x14\x03\x03\0\x01\x01"s; }, 10, "a record that is not protected"},
      {"too long by its header", [](Known&, auto) { return "\x17\x03\x03\x41\x01"s; }, 22, "a record that is too long"},
      {"too long inside", [](Known& of, auto) { return seal_padded(of.client, string(1, kData), 16'384); }, 22, "a record that is too long"},
      {"shorter than its tag", [](Known&, auto) { return "\x17\x03\x03\0\x0f"s + string(15, 'x'); }, 20, "a record that is too short"},
      {"nothing but a tag", [](Known& of, auto one) { return one(of, kData, "").substr(0, 4) + "\x10" + string(16, 'x'); }, 20, "bad record mac"},
      {"one bit is another", [](Known& of, auto one) { string made = one(of, kData, "hello"); made[7] = static_cast<char>(made[7] ^ 1); return made; }, 20, "bad record mac"},
      {"one bit of the header is another", [](Known& of, auto one) { string made = one(of, kData, "hello"); made[1] = 2; return made; }, 20, "bad record mac"},
      {"twice the same", [](Known& of, auto one) { const string made = one(of, kData, ""); return made + made; }, 20, "bad record mac"},
      {"only zeroes", [](Known& of, auto) { return seal_padded(of.client, "", 100); }, 10, "a record without a type"},
      {"a type that is unknown", [](Known& of, auto one) { return one(of, 99, "x"); }, 10, "a record of an unknown type"},
      {"ChangeCipherSpec inside", [](Known& of, auto one) { return one(of, 20, "\x01"); }, 10, "a record of an unknown type"},
      {"no handshake message", [](Known& of, auto one) { return one(of, kHandshake, ""); }, 10, "an unexpected handshake message"},
      {"ClientHello", [](Known& of, auto one) { return one(of, kHandshake, "\x01\0\0\x10"s); }, 10, "an unexpected handshake message"},
      {"a key update of another size", [](Known& of, auto one) { return one(of, kHandshake, "\x18\0\0\x02"s); }, 10, "an unexpected handshake message"},
      {"a key update amid a record", [](Known& of, auto one) { return one(of, kHandshake, "\x18\0\0\x01\0\x18"s); }, 10, "an unexpected handshake message"},
      {"a key update of another kind", [](Known& of, auto one) { return one(of, kHandshake, "\x18\0\0\x01\x02"s); }, 47, "a bad key update"},
      {"data amid a key update", [](Known& of, auto one) { return join({one(of, kHandshake, "\x18\0"s), one(of, kData, "x")}); }, 10, "a record amid a handshake message"},
      {"an alert of one byte", [](Known& of, auto one) { return one(of, kAlert, "\x01"); }, 50, "a bad alert"},
      {"an alert of three", [](Known& of, auto one) { return one(of, kAlert, "\x01\0\0"s); }, 50, "a bad alert"},
      {"records without data", [](Known& of, auto one) { string all; for (int i = 0; i < 33; ++i) all += one(of, kData, ""); return all; }, 10, "too many records without data"},
      {"key updates without data",
       [](Known& of, auto one) {
         string all;
         for (int i = 0; i < 33; ++i) {
           all += one(of, kHandshake, "\x18\0\0\x01\0"s);
           of.client.update();
         }
         return all;
       },
       10, "too many records without data"},
  };
  for (const auto& vector : vectors) {
    INFO(vector.what);
    for (const bool behind_data : {false, true}) {
      Known known;
      const string before = behind_data ? seal(known.client, kData, "before") : "";
      known.send(join({before, vector.bytes(known, record)}));
      CHECK(known.read() == (behind_data ? "before" : ""));
      CHECK(known.last.failed == EPROTO);
      CHECK(!known.records->drained());
      CHECK(known.records->failure() == string(vector.why));
      CHECK(open(known.server, receive(known.ends.far.fd())) == std::pair("\x02"s + static_cast<char>(vector.alert), int{kAlert}));
      known.send(seal(known.client, kData, "after"));
      CHECK(known.read() == "");
      CHECK(known.last.failed == EPROTO);
      const iovec part{const_cast<char*>("x"), 1};
      CHECK(known.records->write(&part, 1).failed == EPROTO);
      known.records->close_notify();
      CHECK(receive(known.ends.far.fd()) == "");
    }
  }
}

TEST_CASE("ends: close_notify, an alert, and none") {
  SECTION("close_notify is the end, and what is behind it is not read") {
    Known known;
    known.send(join({seal(known.client, kAlert, "\x01\x5a"s), seal(known.client, kData, "last"), seal(known.client, kAlert, "\x01\0"s), "junk"}));
    CHECK(known.read() == "last");
    CHECK(known.last.closed);
    const iovec part{const_cast<char*>("answer"), 6};
    CHECK(known.records->write(&part, 1).size == 6);  // half-close
    CHECK(open(known.server, receive(known.ends.far.fd())).first == "answer");
    known.records->close_notify();
    CHECK(open(known.server, receive(known.ends.far.fd())) == std::pair("\x01\0"s, int{kAlert}));
    CHECK(known.records->write(&part, 1).failed == EPIPE);
  }
  SECTION("an alert says why, and is not answered") {
    Known known;
    known.send(seal(known.client, kAlert, "\x02\x2a"s));
    CHECK(known.read() == "");
    CHECK(known.last.failed == ECONNRESET);
    CHECK(known.records->failure() == "bad certificate"s);
    known.records->close_notify();
    CHECK(receive(known.ends.far.fd()) == "");
  }
  SECTION("the end alone is none of TLS's") {
    for (const bool amid_a_record : {false, true}) {
      Known known;
      known.send(join({seal(known.client, kData, "data"), amid_a_record ? seal(known.client, kData, "more").substr(0, 9) : ""}));
      known.ends.far.close();
      known.records->note_readable(true);
      CHECK(known.read() == "data");
      CHECK(known.last.failed == ECONNRESET);
    }
  }
}

TEST_CASE("a slow reader gets all of it, in its order, whatever is handed over at a time") {
  Known known;
  const int small = 4'608;
  ::setsockopt(known.ends.near.fd(), SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
  const string all = data_of(600'000);
  string stream, some(20'000, '\0');
  const auto take = [&](std::size_t most) {
    const Io io = read_some(known.ends.far.fd(), some.data(), most);
    stream.append(some, 0, io.size);
    return io.size != 0;
  };
  std::size_t sent = 0, blocked = 0;
  bool update = false;
  while (sent < all.size()) {
    if (blocked == 5 && !std::exchange(update, true)) {  // an answer has to wait for its turn
      known.send(seal(known.client, kHandshake, "\x18\0\0\x01\x01"s));
      CHECK(known.read() == "");
    }
    const std::size_t more = std::min<std::size_t>(all.size() - sent, 90'000 + sent % 70'000);
    const iovec parts[] = {{const_cast<char*>(all.data()) + sent, more / 7}, {const_cast<char*>(all.data()) + sent + more / 7, more - more / 7}};
    const Io io = known.records->write(parts, 2);
    REQUIRE(io.failed == 0);
    REQUIRE(io.blocked == (io.size == 0));
    sent += io.size;
    blocked += io.blocked ? 1 : 0;
    take(1 + blocked * 997 % some.size());
  }
  while (take(some.size())) continue;
  CHECK(blocked > 10);
  string got;
  for (std::size_t at = 0; at < stream.size();) {
    const std::size_t size = 5 + (std::size_t{static_cast<unsigned char>(stream[at + 3])} << 8 | static_cast<unsigned char>(stream[at + 4]));
    const auto [content, type] = open(known.server, stream.substr(at, size));
    at += size;
    if (type == kHandshake) {
      CHECK(content == "\x18\0\0\x01\0"s);
      CHECK(std::exchange(update, false));
      known.server.update();
    } else {
      got += content;
    }
  }
  CHECK_FALSE(update);
  CHECK((got == all));
}

TEST_CASE("close_notify does not come amid a record that waits") {
  Known known;
  const string all = data_of(1'000'000);
  const iovec part{const_cast<char*>(all.data()), all.size()};
  CHECK(known.records->write(&part, 1).size < all.size());
  receive(known.ends.far.fd());
  known.records->close_notify();
  CHECK(receive(known.ends.far.fd()) == "");
  CHECK(known.records->write(&part, 1).failed == EPIPE);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST_CASE("a connection keeps less than 6 KiB when nothing is under way") {
  constexpr std::size_t kCount = 50;
  const auto context = make_context();
  const Client warm(TLS1_3_VERSION, nullptr, context);
  std::vector<std::unique_ptr<Client>> clients;
  for (std::size_t i = 0; i < kCount; ++i) clients.push_back(std::make_unique<Client>(TLS1_3_VERSION, nullptr, context));
  for (const auto& one : clients) one->check_data(data_of(70'000));
  const std::size_t before = ::mallinfo2().uordblks;
  for (const auto& one : clients) one->session.reset();
  const std::size_t kept = (before - ::mallinfo2().uordblks) / kCount;
  INFO(kept);
  CHECK(kept > 100);
  CHECK(kept < 6 * 1024);
}
#endif
