// What a client sends after the handshake, as one who knows the keys: the input is a row of steps, each a byte for what, one for how many
// bytes, and the bytes. What: records as they are, sealed with a type of the input's, or cut short; a read of some size; a write.
#include <sys/socket.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "kernel/base/check.hpp"
#include "kernel/tls/records.hpp"

namespace {

using namespace cleat;

tls::TrafficSecret secret_of(unsigned char byte) {
  tls::TrafficSecret made;
  made.size = 32;
  std::fill_n(made.bytes.begin(), made.size, byte);
  return made;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  int ends[2];
  CLEAT_CHECK(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0);
  const Socket near(ends[0]), far(ends[1]);
  tls::RecordKeys client(*tls::find_suite(0x1301), secret_of(1), true, 0);
  const auto records = tls::Records::make(0x1301, secret_of(1), secret_of(2), 0, near.fd());
  std::vector<char> room(70'000);
  std::string sent, read;
  bool faithful = true;  // only data, whole: then it comes out as it went in
  const auto read_all = [&](std::size_t most) {
    for (;;) {
      const Io io = records->read(room.data(), most);
      read.append(room.data(), io.size);
      CLEAT_CHECK(io.size <= most);
      CLEAT_CHECK((io.size != 0) + io.blocked + io.closed + (io.failed != 0) == 1);
      CLEAT_CHECK(!io.blocked || records->drained());
      CLEAT_CHECK(!io.closed || !records->drained());
      if (io.size == 0) return;
    }
  };
  while (size >= 3) {
    const unsigned int what = data[0] % 6;
    const std::size_t count = std::min<std::size_t>(data[1], size - 2);
    const unsigned char type = data[2];
    const std::string bytes(reinterpret_cast<const char*>(data) + 2, count);
    data += 2 + count;
    size -= 2 + count;
    const iovec part{const_cast<char*>(bytes.data()), bytes.size()};
    std::string record;
    switch (what) {
      case 0: record = bytes; break;
      case 1:
      case 2: {
        tls::Pieces pieces(&part, 1);
        record.resize(bytes.size() + 22);
        client.seal(what == 1 ? SSL3_RT_APPLICATION_DATA : type, pieces, bytes.size(), reinterpret_cast<unsigned char*>(record.data()));
        if (what == 1) sent += bytes;
        break;
      }
      case 3:
        client.update();
        break;
      case 4: read_all(1 + type * 300UL); break;
      default: {
        const Io io = records->write(&part, 1);
        CLEAT_CHECK(io.size + (io.failed != 0) != 0 || part.iov_len == 0);
      }
    }
    if (what == 0 || what == 2 || what == 3) faithful = false;
    if (!record.empty()) {
      if (::send(far.fd(), record.data(), record.size(), MSG_NOSIGNAL) < 0) break;
      records->note_readable(false);
    }
    while (::recv(far.fd(), room.data(), room.size(), 0) > 0) continue;
  }
  read_all(room.size());
  if (faithful) CLEAT_CHECK(read == sent || records->failure() != nullptr);
  CLEAT_CHECK(!faithful || sent.compare(0, read.size(), read) == 0);
  records->close_notify();
  return 0;
}
