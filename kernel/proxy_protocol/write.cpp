#include <arpa/inet.h>
#include <netinet/in.h>

#include "kernel/proxy_protocol/header.hpp"
#include "kernel/proxy_protocol/wire.hpp"

namespace cleat::proxy_protocol {
namespace {

using namespace detail;

template <class T>
std::string_view bytes_of(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

const sockaddr_in& v4_of(const Address& address) { return reinterpret_cast<const sockaddr_in&>(address.storage); }
const sockaddr_in6& v6_of(const Address& address) { return reinterpret_cast<const sockaddr_in6&>(address.storage); }

// AF_INET, AF_INET6, or 0 where the two are not of one of them.
int family_of(const Address& source, const Address& destination) {
  const int family = source.storage.ss_family;
  return family == destination.storage.ss_family && (family == AF_INET || family == AF_INET6) ? family : 0;
}

std::string ip_of(const Address& address) {
  char text[INET6_ADDRSTRLEN] = "";
  const bool v6 = address.storage.ss_family == AF_INET6;
  inet_ntop(address.storage.ss_family, v6 ? static_cast<const void*>(&v6_of(address).sin6_addr) : &v4_of(address).sin_addr, text, sizeof text);
  return text;
}

std::string start_v2(std::uint8_t command, std::uint8_t family, std::size_t size) {
  std::string header(kV2Signature);
  for (const std::size_t value : {std::size_t{command}, std::size_t{family}, size >> 8, size & 0xff}) header += static_cast<char>(value);
  return header;
}

}  // namespace

std::string write_v1(const Address& source, const Address& destination) {
  const int family = family_of(source, destination);
  if (family == 0) return write_local_v1();
  std::string header(kV1Signature);
  header += family == AF_INET ? "TCP4 " : "TCP6 ";
  header += ip_of(source) + ' ' + ip_of(destination) + ' ' + std::to_string(source.port()) + ' ' + std::to_string(destination.port()) + "\r\n";
  return header;
}

std::string write_v2(const Address& source, const Address& destination) {
  switch (family_of(source, destination)) {
    case AF_INET: {
      std::string header = start_v2(kProxy, kStreamV4, kAddressesV4);
      for (const Address* one : {&source, &destination}) header += bytes_of(v4_of(*one).sin_addr);
      for (const Address* one : {&source, &destination}) header += bytes_of(v4_of(*one).sin_port);
      return header;
    }
    case AF_INET6: {
      std::string header = start_v2(kProxy, kStreamV6, kAddressesV6);
      for (const Address* one : {&source, &destination}) header += bytes_of(v6_of(*one).sin6_addr);
      for (const Address* one : {&source, &destination}) header += bytes_of(v6_of(*one).sin6_port);
      return header;
    }
    default: return start_v2(kProxy, kUnspecified, 0);
  }
}

std::string write_local_v1() { return "PROXY UNKNOWN\r\n"; }
std::string write_local_v2() { return start_v2(kLocal, kUnspecified, 0); }

}  // namespace cleat::proxy_protocol
