#include "kernel/tls/server_context.hpp"

#include <algorithm>
#include <cstring>

#include "kernel/http/message.hpp"
#include "kernel/tls/session.hpp"
#include "kernel/tls/tickets.hpp"

namespace cleat::tls {
namespace {

// The secrets of which the listener has its certificates, and the ca of its clients.
struct Materials {
  std::vector<const config::Secret*> certificates;
  std::string client_ca;
};

bool gather(const config::ServerTls& from, const Secrets& secrets, Materials& found, config::Diagnostics& diagnostics) {
  if (!from.own.certificate.empty()) found.certificates.push_back(&from.own);
  for (const std::string& name : from.secrets) {
    const config::Secret* const secret = find(secrets, name, true, *from.node, diagnostics);
    if (secret == nullptr) return false;
    found.certificates.push_back(secret);
  }
  found.client_ca = from.own.ca;
  if (from.client_ca_secret.empty()) return !found.certificates.empty();
  const config::Secret* const secret = find(secrets, from.client_ca_secret, false, *from.node, diagnostics);
  if (secret != nullptr) found.client_ca = secret->ca;
  return secret != nullptr && !found.certificates.empty();
}

std::string policy_of(const config::ServerTls& from, const std::string& client_ca) {
  const std::string client = std::to_string(static_cast<int>(from.client));
  std::vector<std::string_view> parts = {from.min_version == config::TlsPolicy::Version::k13 ? "1.3" : "1.2", from.ciphers, client_ca,
                                         client};
  parts.insert(parts.end(), from.names.begin(), from.names.end());
  return digest(parts);
}

}  // namespace

std::shared_ptr<const ServerContext> ServerContext::make(const config::ServerTls& from, const Secrets& secrets, std::vector<std::string> alpn,
                                                         const std::shared_ptr<const ServerContext>& before, config::Diagnostics& diagnostics) {
  Materials materials;
  if (!gather(from, secrets, materials, diagnostics)) return nullptr;
  const std::shared_ptr<ServerContext> made(new ServerContext);
  made->policy_ = policy_of(from, materials.client_ca);
  made->alpn_ = alpn_wire(alpn);
  std::vector<std::string_view> texts = {made->policy_, made->alpn_, from.tickets ? "tickets" : ""};
  for (const config::Secret* one : materials.certificates) texts.insert(texts.end(), {one->certificate, one->key, one->ocsp});
  made->text_ = digest(texts);
  if (before != nullptr && before->text_ == made->text_) return before;
  made->client_names_ = from.names;
  made->client_ca_ = materials.client_ca;
  for (const config::Secret* one : materials.certificates) {
    if (!made->add(from, *one, diagnostics)) return nullptr;
  }
  return made;
}

bool ServerContext::add(const config::ServerTls& from, const config::Secret& secret, config::Diagnostics& diagnostics) {
  auto made = std::make_unique<Certificate>();
  made->context = new_context(TLS_server_method(), from);
  if (made->context == nullptr) {
    diagnostics.error(*from.node, "no TLS context: " + take_reason());
    return false;
  }
  SSL_CTX& context = *made->context;
  if (!use_certificate(context, secret, *from.node, diagnostics) || !verify_clients(context, from, diagnostics)) return false;
  made->names = names_of(*SSL_CTX_get0_certificate(&context));
  made->ocsp = secret.ocsp;
  SSL_CTX_set_session_cache_mode(&context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_session_id_context(&context, reinterpret_cast<const unsigned char*>(policy_.data()), static_cast<unsigned int>(std::min<std::size_t>(policy_.size(), SSL_MAX_SID_CTX_LENGTH)));
  if (from.tickets) {
    use_tickets(context);
  } else {
    SSL_CTX_set_options(&context, SSL_OP_NO_TICKET);
    SSL_CTX_set_num_tickets(&context, 0);
  }
  SSL_CTX_set_client_hello_cb(&context, Session::hello_came, nullptr);
  SSL_CTX_set_keylog_callback(&context, Session::secret_came);
  SSL_CTX_set_tlsext_servername_callback(&context, choose_certificate);
  SSL_CTX_set_tlsext_servername_arg(&context, this);
  if (!alpn_.empty()) SSL_CTX_set_alpn_select_cb(&context, choose_protocol, this);
  if (!made->ocsp.empty()) {
    SSL_CTX_set_tlsext_status_cb(&context, staple);
    SSL_CTX_set_tlsext_status_arg(&context, made.get());
  }
  certificates_.push_back(std::move(made));
  return true;
}

bool ServerContext::verify_clients(SSL_CTX& context, const config::ServerTls& from, config::Diagnostics& diagnostics) const {
  using Client = config::ServerTls::Client;
  if (from.client == Client::kUnverified) ask_peer(context);
  if (from.client == Client::kNone || from.client == Client::kUnverified) return true;
  STACK_OF(X509_NAME)* const subjects = sk_X509_NAME_new_null();
  const StorePtr store = trust(client_ca_, subjects, *from.node, diagnostics);
  SSL_CTX_set_client_CA_list(&context, subjects);  // owns it now
  if (store == nullptr) return false;
  SSL_CTX_set1_cert_store(&context, store.get());
  verify_peer(context, SSL_VERIFY_PEER | (from.client == Client::kRequired ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), client_names_);
  return true;
}

// --- what a client asks for ---

// Exactly its name before a wildcard.
const ServerContext::Certificate* ServerContext::find_certificate(std::string_view server_name) const {
  const Certificate* wildcard = nullptr;
  for (const auto& one : certificates_) {
    for (const std::string& name : one->names.dns) {
      if (name == server_name) return one.get();
      if (wildcard == nullptr && dns_matches(name, server_name)) wildcard = one.get();
    }
  }
  return wildcard;
}

int ServerContext::choose_certificate(SSL* ssl, int*, void* self) {
  const auto& all = *static_cast<const ServerContext*>(self);
  const char* const name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  if (name == nullptr || all.certificates_.size() == 1 || Session::of(ssl).has_certificate()) return SSL_TLSEXT_ERR_OK;
  const Certificate* const found = all.find_certificate(http::to_lower(name));
  if (found != nullptr) SSL_set_SSL_CTX(ssl, found->context.get());
  return SSL_TLSEXT_ERR_OK;
}

// The first of ours that is offered; none is an error that the client is told (RFC 7301 3.2).
int ServerContext::choose_protocol(SSL*, const unsigned char** chosen, unsigned char* size, const unsigned char* offered, unsigned int offered_size, void* self) {
  const std::string& ours = static_cast<const ServerContext*>(self)->alpn_;
  unsigned char* out = nullptr;
  if (SSL_select_next_proto(&out, size, reinterpret_cast<const unsigned char*>(ours.data()), static_cast<unsigned int>(ours.size()), offered, offered_size) !=
      OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  }
  *chosen = out;
  return SSL_TLSEXT_ERR_OK;
}

int ServerContext::staple(SSL* ssl, void* certificate) {
  const std::string& response = static_cast<const Certificate*>(certificate)->ocsp;
  auto* const copy = static_cast<unsigned char*>(OPENSSL_memdup(response.data(), response.size()));  // OpenSSL frees it
  if (copy == nullptr) return SSL_TLSEXT_ERR_NOACK;
  SSL_set_tlsext_status_ocsp_resp(ssl, copy, static_cast<long>(response.size()));
  return SSL_TLSEXT_ERR_OK;
}

}  // namespace cleat::tls
