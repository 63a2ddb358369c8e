#include "kernel/kv.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <memory>
#include <set>
#include <utility>

#include "kernel/base/reactor.hpp"

namespace cleat::kv {
namespace {

metrics::SeriesId gauge(const char* name, const char* help, const std::string& space) {
  return metrics::own_series(metrics::define_own(metrics::Kind::kGauge, name, help, {"space"}), {space});
}

std::uint64_t cost(std::string_view key, std::string_view value) { return key.size() + value.size() + kEntryBytes; }
std::uint64_t end_of(std::uint64_t ttl_ms, std::uint64_t now) { return ttl_ms == 0 ? 0 : now + std::min<std::uint64_t>(ttl_ms, UINT64_MAX / 2); }

void copy_out(std::string_view from, char* buffer, std::uint64_t capacity, std::uint64_t& needed) {
  needed = from.size();
  if (const std::size_t count = std::min<std::uint64_t>(capacity, from.size()); count != 0) std::memcpy(buffer, from.data(), count);
}

struct Named {
  std::unique_ptr<Space> space;
  std::uint64_t handle = 0;
  std::set<std::uint64_t> users;
};

// [control] alone: the map needs no lock.
std::map<std::string, Named>& all() {
  static auto* const named = new std::map<std::string, Named>;
  return *named;
}

}  // namespace

Space::Space(const std::string& name, std::uint64_t bytes_max)
    : bytes_max_(bytes_max), bytes_gauge_(gauge("cleat_kv_bytes", "Bytes of a space of cleat.kv/1, as its bound counts them.", name)),
      entries_gauge_(gauge("cleat_kv_entries", "Entries of a space of cleat.kv/1, with those that have expired and not been met since.", name)) {}

Space::~Space() {
  for (Part& part : parts_) metrics::add(entries_gauge_, -static_cast<std::int64_t>(part.entries.size()));
  metrics::add(bytes_gauge_, -static_cast<std::int64_t>(bytes()));
}

void Space::widen(std::uint64_t bytes_max) { bytes_max_.store(std::max(bytes_max, bytes_max_.load(std::memory_order_relaxed)), std::memory_order_relaxed); }

// --- memory ---

bool Space::reserve(std::uint64_t bytes) {
  for (int i = 0; i < 2; ++i) {
    if (bytes_.fetch_add(bytes, std::memory_order_relaxed) + bytes <= bytes_max_.load(std::memory_order_relaxed)) {
      metrics::add(bytes_gauge_, static_cast<std::int64_t>(bytes));
      return true;
    }
    bytes_.fetch_sub(bytes, std::memory_order_relaxed);
    const std::uint64_t now = monotonic_ms();
    std::uint64_t at = sweep_at_ms_.load(std::memory_order_relaxed);
    if (i != 0 || now < at || !sweep_at_ms_.compare_exchange_strong(at, now + kSweepAgainMs)) return false;
    sweep(now);
  }
  return false;
}

void Space::give_back(std::uint64_t bytes) {
  bytes_.fetch_sub(bytes, std::memory_order_relaxed);
  metrics::add(bytes_gauge_, -static_cast<std::int64_t>(bytes));
}

void Space::sweep(std::uint64_t now) {
  for (Part& part : parts_) {
    const std::lock_guard lock(part.mutex);
    for (auto entry = part.entries.begin(); entry != part.entries.end();) {
      const auto after = std::next(entry);
      if (entry->second.gone(now)) erase(part, entry);
      entry = after;
    }
  }
}

void Space::erase(Part& part, Entries::iterator entry) {
  give_back(cost(entry->first, entry->second.value));
  metrics::add(entries_gauge_, -1);
  part.entries.erase(entry);
}

Space::Entries::iterator Space::find(Part& part, std::string_view key, std::uint64_t now) {
  const auto found = part.entries.find(key);
  if (found == part.entries.end() || !found->second.gone(now)) return found;
  erase(part, found);
  return part.entries.end();
}

// What it costs has been reserved.
std::uint64_t Space::put(Part& part, Entries::iterator found, std::string_view key, std::string_view value, std::uint64_t expires_ms) {
  if (found == part.entries.end()) {
    found = part.entries.emplace(std::string(key), Entry{}).first;
    metrics::add(entries_gauge_, 1);
  } else {
    give_back(cost(found->first, found->second.value));
  }
  found->second.value.assign(value);
  found->second.expires_ms = expires_ms;
  return found->second.version = version_.fetch_add(1, std::memory_order_relaxed) + 1;
}

// --- what plugins ask for ---

Outcome Space::get(std::string_view key, char* buffer, std::uint64_t capacity, std::uint64_t& needed, std::uint64_t& version) {
  Part& part = part_of(key);
  const std::lock_guard lock(part.mutex);
  const auto found = find(part, key, monotonic_ms());
  if (found == part.entries.end()) return Outcome::kNotFound;
  copy_out(found->second.value, buffer, capacity, needed);
  version = found->second.version;
  return Outcome::kDone;
}

Outcome Space::set(std::string_view key, std::string_view value, std::uint64_t ttl_ms, std::optional<std::uint64_t> expected, std::uint64_t& version) {
  if (!reserve(cost(key, value))) return Outcome::kLimit;
  const std::uint64_t now = monotonic_ms();
  Part& part = part_of(key);
  const std::lock_guard lock(part.mutex);
  const auto found = find(part, key, now);
  const std::uint64_t is = found == part.entries.end() ? 0 : found->second.version;
  if (expected.has_value() && *expected != is) {
    give_back(cost(key, value));
    return Outcome::kChanged;
  }
  version = put(part, found, key, value, end_of(ttl_ms, now));
  return Outcome::kDone;
}

Outcome Space::remove(std::string_view key, std::uint64_t expected) {
  Part& part = part_of(key);
  const std::lock_guard lock(part.mutex);
  const auto found = find(part, key, monotonic_ms());
  if (found == part.entries.end()) return Outcome::kNotFound;
  if (expected != 0 && found->second.version != expected) return Outcome::kChanged;
  erase(part, found);
  return Outcome::kDone;
}

Outcome Space::add(std::string_view key, std::int64_t amount, std::uint64_t ttl_ms, std::int64_t& value) {
  constexpr std::size_t kDigitsMax = 20;  // "-9223372036854775808"
  if (!reserve(key.size() + kDigitsMax + kEntryBytes)) return Outcome::kLimit;
  const std::uint64_t now = monotonic_ms();
  Part& part = part_of(key);
  const std::lock_guard lock(part.mutex);
  const auto found = find(part, key, now);
  std::int64_t is = 0;
  std::uint64_t expires_ms = end_of(ttl_ms, now);
  bool good = true;
  if (found != part.entries.end()) {
    const std::string& text = found->second.value;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), is);
    good = failed == std::errc() && end == text.data() + text.size();
    expires_ms = found->second.expires_ms;
  }
  good = good && !__builtin_add_overflow(is, amount, &value);
  if (!good) {
    give_back(key.size() + kDigitsMax + kEntryBytes);
    return Outcome::kNoNumber;
  }
  std::array<char, kDigitsMax> text;
  const char* const end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  const auto size = static_cast<std::size_t>(end - text.data());
  give_back(kDigitsMax - size);
  put(part, found, key, {text.data(), size}, expires_ms);
  return Outcome::kDone;
}

Outcome Space::next(std::string_view prefix, std::string_view after, char* buffer, std::uint64_t capacity, std::uint64_t& needed) {
  std::optional<std::string> least;
  const std::uint64_t now = monotonic_ms();
  for (Part& part : parts_) {
    const std::lock_guard lock(part.mutex);
    auto entry = after < prefix ? part.entries.lower_bound(prefix) : part.entries.upper_bound(after);
    while (entry != part.entries.end() && entry->second.gone(now)) ++entry;
    if (entry != part.entries.end() && entry->first.starts_with(prefix) && (!least.has_value() || entry->first < *least)) least = entry->first;
  }
  if (!least.has_value()) return Outcome::kNotFound;
  copy_out(*least, buffer, capacity, needed);
  return Outcome::kDone;
}

// --- spaces ---

Spaces& spaces() {
  static auto* const one = new Spaces;
  return *one;
}

std::uint64_t open(std::uint64_t user, const std::string& name, std::uint64_t bytes_max) {
  const auto uses = [user](const auto& named) { return named.second.users.contains(user); };
  const auto found = all().find(name);
  const bool has_it = found != all().end() && uses(*found);
  if (!has_it && std::count_if(all().begin(), all().end(), uses) >= static_cast<std::ptrdiff_t>(kSpacesOfInstanceMax)) return 0;
  if (found == all().end()) {
    auto space = std::make_unique<Space>(name, bytes_max);
    const std::uint64_t handle = spaces().enter(space.get());
    if (handle == 0) return 0;
    all().emplace(name, Named{std::move(space), handle, {user}});
    return handle;
  }
  found->second.space->widen(bytes_max);
  found->second.users.insert(user);
  return found->second.handle;
}

void release(std::uint64_t user) {
  for (auto named = all().begin(); named != all().end();) {
    const auto after = std::next(named);
    if (named->second.users.erase(user) != 0 && named->second.users.empty()) {
      spaces().leave(named->second.handle);
      all().erase(named);
    }
    named = after;
  }
}

}  // namespace cleat::kv
