// Pooled: a connection to an endpoint as its pool keeps it, whatever its protocol. Owned by the pool; one worker.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace cleat {
struct Endpoint;
}

namespace cleat::upstream {

class Pooled {
 public:
  // server_name: who is asked for, where the cluster has TLS.
  Pooled(std::shared_ptr<Endpoint> endpoint, std::string_view server_name) : endpoint_(std::move(endpoint)), server_name_(server_name) {}
  Pooled(const Pooled&) = delete;
  Pooled& operator=(const Pooled&) = delete;
  virtual ~Pooled() = default;

  virtual void close() = 0;              // at once; the pool forgets and retires it
  Endpoint& endpoint() const { return *endpoint_; }
  const std::string& server_name() const { return server_name_; }

  std::size_t pool_index = 0;            // in the pool's list of all
  Pooled* idle_before = nullptr;         // in its list of idle ones
  Pooled* idle_after = nullptr;
  bool is_idle = false;

 protected:
  const std::shared_ptr<Endpoint> endpoint_;
  const std::string server_name_;
};

}  // namespace cleat::upstream
