// What the contexts of both sides are given: versions, ciphers, certificates, whom they trust. Each fails with an error at its node.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "kernel/config/model.hpp"
#include "kernel/tls/openssl.hpp"

namespace cleat::tls {

using Secrets = std::unordered_map<std::string_view, const config::Secret*>;  // by name

// TLS 1.2 and 1.3; ECDHE with AEADs alone; no compression, no renegotiation. nullptr: out of memory.
ContextPtr new_context(const SSL_METHOD* method, const config::TlsPolicy& policy);

// Of a secret with a certificate. Without a leaf: OpenSSL refuses it.
KeyPair key_pair(const config::Secret& secret, const config::Node& at, config::Diagnostics& diagnostics);
bool use_certificate(SSL_CTX& context, const config::Secret& secret, const config::Node& at, config::Diagnostics& diagnostics);

// nullptr with an error. subjects: of the certificates, for a server to name to its clients; may be nullptr.
StorePtr trust(const std::string& pem, STACK_OF(X509_NAME)* subjects, const config::Node& at, config::Diagnostics& diagnostics);

// The peer's certificate must have one of the names, which must live as long as the context; none: any that is trusted will do.
void verify_peer(SSL_CTX& context, int mode, const std::vector<std::string>& names);
void ask_peer(SSL_CTX& context);  // for its certificate, and take any or none

// The secret that a name of the configuration stands for, which composing has checked.
const config::Secret* find(const Secrets& secrets, const std::string& name, bool with_certificate, const config::Node& at, config::Diagnostics& diagnostics);

// ALPN's form of protocol names (RFC 7301 3.1).
std::string alpn_wire(const std::vector<std::string>& protocols);

// SHA-256 of texts, of which none can be mistaken for parts of others.
std::string digest(const std::vector<std::string_view>& texts);

}  // namespace cleat::tls
