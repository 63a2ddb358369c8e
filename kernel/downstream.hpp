// Downstream: where an exchange's request comes from and its response goes to, whatever the wire: a connection that serves one exchange
// at a time, or one stream of many.
#pragma once

#include <string_view>

#include "kernel/http/message.hpp"
#include "kernel/http/write.hpp"

namespace cleat {

class Connection;
class Transport;

class Downstream {
 public:
  virtual Connection& connection() = 0;

  // --- the request's body ---
  virtual void pull() = 0;                  // reads it on, while the exchange wants it
  virtual bool body_done() const = 0;       // all of it has been handed over
  virtual bool drainable() const = 0;       // what is left of it is small enough to be read and dropped

  // --- the response. Nothing of it is sent for certain before `flush`; what is handed over is sent or copied before the call returns ---
  virtual void send_informational(const http::ResponseHead& head) = 0;  // 1xx, sent at once; a client of HTTP/1.0 gets none
  virtual void send_head(const http::ResponseHead& head, const http::ResponseWrite& how) = 0;
  virtual void send_data(std::string_view data) = 0;                    // of the body, or a tunnel's
  virtual void send_end(const http::Fields& trailers) = 0;              // of the body; of a tunnel's half
  virtual Transport* sink() { return nullptr; }                         // the body's bytes may go straight into it, as send_data's would
  virtual void flush() = 0;
  virtual bool blocked() const = 0;         // takes no more now; the exchange's downstream_writable follows
  virtual bool all_sent() const = 0;
  virtual bool may_keep_alive() const = 0;  // as far as this side knows now
  virtual void enter_tunnel() = 0;

  // --- the end ---
  virtual void exchange_done(bool keep) = 0;  // called when the exchange has been given back
  virtual void cut(bool reset) = 0;           // now, without an end that could be taken for a whole response

 protected:
  ~Downstream() = default;
};

}  // namespace cleat
