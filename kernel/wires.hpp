// Wires: what a worker has in place of the network, where somebody else moves its bytes: a harness, or a program that embeds the kernel.
// Worker::wires is nullptr in a server. All calls come on the worker's thread.
#pragma once

#include <memory>

#include "kernel/accept/protocol.hpp"

namespace cleat {

class Cluster;
class Connection;
class Exchange;
class Requester;
struct Endpoint;

class Wires {
 public:
  // What is spoken on a connection that has been let in.
  virtual std::unique_ptr<Protocol> speak(Connection& connection) = 0;
  // Sets `requester.client`, which serves it from now on; false: there is no room for it.
  virtual bool serve(Requester& requester, Cluster& cluster, const std::shared_ptr<Endpoint>& endpoint) = 0;
  // Its last hook has been called; its memory is given back when this returns.
  virtual void exchange_over(Exchange& exchange) = 0;

 protected:
  ~Wires() = default;
};

}  // namespace cleat
