#include "kernel/tls/pem.hpp"

#include <openssl/pem.h>

namespace cleat::tls {
namespace {

// Without it OpenSSL asks at a terminal.
int no_password(char*, int, int, void*) { return 0; }

}  // namespace

BioPtr reader(const std::string& pem) { return BioPtr(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()))); }

CertificatePtr next_certificate(BIO* in) { return CertificatePtr(PEM_read_bio_X509(in, nullptr, no_password, nullptr)); }

KeyPtr private_key(const std::string& pem) { return KeyPtr(PEM_read_bio_PrivateKey(reader(pem).get(), nullptr, no_password, nullptr)); }

}  // namespace cleat::tls
