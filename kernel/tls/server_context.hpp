// ServerContext: what the TLS connections of a listener have in common. Made on the control thread, immutable, used by all workers; a
// generation whose configuration and files are the same takes it over. It must outlive the sessions it was given to.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/tls/names.hpp"
#include "kernel/tls/settings.hpp"

namespace cleat::tls {

class ServerContext {
 public:
  // nullptr with errors. alpn: what is spoken, the preferred first; empty: the client's wishes are not looked at. before: taken over where
  // it would be the same.
  static std::shared_ptr<const ServerContext> make(const config::ServerTls& from, const Secrets& secrets, std::vector<std::string> alpn,
                                                   const std::shared_ptr<const ServerContext>& before, config::Diagnostics& diagnostics);
  ServerContext(const ServerContext&) = delete;
  ServerContext& operator=(const ServerContext&) = delete;

  SSL_CTX* get() const { return certificates_.front()->context.get(); }
  // Contexts of one policy want the same of their clients: a session may go on, or be resumed, under the other one.
  const std::string& policy() const { return policy_; }

 private:
  struct Certificate {
    ContextPtr context;
    Names names;
    std::string ocsp;
  };
  ServerContext() = default;
  bool add(const config::ServerTls& from, const config::Secret& secret, config::Diagnostics& diagnostics);
  bool verify_clients(SSL_CTX& context, const config::ServerTls& from, config::Diagnostics& diagnostics) const;
  const Certificate* find_certificate(std::string_view server_name) const;
  static int choose_certificate(SSL* ssl, int* alert, void* self);
  static int choose_protocol(SSL* ssl, const unsigned char** chosen, unsigned char* size, const unsigned char* offered, unsigned int offered_size, void* self);
  static int staple(SSL* ssl, void* certificate);

  std::string text_;    // all it was made of, as a digest
  std::string policy_;  // what it wants of clients, likewise
  std::string alpn_, client_ca_;
  std::vector<std::string> client_names_;
  std::vector<std::unique_ptr<Certificate>> certificates_;  // the first where none fits
};

}  // namespace cleat::tls
