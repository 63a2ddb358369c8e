// Everything here runs in a process that is broken: each part of the report is written by itself, and one whose data cannot be read is
// left out. The parts are in the order of what is least likely to break.
#include "kernel/watch/crash_report.hpp"

#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "kernel/base/log.hpp"
#include "kernel/watch/call_facts.hpp"
#include "kernel/watch/modules.hpp"
#include "kernel/watch/own_thread.hpp"
#include "kernel/watch/stack_trace.hpp"

namespace cleat::watch {
namespace {

struct Crash {
  int signal;
  const char* name;
};
constexpr std::array<Crash, 5> kCrashes = {{{SIGSEGV, "SIGSEGV"}, {SIGBUS, "SIGBUS"}, {SIGFPE, "SIGFPE"}, {SIGILL, "SIGILL"}, {SIGABRT, "SIGABRT"}}};

constexpr int kWriteWaitMs = 200;       // for a reader of standard error, each line
constexpr int kOtherReportWaitMs = 5'000;

struct sigaction before[kCrashes.size()];
std::atomic<const char*> crash_file{nullptr};
std::atomic<pid_t> reporting{0};        // the thread that does
sigjmp_buf part_is_broken;

pid_t thread_id() { return static_cast<pid_t>(::syscall(SYS_gettid)); }

// A line at a time.
class Report {
 public:
  void open(const char* file) {
    if (file == nullptr) return;
    file_ = ::open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600);
    if (file_ >= 0 || errno != EMFILE) return;
    ::close(STDIN_FILENO);  // nobody reads it any more
    file_ = ::open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600);
  }
  void close() {
    if (file_ >= 0) ::close(file_);
    file_ = -1;
  }
  Report& text(std::string_view all) {
    for (const char c : all) put(c);
    return *this;
  }
  Report& escaped(std::string_view all) {  // what a stranger sent must not make a line of its own
    for (const char c : all) {
      const auto byte = static_cast<unsigned char>(c);
      if (byte >= 0x20 && byte < 0x7f && c != '\\') {
        put(c);
      } else {
        text("\\x").digits(byte, 16, 2);
      }
    }
    return *this;
  }
  Report& hex(std::uint64_t number, std::size_t least = 1) { return text("0x").digits(number, 16, least); }
  Report& number(std::uint64_t number) { return digits(number, 10, 1); }
  void end_line() {
    put('\n');
    line_[size_ - 1] = '\n';  // also of a line that was cut
    send(STDERR_FILENO);
    if (file_ >= 0) send(file_);
    size_ = 0;
  }
  void drop_line() { size_ = 0; }

 private:
  void put(char c) {
    if (size_ < sizeof line_) line_[size_++] = c;
  }
  Report& digits(std::uint64_t number, unsigned base, std::size_t least) {
    char all[20];
    std::size_t count = 0;
    do {
      all[count++] = "0123456789abcdef"[number % base];
      number /= base;
    } while (number != 0 || count < least);
    while (count != 0) put(all[--count]);
    return *this;
  }
  void send(int to) const {
    pollfd room{to, POLLOUT, 0};
    if (::poll(&room, 1, kWriteWaitMs) == 1) (void)!::write(to, line_, size_);
  }
  int file_ = -1;
  std::size_t size_ = 0;
  char line_[2048]{};
};

// All that is needed, made beforehand. Used by the one thread that reports.
struct Scene {
  Report report;
  std::size_t part = 0;
  int signal = 0;
  siginfo_t* info = nullptr;
  void* context = nullptr;
  CallFacts call;
  ExchangeFacts exchange;
  Stack stack;
};
constinit Scene scene;

void write_address(Report& to, std::uintptr_t address) {
  const Module* const module = module_of(address);
  if (module != nullptr) to.text(module->name()).text("+");
  to.hex(address - (module == nullptr ? 0 : module->base));
}

void write_what() {
  Report& to = scene.report;
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  to.text("*** cleat " CLEAT_VERSION " crashed: ");
  for (const Crash& one : kCrashes) {
    if (one.signal == scene.signal) to.text(one.name);
  }
  if (scene.info->si_code <= 0) {
    to.text(" (sent by process ").number(static_cast<std::uint64_t>(scene.info->si_pid)).text(")");
  } else {
    to.text(" (code ").number(static_cast<std::uint64_t>(scene.info->si_code)).text(") at address ");
    to.hex(reinterpret_cast<std::uintptr_t>(scene.info->si_addr));
  }
  to.text(", process ").number(static_cast<std::uint64_t>(::getpid())).text(", at ").number(static_cast<std::uint64_t>(now.tv_sec));
  to.end_line();
}

void write_thread() {
  char name[17] = {};
  ::prctl(PR_GET_NAME, name);
  scene.report.text("*** thread: ").escaped(name).text(" (").number(static_cast<std::uint64_t>(thread_id())).text(")");
  if (OwnThread::current() == nullptr) scene.report.text(", none of cleat's own");
  scene.report.end_line();
}

void write_module(std::string_view what, const Module* module) {
  if (module == nullptr) return;
  scene.report.text(what).escaped(module->path).text(", build id ").text(module->build_id[0] == 0 ? "unknown" : module->build_id);
  scene.report.end_line();
}

void write_executable() { write_module("*** executable: ", module_of(reinterpret_cast<std::uintptr_t>(&write_executable))); }

void write_call() {
  const OwnThread* const thread = OwnThread::current();
  if (thread == nullptr || thread->stamp == nullptr) return;
  Report& to = scene.report;
  read_call(*thread->stamp, scene.call);
  const CallFacts& call = scene.call;
  if (call.hook == hooks::Hook::kNone) {
    to.text("*** plugin: none is being called").end_line();
    return;
  }
  to.text("*** plugin: ").escaped(call.instance.empty() ? "(being loaded)" : call.instance.view());
  to.text(", hook ").text(hooks::hook_name(call.hook)).text(", generation ").number(call.instance_generation);
  to.end_line();
  to.text("*** plugin file: ").escaped(call.file.view()).end_line();
}

void write_exchange() {
  if (scene.call.exchange == 0) return;
  Report& to = scene.report;
  read_exchange(*OwnThread::current()->stamp, scene.exchange);
  to.text("*** exchange: ").hex(scene.call.exchange, 16).text(" of generation ").number(scene.call.generation).text(", request id ");
  to.escaped(scene.exchange.request_id.view()).text(", ").escaped(scene.exchange.method.view()).text(" ");
  to.escaped(scene.exchange.target.view());
  to.end_line();
}

void write_place() {
  const std::uintptr_t at = interrupted_at(scene.context);
  scene.report.text("*** at ");
  write_address(scene.report, at);
  if (module_of(at) == nullptr) {  // a call of what is no function: there is nothing to unwind by
    scene.report.text(", called from ");
    write_address(scene.report, returning_to(scene.context));
  }
  scene.report.end_line();
}

void write_stack() {
  take_stack(scene.context, scene.stack);
  for (std::size_t i = 0; i < scene.stack.count; ++i) {
    scene.report.text("***   #").number(i).text(" ");
    write_address(scene.report, reinterpret_cast<std::uintptr_t>(scene.stack.frames[i]));
    scene.report.end_line();
  }
}

// The build ids of what the stack passes through, each once.
void write_modules() {
  for (std::size_t i = 0; i < scene.stack.count; ++i) {
    const Module* const module = module_of(reinterpret_cast<std::uintptr_t>(scene.stack.frames[i]));
    bool seen = false;
    for (std::size_t k = 0; k < i && !seen; ++k) seen = module_of(reinterpret_cast<std::uintptr_t>(scene.stack.frames[k])) == module;
    if (!seen) write_module("*** module: ", module);
  }
}

void write_end() { scene.report.text("*** end of the report").end_line(); }

constexpr std::array kParts = {write_what, write_thread, write_call, write_place, write_exchange, write_executable, write_stack, write_modules, write_end};

void write_report() {
  for (scene.part = 0; scene.part < kParts.size(); ++scene.part) {  // not a local variable: longjmp would leave it undefined
    if (sigsetjmp(part_is_broken, 1) == 0) {
      kParts[scene.part]();
    } else {
      scene.report.drop_line();
      scene.report.text("*** (a part of this report could not be read)").end_line();
    }
  }
}

void on_crash(int signal, siginfo_t* info, void* context) {
  const pid_t self = thread_id();
  pid_t nobody = 0;
  if (reporting.compare_exchange_strong(nobody, self)) {
    scene.signal = signal;
    scene.info = info;
    scene.context = context;
    scene.report.open(crash_file.load(std::memory_order_acquire));
    write_report();
    scene.report.close();
  } else if (nobody == self) {
    siglongjmp(part_is_broken, 1);
  } else {
    ::poll(nullptr, 0, kOtherReportWaitMs);  // another thread's report ends the process
  }
  for (std::size_t i = 0; i < kCrashes.size(); ++i) ::sigaction(kCrashes[i].signal, &before[i], nullptr);
  // What the machine has raised it raises again where it happened; what was sent is sent again.
  if (info->si_code <= 0) ::raise(signal);
}

}  // namespace

void install_crash_report() {
  note_modules();
  begin_captures();
  struct sigaction action {};
  action.sa_sigaction = on_crash;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;  // the handler's own crash comes here too
  for (std::size_t i = 0; i < kCrashes.size(); ++i) ::sigaction(kCrashes[i].signal, &action, &before[i]);
}

void set_crash_file(const std::string& file) {
  const char* const now = crash_file.load(std::memory_order_relaxed);
  if (file == (now == nullptr ? "" : now)) return;
  const std::size_t slash = file.rfind('/');
  if (!file.empty() && ::access(file.substr(0, slash).c_str(), W_OK | X_OK) != 0) {
    log::write(log::Level::kWarn, "kernel", "crash_report: " + file + " cannot be written: " + std::strerror(errno));
  }
  // What was there before may be in use by a thread that crashes: it is not freed.
  crash_file.store(file.empty() ? nullptr : ::strdup(file.c_str()), std::memory_order_release);
}

sigset_t signals_to_block() {
  sigset_t all;
  sigfillset(&all);
  for (const Crash& one : kCrashes) sigdelset(&all, one.signal);
  sigdelset(&all, capture_signal());
  return all;
}

}  // namespace cleat::watch
