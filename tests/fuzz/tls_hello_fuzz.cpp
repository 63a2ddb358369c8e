// What a client sends first to a listener with TLS: records and a ClientHello, as OpenSSL reads them through our socket, with our choice of a
// certificate and a protocol. The first byte says in pieces of what size it comes.
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <string>

#include "kernel/base/check.hpp"
#include "kernel/tls/session.hpp"
#include "tests/unit/tls/self_signed.hpp"

namespace {

using namespace cleat;

std::shared_ptr<const tls::ServerContext> make_context() {
  const config::Secret one = self_signed("DNS:a.example"), other = self_signed("DNS:b.example,DNS:*.c.example");
  const config::Node node;
  config::ServerTls from;
  from.node = &node;
  from.own = one;
  from.own.ca = other.certificate;
  from.client = config::ServerTls::Client::kOptional;
  from.secrets = {"other"};
  config::Diagnostics diagnostics("fuzz");
  auto made = tls::ServerContext::make(from, {{"other", &other}}, {"h2", "http/1.1"}, nullptr, diagnostics);
  CLEAT_CHECK(made != nullptr);
  return made;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::shared_ptr<const tls::ServerContext> context = make_context();
  if (size == 0) return 0;
  int ends[2];
  CLEAT_CHECK(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0);
  const Socket near(ends[0]), far(ends[1]);
  tls::Session session(context, near.fd());
  const std::size_t piece = data[0] == 0 ? size : data[0];
  ++data;
  --size;
  tls::Session::Step step = tls::Session::Step::kWaits;
  while (size != 0 && step == tls::Session::Step::kWaits) {
    const std::size_t taken = std::min({piece, size, std::size_t{16 * 1024}});
    if (::send(far.fd(), data, taken, MSG_NOSIGNAL) <= 0) break;
    data += taken;
    size -= taken;
    session.note_readable(false);
    step = session.handshake();
  }
  CLEAT_CHECK(step != tls::Session::Step::kDone);  // nobody knows the keys
  CLEAT_CHECK((step == tls::Session::Step::kFailed) == !session.failure().empty());
  char byte;
  if (step == tls::Session::Step::kFailed) CLEAT_CHECK(session.read(&byte, 1).failed != 0);
  session.close_notify();
  return 0;
}
