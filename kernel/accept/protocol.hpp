// Protocol: what is spoken on a downstream connection that has been let in.
#pragma once

#include <cstdint>

namespace cleat {

class Protocol {
 public:
  virtual ~Protocol() = default;
  virtual void start() = 0;                         // the connection is open
  virtual void on_io(std::uint32_t events) = 0;     // of the connection's socket
  virtual void on_deadline() = 0;                   // the connection's deadline, which is the protocol's to set
  virtual bool between_exchanges() const = 0;       // nothing is under way: it may go on in another generation
  virtual void drain() = 0;                         // no more exchanges than those that have begun
  virtual void cut(bool reset) = 0;                 // closes now
};

}  // namespace cleat
