// A DNS server's answer, as plugins/dns reads it. The first byte chooses the type that was asked for; the name is the corpus' own.
#include <cstdint>
#include <cstdlib>

#include "plugins/dns/answer.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  constexpr dns::Type kTypes[] = {dns::Type::kA, dns::Type::kAAAA, dns::Type::kSrv};
  constexpr std::size_t kRecordsMax = 16;
  const dns::Type type = kTypes[data[0] % 3];
  const dns::Answer answer = dns::read_answer({data + 1, size - 1}, "a.example", type, kRecordsMax);
  if ((answer.kind == dns::Answer::Kind::kRecords) == answer.records.empty()) std::abort();
  if (answer.records.size() > kRecordsMax) std::abort();
  for (const dns::Record& one : answer.records) {
    if (type == dns::Type::kSrv ? !dns::valid_name(one.address) || one.port == 0 : dns::as_address(one.address) != one.address) std::abort();
  }
  return 0;
}
