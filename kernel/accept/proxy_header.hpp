// ProxyHeader: what is spoken on a downstream connection before anything else where its listener says so: the header of the PROXY
// protocol. Takes exactly its bytes off the socket, tells the connection whose it is, and makes way for what follows. What is malformed,
// missing or late closes the connection.
#pragma once

#include <cstdint>
#include <string_view>

#include "kernel/accept/connection.hpp"

namespace cleat {

class ProxyHeader final : public Protocol {
 public:
  static constexpr std::uint64_t kDrainMs = 1'000;  // how long a drain waits for one that may be on its way

  explicit ProxyHeader(Connection& connection) : connection_(connection) {}

  void start() override;
  void on_io(std::uint32_t events) override;
  void on_deadline() override;
  bool between_exchanges() const override { return false; }
  void drain() override;
  void cut(bool reset) override;

 private:
  void read(bool ended);                            // ended: the peer sends no more than what is there
  void refuse(std::string_view why);
  void make_way();

  Connection& connection_;
};

}  // namespace cleat
