// Chunked bodies: the same data, trailers and verdict however the input was cut; what was decoded, encoded and decoded again
// is the same.
#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>

#include "kernel/base/check.hpp"
#include "kernel/http/parse.hpp"
#include "kernel/http/write.hpp"

namespace {

using cleat::http::ChunkedDecoder;
using Event = ChunkedDecoder::Event;

struct Outcome {
  Event end = Event::kNeedMore;
  std::string data;
  std::string trailers;
  std::string reason;
  std::size_t consumed = 0;
};

Outcome decode(std::string_view text, std::size_t piece_bytes, unsigned growth) {
  ChunkedDecoder decoder;
  Outcome outcome;
  while (!text.empty()) {
    const std::string owned(text.substr(0, piece_bytes));  // of its exact size, so that a sanitizer sees a read beyond it
    text.remove_prefix(owned.size());
    piece_bytes += growth;
    std::string_view piece = owned;
    do {
      const auto step = decoder.decode(piece);
      CLEAT_CHECK(step.consumed <= piece.size() && step.data.size() <= step.consumed);
      CLEAT_CHECK(step.event != Event::kData || !step.data.empty());
      CLEAT_CHECK(step.event != Event::kNeedMore || step.consumed == piece.size());
      outcome.consumed += step.consumed;
      outcome.data += step.data;
      piece.remove_prefix(step.consumed);
      if (step.event == Event::kEnd || step.event == Event::kError) {
        outcome.end = step.event;
        outcome.trailers = decoder.trailer_section();
        outcome.reason = decoder.reason();
        return outcome;
      }
    } while (!piece.empty());
  }
  return outcome;
}

void check_again(const Outcome& outcome) {
  cleat::Buffer out;
  if (!outcome.data.empty()) {
    cleat::http::write_chunk_head(out, outcome.data.size());
    out.append(outcome.data);
    out.append("\r\n");
  }
  cleat::http::write_chunk_head(out, 0);
  out.append(outcome.trailers.empty() ? "\r\n" : outcome.trailers);
  const Outcome again = decode(out.view(), out.size(), 0);
  CLEAT_CHECK(again.end == Event::kEnd && again.consumed == out.size());
  CLEAT_CHECK(again.data == outcome.data && again.trailers == outcome.trailers);

  cleat::BlockPool pool;
  cleat::Arena arena(pool);
  cleat::http::Fields fields;
  if (cleat::http::parse_trailers(outcome.trailers, {}, arena, fields)) return;
  for (const cleat::http::Field& field : fields) {
    CLEAT_CHECK(cleat::http::valid_name(field.name) && cleat::http::valid_value(field.value));
    CLEAT_CHECK(field.known != cleat::http::Name::kContentLength && field.known != cleat::http::Name::kHost);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  const Outcome whole = decode(text, std::max<std::size_t>(size, 1), 0);
  for (const auto& [piece, growth] : {std::pair{1u, 0u}, {2u, 0u}, {3u, 1u}, {1u, 5u}}) {
    const Outcome cut = decode(text, piece, growth);
    CLEAT_CHECK(cut.end == whole.end && cut.consumed == whole.consumed);
    CLEAT_CHECK(cut.data == whole.data && cut.trailers == whole.trailers && cut.reason == whole.reason);
  }
  if (whole.end == Event::kEnd) check_again(whole);
  return 0;
}
