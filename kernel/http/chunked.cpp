#include <algorithm>

#include "kernel/http/chars.hpp"
#include "kernel/http/parse.hpp"

namespace cleat::http {

ChunkedDecoder::Step ChunkedDecoder::fail(const char* reason, std::size_t consumed) {
  state_ = State::kError;
  reason_ = reason;
  return {Event::kError, consumed, {}};
}

// One byte at a time but for the data: lines are short, and so the answer cannot depend on how the input was cut.
ChunkedDecoder::Step ChunkedDecoder::decode(std::string_view input) {
  std::size_t at = 0;
  const char* wrong = nullptr;
  while (wrong == nullptr) {
    if (state_ == State::kEnd) return {Event::kEnd, at, {}};
    if (state_ == State::kError) return {Event::kError, at, {}};
    if (at == input.size()) return {Event::kNeedMore, at, {}};
    if (state_ == State::kData) {
      const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(left_, input.size() - at));
      left_ -= size;
      if (left_ == 0) state_ = State::kDataCr;
      return {Event::kData, at + size, input.substr(at, size)};
    }
    const char c = input[at++];
    switch (state_) {
      case State::kSize:
      case State::kExtension:
        wrong = size_byte(c);
        break;
      case State::kSizeLf:
        wrong = c == '\n' ? size_line_end() : "bare CR in chunk size";
        break;
      case State::kDataCr:
        if (c != '\r') wrong = "no CRLF after chunk";
        state_ = State::kDataLf;
        break;
      case State::kDataLf:
        if (c != '\n') wrong = "no CRLF after chunk";
        state_ = State::kSize;
        digits_ = line_bytes_ = 0;
        break;
      default:
        wrong = trailer_byte(c);
        break;
    }
  }
  return fail(wrong, at);
}

const char* ChunkedDecoder::size_byte(char c) {
  if (++line_bytes_ > kLineBytesMax) return "chunk size line too long";
  if (c == '\r') {
    state_ = State::kSizeLf;
    return digits_ == 0 ? "chunk without size" : nullptr;
  }
  if (state_ == State::kExtension) {
    // What an extension says is of no use to a proxy, which drops it (RFC 9112 7.1.1); it only must not hide a line end.
    return detail::is(c, detail::kValueChar) ? nullptr : "control character in chunk extension";
  }
  if (detail::is(c, detail::kHexChar)) {
    if (++digits_ > 16 || (left_ >> 59) != 0) return "chunk size too large";  // beyond 2^63 - 1
    left_ = left_ << 4 | detail::hex_value(c);
    return nullptr;
  }
  // The bad whitespace that RFC 9112 7.1.1 tolerates before ';' is refused: others have read sizes through it differently.
  if (c != ';' || digits_ == 0) return "malformed chunk size";
  state_ = State::kExtension;
  return nullptr;
}

const char* ChunkedDecoder::size_line_end() {
  excess_ += static_cast<std::int64_t>(line_bytes_) - 16;
  excess_ -= static_cast<std::int64_t>(std::min<std::uint64_t>(left_, kExcessBytesMax)) * 2;
  excess_ = std::max<std::int64_t>(excess_, 0);
  if (excess_ > kExcessBytesMax) return "too much in chunk extensions";
  state_ = left_ == 0 ? State::kTrailer : State::kData;
  line_bytes_ = 0;  // of the trailer's line
  return nullptr;
}

const char* ChunkedDecoder::trailer_byte(char c) {
  if (trailer_.size() == kTrailerBytesMax) return "trailer section too large";
  const bool after_cr = line_bytes_ > 0 && trailer_.back() == '\r';
  if (after_cr != (c == '\n')) return after_cr ? "bare CR in trailers" : "bare LF in trailers";
  if (!after_cr && c != '\r' && !detail::is(c, detail::kValueChar)) return "control character in trailers";
  if (line_bytes_ == 0 && detail::is_space(c)) return "trailer line begins with space";
  trailer_.push_back(c);
  ++line_bytes_;
  if (c != '\n') return nullptr;
  if (line_bytes_ == 2) {
    state_ = State::kEnd;
    if (trailer_.size() == 2) trailer_.clear();
  }
  line_bytes_ = 0;
  return nullptr;
}

std::string_view ChunkedDecoder::trailer_section() const { return state_ == State::kEnd ? trailer_ : std::string_view{}; }

}  // namespace cleat::http
