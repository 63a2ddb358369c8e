#include "plugin_api/harness/src/checks.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <thread>

#include "kernel/base/metrics.hpp"
#include "kernel/exchange.hpp"
#include "kernel/hooks/exchange_hooks.hpp"
#include "kernel/hooks/instance.hpp"
#include "kernel/hooks/library.hpp"
#include "plugin_api/harness/src/guard.hpp"
#include "plugin_api/harness/src/host.hpp"

namespace cleat::kit {
namespace {

constexpr std::chrono::milliseconds kThreadGrace{500};  // for a thread that has been joined to be gone from /proc

constinit std::atomic<Checks*> the_checks{nullptr};

std::size_t members(const char* folder) {
  std::error_code failure;
  std::size_t count = 0;
  for (std::filesystem::directory_iterator at(folder, failure), last; !failure && at != last; at.increment(failure)) ++count;
  return count;
}

// How often timeouts.suspend has ended a suspension in this process.
std::int64_t suspensions_timed_out() {
  std::int64_t sum = 0;
  metrics::visit([&](const metrics::View& view) {
    if (view.definition->name == "cleat_limit_hits_total" && view.label_values->back() == "suspend_timeout") sum += view.value;
  });
  return sum;
}

std::vector<void (*)(int)> signal_handlers() {
  std::vector<void (*)(int)> all;
  for (int number = 1; number < NSIG; ++number) {
    struct sigaction now {};
    ::sigaction(number, nullptr, &now);
    all.push_back(now.sa_handler);  // in one place with sa_sigaction
  }
  return all;
}

std::string current_folder() {
  std::error_code failure;
  return std::filesystem::current_path(failure).string();
}

}  // namespace

Checks* current_checks() { return the_checks.load(std::memory_order_acquire); }

Checks::~Checks() { end(); }

void Checks::begin() {
  began_ = true;
  threads_before_ = members("/proc/self/task");
  descriptors_before_ = members("/proc/self/fd");
  timed_out_before_ = suspensions_timed_out();
  folder_before_ = current_folder();
  guard::begin();
  handlers_before_ = signal_handlers();
  the_checks.store(this, std::memory_order_release);
  hooks::use_host_table(static_cast<const cleat_host*>(checked_host()));
  hooks::use_tables(&check_tables);
}

// --- findings ---

void Checks::add(std::uint32_t rule, std::string hook, std::string function, std::string text) {
  add({rule, "rule " + std::to_string(rule), std::move(hook), std::move(function), std::move(text)});
}

void Checks::add(Finding finding) {
  const std::lock_guard lock(mutex_);
  if (findings_.size() >= kFindingsMax || std::find(findings_.begin(), findings_.end(), finding) != findings_.end()) return;
  if (!quiet_) {
    std::fprintf(stderr, "against ABI.md, %s: %s%s%s%s%s\n", finding.section.c_str(), finding.hook.c_str(), finding.hook.empty() ? "" : ": ",
                 finding.function.c_str(), finding.function.empty() ? "" : ": ", finding.text.c_str());
  }
  findings_.push_back(std::move(finding));
}

std::size_t Checks::count() const {
  const std::lock_guard lock(mutex_);
  return findings_.size();
}

void Checks::hook_failed(const char* hook, const std::string& why) {
  const std::lock_guard lock(mutex_);
  for (Failure& one : failures_) {
    if (one.hook == hook && one.why == why) {
      ++one.times;
      return;
    }
  }
  if (failures_.size() < kFailuresMax) failures_.push_back({hook, why, 1});
}

std::vector<Failure> Checks::failures() const {
  const std::lock_guard lock(mutex_);
  return failures_;
}

const Finding* Checks::at(std::size_t index) const {
  const std::lock_guard lock(mutex_);
  return index < findings_.size() ? &findings_[index] : nullptr;
}

// --- what is kept for later ---

void Checks::ticket_given(cleat_ticket ticket, const char* hook) {
  const std::lock_guard lock(mutex_);
  if (tickets_.size() >= kTicketsMax) tickets_.erase(tickets_.begin());
  tickets_[ticket] = {hook};
}

void Checks::ticket_used(cleat_ticket ticket, bool accepted) {
  const char* hook = nullptr;
  {
    const std::lock_guard lock(mutex_);
    const auto found = tickets_.find(ticket);
    if (found == tickets_.end()) return;
    if (found->second.used && !accepted) hook = found->second.hook;
    found->second.used = found->second.used || accepted;
  }
  if (hook != nullptr) add({0, "SUSPEND", hook, "resume", "a ticket that had been resumed was resumed again"});
}

void Checks::exchange_ended(cleat_exchange x) {
  const std::lock_guard lock(mutex_);
  if (!ended_.insert(x).second) return;
  ended_order_.push_back(x);
  if (ended_order_.size() <= kEndedMax) return;
  ended_.erase(ended_order_.front());
  ended_order_.pop_front();
}

bool Checks::has_ended(cleat_exchange x) const {
  const std::lock_guard lock(mutex_);
  return ended_.contains(x);
}

void Checks::extension_used(std::string_view id) {
  const std::lock_guard lock(mutex_);
  if (!used_.contains(id)) used_.emplace(id);
}

void Checks::judge_extensions(const hooks::Instance& instance) {
  const hooks::Note& note = instance.library->note();
  if (note.name.empty()) return;  // linked into the test
  std::set<std::string, std::less<>> used;
  {
    const std::lock_guard lock(mutex_);
    used = used_;
  }
  const auto named = [](const std::vector<std::string>& list, const std::string& id) {
    return std::find(list.begin(), list.end(), id) != list.end();
  };
  for (const std::string& id : used) {
    if (named(note.requires_, id) || named(note.optional, id)) continue;
    add(4, "", "find", "it uses " + id + ", which its note names neither under requires nor under optional");
  }
}

void Checks::turn_over() {
  guard::kill_all();
  guard::tell([this](const guard::Hit& hit) {
    const char* what = "the view was used after it had died, which is when the hook returned or its object was changed";
    if (hit.write) what = "the view was written to: the bytes are the host's";
    if (hit.beyond) what = "what is behind the view was touched: texts are not NUL-terminated";
    add(6, hit.hook, hit.function, what);
  });
}

// --- the end ---

void Checks::look_at_the_end(Host& host) {
  if (!began_) return;
  for (const auto& instance : host.generation()->instances) judge_extensions(*instance);
  const bool calls_wait = std::any_of(host.wires->outgoing.begin(), host.wires->outgoing.end(), [](const auto& one) {
    return one.second->is_call && one.second->wire != nullptr;
  });
  if (calls_wait) return;  // the test has not answered: nobody could resume
  if (suspensions_timed_out() > timed_out_before_) add({0, "SUSPEND", "", "suspend", "a ticket was not resumed within timeouts.suspend"});
  for (const auto& [handle, id] : host.wires->by_handle) {
    const Exchange* const x = host.wires->exchanges[id]->exchange;
    for (const std::uint64_t suspended : x->suspended) {
      if (suspended == 0) continue;
      const std::string hook(hooks::hook_name(hooks::hook_of_stage(x->stage)));
      add({0, "SUSPEND", hook, "suspend", "an exchange is suspended still at the end, and its ticket was not resumed"});
    }
  }
}

void Checks::end() {
  if (!began_) return;
  began_ = false;
  turn_over();
  const std::vector<void (*)(int)> handlers = signal_handlers();
  for (std::size_t i = 0; i < handlers.size() && !hooks::has_go_runtime(); ++i) {  // Go's runtime handles some itself
    if (handlers[i] == handlers_before_[i]) continue;
    const char* const name = ::sigabbrev_np(static_cast<int>(i) + 1);
    add({0, "process", "", "", "it has changed what the process does on SIG" + (name == nullptr ? std::to_string(i + 1) : std::string(name))});
  }
  guard::end();
  if (current_folder() != folder_before_) add({0, "process", "", "", "it has changed the working directory"});
  hooks::use_host_table(nullptr);
  hooks::use_tables(nullptr);
  the_checks.store(nullptr, std::memory_order_release);
  const auto until = std::chrono::steady_clock::now() + kThreadGrace;
  const auto threads_left = [this] { return !hooks::has_go_runtime() && members("/proc/self/task") > threads_before_; };
  while (threads_left() && std::chrono::steady_clock::now() < until) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  if (const std::size_t threads = members("/proc/self/task"); threads_left()) {
    add(7, "destroy", "", std::to_string(threads - threads_before_) + " thread(s) of the plugin's own still run after destroy");
  }
  const std::size_t descriptors = members("/proc/self/fd");
  if (descriptors > descriptors_before_) {
    add(6, "destroy", "", std::to_string(descriptors - descriptors_before_) + " descriptor(s) are still open after destroy");
  }
}

}  // namespace cleat::kit
