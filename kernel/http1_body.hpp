// Bodies of HTTP/1.1 on their way out, the same for requests and responses.
#pragma once

#include <string_view>

#include "kernel/http/message.hpp"

namespace cleat {

class Transport;

// A piece of a body framed so; an empty one says nothing.
void send_http1_body(Transport& transport, http::Body framing, std::string_view data);
// Its end: of a chunked one the last chunk and the trailers; other framings have none of either.
void end_http1_body(Transport& transport, http::Body framing, const http::Fields& trailers);

}  // namespace cleat
