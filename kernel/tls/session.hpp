// Session: TLS on one connection: the handshake, then bytes in and out of records, and who the peer is. One worker.
#pragma once

#include <sys/uio.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kernel/base/socket.hpp"
#include "kernel/tls/client_context.hpp"
#include "kernel/tls/records.hpp"
#include "kernel/tls/server_context.hpp"

namespace cleat::tls {

// The peer of a finished handshake. Texts are empty where there is nothing.
struct Peer {
  std::string_view version, cipher;            // "TLSv1.3", the cipher's name of the RFC
  std::string alpn, server_name;               // what was agreed on, and asked for
  std::string subject, issuer;                 // of its certificate, RFC 2253; this and the rest of one that is trusted alone
  std::string fingerprint;                     // SHA-256 of the certificate, hex
  std::string uri, dns;                        // its first names of that kind
};

// What a client said first, kept until it is answered.
struct ClientHello {
  std::string version, ciphers, extensions, server_name, alpn;  // as cleat.tls/1 has them
  std::vector<std::pair<unsigned int, std::string>> data;       // of the extensions, by type
};

class Session {
 public:
  // Without the connection: fd is the caller's, and non-blocking. Throws std::bad_alloc.
  Session(std::shared_ptr<const ServerContext> context, int fd);
  // name: who is asked for, a host name or an address; saved: what may be resumed, and where what may be later is kept.
  Session(std::shared_ptr<const ClientContext> context, int fd, std::string_view name, Resumable* saved);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session();

  static Session& of(const SSL* ssl) { return *static_cast<Session*>(SSL_get_app_data(ssl)); }

  enum class Step : std::uint8_t { kDone, kWaits, kFailed };
  Step handshake();                            // as far as it goes now
  const std::string& failure() const { return failure_; }  // why it failed, in words
  bool done() const { return done_; }
  bool resumed() const { return resumed_; }

  // --- a server's, while it has not answered ---
  void show_hello() { shows_hello_ = true; }   // the handshake waits once the ClientHello is there
  const ClientHello* hello() const { return hello_.get(); }  // while it waits; nullptr: it does not
  void answer_hello() { hello_.reset(); }      // the next handshake() goes on
  bool use_certificate(const KeyPair& pair);
  bool has_certificate() const { return has_certificate_; }  // of its own: that of the name is not looked for
  // For ServerContext: SSL_CTX_set_client_hello_cb, SSL_CTX_set_keylog_callback.
  static int hello_came(SSL* ssl, int* alert, void*);
  static void secret_came(const SSL* ssl, const char* line);

  void note_readable(bool hangup);             // the loop has told so
  // Up to that many bytes. `drained` afterwards: there are no more, until the loop tells.
  Io read(char* data, std::size_t size);
  bool drained() const { return drained_; }
  // What it did not take is to be given again first, at least as much of it.
  Io write(const iovec* parts, int count);
  void close_notify();                         // if it can go now: the end of what is sent, for good

  std::string_view alpn() const;               // what was agreed on
  const Peer& peer();                          // after the handshake
  std::string_view peer_certificate(std::size_t index);  // DER; empty: there is none
  static int keep_session(SSL* ssl, SSL_SESSION* session);  // for ClientContext: SSL_CTX_sess_set_new_cb

 private:
  // What records are protected by once OpenSSL has done the handshake.
  struct Secrets {
    TrafficSecret client, server;
    std::uint64_t written = 0;                 // records, since there is the server's
  };

  void attach(int fd);
  void take_over();
  static void record_passed(int written, int version, int type, const void* data, std::size_t size, SSL* ssl, void*);  // SSL_set_msg_callback
  static int bio_read(BIO* bio, char* data, std::size_t size, std::size_t* got);
  static int bio_write(BIO* bio, const char* data, std::size_t size, std::size_t* put);
  static long bio_control(BIO* bio, int command, long number, void* pointer);
  static const BIO_METHOD* method();

  const std::shared_ptr<const ServerContext> server_;
  const std::shared_ptr<const ClientContext> client_;
  SslPtr ssl_;                                 // nullptr: records_ has taken over
  std::unique_ptr<Records> records_;
  std::unique_ptr<Secrets> secrets_;           // a server's, during the handshake
  Resumable* const saved_ = nullptr;
  const std::string name_;                     // of whom is asked for
  int fd_ = -1, error_ = 0;                    // errno of the socket, or of what the peer did
  bool done_ = false, resumed_ = false;
  bool shows_hello_ = false, has_certificate_ = false;
  std::unique_ptr<ClientHello> hello_;
  std::vector<std::string> chain_;             // of the peer, once asked for
  bool empty_ = false;                         // the socket's buffer: a read was short
  bool hangup_ = false, drained_ = false, broken_ = false;
  std::string failure_;
  std::unique_ptr<Peer> peer_;
};

}  // namespace cleat::tls
