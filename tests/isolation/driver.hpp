// The kernel's side of a plugin's process, as tests play it: it starts `cleat plugin host`, writes to its rings and its socket, and reads what comes back.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kernel/worker.hpp"
#include "plugin_api/isolation/protocol.hpp"
#include "plugin_api/isolation/ring.hpp"
#include "plugin_api/types.h"

namespace cleat::isolation::test {

using Pairs = std::vector<std::pair<std::string, std::string>>;

inline std::uint64_t exchange(std::uint32_t worker, std::uint32_t slot = 1, std::uint32_t generation = 1) {
  return make_handle(worker, HandleKind::kExchange, slot, generation);
}
inline std::uint64_t connection(std::uint32_t worker, std::uint32_t slot = 1, std::uint32_t generation = 1) {
  return make_handle(worker, HandleKind::kConnection, slot, generation);
}

// A hook's call, put together.
struct HookCall {
  HookNumber hook = HookNumber::kRequest;
  std::uint64_t subject = exchange(0);
  Pairs request = {{"host", "example.org"}};
  bool has_request = true;
  std::uint32_t status = 0;  // 0: no response
  Pairs response;
  const std::string* piece = nullptr;
  std::uint32_t route = 0, extra = 0;
  std::uint32_t attempt_flags = 0;  // of on_attempt_end
  std::map<std::uint32_t, std::string> texts;
  std::map<std::uint32_t, std::int64_t> integers;
  std::map<std::uint32_t, std::string> metadata;
};

// What came back for it: operations as words, "header_set 0 x-a 1".
struct Done {
  std::uint64_t call = 0;
  std::uint32_t verdict = UINT32_MAX;
  std::string words;
  std::vector<std::string> operations;
};

struct Answer {
  std::int32_t status = 0;
  std::string error, rest;
};

class Kernel {
 public:
  explicit Kernel(std::uint32_t workers = 1, std::uint64_t capacity = 64 * 1024);
  Kernel(const Kernel&) = delete;
  Kernel& operator=(const Kernel&) = delete;
  ~Kernel();  // closes the socket, and waits for the process

  // --- the control socket. What the process asks meanwhile is answered by the members below ---
  Answer ask(Function function, std::string_view arguments);
  void tell(Function function, std::string_view arguments);
  void raw(std::string_view bytes);               // a frame as it stands
  Answer load(const std::string& plugin, bool validate = false);
  Pairs create(std::string_view config, bool validate = false);
  void start_workers();
  bool wait_for_log(std::string_view text);       // within the deadline
  std::size_t logged(std::string_view text) const;
  bool serve_control(int wait_ms);                // false: nothing came; or the process has closed it
  bool closed() const { return closed_; }
  std::vector<std::pair<std::uint32_t, std::string>> logs;
  std::vector<std::uint64_t> completed;
  std::vector<std::string> defined, keys, subscribed;

  // --- rings ---
  void send(std::uint32_t worker, std::string_view message);
  std::uint64_t hook(const HookCall& call);       // its call number
  std::string receive(std::uint32_t worker, int wait_ms = 5000);  // empty: nothing came. The process's questions are answered meanwhile
  Done done(std::uint32_t worker = 0);
  Done run(const HookCall& call);                 // both
  std::function<void(std::uint32_t worker, std::uint32_t number, Function function, Reader& arguments)> asked;
  void answer(std::uint32_t worker, std::uint32_t number, std::int32_t status, std::string_view error, std::string_view rest);
  std::map<std::string, std::int64_t> metrics;    // by "metric label,label", of what kMetrics brought; observations as "... observed"
  std::vector<std::pair<std::uint64_t, std::vector<std::string>>> outside;  // of kOperations

  int wait_for_end();                             // the exit code; 1000 + a signal; -1: it does not end
  pid_t pid() const { return pid_; }
  RingMemory* ring_to(std::uint32_t worker);
  void wake(std::uint32_t worker);                // whether it sleeps or not
  void hang_up();                                 // of the socket, the direction to the process

 private:
  struct Frame {
    bool is_answer = false;
    std::uint32_t number = 0;
    Function function{};
    std::string rest;
  };
  bool read_frame(Frame& frame, int wait_ms);
  void serve(const Frame& frame);
  bool take(std::uint32_t worker, const std::string& message);

  std::uint32_t workers_;
  std::uint64_t capacity_;
  int control_ = -1;
  bool closed_ = false, ended_ = false;
  int exit_ = -1;
  std::string in_;
  pid_t pid_ = -1;
  char* memory_ = nullptr;
  std::vector<int> wake_process_, wake_kernel_;
  std::vector<RingWriter> to_;
  std::vector<RingReader> from_;
  std::uint32_t number_ = 0;
  std::uint64_t call_ = 0;
  std::map<std::uint64_t, std::string> series_;
};

std::vector<std::string> operations_of(Reader& reader);
std::string plugin_file(std::string_view name);

}  // namespace cleat::isolation::test
