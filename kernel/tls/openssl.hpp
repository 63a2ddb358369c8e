// OpenSSL's objects with owners, and its reasons as text.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>

namespace cleat::tls {

template <auto Free>
struct Freer {
  template <class T>
  void operator()(T* one) const {
    Free(one);
  }
};

using ContextPtr = std::unique_ptr<SSL_CTX, Freer<SSL_CTX_free>>;
using SslPtr = std::unique_ptr<SSL, Freer<SSL_free>>;
using BioPtr = std::unique_ptr<BIO, Freer<BIO_free>>;
using CipherPtr = std::unique_ptr<EVP_CIPHER_CTX, Freer<EVP_CIPHER_CTX_free>>;
using CertificatePtr = std::unique_ptr<X509, Freer<X509_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;
using StorePtr = std::unique_ptr<X509_STORE, Freer<X509_STORE_free>>;

inline void free_certificates(STACK_OF(X509)* all) { sk_X509_pop_free(all, X509_free); }

// A certificate that can be shown, with its chain.
struct KeyPair {
  CertificatePtr leaf;
  KeyPtr key;
  std::unique_ptr<STACK_OF(X509), Freer<free_certificates>> chain;
};

// A client's session, and the name of whom it was with.
struct Resumable {
  std::unique_ptr<SSL_SESSION, Freer<SSL_SESSION_free>> session;
  std::string name;
};

// The first reason of this thread's error queue, which is empty then. Empty: there was none.
std::string take_reason();

}  // namespace cleat::tls
