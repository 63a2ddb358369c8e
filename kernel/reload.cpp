#include "kernel/reload.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <thread>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "kernel/base/log.hpp"
#include "kernel/events.hpp"
#include "kernel/hooks/guard.hpp"
#include "kernel/watch/watchdog.hpp"

namespace cleat {
namespace {

namespace asio = boost::asio;

constexpr std::chrono::milliseconds kPostAgain{1};  // when a worker's queue is full
constexpr const char* kEnding = "the process is ending";

void say(log::Level level, std::string_view text) { log::write(level, "kernel", text); }

metrics::SeriesId retired_gauge() {
  static const metrics::SeriesId all = metrics::own_series(metrics::define_own(
      metrics::Kind::kGauge, "cleat_generations_retired", "Generations that are no longer current and have exchanges or connections still."));
  return all;
}

// Those of `next` that say something else than those of the same name, or that no secret had before.
std::vector<std::string> changed_secrets(const std::vector<config::Secret>& before, const std::vector<config::Secret>& next) {
  std::unordered_map<std::string_view, const config::Secret*> old;
  for (const config::Secret& one : before) old.emplace(one.name, &one);
  const auto said = [](const config::Secret& one) { return std::tie(one.certificate, one.key, one.ocsp, one.ca); };
  std::vector<std::string> changed;
  for (const config::Secret& one : next) {
    const auto found = old.find(one.name);
    if (found == old.end() || said(*found->second) != said(one)) changed.push_back(one.name);
  }
  return changed;
}

}  // namespace

std::shared_ptr<Generation> share(std::unique_ptr<Generation> generation) {
  const auto end = [](Generation* last) {
    const std::string id = std::to_string(last->id);
    delete last;
    metrics::add(retired_gauge(), -1);
    publish_event("cleat.generation.retired", "generation=" + id);
  };
  return {generation.release(), [end](Generation* last) { run_on_control([end, last] { end(last); }); }};
}

std::int64_t retired_generations() { return metrics::value(retired_gauge()); }

Reloader::Reloader(asio::io_context& io, const std::vector<std::unique_ptr<Worker>>& workers, std::string config_file,
                   std::function<void(const ListeningSockets&)> listening_changed)
    : io_(io), late_(io), watch_(io), warm_(io), workers_(workers), file_(std::move(config_file)), listening_changed_(std::move(listening_changed)) {
  generation_ = metrics::own_series(metrics::define_own(metrics::Kind::kGauge, "cleat_generation", "Number of the generation in force."));
  const metrics::MetricId reloads = metrics::define_own(
      metrics::Kind::kCounter, "cleat_reloads_total", "Changes of the configuration that were tried, by what came of them.", {"result"});
  applied_ = metrics::own_series(reloads, {"applied"});
  refused_ = metrics::own_series(reloads, {"refused"});
  retired_gauge();
}

Reloader::~Reloader() = default;

void Reloader::begin(std::shared_ptr<Generation> generation, ListeningSockets sockets, std::string mark) {
  seen_[file_] = std::move(mark);
  current_ = std::move(generation);
  note_files();
  listening_ = std::move(sockets);
  listening_changed_(listening_);
  sources::set_in_force(*current_);
  metrics::add(generation_, static_cast<std::int64_t>(current_->id));
  for (const auto& worker : workers_) worker->adopt(current_, sockets_of_worker(*current_, listening_, worker->index, current_->workers));
}

void Reloader::serve() {
  serving_ = true;
  watch();
  change();
}

void Reloader::stop() {
  stopped_ = true;
  late_.cancel();
  watch_.cancel();
  warm_.cancel();
  sources::when_applied(nullptr);
  listening_.clear();
  busy_ = false;
  changing_.insert(changing_.end(), std::make_move_iterator(asked_.begin()), std::make_move_iterator(asked_.end()));
  asked_.clear();
  for (const Asked& one : std::exchange(changing_, {})) {
    for (const ReloadDone& done : one.reloads) done(false, kEnding);
    if (one.change != nullptr) sources::answer(*one.change, sources::Answer::kEnding, kEnding);
  }
}

void Reloader::reload(ReloadDone done) {
  if (stopped_) return done(false, kEnding);
  const auto waits = std::find_if(asked_.begin(), asked_.end(), [](const Asked& one) { return !one.reloads.empty(); });
  if (waits == asked_.end()) {
    asked_.push_back({.reloads = {std::move(done)}, .change = nullptr});
  } else if (waits->reloads.size() >= kAskedMax) {
    return done(false, "too many reloads wait already");
  } else {
    waits->reloads.push_back(std::move(done));
  }
  // Not at once: what was asked for in the same turn is answered by one build.
  asio::post(io_, [this] { change(); });
}

void Reloader::commit(std::shared_ptr<sources::Change> change) {
  if (stopped_) return sources::answer(*change, sources::Answer::kEnding, kEnding);
  asked_.push_back({.reloads = {}, .change = std::move(change)});
  asio::post(io_, [this] { this->change(); });
}

void Reloader::change() {
  if (!serving_ || stopped_ || busy_) return;
  changing_ = take();
  if (changing_.empty()) return;
  busy_ = true;
  std::string why;
  if (!build(why)) refuse(why);
}

// What can be done now. A change of an instance that is part of no generation yet waits until it is.
std::vector<Reloader::Asked> Reloader::take() {
  using sources::Standing;
  std::vector<Asked> taken, later;
  for (Asked& one : std::exchange(asked_, {})) {
    const Standing standing = one.change == nullptr ? Standing::kInForce : sources::standing(one.change->instance);
    if (standing == Standing::kPast || standing == Standing::kGone) {
      sources::answer(*one.change, sources::Answer::kPast, "another instance has taken this one's place");
    } else if (standing == Standing::kComing || (!taken.empty() && taken.front().alone)) {
      later.push_back(std::move(one));
    } else {
      taken.push_back(std::move(one));
    }
  }
  asked_ = std::move(later);
  return taken;
}

// --- the next generation ---

std::optional<config::Composition> Reloader::compose(config::Diagnostics& diagnostics, std::string& why) const {
  std::shared_ptr<const config::Part> file = current_->file;
  config::Resources resources = *current_->resources;
  for (const Asked& one : changing_) {
    if (one.change != nullptr) {
      if (one.change->failed()) why += one.change->errors();
      one.change->apply(resources);
      continue;
    }
    Result<std::string> text = config::read_file(file_);
    if (text.ok()) file = config::read_configuration(*text, diagnostics);
    if (!text.ok()) why += file_ + ": " + text.error();
  }
  if (file == nullptr || !why.empty()) return std::nullopt;
  return config::compose(std::move(file), std::move(resources), diagnostics);
}

bool Reloader::build(std::string& why) {
  config::Diagnostics diagnostics(file_);
  std::optional<config::Composition> composition = compose(diagnostics, why);
  std::unique_ptr<Generation> built;
  if (composition.has_value()) {
    built = build_generation(current_->id + 1, std::move(*composition), current_->workers, current_.get(), diagnostics);
  }
  if (built == nullptr) {
    why += diagnostics.text();
    return false;
  }
  Result<ListeningSockets> sockets = open_listening(*built, listening_, current_->workers);
  if (!sockets.ok()) {
    why = sockets.error();
    return false;
  }
  metrics::add(retired_gauge(), 1);
  const std::shared_ptr<Generation> next = share(std::move(built));
  const auto opened = std::make_shared<ListeningSockets>(std::move(*sockets));
  wait_for_endpoints(next, [this, next, opened] { switch_to(next, opened); });
  return true;
}

void Reloader::wait_for_endpoints(const std::shared_ptr<Generation>& of, std::function<void()> then) {
  if (of->warm()) return then();
  const auto go_on = [this, then = std::move(then), gone_on = std::make_shared<bool>(false)] {
    if (std::exchange(*gone_on, true)) return;  // the timer had run out when it was cancelled
    warm_.cancel();
    sources::when_applied(nullptr);
    if (!stopped_) then();
  };
  sources::when_applied([go_on, of] {
    if (of->warm()) go_on();
  });
  warm_.expires_after(kWarmWait);
  warm_.async_wait([go_on](const boost::system::error_code& error) {
    if (error) return;
    say(log::Level::kWarn, "some clusters have no endpoints yet: going on without");
    go_on();
  });
}

void Reloader::switch_to(const std::shared_ptr<Generation>& next, const std::shared_ptr<ListeningSockets>& sockets) {
  if (next->model.workers != current_->model.workers) say(log::Level::kWarn, "workers: another number of them takes effect at the next start");
  changed_secrets_ = changed_secrets(current_->model.secrets, next->model.secrets);
  current_ = next;
  note_files();
  listening_ = std::move(*sockets);
  listening_changed_(listening_);
  sources::set_in_force(*current_);
  hand_over();
}

void Reloader::hand_over() {
  missing_ = workers_.size();
  for (const auto& worker : workers_) {
    auto sockets = sockets_of_worker(*current_, listening_, worker->index, current_->workers);
    const std::function<void()> task = [this, of = worker.get(), next = current_, sockets = std::move(sockets), id = current_->id] {
      of->adopt(next, sockets);
      asio::post(io_, [this, id] { taken_over(id); });
    };
    while (!worker->post(task)) std::this_thread::sleep_for(kPostAgain);
  }
  late_.expires_after(kSwitchWait);
  late_.async_wait([this, id = current_->id](const boost::system::error_code& error) {
    if (error || !busy_ || current_->id != id) return;
    say(log::Level::kWarn, std::to_string(missing_) + " workers have not taken over the new configuration yet: a plugin's hook holds them");
    missing_ = 0;  // who comes later ends nothing
    finish(true, {});
  });
}

void Reloader::taken_over(std::uint64_t id) {
  if (!busy_ || current_->id != id || missing_ == 0 || --missing_ != 0) return;
  late_.cancel();
  finish(true, {});
}

void Reloader::refuse(const std::string& why) {
  if (changing_.size() == 1) return finish(false, why);
  for (Asked& one : changing_) one.alone = true;
  asked_.insert(asked_.begin(), std::make_move_iterator(changing_.begin()), std::make_move_iterator(changing_.end()));
  changing_.clear();
  busy_ = false;
  asio::post(io_, [this] { change(); });
}

void Reloader::finish(bool ok, const std::string& text) {
  metrics::add(ok ? applied_ : refused_, 1);
  std::string answer_text = text;
  if (ok) {
    answer_text = "generation " + std::to_string(current_->id);
    metrics::add(generation_, 1);
    log::set_level(static_cast<log::Level>(current_->model.log_level));
    watch::configure(current_->model);
    const std::string by = asked_by();
    say(log::Level::kInfo, (by == "reload" ? "reloaded" : by) + ": " + answer_text + " is in force");
    for (const auto& listener : current_->listeners) {
      say(log::Level::kDebug, "listening on " + listener->address.text() + " (listener " + listener->config->name + ")");
    }
  } else {
    say(log::Level::kError, "the " + asked_by() + " was refused, nothing has changed:\n" + answer_text);
  }
  for (const std::string& name : std::exchange(changed_secrets_, {})) publish_event("cleat.secret.changed", "secret=" + name);
  publish_event(ok ? "cleat.generation.applied" : "cleat.generation.refused", ok ? "generation=" + std::to_string(current_->id) : answer_text);
  answer(ok, answer_text);
  busy_ = false;
  asio::post(io_, [this] { change(); });
}

void Reloader::answer(bool ok, const std::string& text) {
  for (const Asked& one : std::exchange(changing_, {})) {
    for (const ReloadDone& done : one.reloads) done(ok, text);
    if (one.change != nullptr) sources::answer(*one.change, ok ? sources::Answer::kAccepted : sources::Answer::kRefused, ok ? "" : text);
  }
}

// "reload", or "commit of source_a, source_b and 3 more".
std::string Reloader::asked_by() const {
  constexpr std::size_t kNamed = 3;
  std::string names;
  for (std::size_t i = 0; i < changing_.size(); ++i) {
    if (changing_[i].change == nullptr) return "reload";
    if (i < kNamed) names += (names.empty() ? "" : ", ") + changing_[i].change->source;
  }
  return "commit of " + names + (changing_.size() > kNamed ? " and " + std::to_string(changing_.size() - kNamed) + " more" : "");
}

// --- the watched files ---

void Reloader::watch() {
  const std::chrono::milliseconds every = current_->model.watch;
  // Looked for again also where nothing is watched: the next configuration may want it.
  watch_.expires_after(every.count() == 0 ? std::chrono::milliseconds(1'000) : every);
  watch_.async_wait([this](const boost::system::error_code& error) {
    if (!error && !stopped_) look_at_files();
  });
}

// Those of the generation in force, as they were when it was read.
void Reloader::note_files() {
  std::map<std::string, std::string> now;
  now[file_] = std::move(seen_[file_]);
  for (const config::ReadFile& one : config::read_files(current_->file->model)) now[one.path] = one.mark;
  seen_ = std::move(now);
}

void Reloader::look_at_files() {
  const std::string* changed = nullptr;
  for (auto& [path, seen] : seen_) {
    std::string mark = config::mark_of(path);
    if (mark == seen || mark.empty()) continue;
    seen = std::move(mark);
    changed = &path;
  }
  if (changed != nullptr) {
    if (current_->model.watch.count() != 0) {
      say(log::Level::kInfo, *changed + " has changed: reloading");
      reload([](bool, const std::string&) {});
    }
  }
  watch();
}

}  // namespace cleat
