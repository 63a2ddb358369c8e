#include "exposition.hpp"

#include <algorithm>
#include <utility>

namespace prometheus {
namespace {

std::string_view view_of(cleat_str text) { return {text.data, static_cast<std::size_t>(text.size)}; }

constexpr std::pair<std::string_view, unsigned> kUnits[] = {{"_milliseconds", 3}, {"_microseconds", 6}, {"_nanoseconds", 9}};

// How many bytes the UTF-8 character at `at` has; 0 if there is none (RFC 3629: no overlong forms, no surrogates, at most U+10FFFF).
std::size_t character(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return at + i < text.size() ? static_cast<unsigned char>(text[at + i]) : 0U; };
  const auto follows = [&](std::size_t i) { return (byte(i) & 0xc0) == 0x80; };
  const unsigned first = byte(0), second = byte(1);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first < 0xe0) return follows(1) ? 2 : 0;
  if (first >= 0xe0 && first < 0xf0) {
    const bool allowed = (first != 0xe0 || second >= 0xa0) && (first != 0xed || second < 0xa0);
    return allowed && follows(1) && follows(2) ? 3 : 0;
  }
  if (first >= 0xf0 && first < 0xf5) {
    const bool allowed = (first != 0xf0 || second >= 0x90) && (first != 0xf4 || second < 0x90);
    return allowed && follows(1) && follows(2) && follows(3) ? 4 : 0;
  }
  return 0;
}

}  // namespace

std::string base_unit(std::string_view name, unsigned& scale) {
  scale = 0;
  const std::string_view total = name.ends_with("_total") ? "_total" : "";
  const std::string_view stem = name.substr(0, name.size() - total.size());
  for (const auto& [unit, places] : kUnits) {
    if (!stem.ends_with(unit)) continue;
    scale = places;
    return std::string(stem.substr(0, stem.size() - unit.size())).append("_seconds").append(total);
  }
  return std::string(name);
}

std::string decimal(std::int64_t value, unsigned scale) {
  const bool negative = value < 0;
  std::string digits = std::to_string(negative ? 0 - static_cast<std::uint64_t>(value) : static_cast<std::uint64_t>(value));
  if (scale != 0) {
    if (digits.size() <= scale) digits.insert(0, scale + 1 - digits.size(), '0');
    digits.insert(digits.size() - scale, 1, '.');
    digits.erase(digits.find_last_not_of('0') + 1);
    if (digits.back() == '.') digits.pop_back();
  }
  return negative ? "-" + digits : digits;
}

void append_escaped(std::string& out, std::string_view text, bool quotes) {
  constexpr char kHex[] = "0123456789abcdef";
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t size = character(text, i);
    const auto byte = static_cast<unsigned char>(text[i]);
    if (size == 0) {
      out.append("\\\\x").append(1, kHex[byte >> 4]).append(1, kHex[byte & 15]);
      ++i;
      continue;
    }
    if (byte == '\\') {
      out += "\\\\";
    } else if (byte == '\n') {
      out += "\\n";
    } else if (byte == '"' && quotes) {
      out += "\\\"";
    } else {
      out.append(text.substr(i, size));
    }
    i += size;
  }
}

// False: the family cannot be shown, or is not wanted.
bool Exposition::begin_family(const cleat_metric_view& view) {
  family_ = base_unit(source_name_, scale_);
  const auto unwanted = [&](const std::string& prefix) { return source_name_.starts_with(prefix) || family_.starts_with(prefix); };
  if (std::any_of(limits_.drop.begin(), limits_.drop.end(), unwanted)) return false;
  if (format_ == Format::kOpenMetrics && view.kind == CLEAT_COUNTER && family_.ends_with("_total")) family_.erase(family_.size() - 6);
  std::vector<std::string> names = {family_};
  if (view.kind == CLEAT_HISTOGRAM) names.insert(names.end(), {family_ + "_bucket", family_ + "_sum", family_ + "_count"});
  if (format_ == Format::kOpenMetrics && view.kind == CLEAT_COUNTER) names.push_back(family_ + "_total");
  if (std::any_of(names.begin(), names.end(), [&](const std::string& name) { return taken_.contains(name); })) return false;
  taken_.insert(names.begin(), names.end());

  out_.append("# HELP ").append(family_).append(1, ' ');
  append_escaped(out_, view_of(view.help), format_ == Format::kOpenMetrics);
  const char* const type = view.kind == CLEAT_COUNTER ? "counter" : view.kind == CLEAT_GAUGE ? "gauge" : "histogram";
  out_.append("\n# TYPE ").append(family_).append(1, ' ').append(type).append(1, '\n');
  return true;
}

void Exposition::add(const cleat_metric_view& view) {
  if (view.kind < CLEAT_COUNTER || view.kind > CLEAT_HISTOGRAM) return;  // of a host that has more kinds than this knows
  if (view_of(view.name) != source_name_) {
    source_name_ = view_of(view.name);
    shown_ = series_ < limits_.series_max && begin_family(view);
  }
  if (!shown_ || series_ >= limits_.series_max) {
    ++dropped_;
    return;
  }
  ++series_;
  if (view.kind == CLEAT_HISTOGRAM) return histogram(view);
  sample(format_ == Format::kOpenMetrics && view.kind == CLEAT_COUNTER ? "_total" : "", view, {}, decimal(view.value, scale_));
}

// Cumulated, as the format wants it: each bucket counts what is less, too.
void Exposition::histogram(const cleat_metric_view& view) {
  std::uint64_t count = 0;
  for (std::uint64_t i = 0; i <= view.bound_count; ++i) {
    count += view.buckets[i];
    std::string le = "+Inf";
    if (i < view.bound_count) {
      le = decimal(static_cast<std::int64_t>(view.bounds[i]), scale_);
      if (le.find('.') == std::string::npos) le += ".0";  // OpenMetrics' canonical form, and one series in both formats
    }
    sample("_bucket", view, le, std::to_string(count));
  }
  sample("_sum", view, {}, decimal(view.value, scale_));
  sample("_count", view, {}, std::to_string(count));
}

void Exposition::sample(std::string_view suffix, const cleat_metric_view& view, std::string_view le, std::string_view value) {
  out_.append(family_).append(suffix);
  char before = '{';
  for (std::uint64_t i = 0; i < view.label_count; ++i) {
    out_.append(1, before).append(view_of(view.labels[i].name)).append("=\"");
    append_escaped(out_, view_of(view.labels[i].value), true);
    out_ += '"';
    before = ',';
  }
  if (!le.empty()) {
    out_.append(1, before).append("le=\"").append(le).append(1, '"');
    before = ',';
  }
  if (before == ',') out_ += '}';
  out_.append(1, ' ').append(value).append(1, '\n');
}

std::string Exposition::finish() {
  if (format_ == Format::kOpenMetrics) out_ += "# EOF\n";
  return std::move(out_);
}

}  // namespace prometheus
