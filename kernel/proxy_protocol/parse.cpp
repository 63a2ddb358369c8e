// Reads headers strictly: what the specification does not allow is refused, so that nobody else can understand it otherwise.
#include <arpa/inet.h>
#include <netinet/in.h>

#include <boost/crc.hpp>
#include <charconv>
#include <cstring>
#include <optional>

#include "kernel/proxy_protocol/header.hpp"
#include "kernel/proxy_protocol/wire.hpp"

namespace cleat::proxy_protocol {
namespace {

using namespace detail;
using Found = Header::Found;

Header malformed(const char* reason) { return {.found = Found::kMalformed, .reason = reason}; }

bool begins(std::string_view data, std::string_view signature) {
  const std::size_t common = std::min(data.size(), signature.size());
  return data.substr(0, common) == signature.substr(0, common);
}

// --- version 1: a line of words ---

std::string_view next_word(std::string_view& rest) {
  const std::size_t end = std::min(rest.find(' '), rest.size());
  const std::string_view word = rest.substr(0, end);
  rest.remove_prefix(std::min(rest.size(), end + 1));
  return word;
}

std::optional<std::uint16_t> read_port(std::string_view text) {
  std::uint16_t port = 0;
  if (text.empty() || (text.size() > 1 && text.front() == '0')) return std::nullopt;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (code != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return port;
}

std::optional<Address> read_address(bool v6, std::string_view ip, std::string_view port_text) {
  char text[INET6_ADDRSTRLEN] = "";
  // The characters are looked at because inet_pton stops at a NUL.
  if (ip.size() >= sizeof text || ip.find_first_not_of(v6 ? "0123456789abcdefABCDEF:." : "0123456789.") != std::string_view::npos) return std::nullopt;
  ip.copy(text, ip.size());
  const std::optional<std::uint16_t> port = read_port(port_text);
  if (!port) return std::nullopt;
  in6_addr bytes;
  if (inet_pton(v6 ? AF_INET6 : AF_INET, text, &bytes) != 1) return std::nullopt;
  return make_address(v6, &bytes, htons(*port));
}

Header read_v1(std::string_view data) {
  const std::string_view most = data.substr(0, kV1BytesMax);
  const std::size_t end = most.find_first_of("\r\n");
  if (end == std::string_view::npos || (most[end] == '\r' && end + 1 == most.size())) {
    return most.size() == kV1BytesMax ? malformed("the line is too long") : Header{};
  }
  if (most.substr(end, 2) != "\r\n") return malformed("the line does not end with CRLF");
  Header header{.found = Found::kWhole, .size = end + 2, .version = 1};
  std::string_view rest = most.substr(0, end);
  rest.remove_prefix(kV1Signature.size());
  const std::string_view protocol = next_word(rest);
  if (protocol == "UNKNOWN") return header;  // whatever follows the word
  if (protocol != "TCP4" && protocol != "TCP6") return malformed("the protocol is none of TCP4, TCP6 and UNKNOWN");
  const std::string_view source_ip = next_word(rest);
  const std::string_view destination_ip = next_word(rest);
  const std::string_view source_port = next_word(rest);
  const std::optional<Address> source = read_address(protocol == "TCP6", source_ip, source_port);
  const std::optional<Address> destination = read_address(protocol == "TCP6", destination_ip, rest);
  if (!source || !destination) return malformed("an address or port is not one of its protocol");
  header.known = true;
  header.source = *source;
  header.destination = *destination;
  return header;
}

// --- version 2: binary ---

std::uint8_t byte_at(std::string_view data, std::size_t at) { return static_cast<std::uint8_t>(data[at]); }
std::size_t number_at(std::string_view data, std::size_t at) { return std::size_t{byte_at(data, at)} << 8 | byte_at(data, at + 1); }

// The bytes that addresses of this family take; nullopt: there is no such family.
std::optional<std::size_t> addresses_size(std::uint8_t family) {
  switch (family) {
    case kUnspecified: return 0;
    case kStreamV4:
    case kDatagramV4: return kAddressesV4;
    case kStreamV6:
    case kDatagramV6: return kAddressesV6;
    case kStreamUnix:
    case kDatagramUnix: return kAddressesUnix;
    default: return std::nullopt;
  }
}

// Two addresses, then two ports, as they are in the system's structures: network byte order.
void read_addresses(std::string_view data, bool v6, Header& header) {
  const std::size_t ip_bytes = v6 ? 16 : 4;
  const auto read = [&](std::size_t ip_at, std::size_t port_at) {
    in_port_t port;
    std::memcpy(&port, data.data() + port_at, sizeof port);
    return make_address(v6, data.data() + ip_at, port);
  };
  header.known = true;
  header.source = read(0, 2 * ip_bytes);
  header.destination = read(ip_bytes, 2 * ip_bytes + 2);
}

using Crc32c = boost::crc_optimal<32, 0x1edc6f41, UINT32_MAX, UINT32_MAX, true, true>;  // Castagnoli's

// Over all of the header, its own four bytes at `own` taken for zeros.
std::uint32_t checksum(std::string_view header, std::size_t own) {
  Crc32c crc;
  crc.process_bytes(header.data(), own);
  crc.process_bytes("\0\0\0\0", 4);
  crc.process_bytes(header.data() + own + 4, header.size() - own - 4);
  return crc.checksum();
}

// Type, length, value: of none but the checksum is the value looked at. nullptr, or what is wrong.
const char* check_extensions(std::string_view header, std::size_t at) {
  while (at < header.size()) {
    if (header.size() - at < 3) return "an extension is cut off";
    const std::uint8_t type = byte_at(header, at);
    const std::size_t length = number_at(header, at + 1);
    at += 3;
    if (length > header.size() - at) return "an extension is longer than the header";
    if (type == kTypeCrc32c) {
      if (length != 4) return "the checksum has not four bytes";
      const auto said = static_cast<std::uint32_t>(number_at(header, at) << 16 | number_at(header, at + 2));
      if (said != checksum(header, at)) return "the checksum is wrong";
    }
    at += length;
  }
  return nullptr;
}

Header read_v2(std::string_view data) {
  if (data.size() < kV2FixedBytes) return {};
  const std::uint8_t command = byte_at(data, 12);
  const std::uint8_t family = byte_at(data, 13);
  const std::size_t size = kV2FixedBytes + number_at(data, 14);
  if (command != kLocal && command != kProxy) return malformed("the version is not 2, or the command none of it");
  const std::optional<std::size_t> addresses = addresses_size(family);
  if (!addresses) return malformed("there is no such address family and protocol");
  if (size > kHeaderBytesMax) return malformed("the header is too long");
  // Of LOCAL the whole block is to be dropped, whatever is in it.
  if (command == kProxy && size < kV2FixedBytes + *addresses) return malformed("the header is too short for its addresses");
  if (data.size() < size) return {};
  Header header{.found = Found::kWhole, .size = size, .version = 2};
  if (command == kLocal) return header;
  if (const char* const wrong = check_extensions(data.substr(0, size), kV2FixedBytes + *addresses); wrong != nullptr) return malformed(wrong);
  if (family == kStreamV4 || family == kStreamV6) read_addresses(data.substr(kV2FixedBytes), family == kStreamV6, header);
  return header;
}

}  // namespace

Header read_header(std::string_view data) {
  const bool one = begins(data, kV1Signature);
  const bool two = begins(data, kV2Signature);
  if (!one && !two) return {.found = Found::kAbsent};
  if (one && data.size() >= kV1Signature.size()) return read_v1(data);
  if (two && data.size() >= kV2Signature.size()) return read_v2(data);
  return {};
}

}  // namespace cleat::proxy_protocol
