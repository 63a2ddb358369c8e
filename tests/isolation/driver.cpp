#include "tests/isolation/driver.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>

#include "kernel/base/check.hpp"
#include "kernel/base/reactor.hpp"

namespace cleat::isolation::test {
namespace {

constexpr int kDeadlineMs = 10'000;

std::string environment(const char* name) {
  const char* const value = std::getenv(name);
  CLEAT_CHECK(value != nullptr);
  return value;
}

void write_fields(Writer& writer, const Pairs& fields) {
  writer.number(static_cast<std::uint32_t>(fields.size()));
  for (const auto& [name, value] : fields) {
    writer.text(std::string_view(name));
    writer.text(std::string_view(value));
  }
}

// In the new process: only calls that are safe after fork.
[[noreturn]] void become(const std::vector<int>& descriptors, const char* program) {
  std::array<int, 64> high{};
  for (std::size_t i = 0; i < descriptors.size(); ++i) high[i] = ::fcntl(descriptors[i], F_DUPFD, 200);
  for (std::size_t i = 0; i < descriptors.size(); ++i) ::dup2(high[i], kControlDescriptor + static_cast<int>(i));
  ::close_range(kControlDescriptor + static_cast<unsigned>(descriptors.size()), ~0U, 0);
  ::execl(program, "cleat", "plugin", "host", nullptr);
  ::_exit(127);
}

}  // namespace

std::string plugin_file(std::string_view name) { return environment("CLEAT_BUILD") + "/isolation_plugins/" + std::string(name) + ".so"; }

Kernel::Kernel(std::uint32_t workers, std::uint64_t capacity) : workers_(workers), capacity_(capacity) {
  std::array<int, 2> pair{};
  CLEAT_CHECK(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()) == 0);
  control_ = pair[0];
  const int memory = ::memfd_create("rings", MFD_CLOEXEC);
  const std::size_t bytes = ring_bytes(capacity) * 2 * workers;
  CLEAT_CHECK(memory >= 0 && ::ftruncate(memory, static_cast<off_t>(bytes)) == 0);
  memory_ = static_cast<char*>(::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0));
  CLEAT_CHECK(memory_ != MAP_FAILED);
  std::vector<int> descriptors = {pair[1], memory};
  for (std::uint32_t i = 0; i < workers; ++i) {
    wake_process_.push_back(::eventfd(0, EFD_CLOEXEC));
    wake_kernel_.push_back(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    descriptors.push_back(wake_process_.back());
    descriptors.push_back(wake_kernel_.back());
    char* const at = memory_ + ring_bytes(capacity) * 2 * i;
    to_.emplace_back(at, capacity);
    from_.emplace_back(at + ring_bytes(capacity), capacity);
  }
  const std::string program = environment("CLEAT_BUILD") + "/bin/cleat";
  pid_ = ::fork();
  if (pid_ == 0) become(descriptors, program.c_str());
  CLEAT_CHECK(pid_ > 0);
  ::close(pair[1]);
  ::close(memory);
}

Kernel::~Kernel() {
  ::close(control_);
  if (wait_for_end() < 0) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  for (const int one : wake_process_) ::close(one);
  for (const int one : wake_kernel_) ::close(one);
  ::munmap(memory_, ring_bytes(capacity_) * 2 * workers_);
}

int Kernel::wait_for_end() {
  for (int waited = 0; !ended_ && waited < kDeadlineMs; ++waited) {
    int status = 0;
    if (::waitpid(pid_, &status, WNOHANG) == pid_) {
      ended_ = true;
      exit_ = WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
    } else {
      ::usleep(1000);
    }
  }
  return exit_;
}

RingMemory* Kernel::ring_to(std::uint32_t worker) { return reinterpret_cast<RingMemory*>(memory_ + ring_bytes(capacity_) * 2 * worker); }

void Kernel::wake(std::uint32_t worker) {
  const std::uint64_t one = 1;
  CLEAT_CHECK(::write(wake_process_[worker], &one, sizeof one) == sizeof one);
}

void Kernel::hang_up() {
  ::shutdown(control_, SHUT_WR);
  while (serve_control(kDeadlineMs)) {
  }
}

// --- control ---

void Kernel::raw(std::string_view bytes) {
  std::size_t at = 0;
  while (at < bytes.size()) {
    const ssize_t sent = ::send(control_, bytes.data() + at, bytes.size() - at, MSG_NOSIGNAL);
    if (sent <= 0) return;
    at += static_cast<std::size_t>(sent);
  }
}

namespace {
std::string framed(std::uint8_t is_answer, std::uint32_t number, Function function, std::string_view rest) {
  Writer writer;
  writer.number(static_cast<std::uint32_t>(1 + 4 + 2 + rest.size()));
  writer.number(is_answer);
  writer.number(number);
  writer.number(function);
  writer.bytes.append(rest);
  return std::move(writer.bytes);
}
}  // namespace

void Kernel::tell(Function function, std::string_view arguments) { raw(framed(0, 0, function, arguments)); }

Answer Kernel::ask(Function function, std::string_view arguments) {
  const std::uint32_t number = ++number_;
  raw(framed(0, number, function, arguments));
  Frame frame;
  while (read_frame(frame, kDeadlineMs)) {
    if (!frame.is_answer) {
      serve(frame);
      continue;
    }
    CLEAT_CHECK(frame.number == number && frame.function == function);
    Reader reader(frame.rest);
    Answer got;
    got.status = reader.number<std::int32_t>();
    got.error = reader.text();
    CLEAT_CHECK(reader.ok());
    got.rest = frame.rest.substr(8 + got.error.size());
    return got;
  }
  return {-1000, "no answer came", {}};
}

bool Kernel::read_frame(Frame& frame, int wait_ms) {
  for (;;) {
    std::uint32_t size = 0;
    if (in_.size() >= 4) std::memcpy(&size, in_.data(), 4);
    if (in_.size() >= 4 && in_.size() - 4 >= size) {
      Reader reader(std::string_view(in_).substr(4, size));
      frame.is_answer = reader.number<std::uint8_t>() == 1;
      frame.number = reader.number<std::uint32_t>();
      frame.function = reader.number<Function>();
      CLEAT_CHECK(reader.ok());
      frame.rest = in_.substr(4 + 7, size - 7);
      in_.erase(0, 4 + size);
      return true;
    }
    pollfd ready{control_, POLLIN, 0};
    if (closed_ || ::poll(&ready, 1, wait_ms) != 1) return false;
    std::array<char, 4096> bytes;
    const ssize_t got = ::recv(control_, bytes.data(), bytes.size(), 0);
    if (got <= 0) {
      closed_ = true;
      return false;
    }
    in_.append(bytes.data(), static_cast<std::size_t>(got));
  }
}

void Kernel::serve(const Frame& frame) {
  Reader reader(frame.rest);
  Writer writer;
  writer.number(std::int32_t{CLEAT_OK});
  writer.text(std::string_view());
  switch (frame.function) {
    case Function::kLog: {
      const auto level = reader.number<std::uint32_t>();
      logs.emplace_back(level, reader.text());
      return;
    }
    case Function::kComplete: completed.push_back(reader.number<std::uint64_t>()); return;
    case Function::kMetadataKey:
      keys.emplace_back(reader.text());
      writer.number(static_cast<std::uint32_t>(keys.size()));
      break;
    case Function::kMetricDefine:
      reader.number<std::uint32_t>();
      defined.emplace_back(reader.text());
      writer.number(std::uint64_t{100 + defined.size()});
      break;
    case Function::kKvOpen: writer.number(std::uint64_t{7}); break;
    case Function::kEventSubscribe: subscribed.emplace_back(reader.text()); break;
    case Function::kKvSet: writer.number(std::uint64_t{55}); break;
    default: CLEAT_CHECK(false);
  }
  raw(framed(1, frame.number, frame.function, writer.bytes));
}

bool Kernel::serve_control(int wait_ms) {
  Frame frame;
  if (!read_frame(frame, wait_ms)) return false;
  CLEAT_CHECK(!frame.is_answer);
  serve(frame);
  return true;
}

std::size_t Kernel::logged(std::string_view text) const {
  return static_cast<std::size_t>(std::count_if(logs.begin(), logs.end(), [&](const auto& line) { return line.second.find(text) != std::string::npos; }));
}

bool Kernel::wait_for_log(std::string_view text) {
  const std::uint64_t until = monotonic_us() + std::uint64_t{kDeadlineMs} * 1000;
  while (logged(text) == 0 && monotonic_us() < until && !closed_) serve_control(100);
  return logged(text) != 0;
}

Answer Kernel::load(const std::string& plugin, bool validate) {
  Writer writer;
  writer.text(std::string_view(plugin));
  writer.text(std::string_view("acts"));
  writer.number(workers_);
  writer.number(capacity_);
  writer.number(static_cast<std::uint8_t>(validate));
  writer.text(std::string_view("/etc/example/cleat.yaml"));
  return ask(Function::kLoad, writer.bytes);
}

Pairs Kernel::create(std::string_view config, bool validate) {
  Writer writer;
  writer.number(static_cast<std::uint8_t>(validate));
  writer.text(config);
  const Answer got = ask(Function::kCreate, writer.bytes);
  CLEAT_CHECK(got.status == CLEAT_OK);
  Reader reader(got.rest);
  Pairs errors(reader.count(8));
  for (auto& [path, words] : errors) {
    path = reader.text();
    words = reader.text();
  }
  CLEAT_CHECK(reader.ok() && reader.at_end());
  return errors;
}

void Kernel::start_workers() {
  for (std::uint32_t i = 0; i < workers_; ++i) {
    Writer writer;
    writer.number(ToProcess::kWorkerStart);
    send(i, writer.bytes);
  }
}

// --- rings ---

void Kernel::send(std::uint32_t worker, std::string_view message) {
  for (int waited = 0; !to_[worker].write(message); ++waited) {
    CLEAT_CHECK(waited < kDeadlineMs);
    ::usleep(1000);
  }
  const std::uint64_t one = 1;
  if (to_[worker].reader_sleeps()) CLEAT_CHECK(::write(wake_process_[worker], &one, sizeof one) == sizeof one);
}

std::uint64_t Kernel::hook(const HookCall& call) {
  Writer writer;
  writer.number(ToProcess::kHook);
  writer.number(++call_);
  writer.number(call.hook);
  writer.number(call.subject);
  writer.number(std::uint64_t{1024 * 1024});
  writer.number(call.route);
  writer.number(call.extra);
  const bool exchange_hook = !is_of_connection(call.hook);
  const bool request = exchange_hook && call.has_request;
  const bool end = call.hook == HookNumber::kAttemptEnd;
  writer.number((request ? kHasRequest : 0) | (call.status != 0 ? kHasResponse : 0) | (call.piece != nullptr ? kHasPiece : 0) | (end ? kHasAttemptEnd : 0));
  writer.number(std::uint64_t{1});
  if (request) {
    for (const std::string_view part : {"GET", "http", "example.org", "/path?query"}) writer.text(part);
    write_fields(writer, call.request);
  }
  if (call.status != 0) {
    writer.number(call.status);
    write_fields(writer, call.response);
  }
  if (call.piece != nullptr) writer.text(std::string_view(*call.piece));
  if (end) {
    for (const std::uint32_t number : {1U, CLEAT_END_RESPONSE, call.status, call.attempt_flags}) writer.number(number);
    writer.number(std::uint64_t{1234});
  }
  writer.number(static_cast<std::uint32_t>(call.texts.size()));
  for (const auto& [number, text] : call.texts) {
    writer.number(number);
    writer.text(std::string_view(text));
  }
  writer.number(static_cast<std::uint32_t>(call.integers.size()));
  for (const auto& [number, value] : call.integers) {
    writer.number(number);
    writer.number(value);
  }
  writer.number(static_cast<std::uint32_t>(call.metadata.size()));
  for (const auto& [key, text] : call.metadata) {
    writer.number(key);
    writer.number(std::uint8_t{1});
    writer.text(std::string_view(text));
  }
  send(handle_worker(call.subject), writer.bytes);
  return call_;
}

// Takes what is no answer to a hook; false: it is the caller's.
bool Kernel::take(std::uint32_t worker, const std::string& message) {
  Reader reader(message);
  switch (reader.number<FromProcess>()) {
    case FromProcess::kOperations: {
      const auto subject = reader.number<std::uint64_t>();
      outside.emplace_back(subject, operations_of(reader));
      return true;
    }
    case FromProcess::kAsk: {
      const auto number = reader.number<std::uint32_t>();
      const auto function = reader.number<Function>();
      CLEAT_CHECK(asked != nullptr);
      asked(worker, number, function, reader);
      return true;
    }
    case FromProcess::kSeries: {
      const auto series = reader.number<std::uint64_t>();
      std::string name = std::to_string(reader.number<std::uint64_t>());
      const std::uint32_t labels = reader.count(4);
      for (std::uint32_t i = 0; i < labels; ++i) name.append(i == 0 ? " " : ",").append(reader.text());
      series_[series * 256 + worker] = name;
      return true;
    }
    case FromProcess::kMetrics: {
      const std::uint32_t count = reader.count(17);
      for (std::uint32_t i = 0; i < count; ++i) {
        const auto series = reader.number<std::uint64_t>();
        const bool observed = reader.number<std::uint8_t>() == 1;
        CLEAT_CHECK(series_.contains(series * 256 + worker));
        metrics[series_[series * 256 + worker] + (observed ? " observed" : "")] += reader.number<std::int64_t>();
      }
      CLEAT_CHECK(reader.ok() && reader.at_end());
      return true;
    }
    default: return false;
  }
}

std::string Kernel::receive(std::uint32_t worker, int wait_ms) {
  const std::uint64_t until = monotonic_us() + static_cast<std::uint64_t>(wait_ms) * 1000;
  std::string message;
  for (;;) {
    switch (from_[worker].read(message)) {
      case RingReader::Got::kBroken: CLEAT_CHECK(false);
      case RingReader::Got::kMessage:
        if (!take(worker, message)) return message;
        continue;
      case RingReader::Got::kNothing: break;
    }
    const std::uint64_t now = monotonic_us();
    if (now >= until) return {};
    while (serve_control(0)) {
    }
    if (!from_[worker].sleep()) continue;
    pollfd ready{wake_kernel_[worker], POLLIN, 0};
    std::uint64_t count;
    if (::poll(&ready, 1, static_cast<int>(std::min<std::uint64_t>((until - now) / 1000 + 1, 100))) == 1) {
      CLEAT_CHECK(::read(wake_kernel_[worker], &count, sizeof count) == sizeof count);
    }
  }
}

Done Kernel::done(std::uint32_t worker) {
  const std::string message = receive(worker);
  Done got;
  if (message.empty()) return got;
  Reader reader(message);
  CLEAT_CHECK(reader.number<FromProcess>() == FromProcess::kDone);
  got.call = reader.number<std::uint64_t>();
  got.verdict = reader.number<std::uint32_t>();
  got.words = reader.text();
  got.operations = operations_of(reader);
  return got;
}

Done Kernel::run(const HookCall& call) {
  const std::uint64_t number = hook(call);
  const Done got = done(handle_worker(call.subject));
  CLEAT_CHECK(got.call == number || got.call == 0);
  return got;
}

void Kernel::answer(std::uint32_t worker, std::uint32_t number, std::int32_t status, std::string_view error, std::string_view rest) {
  Writer writer;
  writer.number(ToProcess::kAnswer);
  writer.number(number);
  writer.number(status);
  writer.text(error);
  writer.bytes.append(rest);
  send(worker, writer.bytes);
}

std::vector<std::string> operations_of(Reader& reader) {
  std::vector<std::string> all;
  const std::uint32_t count = reader.count(1);
  for (std::uint32_t i = 0; i < count; ++i) {
    std::string words;
    const auto text = [&] { words.append(" ").append(reader.text()); };
    const auto number = [&] { words.append(" ").append(std::to_string(reader.number<std::uint32_t>())); };
    const auto wide = [&] { words.append(" ").append(std::to_string(reader.number<std::int64_t>())); };
    switch (reader.number<Operation>()) {
      case Operation::kHeaderSet: words = "header_set"; number(); text(); text(); break;
      case Operation::kHeaderAdd: words = "header_add"; number(); text(); text(); break;
      case Operation::kHeaderRemove: words = "header_remove"; number(); text(); break;
      case Operation::kFieldSet: words = "field_set"; number(); text(); break;
      case Operation::kStatusSet: words = "status_set"; number(); break;
      case Operation::kReply: {
        words = "reply";
        number();
        const std::uint32_t fields = reader.count(8);
        for (std::uint32_t f = 0; f < fields; ++f) {
          text();
          text();
        }
        text();
        text();
        break;
      }
      case Operation::kReset: words = "reset"; break;
      case Operation::kReroute: words = "reroute"; break;
      case Operation::kClusterSet: words = "cluster_set"; text(); break;
      case Operation::kAttemptTimeout: words = "attempt_timeout"; wide(); break;
      case Operation::kExchangeTimeout: words = "exchange_timeout"; wide(); break;
      case Operation::kRetry: words = "retry"; number(); wide(); break;
      case Operation::kMetadataText: words = "metadata_text"; number(); text(); break;
      case Operation::kMetadataInteger: words = "metadata_integer"; number(); wide(); break;
      case Operation::kMetadataNumber: words = "metadata_number"; number(); words.append(" ").append(std::to_string(reader.number<double>())); break;
      case Operation::kBodySubscribe: words = "body_subscribe"; number(); number(); wide(); break;
      case Operation::kBodyReplace: words = "body_replace"; number(); text(); break;
      case Operation::kKeepForReplay: words = "keep_for_replay"; wide(); break;
    }
    CLEAT_CHECK(!words.empty());
    all.push_back(std::move(words));
  }
  CLEAT_CHECK(reader.ok() && reader.at_end());
  return all;
}

}  // namespace cleat::isolation::test
