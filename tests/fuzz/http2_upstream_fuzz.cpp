// An endpoint's bytes into a session of HTTP/2: worker, pool, session and streams are real, the socket is a local one, and the requesters
// check what they are told: one head at most, before all content, no more of it than announced, one end, and only valid fields. The input: how
// it is cut and taken, then the bytes behind the endpoint's SETTINGS.
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string>

#include "kernel/base/check.hpp"
#include "kernel/upstream/http2_session.hpp"
#include "kernel/upstream/pool.hpp"
#include "kernel/worker.hpp"

namespace {

using namespace cleat;

constexpr std::string_view kSettings("\0\0\0\4\0\0\0\0\0", 9);
constexpr std::size_t kBodyBytes = 100'000;
const std::string kBody(kBodyBytes, 'b');

class Asking final : public Requester {
 public:
  Asking(Worker& worker, upstream::Pool& pool, std::string_view method, bool pauses) : Requester(worker.blocks), pool_(pool), pauses_(pauses) {
    request.method = method;
    request.target = "/";
    request.authority = "a.example";
  }
  ~Asking() {
    if (client != nullptr) client->release(false);
    pool_.forget(*this);
  }

  Connection* downstream_connection() const override { return nullptr; }
  void attempt_connected() override {
    CLEAT_CHECK(client != nullptr && !sent_);
    sent_ = true;
    http::RequestWrite how;
    if (request.method == "POST") how.framing = {http::Body::kLength, kBodyBytes, false};
    client->send_head(request, how);
    push();
  }
  void attempt_failed(std::uint32_t how) override {
    CLEAT_CHECK(how != 0 && !head_ && !over_);
    finish(false);
  }
  void response_informational() override {
    CLEAT_CHECK(!head_ && !over_ && response.status >= 100 && response.status < 200 && response.status != 101);
    check(response.fields);
    if (++informational_ > 3) finish(false);
  }
  void response_head_complete() override {
    CLEAT_CHECK(!head_ && !over_ && response.status >= 200 && response.status <= 599);
    head_ = true;
    check(response.fields);
    if (response.body == http::Body::kNone) finish(true);
  }
  bool response_wanted() const override { return !over_ && !(pauses_ && turns_ % 3 != 0); }
  void response_data(std::string_view data) override {
    CLEAT_CHECK(head_ && !over_ && !data.empty() && request.method != "HEAD");
    for (const char c : data) sum_ = sum_ * 31 + static_cast<unsigned char>(c);  // reads it
    size_ += data.size();
    CLEAT_CHECK(response.body != http::Body::kLength || size_ <= response.content_length);
    if (sum_ % 251 == 7) finish(false);
  }
  void response_end() override {
    CLEAT_CHECK(head_ && !over_ && (response.body != http::Body::kLength || size_ == response.content_length));
    check(response_trailers);
    finish(true);
  }
  void response_broken() override {
    CLEAT_CHECK(head_ && !over_);
    finish(false);
  }
  void upstream_writable() override { push(); }
  void settle() override {
    if (client != nullptr) client->flush();
  }

  void turn() {
    ++turns_;
    if (!over_ && client != nullptr && sent_) client->pull();
  }

 private:
  void push() {
    if (request.method == "POST") {
      while (!over_ && client != nullptr && !client->blocked() && pushed_ < kBodyBytes) {
        const std::size_t size = std::min<std::size_t>(10'000, kBodyBytes - pushed_);
        client->send_data(std::string_view(kBody).substr(pushed_, size));
        pushed_ += size;
      }
    } else {
      pushed_ = kBodyBytes;
    }
    if (client == nullptr) return;
    if (pushed_ == kBodyBytes && !std::exchange(ended_, true)) client->send_end({});
    client->flush();
  }
  void finish(bool whole) {
    over_ = true;
    if (client != nullptr) std::exchange(client, nullptr)->release(whole);
  }
  static void check(const http::Fields& fields) {
    for (const http::Field& field : fields) {
      CLEAT_CHECK(http::valid_name(field.name) && http::valid_value(field.value));
      CLEAT_CHECK(std::none_of(field.name.begin(), field.name.end(), [](char c) { return c >= 'A' && c <= 'Z'; }));
      CLEAT_CHECK(field.known != http::Name::kConnection && field.known != http::Name::kTransferEncoding);
    }
  }

  upstream::Pool& pool_;
  const bool pauses_;
  bool sent_ = false, ended_ = false, head_ = false, over_ = false;
  std::size_t pushed_ = 0;
  std::uint64_t size_ = 0, sum_ = 0;
  std::uint32_t informational_ = 0, turns_ = 0;
};

struct Fixture {
  Fixture() {
    set_workers({&worker});
    Address address;
    auto& path = reinterpret_cast<sockaddr_un&>(address.storage);
    path.sun_family = AF_UNIX;  // of the abstract names, by itself
    address.size = sizeof(sa_family_t);
    listening = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    CLEAT_CHECK(::bind(listening, reinterpret_cast<const sockaddr*>(&address.storage), address.size) == 0 && ::listen(listening, 8) == 0);
    address.size = sizeof address.storage;
    CLEAT_CHECK(::getsockname(listening, reinterpret_cast<sockaddr*>(&address.storage), &address.size) == 0);
    endpoint = std::make_shared<Endpoint>(address, "a.example", 1);
    config::Cluster one;
    one.name = "origin";
    one.protocol = config::Cluster::Protocol::kHttp2;
    one.connections_max = 1;
    config::Diagnostics diagnostics("fuzz");
    cluster = std::make_shared<Cluster>(one, nullptr, 1, diagnostics);
    pool = upstream::Pool::of(worker, cluster);
  }
  Worker worker{0};
  int listening = -1;
  std::shared_ptr<Endpoint> endpoint;
  std::shared_ptr<Cluster> cluster;
  std::shared_ptr<upstream::Pool> pool;
};

void run(Fixture& all, const std::uint8_t* bytes, std::size_t size) {
  Worker& worker = all.worker;
  const std::size_t step = size == 0 || bytes[0] % 2 == 0 ? 65536 : 1 + bytes[0];
  const bool pauses = size > 1 && bytes[1] % 2 != 0;
  std::string data(kSettings);
  if (size > 2) data.append(reinterpret_cast<const char*>(bytes) + 2, size - 2);
  all.endpoint->on_worker[0].streams_max = UINT32_MAX;  // what the last input taught
  {
    Asking requesters[] = {{worker, *all.pool, "GET", pauses}, {worker, *all.pool, "HEAD", false}, {worker, *all.pool, "POST", pauses}};
    for (Asking& one : requesters) CLEAT_CHECK(all.pool->acquire(one, all.endpoint, false) == upstream::Pool::Acquired::kLater);
    upstream::Http2Session& session = *all.endpoint->on_worker[0].with_room.back();
    const int peer = ::accept(all.listening, nullptr, nullptr);
    CLEAT_CHECK(peer >= 0);
    const auto turn = [&](std::uint32_t events) {
      worker.reactor.refresh_clock();
      session.on_io(events);
      worker.reactor.run_deferred();
      for (Asking& one : requesters) one.turn();
      worker.reactor.run_deferred();
      char sink[65536];
      while (::recv(peer, sink, sizeof sink, MSG_DONTWAIT) > 0) {
      }
    };
    turn(EPOLLOUT);
    for (std::size_t at = 0; at < data.size(); at += step) {
      if (::send(peer, data.data() + at, std::min(step, data.size() - at), MSG_NOSIGNAL | MSG_DONTWAIT) < 0) break;
      turn(EPOLLIN | EPOLLOUT);
    }
    for (int i = 0; i < 6; ++i) turn(EPOLLIN | EPOLLOUT);
    ::close(peer);
    turn(EPOLLIN | EPOLLRDHUP | EPOLLHUP);
  }
  worker.reactor.run_deferred();
  all.pool->close_idle();
  worker.reactor.run_deferred();
  worker.reactor.run_retired();
  CLEAT_CHECK(all.endpoint->in_flight() == 0 && all.endpoint->on_worker[0].with_room.empty());
  for (int more = 0; (more = ::accept(all.listening, nullptr, nullptr)) >= 0;) ::close(more);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Fixture fixture;
  run(fixture, data, std::min<std::size_t>(size, 60'000));
  return 0;
}
