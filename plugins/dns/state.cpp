// The layout, format 1: a text (the servers), then names until the end, each: text name, u16 type, u64 next_ms, u16 count, and records: text
// address, u16 priority, weight, port. A text is a u16 length and its bytes. Numbers as the machine has them.
#include "state.hpp"

#include <cstring>
#include <utility>

namespace dns {

namespace {

constexpr std::size_t kServersBytesMax = 4'096;

template <class T>
void put(std::string& to, T number) {
  to.append(reinterpret_cast<const char*>(&number), sizeof number);
}

void put_text(std::string& to, std::string_view text) {
  put(to, static_cast<std::uint16_t>(text.size()));
  to.append(text);
}

// Takes from the front; what would go beyond the end fails, for good.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}
  bool good() const { return good_; }
  bool at_end() const { return rest_.empty(); }
  template <class T>
  T number() {
    T value{};
    const std::string_view bytes = take(sizeof value);
    if (good_) std::memcpy(&value, bytes.data(), sizeof value);
    return value;
  }
  std::string_view text(std::size_t size_max) {
    const auto size = number<std::uint16_t>();
    if (size > size_max) good_ = false;
    return take(size);
  }

 private:
  std::string_view take(std::size_t size) {
    good_ = good_ && size <= rest_.size();
    if (!good_) return {};
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }
  std::string_view rest_;
  bool good_ = true;
};

bool valid_host(std::string_view name) { return valid_name(name) && canonical(name) == name; }

bool valid(const Record& record, Type type) {
  if (type == Type::kSrv) return valid_host(record.address) && record.port != 0;
  return !record.address.empty() && as_address(record.address) == record.address && (record.address.find(':') != std::string::npos) == (type == Type::kAAAA);
}

bool read(Reader& from, Known& to) {
  to.name = from.text(kNameBytesMax);
  const auto type = from.number<std::uint16_t>();
  to.type = static_cast<Type>(type);
  to.next_ms = from.number<std::uint64_t>();
  const auto count = from.number<std::uint16_t>();
  const bool known_type = to.type == Type::kA || to.type == Type::kAAAA || to.type == Type::kSrv;
  if (!from.good() || !known_type || count > kReadMax || !valid_host(to.name)) return false;
  for (std::uint16_t i = 0; i < count && from.good(); ++i) {
    Record& record = to.records.emplace_back();
    record.address = from.text(kNameBytesMax);
    record.priority = from.number<std::uint16_t>();
    record.weight = from.number<std::uint16_t>();
    record.port = from.number<std::uint16_t>();
    if (!valid(record, to.type)) return false;
  }
  return from.good();
}

}  // namespace

std::string encode(const State& state, std::size_t bytes_max) {
  std::string all;
  put_text(all, state.servers);
  for (const Known& one : state.names) {
    std::string entry;
    put_text(entry, one.name);
    put(entry, static_cast<std::uint16_t>(one.type));
    put(entry, one.next_ms);
    put(entry, static_cast<std::uint16_t>(one.records.size()));
    for (const Record& record : one.records) {
      put_text(entry, record.address);
      put(entry, record.priority);
      put(entry, record.weight);
      put(entry, record.port);
    }
    if (all.size() + entry.size() <= bytes_max) all += entry;
  }
  return all;
}

std::optional<State> decode(std::string_view bytes) {
  Reader from(bytes);
  State state;
  state.servers = from.text(kServersBytesMax);
  while (from.good() && !from.at_end()) {
    Known one;
    if (!read(from, one)) return std::nullopt;
    state.names.push_back(std::move(one));
  }
  if (!from.good()) return std::nullopt;
  return state;
}

}  // namespace dns
