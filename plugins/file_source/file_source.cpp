// file_source: MAY configure: what stands in the files of a folder becomes listeners, route tables, clusters and secrets, all of a moment at once or
// not at all; lists of endpoints take the fast way. One thread looks, reads and stages; commits are answered on the control thread.
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <set>
#include <thread>

#include "endpoint_list.hpp"
#include "folder.hpp"
#include "plugin_api/cpp/cleat.hpp"
#include "plugin_api/cpp/thread.hpp"

namespace file_source {

using std::chrono::milliseconds;

constexpr std::uint32_t source_kind(Kind kind) {
  switch (kind) {
    case Kind::kListener: return CLEAT_SOURCE_LISTENER;
    case Kind::kRouteTable: return CLEAT_SOURCE_ROUTE_TABLE;
    case Kind::kCluster: return CLEAT_SOURCE_CLUSTER;
    default: return CLEAT_SOURCE_SECRET;
  }
}

class FileSource : public cleat::Plugin {
 public:
  explicit FileSource(cleat::Config config)
      : folder_(config.required<cleat::Path>("path").value), interval_(config.get<milliseconds>("interval", std::chrono::seconds(2))),
        settle_(config.get<milliseconds>("settle", milliseconds(50))) {
    if (interval_ < milliseconds(10) || interval_ > std::chrono::hours(1)) (config["interval"] ? config["interval"] : config).error("interval is between 10ms and 1h");
    if (settle_ > std::chrono::seconds(10)) config["settle"].error("settle is at most 10s");
    const auto commits = counters("cleat_file_source_commits_total", "Changes of the folder that were committed, by what came of them", {"result"});
    accepted_ = commits.with({"accepted"});
    refused_ = commits.with({"refused"});
    unreadable_ = commits.with({"unreadable"});
    lists_ = counter("cleat_file_source_endpoint_lists_total", "Lists of endpoints that were given to clusters");
    resources_ = gauge("cleat_file_source_resources", "Resources that are in force");
    // What cannot be read now refuses the start; what is wrong inside is the commit's to say.
    Snapshot first;
    std::string error;
    if (!folder_.path().empty() && !folder_.look(first, error)) config["path"].error(error.substr(0, error.find('\n')));
    wake_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    inotify_ = ::inotify_init1(IN_CLOEXEC | IN_NONBLOCK);  // without it the interval alone is left
    try {
      if (wake_ < 0) throw std::runtime_error("no descriptor is left");
      thread_ = cleat::start_thread("file_source", [this] { run(); });
    } catch (...) {
      close_descriptors();
      throw;
    }
  }

  ~FileSource() {
    {
      const std::lock_guard lock(mutex_);
      stopped_ = true;
    }
    wake();
    thread_.join();
    close_descriptors();
    resources_.add(-counted_);
  }

  void on_commit(cleat::Committed committed) {  // [control]
    const std::lock_guard lock(mutex_);
    committed_ = Outcome{committed.status.ok(), std::string(committed.text)};
    wake();
  }

 private:
  struct Outcome {
    bool accepted;
    std::string text;
  };

  void close_descriptors() const {
    if (wake_ >= 0) ::close(wake_);
    if (inotify_ >= 0) ::close(inotify_);
  }

  void wake() const {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(wake_, &one, sizeof one);  // full: it will wake anyway
  }

  // --- the thread ---

  void run() {
    follow();
    for (bool changed = true;; changed = wait()) {
      {
        const std::lock_guard lock(mutex_);
        if (stopped_) return;
        if (committed_) take_outcome(*std::exchange(committed_, std::nullopt));
      }
      if (changed && !waiting_) look();
    }
  }

  void follow() {
    if (inotify_ >= 0) {
      ::inotify_add_watch(inotify_, folder_.path().c_str(),
                          IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CREATE | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR);
    }
  }

  // True: something has changed or may have. Changes that follow each other quickly are looked at together, and those that come while a commit
  // is decided, after it.
  bool wait() {
    std::array<pollfd, 2> polled = {{{wake_, POLLIN, 0}, {inotify_, POLLIN, 0}}};
    ::poll(polled.data(), inotify_ >= 0 && !waiting_ ? 2 : 1, static_cast<int>(interval_.count()));
    std::uint64_t count = 0;
    if (polled[0].revents != 0) {
      [[maybe_unused]] const auto taken = ::read(wake_, &count, sizeof count);
      return false;
    }
    if (polled[1].revents == 0) return true;
    pollfd stop{wake_, POLLIN, 0};
    ::poll(&stop, 1, static_cast<int>(settle_.count()));
    alignas(inotify_event) std::array<char, 16 * 1024> events;
    while (::read(inotify_, events.data(), events.size()) > 0) {
    }
    follow();  // the folder may be another one by that name
    return true;
  }

  void look() {
    Snapshot now;
    std::string error;
    if (!folder_.look(now, error)) {
      if (error != said_) {
        unreadable_.add();
        log(CLEAT_ERROR, "nothing has changed: " + error);
        said_ = error;
      }
      return;
    }
    said_.clear();
    if (now == tried_) return;
    const bool documents = !replaced_ || differs(now, held_);
    tried_ = now;
    documents ? commit(now) : give_lists(now);
  }

  static bool is_list(const ResourceKey& key) { return key.kind == Kind::kEndpoints; }

  static bool differs(const Snapshot& a, const Snapshot& b) {
    const auto without_lists = [](Snapshot of) {
      std::erase_if(of.texts, [](const auto& one) { return is_list(one.first); });
      return of;
    };
    return without_lists(a) != without_lists(b);
  }

  // Stages what differs from what is held, all of it until that was accepted once: an instance before this one may have left something behind.
  void commit(const Snapshot& now) {
    auto transaction = begin(replaced_ ? 0 : CLEAT_SOURCE_REPLACE);
    if (!transaction) return fail_commit();
    for (const auto& [key, text] : now.texts) {
      if (is_list(key)) continue;
      const auto held = held_.texts.find(key);
      if (held != held_.texts.end() && held->second == text) continue;
      if (!transaction->stage(source_kind(key.kind), key.name, *text)) return fail_commit();
    }
    for (const auto& [key, text] : held_.texts) {
      if (!is_list(key) && !now.texts.contains(key) && !transaction->remove(source_kind(key.kind), key.name)) return fail_commit();
    }
    give_lists(now);  // a new cluster begins with its endpoints
    if (!std::move(*transaction).commit<&FileSource::on_commit>()) return fail_commit();
    waiting_ = true;
  }

  void fail_commit() {
    refused_.add();
    log(CLEAT_ERROR, "nothing has changed: " + cleat::error_text());
    tried_.reset();  // tried again at the next look
  }

  void take_outcome(const Outcome& outcome) {
    waiting_ = false;
    if (outcome.accepted) {
      replaced_ = true;
      held_ = *tried_;
    }
    // The host forgets the list of a cluster that is not there: it is given again with the cluster.
    std::erase_if(given_, [&](const auto& one) { return !held_.texts.contains({Kind::kCluster, one.first}); });
    if (!outcome.accepted) {
      refused_.add();
      log(CLEAT_ERROR, "refused, nothing has changed: " + outcome.text);
      return;
    }
    accepted_.add();
    const auto count = static_cast<std::int64_t>(std::count_if(held_.texts.begin(), held_.texts.end(), [](const auto& one) { return !is_list(one.first); }));
    resources_.add(count - std::exchange(counted_, count));
    log(CLEAT_INFO, std::to_string(count) + " resources of " + folder_.path() + " are in force");
  }

  void give_lists(const Snapshot& now) {
    for (const auto& [key, text] : now.texts) {
      if (!is_list(key)) continue;
      std::shared_ptr<const std::string>& given = given_[key.name];
      if (given == text) continue;
      std::string error;
      const std::vector<ListedEndpoint> list = parse_endpoints(*text, error);
      std::vector<cleat_source_endpoint> views;
      views.reserve(list.size());
      for (const ListedEndpoint& one : list) views.push_back(cleat::source_endpoint(one.address, one.weight, one.healthy));
      if (error.empty() && !endpoints(key.name, views)) error = " " + cleat::error_text();
      if (error.empty()) {
        lists_.add();
        given = text;
        refused_lists_.erase(key.name);
      } else if (std::exchange(refused_lists_[key.name], text) != text) {
        log(CLEAT_ERROR, folder_.path() + "/endpoints." + key.name + ".txt:" + error + "; the list before stays");
      }
    }
    const auto gone = [&](const auto& one) { return !now.texts.contains({Kind::kEndpoints, one.first}); };
    std::erase_if(given_, gone);
    std::erase_if(refused_lists_, gone);
  }

  Folder folder_;
  const milliseconds interval_, settle_;
  cleat::Counter accepted_, refused_, unreadable_, lists_;
  cleat::Gauge resources_;
  int wake_ = -1, inotify_ = -1;
  // Of the thread.
  Snapshot held_;                             // as accepted
  std::optional<Snapshot> tried_;             // as looked at last
  bool replaced_ = false;                     // a commit of all there is was accepted
  std::map<std::string, std::shared_ptr<const std::string>> given_;  // lists, by cluster, as the host has them
  std::map<std::string, std::shared_ptr<const std::string>> refused_lists_;
  std::string said_;
  std::int64_t counted_ = 0;
  bool waiting_ = false;                      // for a commit's answer
  std::mutex mutex_;
  std::optional<Outcome> committed_;          // guarded by mutex_
  bool stopped_ = false;                      // guarded by mutex_
  std::thread thread_;
};

}  // namespace file_source

CLEAT_PLUGIN(file_source::FileSource,
             "name=file_source\nversion=0.1.0\nrequires=cleat.config/1 cleat.config_source/1\noptional=cleat.metrics/1\nlicense=Apache-2.0\n"
             "about=listeners, routes, clusters, secrets and endpoints from a folder of files\n");
