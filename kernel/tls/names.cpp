#include "kernel/tls/names.hpp"

#include <arpa/inet.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <memory>

#include "kernel/http/message.hpp"
#include "kernel/tls/openssl.hpp"

namespace cleat::tls {
namespace {

bool is_clean(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f'; });
}

void add(std::vector<std::string>& to, const ASN1_STRING& from, bool lower) {
  const std::string_view text(reinterpret_cast<const char*>(ASN1_STRING_get0_data(&from)), static_cast<std::size_t>(ASN1_STRING_length(&from)));
  if (is_clean(text)) to.push_back(lower ? http::to_lower(text) : std::string(text));
}

void add_ip(std::vector<std::string>& to, const ASN1_OCTET_STRING& from) {
  const int size = ASN1_STRING_length(&from);
  char text[INET6_ADDRSTRLEN];
  if ((size != 4 && size != 16) || inet_ntop(size == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(&from), text, sizeof text) == nullptr) return;
  to.emplace_back(text);
}

bool matches(std::string_view pattern, const Names& names) {
  const auto is_one_of = [&](const std::vector<std::string>& all) { return std::find(all.begin(), all.end(), pattern) != all.end(); };
  if (pattern.find("://") == std::string_view::npos) {
    const std::string lower = http::to_lower(pattern);
    return is_one_of(names.ips) || std::any_of(names.dns.begin(), names.dns.end(), [&](const std::string& name) {
             return dns_matches(lower, name) || dns_matches(name, lower);  // either may be the wildcard
           });
  }
  if (!pattern.ends_with('*')) return is_one_of(names.uris);
  pattern.remove_suffix(1);
  return std::any_of(names.uris.begin(), names.uris.end(), [&](const std::string& uri) { return std::string_view(uri).starts_with(pattern); });
}

}  // namespace

Names names_of(X509& certificate) {
  Names found;
  const std::unique_ptr<GENERAL_NAMES, Freer<GENERAL_NAMES_free>> all(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(&certificate, NID_subject_alt_name, nullptr, nullptr)));
  if (all == nullptr) return found;
  for (int i = 0; i < sk_GENERAL_NAME_num(all.get()); ++i) {
    const GENERAL_NAME& one = *sk_GENERAL_NAME_value(all.get(), i);
    switch (one.type) {
      case GEN_DNS: add(found.dns, *one.d.dNSName, true); break;
      case GEN_URI: add(found.uris, *one.d.uniformResourceIdentifier, false); break;
      case GEN_IPADD: add_ip(found.ips, *one.d.iPAddress); break;
      default: break;
    }
  }
  return found;
}

bool dns_matches(std::string_view pattern, std::string_view name) {
  if (pattern == name) return true;
  if (!pattern.starts_with("*.")) return false;
  const std::size_t dot = name.find('.');
  return dot != 0 && dot != std::string_view::npos && name[0] != '*' && name.substr(dot) == pattern.substr(1);
}

bool any_matches(const std::vector<std::string>& patterns, const Names& names) {
  return std::any_of(patterns.begin(), patterns.end(), [&](const std::string& pattern) { return matches(pattern, names); });
}

}  // namespace cleat::tls
