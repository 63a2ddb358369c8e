// Chooses the first route, in configured order, whose match holds. Built once for a listener of a generation, then
// immutable and shared by all workers. Exact hosts and paths are hashed, prefixes are walked segment by segment, so that
// 10,000 routes cost little more than 10; only regex, wildcard-less-path and header-heavy routes are looked at one by one, and only where
// their position could still win. Knows nothing of clusters: it answers a position.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "kernel/config/model.hpp"
#include "kernel/http/message.hpp"

namespace cleat::route {

class Router {
 public:
  static constexpr std::uint32_t kNone = UINT32_MAX;

  // REQUIRES: read_model accepted the routes, but for regular expressions, whose errors go to diagnostics at their node.
  Router(const std::vector<config::Route>& routes, config::Diagnostics& diagnostics);
  Router(Router&&) noexcept;
  ~Router();

  // The position of the route, or kNone. The host is head.authority without its port, compared without regard to case; the path is
  // head.target up to '?'. A CONNECT request matches only routes with allow_connect. [any thread]
  std::uint32_t match(const http::RequestHead& head) const;

 private:
  struct Impl;
  std::unique_ptr<const Impl> impl_;
};

}  // namespace cleat::route
