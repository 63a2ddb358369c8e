// cleat.tls/1: what a connection's TLS session knows, and which certificate it shows.
#include "kernel/accept/connection.hpp"
#include "kernel/hooks/host_exchange.hpp"
#include "kernel/hooks/host_tables.hpp"
#include "kernel/tls/session.hpp"

namespace cleat::hooks {
namespace {

cleat_status no_part() { return fail_call(CLEAT_NOT_FOUND, "tls: the ClientHello has no such part"); }

// The connection, if its ClientHello waits for an answer.
Connection* asked(cleat_conn handle, cleat_status& status) {
  Connection* const connection = connection_of(handle, status);
  if (connection == nullptr) return nullptr;
  if (connection->tls() != nullptr && connection->tls()->hello() != nullptr) return connection;
  status = fail_call(CLEAT_WRONG_PHASE, "tls: in on_client_hello, or while it is suspended");
  return nullptr;
}

cleat_status tls_client_hello(const Connection& connection, std::uint32_t part, cleat_str* value) {
  if (value == nullptr) return fail_call(CLEAT_INVALID, "tls: the output is NULL");
  const tls::ClientHello& hello = *connection.tls()->hello();
  const std::string* found = nullptr;
  switch (part) {
    case CLEAT_TLS_VERSION: found = &hello.version; break;
    case CLEAT_TLS_CIPHERS: found = &hello.ciphers; break;
    case CLEAT_TLS_EXTENSIONS: found = &hello.extensions; break;
    case CLEAT_TLS_SERVER_NAME: found = &hello.server_name; break;
    case CLEAT_TLS_ALPN: found = &hello.alpn; break;
    default: return fail_call(CLEAT_INVALID, "tls: a ClientHello has no part of this number");
  }
  if (found->empty()) return no_part();
  *value = to_str(*found);
  return CLEAT_OK;
}

cleat_status tls_extension(const Connection& connection, std::uint32_t type, cleat_str* data) {
  if (data == nullptr) return fail_call(CLEAT_INVALID, "tls: the output is NULL");
  for (const auto& [number, bytes] : connection.tls()->hello()->data) {
    if (number != type) continue;
    *data = to_str(bytes);
    return CLEAT_OK;
  }
  return no_part();
}

cleat_status tls_certificate_use(const Connection& connection, cleat_str secret) {
  if (bad(secret)) return fail_call(CLEAT_INVALID, "tls: a pointer is NULL");
  const auto& all = connection.home().generation->key_pairs;
  const auto found = all.find(to_view(secret));
  if (found == all.end()) return fail_call(CLEAT_NOT_FOUND, "tls: no secret of this name has a certificate");
  return connection.tls()->use_certificate(found->second) ? CLEAT_OK : fail_call(CLEAT_FAILED, "tls: the certificate cannot be used");
}

cleat_status tls_peer_certificate(const Connection& connection, std::uint32_t index, cleat_str* der) {
  if (der == nullptr) return fail_call(CLEAT_INVALID, "tls: the output is NULL");
  tls::Session* const session = connection.tls();
  if (session == nullptr || !session->done()) return fail_call(CLEAT_WRONG_PHASE, "tls: from on_tls on");
  return guarded([&]() -> cleat_status {
    const std::string_view found = session->peer_certificate(index);
    if (found.empty()) return fail_call(CLEAT_NOT_FOUND, "tls: the client has shown no such certificate");
    *der = to_str(found);
    return CLEAT_OK;
  });
}

}  // namespace

const cleat_host_tls kHostTls = {
    .size = sizeof(cleat_host_tls),
    .reserved = 0,
    .client_hello = with<asked, tls_client_hello>,
    .extension = with<asked, tls_extension>,
    .certificate_use = with<asked, tls_certificate_use>,
    .peer_certificate = with<connection_of, tls_peer_certificate>,
};

}  // namespace cleat::hooks
