// Names in certificates, and patterns for them: "a.example", "*.a.example" (one label, RFC 9525 6.3), a URI, or a URI's
// beginning and "*".
#pragma once

#include <openssl/x509.h>

#include <string>
#include <string_view>
#include <vector>

namespace cleat::tls {

struct Names {
  std::vector<std::string> dns;  // in lower case
  std::vector<std::string> uris;
  std::vector<std::string> ips;  // as text
};

// The subject alternative names; what holds a NUL or a control character is left out. The common name is none (RFC 9525 2).
Names names_of(X509& certificate);

// name: in lower case. pattern: "a.example", or "*.example", which one label stands before.
bool dns_matches(std::string_view pattern, std::string_view name);

// Has the certificate one of the names?
bool any_matches(const std::vector<std::string>& patterns, const Names& names);

}  // namespace cleat::tls
