#include "kernel/tls/session.hpp"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <cerrno>
#include <cstring>
#include <new>
#include <system_error>
#include <utility>

#include "kernel/base/hex.hpp"
#include "kernel/http/message.hpp"

namespace cleat::tls {
namespace {

bool is_address(const std::string& name) {
  unsigned char bytes[sizeof(in6_addr)];
  return inet_pton(AF_INET, name.c_str(), bytes) == 1 || inet_pton(AF_INET6, name.c_str(), bytes) == 1;
}

std::string text_of(const X509_NAME* name) {
  const BioPtr out(BIO_new(BIO_s_mem()));
  if (out == nullptr || X509_NAME_print_ex(out.get(), name, 0, XN_FLAG_RFC2253) < 0) return {};
  char* data = nullptr;
  const long size = BIO_get_mem_data(out.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

std::string fingerprint_of(const X509& certificate) {
  unsigned char made[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  return X509_digest(&certificate, EVP_sha256(), made, &size) == 1 ? to_hex({made, size}) : std::string();
}

std::string_view view(const char* text) { return text == nullptr ? std::string_view{} : std::string_view(text); }

}  // namespace

Session::Session(std::shared_ptr<const ServerContext> context, int fd) : server_(std::move(context)), ssl_(SSL_new(server_->get())) {
  attach(fd);
  SSL_set_accept_state(ssl_.get());
  SSL_set_read_ahead(ssl_.get(), 0);  // what comes behind the handshake is not OpenSSL's, perhaps
  SSL_set_msg_callback(ssl_.get(), record_passed);
  secrets_ = std::make_unique<Secrets>();
}

Session::Session(std::shared_ptr<const ClientContext> context, int fd, std::string_view name, Resumable* saved)
    : client_(std::move(context)), ssl_(SSL_new(client_->get())), saved_(saved), name_(name) {
  attach(fd);
  SSL_set_connect_state(ssl_.get());
  const std::string& host = name_;
  const bool address = is_address(host);
  if (!host.empty() && !address) SSL_set_tlsext_host_name(ssl_.get(), host.c_str());
  if (client_->verifies_name()) {
    if (address) {
      X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl_.get()), host.c_str());
    } else if (!host.empty()) {
      SSL_set_hostflags(ssl_.get(), X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
      SSL_set1_host(ssl_.get(), host.c_str());
    } else {
      error_ = EINVAL;
      failure_ = "there is no name to verify: the cluster's tls has neither server_name nor names";
    }
  }
  if (saved_ != nullptr && saved_->session != nullptr && saved_->name == name_ && SSL_SESSION_is_resumable(saved_->session.get()) == 1) {
    SSL_set_session(ssl_.get(), saved_->session.get());
  }
}

Session::~Session() = default;

void Session::attach(int fd) {
  BIO* const bio = BIO_new(method());
  if (ssl_ == nullptr || bio == nullptr) {
    BIO_free(bio);
    throw std::bad_alloc();
  }
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_.get(), bio, bio);  // owns it
  SSL_set_app_data(ssl_.get(), this);
  fd_ = fd;
}

// --- the socket, as OpenSSL sees it ---

const BIO_METHOD* Session::method() {
  static const BIO_METHOD* const made = [] {
    BIO_METHOD* const all = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "connection");
    if (all == nullptr) throw std::bad_alloc();
    BIO_meth_set_read_ex(all, &Session::bio_read);
    BIO_meth_set_write_ex(all, &Session::bio_write);
    BIO_meth_set_ctrl(all, &Session::bio_control);
    return all;
  }();
  return made;
}

int Session::bio_read(BIO* bio, char* data, std::size_t size, std::size_t* got) {
  auto& self = *static_cast<Session*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  if (self.empty_) {  // as edge-triggered as the socket: no need to ask
    BIO_set_retry_read(bio);
    return 0;
  }
  const Io io = read_some(self.fd_, data, size);
  if (io.size != 0) {
    self.empty_ = io.size < size && !self.hangup_;
    *got = io.size;
    return 1;
  }
  if (io.blocked) {
    self.empty_ = true;
    BIO_set_retry_read(bio);
  } else if (io.closed) {
    BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
  } else {
    self.error_ = io.failed;
  }
  return 0;
}

int Session::bio_write(BIO* bio, const char* data, std::size_t size, std::size_t* put) {
  auto& self = *static_cast<Session*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  const iovec part{const_cast<char*>(data), size};
  const Io io = write_some(self.fd_, &part, 1);
  if (io.size != 0) {
    *put = io.size;
    return 1;
  }
  if (io.blocked) {
    BIO_set_retry_write(bio);
  } else {
    self.error_ = io.failed != 0 ? io.failed : EPIPE;
  }
  return 0;
}

long Session::bio_control(BIO* bio, int command, long, void*) {
  switch (command) {
    case BIO_CTRL_FLUSH: return 1;
    case BIO_CTRL_EOF: return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0 ? 1 : 0;
    default: return 0;
  }
}

int Session::keep_session(SSL* ssl, SSL_SESSION* session) {
  Session& self = of(ssl);
  if (self.saved_ == nullptr) return 0;
  self.saved_->session.reset(session);
  self.saved_->name = self.name_;
  return 1;  // it is ours now
}

// --- the handshake ---

Session::Step Session::handshake() {
  if (done_) return Step::kDone;
  if (error_ != 0) return Step::kFailed;
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl_.get());
  if (result == 1) {
    // A session that was resumed is as good as its certificate, which may have come to its end meanwhile.
    const X509* const certificate = SSL_get0_peer_certificate(ssl_.get());
    resumed_ = SSL_session_reused(ssl_.get()) == 1;
    if (resumed_ && certificate != nullptr && X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0) {
      error_ = EPROTO;
      failure_ = "the resumed session's certificate has expired";
      return Step::kFailed;
    }
    done_ = true;
    if (secrets_ != nullptr) take_over();
    return Step::kDone;
  }
  const int error = SSL_get_error(ssl_.get(), result);
  if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE || error == SSL_ERROR_WANT_CLIENT_HELLO_CB) return Step::kWaits;
  broken_ = true;
  const long verified = SSL_get_verify_result(ssl_.get());
  const std::string reason = take_reason();
  if (verified != X509_V_OK) {
    failure_ = std::string("the peer's certificate is refused: ") + X509_verify_cert_error_string(verified);
  } else if (!reason.empty()) {
    failure_ = reason;
  } else {
    failure_ = error_ != 0 ? std::generic_category().message(error_) : "the peer closed the connection";
  }
  if (error_ == 0) error_ = EPROTO;
  return Step::kFailed;
}

// Called for every secret with a line "LABEL client_random secret", the two in hex.
void Session::secret_came(const SSL* ssl, const char* line) {
  Session& self = of(ssl);
  if (self.secrets_ == nullptr) return;
  const std::string_view text(line), label = text.substr(0, text.find(' '));
  const bool servers = label == "SERVER_TRAFFIC_SECRET_0";
  if (!servers && label != "CLIENT_TRAFFIC_SECRET_0") return;
  TrafficSecret& secret = servers ? self.secrets_->server : self.secrets_->client;
  if (OPENSSL_hexstr2buf_ex(secret.bytes.data(), secret.bytes.size(), &secret.size, line + text.rfind(' ') + 1, '\0') != 1) secret.size = 0;
  if (servers) self.secrets_->written = 0;
}

void Session::record_passed(int written, int, int type, const void*, std::size_t, SSL* ssl, void*) {
  if (written == 1 && type == SSL3_RT_HEADER) ++of(ssl).secrets_->written;
}

// OpenSSL's object goes, where TLS 1.3 was agreed on, and with it 13 KiB; what is asked of it later is kept.
void Session::take_over() {
  const std::unique_ptr<const Secrets> secrets = std::move(secrets_);
  SSL_set_msg_callback(ssl_.get(), nullptr);
  if (SSL_has_pending(ssl_.get()) == 0 && SSL_SESSION_get_max_fragment_length(SSL_get_session(ssl_.get())) == TLSEXT_max_fragment_length_DISABLED) {
    records_ = Records::make(SSL_CIPHER_get_protocol_id(SSL_get_current_cipher(ssl_.get())), secrets->client, secrets->server, secrets->written, fd_);
  }
  if (records_ == nullptr) {
    SSL_set_read_ahead(ssl_.get(), 1);
    return;
  }
  peer();
  peer_certificate(0);
  records_->note_readable(hangup_);
  ssl_.reset();
}

// --- what the client said first ---

namespace {

std::string two_bytes(unsigned int number) { return {static_cast<char>(number >> 8), static_cast<char>(number)}; }

// The host name of a server_name extension (RFC 6066 3), of which OpenSSL checks the form later. Empty: there is none.
std::string server_name_of(std::string_view data) {
  constexpr std::size_t kBefore = 5;  // the list's size, the name's kind, its size
  if (data.size() <= kBefore || data[2] != 0) return {};
  return http::to_lower(data.substr(kBefore));
}

}  // namespace

int Session::hello_came(SSL* ssl, int*, void*) {
  Session& self = of(ssl);
  if (self.hello_ != nullptr) return SSL_CLIENT_HELLO_RETRY;
  if (!std::exchange(self.shows_hello_, false)) return SSL_CLIENT_HELLO_SUCCESS;
  self.hello_ = std::make_unique<ClientHello>();
  ClientHello& hello = *self.hello_;
  hello.version = two_bytes(SSL_client_hello_get0_legacy_version(ssl));
  const unsigned char* bytes = nullptr;
  if (const std::size_t size = SSL_client_hello_get0_ciphers(ssl, &bytes); size != 0) hello.ciphers.assign(reinterpret_cast<const char*>(bytes), size);
  int* types = nullptr;
  std::size_t count = 0;
  if (SSL_client_hello_get1_extensions_present(ssl, &types, &count) != 1) return SSL_CLIENT_HELLO_RETRY;
  for (std::size_t i = 0; i < count; ++i) {
    const auto type = static_cast<unsigned int>(types[i]);
    hello.extensions += two_bytes(type);
    std::size_t size = 0;
    if (SSL_client_hello_get0_ext(ssl, type, &bytes, &size) == 1) hello.data.emplace_back(type, std::string(reinterpret_cast<const char*>(bytes), size));
  }
  OPENSSL_free(types);
  for (const auto& [type, data] : hello.data) {
    if (type == TLSEXT_TYPE_server_name) hello.server_name = server_name_of(data);
    if (type == TLSEXT_TYPE_application_layer_protocol_negotiation && data.size() > 2) hello.alpn = data.substr(2);
  }
  return SSL_CLIENT_HELLO_RETRY;
}

bool Session::use_certificate(const KeyPair& pair) {
  ERR_clear_error();
  has_certificate_ = SSL_use_cert_and_key(ssl_.get(), pair.leaf.get(), pair.key.get(), pair.chain.get(), 1) == 1;
  ERR_clear_error();
  return has_certificate_;
}

// --- bytes ---

void Session::note_readable(bool hangup) {
  empty_ = false;
  hangup_ = hangup_ || hangup;
  if (records_ != nullptr) records_->note_readable(hangup);
}

Io Session::read(char* data, std::size_t size) {
  if (records_ != nullptr) {
    const Io io = records_->read(data, size);
    drained_ = records_->drained();
    if (io.failed != 0 && records_->failure() != nullptr) failure_ = records_->failure();
    return io;
  }
  drained_ = false;
  Io io;
  if (broken_) return {0, false, false, error_ != 0 ? error_ : EPROTO};
  while (io.size < size) {
    ERR_clear_error();
    std::size_t got = 0;
    const int result = SSL_read_ex(ssl_.get(), data + io.size, size - io.size, &got);
    if (result == 1) {
      io.size += got;
      continue;
    }
    switch (SSL_get_error(ssl_.get(), result)) {
      case SSL_ERROR_WANT_READ:
        drained_ = true;
        io.blocked = io.size == 0;
        return io;
      case SSL_ERROR_ZERO_RETURN:  // close_notify; it will say so again
        io.closed = io.size == 0;
        return io;
      default:  // a fault of the peer's, an end without close_notify, which may be an attacker's; or no room for the answer to a key update
        broken_ = true;
        if (error_ == 0) error_ = ECONNRESET;
        if (failure_.empty()) failure_ = take_reason();
        ERR_clear_error();
        if (io.size == 0) io.failed = error_;
        return io;
    }
  }
  return io;
}

Io Session::write(const iovec* parts, int count) {
  if (records_ != nullptr) return records_->write(parts, count);
  Io io;
  if (broken_) return {0, false, false, error_ != 0 ? error_ : EPIPE};
  for (int i = 0; i < count; ++i) {
    const char* data = static_cast<const char*>(parts[i].iov_base);
    std::size_t left = parts[i].iov_len;
    while (left != 0) {
      ERR_clear_error();
      std::size_t put = 0;
      const int result = SSL_write_ex(ssl_.get(), data, left, &put);
      if (result == 1) {
        io.size += put;
        data += put;
        left -= put;
        continue;
      }
      if (SSL_get_error(ssl_.get(), result) == SSL_ERROR_WANT_WRITE) {
        io.blocked = io.size == 0;
        return io;
      }
      ERR_clear_error();
      broken_ = true;
      io.failed = error_ != 0 ? error_ : EPIPE;
      return io;
    }
  }
  return io;
}

void Session::close_notify() {
  if (!done_ || broken_) return;
  if (records_ != nullptr) return records_->close_notify();
  ERR_clear_error();
  SSL_shutdown(ssl_.get());
  ERR_clear_error();
}

// --- the peer ---

std::string_view Session::alpn() const {
  if (ssl_ == nullptr) return peer_->alpn;
  const unsigned char* name = nullptr;
  unsigned int size = 0;
  SSL_get0_alpn_selected(ssl_.get(), &name, &size);
  return {reinterpret_cast<const char*>(name), size};
}

const Peer& Session::peer() {
  if (peer_ != nullptr) return *peer_;
  peer_ = std::make_unique<Peer>();
  Peer& peer = *peer_;
  peer.version = view(SSL_get_version(ssl_.get()));
  if (const SSL_CIPHER* cipher = SSL_get_current_cipher(ssl_.get()); cipher != nullptr) peer.cipher = view(SSL_CIPHER_standard_name(cipher));
  peer.alpn = alpn();
  peer.server_name = view(SSL_get_servername(ssl_.get(), TLSEXT_NAMETYPE_host_name));
  X509* const certificate = SSL_get0_peer_certificate(ssl_.get());
  if (certificate == nullptr) return peer;
  if (SSL_get_verify_result(ssl_.get()) != X509_V_OK) return peer;  // it may say what it likes
  peer.subject = text_of(X509_get_subject_name(certificate));
  peer.issuer = text_of(X509_get_issuer_name(certificate));
  peer.fingerprint = fingerprint_of(*certificate);
  Names names = names_of(*certificate);
  if (!names.uris.empty()) peer.uri = std::move(names.uris.front());
  if (!names.dns.empty()) peer.dns = std::move(names.dns.front());
  return peer;
}

std::string_view Session::peer_certificate(std::size_t index) {
  if (chain_.empty() && ssl_ != nullptr) {
    const auto add = [this](const X509* one) {
      unsigned char* der = nullptr;
      const int size = i2d_X509(one, &der);
      if (size > 0) chain_.emplace_back(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size));
      OPENSSL_free(der);
    };
    const X509* const leaf = SSL_get0_peer_certificate(ssl_.get());
    if (leaf == nullptr) return {};
    add(leaf);
    const STACK_OF(X509)* const all = SSL_get_peer_cert_chain(ssl_.get());  // of a client's, without its own
    for (int i = 0; all != nullptr && i < sk_X509_num(all); ++i) add(sk_X509_value(all, i));
  }
  return index < chain_.size() ? std::string_view(chain_[index]) : std::string_view{};
}

}  // namespace cleat::tls
