// Chooses the first route, in configured order, whose match holds. Built once for a listener of a generation, then
// immutable and shared by all workers. Hosts, exact paths and prefixes (segment by segment) are looked up in hash tables, so
// that 10,000 routes cost little more than 10. Routes with neither path nor prefix, with a regular expression, or that
// differ only in methods, headers or query are tried one by one, and only where their position could still win. A match
// allocates nothing and takes no lock, but where RE2 does (its automata's cache). Knows nothing of clusters: it answers a
// position.
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

  // The position of the route, or kNone. [any thread]
  // Host: head.authority without its port, compared without regard to case; "*.example.com" wants at least one byte before
  // ".example.com". A host over 255 bytes is nobody's name. Path: head.target up to '?'. Query: raw bytes, nothing is decoded;
  // "a" is a with an empty value. A CONNECT request matches only routes with allow_connect, and of those only the ones
  // without a path (or with prefix "/", which is the same), as does "OPTIONS *"; a regular expression sees their target.
  std::uint32_t match(const http::RequestHead& head) const;

 private:
  struct Impl;
  std::unique_ptr<const Impl> impl_;
};

}  // namespace cleat::route
