// tls: of a listener and of a cluster. What names stand for is looked up when the generation is built.
#include <openssl/ssl.h>

#include "kernel/config/reading.hpp"

namespace cleat::config {
namespace {

void optional_secret(const Node& map, std::string_view key, Reading& reading, std::string& name) {
  if (const Node* node = child(map, key)) read_reference(*node, reading, reading.references.secrets, name);
}

// Not both, of two ways to say one thing.
void exclusive(const Node& map, std::string_view one, std::string_view other, Reading& reading) {
  const Node* second = child(map, other);
  if (child(map, one) != nullptr && second != nullptr) reading.diagnostics.error(*second, "only one of " + std::string(one) + " and " + std::string(other));
}

void read_policy(const Node& node, std::string_view names, Reading& reading, TlsPolicy& policy) {
  using Version = TlsPolicy::Version;
  optional_word<Version>(node, "min_version", reading, {{"1.2", Version::k12}, {"1.3", Version::k13}}, policy.min_version);
  if (optional(node, "ciphers", reading, policy.ciphers)) {
    const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> trial(SSL_CTX_new(TLS_method()), SSL_CTX_free);
    if (trial == nullptr || SSL_CTX_set_cipher_list(trial.get(), policy.ciphers.c_str()) != 1) {
      reading.diagnostics.error(*node.get("ciphers"), "names no cipher of TLS 1.2 that OpenSSL knows");
    }
  }
  for (const Node* item : one_or_items(node, names, reading)) {
    std::string name;
    if (!read_text(*item, reading.diagnostics, name)) continue;
    const std::size_t star = name.find('*');
    const bool uri = name.find("://") != std::string::npos;
    const bool well = star == std::string::npos || (uri ? star + 1 == name.size() : star == 0 && name.starts_with("*.") && name.find('*', 1) == std::string::npos);
    if (name.empty() || !well) reading.diagnostics.error(*item, "is a name, *.name, a URI, or a URI's beginning and *");
    policy.names.push_back(std::move(name));
  }
}

}  // namespace

ServerTls read_server_tls(const Node& node, Reading& reading) {
  ServerTls tls;
  tls.node = &node;
  read_secret_parts(node, "client_ca", reading, tls.own);
  for (const Node* item : one_or_items(node, "secrets", reading)) read_reference(*item, reading, reading.references.secrets, tls.secrets.emplace_back());
  exclusive(node, "certificate", "secrets", reading);
  if (child(node, "certificate") == nullptr && tls.secrets.empty()) reading.diagnostics.error(node, "needs certificate and key, or secrets");
  optional_secret(node, "client_ca_secret", reading, tls.client_ca_secret);
  exclusive(node, "client_ca", "client_ca_secret", reading);
  using Client = ServerTls::Client;
  const bool has_ca = child(node, "client_ca") != nullptr || child(node, "client_ca_secret") != nullptr;
  if (has_ca) tls.client = Client::kRequired;
  optional_word<Client>(node, "client_certificate", reading, {{"none", Client::kNone}, {"optional", Client::kOptional}, {"required", Client::kRequired}, {"unverified", Client::kUnverified}}, tls.client);
  if ((tls.client == Client::kOptional || tls.client == Client::kRequired) && !has_ca) reading.diagnostics.error(*node.get("client_certificate"), "needs client_ca or client_ca_secret");
  read_policy(node, "client_names", reading, tls);
  if (!tls.names.empty() && (tls.client == Client::kNone || tls.client == Client::kUnverified)) reading.diagnostics.error(*node.get("client_names"), "needs client_ca or client_ca_secret");
  optional(node, "handshake_timeout", reading, tls.handshake_timeout);
  optional(node, "tickets", reading, tls.tickets);
  return tls;
}

ClientTls read_client_tls(const Node& node, Reading& reading) {
  ClientTls tls;
  tls.node = &node;
  read_secret_parts(node, "ca", reading, tls.own);
  optional_secret(node, "secret", reading, tls.secret);
  exclusive(node, "certificate", "secret", reading);
  optional_secret(node, "ca_secret", reading, tls.ca_secret);
  exclusive(node, "ca", "ca_secret", reading);
  if (const Node* name = child(node, "server_name")) read_authority(*name, reading, tls.server_name);
  optional(node, "verify", reading, tls.verify);
  read_policy(node, "names", reading, tls);
  if (!tls.verify) refuse_keys(node, {"ca", "ca_secret", "names"}, "has no meaning with verify: false", reading);
  return tls;
}

}  // namespace cleat::config
