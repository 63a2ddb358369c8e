// What the process asks on the control socket: what any thread may do is done here, on the instance's thread; what is the control thread's is left to it:
// to one that waits for the process just now, or else it is posted there.
#include <algorithm>

#include "hosted.hpp"

namespace isolation_process {

using namespace cleat::isolation;

namespace {

constexpr std::size_t kJobsMax = 4'096;  // that wait for the control thread

cleat_status define(cleat_instance self, Reader& in, Writer& out) {
  cleat_metric_def def{};
  def.size = sizeof def;
  def.kind = in.number<std::uint32_t>();
  def.name = str(in.text());
  def.help = str(in.text());
  std::vector<cleat_str> labels(in.count(4));
  for (cleat_str& label : labels) label = str(in.text());
  std::vector<std::uint64_t> bounds(in.count(8));
  for (std::uint64_t& bound : bounds) bound = in.number<std::uint64_t>();
  def.series_max = in.number<std::uint64_t>();
  def.labels = labels.data();
  def.label_count = labels.size();
  def.bounds = bounds.data();
  def.bound_count = bounds.size();
  if (!in.ok()) return CLEAT_INVALID;
  std::uint64_t metric = 0;
  const cleat_status status = host.metrics->define(self, &def, &metric);
  if (status == CLEAT_OK) out.number(metric);
  return status;
}

cleat_status open_space(cleat_instance self, Process& process, Reader& in, Writer& out) {
  const std::string_view name = in.text();
  const auto flags = in.number<std::uint32_t>();
  const auto bytes_max = in.number<std::uint64_t>();
  if (!in.ok()) return CLEAT_INVALID;
  std::uint64_t space = 0;
  const cleat_status status = host.kv->open(self, str(name), flags, bytes_max, &space);
  if (status != CLEAT_OK) return status;
  for (auto& own : process.spaces) {
    std::uint64_t none = 0;
    if (own.load() == space || own.compare_exchange_strong(none, space)) break;  // 16 of an instance are the host's bound
  }
  out.number(space);
  return CLEAT_OK;
}

cleat_status ask_key(Process& process, Reader& in, Writer& out) {
  const std::string_view name = in.text();
  std::uint32_t key = 0;
  if (!in.ok()) return CLEAT_INVALID;
  const cleat_status status = host.metadata->key(str(name), &key);
  if (status != CLEAT_OK) return status;
  if (!process.keys.add(key)) return CLEAT_LIMIT;
  out.number(key);
  return CLEAT_OK;
}

cleat_status ask_on_control(cleat_instance self, Process& process, Function function, Reader& in, Writer& out) {
  switch (function) {
    case Function::kMetadataKey: return ask_key(process, in, out);
    case Function::kMetricDefine: return define(self, in, out);
    case Function::kKvOpen: return open_space(self, process, in, out);
    case Function::kEventSubscribe: return host.events->subscribe(self, str(in.text()));
    default: return CLEAT_UNSUPPORTED;
  }
}

struct Visited {
  Writer out;
  std::string name;
};

void visited(void* user, const cleat_metric_view* metric) {
  auto& [out, name] = *static_cast<Visited*>(user);
  const bool again = view(metric->name) == name;
  out.number(metric->kind);
  out.text(again ? cleat_str{} : metric->name);
  out.text(again ? cleat_str{} : metric->help);
  if (!again) name = view(metric->name);
  out.number(static_cast<std::uint32_t>(metric->label_count));
  for (std::uint64_t i = 0; i < metric->label_count; ++i) {
    out.text(metric->labels[i].name);
    out.text(metric->labels[i].value);
  }
  out.number(metric->value);
  const bool histogram = metric->kind == CLEAT_HISTOGRAM;
  out.number(static_cast<std::uint32_t>(histogram ? metric->bound_count : 0));
  for (std::uint64_t i = 0; histogram && i < metric->bound_count; ++i) out.number(metric->bounds[i]);
  out.number(static_cast<std::uint32_t>(histogram ? metric->bound_count + 1 : 0));
  for (std::uint64_t i = 0; histogram && i <= metric->bound_count; ++i) out.number(metric->buckets[i]);
}

}  // namespace

// --- cleat.handover/1: the control thread ---

cleat_status Hosted::give(std::uint64_t handover, std::uint32_t& format) {
  {
    const std::lock_guard lock(mutex_);
    if (state_ != State::kUp) {
      host.core->set_error(str("its process is not there: it is being started again"));
      return CLEAT_FAILED;
    }
  }
  const Clock::time_point until = Clock::now() + hosting_.settings.start_timeout;  // for all pieces
  std::uint64_t whole = 0;
  for (std::uint64_t have = 0; have == 0 || have < whole;) {
    Writer arguments;
    arguments.number(have);
    const Answer answer = call(Function::kGive, arguments.bytes, until);
    if (answer.status != CLEAT_OK) {
      host.core->set_error(str(answer.error));
      return answer.status;
    }
    Reader in(answer.rest);
    format = in.number<std::uint32_t>();
    const auto is = in.number<std::uint64_t>();
    const std::string_view piece = in.text();
    if (have == 0) whole = is;
    if (!in.ok() || is != whole || whole > kStateBytesMax || piece.size() != std::min<std::uint64_t>(whole - have, kHandoverBytesMax)) {
      host.core->set_error(str("its process answers what is no answer"));
      return CLEAT_FAILED;
    }
    const cleat_status status = host.handover->write(handover, str(piece));
    if (status != CLEAT_OK) return status;
    have += piece.size();
    if (whole == 0) break;
  }
  return CLEAT_OK;
}

cleat_status Hosted::take(std::uint32_t format, std::string_view bytes) {
  const Clock::time_point until = Clock::now() + hosting_.settings.start_timeout;
  for (;;) {
    const std::string_view piece = bytes.substr(0, kHandoverBytesMax);
    bytes.remove_prefix(piece.size());
    Writer arguments;
    arguments.number(static_cast<std::uint8_t>(bytes.empty() ? 1 : 0));
    arguments.number(format);
    arguments.text(piece);
    const Answer answer = call(Function::kTake, arguments.bytes, until);
    if (answer.status != CLEAT_OK) host.core->set_error(str(answer.error));
    if (answer.status != CLEAT_OK || bytes.empty()) return answer.status;
  }
}

void Hosted::show_metrics() {
  for (std::uint32_t worker = 0; worker < workers_; ++worker) {
    if (!lanes_[worker]->wants_metrics.exchange(false)) continue;
    Visited all;
    host.metrics->visit(visited, &all);
    lanes_[worker]->show(std::move(all.out.bytes));
    post(*lanes_[worker], worker);
  }
}

void Hosted::serve(const Frame& frame) {
  Reader in(frame.rest);
  switch (frame.function) {
    case Function::kLog: {
      const auto level = in.number<std::uint32_t>();
      const std::string_view text = in.text();
      if (in.ok()) host.core->log(self, level > CLEAT_ERROR ? CLEAT_ERROR : level, str(text));
      return;
    }
    case Function::kComplete: {
      const auto completion = in.number<std::uint64_t>();
      {
        const std::lock_guard lock(mutex_);
        if (std::erase(completions_, completion) == 0) return;  // not one that it was given, or done already
      }
      host.core->complete(completion);
      return;
    }
    case Function::kMetadataKey:
    case Function::kMetricDefine:
    case Function::kKvOpen:
    case Function::kEventSubscribe: serve_on_control(frame.number, frame.function, std::string(frame.rest)); return;
    default: break;
  }
  Message message;
  if (frame.function > Function::kEventPublish || !message.read_arguments(frame.function, in)) {
    violated(*process(), "what it asks for on its socket cannot be asked for");
    return;
  }
  Writer out;
  const bool call = frame.function >= Function::kCallStart && frame.function <= Function::kCallCancel;
  const cleat_status status = call ? CLEAT_WRONG_THREAD : ask_shared(self, *process(), message.question, out);
  channel_->answer(frame.number, frame.function, status, status == CLEAT_OK ? std::string() : call ? "call: calls are started on a worker; post there" : host_error(), out.bytes);
}

void Hosted::serve_on_control(std::uint32_t number, Function function, std::string arguments) {
  std::unique_lock lock(mutex_);
  if (jobs_.size() >= kJobsMax) {
    violation_ = "asks for more than is ever answered";
    process_->kill();
    return;
  }
  jobs_.emplace_back([this, number, function, arguments = std::move(arguments), process = process_, channel = channel_] {
    Reader in(arguments);
    Writer out;
    const cleat_status status = ask_on_control(self, *process, function, in, out);
    channel->answer(number, function, status, status == CLEAT_OK ? std::string() : host_error(), out.bytes);
  });
  changed_.notify_all();
  post_jobs_left(lock);
}

void Hosted::on_job(void* instance, cleat_status status, std::uint64_t, void*) {
  if (status != CLEAT_OK) return;
  auto& self = *static_cast<Hosted*>(instance);
  std::unique_lock lock(self.mutex_);
  self.do_jobs(lock);
  self.post_jobs_left(lock);
}

void Hosted::do_jobs(std::unique_lock<std::mutex>& lock) {
  for (std::size_t left = jobs_.size(); left != 0 && !jobs_.empty(); --left) {
    const std::function<void()> job = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();
    job();
    lock.lock();
  }
}

void Hosted::post_jobs_left(std::unique_lock<std::mutex>& lock) {
  const bool left = waiters_ == 0 && !jobs_.empty();
  lock.unlock();
  if (left) host.post->post_worker(self, CLEAT_POST_CONTROL, on_job, nullptr);
}

}  // namespace isolation_process
