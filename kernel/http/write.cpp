// Every writer reserves what it can need at most, then copies without further checks and commits what it wrote.
#include "kernel/http/write.hpp"

#include <charconv>
#include <cstring>

namespace cleat::http {
namespace {

constexpr std::size_t kDigitsMax = 20;
constexpr std::size_t kOwnLinesMax = 256;  // all that the writers add of their own, framing and Connection included

char* put(char* to, std::string_view text) {
  if (!text.empty()) std::memcpy(to, text.data(), text.size());
  return to + text.size();
}

template <std::size_t N>
char* put(char* to, const char (&text)[N]) {  // of constant size: no call
  std::memcpy(to, text, N - 1);
  return to + (N - 1);
}

char* put_number(char* to, std::uint64_t value) { return std::to_chars(to, to + kDigitsMax, value).ptr; }

char* put_field(char* to, const Field& field) {
  to = put(to, field.name);
  to = put(to, ": ");
  to = put(to, field.value);
  return put(to, "\r\n");
}

std::size_t bytes_of(const Fields& fields) {
  std::size_t bytes = 0;
  for (const Field& field : fields) bytes += field.name.size() + field.value.size() + 4;
  return bytes;
}

// Fields that this hop's framing and connection decide. The writers say them anew or not at all, whoever added them: a plugin
// cannot make the kernel send two Content-Lengths.
bool is_ours(Name name) { return name == Name::kContentLength || is_hop_by_hop(name); }

char* put_framing(char* to, const Framing& framing) {
  switch (framing.body) {
    case Body::kLength:
      to = put_number(put(to, "Content-Length: "), framing.content_length);
      return put(to, "\r\n");
    case Body::kChunked: return put(to, "Transfer-Encoding: chunked\r\n");
    case Body::kNone: return framing.write_zero_length ? put(to, "Content-Length: 0\r\n") : to;
    case Body::kUntilClose: return to;
  }
  return to;
}

char* put_upgrade(char* to, std::string_view protocol) { return put(put(put(to, "Upgrade: "), protocol), "\r\n"); }

char* put_status_line(char* to, const ResponseHead& head) {
  if (head.status == 200 && (head.reason.empty() || head.reason == "OK")) return put(to, "HTTP/1.1 200 OK\r\n");
  to = put(to, "HTTP/1.1 ");
  to[0] = static_cast<char>('0' + head.status / 100 % 10);
  to[1] = static_cast<char>('0' + head.status / 10 % 10);
  to[2] = static_cast<char>('0' + head.status % 10);
  to[3] = ' ';
  to = put(to + 4, head.reason.empty() ? reason_phrase(head.status) : head.reason);
  return put(to, "\r\n");
}

}  // namespace

void write_request_head(Buffer& out, const RequestHead& head, const RequestWrite& how) {
  char* const begin = out.reserve(head.method.size() + head.target.size() + head.authority.size() + head.upgrade.size() +
                                  bytes_of(head.fields) + kOwnLinesMax);
  char* to = put(begin, head.method);
  *to++ = ' ';
  to = put(to, head.target);
  to = put(to, " HTTP/1.1\r\nHost: ");  // first, as RFC 9110 7.2 advises; empty where there is no authority (RFC 9112 3.2)
  to = put(to, head.authority);
  to = put(to, "\r\n");
  for (const Field& field : head.fields) {
    if (field.hop || is_ours(field.known) || field.known == Name::kHost || field.known == Name::kExpect) continue;
    to = put_field(to, field);
  }
  if (how.expect_continue) to = put(to, "Expect: 100-continue\r\n");
  to = put_framing(to, how.framing);
  const bool upgrade = how.upgrade && !head.upgrade.empty();
  if (how.te_trailers) {  // TE needs its connection option (RFC 9110 10.1.4)
    to = upgrade ? put(to, "TE: trailers\r\nConnection: TE, upgrade\r\n") : put(to, "TE: trailers\r\nConnection: TE\r\n");
  } else if (upgrade) {
    to = put(to, "Connection: upgrade\r\n");
  }
  if (upgrade) to = put_upgrade(to, head.upgrade);
  to = put(to, "\r\n");
  out.commit(static_cast<std::size_t>(to - begin));
}

void write_response_head(Buffer& out, const ResponseHead& head, const ResponseWrite& how) {
  char* const begin =
      out.reserve(head.reason.size() + head.upgrade.size() + bytes_of(head.fields) + kOwnLinesMax);
  char* to = put_status_line(begin, head);
  const bool no_length = head.status < 200 || head.status == 204;  // RFC 9110 8.6: these must not have one
  for (const Field& field : head.fields) {
    if (field.known == Name::kContentLength && how.keep_content_length && !no_length) to = put_field(to, field);
    if (field.hop || is_ours(field.known)) continue;
    to = put_field(to, field);
  }
  Framing framing = how.framing;
  if (no_length || head.status == 304) framing.write_zero_length = false;
  if (!how.keep_content_length || framing.body != Body::kNone) to = put_framing(to, framing);
  const bool upgrade = how.upgrade && !head.upgrade.empty();
  if (upgrade) {
    to = put_upgrade(put(to, "Connection: upgrade\r\n"), head.upgrade);
  } else if (how.close || framing.body == Body::kUntilClose) {
    to = put(to, "Connection: close\r\n");
  } else if (how.keep_alive) {
    to = put(to, "Connection: keep-alive\r\n");
  }
  to = put(to, "\r\n");
  out.commit(static_cast<std::size_t>(to - begin));
}

void write_fields(Buffer& out, const Fields& fields) {
  const std::size_t bytes = bytes_of(fields);
  if (bytes == 0) return;
  char* const begin = out.reserve(bytes);
  char* to = begin;
  for (const Field& field : fields) {
    if (!field.hop) to = put_field(to, field);
  }
  out.commit(static_cast<std::size_t>(to - begin));
}

void write_chunk_head(Buffer& out, std::uint64_t size) {
  char* const begin = out.reserve(kDigitsMax);
  char* to = std::to_chars(begin, begin + kDigitsMax, size, 16).ptr;
  to = put(to, "\r\n");
  out.commit(static_cast<std::size_t>(to - begin));
}

}  // namespace cleat::http
