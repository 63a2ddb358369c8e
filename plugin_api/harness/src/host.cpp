#include "plugin_api/harness/src/host.hpp"

#include <sys/timerfd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "kernel/accept/acceptor.hpp"
#include "kernel/base/log.hpp"
#include "kernel/base/metrics.hpp"
#include "kernel/config/compose.hpp"
#include "kernel/hooks/call_stamp.hpp"
#include "kernel/hooks/guard.hpp"
#include "kernel/hooks/hook_totals.hpp"
#include "kernel/hooks/library.hpp"
#include "kernel/reload.hpp"
#include "kernel/watch/own_thread.hpp"
#include "plugin_api/harness/src/measures.hpp"

namespace cleat::kit {
namespace {

constexpr const char* kLinked = "/proc/self/exe";  // what a plugin that is linked into the test is loaded from
constexpr std::string_view kFile = "config";       // what the configuration is called in messages
constexpr std::size_t kConfigLine = 2, kConfigColumn = 6;  // of the document, before the plugin's part of it

constexpr const char* kEnding = "the host is ending";

Host* the_host = nullptr;

// What stands where a socket would: the loop takes it, and it has nothing to tell.
int silent_descriptor() { return ::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK); }

std::string indented(const std::string& text, std::size_t by) {
  std::string all(by, ' ');
  for (const char c : text) {
    all += c;
    if (c == '\n') all.append(by, ' ');
  }
  return all;
}

std::string quoted(const std::string& text) {
  std::string all = "'";
  for (const char c : text) all.append(c == '\'' ? 2 : 1, c);
  return all + "'";
}

// "config:12:9: ..." in terms of the text that was given.
std::string in_its_own_lines(const std::string& words, const std::string& folder) {
  std::string all;
  for (std::size_t at = 0; at < words.size();) {
    const std::size_t end = std::min(words.find('\n', at), words.size());
    std::string line = words.substr(at, end - at);
    if (!folder.empty() && line.starts_with(folder + "/" + std::string(kFile) + ":")) line.erase(0, folder.size() + 1);
    unsigned long row = 0, column = 0;
    int used = 0;
    if (std::sscanf(line.c_str(), "config:%lu:%lu:%n", &row, &column, &used) == 2 && used > 0 && row > kConfigLine && column > kConfigColumn) {
      line = std::string(kFile) + ":" + std::to_string(row - kConfigLine) + ":" + std::to_string(column - kConfigColumn) + ":" +
             line.substr(static_cast<std::size_t>(used));
    }
    all += line + "\n";
    at = end + 1;
  }
  if (!all.empty()) all.pop_back();
  return all;
}

}  // namespace

// --- the beginning ---

Host::Host(HostOptions wanted) : checks(wanted.quiet), options(std::move(wanted)) {
  the_host = this;
  hooks::set_control_thread();
  log::send_to(&Host::take_line);
  log::set_level(log::Level::kDebug);
  began_us_ = clock_us_ = monotonic_us() / 1000 * 1000;
  hold_clock(clock_us_);
  listening_ = std::make_shared<const Socket>(silent_descriptor());
  if (!listening_->open()) {
    error = "no descriptors";
    return;
  }
  open_control();
  worker = std::make_unique<Worker>(0);
  wires = std::make_unique<MemoryWires>(*worker);
  worker->wires = wires.get();
  set_workers({worker.get()});
  set_server(this);
  wake_control_by([this] {
    const std::lock_guard lock(mutex_);
    control_waits_ = true;
    changed_.notify_all();
  });
  if (options.plugin.empty() && options.entry != nullptr) hooks::Library::link(kLinked, options.entry);
  for (const hooks::HookRow& row : hooks::hook_totals()) {
    totals_before["c" + std::string(hooks::hook_name(row.hook))] += row.total.calls;
    totals_before["f" + std::string(hooks::hook_name(row.hook))] += row.total.failures;
  }
  if (options.checked) checks.begin();
  if (!options.checked && options.measured) hooks::use_tables(&measure_tables);
  adopt(build(options.config, {}, error));
  if (generation_ == nullptr) return;
  config_ = options.config;
  set_server_state(ServerState::kServing);
  thread_ = std::thread([this] {
    const watch::OwnThread own("cleat-w0", &worker->stamp);  // its stack for signals: a hook's may overflow
    worker->run();
  });
  settle();
}

bool Host::any_runs() { return the_host != nullptr && !the_host->finished_; }

Host::~Host() {
  finish();
  if (the_host != this) return;  // another has begun since
  log::send_to(nullptr);
  log::set_level(log::Level::kInfo);
  hold_clock(0);
  the_host = nullptr;
}

std::string Host::document(const std::string& config) const {
  if (!options.document.empty()) return options.document;
  std::string text = "plugins:\n  - ";
  text += config.empty() ? "\n" : "config:\n" + indented(config, kConfigColumn) + "\n";
  const std::string file = options.plugin.empty() ? kLinked : options.plugin;
  text += "    name: " + options.name + "\n    use: " + quoted(file.find('/') == std::string::npos ? "./" + file : file) + "\n";
  text += std::string("    on_failure: ") + (options.fail_open ? "open" : "closed") + "\n";
  text += "    quarantine: {failures: 0, stalls: " + std::to_string(renewals_) + "}\n";  // nobody counts stalls here
  text += "listeners:\n  - name: in\n    address: 127.0.0.1:80\n    chain: [" + (options.bare ? "" : options.name) + "]\n";
  text += "    routes:\n      - match: {prefix: /}\n";
  text += options.handler ? "        handler: " + options.name + "\n" : "        cluster: origin\n";
  if (!options.route_config.empty()) text += "        plugins:\n          " + options.name + ":\n" + indented(options.route_config, 12) + "\n";
  text += "clusters:\n  - {name: origin, endpoints: [127.0.0.1:1]}\n";
  for (const std::string& cluster : options.clusters) text += "  - {name: " + cluster + ", endpoints: [127.0.0.1:1]}\n";
  return text;
}

std::shared_ptr<Generation> Host::build(const std::string& config, config::Resources resources, std::string& why) {
  config::Diagnostics diagnostics(options.folder.empty() ? std::string(kFile) : options.folder + "/" + std::string(kFile));
  std::shared_ptr<const config::Part> file = config::read_configuration(document(config), diagnostics);
  std::optional<config::Composition> composition;
  if (file != nullptr) composition = config::compose(std::move(file), std::move(resources), diagnostics);
  std::unique_ptr<Generation> built;
  if (composition.has_value()) built = build_generation(generations_ + 1, std::move(*composition), 1, generation_.get(), diagnostics);
  if (built == nullptr) {
    why = options.document.empty() ? in_its_own_lines(diagnostics.text(), options.folder) : diagnostics.text();
    return nullptr;
  }
  ++generations_;
  return share(std::move(built));
}

std::vector<std::vector<SharedSocket>> Host::sockets(const Generation& generation) const {
  return std::vector<std::vector<SharedSocket>>(generation.listeners.size(), std::vector<SharedSocket>{listening_});
}

void Host::adopt(std::shared_ptr<Generation> next) {
  if (next == nullptr) return;
  generation_ = std::move(next);
  sources::set_in_force(*generation_);
  const auto take = [this] { worker->adopt(generation_, sockets(*generation_)); };
  if (serving()) {
    on_worker(take);
  } else {
    take();
  }
}

bool Host::reload_with(const std::string& config) {
  error.clear();
  std::shared_ptr<Generation> next = build(config, generation_ == nullptr ? config::Resources{} : *generation_->resources, error);
  if (next == nullptr) return false;
  config_ = config;
  adopt(std::move(next));
  settle();
  return true;
}

bool Host::renew() {
  renewals_ = (renewals_ + 1) % 2;
  return reload_with(config_);
}

void Host::reload(ReloadDone done) {
  if (finished_) return done(false, kEnding);
  const bool ok = reload_with(config_);
  done(ok, ok ? "generation " + std::to_string(generation_->id) : error);
}

void Host::commit(std::shared_ptr<sources::Change> change) {
  if (finished_) return sources::answer(*change, sources::Answer::kEnding, kEnding);
  std::string why = change->failed() ? change->errors() : std::string();
  config::Resources resources = generation_ == nullptr ? config::Resources{} : *generation_->resources;
  change->apply(resources);
  std::shared_ptr<Generation> next = why.empty() ? build(config_, std::move(resources), why) : nullptr;
  const bool ok = next != nullptr;
  adopt(std::move(next));
  sources::answer(*change, ok ? sources::Answer::kAccepted : sources::Answer::kRefused, why);
}

// --- the worker's turn ---

void Host::on_worker(const std::function<void()>& task) {
  if (!serving()) return;
  bool done = false;
  const auto run = [&] {
    task();
    worker->reactor.run_deferred();
    worker->reactor.wheel().advance(worker->reactor.now_ms());
    worker->reactor.run_deferred();
    worker->reactor.run_retired();
    const std::lock_guard lock(mutex_);
    done = true;
    changed_.notify_all();
  };
  while (!worker->post(run)) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  ++own_posts_;
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return done; });
}

// Until nothing is left that has been posted, to the worker or to this thread.
void Host::settle() {
  for (int turn = 0; turn < kTurnsMax; ++turn) {
    bool control = false;
    {
      const std::lock_guard lock(mutex_);
      control = std::exchange(control_waits_, false);
    }
    if (control) run_control_tasks();
    const bool posted = serving() && worker->reactor.posts().waiting != 0;
    if (posted || turn == 0) on_worker([] {});
    if (!control && !posted && turn != 0) return;
  }
}

void Host::step(std::uint64_t ms) {
  const std::uint64_t until = clock_us_ + std::min(ms, kStepMaxMs) * 1000;
  settle();
  while (serving() && clock_us_ < until) {
    std::uint64_t by = (until - clock_us_) / 1000;
    on_worker([&] {
      const int wait = worker->reactor.wheel().wait_ms(worker->reactor.now_ms());
      if (wait >= 0) by = std::clamp<std::uint64_t>(static_cast<std::uint64_t>(wait), 1, by);
      clock_us_ += by * 1000;
      hold_clock(clock_us_);
      worker->reactor.refresh_clock();
    });
    settle();
  }
}

bool Host::wait(std::chrono::milliseconds at_most) {
  const auto until = std::chrono::steady_clock::now() + at_most;
  const auto others = [this] { return worker->reactor.posts().all - own_posts_; };
  for (;;) {
    const std::uint64_t seen = std::exchange(others_seen_, others());
    bool control = false;
    {
      std::unique_lock lock(mutex_);
      control = control_waits_ || (seen == others_seen_ && changed_.wait_for(lock, std::chrono::milliseconds(1), [this] { return control_waits_; }));
    }
    settle();
    if (control || seen != others_seen_) return true;
    if (std::chrono::steady_clock::now() >= until) return false;
  }
}

// --- what the process tells plugins ---

void Host::event(std::uint32_t kind, std::string_view name, std::string_view data) {
  const cleat_event event = {.size = sizeof(cleat_event), .kind = kind, .name = to_str(name), .data = to_str(data)};
  for (const auto& instance : generation_->instances) {
    if (instance->table.on_event == nullptr) continue;
    const hooks::CallOutcome outcome = hooks::call_plugin(instance.get(), hooks::Hook::kEvent, [&] {
      instance->table.on_event(instance->self, &event);
      return CLEAT_OK;
    });
    if (!outcome.ok()) log::write(log::Level::kError, "plugin/" + instance->name, "on_event failed: " + outcome.words);
  }
  settle();
}

Host::Asked Host::ask(hooks::Hook hook, void (*cleat_plugin::*entry)(void* instance, std::uint64_t completion)) {
  Asked result = Asked::kNobody;
  for (const auto& instance : generation_->instances) {
    const auto call = instance->table.*entry;
    if (call == nullptr) continue;
    const auto done = std::make_shared<bool>(false);
    const std::uint64_t completion = expect_completion([done](std::uint64_t) { *done = true; });
    hooks::call_plugin(instance.get(), hook, [&] {
      call(instance->self, completion);
      return CLEAT_OK;
    });
    const auto until = std::chrono::steady_clock::now() + (hook == hooks::Hook::kShutdown ? kShutdownWait : std::chrono::milliseconds(0));
    settle();
    while (!*done && std::chrono::steady_clock::now() < until) {
      std::unique_lock lock(mutex_);
      changed_.wait_for(lock, std::chrono::milliseconds(10), [this] { return control_waits_; });
      lock.unlock();
      settle();
    }
    if (!*done) forget_completion(completion);
    if (!*done && hook == hooks::Hook::kShutdown) {
      checks.add({0, "Order", "on_shutdown", "complete", "on_shutdown was not completed within 5 s"});
    }
    if (result != Asked::kOwed) result = *done ? Asked::kDone : Asked::kOwed;
  }
  return result;
}

// --- connections ---

std::uint64_t Host::connect(const Address& peer, std::string_view listener) {
  std::uint64_t id = 0;
  on_worker([&] {
    if (worker->acceptors.empty()) return;
    Acceptor* to = nullptr;
    for (const auto& acceptor : worker->acceptors) {
      const bool named = listener.empty() || acceptor->listener().config->name == listener;
      if (acceptor->listening() && named && to == nullptr) to = acceptor.get();
    }
    if (to == nullptr) return;
    auto record = std::make_unique<ConnectionRecord>();
    wires->opening = record.get();
    id = record->id = wires->next_id++;
    wires->connections[id] = std::move(record);
    const Connection* const before = worker->connections;
    to->admit(Socket(silent_descriptor()), peer);
    ConnectionRecord& made = *std::exchange(wires->opening, nullptr);
    if (worker->connections != before && worker->connections != nullptr) {
      made.kernel_id = worker->connections->id();
    } else {
      made.closed = true;
      made.wire = nullptr;
    }
  });
  settle();
  return id;
}

ConnectionRecord* Host::connection(std::uint64_t id) {
  const auto found = wires->connections.find(id);
  return found == wires->connections.end() ? nullptr : found->second.get();
}

Connection* Host::find(const ConnectionRecord& record) {
  for (Connection* one = worker->connections; one != nullptr; one = one->next) {
    if (one->id() == record.kernel_id) return one;
  }
  return nullptr;
}

// --- the log ---

// Functions of timers and posts are called by the kernel itself: what they throw is seen in what it says of it.
void Host::note_thrown(std::string_view source, std::string_view text) {
  Checks* const seen = current_checks();
  if (seen == nullptr || !source.starts_with("plugin/")) return;
  for (const hooks::Hook hook : {hooks::Hook::kTimer, hooks::Hook::kPost}) {
    const std::string name(hooks::hook_name(hook));
    if (!text.starts_with(name + ": threw: ") && !text.starts_with(name + ": it threw")) continue;
    seen->add(3, name, "", "an exception left the plugin");
  }
}

void Host::take_line(log::Level level, std::string_view source, std::string_view text) {
  Host* const host = the_host;
  if (host == nullptr) return;
  note_thrown(source, text);
  const std::lock_guard lock(host->lines_mutex_);
  if (host->lines_.size() < host->options.lines_max) host->lines_.push_back({static_cast<std::uint32_t>(level), std::string(source), std::string(text)});
}

const LogLine* Host::line(std::size_t index) const {
  const std::lock_guard lock(lines_mutex_);
  return index < lines_.size() ? &lines_[index] : nullptr;
}

std::size_t Host::lines() const {
  const std::lock_guard lock(lines_mutex_);
  return lines_.size();
}

const char* hook_that_runs() {
  hooks::Hook hook = hooks::control_stamp().hook;
  if (hook == hooks::Hook::kNone && the_host != nullptr && the_host->worker != nullptr) hook = the_host->worker->stamp.hook;
  return hook == hooks::Hook::kNone ? "" : hooks::hook_name(hook).data();
}

// --- the end: as a server's, phase by phase ---

void Host::finish() {
  if (std::exchange(finished_, true)) return;
  if (serving()) {
    settle();
    checks.look_at_the_end(*this);
    on_worker([this] { worker->cut(); });
    settle();
    while (!worker->post([this] { worker->stop(); })) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    thread_.join();
    set_server_state(ServerState::kStopping);
    ask(hooks::Hook::kShutdown, &cleat_plugin::on_shutdown);
  }
  if (worker != nullptr) worker->current_generation.reset();
  generation_.reset();
  run_control_tasks();
  set_server(nullptr);
  wake_control_by(nullptr);
  close_control();
  set_workers({});
  checks.end();
  hooks::use_tables(nullptr);
  wires.reset();
  worker.reset();
  listening_.reset();
}

}  // namespace cleat::kit
