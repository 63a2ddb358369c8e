// cleat.attributes/1: reads off the exchange and its connection. An empty text is one that is not known.
#include "kernel/accept/connection.hpp"
#include "kernel/hooks/host_exchange.hpp"
#include "kernel/hooks/host_tables.hpp"
#include "kernel/tls/session.hpp"

namespace cleat::hooks {
namespace {

// A table of the numbers would be shorter by nothing: each is one line below.
bool is_of_tls(std::uint32_t attribute) { return attribute >= CLEAT_ATTR_TLS_VERSION && attribute <= CLEAT_ATTR_TLS_PEER_FINGERPRINT; }
bool is_text(std::uint32_t attribute) { return (attribute >= CLEAT_ATTR_SOURCE_ADDRESS && attribute <= CLEAT_ATTR_ORIGINAL_DESTINATION) || is_of_tls(attribute); }
bool is_integer(std::uint32_t attribute) { return attribute >= CLEAT_ATTR_START_UNIX_US && attribute <= CLEAT_ATTR_TLS_RESUMED; }

cleat_status not_known() { return fail_call(CLEAT_NOT_FOUND, "attribute: not known, or not yet"); }
cleat_status not_of_this_type() { return fail_call(CLEAT_INVALID, "attribute: there is none of this number and type"); }
cleat_status not_of_a_connection() { return fail_call(CLEAT_UNSUPPORTED, "attribute: only of an exchange"); }

// Empty before the handshake is done, or where there is none.
std::string_view tls_text(const Connection& connection, std::uint32_t attribute) {
  tls::Session* const session = connection.tls();
  if (session == nullptr || !session->done()) return {};
  const tls::Peer& peer = session->peer();
  switch (attribute) {
    case CLEAT_ATTR_TLS_VERSION: return peer.version;
    case CLEAT_ATTR_TLS_CIPHER: return peer.cipher;
    case CLEAT_ATTR_TLS_SERVER_NAME: return peer.server_name;
    case CLEAT_ATTR_TLS_ALPN: return peer.alpn;
    case CLEAT_ATTR_TLS_PEER_SUBJECT: return peer.subject;
    case CLEAT_ATTR_TLS_PEER_ISSUER: return peer.issuer;
    case CLEAT_ATTR_TLS_PEER_URI: return peer.uri;
    case CLEAT_ATTR_TLS_PEER_DNS: return peer.dns;
    case CLEAT_ATTR_TLS_PEER_FINGERPRINT: return peer.fingerprint;
    default: return {};
  }
}

std::string_view connection_text(Connection& connection, std::uint32_t attribute) {
  switch (attribute) {
    case CLEAT_ATTR_SOURCE_ADDRESS: return connection.peer_text();
    case CLEAT_ATTR_DESTINATION_ADDRESS: return connection.local_text();
    case CLEAT_ATTR_LISTENER: return connection.listener().config->name;
    case CLEAT_ATTR_ORIGINAL_DESTINATION: return connection.original_text();
    default: return tls_text(connection, attribute);
  }
}

bool is_of_a_connection(std::uint32_t attribute) {
  return attribute <= CLEAT_ATTR_LISTENER || attribute == CLEAT_ATTR_ORIGINAL_DESTINATION || is_of_tls(attribute);
}

std::string_view exchange_text(const Exchange& x, std::uint32_t attribute) {
  switch (attribute) {
    case CLEAT_ATTR_LISTENER: return x.listener->config->name;
    case CLEAT_ATTR_PROTOCOL:
      if (!x.request_known && x.request.method.empty()) return {};
      if (x.request.major == 2) return "HTTP/2";
      return x.request.minor == 0 ? "HTTP/1.0" : "HTTP/1.1";
    case CLEAT_ATTR_ROUTE: return x.route == nullptr ? std::string_view{} : x.route->config->name;
    case CLEAT_ATTR_CLUSTER: return x.cluster == nullptr ? std::string_view{} : x.cluster->config.name;
    case CLEAT_ATTR_ENDPOINT: return x.endpoint == nullptr ? std::string_view{} : x.endpoint->text;
    case CLEAT_ATTR_REQUEST_ID: return x.request_id;
    case CLEAT_ATTR_REPLY_FLAG: return x.reply_flag;
    case CLEAT_ATTR_REPLY_REASON: return x.reply_reason;
    case CLEAT_ATTR_REPLY_BY:
      if (x.reply_by != nullptr) return x.reply_by->name;
      return x.reply_flag.empty() ? std::string_view{} : "kernel";
    case CLEAT_ATTR_ORIGINAL_TARGET: return x.original_target;
    case CLEAT_ATTR_ORIGINAL_HOST: return x.original_authority;
    default: return x.server == nullptr || !is_of_a_connection(attribute) ? std::string_view{} : connection_text(x.server->connection(), attribute);
  }
}

cleat_status answer(std::string_view text, cleat_str* value) {
  if (text.empty()) return not_known();
  *value = to_str(text);
  return CLEAT_OK;
}

cleat_status answer(std::uint64_t number, std::int64_t* value) {
  *value = static_cast<std::int64_t>(number);
  return CLEAT_OK;
}

// A moment of the exchange, 0 where it has not come.
cleat_status answer_since(const Exchange& x, std::uint64_t at_us, std::int64_t* value) {
  if (at_us == 0) return not_known();
  return answer(at_us > x.start_us ? at_us - x.start_us : 0, value);
}

cleat_status answer_resumed(const Connection& connection, std::int64_t* value) {
  const tls::Session* const session = connection.tls();
  return session == nullptr || !session->done() ? not_known() : answer(std::uint64_t{session->resumed()}, value);
}

cleat_status exchange_integer(const Exchange& x, std::uint32_t attribute, std::int64_t* value) {
  switch (attribute) {
    case CLEAT_ATTR_START_UNIX_US: return answer(x.start_unix_us, value);
    case CLEAT_ATTR_REQUEST_END_US: return answer_since(x, x.request_end_us, value);
    case CLEAT_ATTR_UPSTREAM_START_US: return answer_since(x, x.upstream_start_us, value);
    case CLEAT_ATTR_UPSTREAM_HEAD_US: return answer_since(x, x.upstream_head_us, value);
    case CLEAT_ATTR_DURATION_US: return answer(x.elapsed_us(), value);
    case CLEAT_ATTR_REQUEST_BODY_BYTES: return answer(x.request_bytes, value);
    case CLEAT_ATTR_RESPONSE_BODY_BYTES: return answer(x.response_bytes, value);
    case CLEAT_ATTR_REQUEST_HEAD_BYTES: return answer(x.request_head_bytes, value);
    case CLEAT_ATTR_RESPONSE_STATUS: return x.head_sent() ? answer(x.response.status, value) : not_known();
    case CLEAT_ATTR_ATTEMPTS: return answer(x.attempt, value);
    case CLEAT_ATTR_CONNECTION_ID: return x.server == nullptr ? not_known() : answer(x.server->connection().id(), value);
    case CLEAT_ATTR_CONNECTION_REQUESTS: return x.server == nullptr ? not_known() : answer(x.server->connection().requests(), value);
    case CLEAT_ATTR_GENERATION: return x.home == nullptr ? not_known() : answer(x.home->generation->id, value);
    case CLEAT_ATTR_TLS_RESUMED: return x.server == nullptr ? not_known() : answer_resumed(x.server->connection(), value);
    case CLEAT_ATTR_COMPLETE: return x.stage == Stage::kDone ? answer(std::uint64_t{x.complete}, value) : not_known();
    default: return not_of_this_type();
  }
}

cleat_status attributes_text(std::uint64_t subject, std::uint32_t attribute, cleat_str* value) {
  if (value == nullptr) return fail_call(CLEAT_INVALID, "attribute: the output is NULL");
  if (!is_text(attribute)) return not_of_this_type();
  cleat_status status;
  if (handle_kind(subject) != HandleKind::kConnection) {
    const Exchange* const x = exchange_of(subject, status);
    if (x == nullptr) return status;
    return guarded([&] { return answer(exchange_text(*x, attribute), value); });
  }
  Connection* const connection = connection_of(subject, status);
  if (connection == nullptr) return status;
  if (!is_of_a_connection(attribute)) return not_of_a_connection();
  return guarded([&] { return answer(connection_text(*connection, attribute), value); });
}

cleat_status attributes_integer(std::uint64_t subject, std::uint32_t attribute, std::int64_t* value) {
  if (value == nullptr) return fail_call(CLEAT_INVALID, "attribute: the output is NULL");
  if (!is_integer(attribute)) return not_of_this_type();
  cleat_status status;
  if (handle_kind(subject) != HandleKind::kConnection) {
    const Exchange* const x = exchange_of(subject, status);
    return x == nullptr ? status : exchange_integer(*x, attribute, value);
  }
  const Connection* const connection = connection_of(subject, status);
  if (connection == nullptr) return status;
  switch (attribute) {
    case CLEAT_ATTR_START_UNIX_US: return answer(connection->accepted_unix_us(), value);
    case CLEAT_ATTR_CONNECTION_ID: return answer(connection->id(), value);
    case CLEAT_ATTR_CONNECTION_REQUESTS: return answer(connection->requests(), value);
    case CLEAT_ATTR_GENERATION: return answer(connection->home().generation->id, value);
    case CLEAT_ATTR_TLS_RESUMED: return answer_resumed(*connection, value);
    default: return not_of_a_connection();
  }
}

}  // namespace

const cleat_host_attributes kHostAttributes = {
    .size = sizeof(cleat_host_attributes),
    .reserved = 0,
    .text = attributes_text,
    .integer = attributes_integer,
};

}  // namespace cleat::hooks
