#include "kernel/tls/records.hpp"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>
#include <utility>

#include "kernel/base/check.hpp"

namespace cleat::tls {

struct Suite {
  std::uint16_t number;  // RFC 8446 B.4
  const char* cipher;
  const char* digest;
  std::size_t secret, key;
};

namespace {

constexpr Suite kSuites[] = {
    {0x1301, "AES-128-GCM", "SHA256", 32, 16},
    {0x1302, "AES-256-GCM", "SHA384", 48, 32},
    {0x1303, "ChaCha20-Poly1305", "SHA256", 32, 32},
};
constexpr std::size_t kHeader = SSL3_RT_HEADER_LENGTH, kTag = 16;
constexpr std::size_t kData = SSL3_RT_MAX_PLAIN_LENGTH;                 // of a record, at most
constexpr std::size_t kAround = kHeader + 1 + kTag;                     // it: the header, the type, the tag
constexpr std::size_t kReceived = SSL3_RT_MAX_TLS13_ENCRYPTED_LENGTH;   // behind the header: a peer may pad
constexpr std::size_t kAtOnce = 5;                                      // records to one write: 64 KiB, and a head
constexpr std::uint64_t kUpdateAfter = std::uint64_t{1} << 24;          // RFC 8446 5.5, and less
constexpr std::uint8_t kBarrenMax = 32;
constexpr unsigned char kKeyUpdate[] = {SSL3_MT_KEY_UPDATE, 0, 0, 1, SSL_KEY_UPDATE_NOT_REQUESTED};

// Asked for once: it takes a lock.
const EVP_CIPHER* cipher_of(const Suite& suite) {
  static const auto all = [] {
    std::array<EVP_CIPHER*, std::size(kSuites)> made{};
    for (std::size_t i = 0; i < made.size(); ++i) made[i] = EVP_CIPHER_fetch(nullptr, kSuites[i].cipher, nullptr);
    return made;
  }();
  return all[static_cast<std::size_t>(&suite - kSuites)];
}

// HKDF-Expand-Label with no context (RFC 8446 7.1).
void expand(const Suite& suite, const TrafficSecret& secret, std::string_view label, unsigned char* out, std::size_t size) {
  static EVP_KDF* const kind = EVP_KDF_fetch(nullptr, OSSL_KDF_NAME_TLS1_3_KDF, nullptr);
  const std::unique_ptr<EVP_KDF_CTX, Freer<EVP_KDF_CTX_free>> context(EVP_KDF_CTX_new(kind));
  int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
  char prefix[] = "tls13 ";
  const OSSL_PARAM params[] = {
      OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, const_cast<char*>(suite.digest), 0),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, const_cast<unsigned char*>(secret.bytes.data()), secret.size),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_PREFIX, prefix, sizeof prefix - 1),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_LABEL, const_cast<char*>(label.data()), label.size()),
      OSSL_PARAM_construct_end(),
  };
  if (context == nullptr || EVP_KDF_derive(context.get(), out, size, params) != 1) throw std::bad_alloc();
}

unsigned char* bytes_of(char* data) { return reinterpret_cast<unsigned char*>(data); }

}  // namespace

const Suite* find_suite(std::uint16_t number) {
  const auto* const found = std::find_if(std::begin(kSuites), std::end(kSuites), [number](const Suite& one) { return one.number == number; });
  return found == std::end(kSuites) ? nullptr : found;
}

std::string_view Pieces::take(std::size_t most) {
  while (at_ != end_ && taken_ == at_->iov_len) {
    ++at_;
    taken_ = 0;
  }
  if (at_ == end_) return {};
  const std::string_view found(static_cast<const char*>(at_->iov_base) + taken_, std::min(most, at_->iov_len - taken_));
  taken_ += found.size();
  return found;
}

// --- one direction ---

RecordKeys::RecordKeys(const Suite& suite, const TrafficSecret& secret, bool seals, std::uint64_t sequence)
    : suite_(&suite), secret_(secret), seals_(seals), sequence_(sequence), cipher_(EVP_CIPHER_CTX_new()) {
  if (cipher_ == nullptr) throw std::bad_alloc();
  derive();
}

void RecordKeys::derive() {
  unsigned char key[EVP_MAX_KEY_LENGTH];
  expand(*suite_, secret_, "key", key, suite_->key);
  expand(*suite_, secret_, "iv", nonce_.data(), nonce_.size());
  const int made = EVP_CipherInit_ex(cipher_.get(), cipher_of(*suite_), nullptr, key, nullptr, seals_ ? 1 : 0);
  OPENSSL_cleanse(key, sizeof key);
  if (made != 1) throw std::bad_alloc();
}

void RecordKeys::update() {
  TrafficSecret next;
  next.size = secret_.size;
  expand(*suite_, secret_, "traffic upd", next.bytes.data(), next.size);
  secret_ = next;
  derive();
  sequence_ = 0;
}

// The nonce of a record is the first one's, exclusive or its number (RFC 8446 5.3); the header is authenticated.
void RecordKeys::begin(const unsigned char* header) {
  std::array<unsigned char, 12> nonce = nonce_;
  for (std::size_t i = 0; i < sizeof sequence_; ++i) nonce[nonce.size() - 1 - i] ^= static_cast<unsigned char>(sequence_ >> (8 * i));
  ++sequence_;
  int made = 0;
  CLEAT_CHECK(EVP_CipherInit_ex(cipher_.get(), nullptr, nullptr, nullptr, nonce.data(), -1) == 1);
  CLEAT_CHECK(EVP_CipherUpdate(cipher_.get(), nullptr, &made, header, kHeader) == 1);
}

std::size_t RecordKeys::seal(unsigned char type, Pieces& pieces, std::size_t size, unsigned char* record) {
  const std::size_t length = size + 1 + kTag;
  const unsigned char header[kHeader] = {SSL3_RT_APPLICATION_DATA, 3, 3, static_cast<unsigned char>(length >> 8), static_cast<unsigned char>(length)};
  std::memcpy(record, header, kHeader);
  begin(record);
  unsigned char* at = record + kHeader;
  int made = 0;
  while (size != 0) {
    const std::string_view piece = pieces.take(size);
    CLEAT_CHECK(!piece.empty());
    CLEAT_CHECK(EVP_CipherUpdate(cipher_.get(), at, &made, reinterpret_cast<const unsigned char*>(piece.data()), static_cast<int>(piece.size())) == 1);
    at += piece.size();
    size -= piece.size();
  }
  CLEAT_CHECK(EVP_CipherUpdate(cipher_.get(), at, &made, &type, 1) == 1);
  ++at;
  CLEAT_CHECK(EVP_CipherFinal_ex(cipher_.get(), at, &made) == 1);
  CLEAT_CHECK(EVP_CIPHER_CTX_ctrl(cipher_.get(), EVP_CTRL_AEAD_GET_TAG, kTag, at) == 1);
  return kHeader + length;
}

bool RecordKeys::open(unsigned char* record, std::size_t size) {
  begin(record);
  unsigned char* const text = record + kHeader;
  const std::size_t length = size - kTag;
  int made = 0;
  return EVP_CipherUpdate(cipher_.get(), text, &made, text, static_cast<int>(length)) == 1 &&
         EVP_CIPHER_CTX_ctrl(cipher_.get(), EVP_CTRL_AEAD_SET_TAG, kTag, text + length) == 1 && EVP_CipherFinal_ex(cipher_.get(), text + length, &made) == 1;
}

// --- both ---

std::unique_ptr<Records> Records::make(std::uint16_t suite, const TrafficSecret& client, const TrafficSecret& server, std::uint64_t written, int fd) {
  const Suite* const known = find_suite(suite);
  if (known == nullptr || client.size != known->secret || server.size != known->secret) return nullptr;
  return std::unique_ptr<Records>(new Records(*known, client, server, written, fd));
}

Records::Records(const Suite& suite, const TrafficSecret& client, const TrafficSecret& server, std::uint64_t written, int fd)
    : fd_(fd), in_(suite, client, false, 0), out_(suite, server, true, written), update_after_(kUpdateAfter) {}

void Records::note_readable(bool hangup) {
  empty_ = false;
  hangup_ = hangup_ || hangup;
}

void Records::fail(int alert, const char* why, int error) {
  failure_ = why;
  if (alert >= 0) send_alert(SSL3_AL_FATAL, static_cast<unsigned char>(alert));
  error_ = error;
}

// --- what comes ---

Io Records::read(char* data, std::size_t size) {
  Io io;
  if (opened_.empty()) {
    if (size >= kHeader + kReceived) return fill(data, size);
    char room[kHeader + kReceived];
    io = fill(room, sizeof room);
    opened_.assign(room, io.size);
    if (io.size > size) drained_ = false;
  }
  io.size = std::min(size, opened_.size());
  std::memcpy(data, opened_.data(), io.size);
  opened_.erase(0, io.size);
  if (opened_.empty()) std::string().swap(opened_);
  return io;
}

// Until there is data, or no more to come. All whole records that were received are opened: what is left is the beginning of one.
Io Records::fill(char* room, std::size_t size) {
  Io io;
  std::size_t have = received_.size(), used = 0;
  std::memcpy(room, received_.data(), have);
  while (io.size == 0 && !ended() && !empty_) {
    have -= used;
    std::memmove(room, room + used, have);
    const Io came = read_some(fd_, room + have, size - have);
    empty_ = came.blocked || (came.size != 0 && came.size < size - have && !hangup_);  // as edge-triggered as the socket: no need to ask again
    if (came.closed) fail(-1, "unexpected eof while reading", ECONNRESET);  // without close_notify: it may be an attacker's
    if (came.failed != 0) fail(-1, nullptr, came.failed);
    have += came.size;
    used = open_records(bytes_of(room), have, io.size);
  }
  std::string(room + used, ended() ? 0 : have - used).swap(received_);
  drained_ = empty_ && !ended();
  if (io.size == 0) io = {0, !ended(), closed_, closed_ ? 0 : error_};
  return io;
}

// Returns how much of it is done with. The data of all, `data` bytes, lies in the front then.
std::size_t Records::open_records(unsigned char* bytes, std::size_t size, std::size_t& data) {
  std::size_t at = 0;
  while (!ended() && size - at >= kHeader) {
    unsigned char* const record = bytes + at;
    const std::size_t length = std::size_t{record[3]} << 8 | record[4];
    if (record[0] != SSL3_RT_APPLICATION_DATA) {
      fail(SSL_AD_UNEXPECTED_MESSAGE, "a record that is not protected", EPROTO);
    } else if (length > kReceived) {
      fail(SSL_AD_RECORD_OVERFLOW, "a record that is too long", EPROTO);
    } else if (length < kTag) {
      fail(SSL_AD_BAD_RECORD_MAC, "a record that is too short", EPROTO);
    } else if (size - at < kHeader + length) {
      break;
    } else if (!in_.open(record, length)) {
      fail(SSL_AD_BAD_RECORD_MAC, "bad record mac", EPROTO);
    } else {
      const unsigned char* const text = record + kHeader;
      std::size_t end = length - kTag;  // behind the content are its type and zeroes
      while (end != 0 && text[end - 1] == 0) --end;
      if (length - kTag > kData + 1) {
        fail(SSL_AD_RECORD_OVERFLOW, "a record that is too long", EPROTO);
      } else if (end == 0) {
        fail(SSL_AD_UNEXPECTED_MESSAGE, "a record without a type", EPROTO);
      } else if (take_record(text[end - 1], {reinterpret_cast<const char*>(text), end - 1})) {
        std::memmove(bytes + data, text, end - 1);
        data += end - 1;
      }
    }
    at += kHeader + length;
  }
  return std::min(at, size);
}

// True: it is data.
bool Records::take_record(unsigned char type, std::string_view content) {
  const bool is_data = type == SSL3_RT_APPLICATION_DATA;
  barren_ = is_data && !content.empty() ? 0 : barren_ + 1;
  if (barren_ > kBarrenMax) {
    fail(SSL_AD_UNEXPECTED_MESSAGE, "too many records without data", EPROTO);
  } else if (type == SSL3_RT_HANDSHAKE) {
    take_handshake(content);
  } else if (message_size_ != 0) {  // RFC 8446 5.1
    fail(SSL_AD_UNEXPECTED_MESSAGE, "a record amid a handshake message", EPROTO);
  } else if (type == SSL3_RT_ALERT) {
    take_alert(content);
  } else if (!is_data) {
    fail(SSL_AD_UNEXPECTED_MESSAGE, "a record of an unknown type", EPROTO);
  }
  return is_data && error_ == 0;
}

// A client has nothing to say but that it changes its keys, and that with the end of a record (RFC 8446 4.6.3, 5.1).
void Records::take_handshake(std::string_view bytes) {
  const std::size_t taken = std::min(bytes.size(), message_.size() - message_size_);
  std::memcpy(message_.data() + message_size_, bytes.data(), taken);
  message_size_ += static_cast<std::uint8_t>(taken);
  const std::size_t form = std::min<std::size_t>(message_size_, sizeof kKeyUpdate - 1);
  if (bytes.empty() || taken < bytes.size() || std::memcmp(message_.data(), kKeyUpdate, form) != 0) {
    fail(SSL_AD_UNEXPECTED_MESSAGE, "an unexpected handshake message", EPROTO);
  } else if (message_size_ == message_.size()) {
    message_size_ = 0;
    if (static_cast<unsigned char>(message_.back()) > SSL_KEY_UPDATE_REQUESTED) return fail(SSL_AD_ILLEGAL_PARAMETER, "a bad key update", EPROTO);
    in_.update();
    update_due_ = update_due_ || message_.back() == SSL_KEY_UPDATE_REQUESTED;
  }
}

void Records::take_alert(std::string_view bytes) {
  if (bytes.size() != 2) return fail(SSL_AD_DECODE_ERROR, "a bad alert", EPROTO);
  const auto what = static_cast<unsigned char>(bytes[1]);
  if (what == SSL_AD_CLOSE_NOTIFY) {
    closed_ = true;
  } else if (what != SSL_AD_USER_CANCELLED) {  // which close_notify follows (RFC 8446 6.1)
    closed_out_ = true;
    fail(-1, SSL_alert_desc_string_long(what), ECONNRESET);
  }
}

// --- what goes ---

Io Records::write(const iovec* parts, int count) {
  static thread_local std::array<unsigned char, kAround + sizeof kKeyUpdate + kAtOnce * (kData + kAround)> room;
  Io io;
  if (closed_out_ || error_ != 0) return {0, false, false, error_ != 0 ? error_ : EPIPE};
  if (!kept_.empty() && !send_kept(io)) return io;
  std::size_t left = 0;
  for (int i = 0; i < count; ++i) left += parts[i].iov_len;
  Pieces pieces(parts, count);
  CLEAT_CHECK(kept_data_ <= left);
  while (io.size < kept_data_) io.size += pieces.take(kept_data_ - io.size).size();
  left -= std::exchange(kept_data_, 0);
  while (left != 0) {
    std::size_t made = update_due_ || out_.sequence() >= update_after_ ? seal_update(room.data()) : 0;
    const std::size_t before = made;
    std::size_t data = 0;
    for (std::size_t i = 0; i < kAtOnce && data < left; ++i) {
      const std::size_t size = std::min(kData, left - data);
      made += out_.seal(SSL3_RT_APPLICATION_DATA, pieces, size, room.data() + made);
      data += size;
    }
    const iovec all{room.data(), made};
    const Io sent = write_some(fd_, &all, 1);
    if (sent.size < made) {
      const std::size_t whole = sent.size <= before ? 0 : (sent.size - before) / (kData + kAround) * kData;
      kept_.assign(reinterpret_cast<const char*>(room.data()) + sent.size, made - sent.size);
      kept_data_ = data - whole;
      io.size += whole;
      error_ = sent.failed;
      io.failed = error_;
      io.blocked = error_ == 0 && io.size == 0;
      return io;
    }
    io.size += data;
    left -= data;
  }
  return io;
}

// False: not all of it went, as `io` says.
bool Records::send_kept(Io& io) {
  const iovec all{kept_.data(), kept_.size()};
  const Io sent = write_some(fd_, &all, 1);
  kept_.erase(0, sent.size);
  if (kept_.empty()) {
    std::string().swap(kept_);
    return true;
  }
  error_ = io.failed = sent.failed;
  io.blocked = error_ == 0;
  return false;
}

std::size_t Records::seal_update(unsigned char* record) {
  const iovec message{const_cast<unsigned char*>(kKeyUpdate), sizeof kKeyUpdate};
  Pieces pieces(&message, 1);
  const std::size_t made = out_.seal(SSL3_RT_HANDSHAKE, pieces, sizeof kKeyUpdate, record);
  out_.update();
  update_due_ = false;
  return made;
}

void Records::close_notify() {
  if (error_ == 0) send_alert(SSL3_AL_WARNING, SSL_AD_CLOSE_NOTIFY);
}

// If it can go now. Nothing follows it.
void Records::send_alert(unsigned char level, unsigned char what) {
  if (std::exchange(closed_out_, true) || !kept_.empty()) return;
  unsigned char bytes[2] = {level, what}, record[kAround + sizeof bytes];
  const iovec message{bytes, sizeof bytes};
  Pieces pieces(&message, 1);
  const iovec all{record, out_.seal(SSL3_RT_ALERT, pieces, sizeof bytes, record)};
  write_some(fd_, &all, 1);
}

}  // namespace cleat::tls
