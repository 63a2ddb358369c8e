// Upstream: where a request goes and its response comes from, whatever the wire: a connection that serves one request at a time, or one
// stream of many. Requester: who makes the request, an exchange or a plugin's call. Both are of one worker.
#pragma once

#include <cstdint>
#include <string_view>

#include "kernel/base/arena.hpp"
#include "kernel/http/message.hpp"
#include "kernel/http/write.hpp"

namespace cleat {

class Connection;
class Transport;

class Upstream {
 public:
  // --- the request. Nothing of it is sent for certain before `flush`; what is handed over is sent or copied before the call returns ---
  virtual void send_head(const http::RequestHead& head, const http::RequestWrite& how) = 0;
  virtual void send_data(std::string_view data) = 0;           // of the body, or a tunnel's
  virtual void send_end(const http::Fields& trailers) = 0;     // of the body; of a tunnel's half
  virtual void flush() = 0;
  virtual bool blocked() const = 0;         // takes no more now; the requester's upstream_writable follows

  // --- the response ---
  virtual void pull() = 0;                  // reads it on, while the requester wants it
  virtual void enter_tunnel() = 0;

  // --- what may be repeated ---
  virtual bool reused() const = 0;          // it served before: the peer may have closed it just as this request was sent
  virtual bool unsent() const = 0;          // no byte of this request reached the peer
  virtual bool response_begun() const = 0;  // some byte of the response was read

  // By the one it serves, at the end, once: it calls back no more. `reusable`: request and response were whole.
  virtual void release(bool reusable) = 0;

 protected:
  ~Upstream() = default;
};

// What is called back is so in the requester's worker. Any of the calls may end in a release of the upstream; none may read another one
// (the bytes of this one lie in the worker's scratch memory), so what a call brings about elsewhere is deferred or posted.
class Requester {
 public:
  explicit Requester(BlockPool& blocks) : arena(blocks) {}
  Requester(const Requester&) = delete;
  Requester& operator=(const Requester&) = delete;

  virtual Connection* downstream_connection() const = 0;       // whose it is; nullptr: nobody's but the proxy's own

  // --- up to the response's head: one of the first two, once for each attempt that the pool did not serve or refuse at once ---
  virtual void attempt_connected() = 0;                        // `client` is there
  virtual void attempt_failed(std::uint32_t how) = 0;          // CLEAT_END_*; `client`, where there is one still, is to be released
  virtual void response_informational() = 0;                   // a 1xx head is in `response`
  virtual void response_head_complete() = 0;                   // it is in `response`

  // --- after it, or in a tunnel ---
  virtual bool response_wanted() const = 0;                    // of the head too: may more of the response come
  virtual void response_data(std::string_view data) = 0;
  virtual Transport* response_sink() { return nullptr; }       // where a body may go past the requester, since nobody looks at it
  virtual void response_passed(std::size_t size) { static_cast<void>(size); }  // so much went there
  virtual void response_end() = 0;                             // trailers are in `response_trailers`
  virtual void response_broken() = 0;

  virtual void upstream_writable() = 0;                        // everything handed over has been sent
  virtual void settle() = 0;                                   // the upstream has handed over all it has: send, go on

  Upstream* client = nullptr;                                  // set by whom the pool found, cleared by the requester as it releases it
  Arena arena;                                                 // where what the upstream parses lives
  http::RequestHead request;
  http::ResponseHead response;
  http::Fields request_trailers, response_trailers;
  std::string_view reply_reason;                               // why the response is refused, for the log

 protected:
  ~Requester() = default;
};

}  // namespace cleat
