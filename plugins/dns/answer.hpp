// One answer of a DNS server, read with suspicion: what is not about the name and type that were asked for is not there, and
// everything is bounded. Pure; source: RFC 1035 4.1, RFC 2782 (SRV), RFC 3596 (AAAA).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dns {

enum class Type : std::uint16_t { kA = 1, kAAAA = 28, kSrv = 33 };
std::string_view name_of(Type type);               // "A"

inline constexpr std::size_t kChainMax = 8;        // CNAMEs from the name to its records
inline constexpr std::size_t kReadMax = 4'096;     // records of one answer that are looked at
inline constexpr std::size_t kNameBytesMax = 255;  // RFC 1035 2.3.4

struct Record {
  std::string address;                             // A, AAAA: in text; SRV: the target's name, lower-case, without the last dot
  std::uint16_t priority = 0, weight = 0, port = 0;  // SRV
  auto operator<=>(const Record&) const = default;
};

struct Answer {
  enum class Kind : std::uint8_t { kRecords, kNoName, kNoRecords, kMalformed };  // kNoName: NXDOMAIN
  Kind kind = Kind::kMalformed;
  std::vector<Record> records;                     // each once, in their order: the same records make the same list
  std::uint32_t ttl_s = 0;                         // the least on the way to them
  bool cut = false;                                // there were more than `records_max`
};

// `name`: as it was asked for, in any case, with or without the last dot. At most records_max records are taken.
Answer read_answer(std::span<const unsigned char> message, std::string_view name, Type type, std::size_t records_max);

// Lower-case, without the last dot.
std::string canonical(std::string_view name);
// A host's name as in RFC 1123 2.1, with underscores for SRV; at most 253 bytes in labels of at most 63, the last of which is no number:
// it would be a mistaken address.
bool valid_name(std::string_view name);
// "" if it is no address; else as inet_ntop writes it.
std::string as_address(std::string_view text);

}  // namespace dns
