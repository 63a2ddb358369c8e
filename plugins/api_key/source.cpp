#include "source.hpp"

#include <algorithm>
#include <array>

namespace api_key {

namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

bool same_word(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return lower(x) == lower(y); });
}

int hex_value(char c) {
  c = lower(c);
  if (c >= '0' && c <= '9') return c - '0';
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// The next part of `text` up to `separator`, which is passed over. REQUIRES: more is true at first; false after the last.
std::string_view take_part(std::string_view& text, char separator, bool& more) {
  const std::size_t end = text.find(separator);
  const std::string_view part = text.substr(0, end);
  more = end != std::string_view::npos;
  text.remove_prefix(more ? end + 1 : text.size());
  return part;
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

std::string_view name_of(std::string_view pair) { return pair.substr(0, pair.find('=')); }
std::string_view value_of(std::string_view pair) {
  const std::size_t equals = pair.find('=');
  return equals == std::string_view::npos ? std::string_view() : pair.substr(equals + 1);
}

bool decode(std::string_view text, std::span<char> scratch, std::string_view& value) {
  std::size_t size = 0;
  for (std::size_t i = 0; i < text.size(); ++i, ++size) {
    if (size == scratch.size()) return false;
    scratch[size] = text[i];
    if (text[i] != '%') continue;
    if (i + 2 >= text.size()) return false;
    const int high = hex_value(text[i + 1]), low = hex_value(text[i + 2]);
    if (high < 0 || low < 0) return false;
    scratch[size] = static_cast<char>(high * 16 + low);
    i += 2;
  }
  value = {scratch.data(), size};
  return true;
}

}  // namespace

Found find_in_query(std::string_view query, std::string_view name, std::span<char> scratch, std::string_view& value) {
  Found found = Found::kNone;
  std::string_view raw;
  for (bool more = true; more;) {
    const std::string_view pair = take_part(query, '&', more);
    if (name_of(pair) != name || value_of(pair).empty()) continue;
    if (found != Found::kNone) return Found::kBad;
    found = Found::kOne;
    raw = value_of(pair);
  }
  if (found == Found::kNone) return found;
  if (raw.find('%') == std::string_view::npos) {
    value = raw;
    return found;
  }
  return decode(raw, scratch, value) ? found : Found::kBad;
}

std::optional<std::string> without_parameter(std::string_view target, std::string_view name) {
  const std::size_t mark = target.find('?');
  if (mark == std::string_view::npos) return std::nullopt;
  std::string_view query = target.substr(mark + 1);
  std::string kept(target.substr(0, mark));
  char before = '?';
  bool changed = false;
  for (bool more = true; more;) {
    const std::string_view pair = take_part(query, '&', more);
    if (name_of(pair) == name) {
      changed = true;
      continue;
    }
    kept += before;
    kept += pair;
    before = '&';
  }
  if (!changed) return std::nullopt;
  return kept;
}

Found find_in_cookie(std::string_view cookie, std::string_view name, std::string_view& value) {
  Found found = Found::kNone;
  for (bool more = true; more;) {
    const std::string_view pair = trim(take_part(cookie, ';', more));
    if (trim(name_of(pair)) != name) continue;
    std::string_view each = trim(value_of(pair));
    if (each.size() >= 2 && each.front() == '"' && each.back() == '"') each = each.substr(1, each.size() - 2);
    if (each.empty()) continue;
    if (found != Found::kNone) return Found::kBad;
    found = Found::kOne;
    value = each;
  }
  return found;
}

std::optional<std::string> without_cookie(std::string_view cookie, std::string_view name) {
  std::string kept;
  bool changed = false;
  for (bool more = true; more;) {
    const std::string_view pair = trim(take_part(cookie, ';', more));
    if (trim(name_of(pair)) == name) {
      changed = true;
      continue;
    }
    if (pair.empty()) continue;
    if (!kept.empty()) kept += "; ";
    kept += pair;
  }
  if (!changed) return std::nullopt;
  return kept;
}

std::optional<std::string_view> after_scheme(std::string_view value, std::string_view scheme) {
  if (value.size() <= scheme.size() || value[scheme.size()] != ' ' || !same_word(value.substr(0, scheme.size()), scheme)) return std::nullopt;
  return trim(value.substr(scheme.size()));
}

Source::Source(cleat::Config config) {
  static constexpr std::array<std::pair<std::string_view, Kind>, 3> kKinds = {
      {{"header", Kind::kHeader}, {"query", Kind::kQuery}, {"cookie", Kind::kCookie}}};
  int given = 0;
  for (const auto& [key, kind] : kKinds) {
    const auto name = config.get<std::optional<std::string>>(key);
    if (!name) continue;
    ++given;
    kind_ = kind;
    name_ = *name;
    const bool legal = !name->empty() && std::none_of(name->begin(), name->end(), [](char c) {
      return static_cast<unsigned char>(c) <= ' ' || static_cast<unsigned char>(c) >= 0x7f || std::string_view("=;,&?#%\"():<>@[]{}\\/").find(c) != std::string_view::npos;
    });
    if (!legal) config[key].error("not a name of a " + std::string(key));
  }
  if (given != 1) config.error("a source is one of {header: NAME}, {query: NAME}, {cookie: NAME}");
  scheme_ = config.get<std::string>("scheme");
  if (!scheme_.empty() && kind_ != Kind::kHeader) config["scheme"].error("only a header has a scheme");
}

Source Source::header(std::string_view name) {
  Source source;
  source.name_ = name;
  return source;
}

Found Source::find(cleat::Exchange x, std::span<char> scratch, std::string_view& key) const {
  switch (kind_) {
    case Kind::kQuery: {
      const std::string_view query = x.query();
      return query.empty() ? Found::kNone : find_in_query(query, name_, scratch, key);
    }
    case Kind::kHeader: {
      Found found = Found::kNone;
      for (std::uint64_t i = 0;; ++i) {
        const auto value = x.request().get(name_, i);
        if (!value) return found;
        const auto each = scheme_.empty() ? std::optional(*value) : after_scheme(*value, scheme_);
        if (!each || each->empty()) continue;
        if (found != Found::kNone) return Found::kBad;
        found = Found::kOne;
        key = *each;
      }
    }
    case Kind::kCookie: {
      Found found = Found::kNone;
      for (std::uint64_t i = 0;; ++i) {
        const auto value = x.request().get("cookie", i);
        if (!value) return found;
        const Found each = find_in_cookie(*value, name_, key);
        if (each == Found::kNone) continue;
        if (each == Found::kBad || found != Found::kNone) return Found::kBad;
        found = each;
      }
    }
  }
  return Found::kNone;
}

bool Source::strip(cleat::Exchange x) const {
  switch (kind_) {
    case Kind::kHeader: return strip_header(x);
    case Kind::kQuery: {
      if (x.query().find(name_) == std::string_view::npos) return true;
      const auto target = without_parameter(x.target(), name_);
      return !target || x.set_target(*target).ok();
    }
    case Kind::kCookie: return strip_cookie(x);
  }
  return false;
}

bool Source::strip_header(cleat::Exchange x) const {
  const auto remove = [&] {
    const cleat::Status status = x.request().remove(name_);
    return status.ok() || status == CLEAT_NOT_FOUND;
  };
  if (scheme_.empty()) return remove();
  // Credentials of another scheme stay, unless one of ours stands beside them: there is one field, or an ambiguity.
  for (std::uint64_t i = 0;; ++i) {
    const auto value = x.request().get(name_, i);
    if (!value) return true;
    if (after_scheme(*value, scheme_)) return remove();
  }
}

bool Source::strip_cookie(cleat::Exchange x) const {
  bool changed = false;
  std::string all;
  for (std::uint64_t i = 0;; ++i) {
    const auto value = x.request().get("cookie", i);
    if (!value) break;
    const auto kept = without_cookie(*value, name_);
    changed |= kept.has_value();
    const std::string_view rest = kept ? std::string_view(*kept) : *value;
    if (rest.empty()) continue;
    if (!all.empty()) all += "; ";
    all += rest;
  }
  if (!changed) return true;
  return (all.empty() ? x.request().remove("cookie") : x.request().set("cookie", all)).ok();
}

}  // namespace api_key
