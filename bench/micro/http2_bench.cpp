// HTTP/2 on the way of a request: a header block out of HPACK into a head and a response's head into HPACK, as the session's callbacks do it;
// and a whole request on a connection, from its frames to those of a reply made here, three system calls with it.
#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "bench/micro/measured.hpp"
#include "bench/micro/rig.hpp"
#include "kernel/accept/acceptor.hpp"
#include "kernel/accept/connection.hpp"
#include "kernel/http2/header_block.hpp"
#include "kernel/http2/nv.hpp"
#include "tests/listen_on.hpp"

namespace {

using namespace cleat;

constexpr std::size_t kBlockBytesMax = 4096;

template <auto Delete>
struct Deleter {
  template <class T>
  void operator()(T* one) const {
    Delete(one);
  }
};
using Deflater = std::unique_ptr<nghttp2_hd_deflater, Deleter<nghttp2_hd_deflate_del>>;
using Inflater = std::unique_ptr<nghttp2_hd_inflater, Deleter<nghttp2_hd_inflate_del>>;

Deflater new_deflater() {
  nghttp2_hd_deflater* made = nullptr;
  CLEAT_CHECK(nghttp2_hd_deflate_new(&made, 4096) == 0);
  return Deflater(made);
}

std::string_view deflate(nghttp2_hd_deflater& deflater, const nghttp2_nv* fields, std::size_t count, std::array<char, kBlockBytesMax>& to) {
  const ssize_t size = nghttp2_hd_deflate_hd(&deflater, reinterpret_cast<std::uint8_t*>(to.data()), to.size(), fields, count);
  CLEAT_CHECK(size > 0);
  return {to.data(), static_cast<std::size_t>(size)};
}

// A request's fields, as a client lists them; the names are kept in `names`.
std::vector<nghttp2_nv> list_of(const http::RequestHead& head, std::deque<std::string>& names) {
  std::vector<nghttp2_nv> all = {http2::name_value(":method", head.method), http2::name_value(":scheme", "https"),
                                 http2::name_value(":authority", head.authority), http2::name_value(":path", head.target)};
  for (const http::Field& field : head.fields) {
    if (field.known != http::Name::kHost) all.push_back(http2::name_value(names.emplace_back(http::to_lower(field.name)), field.value));
  }
  return all;
}

// After the first, blocks are mostly indices into the dynamic table.
void decode_request(benchmark::State& state, std::string_view text) {
  const bench::ParsedRequest request(text);
  std::deque<std::string> names;
  const std::vector<nghttp2_nv> list = list_of(request.head, names);
  const Deflater deflater = new_deflater();
  nghttp2_hd_inflater* made = nullptr;
  CLEAT_CHECK(nghttp2_hd_inflate_new(&made) == 0);
  const Inflater inflater(made);
  BlockPool pool;
  Arena arena(pool);
  const http::HeadLimits limits;
  std::array<char, kBlockBytesMax> block;
  const auto decode = [&](std::string_view bytes) {
    http::RequestHead head;
    http2::RequestBlock fields;
    fields.begin(arena, head, limits);
    const auto* at = reinterpret_cast<const std::uint8_t*>(bytes.data());
    std::size_t left = bytes.size();
    for (int flags = 0; (flags & NGHTTP2_HD_INFLATE_FINAL) == 0;) {
      nghttp2_nv field{};
      const ssize_t used = nghttp2_hd_inflate_hd2(inflater.get(), &field, &flags, at, left, 1);
      if (used < 0) return false;
      at += used;
      left -= static_cast<std::size_t>(used);
      if ((flags & NGHTTP2_HD_INFLATE_EMIT) == 0) continue;
      fields.add({reinterpret_cast<const char*>(field.name), field.namelen}, {reinterpret_cast<const char*>(field.value), field.valuelen});
    }
    nghttp2_hd_inflate_end_headers(inflater.get());
    const bool good = fields.end(true).good();
    benchmark::DoNotOptimize(head);
    arena.clear();
    return good;
  };
  CLEAT_CHECK(decode(deflate(*deflater, list.data(), list.size(), block)));
  const std::string_view bytes = deflate(*deflater, list.data(), list.size(), block);
  const bench::Measured measured(state);
  for (auto _ : state) {
    if (!decode(bytes)) state.SkipWithError("refused");
  }
}

void encode_response(benchmark::State& state, std::string_view text) {
  const bench::ParsedResponse response(text);
  http::ResponseWrite how;
  how.framing = {response.head.body, response.head.content_length, false};
  const Deflater deflater = new_deflater();
  BlockPool pool;
  Arena arena(pool);
  std::array<char, kBlockBytesMax> block;
  const bench::Measured measured(state);
  for (auto _ : state) {
    const http2::NameValues list = http2::response_head(arena, response.head, how);
    benchmark::DoNotOptimize(deflate(*deflater, list.data, list.size, block));
    arena.clear();
  }
}

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr std::string_view kSettings("\0\0\0\4\0\0\0\0\0", 9);
constexpr std::string_view kConfig = "listeners: [{name: in, address: '127.0.0.1:0', routes: [{reply: {status: 204}}]}]\n";

// HEADERS with END_STREAM and END_HEADERS: GET, http, / of the static table, and the authority as a literal that is not kept.
class HeadersFrame {
 public:
  std::string_view of(std::uint32_t stream) {
    for (int i = 0; i < 4; ++i) bytes_[5 + static_cast<std::size_t>(i)] = static_cast<char>(stream >> (24 - 8 * i));
    return bytes_;
  }

 private:
  std::string bytes_ = std::string("\0\0\16\1\5\0\0\0\0", 9) + "\x82\x86\x84\x01\x09" + "a.example";
};

void answer_request(benchmark::State& state) {
  bench::Rig rig(kConfig);
  rig.run([&] {
    Worker& worker = rig.worker;
    const Listener& listener = *rig.generation().listeners[0];
    Acceptor acceptor(worker, listener, std::make_shared<const Socket>(std::move(*listen_on(listener.address))));
    int pair[2];
    CLEAT_CHECK(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0);
    const Socket client(pair[1]);
    auto* const connection = new Connection(worker, acceptor, Socket(pair[0]), Address());  // the worker's list owns it
    connection->start();
    std::array<char, 4096> sink;
    const auto exchange = [&](std::string_view bytes) {
      if (::send(client.fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(bytes.size())) return false;
      connection->on_io(EPOLLIN);
      worker.reactor.run_deferred();
      return !connection->closed() && ::recv(client.fd(), sink.data(), sink.size(), 0) > 0;
    };
    CLEAT_CHECK(exchange(std::string(kPreface) + std::string(kSettings)));
    HeadersFrame frame;
    std::uint32_t stream = 1;
    {
      const bench::Measured measured(state);
      for (auto _ : state) {
        if (!exchange(frame.of(stream))) state.SkipWithError("no answer");
        stream += 2;
      }
    }
    connection->cut(false);
    worker.reactor.run_deferred();
    if (!connection->closed()) connection->cut(false);
    worker.reactor.run_retired();
  });
}

BENCHMARK_CAPTURE(decode_request, small, bench::kSmallRequest);
BENCHMARK_CAPTURE(decode_request, typical, bench::kTypicalRequest);
BENCHMARK_CAPTURE(encode_response, small, bench::kSmallResponse);
BENCHMARK_CAPTURE(encode_response, typical, bench::kTypicalResponse);
BENCHMARK(answer_request);

}  // namespace
