#include "kernel/http2/nv.hpp"

#include <charconv>

namespace cleat::http2 {
namespace {

using http::Name;

constexpr std::size_t kOwn = 2;  // :status, content-length

// Those that the framing says anew, and those of a connection.
bool stays_behind(const http::Field& field) { return field.hop || field.known == Name::kContentLength || http::is_hop_by_hop(field.known); }

void put(NameValues& to, std::string_view name, std::string_view value) { to.data[to.size++] = name_value(name, value); }

std::string_view number(Arena& arena, std::uint64_t value) {
  char digits[20];
  const char* const end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  return arena.copy({digits, static_cast<std::size_t>(end - digits)});
}

NameValues allocate(Arena& arena, std::size_t size) {
  return {static_cast<nghttp2_nv*>(arena.allocate(size * sizeof(nghttp2_nv), alignof(nghttp2_nv))), 0};
}

}  // namespace

nghttp2_nv name_value(std::string_view name, std::string_view value) {
  const auto bytes = [](std::string_view text) { return const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(text.data())); };
  return {bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE};
}

NameValues response_head(Arena& arena, const http::ResponseHead& head, const http::ResponseWrite& how) {
  NameValues out = allocate(arena, head.fields.size() + kOwn);
  const std::string_view status = number(arena, head.status);
  if (out.data == nullptr || status.data() == nullptr) return {};
  put(out, ":status", status);
  const bool no_length = head.status < 200 || head.status == 204;  // RFC 9110 8.6: these must not have one
  for (const http::Field& field : head.fields) {
    if (field.known == Name::kContentLength && how.keep_content_length && !no_length) put(out, "content-length", field.value);
    if (!stays_behind(field)) put(out, field.name, field.value);
  }
  const http::Framing& framing = how.framing;
  if (no_length || (how.keep_content_length && framing.body == http::Body::kNone)) return out;
  if (framing.body == http::Body::kLength || (framing.body == http::Body::kNone && framing.write_zero_length && head.status != 304)) {
    const std::string_view length = number(arena, framing.body == http::Body::kLength ? framing.content_length : 0);
    if (length.data() == nullptr) return {};
    put(out, "content-length", length);
  }
  return out;
}

NameValues trailers(Arena& arena, const http::Fields& fields) {
  NameValues out = allocate(arena, fields.size());
  if (out.data == nullptr) return {};
  for (const http::Field& field : fields) {
    if (!stays_behind(field)) put(out, field.name, field.value);
  }
  return out;
}

}  // namespace cleat::http2
