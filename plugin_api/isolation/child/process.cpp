#include "plugin_api/isolation/child/process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <cerrno>
#include <condition_variable>
#include <csignal>
#include <cstdio>

#include "kernel/base/log.hpp"
#include "kernel/base/reactor.hpp"
#include "kernel/config/document.hpp"
#include "kernel/hooks/guard.hpp"
#include "kernel/hooks/library.hpp"
#include "kernel/hooks/note.hpp"
#include "plugin_api/isolation/child/host.hpp"

namespace cleat::isolation {
namespace {

constinit std::atomic<Process*> the_process{nullptr};

void log_to_kernel(log::Level level, std::string_view, std::string_view text) {
  if (Process* const process = Process::current()) process->control.log(static_cast<std::uint32_t>(level), text);
}

bool is_open(int descriptor) { return ::fcntl(descriptor, F_GETFD) >= 0; }
void keep_from_children(int descriptor) { ::fcntl(descriptor, F_SETFD, FD_CLOEXEC); }

// Of what this host has less than the kernel: said as the kernel says it. Whatever else is wrong with the file is the loader's to say.
std::string refuse_extensions(const std::string& file) {
  Result<hooks::PluginFile> read = hooks::read_plugin_file(file);
  if (!read.ok()) return {};
  Result<hooks::Note> note = hooks::read_note(read->bytes);
  if (!note.ok()) return {};
  std::string missing;
  for (const std::string& id : note->requires_) {
    if (host_find(hooks::to_str(id)) == nullptr) missing += (missing.empty() ? "" : ", ") + id;
  }
  if (missing.empty()) return {};
  return "requires " + missing + ", which a plugin in a process of its own does not have: run it in the kernel's, or make it optional";
}

std::uint64_t hooks_of(const hooks::Library& library) {
  const cleat_plugin& table = library.table();
  std::uint64_t set = 0;
  const auto add = [&](bool there, HookNumber number) {
    if (there) set |= std::uint64_t{1} << static_cast<unsigned>(number);
  };
  add(table.on_connection != nullptr, HookNumber::kConnection);
  add(table.on_tls != nullptr, HookNumber::kTls);
  add(table.on_connection_end != nullptr, HookNumber::kConnectionEnd);
  add(table.on_request != nullptr, HookNumber::kRequest);
  add(table.on_route != nullptr, HookNumber::kRoute);
  add(table.on_request_body != nullptr, HookNumber::kRequestBody);
  add(table.on_request_trailers != nullptr, HookNumber::kRequestTrailers);
  add(table.on_attempt != nullptr, HookNumber::kAttempt);
  add(table.on_attempt_end != nullptr, HookNumber::kAttemptEnd);
  add(table.on_response != nullptr, HookNumber::kResponse);
  add(table.on_response_body != nullptr, HookNumber::kResponseBody);
  add(table.on_response_trailers != nullptr, HookNumber::kResponseTrailers);
  add(table.on_reply != nullptr, HookNumber::kReply);
  add(table.on_end != nullptr, HookNumber::kEnd);
  add(library.handover() != nullptr, HookNumber::kHandover);
  if (const cleat_plugin_handler* const handler = library.handler()) {
    add(true, HookNumber::kHandle);
    add(handler->on_handle_body != nullptr, HookNumber::kHandleBody);
    add(handler->on_handle_end != nullptr, HookNumber::kHandleEnd);
    add(handler->on_writable != nullptr, HookNumber::kWritable);
  }
  return set;
}

std::string errors_of(const config::Diagnostics& diagnostics, bool absent) {
  Writer writer;
  const std::size_t at = writer.count_later();
  std::uint32_t count = 0;
  diagnostics.each([&](std::string_view path, std::string_view words) {
    writer.text(absent && path == "config" ? std::string_view() : path);  // the loader's name for what is not there
    writer.text(words);
    ++count;
  });
  writer.count(at, count);
  return std::move(writer.bytes);
}

// JSON quotes whatever is neither a number nor a boolean. Where quotes make no difference to what the text says, they were not the operator's: a plain
// 007 is a number to the kernel's reader.
void unquote(config::Node& node) {
  if (node.quoted) {
    node.quoted = false;
    node.quoted = config::to_json(node).front() != '"';
  }
  for (config::Node::Member& member : node.members) unquote(*member.value);
}

// The text as the plugin reads it. A configuration that cannot be parsed has its error in diagnostics, and no root.
struct Text {
  Text(std::string_view text, config::Diagnostics& diagnostics) {
    if (!text.empty()) document = config::parse_document(text, diagnostics);
    if (document.root != nullptr) unquote(*document.root);
  }
  config::Document document;
  const config::Node* root() const { return document.root.get(); }
};

}  // namespace

void die(std::string_view words) {
  std::fprintf(stderr, "cleat plugin host: %.*s\n", static_cast<int>(words.size()), words.data());
  if (Process* const process = Process::current()) process->control.log(CLEAT_ERROR, words);
  ::_exit(1);
}

int host_plugin() {
  struct stat about {};
  if (::fstat(kControlDescriptor, &about) != 0 || !S_ISSOCK(about.st_mode)) {
    std::fprintf(stderr, "cleat plugin host: it is started by `cleat run`, with descriptors open, for a plugin with `isolation: process`\n");
    return 1;
  }
  // What is sent to the kernel's whole group is for the kernel to act on.
  for (const int one : {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2, SIGPIPE}) std::signal(one, SIG_IGN);
  keep_from_children(kControlDescriptor);
  if (is_open(kMemoryDescriptor)) keep_from_children(kMemoryDescriptor);
  return (new Process(kControlDescriptor))->run();  // never destroyed: a thread that the plugin left behind may still call the host
}

Process* Process::current() { return the_process.load(std::memory_order_acquire); }

Process::Process(int socket) : control(socket), posted_event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (posted_event_ < 0) die("no event descriptor is to be had");
  the_process.store(this, std::memory_order_release);
  log::send_to(log_to_kernel);
}

int Process::run() {
  hooks::set_control_thread();
  for (;;) {
    while (const std::optional<Control::Frame> request = control.next(0)) {
      if (!handle(*request)) return 0;
      run_posted();
    }
    if (control.closed()) break;
    run_posted();
    std::array<pollfd, 2> ready = {pollfd{control.descriptor(), POLLIN, 0}, pollfd{posted_event_, POLLIN, 0}};
    ::poll(ready.data(), ready.size(), -1);
    std::uint64_t count;
    while (::read(posted_event_, &count, sizeof count) > 0) {
    }
  }
  end();
  return 0;
}

// The threads first, then the plugin. A hook that does not return holds nothing up for long.
void Process::end() {
  if (!control.closed()) settle();  // the last hooks, and the workers' stop, are in the rings
  quitting_ = true;
  const std::uint64_t until = monotonic_us() + kEndWaitMs * 1000;
  bool all = true;
  for (const auto& worker : workers_) all = worker->end(until) && all;
  if (!all) die("a hook still runs although the kernel is gone: the process ends without it");
  while (!routes_.empty()) {
    if (instance_ != nullptr) hooks::Loader::destroy_route(*instance_, routes_.begin()->second);
    routes_.erase(routes_.begin());
  }
  instance_.reset();
}

// What the kernel's workers have written is behind them there; here a hook may not have come to it yet.
bool Process::settle() {
  const std::uint64_t until = monotonic_us() + kEndWaitMs * 1000;
  bool all = true;
  for (const auto& worker : workers_) all = worker->settle(until) && all;
  return all;
}

bool Process::handle(const Control::Frame& request) {
  switch (request.function) {
    case Function::kLoad: load(request); return true;
    case Function::kCreate: create(request); return true;
    case Function::kRouteCreate: route_create(request); return true;
    case Function::kRouteDestroy: route_destroy(request); return true;
    case Function::kEvent: event(request); return true;
    case Function::kDrain: finish(request, true); return true;
    case Function::kShutdown: finish(request, false); return true;
    case Function::kGive:
    case Function::kTake: hand_over(request); return true;
    case Function::kDestroy:
      end();
      control.answer(request, CLEAT_OK, {}, {});
      return false;
    default: die("the kernel asks for what this process does not know");
  }
}

// --- the life of the plugin ---

void Process::load(const Control::Frame& request) {
  Reader reader(request.rest);
  file_ = reader.text();
  name_ = reader.text();
  worker_count_ = reader.number<std::uint32_t>();
  capacity_ = reader.number<std::uint64_t>();
  validate_only_ = reader.number<std::uint8_t>() != 0;
  config_file_ = reader.text();
  if (!reader.ok() || !reader.at_end() || loaded_ || worker_count_ > kWorkersMax) die("a request to load cannot be");
  if (const std::string why = refuse_extensions(file_); !why.empty()) return control.answer(request, CLEAT_UNSUPPORTED, why, {});
  Result<std::shared_ptr<hooks::Library>> library = hooks::Library::open(file_, host_of_process());
  if (!library.ok()) return control.answer(request, CLEAT_FAILED, library.error(), {});
  if (!validate_only_) map_memory(worker_count_, capacity_);
  loaded_ = true;
  const hooks::Library& loaded = **library;
  Writer writer;
  writer.number(hooks_of(loaded));
  writer.number(static_cast<std::uint8_t>(loaded.table().on_event != nullptr));
  writer.number(static_cast<std::uint8_t>(loaded.table().on_drain != nullptr));
  writer.number(static_cast<std::uint8_t>(loaded.table().on_shutdown != nullptr));
  std::vector<std::string_view> halves;
  if (loaded.balancer() != nullptr) halves.emplace_back(CLEAT_EXT_BALANCER);
  if (loaded.config_source() != nullptr) halves.emplace_back(CLEAT_EXT_CONFIG_SOURCE);
  if (loaded.tls() != nullptr) halves.emplace_back(CLEAT_EXT_TLS);
  writer.number(static_cast<std::uint32_t>(halves.size()));
  for (const std::string_view half : halves) writer.text(half);
  control.answer(request, CLEAT_OK, {}, writer.bytes);
}

// The threads begin once the plugin is created; what is posted to them waits till then.
void Process::map_memory(std::uint32_t workers, std::uint64_t capacity) {
  constexpr std::uint64_t kCapacityMax = std::uint64_t{1} << 32;
  if (!std::has_single_bit(capacity) || capacity < 4096 || capacity > kCapacityMax) die("a ring's capacity cannot be");
  memory_bytes_ = ring_bytes(capacity) * 2 * workers;
  struct stat about {};
  if (::fstat(kMemoryDescriptor, &about) != 0 || static_cast<std::uint64_t>(about.st_size) < memory_bytes_) die("the memory of the rings is too small");
  if (workers == 0) return;
  memory_ = ::mmap(nullptr, memory_bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, kMemoryDescriptor, 0);
  if (memory_ == MAP_FAILED) {
    memory_ = nullptr;
    die("the memory of the rings cannot be mapped");
  }
  for (std::uint32_t i = 0; i < workers; ++i) {
    char* const at = static_cast<char*>(memory_) + ring_bytes(capacity) * 2 * i;
    const int wake = kFirstEventDescriptor + 2 * static_cast<int>(i);
    if (!is_open(wake) || !is_open(wake + 1)) die("a worker's event descriptors are not open");
    keep_from_children(wake);
    keep_from_children(wake + 1);
    workers_.push_back(std::make_unique<ChildWorker>(*this, i, ChildWorker::Place{at, at + ring_bytes(capacity), capacity, wake, wake + 1}));
  }
}

void Process::create(const Control::Frame& request) {
  Reader reader(request.rest);
  const bool validate = reader.number<std::uint8_t>() != 0;
  const std::string_view text = reader.text();
  if (!reader.ok() || !reader.at_end() || !loaded_ || instance_ != nullptr) die("a request to create cannot be");
  config::Diagnostics diagnostics(config_file_);
  const Text parsed(text, diagnostics);
  if (!diagnostics.failed()) {
    const config::Node whole;
    config::Instance wanted;
    wanted.name = name_;
    wanted.use = file_;
    wanted.config = parsed.root();
    wanted.node = &whole;
    hooks::Loader loader({}, host_of_process(), worker_count_);
    std::vector<std::shared_ptr<hooks::Instance>> made = loader.load({wanted}, {}, 1, validate, diagnostics);
    if (!made.empty() && !validate) instance_ = std::move(made.front());
  }
  if (instance_ != nullptr) {
    for (const auto& worker : workers_) worker->begin();
  }
  control.answer(request, CLEAT_OK, {}, errors_of(diagnostics, text.empty()));
}

void Process::route_create(const Control::Frame& request) {
  Reader reader(request.rest);
  const auto number = reader.number<std::uint32_t>();
  const std::string_view text = reader.text();
  if (!reader.ok() || !reader.at_end() || instance_ == nullptr || number == 0 || route(number) != nullptr) die("a request of a route cannot be");
  config::Diagnostics diagnostics(config_file_);
  const Text parsed(text, diagnostics);
  if (!diagnostics.failed()) {
    void* const made = hooks::Loader::create_route(*instance_, parsed.root(), diagnostics);
    const std::unique_lock lock(routes_mutex_);
    if (made != nullptr) routes_[number] = made;
  }
  control.answer(request, CLEAT_OK, {}, errors_of(diagnostics, text.empty()));
}

void Process::route_destroy(const Control::Frame& request) {
  Reader reader(request.rest);
  const auto number = reader.number<std::uint32_t>();
  if (!reader.ok() || !reader.at_end()) die("a request of a route cannot be");
  void* const gone = settle() ? route(number) : nullptr;  // where a hook hangs it may be using it: the route is left to itself
  {
    const std::unique_lock lock(routes_mutex_);
    routes_.erase(number);
  }
  if (instance_ != nullptr) hooks::Loader::destroy_route(*instance_, gone);
  control.answer(request, CLEAT_OK, {}, {});
}

void* Process::route(std::uint32_t number) const {
  const std::shared_lock lock(routes_mutex_);
  const auto found = routes_.find(number);
  return found == routes_.end() ? nullptr : found->second;
}

void Process::event(const Control::Frame& request) {
  Reader reader(request.rest);
  cleat_event event{};
  event.size = sizeof event;
  event.kind = reader.number<std::uint32_t>();
  event.name = hooks::to_str(reader.text());
  event.data = hooks::to_str(reader.text());
  if (!reader.ok() || !reader.at_end()) die("an event is not whole");
  if (instance_ == nullptr || instance_->table.on_event == nullptr) return;
  const hooks::CallOutcome outcome = hooks::call_plugin(instance_.get(), hooks::Hook::kEvent, [&] {
    instance_->table.on_event(instance_->self, &event);
    return CLEAT_OK;
  });
  if (!outcome.ok()) control.log(CLEAT_WARN, "on_event: " + outcome.words);
}

void Process::hand_over(const Control::Frame& request) {
  if (instance_ == nullptr) die("a state is asked for, or given, before there is an instance");
  if (request.function == Function::kGive) return handover.give(control, request, *instance_);
  handover.take(control, request, *instance_);
}

void Process::finish(const Control::Frame& request, bool drain) {
  Reader reader(request.rest);
  const auto completion = reader.number<std::uint64_t>();
  if (!reader.ok() || !reader.at_end()) die("a request to end is not whole");
  {
    const std::lock_guard lock(completions_mutex_);
    completions_.insert(completion);
  }
  const auto hook = instance_ == nullptr ? nullptr : drain ? instance_->table.on_drain : instance_->table.on_shutdown;
  if (hook == nullptr) {
    complete(completion);
  } else {
    const hooks::CallOutcome outcome = hooks::call_plugin(instance_.get(), drain ? hooks::Hook::kDrain : hooks::Hook::kShutdown, [&] {
      hook(instance_->self, completion);
      return CLEAT_OK;
    });
    if (!outcome.ok()) {
      control.log(CLEAT_WARN, std::string(drain ? "on_drain: " : "on_shutdown: ") + outcome.words);
      complete(completion);
    }
  }
  control.answer(request, CLEAT_OK, {}, {});
}

bool Process::complete(std::uint64_t completion) {
  {
    const std::lock_guard lock(completions_mutex_);
    if (completions_.erase(completion) == 0) return false;
  }
  Writer writer;
  writer.number(completion);
  control.tell(Function::kComplete, writer.bytes);
  return true;
}

// --- from other threads ---

bool Process::post(std::function<void()> task) {
  {
    const std::lock_guard lock(posted_mutex_);
    if (posted_.size() >= kPostedMax) return false;
    posted_.push_back(std::move(task));
  }
  const std::uint64_t one = 1;
  return ::write(posted_event_, &one, sizeof one) > 0 || errno == EAGAIN;
}

// Those of an instance that is not created yet wait, as in the kernel.
void Process::run_posted() {
  if (instance_ == nullptr) return;
  std::vector<std::function<void()>> tasks;
  {
    const std::lock_guard lock(posted_mutex_);
    tasks.swap(posted_);
  }
  for (const auto& task : tasks) task();
}

void Process::gather(const std::function<void(Gathered&)>& change) {
  bool first;
  {
    const std::lock_guard lock(gathered_mutex_);
    if (gathered_.entries().size() >= kGatheredMax) return;  // worker 0 hangs, or has not begun
    change(gathered_);
    first = !has_gathered_.exchange(true);
  }
  if (first && !workers_.empty()) workers_.front()->wake();
}

void Process::take_gathered(Gathered& into) {
  if (!has_gathered_.load(std::memory_order_relaxed)) return;
  const std::lock_guard lock(gathered_mutex_);
  has_gathered_ = false;
  for (const Gathered::Entry& entry : gathered_.entries()) {
    if (entry.what == 0) {
      into.add(entry.series, entry.value);
    } else {
      into.observe(entry.series, static_cast<std::uint64_t>(entry.value));
    }
  }
  gathered_.clear();
}

cleat_status Process::ask(Function function, std::string_view arguments, std::string& answer) {
  if (hooks::on_control_thread()) return control.ask(function, arguments, answer);
  return ask_by_worker([function, sent = std::string(arguments)](ChildWorker& worker, std::string& got) { return worker.ask(function, sent, got); }, answer);
}

cleat_status Process::ask_by_worker(Question question, std::string& answer) {
  if (workers_.empty()) return hooks::fail_call(CLEAT_FAILED, "there is no worker to ask for it");
  struct Asked {
    std::mutex mutex;
    std::condition_variable changed;
    bool done = false;
    cleat_status status = CLEAT_FAILED;
    std::string error, answer;
  };
  const auto asked = std::make_shared<Asked>();
  ChildWorker* const worker = workers_.front().get();
  const bool posted = worker->post([worker, asked, question = std::move(question)](bool running) {
    std::string got, error;
    cleat_status status = CLEAT_FAILED;
    if (running) {
      status = question(*worker, got);
      std::array<char, 1024> text;
      std::uint64_t size = 0;
      if (status != CLEAT_OK) hooks::error_text(text.data(), text.size(), &size);
      error.assign(text.data(), std::min<std::uint64_t>(size, text.size()));
    }
    const std::lock_guard lock(asked->mutex);
    asked->status = status;
    asked->answer = std::move(got);
    asked->error = running ? std::move(error) : "the worker does not run any more";
    asked->done = true;
    asked->changed.notify_one();
  });
  if (!posted) return hooks::fail_call(CLEAT_LIMIT, "too much waits for the worker already");
  std::unique_lock lock(asked->mutex);
  if (!asked->changed.wait_for(lock, std::chrono::milliseconds(ChildWorker::kAnswerWaitMs), [&] { return asked->done; })) {
    return hooks::fail_call(CLEAT_FAILED, "the kernel does not answer");
  }
  answer = std::move(asked->answer);
  return asked->status == CLEAT_OK ? CLEAT_OK : hooks::fail_call(asked->status, asked->error);
}

}  // namespace cleat::isolation
