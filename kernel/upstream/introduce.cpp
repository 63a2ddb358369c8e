#include "kernel/upstream/introduce.hpp"

#include "kernel/accept/connection.hpp"
#include "kernel/proxy_protocol/header.hpp"

namespace cleat::upstream {

std::string introduction(config::Cluster::ProxyProtocol how, Connection* downstream) {
  using How = config::Cluster::ProxyProtocol;
  using namespace proxy_protocol;
  switch (how) {
    case How::kOff: break;
    case How::kV1: return downstream == nullptr ? write_local_v1() : write_v1(downstream->peer(), downstream->local());
    case How::kV2: return downstream == nullptr ? write_local_v2() : write_v2(downstream->peer(), downstream->local());
  }
  return {};
}

}  // namespace cleat::upstream
