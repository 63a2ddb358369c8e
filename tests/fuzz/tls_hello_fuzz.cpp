// What a client sends first to a listener with TLS: records and a ClientHello, as OpenSSL reads them through our socket, with our choice of a
// certificate and a protocol. The first byte says in pieces of what size it comes.
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <string>

#include "kernel/base/check.hpp"
#include "kernel/tls/session.hpp"

namespace {

using namespace cleat;

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

// Of its own signature.
config::Secret make_secret(const char* names) {
  const tls::KeyPtr key(EVP_EC_gen("P-256"));
  const tls::CertificatePtr made(X509_new());
  X509_set_version(made.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(made.get()), 1);
  X509_gmtime_adj(X509_getm_notBefore(made.get()), 0);
  X509_gmtime_adj(X509_getm_notAfter(made.get()), 86'400);
  X509_set_pubkey(made.get(), key.get());
  const std::unique_ptr<X509_EXTENSION, tls::Freer<X509_EXTENSION_free>> extension(X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, names));
  X509_add_ext(made.get(), extension.get(), -1);
  X509_sign(made.get(), key.get(), EVP_sha256());
  const tls::BioPtr certificate_out(BIO_new(BIO_s_mem())), key_out(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(certificate_out.get(), made.get());
  PEM_write_bio_PrivateKey(key_out.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  config::Secret secret;
  secret.certificate = text_of(certificate_out.get());
  secret.key = text_of(key_out.get());
  return secret;
}

std::shared_ptr<const tls::ServerContext> make_context() {
  const config::Secret one = make_secret("DNS:a.example"), other = make_secret("DNS:b.example,DNS:*.c.example");
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
