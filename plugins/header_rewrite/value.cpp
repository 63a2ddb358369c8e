#include "value.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <iterator>

namespace header_rewrite {

namespace {

constexpr unsigned kBefore = 1, kRequest = 2, kResponse = 4, kRouted = kRequest | kResponse, kAlways = kBefore | kRouted;

unsigned bit(Stage stage) {
  switch (stage) {
    case Stage::kBeforeRoute: return kBefore;
    case Stage::kRequest: return kRequest;
    case Stage::kResponse: return kResponse;
  }
  return 0;
}

std::string_view digits_of(std::int64_t value, std::span<char, 32> digits) {
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  return {digits.data(), static_cast<std::size_t>(end - digits.data())};
}

// 192.0.2.1:80 and [2001:db8::1]:80 without the port and the brackets.
std::string_view without_port(std::string_view address) {
  const std::size_t colon = address.rfind(':');
  if (colon != std::string_view::npos) address = address.substr(0, colon);
  if (address.size() >= 2 && address.front() == '[' && address.back() == ']') address = address.substr(1, address.size() - 2);
  return address;
}

}  // namespace

struct Value::Name {
  std::string_view name;
  Kind kind;
  std::uint32_t attribute;
  unsigned stages;
};

const Value::Name Value::kNames[] = {
    {"source_address", Kind::kAttributeText, CLEAT_ATTR_SOURCE_ADDRESS, kAlways},
    {"source_ip", Kind::kSourceIp, CLEAT_ATTR_SOURCE_ADDRESS, kAlways},
    {"destination_address", Kind::kAttributeText, CLEAT_ATTR_DESTINATION_ADDRESS, kAlways},
    {"listener", Kind::kAttributeText, CLEAT_ATTR_LISTENER, kAlways},
    {"protocol", Kind::kAttributeText, CLEAT_ATTR_PROTOCOL, kAlways},
    {"request_id", Kind::kAttributeText, CLEAT_ATTR_REQUEST_ID, kAlways},
    {"original_target", Kind::kAttributeText, CLEAT_ATTR_ORIGINAL_TARGET, kAlways},
    {"original_host", Kind::kAttributeText, CLEAT_ATTR_ORIGINAL_HOST, kAlways},
    {"original_destination", Kind::kAttributeText, CLEAT_ATTR_ORIGINAL_DESTINATION, kAlways},
    {"tls_version", Kind::kAttributeText, CLEAT_ATTR_TLS_VERSION, kAlways},
    {"tls_cipher", Kind::kAttributeText, CLEAT_ATTR_TLS_CIPHER, kAlways},
    {"tls_server_name", Kind::kAttributeText, CLEAT_ATTR_TLS_SERVER_NAME, kAlways},
    {"tls_alpn", Kind::kAttributeText, CLEAT_ATTR_TLS_ALPN, kAlways},
    {"tls_peer_subject", Kind::kAttributeText, CLEAT_ATTR_TLS_PEER_SUBJECT, kAlways},
    {"tls_peer_issuer", Kind::kAttributeText, CLEAT_ATTR_TLS_PEER_ISSUER, kAlways},
    {"tls_peer_uri", Kind::kAttributeText, CLEAT_ATTR_TLS_PEER_URI, kAlways},
    {"tls_peer_dns", Kind::kAttributeText, CLEAT_ATTR_TLS_PEER_DNS, kAlways},
    {"tls_peer_fingerprint", Kind::kAttributeText, CLEAT_ATTR_TLS_PEER_FINGERPRINT, kAlways},
    {"route", Kind::kAttributeText, CLEAT_ATTR_ROUTE, kRouted},
    {"cluster", Kind::kAttributeText, CLEAT_ATTR_CLUSTER, kRouted},
    {"endpoint", Kind::kAttributeText, CLEAT_ATTR_ENDPOINT, kResponse},
    {"reply_flag", Kind::kAttributeText, CLEAT_ATTR_REPLY_FLAG, kResponse},
    {"reply_reason", Kind::kAttributeText, CLEAT_ATTR_REPLY_REASON, kResponse},
    {"reply_by", Kind::kAttributeText, CLEAT_ATTR_REPLY_BY, kResponse},
    {"start_unix_us", Kind::kAttributeInteger, CLEAT_ATTR_START_UNIX_US, kAlways},
    {"duration_us", Kind::kAttributeInteger, CLEAT_ATTR_DURATION_US, kAlways},
    {"attempts", Kind::kAttributeInteger, CLEAT_ATTR_ATTEMPTS, kResponse},
    {"connection_id", Kind::kAttributeInteger, CLEAT_ATTR_CONNECTION_ID, kAlways},
    {"connection_requests", Kind::kAttributeInteger, CLEAT_ATTR_CONNECTION_REQUESTS, kAlways},
    {"generation", Kind::kAttributeInteger, CLEAT_ATTR_GENERATION, kAlways},
    {"method", Kind::kMethod, 0, kAlways},
    {"scheme", Kind::kScheme, 0, kAlways},
    {"authority", Kind::kAuthority, 0, kAlways},
    {"target", Kind::kTarget, 0, kAlways},
    {"path", Kind::kPath, 0, kAlways},
    {"query", Kind::kQuery, 0, kAlways},
    {"status", Kind::kStatus, 0, kResponse},
};

bool is_field_name(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != 0 && std::strchr("!#$%&'*+-.^_`|~", c) != nullptr);
  });
}

bool is_field_value(std::string_view value) {
  const auto blank = [](char c) { return c == ' ' || c == '\t'; };
  if (!value.empty() && (blank(value.front()) || blank(value.back()))) return false;
  return std::all_of(value.begin(), value.end(), [&](char c) { return blank(c) || (static_cast<unsigned char>(c) > 0x20 && c != 0x7f); });
}

bool Value::compile_name(std::string_view name, Stage stage, Piece& piece, std::string& error) {
  const auto quoted = "%{" + std::string(name) + "}";
  const auto prefixed = [&](std::string_view prefix, Kind kind) {
    if (!name.starts_with(prefix)) return false;
    piece.kind = kind;
    piece.text = name.substr(prefix.size());
    return true;
  };
  if (prefixed("request_header.", Kind::kRequestHeader) || prefixed("response_header.", Kind::kResponseHeader)) {
    if (!is_field_name(piece.text)) error = quoted + ": not a header's name";
    else if (piece.kind == Kind::kResponseHeader && stage != Stage::kResponse) error = quoted + ": there is no response yet";
    return error.empty();
  }
  if (prefixed("metadata.", Kind::kMetadata)) {
    const auto legal = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.'; };
    if (piece.text.empty() || piece.text.size() > 64 || !std::all_of(piece.text.begin(), piece.text.end(), legal)) {
      error = quoted + ": a metadata key is 1 to 64 of a-z, 0-9, _ and .";
      return false;
    }
    piece.key = cleat::MetadataKey(piece.text);
    return true;
  }
  const auto* found = std::find_if(std::begin(kNames), std::end(kNames), [&](const Name& each) { return each.name == name; });
  if (found == std::end(kNames)) {
    error = quoted + " is not known";
    return false;
  }
  if ((found->stages & bit(stage)) == 0) {
    error = quoted + (stage == Stage::kBeforeRoute ? " is not known before the route is chosen" : " is not known before the response");
    return false;
  }
  piece.kind = found->kind;
  piece.attribute = found->attribute;
  return true;
}

std::optional<Value> Value::compile(std::string_view text, Stage stage, std::string& error) {
  Value value;
  std::string literal;
  error.clear();
  const auto end_literal = [&] {
    if (!literal.empty()) value.pieces_.push_back({Kind::kText, 0, std::exchange(literal, {}), {}});
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      literal += text[i];
    } else if (text.substr(i).starts_with("%%")) {
      literal += '%';
      ++i;
    } else if (text.substr(i).starts_with("%{")) {
      const std::size_t close = text.find('}', i);
      if (close == std::string_view::npos) {
        error = "\"%{\" without \"}\"";
        return std::nullopt;
      }
      end_literal();
      Piece piece{};
      if (!compile_name(text.substr(i + 2, close - i - 2), stage, piece, error)) return std::nullopt;
      value.pieces_.push_back(std::move(piece));
      i = close;
    } else {
      error = "a lone \"%\": write \"%%\" for a percent sign";
      return std::nullopt;
    }
  }
  end_literal();
  if (value.pieces_.empty()) value.pieces_.push_back({});
  // What surrounds a substitution may end in a blank; a whole value may not.
  const bool legal = value.fixed() ? is_field_value(value.pieces_.front().text)
                                   : std::all_of(value.pieces_.begin(), value.pieces_.end(), [](const Piece& piece) {
                                       return piece.kind != Kind::kText || is_field_value("x" + piece.text + "x");
                                     });
  if (!legal) {
    error = "not allowed in a header's value (RFC 9110 5.5): control characters, blanks at its ends";
    return std::nullopt;
  }
  return value;
}

std::string_view Value::look_up(const Piece& piece, cleat::Exchange x, std::span<char, 32> digits) {
  switch (piece.kind) {
    case Kind::kText: return piece.text;
    case Kind::kAttributeText: return x.text(piece.attribute).value_or({});
    case Kind::kSourceIp: return without_port(x.text(piece.attribute).value_or({}));
    case Kind::kAttributeInteger: {
      const auto value = x.integer(piece.attribute);
      return value ? digits_of(*value, digits) : std::string_view();
    }
    case Kind::kMethod: return x.method();
    case Kind::kScheme: return x.scheme();
    case Kind::kAuthority: return x.authority();
    case Kind::kTarget: return x.target();
    case Kind::kPath: return x.path();
    case Kind::kQuery: return x.query();
    case Kind::kStatus: return digits_of(x.status(), digits);
    case Kind::kRequestHeader: return x.request().get(piece.text).value_or({});
    case Kind::kResponseHeader: return x.response().get(piece.text).value_or({});
    case Kind::kMetadata: {
      if (const auto text = piece.key.text(x)) return *text;
      if (const auto integer = piece.key.integer(x)) return digits_of(*integer, digits);
      if (const auto number = piece.key.number(x)) {
        const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), *number);
        if (end.ec == std::errc()) return {digits.data(), static_cast<std::size_t>(end.ptr - digits.data())};
      }
      return {};
    }
  }
  return {};
}

std::optional<std::string_view> Value::render(cleat::Exchange x, std::span<char> scratch) const {
  if (fixed()) return pieces_.front().text;
  char digits[32];
  std::size_t size = 0;
  for (const Piece& piece : pieces_) {
    const std::string_view text = look_up(piece, x, digits);
    if (text.size() > scratch.size() - size) return std::nullopt;
    if (!text.empty()) std::memcpy(scratch.data() + size, text.data(), text.size());
    size += text.size();
  }
  std::string_view whole(scratch.data(), size);
  // A substitution that came out empty may leave a blank at an end.
  const std::size_t first = whole.find_first_not_of(" \t");
  if (first == std::string_view::npos) return std::string_view();
  whole.remove_prefix(first);
  return whole.substr(0, whole.find_last_not_of(" \t") + 1);
}

}  // namespace header_rewrite
