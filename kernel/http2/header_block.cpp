#include "kernel/http2/header_block.hpp"

#include <algorithm>
#include <cstring>

namespace cleat::http2 {
namespace {

using http::Name;

constexpr std::size_t kEntryBytes = 32;  // of each field, beside its text (RFC 9113 6.5.2)

bool has_upper(std::string_view name) {
  return std::any_of(name.begin(), name.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
}

}  // namespace

const char* check_text(std::string_view name, std::string_view value) {
  if (!http::valid_name(name)) return "malformed field name";
  if (has_upper(name)) return "uppercase field name";
  return http::valid_value(value) ? nullptr : "malformed field value";
}

const char* check_field(std::string_view name, std::string_view value, Name known) {
  if (const char* const why = check_text(name, value)) return why;
  if (known == Name::kTe) return http::equal_names(value, "trailers") ? nullptr : "te other than trailers";
  return http::is_hop_by_hop(known) ? "field of a connection" : nullptr;
}

// --- request heads ---

void RequestBlock::begin(Arena& arena, http::RequestHead& head, const http::HeadLimits& limits) {
  *this = RequestBlock();
  arena_ = &arena;
  head_ = &head;
  limits_ = limits;
  head = {};
  head.major = 2;
}

bool RequestBlock::put(std::string_view name, std::string_view value, Name known) {
  const bool kept = head_->fields.add_copy(*arena_, name, value, known, known == Name::kTe);
  if (!kept) too_large_ = true;
  return kept;
}

void RequestBlock::add(std::string_view name, std::string_view value) {
  bytes_ += name.size() + value.size() + kEntryBytes;
  if (bytes_ > limits_.head_bytes_max) too_large_ = true;
  if (malformed_ != nullptr || too_large_) return;
  if (!name.empty() && name.front() == ':') return add_pseudo(name, value);
  regular_ = true;
  const Name known = http::name_of(name);
  if (const char* const why = check_field(name, value, known)) return malformed(why);
  if (name == "cookie") ++cookies_;
  put(name, value, known);
}

void RequestBlock::add_pseudo(std::string_view name, std::string_view value) {
  if (regular_) return malformed("pseudo-header field after a field");
  if (!http::valid_value(value)) return malformed("malformed pseudo-header field");
  const auto take = [&](bool& has, std::string_view& into) {
    if (has) return malformed("repeated pseudo-header field");
    has = true;
    into = arena_->copy(value);
    if (into.data() == nullptr) too_large_ = true;
  };
  if (name == ":method") {
    take(has_method_, head_->method);
  } else if (name == ":scheme") {
    take(has_scheme_, scheme_);
  } else if (name == ":path") {
    take(has_path_, head_->target);
  } else if (name == ":authority") {
    take(has_authority_, authority_);
  } else if (name == ":protocol") {
    take(has_protocol_, protocol_);
  } else {
    malformed("unknown pseudo-header field");
  }
}

// A client may send one field for each cookie; what does not know this gets them as one (RFC 9113 8.2.3).
bool RequestBlock::join_cookies() {
  std::size_t size = 0;
  for (const http::Field& field : head_->fields) size += field.name == "cookie" ? field.value.size() + 2 : 0;
  char* const joined = static_cast<char*>(arena_->allocate(size, 1));
  if (joined == nullptr) return false;
  char* to = joined;
  for (const http::Field& field : head_->fields) {
    if (field.name != "cookie" || field.value.empty()) continue;
    if (to != joined) {
      std::memcpy(to, "; ", 2);
      to += 2;
    }
    std::memcpy(to, field.value.data(), field.value.size());
    to += field.value.size();
  }
  head_->fields.remove("cookie");
  return head_->fields.add(*arena_, {"cookie", {joined, static_cast<std::size_t>(to - joined)}, Name::kOther, false});
}

// Which there must be, and what they may look like (RFC 9113 8.3.1, 8.5; RFC 8441 4).
const char* RequestBlock::check_pseudo() const {
  if (!has_method_ || !http::valid_name(head_->method)) return "no method, or a malformed one";
  if (head_->is_connect() && !has_protocol_) {
    return has_scheme_ || has_path_ || !has_authority_ ? "CONNECT with other pseudo-header fields than its own" : nullptr;
  }
  if (has_protocol_ && (!head_->is_connect() || !has_authority_)) return "protocol without CONNECT, or without authority";
  if (!has_scheme_ || !has_path_) return "no scheme, or no path";
  if (head_->target.empty() || (head_->target.front() != '/' && head_->target != "*")) return "malformed path";
  return nullptr;
}

Verdict RequestBlock::end(bool end_stream) {
  http::RequestHead& head = *head_;
  if (malformed_ == nullptr && too_large_) return {nullptr, {431, "head too large"}};
  if (malformed_ == nullptr) malformed_ = check_pseudo();
  if (malformed_ != nullptr) return {malformed_, {}};

  if (cookies_ > 1 && !join_cookies()) return {nullptr, {431, "head too large"}};
  if (has_authority_ && authority_.empty()) return {nullptr, {400, "malformed authority"}};
  const bool tunnel = head.is_connect() && !has_protocol_;
  if (tunnel) {
    head.target = authority_;
  } else if (http::equal_names(scheme_, "https")) {
    head.scheme = "https";
  } else if (!http::equal_names(scheme_, "http")) {
    return {nullptr, {400, "scheme not supported"}};
  }
  // One Host field, whatever there was: what comes after knows no other place to look for it.
  if (head.fields.find(Name::kHost) == nullptr) {
    if (has_authority_ && !put("host", authority_, Name::kHost)) return {nullptr, {431, "head too large"}};
  } else if (!tunnel) {
    head.authority = authority_;  // must agree with it
  }
  if (has_protocol_) {
    if (!http::equal_names(protocol_, "websocket")) return {nullptr, {501, "protocol not supported"}};
    head.method = "GET";  // what it is over HTTP/1.1; what follows on the stream is no body
  }
  const http::ParseError error = http::complete_request_head(limits_, *arena_, !end_stream && !has_protocol_, head);
  if (!error && has_protocol_ && head.body != http::Body::kNone) return {nullptr, {400, "method without body has one"}};
  if (!error && end_stream && head.body == http::Body::kLength && head.content_length != 0) return {"ends before its content-length", {}};
  return {nullptr, error};
}

// --- trailers ---

void TrailerBlock::begin(Arena& arena, http::Fields& fields, const http::HeadLimits& limits) {
  *this = TrailerBlock();
  arena_ = &arena;
  fields_ = &fields;
  limits_ = limits;
  fields = {};
}

void TrailerBlock::add(std::string_view name, std::string_view value) {
  bytes_ += name.size() + value.size() + kEntryBytes;
  if (malformed_ != nullptr || error_) return;
  const Name known = http::name_of(name);
  malformed_ = check_field(name, value, known);  // a pseudo-header field has no valid name
  if (malformed_ != nullptr) return;
  if (bytes_ > limits_.head_bytes_max || ++seen_ > limits_.fields_max) {
    error_ = {431, "too many trailers"};
    return;
  }
  if (http::forbidden_trailer(name)) return;
  if (!fields_->add_copy(*arena_, name, value, known)) error_ = {431, "trailers exceed their memory"};
}

}  // namespace cleat::http2
