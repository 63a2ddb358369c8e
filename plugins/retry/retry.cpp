// retry: MAY change how often a request is sent. Looks at the end of each attempt and, where the policy, the budget and the
// kernel allow it, asks for another one after a random wait. It waits through the kernel: no hook suspends or blocks.
#include <time.h>

#include <array>
#include <random>
#include <vector>

#include "budget.hpp"
#include "plugin_api/cpp/cleat.hpp"
#include "policy.hpp"

namespace retry {

class Retry : public cleat::Plugin {
 public:
  explicit Retry(cleat::Config config) : policy_(Policy::read(config, Policy::defaults())) {
    const cleat::Config budget = config["budget"];
    const auto percent = budget.get<std::uint32_t>("percent", 20, {.least = 0, .most = 1000});
    const auto minimum = budget.get<std::uint32_t>("minimum", 10, {.least = 0, .most = 1'000'000});
    const auto window = budget.get<milliseconds>("window", std::chrono::seconds(10));
    if (window < milliseconds(100) || window > std::chrono::hours(1)) (budget["window"] ? budget["window"] : config).error("window is between 100ms and 1h");

    std::random_device random;
    workers_state_.reserve(workers());
    for (std::uint32_t i = 0; i < workers(); ++i) {
      workers_state_.push_back({Budget(percent, minimum, static_cast<std::uint64_t>(window.count())), std::uint64_t{random()} << 32 | random()});
    }

    const auto retries = counters("cleat_retry_retries_total", "Attempts made again, by what ended the one before", {"reason"});
    for (std::size_t i = 0; i < kReasons; ++i) retries_[i] = retries.with({word_of(static_cast<Reason>(i))});
    const auto refusals = counters("cleat_retry_refusals_total", "Attempts that ended in a way to retry, but were not made again", {"why"});
    exhausted_ = refusals.with({"attempts"});
    method_ = refusals.with({"method"});
    not_replayable_ = refusals.with({"not_replayable"});
    retry_after_ = refusals.with({"retry_after"});
    over_budget_ = refusals.with({"budget"});
    recovered_ = counter("cleat_retry_recovered_total", "Exchanges that a retry brought to a final response");
  }

  struct Route {
    Route(cleat::Config config, const Retry& plugin) : policy(Policy::read(config, plugin.policy_)) {}
    Policy policy;
  };

  void on_route(cleat::Exchange x) {
    const Policy& policy = policy_of(x);
    // A body that cannot be kept only means that can_retry will be off.
    if (policy.attempts > 1 && policy.replay_bytes > 0 && policy.allows_method(x.method())) x.keep_for_replay(policy.replay_bytes);
  }

  void on_attempt(cleat::Exchange x, std::uint32_t attempt) {
    const Policy& policy = policy_of(x);
    if (policy.per_try_timeout.count() != 0) x.set_attempt_timeout(policy.per_try_timeout);
    if (attempt == 1) workers_state_[worker()].budget.count_request(now_ms());
  }

  void on_attempt_end(cleat::Exchange x, cleat::AttemptEnd end) {
    const Policy& policy = policy_of(x);
    const auto reason = policy.classify(end.how(), end.status());
    if (!reason) {
      if (end.attempt() > 1 && end.how() == CLEAT_END_RESPONSE) recovered_.add();
    } else if (end.attempt() >= policy.attempts) {
      if (policy.attempts > 1) exhausted_.add();
    } else if (!end.unsent() && !policy.allows_method(x.method())) {
      method_.add();
    } else if (!end.can_retry()) {
      not_replayable_.add();
    } else {
      try_again(x, policy, *reason, end);
    }
  }

 private:
  struct alignas(64) Worker {
    Budget budget;
    std::uint64_t random;
  };

  void try_again(cleat::Exchange x, const Policy& policy, Reason reason, cleat::AttemptEnd end) {
    Worker& own = workers_state_[worker()];
    milliseconds delay = jitter(own, policy.backoff_bound(end.attempt() + 1));
    if (end.how() == CLEAT_END_RESPONSE) {
      if (const auto value = x.response().get("retry-after")) {
        const auto wanted = parse_retry_after(*value, std::chrono::system_clock::now());
        if (wanted && *wanted > policy.retry_after_max) {
          retry_after_.add();
          return;
        }
        if (wanted) delay = std::max(delay, *wanted);
      }
    }
    if (!own.budget.take(now_ms())) {
      over_budget_.add();
    } else if (x.retry(delay, policy.other_endpoint)) {
      retries_[static_cast<std::size_t>(reason)].add();
    } else {
      not_replayable_.add();
    }
  }

  const Policy& policy_of(cleat::Exchange x) const {
    const Route* route = x.route<Route>();
    return route != nullptr ? route->policy : policy_;
  }

  // Full jitter: anything from 0 to the bound, so that clients that failed together do not come back together.
  static milliseconds jitter(Worker& own, milliseconds bound) {
    own.random += 0x9e3779b97f4a7c15u;  // splitmix64
    std::uint64_t mixed = own.random;
    mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9u;
    mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111ebu;
    mixed ^= mixed >> 31;
    return milliseconds(mixed % (static_cast<std::uint64_t>(bound.count()) + 1));
  }

  static std::uint64_t now_ms() {
    timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);  // good to a few milliseconds, read without a system call
    return static_cast<std::uint64_t>(now.tv_sec) * 1000 + static_cast<std::uint64_t>(now.tv_nsec) / 1'000'000;
  }

  Policy policy_;
  std::vector<Worker> workers_state_;
  std::array<cleat::Counter, kReasons> retries_;
  cleat::Counter exhausted_, method_, not_replayable_, retry_after_, over_budget_, recovered_;
};

}  // namespace retry

CLEAT_PLUGIN(retry::Retry,
             "name=retry\nversion=0.1.0\nrequires=cleat.config/1 cleat.body/1\noptional=cleat.metrics/1\nlicense=Apache-2.0\n"
             "about=sends failed requests again, within a budget\n");
