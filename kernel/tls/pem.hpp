// PEM, of one certificate or key after another.
#pragma once

#include <string>

#include "kernel/tls/openssl.hpp"

namespace cleat::tls {

BioPtr reader(const std::string& pem);        // a view
CertificatePtr next_certificate(BIO* in);     // nullptr: there is none more, or it cannot be read; the error queue says which
KeyPtr private_key(const std::string& pem);   // the first; nullptr also for one that is encrypted: nobody is asked for a password

}  // namespace cleat::tls
