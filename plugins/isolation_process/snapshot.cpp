#include "snapshot.hpp"

namespace isolation_process {
namespace {

using namespace cleat::isolation;

constexpr std::uint32_t kTexts[] = {
    CLEAT_ATTR_SOURCE_ADDRESS, CLEAT_ATTR_DESTINATION_ADDRESS, CLEAT_ATTR_LISTENER, CLEAT_ATTR_PROTOCOL, CLEAT_ATTR_ROUTE, CLEAT_ATTR_CLUSTER,
    CLEAT_ATTR_ENDPOINT, CLEAT_ATTR_REQUEST_ID, CLEAT_ATTR_REPLY_FLAG, CLEAT_ATTR_REPLY_REASON, CLEAT_ATTR_REPLY_BY, CLEAT_ATTR_ORIGINAL_TARGET,
    CLEAT_ATTR_ORIGINAL_HOST, CLEAT_ATTR_ORIGINAL_DESTINATION, CLEAT_ATTR_TLS_VERSION, CLEAT_ATTR_TLS_CIPHER, CLEAT_ATTR_TLS_SERVER_NAME,
    CLEAT_ATTR_TLS_ALPN, CLEAT_ATTR_TLS_PEER_SUBJECT, CLEAT_ATTR_TLS_PEER_ISSUER, CLEAT_ATTR_TLS_PEER_URI, CLEAT_ATTR_TLS_PEER_DNS,
    CLEAT_ATTR_TLS_PEER_FINGERPRINT};
constexpr std::uint32_t kIntegers[] = {
    CLEAT_ATTR_START_UNIX_US, CLEAT_ATTR_REQUEST_END_US, CLEAT_ATTR_UPSTREAM_START_US, CLEAT_ATTR_UPSTREAM_HEAD_US, CLEAT_ATTR_DURATION_US,
    CLEAT_ATTR_REQUEST_BODY_BYTES, CLEAT_ATTR_RESPONSE_BODY_BYTES, CLEAT_ATTR_REQUEST_HEAD_BYTES, CLEAT_ATTR_RESPONSE_STATUS, CLEAT_ATTR_ATTEMPTS,
    CLEAT_ATTR_CONNECTION_ID, CLEAT_ATTR_CONNECTION_REQUESTS, CLEAT_ATTR_GENERATION, CLEAT_ATTR_COMPLETE, CLEAT_ATTR_TLS_RESUMED};

void write_fields(Writer& out, cleat_exchange x, cleat_part part) {
  std::uint64_t count = 0;
  if (host.core->header_count(x, part, &count) != CLEAT_OK) count = 0;
  const std::size_t at = out.count_later();
  std::uint32_t written = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    cleat_header field{};
    if (host.core->header_at(x, part, i, &field) != CLEAT_OK) break;
    out.text(field.name);
    out.text(field.value);
    ++written;
  }
  out.count(at, written);
}

void write_field(Writer& out, cleat_exchange x, cleat_field field) {
  cleat_str value{};
  if (host.core->field_get(x, field, &value) != CLEAT_OK) value = {};
  out.text(value);
}

void write_attributes(Writer& out, std::uint64_t subject) {
  std::size_t at = out.count_later();
  std::uint32_t known = 0;
  for (const std::uint32_t attribute : kTexts) {
    cleat_str value{};
    if (host.attributes->text(subject, attribute, &value) != CLEAT_OK) continue;
    out.number(attribute);
    out.text(value);
    ++known;
  }
  out.count(at, known);
  at = out.count_later();
  known = 0;
  for (const std::uint32_t attribute : kIntegers) {
    std::int64_t value = 0;
    if (host.attributes->integer(subject, attribute, &value) != CLEAT_OK) continue;
    out.number(attribute);
    out.number(value);
    ++known;
  }
  out.count(at, known);
}

void write_metadata(Writer& out, cleat_exchange x, const AskedKeys& keys) {
  const std::size_t at = out.count_later();
  std::uint32_t set = 0;
  for (std::uint32_t i = 0; i < keys.count(); ++i) {
    const std::uint32_t key = keys.at(i);
    std::uint32_t type = 0;
    if (host.metadata->type(x, key, &type) != CLEAT_OK) continue;
    cleat_str text{};
    std::int64_t integer = 0;
    double number = 0;
    if (type == CLEAT_METADATA_TEXT ? host.metadata->get_text(x, key, &text) != CLEAT_OK
        : type == CLEAT_METADATA_INTEGER ? host.metadata->get_integer(x, key, &integer) != CLEAT_OK
                                         : host.metadata->get_number(x, key, &number) != CLEAT_OK) {
      continue;
    }
    out.number(key);
    out.number(static_cast<std::uint8_t>(type));
    if (type == CLEAT_METADATA_TEXT) {
      out.text(text);
    } else if (type == CLEAT_METADATA_INTEGER) {
      out.number(integer);
    } else {
      out.number(number);
    }
    ++set;
  }
  out.count(at, set);
}

}  // namespace

bool AskedKeys::add(std::uint32_t key) {
  const std::uint32_t have = count();
  for (std::uint32_t i = 0; i < have; ++i) {
    if (at(i) == key) return true;
  }
  if (have == kMax) return false;
  keys_[have].store(key, std::memory_order_relaxed);
  count_.store(have + 1, std::memory_order_release);
  return true;
}

void write_snapshot(Writer& out, const HookHead& head, const cleat_attempt_end* end, const AskedKeys& keys) {
  const cleat_exchange x = head.subject;
  const bool exchange = !is_of_connection(head.hook);
  std::uint32_t has = 0;
  std::uint32_t status = 0;
  cleat_str piece{};
  std::uint64_t count = 0;
  if (exchange) {
    has |= kHasRequest;
    if (host.core->status_get(x, &status) == CLEAT_OK) has |= kHasResponse;
    if (host.core->header_count(x, CLEAT_REQUEST_TRAILERS, &count) == CLEAT_OK) has |= kHasRequestTrailers;
    if (host.core->header_count(x, CLEAT_RESPONSE_TRAILERS, &count) == CLEAT_OK) has |= kHasResponseTrailers;
    const bool request_body = head.hook == HookNumber::kRequestBody || head.hook == HookNumber::kHandleBody;
    if ((request_body || head.hook == HookNumber::kResponseBody) &&
        host.body->view(x, request_body ? CLEAT_REQUEST : CLEAT_RESPONSE, &piece) == CLEAT_OK) {
      has |= kHasPiece;
    }
    if (end != nullptr) has |= kHasAttemptEnd;
  }
  out.number(ToProcess::kHook);
  out.number(head.call);
  out.number(head.hook);
  out.number(head.subject);
  out.number(head.body_max);
  out.number(head.route);
  out.number(head.extra);
  out.number(has);
  out.number(head.now_ms);
  if ((has & kHasRequest) != 0) {
    for (const cleat_field field : {CLEAT_METHOD, CLEAT_SCHEME, CLEAT_AUTHORITY, CLEAT_TARGET}) write_field(out, x, field);
    write_fields(out, x, CLEAT_REQUEST);
  }
  if ((has & kHasResponse) != 0) {
    out.number(status);
    write_fields(out, x, CLEAT_RESPONSE);
  }
  if ((has & kHasRequestTrailers) != 0) write_fields(out, x, CLEAT_REQUEST_TRAILERS);
  if ((has & kHasResponseTrailers) != 0) write_fields(out, x, CLEAT_RESPONSE_TRAILERS);
  if ((has & kHasPiece) != 0) out.text(piece);
  if (end != nullptr) {
    out.number(end->attempt);
    out.number(end->how);
    out.number(end->status);
    out.number(end->flags);
    out.number(end->elapsed_us);
  }
  write_attributes(out, head.subject);
  if (exchange) {
    write_metadata(out, x, keys);
  } else {
    out.number(std::uint32_t{0});
  }
}

}  // namespace isolation_process
