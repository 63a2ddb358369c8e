// A certificate with its key, valid for a day, that nobody but itself has signed.
#pragma once

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <string>

#include "kernel/config/model.hpp"
#include "kernel/tls/openssl.hpp"

namespace cleat {

// names: of the subjectAltName extension, such as "DNS:a.example".
inline config::Secret self_signed(const char* names) {
  const tls::KeyPtr key(EVP_EC_gen("P-256"));
  const tls::CertificatePtr made(X509_new());
  X509_set_version(made.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(made.get()), 1);
  X509_gmtime_adj(X509_getm_notBefore(made.get()), 0);
  X509_gmtime_adj(X509_getm_notAfter(made.get()), 86'400);
  X509_set_pubkey(made.get(), key.get());
  const std::unique_ptr<X509_EXTENSION, tls::Freer<X509_EXTENSION_free>> extension(X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, names));
  X509_add_ext(made.get(), extension.get(), -1);
  X509_sign(made.get(), key.get(), EVP_sha256());
  const tls::BioPtr certificate_out(BIO_new(BIO_s_mem())), key_out(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(certificate_out.get(), made.get());
  PEM_write_bio_PrivateKey(key_out.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  const auto text_of = [](BIO* bio) {
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio, &data);
    return std::string(data, static_cast<std::size_t>(size));
  };
  config::Secret secret;
  secret.certificate = text_of(certificate_out.get());
  secret.key = text_of(key_out.get());
  return secret;
}

}  // namespace cleat
