#include "plugin_api/harness/src/tool/bench.hpp"

#include <fcntl.h>
#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <functional>

#include "kernel/config/document.hpp"
#include "kernel/exchange.hpp"
#include "plugin_api/harness/src/allocations.hpp"
#include "plugin_api/harness/src/measures.hpp"
#include "plugin_api/harness/src/tool/bench_report.hpp"
#include "plugin_api/harness/src/tool/endings.hpp"
#include "plugin_api/harness/src/tool/requests.hpp"
#include "plugin_api/harness/src/tool/traffic.hpp"

namespace cleat::kit {
namespace {

constexpr std::uint64_t kBatch = 200;          // exchanges between two looks at the clock
constexpr int kTurnsMax = 32;                  // of one exchange, within the worker's turn
constexpr std::string_view kAnswer = "HTTP/1.1 200 \r\nContent-Type: text/plain\r\nContent-Length: 6\r\n\r\n";
constexpr std::string_view kCallAnswer = "HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\n";

std::uint64_t cpu_ns() {
  timespec t;
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<std::uint64_t>(t.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(t.tv_nsec);
}

// Instructions of this thread, where the system counts them for us.
class Instructions {
 public:
  Instructions() {
    perf_event_attr wanted{};
    wanted.size = sizeof wanted;
    wanted.type = PERF_TYPE_HARDWARE;
    wanted.config = PERF_COUNT_HW_INSTRUCTIONS;
    wanted.exclude_kernel = wanted.exclude_hv = 1;
    fd_ = static_cast<int>(::syscall(SYS_perf_event_open, &wanted, 0, -1, -1, 0));
  }
  Instructions(const Instructions&) = delete;
  Instructions& operator=(const Instructions&) = delete;
  ~Instructions() {
    if (fd_ >= 0) ::close(fd_);
  }
  bool counted() const { return fd_ >= 0; }
  std::uint64_t read() const {
    std::uint64_t count = 0;
    return fd_ >= 0 && ::read(fd_, &count, sizeof count) == sizeof count ? count : 0;
  }

 private:
  int fd_;
};

struct Prepared {
  std::string name, head, body;
};

std::vector<Prepared> prepare(const std::vector<Scenario>& requests) {
  std::vector<Prepared> all;
  for (const Scenario& one : requests) {
    Prepared made{one.name, one.method + " " + one.target + " HTTP/1.1\r\nHost: " + one.authority + "\r\n", one.body};
    for (const auto& [name, value] : one.headers) made.head.append(name).append(": ").append(value).append("\r\n");
    if (!one.body.empty()) made.head += "Content-Length: " + std::to_string(one.body.size()) + "\r\n";
    made.head += "\r\n";
    all.push_back(std::move(made));
  }
  return all;
}

// One plugin hosted, and exchanges through it in the worker's own turn: from the head to on_end, as many as are asked for.
class Bench {
 public:
  Bench(HostOptions options, const std::vector<Prepared>& requests) : host_(std::move(options)), requests_(requests) {}
  bool serving() const { return host_.serving(); }
  const std::string& error() const { return host_.error; }

  // False: an exchange waits for what does not come by itself: a thread of the plugin's own, or time.
  bool run(std::uint64_t exchanges, bool inside) {
    bool whole = true;
    if (record_ == nullptr || record_->wire == nullptr) record_ = host_.connection(host_.connect(*parse_address("127.0.0.1:40000")));
    while (exchanges != 0 && whole) {
      host_.on_worker([&] {
        const allocations::Inside counted(inside);
        for (; exchanges != 0 && whole && record_->wire != nullptr; --exchanges) whole = one();
      });
      if (whole && record_->wire == nullptr) record_ = host_.connection(host_.connect(*parse_address("127.0.0.1:40000")));
      if (record_->closed) return false;
    }
    return whole;
  }

  // Each request once; or what is wrong with the first that the kernel answers itself, so that no hook would see it. Of a bare host.
  std::string refused() {
    for (std::size_t i = 0; i < requests_.size(); ++i) {
      next_ = i;
      run(1, false);
      if (status_ != 200) {
        return "request " + std::to_string(i + 1) + ", \"" + requests_[i].name + "\", is refused by the kernel, before it is any plugin's: " +
               std::to_string(status_) + (reason_.empty() ? "" : ", " + reason_);
      }
    }
    next_ = 0;
    return {};
  }

  Repetition repeat(double min_time_s) {
    Repetition made;
    std::uint64_t real = 0, cpu = 0;
    while (static_cast<double>(real) < min_time_s * 1e9) {
      std::uint64_t real_before = 0, cpu_before = 0;
      host_.on_worker([&] {
        real_before = now_ns();
        cpu_before = cpu_ns();
      });
      if (!run(kBatch, false)) break;
      host_.on_worker([&] {
        real += now_ns() - real_before;
        cpu += cpu_ns() - cpu_before;
      });
      made.iterations += kBatch;
    }
    if (made.iterations == 0) return made;
    made.real_ns = static_cast<double>(real) / static_cast<double>(made.iterations);
    made.cpu_ns = static_cast<double>(cpu) / static_cast<double>(made.iterations);
    return made;
  }

  double instructions() {  // of one exchange; < 0: not counted here
    double each = -1;
    std::uint64_t before = 0;
    std::unique_ptr<Instructions> counter;
    host_.on_worker([&] {
      counter = std::make_unique<Instructions>();
      before = counter->read();
    });
    if (counter->counted() && run(kBatch, false)) host_.on_worker([&] { each = static_cast<double>(counter->read() - before) / kBatch; });
    host_.on_worker([&] { counter.reset(); });
    return each;
  }

  double allocations_of_one() {
    std::uint64_t before = 0, after = 0;
    host_.on_worker([&] { before = allocations::count(); });
    const bool whole = run(kBatch, true);
    host_.on_worker([&] { after = allocations::count(); });
    return whole ? static_cast<double>(after - before) / kBatch : -1;
  }

 private:
  bool one() {
    const Prepared& request = requests_[next_++ % requests_.size()];
    ExchangeRecord* const record = record_->wire->begin(request.head, request.body, false);
    if (record == nullptr) return false;
    MemoryWires& wires = *host_.wires;
    for (int turn = 0; turn < kTurnsMax && record->exchange != nullptr; ++turn) {
      host_.worker->reactor.run_deferred();
      while (!wires.fresh.empty()) {
        OutgoingRecord& out = *wires.outgoing.at(wires.fresh.front());
        wires.fresh.pop_front();
        if (out.wire != nullptr) out.wire->answer(std::string(out.is_call ? kCallAnswer : kAnswer), out.is_call ? "{}" : "hello\n", false);
      }
    }
    const bool over = record->exchange == nullptr;
    if (!over) record_->wire->abort();
    host_.worker->reactor.run_deferred();
    host_.worker->reactor.run_retired();
    status_ = record->response.status;
    reason_ = std::move(record->reason);
    wires.exchanges.erase(record->id);
    wires.outgoing.clear();
    return over;
  }

  Host host_;
  const std::vector<Prepared>& requests_;
  ConnectionRecord* record_ = nullptr;
  std::size_t next_ = 0;
  std::uint32_t status_ = 0;  // of the latest exchange
  std::string reason_;
};

// One that is fit to be measured; or why there is none.
std::unique_ptr<Bench> begin(const Subject& subject, const std::vector<Prepared>& requests, bool bare, bool measured, std::string& why) {
  HostOptions options = subject.options();
  options.checked = false;
  options.bare = bare;
  if (bare) options.handler = false;
  options.measured = measured;
  auto made = std::make_unique<Bench>(std::move(options), requests);
  if (!made->serving()) {
    why = made->error();
    return nullptr;
  }
  made->run(kBatch, false);  // warm
  return made;
}

Measurement exchanges(const Subject& subject, const std::vector<Prepared>& requests, bool bare, const BenchOptions& options, std::string& why) {
  Measurement made{bare ? "exchange/without_plugin" : "exchange/with_plugin", {}};
  const std::unique_ptr<Bench> bench = begin(subject, requests, bare, false, why);
  if (bench == nullptr) return made;
  for (std::uint64_t i = 0; i < options.repetitions; ++i) {
    const Repetition one = bench->repeat(options.min_time_s);
    if (one.iterations != 0) made.repetitions.push_back(one);
  }
  made.instructions = bench->instructions();
  return made;
}

std::vector<Measurement> hooks_of(const Subject& subject, const std::vector<Prepared>& requests, const BenchOptions& options, std::string& why) {
  std::vector<Measurement> all;
  const std::unique_ptr<Bench> bench = begin(subject, requests, false, true, why);
  if (bench == nullptr) return all;
  std::array<Measurement, hooks::kHooks> by_hook;
  for (std::uint64_t i = 0; i < options.repetitions; ++i) {
    measures() = {};
    const double looking = clock_ns();
    const Repetition whole = bench->repeat(options.min_time_s);
    for (std::size_t hook = 0; hook < hooks::kHooks; ++hook) {
      const HookMeasure& of = measures()[hook];
      if (of.calls == 0 || whole.iterations == 0) continue;
      const double each = std::max(0.0, static_cast<double>(of.ns) / static_cast<double>(of.calls) - looking);
      by_hook[hook].repetitions.push_back({of.calls, each, each});
      by_hook[hook].calls = static_cast<double>(of.calls) / static_cast<double>(whole.iterations);
    }
  }
  for (std::size_t hook = 0; hook < hooks::kHooks; ++hook) {
    if (by_hook[hook].repetitions.empty()) continue;
    by_hook[hook].name = "hook/" + std::string(hooks::hook_name(static_cast<hooks::Hook>(hook)));
    all.push_back(std::move(by_hook[hook]));
  }
  return all;
}

// Last: from here on each allocation of the process costs a little more.
void count_allocations(const Subject& subject, const std::vector<Prepared>& requests, std::vector<Measurement>& all) {
  if (!allocations::supported()) return;
  allocations::watch();
  std::string why;
  for (Measurement& one : all) {
    const bool bare = one.name == "exchange/without_plugin";
    if (!bare && one.name != "exchange/with_plugin") continue;
    if (const std::unique_ptr<Bench> bench = begin(subject, requests, bare, false, why)) one.allocations = bench->allocations_of_one();
  }
  const std::unique_ptr<Bench> bench = begin(subject, requests, false, true, why);
  if (bench == nullptr) return;
  measures() = {};
  bench->run(kBatch, false);
  for (std::size_t hook = 0; hook < hooks::kHooks; ++hook) {
    const HookMeasure& of = measures()[hook];
    for (Measurement& one : all) {
      if (of.calls != 0 && one.name == "hook/" + std::string(hooks::hook_name(static_cast<hooks::Hook>(hook)))) {
        one.allocations = static_cast<double>(of.allocations) / static_cast<double>(of.calls);
      }
    }
  }
}

// --- what the plugin writes, and how it may end ---

int report_to = -1;           // what standard output was
const char* measured_file = "";

// A plugin's standard output is not the report's: it goes to standard error.
bool keep_output_apart() {
  std::fflush(stdout);
  report_to = ::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 10);
  return report_to >= 0 && ::dup2(STDERR_FILENO, STDOUT_FILENO) >= 0;
}

void print(std::string_view text, int to) {
  while (!text.empty()) {
    const ssize_t wrote = ::write(to, text.data(), text.size());
    if (wrote <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(wrote));
  }
}

// In a signal's handler too.
void tell_end(const char* how, const char* hook) {
  char text[1024] = "";
  const auto add = [&](const char* more) { std::strncat(text, more, sizeof text - std::strlen(text) - 1); };
  const bool exits = std::strcmp(how, "exit") == 0;
  add(measured_file);
  add(exits ? ": the plugin called exit()" : ": the plugin crashed: ");
  if (!exits) add(how);
  if (hook[0] != 0) add(", in ");
  add(hook);
  add("; nothing was measured. `cleat plugin check` looks for the cause\n");
  print(text, STDERR_FILENO);
  if (exits) ::_exit(2);
}

bool read_or_say(const std::string& file, std::string& text) {
  Result<std::string> read = config::read_file(file);
  if (!read.ok()) std::fprintf(stderr, "%s\n", read.error().c_str());
  if (read.ok()) text = *read;
  return read.ok();
}

}  // namespace

int bench(const BenchOptions& options) {
  Result<Subject> subject = read_subject(options.given);
  if (!subject.ok()) {
    std::fprintf(stderr, "%s\n", subject.error().c_str());
    return 1;
  }
  std::vector<Scenario> scenarios = {{.name = "plain", .headers = {{"User-Agent", "bench"}, {"Accept", "*/*"}}}};
  if (!options.requests_file.empty()) {
    std::string text;
    if (!read_or_say(options.requests_file, text)) return 1;
    Result<std::vector<Scenario>> read = read_requests(text);
    if (!read.ok()) {
      std::fprintf(stderr, "%s: %s\n", options.requests_file.c_str(), read.error().c_str());
      return 1;
    }
    scenarios = *read;
  }
  for (Scenario& one : scenarios) one.headers.insert(one.headers.end(), subject->headers.begin(), subject->headers.end());
  Earlier earlier;
  if (!options.compare_file.empty()) {
    std::string text;
    if (!read_or_say(options.compare_file, text)) return 1;
    Result<Earlier> read = read_earlier(text);
    if (!read.ok()) {
      std::fprintf(stderr, "%s: %s\n", options.compare_file.c_str(), read.error().c_str());
      return 1;
    }
    earlier = std::move(*read);
  }

  const std::vector<Prepared> requests = prepare(scenarios);
  if (!keep_output_apart()) {
    std::fprintf(stderr, "no descriptors\n");
    return 1;
  }
  measured_file = options.given.file.c_str();
  on_early_end(&tell_end);
  hooks::set_control_thread();
  subject->handler = is_handler(*subject);
  std::string why;
  if (const std::unique_ptr<Bench> bare = begin(*subject, requests, true, false, why)) {
    if (const std::string refused = bare->refused(); !refused.empty()) {
      std::fprintf(stderr, "%s%s\n", options.requests_file.empty() ? "" : (options.requests_file + ": ").c_str(), refused.c_str());
      end_is_due();
      return 1;
    }
  }
  std::vector<Measurement> all;
  if (why.empty()) all = {exchanges(*subject, requests, true, options, why), exchanges(*subject, requests, false, options, why)};
  if (why.empty()) {
    for (Measurement& one : hooks_of(*subject, requests, options, why)) all.push_back(std::move(one));
  }
  if (why.empty() && all[1].repetitions.empty()) {
    why = "its exchanges wait for a thread of its own, or for time: what they cost cannot be measured this way";
  }
  if (why.empty()) count_allocations(*subject, requests, all);
  end_is_due();
  if (!why.empty()) {
    std::fprintf(stderr, "%s: %s\n", options.given.file.c_str(), why.c_str());
    return 2;
  }
  const std::string plugin = std::filesystem::path(options.given.file).filename().string();
  print(options.format == "json" ? as_json(all, plugin) : options.format == "csv" ? as_csv(all) : as_console(all), report_to);
  if (options.compare_file.empty()) return 0;
  // A report for machines stays one.
  print("\n" + compared(all, plugin, std::move(earlier)), options.format == "console" ? report_to : STDERR_FILENO);
  return 0;
}

}  // namespace cleat::kit
