// What brings a cluster its endpoints while it lives: the feed of its source, and the watch of the plugin that `discovery` names.
// Made with the cluster, and ended with it. The control thread.
#pragma once

#include <memory>

#include "kernel/config/model.hpp"
#include "kernel/sources/feeds.hpp"

namespace cleat::hooks {
class Instance;
}

namespace cleat::sources {

class Supply {
 public:
  // REQUIRES: somebody brings the cluster's endpoints. source: the instance of `discovery`, or nullptr where the cluster is staged. A
  // failure is reported at its place in the configuration. Whoever lets go last: it ends on the control thread.
  static std::shared_ptr<Supply> make(const config::Cluster& of, const std::shared_ptr<Cluster>& cluster,
                                      std::shared_ptr<hooks::Instance> source, config::Diagnostics& diagnostics);
  ~Supply();
  Supply(const Supply&) = delete;
  Supply& operator=(const Supply&) = delete;

  const std::shared_ptr<Feed>& feed() const { return feed_; }
  const std::shared_ptr<hooks::Instance>& source() const { return source_; }

 private:
  Supply(std::shared_ptr<Feed> feed, std::shared_ptr<hooks::Instance> source) : feed_(std::move(feed)), source_(std::move(source)) {}
  void watch(const config::Cluster& of, config::Diagnostics& diagnostics);

  const std::shared_ptr<Feed> feed_;
  const std::shared_ptr<hooks::Instance> source_;
  void* watch_ = nullptr;
  bool watching_ = false;
};

}  // namespace cleat::sources
