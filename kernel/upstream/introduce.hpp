// The first bytes of a connection to an endpoint, where its cluster has the PROXY protocol: for whom it is made.
#pragma once

#include <string>

#include "kernel/config/model.hpp"

namespace cleat {
class Connection;
}

namespace cleat::upstream {

// nullptr: for the proxy itself. Empty where the cluster has none.
std::string introduction(config::Cluster::ProxyProtocol how, Connection* downstream);

}  // namespace cleat::upstream
