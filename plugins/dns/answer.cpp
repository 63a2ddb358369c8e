#include "answer.hpp"

#include <ares.h>
#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

namespace dns {

namespace {

constexpr std::size_t kHeaderBytes = 12;
constexpr std::uint16_t kCname = 5, kInternet = 1;
constexpr std::uint32_t kTtlMax = 0x7fffffff;  // RFC 2181 8: one with the highest bit is 0

// A place in a message; what would go beyond its end fails, for good.
class Reader {
 public:
  explicit Reader(std::span<const unsigned char> message) : message_(message), at_(kHeaderBytes) {}

  bool failed() const { return failed_; }
  std::uint16_t u16() {
    if (!has(2)) return 0;
    const auto value = static_cast<std::uint16_t>(message_[at_] << 8 | message_[at_ + 1]);
    at_ += 2;
    return value;
  }
  std::uint32_t u32() {
    const std::uint32_t high = u16();
    return high << 16 | u16();
  }
  // Compressed ones too (RFC 1035 4.1.4); the library follows the pointers and bounds them.
  std::string name() {
    char* text = nullptr;
    long used = 0;
    if (!has(1) || ares_expand_name(&message_[at_], message_.data(), static_cast<int>(message_.size()), &text, &used) != ARES_SUCCESS) {
      failed_ = true;
      return {};
    }
    std::string name = canonical(text);
    ares_free_string(text);
    at_ += static_cast<std::size_t>(used);
    return name;
  }
  std::span<const unsigned char> take(std::size_t size) {
    if (!has(size)) return {};
    at_ += size;
    return message_.subspan(at_ - size, size);
  }
  std::size_t place() const { return at_; }
  void go_to(std::size_t place) { at_ = place; }

 private:
  bool has(std::size_t size) {
    failed_ = failed_ || size > message_.size() - std::min(at_, message_.size());
    return !failed_;
  }
  std::span<const unsigned char> message_;
  std::size_t at_;
  bool failed_ = false;
};

struct Read {
  std::string owner;
  std::uint32_t ttl_s;
  Record record;
};

struct Alias {
  std::string owner, target;
  std::uint32_t ttl_s;
};

using Bytes = std::span<const unsigned char>;

// Not "this host" (0.0.0.0/8, which some servers say for names that they block), nor many hosts (multicast, reserved, broadcast).
bool may_be_host4(Bytes address) { return address[0] != 0 && address[0] < 224; }

// The same; and what is an IPv4 address in truth is an A record's to say.
bool may_be_host6(Bytes address) {
  constexpr std::size_t kPrefix = 12;
  const auto zeros = static_cast<std::size_t>(std::find_if(address.begin(), address.end(), [](unsigned char c) { return c != 0; }) - address.begin());
  if (zeros >= kPrefix) return zeros == 15 && address[15] == 1;  // ::1; else :: or ::a.b.c.d
  return address[0] != 0xff && !(zeros == 10 && address[10] == 0xff && address[11] == 0xff);
}

std::optional<Record> read_data(Reader& in, Type type, std::size_t size) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  switch (type) {
    case Type::kA:
    case Type::kAAAA: {
      const bool v4 = type == Type::kA;
      const auto data = in.take(size);
      if (data.size() != (v4 ? 4u : 16u) || !(v4 ? may_be_host4(data) : may_be_host6(data))) return std::nullopt;
      ::inet_ntop(v4 ? AF_INET : AF_INET6, data.data(), text.data(), text.size());
      return Record{text.data()};
    }
    case Type::kSrv: {
      Record made;
      made.priority = in.u16();
      made.weight = in.u16();
      made.port = in.u16();
      made.address = in.name();
      if (made.address.empty() || made.port == 0 || !valid_name(made.address)) return std::nullopt;  // "." says that there is none
      return made;
    }
  }
  return std::nullopt;
}

}  // namespace

std::string_view name_of(Type type) { return type == Type::kA ? "A" : type == Type::kAAAA ? "AAAA" : "SRV"; }

std::string canonical(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  std::string lower(name);
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  return lower;
}

bool valid_name(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  if (name.empty() || name.size() > 253) return false;
  std::size_t label = 0;
  bool number = true;
  for (const char c : name) {
    if (c == '.') {
      if (label == 0) return false;
      label = 0;
      number = true;
      continue;
    }
    number = number && c >= '0' && c <= '9';
    const bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    if (!good || ++label > 63) return false;
  }
  return label != 0 && !number;
}

std::string as_address(std::string_view text) {
  const std::string given(text);
  std::array<unsigned char, 16> bytes{};
  std::array<char, INET6_ADDRSTRLEN> made{};
  for (const int family : {AF_INET, AF_INET6}) {
    if (::inet_pton(family, given.c_str(), bytes.data()) == 1) return ::inet_ntop(family, bytes.data(), made.data(), made.size());
  }
  return {};
}

Answer read_answer(std::span<const unsigned char> message, std::string_view name, Type type, std::size_t records_max) {
  Answer answer;
  if (message.size() < kHeaderBytes || message.size() > 65'535) return answer;
  const auto u16_at = [&](std::size_t at) { return static_cast<std::uint16_t>(message[at] << 8 | message[at + 1]); };
  const bool response = (message[2] & 0x80) != 0;
  const unsigned code = message[3] & 0x0f;
  if (!response || u16_at(4) != 1) return answer;
  Reader in(message);
  std::string wanted = canonical(name);
  if (in.name() != wanted || in.u16() != static_cast<std::uint16_t>(type) || in.u16() != kInternet || in.failed()) return answer;
  if (code == 3) {
    answer.kind = Answer::Kind::kNoName;
    return answer;
  }
  if (code != 0) return answer;

  std::vector<Read> found;
  std::vector<Alias> aliases;
  const std::size_t count = std::min<std::size_t>(u16_at(6), kReadMax);
  for (std::size_t i = 0; i < count; ++i) {
    std::string owner = in.name();
    const std::uint16_t kind = in.u16(), of_class = in.u16();
    std::uint32_t ttl_s = in.u32();
    if (ttl_s > kTtlMax) ttl_s = 0;
    const std::size_t size = in.u16(), start = in.place();
    if (in.failed() || size > message.size() - start) return answer;
    if (of_class == kInternet && kind == kCname && aliases.size() < kChainMax * 2) {
      aliases.push_back({std::move(owner), in.name(), ttl_s});
    } else if (of_class == kInternet && kind == static_cast<std::uint16_t>(type)) {
      if (auto record = read_data(in, type, size)) found.push_back({std::move(owner), ttl_s, std::move(*record)});
    }
    if (in.failed()) return answer;
    in.go_to(start + size);
  }

  answer.ttl_s = kTtlMax;
  for (std::size_t step = 0; step < kChainMax; ++step) {
    const auto next = std::find_if(aliases.begin(), aliases.end(), [&](const Alias& one) { return one.owner == wanted; });
    if (next == aliases.end()) break;
    answer.ttl_s = std::min(answer.ttl_s, next->ttl_s);
    wanted = std::exchange(next->target, {});
    next->owner.clear();  // a circle ends
  }
  for (Read& one : found) {
    if (one.owner != wanted) continue;
    answer.ttl_s = std::min(answer.ttl_s, one.ttl_s);
    answer.records.push_back(std::move(one.record));
  }
  std::sort(answer.records.begin(), answer.records.end());
  answer.records.erase(std::unique(answer.records.begin(), answer.records.end()), answer.records.end());
  answer.cut = answer.records.size() > records_max;
  if (answer.cut) answer.records.resize(records_max);
  answer.kind = answer.records.empty() ? Answer::Kind::kNoRecords : Answer::Kind::kRecords;
  return answer;
}

}  // namespace dns
