// See render.hpp.
#include "render.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <utility>

namespace access_log {
namespace {

// The end of the line so far. `budget`: how many bytes values of unforeseen length may still take; numbers, quotes and literals
// have their room set aside (Format::fixed_bytes).
class Pen {
 public:
  Pen(char* at, std::size_t budget) : at_(at), budget_(budget) {}
  char* at() const { return at_; }

  void literal(std::string_view text) {
    if (text.size() > 4) {
      std::memcpy(at_, text.data(), text.size());
    } else {  // most are a blank and a quote
      for (std::size_t i = 0; i < text.size(); ++i) at_[i] = text[i];
    }
    at_ += text.size();
  }

  void absent(Mode mode) { mode == Mode::kJsonValue ? literal("null") : literal("-"); }

  void text(std::string_view value, Mode mode) {
    if (value.empty()) return absent(mode);
    const std::size_t growth = mode == Mode::kText ? kTextGrowth : kJsonGrowth;
    value = value.substr(0, std::min(kValueBytesMax, budget_ / growth));
    if (mode == Mode::kJsonValue) *at_++ = '"';
    char* const begin = at_;
    at_ = mode == Mode::kText ? escape_text(at_, value) : escape_json(at_, value);
    budget_ -= static_cast<std::size_t>(at_ - begin);
    if (mode == Mode::kJsonValue) *at_++ = '"';
  }

  void integer(std::int64_t value) { at_ = std::to_chars(at_, at_ + kShortBytesMax, value).ptr; }

  void number(double value, Mode mode) {
    if (!std::isfinite(value)) return absent(mode);  // JSON has no infinity
    at_ = std::to_chars(at_, at_ + kShortBytesMax, value).ptr;
  }

  void milliseconds(std::int64_t us) {
    us = std::max<std::int64_t>(us, 0);
    integer(us / 1000);
    const auto rest = static_cast<unsigned>(us % 1000);
    *at_++ = '.';
    *at_++ = static_cast<char>('0' + rest / 100);
    *at_++ = static_cast<char>('0' + rest / 10 % 10);
    *at_++ = static_cast<char>('0' + rest % 10);
  }

  void time(std::string_view iso, Mode mode) {
    if (mode == Mode::kJsonValue) *at_++ = '"';
    literal(iso);
    if (mode == Mode::kJsonValue) *at_++ = '"';
  }

 private:
  char* at_;
  std::size_t budget_;
};

std::string_view head_field(cleat::Exchange x, cleat_field field) {
  switch (field) {
    case CLEAT_METHOD: return x.method();
    case CLEAT_SCHEME: return x.scheme();
    case CLEAT_AUTHORITY: return x.authority();
    case CLEAT_TARGET: return x.target();
    case CLEAT_PATH: return x.path();
    default: return x.query();
  }
}

std::string_view without_port(std::string_view address) {
  if (address.starts_with('[')) return address.substr(1, address.find(']') - 1);
  return address.substr(0, address.rfind(':'));
}

void metadata(cleat::Exchange x, const cleat::MetadataKey& key, Mode mode, Pen& pen) {
  switch (key.type(x).value_or(0)) {
    case CLEAT_METADATA_TEXT: return pen.text(key.text(x).value_or({}), mode);
    case CLEAT_METADATA_INTEGER: return pen.integer(key.integer(x).value_or(0));
    case CLEAT_METADATA_NUMBER: return pen.number(key.number(x).value_or(0), mode);
    default: return pen.absent(mode);
  }
}

}  // namespace

Renderer::Renderer(Format format) : format_(std::move(format)) {
  for (Segment& segment : format_.segments) {
    if (segment.field.source != Source::kMetadata) continue;
    segment.field.id = static_cast<std::uint32_t>(keys_.size());
    keys_.emplace_back(segment.field.name);
  }
}

std::size_t Renderer::render(cleat::Exchange x, TimeText& time, char* out) const noexcept {
  static_assert(kFixedBytesMax + kValueBytesMax * kJsonGrowth + 8 <= kLineBytesMax, "one value always fits");
  Pen pen(out, kLineBytesMax - 8 - format_.fixed_bytes);
  for (const Segment& segment : format_.segments) {
    pen.literal(segment.literal);
    const Field& field = segment.field;
    const Mode mode = segment.mode;
    switch (field.source) {
      case Source::kNone: break;
      case Source::kTextAttribute: pen.text(x.text(field.id).value_or({}), mode); break;
      case Source::kIntegerAttribute:
        if (const auto value = x.integer(field.id)) pen.integer(*value);
        else pen.absent(mode);
        break;
      case Source::kHeadField: pen.text(head_field(x, field.id), mode); break;
      case Source::kHeader: pen.text(cleat::Fields(x.handle(), field.id).get(field.name).value_or({}), mode); break;
      case Source::kMetadata: metadata(x, keys_[field.id], mode, pen); break;
      case Source::kSourceIp: pen.text(without_port(x.text(field.id).value_or({})), mode); break;
      case Source::kTime:
        if (const auto start = x.integer(field.id)) pen.time(time.of(*start), mode);
        else pen.absent(mode);
        break;
      case Source::kDuration:
        if (const auto us = x.integer(field.id)) pen.milliseconds(*us);
        else pen.absent(mode);
        break;
      case Source::kUpstreamDuration: {
        const auto start = x.integer(CLEAT_ATTR_UPSTREAM_START_US), head = x.integer(CLEAT_ATTR_UPSTREAM_HEAD_US);
        if (start && head) pen.milliseconds(*head - *start);
        else pen.absent(mode);
        break;
      }
    }
  }
  return static_cast<std::size_t>(pen.at() - out);
}

}  // namespace access_log
