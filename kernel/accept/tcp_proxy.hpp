// TcpProxy: bytes both ways between a downstream connection and an endpoint of its listener's cluster, as they come. Each side's end is
// passed on when what came before it has been; each holds the other back. Connecting is tried at several endpoints before the connection
// is given up.
#pragma once

#include <memory>

#include "kernel/accept/connection.hpp"
#include "kernel/cluster.hpp"

namespace cleat {

namespace upstream {
struct SetInUse;
}

class TcpProxy final : public Protocol {
 public:
  static constexpr std::uint32_t kAttemptsMax = 3;

  explicit TcpProxy(Connection& connection);
  ~TcpProxy() override;

  void start() override;
  void on_io(std::uint32_t events) override;
  void on_deadline() override;
  bool between_exchanges() const override { return false; }
  void drain() override {}                    // it may go on until the drain's time is over
  void cut(bool reset) override;

 private:
  struct Far final : public IoHandler {       // the connection to the endpoint
    Far(TcpProxy& proxy_, Socket socket);
    void on_io(std::uint32_t events) override { proxy.on_far_io(events); }
    TcpProxy& proxy;
    Transport transport;
  };
  void on_far_io(std::uint32_t events);
  void connect();
  void connect_failed(std::uint32_t how);
  void connected();
  void leave_endpoint();
  bool move(Transport& from, Transport& to, bool& ended, metrics::SeriesId bytes);
  void move_both();
  void close();

  Connection& connection_;
  Worker& worker_;
  Cluster* cluster_ = nullptr;
  upstream::SetInUse* endpoints_ = nullptr;
  std::shared_ptr<Endpoint> endpoint_;        // with which this connection is counted as in flight
  TriedEndpoints tried_;
  std::uint32_t attempts_ = 0;
  std::shared_ptr<Far> far_;
  bool connected_ = false, closed_ = false;
  bool near_ended_ = false, far_ended_ = false;  // will send no more
};

}  // namespace cleat
