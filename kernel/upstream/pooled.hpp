// Pooled: a connection to an endpoint as its pool keeps it, whatever its protocol. Owned by the pool; one worker.
#pragma once

#include <boost/intrusive/list.hpp>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "kernel/base/reactor.hpp"
#include "kernel/base/timer_wheel.hpp"
#include "kernel/transport.hpp"

namespace cleat {
class Worker;
struct Endpoint;
}  // namespace cleat

namespace cleat::upstream {

class Pool;

class Pooled : public IoHandler {
 public:
  // It is connecting. server_name: who is asked for, where the cluster has TLS.
  Pooled(Pool& pool, std::shared_ptr<Endpoint> endpoint, Socket socket, std::string_view server_name);
  Pooled(const Pooled&) = delete;
  Pooled& operator=(const Pooled&) = delete;
  virtual ~Pooled() = default;

  virtual void close() = 0;              // at once; the pool forgets and retires it
  Endpoint& endpoint() const { return *endpoint_; }
  const std::string& server_name() const { return server_name_; }

  std::size_t pool_index = 0;            // in the pool's list of all
  boost::intrusive::list_member_hook<> in_idle;  // in its list of idle ones
  bool is_idle() const { return in_idle.is_linked(); }

 protected:
  virtual void on_deadline() = 0;        // the connect timeout, or what was set since

  Pool& pool_;
  Worker& worker_;
  const std::shared_ptr<Endpoint> endpoint_;
  const std::string server_name_;
  Transport transport_;
  Deadline deadline_;
};

}  // namespace cleat::upstream
