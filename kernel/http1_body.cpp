#include "kernel/http1_body.hpp"

#include "kernel/http/write.hpp"
#include "kernel/transport.hpp"

namespace cleat {

void send_http1_body(Transport& transport, http::Body framing, std::string_view data) {
  if (framing != http::Body::kChunked) return transport.send(data);
  if (data.empty()) return;
  http::write_chunk_head(transport.out(), data.size());
  transport.send(data);
  transport.out().append("\r\n");
}

void end_http1_body(Transport& transport, http::Body framing, const http::Fields& trailers) {
  if (framing != http::Body::kChunked) return;
  transport.out().append("0\r\n");
  http::write_fields(transport.out(), trailers);
  transport.out().append("\r\n");
}

}  // namespace cleat
