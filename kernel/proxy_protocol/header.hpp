// The header of the PROXY protocol, versions 1 and 2 (haproxy.org, proxy-protocol.txt of 2020): what a proxy says at the start of a
// connection about the client whose connection it passes on. Pure functions of bytes: no socket, no clock.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "kernel/base/socket.hpp"

namespace cleat::proxy_protocol {

inline constexpr std::size_t kV1BytesMax = 107;     // with its CRLF
inline constexpr std::size_t kHeaderBytesMax = 4096;  // of version 2, with all its extensions (TLVs): what is longer is refused

struct Header {
  enum class Found : std::uint8_t {
    kMore,       // what there is may be the beginning of one
    kAbsent,     // it is not
    kWhole,
    kMalformed,  // a beginning that went wrong
  };
  Found found = Found::kMore;
  const char* reason = "";          // kMalformed: static, a few words for the log

  // --- kWhole ---
  std::size_t size = 0;             // what follows belongs to the protocol
  std::uint8_t version = 0;         // 1, 2
  // The addresses below are set. If not, the sender does not know them, speaks for itself (LOCAL), or they are of no stream over IP: the
  // connection's own addresses hold.
  bool known = false;
  Address source{}, destination{};
};

// Judges the start of `data`, which may be cut anywhere.
Header read_header(std::string_view data);

// The header of a connection that is passed on for a client from `source` to `destination`; of two families, or none of IP: unknown.
std::string write_v1(const Address& source, const Address& destination);
std::string write_v2(const Address& source, const Address& destination);
// The header of a connection for nobody but the proxy itself.
std::string write_local_v1();
std::string write_local_v2();

}  // namespace cleat::proxy_protocol
