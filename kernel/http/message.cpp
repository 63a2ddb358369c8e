#include "kernel/http/message.hpp"

#include <algorithm>
#include <cstring>

#include "kernel/http/chars.hpp"

namespace cleat::http {

std::string to_lower(std::string_view text) {
  std::string made(text);
  std::transform(made.begin(), made.end(), made.begin(), detail::lower);
  return made;
}

namespace {

std::uint64_t load_word(const char* from) {
  std::uint64_t word;
  std::memcpy(&word, from, sizeof word);
  return word;
}

// Eight bytes at once: A to Z get the bit that makes them lower; what is not ASCII stays.
std::uint64_t lower_word(std::uint64_t word) {
  constexpr std::uint64_t kEach = 0x0101010101010101;
  const std::uint64_t low = word & 0x7f * kEach;
  const std::uint64_t from_a = low + (0x80 - 'A') * kEach;       // the high bit: A or above
  const std::uint64_t after_z = low + (0x80 - 'Z' - 1) * kEach;  // the high bit: above Z
  return word | (from_a & ~after_z & ~word & 0x80 * kEach) >> 2;
}

bool equal_words(const char* a, const char* b) { return lower_word(load_word(a)) == lower_word(load_word(b)); }

}  // namespace

bool equal_names(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  const std::size_t size = a.size();
  if (size < sizeof(std::uint64_t)) {
    for (std::size_t i = 0; i < size; ++i) {
      if (detail::lower(a[i]) != detail::lower(b[i])) return false;
    }
    return true;
  }
  std::size_t i = 0;
  for (; i + sizeof(std::uint64_t) <= size; i += sizeof(std::uint64_t)) {
    if (!equal_words(a.data() + i, b.data() + i)) return false;
  }
  const std::size_t last = size - sizeof(std::uint64_t);  // the rest, and some bytes again
  return i == size || equal_words(a.data() + last, b.data() + last);
}

// By length first: most names of other fields are told apart without looking at a byte, the rest by one comparison.
Name name_of(std::string_view name) {
  const auto is = [name](std::string_view known, Name found) { return equal_names(name, known) ? found : Name::kOther; };
  switch (name.size()) {
    case 2: return is("te", Name::kTe);
    case 3: return is("via", Name::kVia);
    case 4:
      return detail::lower(name[0]) == 'h' ? is("host", Name::kHost) : is("date", Name::kDate);
    case 6:
      switch (detail::lower(name[0])) {
        case 'e': return is("expect", Name::kExpect);
        case 's': return is("server", Name::kServer);
        default: return Name::kOther;
      }
    case 7:
      return detail::lower(name[0]) == 't' ? is("trailer", Name::kTrailer) : is("upgrade", Name::kUpgrade);
    case 10:
      switch (detail::lower(name[0])) {
        case 'c': return is("connection", Name::kConnection);
        case 'k': return is("keep-alive", Name::kKeepAlive);
        default: return Name::kOther;
      }
    case 12: return is("x-request-id", Name::kXRequestId);
    case 14: return is("content-length", Name::kContentLength);
    case 15: return is("x-forwarded-for", Name::kXForwardedFor);
    case 16: return is("proxy-connection", Name::kProxyConnection);
    case 17:
      return detail::lower(name[0]) == 't' ? is("transfer-encoding", Name::kTransferEncoding)
                                           : is("x-forwarded-proto", Name::kXForwardedProto);
    case 18: return is("proxy-authenticate", Name::kProxyAuthenticate);
    case 19: return is("proxy-authorization", Name::kProxyAuthorization);
    default: return Name::kOther;
  }
}

bool valid_name(std::string_view name) { return !name.empty() && detail::all(name, detail::kTokenChar); }

bool valid_value(std::string_view value) {
  if (value.empty()) return true;
  if (detail::is_space(value.front()) || detail::is_space(value.back())) return false;
  return detail::all(value, detail::kValueChar);
}

bool has_token(std::string_view list, std::string_view token) {
  while (!list.empty()) {
    if (equal_names(detail::next_element(list), token)) return true;
  }
  return false;
}

bool Fields::add(Arena& arena, Field field) {
  if (size_ == capacity_) {
    const std::uint32_t capacity = capacity_ == 0 ? 16 : capacity_ * 2;
    auto* data = static_cast<Field*>(arena.allocate(capacity * sizeof(Field), alignof(Field)));
    if (data == nullptr) return false;
    for (std::uint32_t i = 0; i < size_; ++i) data[i] = data_[i];
    data_ = data;
    capacity_ = capacity;
  }
  data_[size_++] = field;
  names_ |= std::uint32_t{1} << static_cast<unsigned>(field.known);
  return true;
}

bool Fields::add_copy(Arena& arena, std::string_view name, std::string_view value, Name known, bool hop) {
  const std::string_view kept_name = arena.copy(name);
  const std::string_view kept_value = arena.copy(value);
  return kept_name.data() != nullptr && kept_value.data() != nullptr && add(arena, {kept_name, kept_value, known, hop});
}

const Field* Fields::find(Name known, std::uint64_t index) const {
  if (!may_have(known)) return nullptr;
  for (const Field& field : *this) {
    if (field.known == known && index-- == 0) return &field;
  }
  return nullptr;
}

const Field* Fields::find(std::string_view name, std::uint64_t index) const {
  if (const Name known = name_of(name); known != Name::kOther) return find(known, index);
  for (const Field& field : *this) {
    if (field.name.size() == name.size() && equal_names(field.name, name) && index-- == 0) return &field;
  }
  return nullptr;
}

std::uint32_t Fields::remove(std::string_view name) {
  std::uint32_t kept = 0;
  for (std::uint32_t i = 0; i < size_; ++i) {
    if (equal_names(data_[i].name, name)) continue;
    if (kept != i) data_[kept] = data_[i];
    ++kept;
  }
  const std::uint32_t removed = size_ - kept;
  size_ = kept;
  return removed;
}

}  // namespace cleat::http
