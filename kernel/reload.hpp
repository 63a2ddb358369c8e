// Reloader: which generation is in force, and how the next one comes to be. A build that fails changes nothing and says why; one that
// succeeds is handed to every worker, each of which takes it over between two events. One change at a time; what is asked for meanwhile
// waits, and one build answers all of it, the file read again and what sources have committed. Where that build is refused, each is
// tried alone, so that nobody answers for another's mistake. The control thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kernel/accept/listening.hpp"
#include "kernel/base/metrics.hpp"
#include "kernel/control.hpp"
#include "kernel/generation.hpp"
#include "kernel/sources/transactions.hpp"
#include "kernel/worker.hpp"

namespace cleat {

class Reloader {
 public:
  // How long a change waits for the workers to take it over. One that a plugin holds does so when it is let go.
  static constexpr std::chrono::milliseconds kSwitchWait{10'000};
  // How long a new generation waits for the first endpoints of clusters that have none yet.
  static constexpr std::chrono::milliseconds kWarmWait{5'000};
  static constexpr std::size_t kAskedMax = 1'024;

  // listening_changed: of each set of listening sockets, before a worker accepts from it.
  Reloader(boost::asio::io_context& io, const std::vector<std::unique_ptr<Worker>>& workers, std::string config_file,
           std::function<void(const ListeningSockets&)> listening_changed);
  Reloader(const Reloader&) = delete;
  Reloader& operator=(const Reloader&) = delete;
  ~Reloader();

  // The first one: already built, and its sockets open. The workers have not been started. mark: of the file, before it was read.
  void begin(std::shared_ptr<Generation> generation, ListeningSockets sockets, std::string mark);
  void serve();  // from here on changes are made; before, they wait
  void stop();   // no more of them: what waits is answered with a refusal; and the listening sockets are let go

  void reload(ReloadDone done);
  void commit(std::shared_ptr<sources::Change> change);
  // Calls `then` once the current generation's clusters have endpoints, or kWarmWait is over; at once if they have.
  void when_warm(std::function<void()> then) { wait_for_endpoints(current_, std::move(then)); }
  const std::shared_ptr<Generation>& current() const { return current_; }
  const ListeningSockets& listening() const { return listening_; }
  void forget() { current_.reset(); }  // the last act: its plugins go with it

 private:
  // What somebody wants changed: the file read again, or a source's change made.
  struct Asked {
    std::vector<ReloadDone> reloads;
    std::shared_ptr<sources::Change> change;
    bool alone = false;              // it was refused together with others
  };

  void change();
  std::vector<Asked> take();
  bool build(std::string& why);
  std::optional<config::Composition> compose(config::Diagnostics& diagnostics, std::string& why) const;
  void wait_for_endpoints(const std::shared_ptr<Generation>& of, std::function<void()> then);
  void switch_to(const std::shared_ptr<Generation>& next, const std::shared_ptr<ListeningSockets>& sockets);
  void hand_over();
  void taken_over(std::uint64_t id);
  void refuse(const std::string& why);
  void finish(bool ok, const std::string& text);
  void answer(bool ok, const std::string& text);
  std::string asked_by() const;
  void watch();
  void look_at_files();
  void note_files();

  boost::asio::io_context& io_;
  boost::asio::steady_timer late_;
  boost::asio::steady_timer watch_;
  boost::asio::steady_timer warm_;
  const std::vector<std::unique_ptr<Worker>>& workers_;
  const std::string file_;
  const std::function<void(const ListeningSockets&)> listening_changed_;
  std::shared_ptr<Generation> current_;
  ListeningSockets listening_;       // of the generation in force
  std::vector<Asked> asked_;         // wait for the next change; one of them at most is for the file
  std::vector<Asked> changing_;      // are answered by the one under way
  bool serving_ = false, stopped_ = false, busy_ = false;
  std::vector<std::string> changed_secrets_;  // by the generation that is being taken over
  std::size_t missing_ = 0;          // workers that have not taken over
  std::map<std::string, std::string> seen_;  // the watched file and those it names, by path: their marks when last looked at
  metrics::SeriesId generation_ = 0, applied_ = 0, refused_ = 0;
};

// A generation that tells, when the last who used it lets go, that it is gone; its plugins' last calls are the control thread's.
std::shared_ptr<Generation> share(std::unique_ptr<Generation> generation);
std::int64_t retired_generations();  // [any] how many are no longer current and still in use

}  // namespace cleat
