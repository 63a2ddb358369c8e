// What an instance of plugins/dns is handed by the one before it, as it reads it: what is taken is written back as the same bytes.
#include <cstdint>
#include <cstdlib>

#include "plugins/dns/state.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const std::optional<dns::State> state = dns::decode(bytes);
  if (!state) return 0;
  if (dns::encode(*state, size) != bytes) std::abort();
  for (const dns::Known& one : state->names) {
    if (!dns::valid_name(one.name) || one.records.size() > dns::kReadMax) std::abort();
    for (const dns::Record& record : one.records) {
      if (one.type == dns::Type::kSrv ? !dns::valid_name(record.address) : dns::as_address(record.address) != record.address) std::abort();
    }
  }
  return 0;
}
