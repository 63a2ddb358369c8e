// The keys of session tickets (RFC 5077, RFC 8446 4.6.1), the process's own: all workers and generations resume each other's sessions. A key
// encrypts for half a day and decrypts for as long again; then what it protected is as safe as if there had been no ticket.
#pragma once

#include <openssl/ssl.h>

namespace cleat::tls {

inline constexpr long kTicketLifetimeS = 2 * 60 * 60;

void use_tickets(SSL_CTX& context);

}  // namespace cleat::tls
