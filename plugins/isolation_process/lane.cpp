#include "lane.hpp"

#include <time.h>

#include <algorithm>
#include <utility>

#include "hosted.hpp"
#include "perform.hpp"

namespace isolation_process {
namespace {

using namespace cleat::isolation;

constexpr int kMessagesAtOnce = 1'000;                    // then other work of the worker has its turn
constexpr std::size_t kKeptBytesMax = 4 * 1024 * 1024;    // messages that wait for room in the ring
constexpr std::size_t kSeriesMax = 262'144;
constexpr std::uint64_t kValueBytesMax = 64 * 1024;       // cleat.kv/1's

std::uint64_t now_ms() {
  timespec t{};
  ::clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<std::uint64_t>(t.tv_sec) * 1000 + static_cast<std::uint64_t>(t.tv_nsec) / 1'000'000;
}

HookHead head_of(HookNumber hook, std::uint64_t subject, std::uint32_t extra) {
  HookHead head{.call = 0, .hook = hook, .subject = subject, .body_max = 0, .route = 0, .extra = extra, .has = 0, .now_ms = now_ms()};
  void* route = nullptr;
  if (!is_of_connection(hook) && host.core->route_config(subject, &route) == CLEAT_OK) {
    head.route = static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(route));
  }
  return head;
}

void write_fields(Writer& out, const cleat_header* fields, std::uint64_t count) {
  out.number(static_cast<std::uint32_t>(count));
  for (std::uint64_t i = 0; i < count; ++i) {
    out.text(fields[i].name);
    out.text(fields[i].value);
  }
}

// A handler goes on, replies or fails: anything else would have it asked again, and again.
bool may_answer(HookNumber hook, const Message& message) {
  if (hook != HookNumber::kHandle && hook != HookNumber::kHandleBody) return true;
  const auto replies = [](const Step& step) { return step.what == Operation::kReply; };
  return message.verdict != CLEAT_UNSUBSCRIBE && (message.verdict != CLEAT_REPLIED || std::any_of(message.steps.begin(), message.steps.end(), replies));
}

}  // namespace

// --- its life ---

void Lane::start() {
  running.store(true);
  current();
}

void Lane::stop() {
  if (current()) {
    out_.clear();
    out_.number(ToProcess::kWorkerStop);
    write(out_.bytes, true);
  }
  running.store(false);
}

bool Lane::current() {
  const std::uint64_t life = hosted_.life();
  if (life == life_ && life != 0) [[likely]] return true;
  if (process_ != nullptr) leave();
  if (life == 0 || !running.load(std::memory_order_relaxed)) return false;
  std::shared_ptr<Process> next = hosted_.process();
  if (next == nullptr || next->life != life) return false;
  process_ = std::move(next);
  life_ = life;
  broken_ = false;
  writer_ = process_->writer(worker_);
  reader_ = process_->reader(worker_);
  Writer begin;
  begin.number(ToProcess::kWorkerStart);
  write(begin.bytes, true);
  if (!reader_.sleep()) hosted_.post(*this, worker_);
  return true;
}

void Lane::leave() {
  std::uint64_t failed = 0;
  for (const Pending& pending : pending_) {
    if (!pending.used) continue;
    ++failed;
    host.core->resume(pending.ticket, CLEAT_FAIL);
  }
  pending_.clear();
  free_ = 0;
  in_flight.store(0, std::memory_order_relaxed);
  failed += awaited_.size();
  for (const cleat_exchange x : std::exchange(awaited_, {})) cut_off(x);
  awaited.store(0, std::memory_order_relaxed);
  const auto calls = std::move(calls_);
  calls_.clear();
  for (const auto& [call, owner] : calls) host.http_call->cancel(call);
  kept_.clear();
  kept_bytes_ = 0;
  behind.store(false);
  visiting_ = 0;
  visited_ = {};
  {
    const std::lock_guard lock(shown_mutex_);
    shown_.reset();
  }
  series_.clear();
  connections_.clear();
  process_.reset();
  if (hosted_.ended() < life_) lost.fetch_add(static_cast<std::uint32_t>(failed), std::memory_order_relaxed);
  life_ = 0;
  hosted_.count_failed(failed);
}

// --- hooks ---

// By way of a suspension: that its process is being started again is no failure that should take the instance out for longer than that.
cleat_verdict Lane::fail(std::uint64_t subject, const char* words) {
  hosted_.count_failed(1);
  cleat_ticket ticket = 0;
  if (host.core->suspend(subject, &ticket) == CLEAT_OK && host.core->resume(ticket, CLEAT_FAIL) == CLEAT_OK) {
    host.core->log(hosted_.self, CLEAT_WARN, str(words));
    return CLEAT_SUSPEND;
  }
  host.core->set_error(str(words));
  return CLEAT_FAIL;
}

Lane::State* Lane::state_of(cleat_exchange x, bool make) const {
  void* state = nullptr;
  return host.core->exchange_state(x, make ? sizeof(State) : 0, &state) == CLEAT_OK ? static_cast<State*>(state) : nullptr;
}

cleat_verdict Lane::call(HookNumber hook, std::uint64_t subject, std::uint32_t extra, const cleat_attempt_end* end) {
  const bool exchange = !is_of_connection(hook);
  const bool there = current();
  if (exchange) {
    State* const state = state_of(subject, true);
    if (state == nullptr) return fail(subject, "no memory of the exchange is left");
    if (hook == HookNumber::kRequest) state->in_chain = true;
    if (state->life == 0) state->life = there ? life_ : kLost;
    if (!there) return fail(subject, "its process is not there: it is being started again");
    if (state->life != life_) return fail(subject, "the exchange began before its process was there");
  } else {
    if (!there) return fail(subject, "its process is not there: it is being started again");
    if (hook == HookNumber::kTls && hosted_.has(HookNumber::kConnection) && !connections_.contains(subject)) {
      return fail(subject, "the connection began before its process was there");
    }
  }
  HookHead head = head_of(hook, subject, extra);
  head.call = enter(subject, hook);
  out_.clear();
  write_snapshot(out_, head, end, process_->keys);
  if (!write_kept() || !write(out_.bytes, true)) {
    forget(*find(head.call));
    return fail(subject, out_.bytes.size() > writer_.message_max() ? "what its hook is told does not fit the ring: raise isolation.ring"
                                                                   : "its process does not keep up: the ring is full");
  }
  if (!exchange) connections_.insert(subject);
  Pending* const pending = find(head.call);
  if (host.core->suspend(subject, &pending->ticket) != CLEAT_OK) {
    host.core->set_error(str(host_error()));
    return CLEAT_FAIL;
  }
  return CLEAT_SUSPEND;
}

void Lane::tell(HookNumber hook, std::uint64_t subject) {
  if (!current()) return;
  const bool exchange = !is_of_connection(hook);
  bool begun = false, end_follows = false;
  if (exchange) {
    const State* const state = state_of(subject, false);
    if (state != nullptr && state->life != life_) return;
    begun = state != nullptr;
    end_follows = begun && hook == HookNumber::kHandleEnd && state->in_chain;
  } else {
    begun = connections_.erase(subject) != 0;
    if (!begun && hosted_.has(HookNumber::kConnection)) return;
  }
  if (hosted_.has(hook)) {
    out_.clear();
    write_snapshot(out_, head_of(hook, subject, end_follows ? 1 : 0), nullptr, process_->keys);
    if (write_kept() && write(out_.bytes, true)) return;
    hosted_.count_failed(1);
    begun = true;
  }
  if (!begun || end_follows) return;
  Writer end;
  end.number(ToProcess::kForget);
  end.number(subject);
  if (!write_kept() || !write(end.bytes, false)) write_or_keep(std::move(end.bytes));
}

// --- calls that are out ---

std::uint64_t Lane::enter(std::uint64_t subject, HookNumber hook) {
  if (free_ == 0) {
    pending_.emplace_back();
    free_ = static_cast<std::uint32_t>(pending_.size());
  }
  const std::uint32_t number = free_;
  Pending& pending = pending_[number - 1];
  free_ = pending.next_free;
  pending = {.ticket = 0, .subject = subject, .generation = ++generation_, .used = true, .hook = hook, .next_free = 0};
  in_flight.store(in_flight.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  return std::uint64_t{pending.generation} << 32 | number;
}

Lane::Pending* Lane::find(std::uint64_t call) {
  const auto number = static_cast<std::uint32_t>(call);
  if (number == 0 || number > pending_.size()) return nullptr;
  Pending& pending = pending_[number - 1];
  return pending.used && pending.generation == static_cast<std::uint32_t>(call >> 32) ? &pending : nullptr;
}

void Lane::forget(Pending& pending) {
  pending.used = false;
  pending.next_free = free_;
  free_ = static_cast<std::uint32_t>(&pending - pending_.data()) + 1;
  in_flight.store(in_flight.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed);
}

void Lane::violated(const char* what) {
  broken_ = true;
  hosted_.violated(*process_, what);
}

// --- writing ---

bool Lane::write(std::string_view message, bool wake) {
  if (!writer_.write(message)) return false;
  if (wake && writer_.reader_sleeps()) process_->wake(worker_);
  return true;
}

void Lane::write_or_keep(std::string message) {
  if (write_kept() && write(message, true)) return;
  kept_bytes_ += message.size() + 32;
  kept_.push_back(std::move(message));
  behind.store(true);
  if (kept_bytes_ > kKeptBytesMax) violated("it does not read what it has asked for");
}

bool Lane::write_kept() {
  while (!kept_.empty()) {
    if (!write(kept_.front(), true)) return false;
    kept_bytes_ -= kept_.front().size() + 32;
    kept_.pop_front();
  }
  behind.store(false);
  return true;
}

// --- reading ---

void Lane::drain() {
  posted.store(false);
  int left = kMessagesAtOnce;
  while (process_ != nullptr && !broken_) {  // what it wrote before its end counts
    const RingReader::Got got = reader_.read(in_);
    if (got == RingReader::Got::kNothing) {
      if (hosted_.life() != life_ || reader_.sleep()) break;
    } else if (got == RingReader::Got::kBroken || !message_.read(in_)) {
      violated("what is in its ring is no message");
    } else {
      handle(message_);
      if (--left == 0) {
        hosted_.post(*this, worker_);
        break;
      }
    }
  }
  if (!current()) return;
  write_kept();
  take_shown();
  if (ping.exchange(false)) {
    Writer nothing;  // forgetting what is not known: it has only to be read
    nothing.number(ToProcess::kForget);
    nothing.number(std::uint64_t{0});
    write(nothing.bytes, true);
  }
}

void Lane::handle(const Message& message) {
  switch (message.what) {
    case FromProcess::kDone: finish(message); return;
    case FromProcess::kOperations: operate(message); return;
    case FromProcess::kAsk: answer(message.question); return;
    case FromProcess::kMetrics:
      if (!take_samples(message)) violated("it counted in a series that it has not named");
      return;
    case FromProcess::kSeries:
      if (!take_series(message)) violated("it named too many series");
      return;
    case FromProcess::kWorkerStopped: return;
  }
}

void Lane::finish(const Message& message) {
  Pending* const found = find(message.call_or_subject);
  if (found == nullptr || message.verdict > CLEAT_UNSUBSCRIBE || message.verdict == CLEAT_SUSPEND) {
    violated("it answered a call that is not out, or with no verdict");
    return;
  }
  const Pending pending = *found;
  forget(*found);
  cleat_verdict verdict = message.verdict;
  std::string words(message.words);
  if (is_of_connection(pending.hook)) {
    host.core->resume(pending.ticket, verdict);
  } else {
    State* const state = state_of(pending.subject, false);
    if (state == nullptr) return;  // the exchange is gone
    if (state->failed || !may_answer(pending.hook, message)) verdict = CLEAT_FAIL;
    state->failed = false;
    if (pending.hook == HookNumber::kHandle) state->handled = verdict == CLEAT_CONTINUE;
    if (pending.hook == HookNumber::kHandleBody) await(pending.subject, verdict == CLEAT_CONTINUE && !state->answered);
    if (!relies_on_success(message.steps)) {
      // First, although it takes effect last: a ticket that was worth nothing any more says that the kernel has gone on without this answer.
      if (host.core->resume(pending.ticket, verdict) == CLEAT_OK) {
        if (verdict == CLEAT_UNSUBSCRIBE) state->in_chain = false;
        perform(hosted_.self, pending.subject, message, words);
      }
    } else {
      if (!perform(hosted_.self, pending.subject, message, words)) verdict = CLEAT_FAIL;
      if (host.core->resume(pending.ticket, verdict) == CLEAT_OK && verdict == CLEAT_UNSUBSCRIBE) state->in_chain = false;
    }
  }
  if (verdict == CLEAT_FAIL) host.core->log(hosted_.self, CLEAT_WARN, str(words.empty() ? "a hook failed without saying why" : words));
}

void Lane::operate(const Message& message) {
  State* const state = state_of(message.call_or_subject, false);
  if (state == nullptr || state->life != life_) return;  // over, or not one of its own
  std::string words;
  if (perform(hosted_.self, message.call_or_subject, message, words)) return;
  state->failed = true;
  host.core->log(hosted_.self, CLEAT_WARN, str(words));
}

// --- metrics ---

bool Lane::take_series(const Message& message) {
  if (series_.size() >= kSeriesMax && !series_.contains(message.series)) return false;
  cleat_series series = 0;
  if (host.metrics->series(message.metric, message.labels.data(), message.labels.size(), &series) != CLEAT_OK) {
    series = 0;
    host.core->log(hosted_.self, CLEAT_WARN, str("a metric's series: " + host_error()));
  }
  series_[message.series] = series;
  return true;
}

bool Lane::take_samples(const Message& message) {
  for (const Sample& sample : message.samples) {
    const auto found = series_.find(sample.series);
    if (found == series_.end()) return false;
    if (found->second == 0) continue;
    if (sample.observe) {
      host.metrics->observe(found->second, static_cast<std::uint64_t>(sample.value));
    } else {
      host.metrics->add(found->second, sample.value);
    }
  }
  return true;
}

void Lane::take_last_samples() {
  while (process_ != nullptr && reader_.read(in_) == RingReader::Got::kMessage && message_.read(in_)) {
    if (message_.what == FromProcess::kSeries && !take_series(message_)) return;
    if (message_.what == FromProcess::kMetrics && !take_samples(message_)) return;
  }
}

void Lane::show(std::string metrics) {
  const std::lock_guard lock(shown_mutex_);
  shown_ = std::move(metrics);
}

void Lane::take_shown() {
  std::optional<std::string> shown;
  {
    const std::lock_guard lock(shown_mutex_);
    shown.swap(shown_);
  }
  if (!shown || visiting_ == 0) return;  // or made for one that is gone
  visited_ = std::move(*shown);
  give_metrics(std::exchange(visiting_, 0), 0);
}

void Lane::give_metrics(std::uint32_t number, std::uint64_t at) {
  const std::string_view left = std::string_view(visited_).substr(static_cast<std::size_t>(std::min<std::uint64_t>(at, visited_.size())));
  const std::string_view piece = left.substr(0, kVisitedBytesMax);
  Writer message;
  message.number(ToProcess::kAnswer);
  message.number(number);
  message.number(CLEAT_OK);
  message.text(std::string_view());
  message.number(std::uint64_t{visited_.size()});
  message.text(piece);
  const bool last = piece.size() == left.size();
  write_or_keep(std::move(message.bytes));
  if (last) visited_ = {};
}

// --- what it asks for ---

void Lane::answer(const Question& question) {
  if (question.function == Function::kMetricsVisit) {
    if (question.amount != 0) return give_metrics(question.number, question.amount);
    visiting_ = question.number;
    wants_metrics.store(true);
    return hosted_.wake();  // its thread reads them: of many that takes long
  }
  Writer out;
  const cleat_status status = ask(question, out);
  Writer message;
  message.number(ToProcess::kAnswer);
  message.number(question.number);
  message.number(status);
  message.text(status == CLEAT_OK ? std::string() : host_error());
  message.bytes.append(out.bytes);
  write_or_keep(std::move(message.bytes));
}

cleat_status Lane::ask(const Question& q, Writer& out) {
  const cleat_host_http_call& http = *host.http_call;
  switch (q.function) {
    case Function::kHandlerStart:
    case Function::kHandlerWrite:
    case Function::kHandlerFinish:
    case Function::kHandlerAbort: return make_answer(q, out);
    case Function::kCallStart: return start_call(q, out);
    case Function::kCallWrite:
    case Function::kCallFinish:
    case Function::kCallPause:
    case Function::kCallCancel: break;
    default: return ask_shared(hosted_.self, *process_, q, out);
  }
  if (!calls_.contains(q.space_or_call)) return CLEAT_STALE;
  switch (q.function) {
    case Function::kCallWrite: {
      std::uint64_t accepted = 0;
      const cleat_status status = http.write(q.space_or_call, str(q.value), &accepted);
      if (status == CLEAT_OK) out.number(accepted);
      return status;
    }
    case Function::kCallFinish: return http.finish(q.space_or_call, message_.fields.data() + q.fields.first, q.fields.count);
    case Function::kCallPause: return http.pause(q.space_or_call, q.flags);
    default: return http.cancel(q.space_or_call);
  }
}

cleat_status Lane::start_call(const Question& q, Writer& out) {
  if (q.owner != 0) {
    const State* const state = state_of(q.owner, false);
    if (state == nullptr || state->life != life_) return CLEAT_STALE;
  }
  const cleat_call_request request = {.size = sizeof(cleat_call_request),
                                      .flags = q.flags,
                                      .cluster = str(q.cluster),
                                      .method = str(q.method),
                                      .target = str(q.target),
                                      .authority = str(q.authority),
                                      .headers = message_.fields.data() + q.fields.first,
                                      .header_count = q.fields.count,
                                      .body = str(q.value),
                                      .timeout_ms = q.timeout_ms,
                                      .body_max = q.body_max};
  cleat_call call = 0;
  const cleat_status status = host.http_call->start(hosted_.self, q.owner == 0 ? hosted_.self : q.owner, &request, on_call_event, this, &call);
  if (status != CLEAT_OK) return status;
  calls_[call] = q.owner;
  out.number(call);
  return CLEAT_OK;
}

void Lane::on_call_event(void*, cleat_call call, std::uint64_t, const cleat_call_event* event, void* lane) {
  auto& self = *static_cast<Lane*>(lane);
  const auto found = self.calls_.find(call);
  if (found == self.calls_.end() || !self.current()) return;  // of an earlier process
  const std::uint64_t owner = found->second;
  if (event->kind == CLEAT_CALL_DONE || event->kind == CLEAT_CALL_FAILED) self.calls_.erase(found);
  self.tell_event(call, owner, *event);
}

void Lane::tell_event(cleat_call call, std::uint64_t owner, const cleat_call_event& event) {
  Writer out;
  out.number(ToProcess::kCallEvent);
  out.number(call);
  out.number(owner);
  out.number(event.kind);
  out.number(event.how);
  out.number(event.status);
  write_fields(out, event.headers, event.header_count);
  out.text(event.body);
  write_fields(out, event.trailers, event.trailer_count);
  out.text(event.reason);
  if (out.bytes.size() > writer_.message_max()) {
    constexpr std::string_view kWhy = "the response does not fit the ring to the plugin's process";
    const cleat_call_event instead = {.size = sizeof(cleat_call_event), .kind = CLEAT_CALL_FAILED, .how = CLEAT_CALL_TOO_LARGE, .status = 0,
                                      .headers = nullptr, .header_count = 0, .body = {}, .trailers = nullptr, .trailer_count = 0,
                                      .reason = str(kWhy)};
    if (calls_.erase(call) != 0) host.http_call->cancel(call);
    tell_event(call, owner, instead);
    return;
  }
  write_or_keep(std::move(out.bytes));
}

cleat_status ask_shared(cleat_instance self, const Process& process, const Question& q, Writer& out) {
  const cleat_host_kv& kv = *host.kv;
  if (q.function == Function::kEventPublish) return host.events->publish(self, str(q.key), str(q.value));
  if (!process.has_space(q.space_or_call)) return CLEAT_STALE;
  std::uint64_t version = 0, needed = 0;
  cleat_status status = CLEAT_UNSUPPORTED;
  switch (q.function) {
    case Function::kKvGet:
    case Function::kKvNext: {
      std::string buffer(static_cast<std::size_t>(std::min(q.capacity, kValueBytesMax)), '\0');
      const bool get = q.function == Function::kKvGet;
      status = get ? kv.get(q.space_or_call, str(q.key), buffer.data(), buffer.size(), &needed, &version)
                   : kv.next(q.space_or_call, str(q.key), str(q.value), buffer.data(), buffer.size(), &needed);
      if (status != CLEAT_OK && status != CLEAT_TOO_SMALL) return status;
      out.text(std::string_view(buffer).substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(needed, buffer.size()))));
      out.number(needed);
      if (get) out.number(version);
      return status;
    }
    case Function::kKvSet: status = kv.set(q.space_or_call, str(q.key), str(q.value), q.amount, &version); break;
    case Function::kKvSetIf: status = kv.set_if(q.space_or_call, str(q.key), str(q.value), q.amount, q.expected, &version); break;
    case Function::kKvRemove: return kv.remove(q.space_or_call, str(q.key), q.expected);
    case Function::kKvAdd: {
      std::int64_t value = 0;
      status = kv.add(q.space_or_call, str(q.key), q.integer, q.amount, &value);
      if (status == CLEAT_OK) out.number(value);
      return status;
    }
    default: return CLEAT_UNSUPPORTED;
  }
  if (status == CLEAT_OK) out.number(version);
  return status;
}

}  // namespace isolation_process
