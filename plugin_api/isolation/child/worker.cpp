#include "plugin_api/isolation/child/worker.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <exception>

#include "kernel/base/reactor.hpp"
#include "plugin_api/isolation/child/control.hpp"
#include "plugin_api/isolation/child/process.hpp"

namespace cleat::isolation {
namespace {

constinit thread_local ChildWorker* current_worker = nullptr;

std::uint64_t now_ms() { return monotonic_us() / 1000; }

void ring_event(int descriptor) {
  const std::uint64_t one = 1;
  while (::write(descriptor, &one, sizeof one) < 0 && errno == EINTR) {
  }
}

bool wait_event(int descriptor, int wait_ms) {
  pollfd ready{descriptor, POLLIN, 0};
  if (::poll(&ready, 1, wait_ms) != 1) return false;
  std::uint64_t count;
  return ::read(descriptor, &count, sizeof count) > 0;
}

}  // namespace

std::string caught() {
  try {
    throw;
  } catch (const std::exception& error) {
    return std::string("threw: ") + error.what();
  } catch (...) {
    return "threw: an exception of unknown type";
  }
}

ChildWorker::ChildWorker(Process& process_, std::uint32_t index_, const Place& place)
    : index(index_), process(process_),
      timers(index_,
             [this](std::uint64_t owner, cleat_timer_fn fn, void* user) {
               void* const plugin = process.instance()->self;
               callback(hooks::Hook::kTimer, [&] { fn(plugin, owner, user); });
             }),
      reader_(place.to_process, place.capacity), writer_(place.from_process, place.capacity), wake_(place.wake), wake_kernel_(place.wake_kernel) {}

ChildWorker* ChildWorker::current() { return current_worker; }

// --- the thread ---

void ChildWorker::begin() {
  thread_ = std::thread([this] { run(); });
}

bool ChildWorker::settle(std::uint64_t until_us) {
  if (!thread_.joinable()) return true;
  const std::uint64_t wanted = ++settle_wanted_;
  wake();
  while (settle_done_ < wanted && !ended_ && monotonic_us() < until_us) ::usleep(100);
  return settle_done_ >= wanted || ended_;
}

bool ChildWorker::end(std::uint64_t until_us) {
  if (!thread_.joinable()) return true;
  quit_ = true;
  wake();
  while (!ended_ && monotonic_us() < until_us) ::usleep(1000);
  if (!ended_) {
    thread_.detach();
    return false;
  }
  thread_.join();
  return true;
}

void ChildWorker::run() {
  current_worker = this;
  while (!quit_) {
    if (!turn()) wait();
  }
  stop();
  {
    const std::lock_guard lock(mutex_);
    takes_tasks_ = false;
  }
  run_tasks();
  ended_ = true;
}

bool ChildWorker::turn() {
  bool busy = false, empty = false;
  const std::uint64_t wanted = settle_wanted_;
  for (std::uint32_t i = 0; i < kMessagesATurn && !quit_ && !empty; ++i) {
    empty = !next_message();
    if (empty) break;
    busy = true;
    handle();
    wake_kernel();
  }
  if (empty) settle_done_ = wanted;
  run_tasks();
  timers.advance(now_ms());
  if (index == 0) process.take_gathered(gathered);
  if (gathered.empty()) {
    metrics_ms_ = 0;
  } else if (metrics_ms_ == 0) {
    metrics_ms_ = now_ms();
  }
  if (running() && !gathered.empty() && (!busy || gathered.full() || now_ms() - metrics_ms_ >= kMetricsWaitMs)) send_metrics();
  wake_kernel();
  return busy;
}

void ChildWorker::wait() {
  if (!kept_.empty() || !reader_.sleep()) return;
  {
    const std::lock_guard lock(mutex_);
    if (!posted_.empty() && (started_ || quit_)) return;
  }
  if (quit_ || settle_done_ != settle_wanted_) return;
  wait_event(wake_, timers.wait_ms(now_ms()));
}

void ChildWorker::wake() { ring_event(wake_); }

void ChildWorker::wake_kernel() {
  if (!unwoken_) return;
  unwoken_ = false;
  if (writer_.reader_sleeps()) ring_event(wake_kernel_);
}

bool ChildWorker::post(Task task) {
  {
    const std::lock_guard lock(mutex_);
    if (!takes_tasks_ || posted_.size() >= kPostedMax) return false;
    posted_.push_back(std::move(task));
  }
  if (current_worker != this) wake();  // else it looks before it waits
  return true;
}

void ChildWorker::run_tasks() {
  if (!started_ && !quit_) return;
  std::vector<Task> tasks;
  {
    const std::lock_guard lock(mutex_);
    tasks.swap(posted_);
  }
  for (const Task& task : tasks) task(running());
  send_dirty();
}

// --- the ring from the kernel ---

bool ChildWorker::next_message() {
  if (!kept_.empty()) {
    message_.swap(kept_.front());
    kept_bytes_ -= message_.size();
    kept_.pop_front();
    return true;
  }
  switch (reader_.read(message_)) {
    case RingReader::Got::kMessage: return true;
    case RingReader::Got::kNothing: return false;
    case RingReader::Got::kBroken: die("the ring from the kernel holds what cannot be");
  }
  return false;
}

void ChildWorker::handle() {
  Reader reader(message_);
  switch (reader.number<ToProcess>()) {
    case ToProcess::kWorkerStart: return start();
    case ToProcess::kWorkerStop: return stop();
    case ToProcess::kHook: return hook();
    case ToProcess::kForget: {
      Subject* const x = find(reader.number<std::uint64_t>());
      if (!reader.ok()) die("a forgetting is not whole");
      if (x != nullptr) forget(*x);
      return;
    }
    case ToProcess::kAnswer: return;  // of a question that was given up
    case ToProcess::kCallEvent: return call_event();
    case ToProcess::kWritable: {
      Subject* const x = find(reader.number<std::uint64_t>());
      if (!reader.ok()) die("that there is room for an answer is not whole");
      if (x != nullptr && x->handling.active()) writable(*x);
      return;
    }
  }
  die("a message of an unknown type came from the kernel");
}

void ChildWorker::start() {
  if (started_) die("a worker was started twice");
  started_ = true;
  const hooks::Instance& instance = *process.instance();
  if (instance.table.worker_start == nullptr) return;
  callback(hooks::Hook::kWorkerStart, [&] {
    if (instance.table.worker_start(instance.self, index) == CLEAT_OK) return;
    const std::string words = hooks::take_plugin_error();
    process.control.log(CLEAT_WARN, "worker_start: " + (words.empty() ? "failed without saying why" : words));
  });
}

void ChildWorker::stop() {
  if (!started_ || stopped_) return;
  stopping_ = true;
  timers.cancel_all();
  cancel_calls();
  const hooks::Instance& instance = *process.instance();
  if (instance.table.worker_stop != nullptr) callback(hooks::Hook::kWorkerStop, [&] { instance.table.worker_stop(instance.self, index); });
  if (index == 0) process.take_gathered(gathered);
  send_metrics();
  stopped_ = true;
  while (!subjects_.empty()) forget(*subjects_.begin()->second);
  Writer writer;
  writer.number(FromProcess::kWorkerStopped);
  send(writer.bytes);
  wake_kernel();
}

Subject* ChildWorker::find(std::uint64_t handle) const {
  if (running_ != nullptr && running_->handle == handle) return running_;
  const auto found = subjects_.find(handle);
  return found == subjects_.end() ? nullptr : found->second.get();
}

// --- what was done ---

bool ChildWorker::full(Subject& x) {
  const Call* const call = running_call(x);
  const Operations& into = call != nullptr ? call->operations : x.outside;
  return into.writer.bytes.size() > Subject::kOperationsBytesMax;
}

Writer* ChildWorker::operation(Subject& x, Operation what) {
  Operations* into = nullptr;
  if (Call* const call = running_call(x)) {
    into = &call->operations;
  } else {
    for (Call& waiting : x.calls) {
      if (waiting.suspended && into == nullptr) into = &waiting.operations;
    }
  }
  if (into == nullptr) {
    into = &x.outside;
    if (into->count == 0) dirty_.push_back(x.handle);
  }
  if (into->writer.bytes.size() > Subject::kOperationsBytesMax) return nullptr;
  ++into->count;
  into->writer.number(what);
  return &into->writer;
}

void ChildWorker::send_outside(Subject& x) {
  if (x.outside.count == 0) return;
  out_.clear();
  out_.number(FromProcess::kOperations);
  out_.number(x.handle);
  out_.number(x.outside.count);
  out_.bytes.append(x.outside.writer.bytes);
  x.outside.clear();
  if (!send(out_.bytes)) process.control.log(CLEAT_WARN, "what it did to an exchange is more than can be told to the kernel at once, and was dropped");
}

void ChildWorker::send_dirty() {
  while (!dirty_.empty()) {
    const std::uint64_t handle = dirty_.back();
    dirty_.pop_back();
    if (Subject* const x = find(handle)) send_outside(*x);
  }
}

// --- callbacks ---

void ChildWorker::callback(hooks::Hook hook, const std::function<void()>& call) {
  hooks::take_plugin_error();
  try {
    call();
  } catch (...) {
    process.control.log(CLEAT_WARN, std::string(hooks::hook_name(hook)) + ": " + caught());
  }
  send_dirty();
}

void ChildWorker::writable(Subject& x) {
  const hooks::Instance& instance = *process.instance();
  if (instance.handler == nullptr || instance.handler->on_writable == nullptr) return;
  callback(hooks::Hook::kWritable, [&] { instance.handler->on_writable(instance.self, x.handle); });
}

void ChildWorker::call_event() {
  CallEvent event;
  const std::string message = std::move(message_);
  if (!read_call_event(std::string_view(message).substr(1), event)) die("an event of a call is not whole");
  const auto found = started_calls.find(event.call);
  if (found == started_calls.end()) return;  // its start was given up
  const CallOwner owner = found->second;
  if (event.event.kind <= CLEAT_CALL_FAILED) started_calls.erase(found);
  void* const plugin = process.instance()->self;
  callback(hooks::Hook::kCall, [&] { owner.fn(plugin, event.call, owner.owner, &event.event, owner.user); });
}

void ChildWorker::cancel_calls() {
  while (!started_calls.empty()) {
    const auto [handle, owner] = *started_calls.begin();
    started_calls.erase(started_calls.begin());
    constexpr std::string_view kReason = "the instance stops";
    cleat_call_event event{};
    event.size = sizeof event;
    event.kind = CLEAT_CALL_FAILED;
    event.how = CLEAT_CALL_CANCELLED;
    event.reason = hooks::to_str(kReason);
    void* const plugin = process.instance()->self;
    callback(hooks::Hook::kCall, [&, gone = handle, whose = owner] { whose.fn(plugin, gone, whose.owner, &event, whose.user); });
  }
}

// --- the ring to the kernel ---

bool ChildWorker::send(std::string_view message) {
  if (message.size() > writer_.message_max()) return false;
  const std::uint64_t until = monotonic_us() + kRoomWaitMs * 1000;
  bool told = false;
  while (!writer_.write(message)) {
    if (quit_ || process.quitting()) return true;  // nobody reads any more
    if (monotonic_us() >= until) die("the kernel does not read its ring");
    if (!told) wake_kernel();
    told = true;
    ::usleep(200);
  }
  unwoken_ = true;
  return true;
}

cleat_status ChildWorker::ask(Function function, std::string_view arguments, std::string& answer) {
  if (!running() || unheard_) return hooks::fail_call(CLEAT_FAILED, "the worker does not run");
  if (++question_ == 0) question_ = 1;
  const std::uint32_t number = question_;
  Writer writer;
  writer.number(FromProcess::kAsk);
  writer.number(number);
  writer.number(function);
  writer.bytes.append(arguments);
  if (!send(writer.bytes)) return hooks::fail_call(CLEAT_LIMIT, "that is more than can be told to the kernel at once");
  wake_kernel();
  const std::uint64_t until = now_ms() + kAnswerWaitMs;
  std::string message;
  for (;;) {
    const RingReader::Got got = reader_.read(message);
    if (got == RingReader::Got::kBroken) die("the ring from the kernel holds what cannot be");
    if (got == RingReader::Got::kMessage) {
      Reader reader(message);
      if (reader.number<ToProcess>() != ToProcess::kAnswer) {
        kept_bytes_ += message.size();
        kept_.push_back(std::move(message));
        if (kept_.size() > kKeptMax || kept_bytes_ > kKeptBytesMax) die("too many messages came while an answer was waited for");
        continue;
      }
      const auto of = reader.number<std::uint32_t>();
      const auto status = reader.number<std::int32_t>();
      const std::string_view error = reader.text();
      if (!reader.ok()) die("an answer is not whole");
      if (of != number) continue;
      answer = message.substr(1 + 4 + 4 + 4 + error.size());
      return status == CLEAT_OK ? CLEAT_OK : hooks::fail_call(status, error);
    }
    const std::uint64_t now = now_ms();
    if (now >= until || quit_ || process.quitting()) {
      unheard_ = stopping_;
      return hooks::fail_call(CLEAT_FAILED, "the kernel does not answer");
    }
    if (reader_.sleep()) wait_event(wake_, static_cast<int>(std::min<std::uint64_t>(until - now, 1000)));
  }
}

void ChildWorker::send_metrics() {
  if (gathered.empty()) return;
  for (const Gathered::Entry& entry : gathered.entries()) {
    if (announced_.size() <= entry.series) announced_.resize(entry.series + 64);
    if (announced_[entry.series]) continue;
    announced_[entry.series] = true;
    out_.clear();
    out_.number(FromProcess::kSeries);
    process.series.write(entry.series, out_);
    send(out_.bytes);
  }
  constexpr std::size_t kEntriesOfAMessage = 100;
  const std::vector<Gathered::Entry>& all = gathered.entries();
  for (std::size_t at = 0; at < all.size(); at += kEntriesOfAMessage) {
    const std::size_t end = std::min(all.size(), at + kEntriesOfAMessage);
    out_.clear();
    out_.number(FromProcess::kMetrics);
    out_.number(static_cast<std::uint32_t>(end - at));
    for (std::size_t i = at; i < end; ++i) {
      out_.number(all[i].series);
      out_.number(all[i].what);
      out_.number(all[i].value);
    }
    send(out_.bytes);
  }
  gathered.clear();
  metrics_ms_ = 0;
}

}  // namespace cleat::isolation
