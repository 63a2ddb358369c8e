#include "kernel/tls/client_context.hpp"

#include "kernel/tls/session.hpp"

namespace cleat::tls {

std::shared_ptr<const ClientContext> ClientContext::make(const config::ClientTls& from, const Secrets& secrets, std::vector<std::string> alpn,
                                                         const std::shared_ptr<const ClientContext>& before, config::Diagnostics& diagnostics) {
  const config::Secret* certificate = from.own.certificate.empty() ? nullptr : &from.own;
  if (!from.secret.empty() && (certificate = find(secrets, from.secret, true, *from.node, diagnostics)) == nullptr) return nullptr;
  const config::Secret* ca = from.own.ca.empty() ? nullptr : &from.own;
  if (!from.ca_secret.empty() && (ca = find(secrets, from.ca_secret, false, *from.node, diagnostics)) == nullptr) return nullptr;

  const std::shared_ptr<ClientContext> made(new ClientContext);
  const std::string alpn_text = alpn_wire(alpn);
  std::vector<std::string_view> texts = {from.min_version == config::TlsPolicy::Version::k13 ? "1.3" : "1.2", from.ciphers, from.server_name,
                                         from.verify ? "verify" : "", alpn_text};
  if (certificate != nullptr) texts.insert(texts.end(), {certificate->certificate, certificate->key});
  texts.push_back(ca != nullptr ? std::string_view(ca->ca) : std::string_view{});
  texts.insert(texts.end(), from.names.begin(), from.names.end());
  made->text_ = digest(texts);
  if (before != nullptr && before->text_ == made->text_) return before;

  made->server_name_ = from.server_name;
  made->names_ = from.names;
  made->verify_ = from.verify;
  made->context_ = new_context(TLS_client_method(), from);
  if (made->context_ == nullptr) {
    diagnostics.error(*from.node, "no TLS context: " + take_reason());
    return nullptr;
  }
  SSL_CTX& context = *made->context_;
  if (certificate != nullptr && !use_certificate(context, *certificate, *from.node, diagnostics)) return nullptr;
  if (ca != nullptr) {
    const StorePtr store = trust(ca->ca, nullptr, *from.node, diagnostics);
    if (store == nullptr) return nullptr;
    SSL_CTX_set1_cert_store(&context, store.get());
  } else {
    SSL_CTX_set_default_verify_paths(&context);
  }
  verify_peer(context, from.verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, made->names_);
  if (!alpn_text.empty()) SSL_CTX_set_alpn_protos(&context, reinterpret_cast<const unsigned char*>(alpn_text.data()), static_cast<unsigned int>(alpn_text.size()));
  SSL_CTX_set_session_cache_mode(&context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(&context, Session::keep_session);
  return made;
}

}  // namespace cleat::tls
