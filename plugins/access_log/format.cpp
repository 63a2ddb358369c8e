// See format.hpp.
#include "format.hpp"

#include <algorithm>
#include <array>
#include <iterator>

#include "escape.hpp"
#include "plugin_api/ext/attributes.h"
#include "plugin_api/types.h"

namespace access_log {
namespace {

struct Known {
  std::string_view name;
  Source source;
  std::uint32_t id;
};

constexpr Known kKnown[] = {
    {"time", Source::kTime, CLEAT_ATTR_START_UNIX_US},
    {"duration", Source::kDuration, CLEAT_ATTR_DURATION_US},
    {"upstream_duration", Source::kUpstreamDuration, 0},
    {"status", Source::kIntegerAttribute, CLEAT_ATTR_RESPONSE_STATUS},
    {"source_ip", Source::kSourceIp, CLEAT_ATTR_SOURCE_ADDRESS},
    {"method", Source::kHeadField, CLEAT_METHOD},
    {"scheme", Source::kHeadField, CLEAT_SCHEME},
    {"authority", Source::kHeadField, CLEAT_AUTHORITY},
    {"target", Source::kHeadField, CLEAT_TARGET},
    {"path", Source::kHeadField, CLEAT_PATH},
    {"query", Source::kHeadField, CLEAT_QUERY},
    {"source_address", Source::kTextAttribute, CLEAT_ATTR_SOURCE_ADDRESS},
    {"destination_address", Source::kTextAttribute, CLEAT_ATTR_DESTINATION_ADDRESS},
    {"listener", Source::kTextAttribute, CLEAT_ATTR_LISTENER},
    {"protocol", Source::kTextAttribute, CLEAT_ATTR_PROTOCOL},
    {"route", Source::kTextAttribute, CLEAT_ATTR_ROUTE},
    {"cluster", Source::kTextAttribute, CLEAT_ATTR_CLUSTER},
    {"endpoint", Source::kTextAttribute, CLEAT_ATTR_ENDPOINT},
    {"request_id", Source::kTextAttribute, CLEAT_ATTR_REQUEST_ID},
    {"reply_flag", Source::kTextAttribute, CLEAT_ATTR_REPLY_FLAG},
    {"reply_reason", Source::kTextAttribute, CLEAT_ATTR_REPLY_REASON},
    {"reply_by", Source::kTextAttribute, CLEAT_ATTR_REPLY_BY},
    {"original_target", Source::kTextAttribute, CLEAT_ATTR_ORIGINAL_TARGET},
    {"original_host", Source::kTextAttribute, CLEAT_ATTR_ORIGINAL_HOST},
    {"original_destination", Source::kTextAttribute, CLEAT_ATTR_ORIGINAL_DESTINATION},
    {"tls_version", Source::kTextAttribute, CLEAT_ATTR_TLS_VERSION},
    {"tls_cipher", Source::kTextAttribute, CLEAT_ATTR_TLS_CIPHER},
    {"tls_server_name", Source::kTextAttribute, CLEAT_ATTR_TLS_SERVER_NAME},
    {"tls_alpn", Source::kTextAttribute, CLEAT_ATTR_TLS_ALPN},
    {"tls_peer_subject", Source::kTextAttribute, CLEAT_ATTR_TLS_PEER_SUBJECT},
    {"tls_peer_issuer", Source::kTextAttribute, CLEAT_ATTR_TLS_PEER_ISSUER},
    {"tls_peer_uri", Source::kTextAttribute, CLEAT_ATTR_TLS_PEER_URI},
    {"tls_peer_dns", Source::kTextAttribute, CLEAT_ATTR_TLS_PEER_DNS},
    {"tls_peer_fingerprint", Source::kTextAttribute, CLEAT_ATTR_TLS_PEER_FINGERPRINT},
    {"start_unix_us", Source::kIntegerAttribute, CLEAT_ATTR_START_UNIX_US},
    {"request_end_us", Source::kIntegerAttribute, CLEAT_ATTR_REQUEST_END_US},
    {"upstream_start_us", Source::kIntegerAttribute, CLEAT_ATTR_UPSTREAM_START_US},
    {"upstream_head_us", Source::kIntegerAttribute, CLEAT_ATTR_UPSTREAM_HEAD_US},
    {"duration_us", Source::kIntegerAttribute, CLEAT_ATTR_DURATION_US},
    {"request_body_bytes", Source::kIntegerAttribute, CLEAT_ATTR_REQUEST_BODY_BYTES},
    {"response_body_bytes", Source::kIntegerAttribute, CLEAT_ATTR_RESPONSE_BODY_BYTES},
    {"request_head_bytes", Source::kIntegerAttribute, CLEAT_ATTR_REQUEST_HEAD_BYTES},
    {"response_status", Source::kIntegerAttribute, CLEAT_ATTR_RESPONSE_STATUS},
    {"attempts", Source::kIntegerAttribute, CLEAT_ATTR_ATTEMPTS},
    {"connection_id", Source::kIntegerAttribute, CLEAT_ATTR_CONNECTION_ID},
    {"connection_requests", Source::kIntegerAttribute, CLEAT_ATTR_CONNECTION_REQUESTS},
    {"generation", Source::kIntegerAttribute, CLEAT_ATTR_GENERATION},
    {"complete", Source::kIntegerAttribute, CLEAT_ATTR_COMPLETE},
    {"tls_resumed", Source::kIntegerAttribute, CLEAT_ATTR_TLS_RESUMED},
};

struct Prefix {
  std::string_view name;
  Source source;
  std::uint32_t id;
};

constexpr Prefix kPrefixes[] = {
    {"request_header.", Source::kHeader, CLEAT_REQUEST},
    {"response_header.", Source::kHeader, CLEAT_RESPONSE},
    {"request_trailer.", Source::kHeader, CLEAT_REQUEST_TRAILERS},
    {"response_trailer.", Source::kHeader, CLEAT_RESPONSE_TRAILERS},
    {"metadata.", Source::kMetadata, 0},
};

bool is_token_char(char c) {  // RFC 9110 5.6.2
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

bool is_metadata_char(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.'; }

std::size_t distance(std::string_view a, std::string_view b) {  // Levenshtein
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t corner = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, corner + (a[i - 1] == b[j - 1] ? 0 : 1)});
      corner = above;
    }
  }
  return row[b.size()];
}

std::string unknown(std::string_view name) {
  std::string text = "unknown field %{" + std::string(name) + "}";
  const Known* best = std::min_element(std::begin(kKnown), std::end(kKnown), [name](const Known& a, const Known& b) {
    return distance(name, a.name) < distance(name, b.name);
  });
  if (distance(name, best->name) <= 3) text += "; did you mean %{" + std::string(best->name) + "}?";
  return text;
}

// Appends literal text and fields. Literals gather in the open last segment until a field closes it.
class Builder {
 public:
  explicit Builder(Format& format) : format_(format) {}

  void literal(std::string_view text) { open_.literal += text; }
  void field(Field field, Mode mode) {
    open_.field = std::move(field);
    open_.mode = mode;
    close();
  }
  std::string finish() {
    if (!open_.literal.empty()) close();
    if (format_.fixed_bytes > kFixedBytesMax) return "longer than " + std::to_string(kFixedBytesMax) + " bytes";
    return {};
  }

 private:
  void close() {
    format_.fixed_bytes += open_.literal.size() + kShortBytesMax;
    format_.segments.push_back(std::move(open_));
    open_ = {};
  }

  Format& format_;
  Segment open_;
};

std::string json_escaped(std::string_view text) {
  std::string out(text.size() * kJsonGrowth + 8, '\0');
  out.resize(static_cast<std::size_t>(escape_json(out.data(), text) - out.data()));
  return out;
}

// Splits a format and calls literal(text) and field(Field&&) for its parts, in order.
template <typename Literal, typename OnField>
std::string split(std::string_view text, Literal literal, OnField on_field) {
  while (!text.empty()) {
    const std::size_t percent = text.find('%');
    if (percent != 0) literal(text.substr(0, percent));
    if (percent == std::string_view::npos) return {};
    text.remove_prefix(percent + 1);
    if (text.starts_with('%')) {
      literal("%");
      text.remove_prefix(1);
      continue;
    }
    const std::size_t end = text.find('}');
    if (!text.starts_with('{') || end == std::string_view::npos) return "a '%' begins a field, %{name}; write %% for a percent sign";
    Field field;
    if (std::string error = parse_field(text.substr(1, end - 1), field); !error.empty()) return error;
    on_field(std::move(field));
    text.remove_prefix(end + 1);
  }
  return {};
}

bool is_one_field(std::string_view text) { return text.starts_with("%{") && text.find('}') == text.size() - 1; }

std::string add_member(std::string_view text, Builder& builder) {
  if (is_one_field(text)) {
    return split(text, [](std::string_view) {}, [&](Field field) { builder.field(std::move(field), Mode::kJsonValue); });
  }
  builder.literal("\"");
  std::string error = split(
      text, [&](std::string_view part) { builder.literal(json_escaped(part)); },
      [&](Field field) { builder.field(std::move(field), Mode::kJsonInner); });
  builder.literal("\"");
  return error;
}

}  // namespace

std::string parse_field(std::string_view name, Field& field) {
  for (const Known& known : kKnown) {
    if (known.name == name) {
      field = {known.source, known.id, {}};
      return {};
    }
  }
  for (const Prefix& prefix : kPrefixes) {
    if (!name.starts_with(prefix.name)) continue;
    const std::string_view rest = name.substr(prefix.name.size());
    const bool metadata = prefix.source == Source::kMetadata;
    if (rest.empty() || rest.size() > (metadata ? 64U : 256U) || !std::all_of(rest.begin(), rest.end(), metadata ? is_metadata_char : is_token_char)) {
      return "%{" + std::string(name) + "}: not a " + (metadata ? "metadata key, [a-z0-9_.]{1,64}" : "field name");
    }
    field = {prefix.source, prefix.id, std::string(rest)};
    return {};
  }
  return unknown(name);
}

std::string compile_text(std::string_view line, Format& format) {
  format = {};
  Builder builder(format);
  if (line.find('\n') != std::string_view::npos) return "a line holds no line break";
  std::string error = split(
      line, [&](std::string_view part) { builder.literal(part); },
      [&](Field field) { builder.field(std::move(field), Mode::kText); });
  if (!error.empty()) return error;
  builder.literal("\n");
  return builder.finish();
}

std::string compile_member(std::string_view member_format, Format& format) {
  format = {};
  Builder builder(format);
  if (std::string error = add_member(member_format, builder); !error.empty()) return error;
  return builder.finish();
}

std::string compile_json(const Members& members, Format& format) {
  format = {};
  Builder builder(format);
  std::string_view before = "{\"";
  for (const auto& [key, text] : members) {
    builder.literal(before);
    builder.literal(json_escaped(key));
    builder.literal("\":");
    if (std::string error = add_member(text, builder); !error.empty()) return error;
    before = ",\"";
  }
  builder.literal(members.empty() ? "{}\n" : "}\n");
  return builder.finish();
}

std::string_view default_line() {
  return R"(%{time} %{source_address} "%{method} %{original_target} %{protocol}" %{status} %{response_body_bytes} %{duration} )"
         R"("%{original_host}" "%{request_header.user-agent}" %{request_id} %{route} %{cluster} %{endpoint} %{reply_flag})";
}

const Members& default_members() {
  static const Members members = {
      {"time", "%{time}"},
      {"source_address", "%{source_address}"},
      {"method", "%{method}"},
      {"host", "%{original_host}"},
      {"target", "%{original_target}"},
      {"protocol", "%{protocol}"},
      {"status", "%{status}"},
      {"request_body_bytes", "%{request_body_bytes}"},
      {"response_body_bytes", "%{response_body_bytes}"},
      {"duration", "%{duration}"},
      {"user_agent", "%{request_header.user-agent}"},
      {"request_id", "%{request_id}"},
      {"listener", "%{listener}"},
      {"route", "%{route}"},
      {"cluster", "%{cluster}"},
      {"endpoint", "%{endpoint}"},
      {"attempts", "%{attempts}"},
      {"reply_flag", "%{reply_flag}"},
      {"reply_reason", "%{reply_reason}"},
      {"reply_by", "%{reply_by}"},
  };
  return members;
}

}  // namespace access_log
