// tutorial: MAY reply, MAY change. Blocks one path; asks a service whether any other may pass, and waits for its answer; marks what
// passed; counts all of it. ../tutorial_c, ../tutorial_rust and ../tutorial_go are the same plugin.
#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>

#include "plugin_api/cpp/cleat.hpp"

using namespace std::chrono_literals;

// One configured use of the plugin. All workers use it at the same time; nothing in it changes after the constructor.
class Tutorial : public cleat::Plugin {
 public:
  explicit Tutorial(cleat::Config config)
      : block_(config.get<std::string>("block", "/private")),
        fail_(config.get<std::string>("fail")),
        cluster_(config.get<std::string>("cluster", "auth")),
        check_(config.get<std::string>("check", "/check")),
        timeout_(config.get<std::chrono::milliseconds>("timeout", 2s)) {
    const auto requests = counters("cleat_tutorial_requests_total", "Requests, by what became of them", {"outcome"});
    blocked_ = requests.with({"blocked"});
    allowed_ = requests.with({"allowed"});
    denied_ = requests.with({"denied"});
  }

  cleat::Verdict on_request(cleat::Exchange x) {
    if (x.path() == block_) {
      blocked_.add();
      return x.reply({.status = 403, .body = "blocked\n", .reason = "blocked"});
    }
    if (x.path() == fail_) throw std::runtime_error("asked to fail");  // stops at the hook: on_failure decides
    return ask(x);
  }

  cleat::Verdict on_response(cleat::Exchange x) { return x.response().set("x-tutorial", "seen") ? cleat::kContinue : cleat::kFail; }

 private:
  // What is remembered while the service is asked.
  struct Asked {
    cleat::Ticket ticket;
  };

  // Asks the service about the path, and holds the exchange until it has answered.
  cleat::Verdict ask(cleat::Exchange x) const {
    const auto ticket = x.suspend();
    if (!ticket) return cleat::fail("the service cannot be asked");
    const cleat_header headers[] = {cleat::header("x-path", x.path())};
    const auto started = call<&Tutorial::answered>(x, {.cluster = cluster_, .target = check_, .headers = headers, .timeout = timeout_},
                                                   std::make_unique<Asked>(Asked{*ticket}));
    return started ? cleat::kSuspend : cleat::fail("the service cannot be asked");
  }

  // It has answered, or did not: once for each call, on the exchange's worker.
  void answered(cleat::Exchange x, cleat::CallEvent event, std::unique_ptr<Asked> asked) {
    cleat::Verdict verdict = cleat::kFail;  // on_failure decides what is done without an answer
    if (event.ok() && event.status() == 200) {
      allowed_.add();
      verdict = cleat::kContinue;
    } else if (event.ok() && event.status() == 403) {
      denied_.add();
      verdict = x.reply({.status = 403, .body = event.body(), .reason = "denied"});
    }
    asked->ticket.resume(verdict);  // CLEAT_STALE where the exchange has ended meanwhile: harmless
  }

  std::string block_, fail_, cluster_, check_;
  std::chrono::milliseconds timeout_;
  cleat::Counter blocked_, allowed_, denied_;
};

CLEAT_PLUGIN(Tutorial,
             "name=tutorial\nversion=1.0.0\nrequires=cleat.config/1 cleat.http_call/1 cleat.metrics/1\nlicense=Apache-2.0\n"
             "about=asks a service who may pass\n");
