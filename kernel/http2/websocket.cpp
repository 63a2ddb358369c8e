#include "kernel/http2/websocket.hpp"

#include <openssl/evp.h>

#include <memory>

namespace cleat::http2 {
namespace {

using http::Name;

constexpr std::string_view kGuid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";  // RFC 6455 1.3
constexpr std::size_t kKeyBytes = 24, kAcceptBytes = 28;                   // in base64
constexpr std::string_view kKey = "sec-websocket-key", kAccept = "sec-websocket-accept";

std::string_view base64(Arena& arena, const unsigned char* data, std::size_t size, std::size_t bytes) {
  auto* const to = static_cast<unsigned char*>(arena.allocate(bytes + 1, 1));
  if (to == nullptr) return {};
  EVP_EncodeBlock(to, data, static_cast<int>(size));
  return {reinterpret_cast<const char*>(to), bytes};
}

}  // namespace

std::string_view websocket_accept(Arena& arena, std::string_view key) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> sha1(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  const bool made = sha1 != nullptr && EVP_DigestInit_ex(sha1.get(), EVP_sha1(), nullptr) == 1 && EVP_DigestUpdate(sha1.get(), key.data(), key.size()) == 1 &&
                    EVP_DigestUpdate(sha1.get(), kGuid.data(), kGuid.size()) == 1 && EVP_DigestFinal_ex(sha1.get(), digest, &size) == 1;
  return made ? base64(arena, digest, size, kAcceptBytes) : std::string_view{};
}

std::string_view make_upgrade(Arena& arena, http::RequestHead& head, const std::array<std::uint64_t, 2>& random) {
  const std::string_view key = base64(arena, reinterpret_cast<const unsigned char*>(random.data()), sizeof random, kKeyBytes);
  if (key.empty()) return {};
  head.fields.remove(kKey);
  const bool added = head.fields.add(arena, {"connection", "upgrade", Name::kConnection, true}) &&
                     head.fields.add(arena, {"upgrade", "websocket", Name::kUpgrade, true}) &&
                     head.fields.add(arena, {kKey, key, Name::kOther, false});
  head.method = "GET";
  head.upgrade = "websocket";
  return added ? websocket_accept(arena, key) : std::string_view{};
}

bool make_connect_response(http::ResponseHead& head, std::string_view accept) {
  const http::Field* const field = head.fields.find(kAccept);
  if (field == nullptr || field->value != accept) return false;
  head.fields.remove(kAccept);
  head.status = 200;
  return true;
}

}  // namespace cleat::http2
