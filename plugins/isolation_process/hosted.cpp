#include "hosted.hpp"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>

namespace isolation_process {
namespace {

using namespace cleat::isolation;
using std::chrono::milliseconds;

constexpr milliseconds kWaitFirst{100}, kWaitMost{10'000};  // before the process is started again
constexpr std::chrono::seconds kProvenAfter{60};            // of life: the next wait is the first again
constexpr milliseconds kPingAfter{1'000};
constexpr milliseconds kGoodbye{1'000};                     // from the socket's end to the process's
constexpr int kFramesInTurn = 1'000;
constexpr std::uint64_t kWake = 0, kControl = 1, kEnd = 2, kFirstWorker = 16;

cleat_series series_of(cleat_instance self, const std::string& instance, std::uint32_t kind, std::string_view name, std::string_view help) {
  const cleat_str label = str("instance");
  const cleat_metric_def def = {.size = sizeof(cleat_metric_def), .kind = kind, .name = str(name), .help = str(help), .labels = &label, .label_count = 1,
                                .bounds = nullptr, .bound_count = 0, .series_max = 0};
  std::uint64_t metric = 0;
  cleat_series series = 0;
  const cleat_str value = str(instance);
  if (host.metrics->define(self, &def, &metric) == CLEAT_OK) host.metrics->series(metric, &value, 1, &series);
  return series;
}

}  // namespace

Hosted::Hosted(const cleat_create& info, Hosting hosting, bool validate_only)
    : self(info.self), name(view(info.name)), hosting_(std::move(hosting)), workers_(info.workers), validate_only_(validate_only) {
  for (std::uint32_t worker = 0; worker < workers_; ++worker) lanes_.push_back(std::make_unique<Lane>(*this, worker));
  progress_.resize(workers_);
  if (!validate_only) {
    restarts_ = series_of(self, name, CLEAT_COUNTER, "cleat_isolation_restarts_total", "Times that an isolated plugin's process was started again.");
    failed_ = series_of(self, name, CLEAT_COUNTER, "cleat_isolation_failed_calls_total",
                        "Calls of hooks that failed because the plugin's process ended, was not there, or did not keep up.");
    up_ = series_of(self, name, CLEAT_GAUGE, "cleat_isolation_up", "1 while the plugin's process serves.");
  }
}

// --- the control thread's calls ---

cleat_status Hosted::create(cleat_config config) {
  epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
  wake_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  epoll_event event{.events = EPOLLIN, .data = {.u64 = kWake}};
  if (epoll_ < 0 || wake_ < 0 || ::epoll_ctl(epoll_, EPOLL_CTL_ADD, wake_, &event) != 0) {
    host.core->set_error(str("no descriptors are left"));
    return CLEAT_LIMIT;
  }
  thread_ = std::thread([this] { run(); });
  wait_until(Clock::time_point::max(), [this] { return state_ != State::kStarting; });  // each of its steps has a bound
  return report(created_, config);
}

Hosted::~Hosted() {
  if (thread_.joinable()) {
    bool up;
    {
      const std::lock_guard lock(mutex_);
      up = state_ == State::kUp;
    }
    if (up) call(Function::kDestroy, {});
    {
      const std::lock_guard lock(mutex_);
      ending_ = true;
    }
    wake();
    wait_until(Clock::time_point::max(), [this] { return state_ == State::kEnded; });
    thread_.join();
    for (const auto& lane : lanes_) lane->take_last_samples();
  }
  for (const int descriptor : {epoll_, wake_}) {
    if (descriptor >= 0) ::close(descriptor);
  }
}

cleat_status Hosted::report(const Answer& answer, cleat_config config) {
  if (answer.status != CLEAT_OK && answer.rest.empty()) {
    host.core->set_error(str(answer.error));
    return answer.status;
  }
  Reader in(answer.rest);
  const std::uint32_t count = in.count(8);
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::string_view path = in.text();
    const std::string_view words = in.text();
    if (in.ok()) record_error(config, path, words);
  }
  if (answer.status == CLEAT_OK && count == 0 && in.ok()) return CLEAT_OK;
  if (count == 0) host.core->set_error(str(answer.error.empty() ? "its process answers what is no answer" : answer.error));
  return answer.status != CLEAT_OK ? answer.status : CLEAT_INVALID;
}

cleat_status Hosted::route_create(cleat_config config, void** route) {
  std::uint32_t type = CLEAT_CONFIG_NULL;
  cleat_str json{};
  if (host.config->type(config, &type) == CLEAT_OK && type != CLEAT_CONFIG_NULL) host.config->json(config, &json);
  Writer arguments;
  const std::uint32_t number = ++last_route_;
  arguments.number(number);
  arguments.text(json);
  const Answer answer = call(Function::kRouteCreate, arguments.bytes);
  const cleat_status status = report(answer, config);
  if (status != CLEAT_OK) return status;
  const std::lock_guard lock(mutex_);
  routes_[number] = view(json);
  *route = reinterpret_cast<void*>(std::uintptr_t{number});
  return CLEAT_OK;
}

void Hosted::route_destroy(void* route) {
  const auto number = static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(route));
  Writer arguments;
  arguments.number(number);
  bool up;
  {
    const std::lock_guard lock(mutex_);
    routes_.erase(number);
    up = state_ == State::kUp;
  }
  if (up) call(Function::kRouteDestroy, arguments.bytes);
}

void Hosted::event(const cleat_event& event) {
  const std::lock_guard lock(mutex_);
  if (state_ != State::kUp || has_event_ == 0) return;
  Writer arguments;
  arguments.number(event.kind);
  arguments.text(event.name);
  arguments.text(event.data);
  if (!channel_->request(0, Function::kEvent, arguments.bytes)) process_->kill();
}

void Hosted::finish(Function function, std::uint64_t completion) {
  {
    const std::lock_guard lock(mutex_);
    if (state_ == State::kUp && (function == Function::kDrain ? has_drain_ : has_shutdown_) != 0) {
      Writer arguments;
      arguments.number(completion);
      completions_.push_back(completion);
      // Its answer says that the hook has returned, which nobody waits for.
      if (channel_->request(++last_number_, function, arguments.bytes)) return;
      std::erase(completions_, completion);
    }
  }
  host.core->complete(completion);
}

Answer Hosted::call(Function function, const std::string& arguments) { return call(function, arguments, Clock::now() + hosting_.settings.start_timeout); }

Answer Hosted::call(Function function, const std::string& arguments, Clock::time_point until) {
  wait_until(until, [this] { return state_ == State::kUp || state_ == State::kEnded; });
  Wait wait;
  std::uint32_t number;
  {
    const std::lock_guard lock(mutex_);
    if (state_ != State::kUp) return {CLEAT_FAILED, "its process is not there: it is being started again", {}};
    number = ++last_number_;
    waited_for_[number] = &wait;
    if (!channel_->request(number, function, arguments)) process_->kill();
  }
  wake();
  wait_until(until, [&] { return wait.done; });
  const std::lock_guard lock(mutex_);
  waited_for_.erase(number);
  if (!wait.done) {
    violation_ = "answered nothing on its control thread for " + std::to_string(hosting_.settings.start_timeout.count()) + " ms";
    process_->kill();
    return {CLEAT_FAILED, "its process has not answered within start_timeout, and was killed", {}};
  }
  return wait.answer;
}

bool Hosted::wait_until(Clock::time_point until, const std::function<bool()>& done) {
  std::unique_lock lock(mutex_);
  ++waiters_;
  bool is_done = false;
  for (bool late = false;;) {
    do_jobs(lock);
    is_done = done();
    if (is_done || late) break;
    if (!jobs_.empty()) {  // who asks on and on is waited for no longer
      late = Clock::now() >= until;
    } else if (until == Clock::time_point::max()) {
      changed_.wait(lock);
    } else {
      late = changed_.wait_until(lock, until) == std::cv_status::timeout;
    }
  }
  --waiters_;
  post_jobs_left(lock);
  return is_done;
}

// --- for lanes ---

std::shared_ptr<Process> Hosted::process() {
  const std::lock_guard lock(mutex_);
  return process_;
}

void Hosted::violated(const Process& process, const char* what) { put_an_end(process, std::string("sent what it must not: ") + what); }

void Hosted::put_an_end(const Process& process, const std::string& why) {
  std::uint64_t life = process.life;
  life_.compare_exchange_strong(life, 0);
  {
    const std::lock_guard lock(mutex_);
    if (violation_.empty()) violation_ = why;
  }
  process.kill();
  wake();
}

void Hosted::count_failed(std::uint64_t calls) const {
  if (calls != 0 && failed_ != 0) host.metrics->add(failed_, static_cast<std::int64_t>(calls));
}

void Hosted::post(Lane& lane, std::uint32_t worker) {
  if (lane.posted.exchange(true)) return;
  const auto drain = [](void*, cleat_status, std::uint64_t, void* user) { static_cast<Lane*>(user)->drain(); };
  if (host.post->post_worker(self, worker, drain, &lane) == CLEAT_OK) return;
  lane.posted.store(false);
  lane.behind.store(true);  // the worker's queue is full: this thread tries again soon
}

// --- its thread ---

void Hosted::run() {
  const bool begun = bring_up();
  if (!begun) {
    take_down(created_.error.empty() ? "did not start" : created_.error);
    set_state(State::kEnded);
    return;
  }
  for (;;) {
    turn(Clock::now() + kPingAfter);
    {
      const std::lock_guard lock(mutex_);
      if (ending_) break;
    }
    if (!has_ended_) continue;
    if (Clock::now() - started_ >= kProvenAfter) wait_ = {};
    do {
      wait_ = wait_.count() == 0 ? kWaitFirst : std::min(wait_ * 2, kWaitMost);
      take_down(how_);
      const Clock::time_point again = Clock::now() + wait_;
      bool ending = false;
      while (!ending && Clock::now() < again) {
        turn(again);
        const std::lock_guard lock(mutex_);
        ending = ending_;
      }
      if (ending) break;
      if (restarts_ != 0) host.metrics->add(restarts_, 1);
    } while (!bring_up());
  }
  const Clock::time_point patience = Clock::now() + kGoodbye;
  while (!has_ended_ && Clock::now() < patience) turn(patience);
  if (!has_ended_) process()->kill();
  while (!has_ended_) turn(Clock::now() + kGoodbye);
  take_down(how_);
  set_state(State::kEnded);
}

// Everything that makes the process the plugin: in it and, but for the first time, its routes.
bool Hosted::bring_up() {
  std::string words;
  has_ended_ = false;
  how_.clear();
  leaves_at_ = Clock::time_point::max();
  std::shared_ptr<Process> process = Process::start(hosting_, workers_, ++lives_, words);
  if (process == nullptr) {
    has_ended_ = true;
    how_ = words;
    created_ = {CLEAT_FAILED, words, {}};
    return false;
  }
  started_ = Clock::now();
  {
    const std::lock_guard lock(mutex_);
    process_ = process;
    channel_ = std::make_shared<Channel>(process->control());
    violation_.clear();
  }
  watch(*process);
  const auto failed = [&](Answer answer) {
    if (answer.status == CLEAT_OK) answer.status = CLEAT_INVALID;
    if (lives_ != 1) say(CLEAT_ERROR, "its process cannot be started again: " + (answer.error.empty() ? "it refuses its configuration" : answer.error));
    created_ = std::move(answer);
    process->kill();
    while (!has_ended_) turn(Clock::now() + kGoodbye);
    return false;
  };
  Answer answer = load();
  if (answer.status != CLEAT_OK) return failed(std::move(answer));
  Writer arguments;
  arguments.number(static_cast<std::uint8_t>(validate_only_ ? 1 : 0));
  arguments.text(hosting_.config);
  answer = ask(Function::kCreate, arguments.bytes);
  const auto refused = [](const Answer& of) { return of.status != CLEAT_OK || Reader(of.rest).number<std::uint32_t>() != 0; };
  if (refused(answer)) return failed(std::move(answer));
  std::map<std::uint32_t, std::string> routes;
  {
    const std::lock_guard lock(mutex_);
    routes = routes_;
  }
  for (const auto& [number, config] : routes) {
    arguments.clear();
    arguments.number(number);
    arguments.text(config);
    Answer of_route = ask(Function::kRouteCreate, arguments.bytes);
    if (refused(of_route)) return failed(std::move(of_route));
  }
  created_ = std::move(answer);
  for (Progress& progress : progress_) progress = {0, Clock::now(), false};
  life_.store(process->life);
  set_state(State::kUp);
  if (up_ != 0) host.metrics->add(up_, 1);
  for (std::uint32_t worker = 0; worker < workers_; ++worker) {
    if (lives_ != 1 && lanes_[worker]->running.load()) post(*lanes_[worker], worker);
  }
  return true;
}

Answer Hosted::load() {
  Writer arguments;
  arguments.text(hosting_.file);
  arguments.text(name);
  arguments.number(workers_);
  arguments.number(hosting_.settings.ring);
  arguments.number(static_cast<std::uint8_t>(validate_only_ ? 1 : 0));
  arguments.text(hosting_.config_file);
  Answer answer = ask(Function::kLoad, arguments.bytes);
  if (answer.status != CLEAT_OK) return answer;
  Reader in(answer.rest);
  hooks_.store(in.number<std::uint64_t>(), std::memory_order_relaxed);
  const auto has_event = in.number<std::uint8_t>();
  const auto has_drain = in.number<std::uint8_t>();
  const auto has_shutdown = in.number<std::uint8_t>();
  const std::uint32_t halves = in.count(4);
  for (std::uint32_t i = 0; i < halves && lives_ == 1; ++i) {
    say(CLEAT_INFO, "its " + std::string(in.text()) + " is not called: of an isolated plugin hooks, cleat.handler/1 and cleat.handover/1 are");
  }
  if (!in.ok()) return {CLEAT_FAILED, "its process answers what is no answer", {}};
  const std::lock_guard lock(mutex_);
  has_event_ = has_event;
  has_drain_ = has_drain;
  has_shutdown_ = has_shutdown;
  return answer;
}

Answer Hosted::ask(Function function, const std::string& arguments) {
  const Clock::time_point until = Clock::now() + hosting_.settings.start_timeout;
  Wait wait;
  std::uint32_t number;
  {
    const std::lock_guard lock(mutex_);
    number = ++last_number_;
    waited_for_[number] = &wait;
    if (!channel_->request(number, function, arguments)) process_->kill();
  }
  const auto over = [&] {
    const std::lock_guard lock(mutex_);
    return wait.done || ending_;
  };
  while (!has_ended_ && !over() && Clock::now() < until) turn(until);
  const std::lock_guard lock(mutex_);
  waited_for_.erase(number);
  if (wait.done) return wait.answer;
  if (has_ended_) return {CLEAT_FAILED, "its process " + how_, {}};
  return {CLEAT_FAILED, "its process has not answered within start_timeout", {}};
}

void Hosted::watch(const Process& process) {
  const auto add = [&](int descriptor, std::uint64_t what, std::uint32_t how) {
    epoll_event event{.events = EPOLLIN | how, .data = {.u64 = what}};
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &event);
  };
  writing_ = reads_on_ = false;
  add(process.control(), kControl, 0);
  add(process.pidfd(), kEnd, 0);
  // Edge-triggered: each write to them is told of, and nobody has to read them empty.
  for (std::uint32_t worker = 0; worker < workers_; ++worker) add(process.told_by(worker), kFirstWorker + worker, EPOLLET);
}

// After the process's end: nothing of it is waited for any more, and the workers are told.
void Hosted::take_down(const std::string& why) {
  life_.store(0);
  ended_.store(lives_, std::memory_order_release);
  std::uint64_t in_flight = 0;
  for (const auto& lane : lanes_) in_flight += lane->in_flight_or_awaited() + lane->lost.exchange(0, std::memory_order_relaxed);
  std::vector<std::uint64_t> completions;
  std::shared_ptr<Process> process;
  bool ending, was_serving;
  {
    const std::lock_guard lock(mutex_);
    was_serving = state_ == State::kUp;
    ending = ending_;
    if (was_serving) state_ = State::kDown;
    process = process_;
    completions.swap(completions_);
    for (const auto& [number, wait] : waited_for_) {
      wait->answer = {CLEAT_FAILED, "its process " + why, {}};
      wait->done = true;
    }
  }
  changed_.notify_all();
  for (const std::uint64_t completion : completions) host.core->complete(completion);
  if (process != nullptr) {
    ::epoll_ctl(epoll_, EPOLL_CTL_DEL, process->control(), nullptr);
    ::epoll_ctl(epoll_, EPOLL_CTL_DEL, process->pidfd(), nullptr);
    for (std::uint32_t worker = 0; worker < workers_; ++worker) ::epoll_ctl(epoll_, EPOLL_CTL_DEL, process->told_by(worker), nullptr);
  }
  if (!was_serving) return;
  if (up_ != 0) host.metrics->add(up_, -1);
  if (ending) return;
  say(CLEAT_ERROR, "the process " + std::to_string(process->pid()) + " of " + hosting_.file + " " + why + "; " + std::to_string(in_flight) +
                       (in_flight == 1 ? " call" : " calls") + " in flight failed; it is started again in " + std::to_string(wait_.count()) + " ms");
  for (std::uint32_t worker = 0; worker < workers_; ++worker) {
    if (lanes_[worker]->running.load()) post(*lanes_[worker], worker);
  }
}

// Waits for something to happen, and does what it asks for.
void Hosted::turn(Clock::time_point until) {
  Clock::time_point next = std::min(until, look_at_);
  for (std::uint32_t worker = 0; worker < workers_; ++worker) {
    if (lanes_[worker]->behind.load()) next = std::min(next, Clock::now() + milliseconds(5));
  }
  const auto left = std::chrono::ceil<milliseconds>(next - Clock::now()).count();
  if (channel_ != nullptr && !has_ended_ && channel_->wants_to_write() != writing_) {
    writing_ = !writing_;
    epoll_event event{.events = EPOLLIN | (writing_ ? std::uint32_t{EPOLLOUT} : 0U), .data = {.u64 = kControl}};
    ::epoll_ctl(epoll_, EPOLL_CTL_MOD, process_->control(), &event);
  }
  if (reads_on_) receive();
  epoll_event events[64];
  const int count = ::epoll_wait(epoll_, events, 64, reads_on_ ? 0 : static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000)));
  for (int i = 0; i < count; ++i) {
    const std::uint64_t what = events[i].data.u64;
    std::uint64_t number = 0;
    if (what == kWake) {
      [[maybe_unused]] const ssize_t got = ::read(wake_, &number, sizeof number);
    } else if (what == kControl) {
      if (!channel_->flush()) process_->kill();
      receive();
    } else if (what == kEnd) {
      do receive();
      while (reads_on_);
      std::string how;
      if (!process_->reap(how)) continue;
      has_ended_ = true;
      how_ = std::move(how);
      ::epoll_ctl(epoll_, EPOLL_CTL_DEL, process_->pidfd(), nullptr);
      const std::lock_guard lock(mutex_);
      if (!violation_.empty()) how_ = violation_ + ", and " + how_;
    } else {
      const auto worker = static_cast<std::uint32_t>(what - kFirstWorker);
      post(*lanes_[worker], worker);
    }
  }
  for (std::uint32_t worker = 0; worker < workers_; ++worker) {
    if (lanes_[worker]->behind.load() && lanes_[worker]->running.load()) post(*lanes_[worker], worker);
  }
  show_metrics();
  if (Clock::now() >= look_at_) look_at_rings();
}

void Hosted::receive() {
  std::string bytes;
  Frame frame;
  reads_on_ = false;
  for (int frames = 0;; ++frames) {
    if (frames == kFramesInTurn) {  // time goes on, whatever it sends
      reads_on_ = true;
      return;
    }
    const Channel::Got got = channel_->receive(bytes);
    if (got == Channel::Got::kNothing) return;
    if (got == Channel::Got::kEnd) {  // it is about to end, or will be made to
      ::epoll_ctl(epoll_, EPOLL_CTL_DEL, process_->control(), nullptr);
      leaves_at_ = std::min(leaves_at_, Clock::now() + kGoodbye);
      return;
    }
    if (got == Channel::Got::kBroken || !read_frame(bytes, frame)) {
      violated(*process_, "what is on its socket is no message");
      return;
    }
    if (!frame.is_answer) {
      serve(frame);
      continue;
    }
    {
      const std::lock_guard lock(mutex_);
      const auto found = waited_for_.find(frame.number);
      if (found == waited_for_.end()) continue;  // nobody waits any more
      found->second->answer = {frame.status, std::string(frame.error), std::string(frame.rest)};
      found->second->done = true;
    }
    changed_.notify_all();
  }
}

// Who is alive reads: a thread of the process that leaves what is for it in the ring is stuck in the plugin.
void Hosted::look_at_rings() {
  const Clock::time_point now = Clock::now();
  const milliseconds hang = hosting_.settings.hang;
  look_at_ = now + std::min(kPingAfter, hang / 4);
  if (has_ended_ || process_ == nullptr) return;
  if (now >= leaves_at_) process_->kill();
  if (life() == 0) return;
  for (std::uint32_t worker = 0; worker < workers_; ++worker) {
    Lane& lane = *lanes_[worker];
    RingMemory& ring = process_->to_process(worker);
    Progress& progress = progress_[worker];
    const std::uint64_t read = ring.read.load(), written = ring.written.load();
    const bool waits = read != written;
    if (read != progress.read || (!waits && lane.in_flight_or_awaited() == 0)) {
      progress = {read, now, false};
    } else if (!waits && !progress.pinged && now - progress.since >= std::min(kPingAfter, hang / 2)) {
      progress = {read, now, true};
      lane.ping.store(true);
      post(lane, worker);
    } else if (waits && now - progress.since >= hang) {
      put_an_end(*process_, "is stuck: its thread of worker " + std::to_string(worker) + " has done nothing for " + std::to_string(hang.count()) + " ms");
      return;
    }
    if (waits && ring.asleep.exchange(0) != 0) process_->wake(worker);
  }
}

void Hosted::say(std::uint32_t level, const std::string& text) const { host.core->log(self, level, str(text)); }

void Hosted::wake() const {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(wake_, &one, sizeof one);
}

void Hosted::set_state(State state) {
  {
    const std::lock_guard lock(mutex_);
    state_ = state;
  }
  changed_.notify_all();
}

}  // namespace isolation_process
