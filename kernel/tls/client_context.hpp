// ClientContext: what the TLS connections to the endpoints of a cluster have in common. Made on the control thread, immutable, used by all
// workers; a generation whose configuration and files are the same takes it over. It must outlive the sessions it was given to.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "kernel/tls/settings.hpp"

namespace cleat::tls {

class ClientContext {
 public:
  // nullptr with errors. alpn: what is offered, the preferred first; empty: nothing is. before: taken over where it would be the same.
  static std::shared_ptr<const ClientContext> make(const config::ClientTls& from, const Secrets& secrets, std::vector<std::string> alpn,
                                                   const std::shared_ptr<const ClientContext>& before, config::Diagnostics& diagnostics);
  ClientContext(const ClientContext&) = delete;
  ClientContext& operator=(const ClientContext&) = delete;

  SSL_CTX* get() const { return context_.get(); }
  const std::string& server_name() const { return server_name_; }  // empty: the request's host
  // Whether the endpoint's certificate must have the name that it is asked by. Else one of the names of the configuration, or it is not verified.
  bool verifies_name() const { return verify_ && names_.empty(); }

 private:
  ClientContext() = default;
  ContextPtr context_;
  std::string text_;                                               // all it was made of, as a digest
  std::string server_name_;
  std::vector<std::string> names_;
  bool verify_ = true;
};

}  // namespace cleat::tls
