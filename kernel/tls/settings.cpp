#include "kernel/tls/settings.hpp"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include "kernel/tls/names.hpp"
#include "kernel/tls/pem.hpp"

namespace cleat::tls {
namespace {

constexpr const char* kCiphers =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
constexpr const char* kGroups = "X25519:P-256:P-384";

bool refused(const config::Node& at, std::string_view what, config::Diagnostics& diagnostics) {
  const std::string reason = take_reason();
  diagnostics.error(at, std::string(what) + (reason.empty() ? "" : ": " + reason));
  return false;
}

int check_names(int trusted, X509_STORE_CTX* verified) {
  if (trusted != 1 || X509_STORE_CTX_get_error_depth(verified) != 0) return trusted;
  auto* const ssl = static_cast<SSL*>(X509_STORE_CTX_get_ex_data(verified, SSL_get_ex_data_X509_STORE_CTX_idx()));
  const auto& names = *static_cast<const std::vector<std::string>*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
  if (names.empty() || any_matches(names, names_of(*X509_STORE_CTX_get_current_cert(verified)))) return 1;
  X509_STORE_CTX_set_error(verified, X509_V_ERR_HOSTNAME_MISMATCH);
  return 0;
}

}  // namespace

std::string take_reason() {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  if (code == 0) return {};
  const char* const text = ERR_reason_error_string(code);
  return text != nullptr ? text : "error " + std::to_string(code);
}

ContextPtr new_context(const SSL_METHOD* method, const config::TlsPolicy& policy) {
  ContextPtr made(SSL_CTX_new(method));
  if (made == nullptr) return nullptr;
  SSL_CTX_set_min_proto_version(made.get(), policy.min_version == config::TlsPolicy::Version::k13 ? TLS1_3_VERSION : TLS1_2_VERSION);
  SSL_CTX_set_options(made.get(), SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
  SSL_CTX_set_mode(made.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_read_ahead(made.get(), 1);
  if (SSL_CTX_set_cipher_list(made.get(), policy.ciphers.empty() ? kCiphers : policy.ciphers.c_str()) != 1) return nullptr;
  if (SSL_CTX_set1_groups_list(made.get(), kGroups) != 1) return nullptr;
  return made;
}

KeyPair key_pair(const config::Secret& secret, const config::Node& at, config::Diagnostics& diagnostics) {
  KeyPair made;
  const BioPtr chain = reader(secret.certificate);
  made.leaf = next_certificate(chain.get());
  made.key = private_key(secret.key);
  made.chain.reset(sk_X509_new_null());
  if (made.leaf == nullptr || made.key == nullptr || made.chain == nullptr || X509_check_private_key(made.leaf.get(), made.key.get()) != 1) {
    made.leaf.reset();
    refused(at, "the certificate and its key cannot be used", diagnostics);
    return made;
  }
  while (CertificatePtr issuer = next_certificate(chain.get())) {
    if (sk_X509_push(made.chain.get(), issuer.get()) > 0) (void)issuer.release();
  }
  ERR_clear_error();  // the end of the file
  return made;
}

bool use_certificate(SSL_CTX& context, const config::Secret& secret, const config::Node& at, config::Diagnostics& diagnostics) {
  const KeyPair made = key_pair(secret, at, diagnostics);
  if (made.leaf == nullptr) return false;
  return SSL_CTX_use_cert_and_key(&context, made.leaf.get(), made.key.get(), made.chain.get(), 1) == 1 ||
         refused(at, "the certificate and its key cannot be used", diagnostics);
}

StorePtr trust(const std::string& pem, STACK_OF(X509_NAME)* subjects, const config::Node& at, config::Diagnostics& diagnostics) {
  StorePtr store(X509_STORE_new());
  const BioPtr in = reader(pem);
  if (store == nullptr) return nullptr;
  while (CertificatePtr one = next_certificate(in.get())) {
    if (X509_STORE_add_cert(store.get(), one.get()) != 1) {
      refused(at, "a certificate of the ca cannot be used", diagnostics);
      return nullptr;
    }
    if (subjects == nullptr) continue;
    if (X509_NAME* const subject = X509_NAME_dup(X509_get_subject_name(one.get())); subject != nullptr) sk_X509_NAME_push(subjects, subject);
  }
  ERR_clear_error();
  X509_STORE_set_flags(store.get(), X509_V_FLAG_PARTIAL_CHAIN);  // whoever is named is trusted, also where another has signed it
  return store;
}

void verify_peer(SSL_CTX& context, int mode, const std::vector<std::string>& names) {
  SSL_CTX_set_app_data(&context, const_cast<std::vector<std::string>*>(&names));
  SSL_CTX_set_verify(&context, mode, check_names);
}

void ask_peer(SSL_CTX& context) {
  SSL_CTX_set_verify(&context, SSL_VERIFY_PEER, [](int, X509_STORE_CTX*) { return 1; });
}

const config::Secret* find(const Secrets& secrets, const std::string& name, bool with_certificate, const config::Node& at, config::Diagnostics& diagnostics) {
  const auto found = secrets.find(name);
  if (found == secrets.end()) {
    diagnostics.error(at, "there is no secret \"" + name + "\"");
    return nullptr;
  }
  const std::string& wanted = with_certificate ? found->second->certificate : found->second->ca;
  if (!wanted.empty()) return found->second;
  diagnostics.error(at, "secret \"" + name + "\" has no " + (with_certificate ? "certificate" : "ca"));
  return nullptr;
}

std::string alpn_wire(const std::vector<std::string>& protocols) {
  std::string made;
  for (const std::string& one : protocols) {
    made.push_back(static_cast<char>(one.size()));
    made += one;
  }
  return made;
}

std::string digest(const std::vector<std::string_view>& texts) {
  std::string all;
  for (const std::string_view text : texts) {
    all += std::to_string(text.size()) + ':';
    all += text;
  }
  unsigned char made[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  if (EVP_Digest(all.data(), all.size(), made, &size, EVP_sha256(), nullptr) != 1) return {};
  return {reinterpret_cast<const char*>(made), size};
}

}  // namespace cleat::tls
