// Records: TLS 1.3 on a server's connection from the end of the handshake on (RFC 8446 5): application data in and out of protected
// records, key updates, alerts. OpenSSL does the handshake and the ciphers; its object of a connection, which keeps 13 KiB, can go. One worker.
#pragma once

#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "kernel/base/socket.hpp"
#include "kernel/tls/openssl.hpp"

namespace cleat::tls {

struct TrafficSecret {
  TrafficSecret() = default;
  TrafficSecret(const TrafficSecret&) = default;
  TrafficSecret& operator=(const TrafficSecret&) = default;
  ~TrafficSecret() { OPENSSL_cleanse(bytes.data(), bytes.size()); }
  std::array<unsigned char, 48> bytes{};  // as many as the suite's hash has
  std::size_t size = 0;
};

struct Suite;  // a cipher suite of TLS 1.3
const Suite* find_suite(std::uint16_t number);  // nullptr: not one of ours

// Bytes that lie in several places, from the front on.
class Pieces {
 public:
  Pieces(const iovec* parts, int count) : at_(parts), end_(parts + count) {}
  std::string_view take(std::size_t most);    // of one place; empty: there are none left

 private:
  const iovec* at_;
  const iovec* const end_;
  std::size_t taken_ = 0;                     // of *at_
};

// What protects the records of one direction.
class RecordKeys {
 public:
  RecordKeys(const Suite& suite, const TrafficSecret& secret, bool seals, std::uint64_t sequence);  // of the next record. Throws std::bad_alloc
  void update();                              // to the secret that follows (RFC 8446 7.2)
  std::uint64_t sequence() const { return sequence_; }

  // A record of that type, with `size` bytes, which the pieces have. Returns its size, which is 22 more.
  std::size_t seal(unsigned char type, Pieces& pieces, std::size_t size, unsigned char* record);
  // In place: a record with `size` bytes behind its header, of which all but the last 16 are in the clear then. False: the peer has not made it.
  bool open(unsigned char* record, std::size_t size);

 private:
  void derive();                              // key and nonces
  void begin(const unsigned char* header);    // the next record

  const Suite* suite_;
  TrafficSecret secret_;
  const bool seals_;
  std::array<unsigned char, 12> nonce_{};     // of the first record
  std::uint64_t sequence_;
  CipherPtr cipher_;
};

class Records {
 public:
  // suite: its number. written: how many records the server has sent under its secret. nullptr: the suite or a secret is not known.
  static std::unique_ptr<Records> make(std::uint16_t suite, const TrafficSecret& client, const TrafficSecret& server, std::uint64_t written, int fd);

  void note_readable(bool hangup);            // the loop has told so
  Io read(char* data, std::size_t size);      // as Session's
  bool drained() const { return drained_; }
  Io write(const iovec* parts, int count);    // as Session's
  void close_notify();
  const char* failure() const { return failure_; }  // nullptr: none
  void update_after(std::uint64_t records) { update_after_ = records; }  // of ours; a key protects so many

 private:
  Records(const Suite& suite, const TrafficSecret& client, const TrafficSecret& server, std::uint64_t written, int fd);
  Io fill(char* room, std::size_t size);
  bool ended() const { return closed_ || error_ != 0; }
  std::size_t open_records(unsigned char* bytes, std::size_t size, std::size_t& data);
  bool take_record(unsigned char type, std::string_view content);
  void take_handshake(std::string_view bytes);
  void take_alert(std::string_view bytes);
  void fail(int alert, const char* why, int error);
  void send_alert(unsigned char level, unsigned char what);
  bool send_kept(Io& io);
  std::size_t seal_update(unsigned char* record);

  const int fd_;
  RecordKeys in_, out_;
  std::uint64_t update_after_;
  bool update_due_ = false;                   // before the next data is sent
  bool empty_ = false, hangup_ = false;       // the socket's buffer: a read was short; its end may be there
  bool drained_ = false, closed_ = false, closed_out_ = false;
  int error_ = 0;                             // errno; not 0: broken
  const char* failure_ = nullptr;
  std::uint8_t barren_ = 0, message_size_ = 0;  // records in a row without data; of a handshake message, what has come
  std::array<char, 5> message_{};
  std::string received_;                      // the beginning of a record
  std::string opened_;                        // of data, what was not asked for yet
  std::string kept_;                          // records that the socket did not take yet, and how many bytes of data they have
  std::size_t kept_data_ = 0;
};

}  // namespace cleat::tls
