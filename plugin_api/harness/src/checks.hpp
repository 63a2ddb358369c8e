// Checks: what makes this a checking host. It stands between the kernel and the plugin, on both sides: in the host's tables that the plugin
// gets, and in the plugin's tables that the kernel calls. It changes nothing that either does; what the plugin does against ABI.md becomes a
// finding.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "plugin_api/types.h"

namespace cleat::hooks {
class Instance;
}

namespace cleat::kit {

class Host;

struct Finding {
  std::uint32_t rule = 0;  // of ABI.md; 0: of its "Semantics"
  std::string section;     // "rule 6", or the paragraph's first word
  std::string hook, function, text;
  bool operator==(const Finding&) const = default;
};

// A hook's FAIL, which the ABI allows: what the plugin said of it, and how often.
struct Failure {
  std::string hook, why;
  std::uint64_t times = 0;
};

class Checks {
 public:
  static constexpr std::size_t kFindingsMax = 1'000;  // different ones
  static constexpr std::size_t kFailuresMax = 100;    // different ones
  static constexpr std::size_t kTicketsMax = 65'536;  // remembered
  static constexpr std::size_t kEndedMax = 4'096;     // exchanges that are over, remembered

  explicit Checks(bool quiet) : quiet_(quiet) {}
  Checks(const Checks&) = delete;
  Checks& operator=(const Checks&) = delete;
  ~Checks();

  void begin();                       // from now on; before a plugin is loaded
  void look_at_the_end(Host& host);   // nothing has been cut yet
  void end();                         // the plugin has been destroyed

  void add(Finding finding);          // [any]; the same one again is not told again
  void add(std::uint32_t rule, std::string hook, std::string function, std::string text);
  std::size_t count() const;
  const Finding* at(std::size_t index) const;
  void hook_failed(const char* hook, const std::string& why);
  std::vector<Failure> failures() const;

  // --- for the tables ---
  void ticket_given(cleat_ticket ticket, const char* hook);
  void ticket_used(cleat_ticket ticket, bool accepted);
  void exchange_ended(cleat_exchange x);
  bool has_ended(cleat_exchange x) const;
  void extension_used(std::string_view id);
  void judge_extensions(const hooks::Instance& instance);
  void turn_over();                   // [the thread whose views they are] views die, and what has been touched is told

 private:
  struct Ticket {
    const char* hook;
    bool used = false;
  };
  mutable std::mutex mutex_;          // guards all below
  std::deque<Finding> findings_;
  std::vector<Failure> failures_;
  std::map<cleat_ticket, Ticket> tickets_;
  std::set<cleat_exchange> ended_;
  std::deque<cleat_exchange> ended_order_;
  std::set<std::string, std::less<>> used_;  // extensions: one that is only asked for costs an older host nothing
  std::size_t threads_before_ = 0, descriptors_before_ = 0;
  std::int64_t timed_out_before_ = 0;
  std::vector<void (*)(int)> handlers_before_;  // of signals, from 1 on
  std::string folder_before_;
  bool began_ = false;
  const bool quiet_;
};

Checks* current_checks();             // [any] nullptr: none are made

// What host the plugin is to believe it has: one without any extension that its note does not require; one with a newer ABI, whose table has more.
enum class Pretence : std::uint8_t { kNone, kOlder, kNewer };

// The tables that stand between. [control]
const void* checked_host();           // a cleat_host
void pretend(Pretence what, std::vector<std::string> required);  // from the next loading of a plugin on
void check_tables(hooks::Instance& instance);

}  // namespace cleat::kit
