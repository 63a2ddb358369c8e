// Ends the process, in the way that x-crash (or configuration {in: create, how: ...}) says: null, wild, divide, illegal, bus, overflow,
// abort, terminate, exit; with x-thread: on a thread of its own. Or leaves it otherwise than it was: exit_well and exit_at_once (with 0), forks
// (a process that stays), forks_apart (in a session of its own), prints (to standard output), reports (to descriptor 3, where `cleat plugin check` has its report).
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <thread>

#include "report.h"

HOSTILE_NOTE("crashes", "requires=cleat.config/1\n");

namespace {

volatile int zero = 0;
volatile int sink = 0;

__attribute__((noinline)) int overflow(volatile char* above) {
  volatile char frame[4096];
  frame[0] = above[0];
  return zero != 0 ? 0 : overflow(frame) + frame[0];  // it is always 0: the stack ends first
}

void read_beyond_a_file() {
  char name[] = "/tmp/crashes-XXXXXX";
  const int file = ::mkstemp(name);
  ::unlink(name);
  auto* const page = static_cast<volatile char*>(::mmap(nullptr, 4096, PROT_READ, MAP_SHARED, file, 0));
  sink = page[0];
}

// Not instrumented: the machine is to raise these, not a sanitizer's check before them.
__attribute__((no_sanitize("undefined"))) void crash(const std::string& how) {
  volatile char top = 0;
  if (how == "null") *reinterpret_cast<volatile int*>(static_cast<std::uintptr_t>(zero)) = 1;
  if (how == "wild") reinterpret_cast<void (*)()>(static_cast<std::uintptr_t>(zero) + 16)();
  if (how == "divide") sink = 100 / zero;
  if (how == "illegal") __builtin_trap();
  if (how == "bus") read_beyond_a_file();
  if (how == "overflow") sink = overflow(&top);
  if (how == "abort") std::abort();
  if (how == "exit") std::exit(3);
  if (how == "exit_well") std::exit(0);
  if (how == "exit_at_once") ::_exit(0);
  if ((how == "forks" || how == "forks_apart") && ::fork() == 0) {
    if (how == "forks_apart") ::setsid();
    for (;;) ::pause();
  }
  if (how == "prints") {
    std::printf("printed\n");
    std::fflush(stdout);
  }
  if (how == "reports") {
    const std::string junk = "[\n{\"doing\": 7}\n{\"text\": {}}\n{\"rule\": -1, \"skipped\": null}\n";
    sink = static_cast<int>(::write(3, junk.data(), junk.size()));
  }
  if (how == "terminate") std::thread([] { throw std::runtime_error("nobody catches this"); }).join();
  if (how == "killed") ::raise(SIGSEGV);
}

std::string text(cleat_str given) { return given.size == 0 ? std::string() : std::string(given.data, given.size); }

cleat_status create(const cleat_create* info, void** instance) {
  const auto* config = static_cast<const cleat_host_config*>(host->find(to_str(CLEAT_EXT_CONFIG)));
  cleat_config node = 0;
  cleat_str how{};
  if (config->get(info->config, to_str("create"), &node) == CLEAT_OK && config->text(node, &how) == CLEAT_OK) crash(text(how));
  return create_nothing(info, instance);
}

cleat_verdict on_request(void*, cleat_exchange x) {
  const std::string how = text(asked(x, "x-crash"));
  if (asked(x, "x-thread").size != 0) {
    std::thread([how] { crash(how); }).join();
  } else {
    crash(how);
  }
  return CLEAT_CONTINUE;
}

const cleat_plugin table = [] {
  cleat_plugin made{};
  made.size = sizeof made;
  made.abi = CLEAT_ABI;
  made.create = create;
  made.destroy = destroy_nothing;
  made.on_request = on_request;
  return made;
}();

}  // namespace

extern "C" CLEAT_EXPORT const cleat_plugin* cleat_plugin_v1(const cleat_host* host_table) {
  host = host_table;
  return &table;
}
