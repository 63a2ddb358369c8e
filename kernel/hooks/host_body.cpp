// cleat.body/1: who wants to see which body, and the piece at hand inside a body hook.
#include <algorithm>
#include <functional>

#include "kernel/hooks/host_exchange.hpp"
#include "kernel/hooks/host_tables.hpp"

namespace cleat::hooks {
namespace {

constexpr std::uint64_t kPieceExtraBytesMax = 1024 * 1024;  // a piece may grow this much beyond the listener's body_buffer

BodyPipe* pipe_of(Exchange& x, cleat_part part) {
  return part == CLEAT_REQUEST ? &x.request_pipe : part == CLEAT_RESPONSE ? &x.response_pipe : nullptr;
}

cleat_status no_part() { return fail_call(CLEAT_INVALID, "body: the part is the request or the response"); }

std::uint64_t body_buffer(const Exchange& x) { return x.listener->config->limits.body_buffer; }

cleat_status body_subscribe(Exchange& x, cleat_part part, std::uint32_t mode, std::uint64_t bytes_max) {
  BodyPipe* const pipe = pipe_of(x, part);
  if (pipe == nullptr) return no_part();
  if (mode > CLEAT_BODY_WHOLE) return fail_call(CLEAT_INVALID, "body subscribe: there is no such mode");
  if (bytes_max != 0 && mode != CLEAT_BODY_WHOLE) return fail_call(CLEAT_INVALID, "body subscribe: bytes_max is for CLEAT_BODY_WHOLE");
  const std::uint32_t position = position_of_caller(x);
  if (position >= x.chain().instances.size()) {
    return fail_call(CLEAT_INVALID, "body subscribe: this instance is not in the exchange's chain");
  }
  if (part == CLEAT_REQUEST ? !x.request_known || x.stage > Stage::kRoute : x.head_sent() || x.stage > Stage::kResponse) {
    return fail_call(CLEAT_WRONG_PHASE, "body subscribe: up to on_route for the request, to on_response for the response");
  }
  if (bytes_max > body_buffer(x)) return fail_call(CLEAT_LIMIT, "body subscribe: more than the listener's body_buffer");
  const std::uint64_t bit = std::uint64_t{1} << position;
  pipe->stream &= ~bit;
  pipe->whole &= ~bit;
  if (mode == CLEAT_BODY_STREAM) pipe->stream |= bit;
  if (pipe->whole == 0) pipe->whole_max = 0;
  if (mode == CLEAT_BODY_WHOLE) {
    const std::uint64_t wanted = bytes_max == 0 ? body_buffer(x) : bytes_max;
    pipe->whole_max = pipe->whole == 0 ? wanted : std::min(pipe->whole_max, wanted);
    pipe->whole |= bit;
  }
  return CLEAT_OK;
}

// The piece that the running body hook may change, or a callback while that hook is suspended.
cleat_status find_piece(Exchange& x, cleat_part part, Buffer*& piece) {
  BodyPipe* const pipe = pipe_of(x, part);
  if (pipe == nullptr) return no_part();
  const bool running = pipe->in_hook && in_hook(x, part == CLEAT_REQUEST ? Hook::kRequestBody : Hook::kResponseBody);
  if (!running && !pipe->held_by(position_in_chain(x))) {
    return fail_call(CLEAT_WRONG_PHASE, "body: only inside the body hook of that part, or while it is suspended");
  }
  piece = &pipe->piece;
  return CLEAT_OK;
}

cleat_status body_view(Exchange& x, cleat_part part, cleat_str* data) {
  if (data == nullptr) return fail_call(CLEAT_INVALID, "body view: the output is NULL");
  if (part == CLEAT_REQUEST && in_hook(x, Hook::kHandleBody)) {
    *data = to_str(x.handler_piece());
    return CLEAT_OK;
  }
  Buffer* piece = nullptr;
  if (const cleat_status wrong = find_piece(x, part, piece)) return wrong;
  *data = to_str(piece->view());
  return CLEAT_OK;
}

// What a changed piece may hold at most, checked without overflow.
bool too_large(std::uint64_t bytes_max, std::uint64_t kept, std::uint64_t more) {
  const std::uint64_t most = bytes_max + kPieceExtraBytesMax;
  return more > most || kept > most - more;
}

cleat_status piece_too_large() { return fail_call(CLEAT_LIMIT, "body: the piece would grow beyond the listener's body_buffer and 1 MiB"); }

// A plugin may give a part of the piece itself: it is copied before the piece's memory moves.
bool inside(const Buffer& piece, std::string_view data) {
  const std::string_view all = piece.view();
  const std::less_equal<const char*> before;
  return !data.empty() && !all.empty() && before(all.data(), data.data()) && before(data.data(), all.data() + all.size());
}

cleat_status body_append(Exchange& x, cleat_part part, cleat_str data) {
  Buffer* piece = nullptr;
  if (const cleat_status wrong = find_piece(x, part, piece)) return wrong;
  return join_piece(*piece, body_buffer(x), data, false);
}

cleat_status body_prepend(Exchange& x, cleat_part part, cleat_str data) {
  Buffer* piece = nullptr;
  if (const cleat_status wrong = find_piece(x, part, piece)) return wrong;
  return join_piece(*piece, body_buffer(x), data, true);
}

cleat_status body_replace(Exchange& x, cleat_part part, cleat_str data) {
  Buffer* piece = nullptr;
  if (const cleat_status wrong = find_piece(x, part, piece)) return wrong;
  return replace_piece(*piece, body_buffer(x), data);
}

cleat_status body_drain(Exchange& x, cleat_part part, std::uint64_t count) {
  Buffer* piece = nullptr;
  if (const cleat_status wrong = find_piece(x, part, piece)) return wrong;
  return drain_piece(*piece, count);
}

cleat_status body_keep_for_replay(Exchange& x, std::uint64_t bytes_max) {
  if (!x.request_known || x.stage > Stage::kRoute) return fail_call(CLEAT_WRONG_PHASE, "keep_for_replay: in on_request and on_route");
  if (bytes_max > body_buffer(x)) return fail_call(CLEAT_LIMIT, "keep_for_replay: more than the listener's body_buffer");
  x.keep_max = std::max(x.keep_max, bytes_max);
  return CLEAT_OK;
}

}  // namespace

cleat_status join_piece(Buffer& piece, std::uint64_t bytes_max, cleat_str data, bool in_front) {
  if (bad(data)) return fail_call(CLEAT_INVALID, "body: the data is NULL");
  if (too_large(bytes_max, piece.size(), data.size)) return piece_too_large();
  return guarded([&] {
    if (!in_front && !inside(piece, to_view(data))) {
      piece.append(to_view(data));
      return CLEAT_OK;
    }
    Buffer joined;
    joined.reserve(piece.size() + data.size);
    joined.append(in_front ? to_view(data) : piece.view());
    joined.append(in_front ? piece.view() : to_view(data));
    piece = std::move(joined);
    return CLEAT_OK;
  });
}

cleat_status replace_piece(Buffer& piece, std::uint64_t bytes_max, cleat_str data) {
  if (bad(data)) return fail_call(CLEAT_INVALID, "body: the data is NULL");
  if (too_large(bytes_max, 0, data.size)) return piece_too_large();
  return guarded([&] {
    if (inside(piece, to_view(data))) {
      Buffer part_of_it;
      part_of_it.append(to_view(data));
      piece = std::move(part_of_it);
    } else {
      if (data.size != 0) piece.reserve(data.size);  // what can fail comes first
      piece.clear();
      piece.append(to_view(data));
    }
    return CLEAT_OK;
  });
}

cleat_status drain_piece(Buffer& piece, std::uint64_t count) {
  if (count > piece.size()) return fail_call(CLEAT_INVALID, "body drain: the piece has fewer bytes");
  piece.consume(count);
  return CLEAT_OK;
}

const cleat_host_body kHostBody = {
    .size = sizeof(cleat_host_body),
    .reserved = 0,
    .subscribe = with<exchange_of, body_subscribe>,
    .view = with<exchange_of, body_view>,
    .append = with<exchange_of, body_append>,
    .prepend = with<exchange_of, body_prepend>,
    .replace = with<exchange_of, body_replace>,
    .drain = with<exchange_of, body_drain>,
    .keep_for_replay = with<exchange_of, body_keep_for_replay>,
};

}  // namespace cleat::hooks
