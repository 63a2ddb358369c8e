// Heads as nghttp2 wants them to be sent: a list of names and values, in the exchange's arena. Names may have upper case: nghttp2 copies
// and lowers them.
#pragma once

#include <nghttp2/nghttp2.h>

#include <cstddef>
#include <string_view>

#include "kernel/base/arena.hpp"
#include "kernel/http/message.hpp"
#include "kernel/http/write.hpp"

namespace cleat::http2 {

// A view: nghttp2 takes it as if it could change it, and does not.
nghttp2_nv name_value(std::string_view name, std::string_view value);

struct NameValues {
  nghttp2_nv* data = nullptr;  // nullptr: it did not fit into the arena
  std::size_t size = 0;
};

// :status, the fields that are not `hop` and do not belong to a connection of HTTP/1.1, Content-Length as the framing says.
NameValues response_head(Arena& arena, const http::ResponseHead& head, const http::ResponseWrite& how);
NameValues trailers(Arena& arena, const http::Fields& fields);

}  // namespace cleat::http2
