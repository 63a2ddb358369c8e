// admin: MAY reply, MAY configure. A handler that shows the running process and does what an operator asks of it. A request is judged
// on its worker; what it shows is gathered on the control thread, which alone may look, and written on the worker again.
#include <array>
#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "guard.hpp"
#include "page.hpp"
#include "plugin_api/cpp/cleat.hpp"
#include "plugin_api/cpp/control.hpp"
#include "plugin_api/cpp/long_answer.hpp"
#include "request.hpp"
#include "stats.hpp"
#include "top.hpp"

namespace admin {

constexpr std::uint32_t kQuestionsMax = 64;  // waiting for the control thread at once: further ones are answered 503
constexpr std::array<std::string_view, 4> kLevels = {"debug", "info", "warn", "error"};
constexpr std::array<std::string_view, 4> kStates = {"starting", "serving", "draining", "stopping"};

constexpr std::string_view kText = "text/plain; charset=utf-8", kJson = "application/json";

// Nothing inline, nothing from elsewhere, in nobody's frame (https://www.w3.org/TR/CSP3).
constexpr std::string_view kPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'";

std::vector<cleat_header> fields(std::string_view type, std::string_view allow = {}) {
  std::vector<cleat_header> all = {cleat::header("content-type", type),
                                   cleat::header("cache-control", "no-store"),
                                   cleat::header("x-content-type-options", "nosniff"),
                                   cleat::header("content-security-policy", kPolicy),
                                   cleat::header("cross-origin-resource-policy", "same-origin"),
                                   cleat::header("referrer-policy", "no-referrer"),
                                   cleat::header("x-frame-options", "DENY")};
  if (!allow.empty()) all.push_back(cleat::header("allow", allow));
  return all;
}

// Of an exchange whose answer comes from the control thread. No destructor runs: on_handle_end lets go.
struct Waiting {
  cleat::LongAnswer answer;
  bool counted = false;
  bool head = false;
};

// A question on its way to the control thread and back.
struct Asked {
  std::uint64_t exchange = 0;
  Decision decision;
};

struct Answered {
  std::uint32_t status = 200;
  std::string_view type = kJson;
  std::shared_ptr<const std::string> text;
};

class Admin : public cleat::Plugin {
 public:
  explicit Admin(cleat::Config config)
      : guard_(read(config)), refused_(counters("cleat_admin_refused_total", "Requests refused, by why", {"reason"})) {
    for (const std::string_view reason : kReasons) reasons_.push_back(refused_.with({reason}));
  }

  static void validate(cleat::Config config) { read(config); }
  static int command(cleat::Command call) { return run_top(call); }

  cleat::Verdict on_handle(cleat::Exchange x) {
    const Decision decision = decide(request_of(x), guard_);
    switch (decision.action) {
      case Action::kRefuse: return refuse(x, decision);
      case Action::kPage: return reply(x, 200, "text/html; charset=utf-8", kPageHtml);
      case Action::kStyle: return reply(x, 200, "text/css; charset=utf-8", kPageCss);
      case Action::kScript: return reply(x, 200, "text/javascript; charset=utf-8", kPageJs);
      case Action::kReady: return ready(x);
      case Action::kLive: return reply(x, 200, kText, "live\n");
      case Action::kLogLevel: return log_level(x);
      case Action::kSetLogLevel: return set_log_level(x, decision.log_level);
      case Action::kDrain: return drain(x);
      default: return ask(x, decision);
    }
  }

  void on_writable(cleat::Exchange x) {
    Waiting* waiting = x.find_state<Waiting>();
    if (waiting == nullptr || !waiting->answer.held()) return;
    // A queue that is full would leave the answer where it is.
    if (waiting->answer.pour(x.answer()) == cleat::LongAnswer::Next::kAgain && !post<&Admin::more>(x)) x.answer().abort();
  }
  void more(cleat::Exchange x) { on_writable(x); }

  void on_handle_end(cleat::Exchange x) {
    Waiting* waiting = x.find_state<Waiting>();
    if (waiting == nullptr) return;
    waiting->answer.drop();
    if (std::exchange(waiting->counted, false)) questions_.fetch_sub(1, std::memory_order_relaxed);
  }

  // --- the control thread's side ---

  void described(cleat::Status status, std::string_view text, std::unique_ptr<Asked> asked) {
    if (status) return answer(*asked, 200, kJson, std::string(text) + "\n");
    answer(*asked, 503, kText, std::string(text) + "\n");
  }

  void changed(cleat::Status status, std::string_view text, std::unique_ptr<Asked> asked) {
    const std::uint32_t code = status ? 200 : status == cleat::Status(CLEAT_NOT_FOUND) ? 404 : status == cleat::Status(CLEAT_WRONG_PHASE) ? 409 : 422;
    log(status ? CLEAT_INFO : CLEAT_WARN, std::string(asked->decision.action == Action::kReload ? "a reload" : "the return of " + asked->decision.name) +
                                              " was asked for: " + (status ? "done" : "refused"));
    answer(*asked, code, kJson, "{\"ok\":" + std::string(status ? "true" : "false") + ",\"text\":" + quoted(text) + "}\n");
  }

  void count_all(std::unique_ptr<Asked> asked) {
    Stats stats(asked->decision.json, asked->decision.name);
    const cleat::Status status = cleat::visit_metrics([&](const cleat_metric_view& view) { stats.add(view); });
    if (!status) return answer(*asked, 500, kText, "the metrics cannot be read\n");
    answer(*asked, 200, asked->decision.json ? kJson : kText, stats.finish());
  }

  // On the exchange's worker again.
  void send(cleat::Exchange x, std::unique_ptr<Answered> answered) {
    Waiting* waiting = x.find_state<Waiting>();
    if (waiting == nullptr || waiting->answer.held()) return;
    std::vector<cleat_header> headers = fields(answered->type);
    const std::string length = std::to_string(answered->text->size());
    headers.push_back(cleat::header("content-length", length));
    if (!x.answer().start({.status = answered->status, .headers = headers})) return;
    if (waiting->head) {
      x.answer().finish();
      return;
    }
    waiting->answer.hold(std::move(answered->text));
    on_writable(x);
  }

 private:
  static constexpr std::array<std::string_view, 7> kReasons = {"peer", "host", "path", "method", "origin", "query", "busy"};

  static Guard read(cleat::Config config) {
    Guard guard;
    const cleat::Config allow = config["allow"];
    for (const std::string& text : config.get<std::vector<std::string>>("allow", {"127.0.0.0/8", "::1"})) {
      if (const auto network = Network::parse(text)) {
        guard.allow.push_back(*network);
      } else {
        allow.error("\"" + text + "\" is no address and no network such as 10.0.0.0/8");
      }
    }
    for (std::string name : config.get<std::vector<std::string>>("hosts")) {
      for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
      if (name.empty() || name.find_first_of(":/[] ") != std::string::npos) config["hosts"].error("\"" + name + "\" is no host's name (without a port)");
      guard.hosts.push_back(std::move(name));
    }
    return guard;
  }

  static Request request_of(cleat::Exchange x) {
    const cleat::Fields sent = x.request();
    return {.method = x.method(),
            .scheme = x.scheme(),
            .authority = x.authority(),
            .path = x.path(),
            .query = x.query(),
            .peer = x.text(CLEAT_ATTR_SOURCE_ADDRESS).value_or({}),
            .origin = sent.get("origin").value_or({}),
            .fetch_site = sent.get("sec-fetch-site").value_or({}),
            .fields_twice = sent.get("origin", 1).ok() || sent.get("sec-fetch-site", 1).ok(),
            .accept = sent.get("accept").value_or({})};
  }

  static cleat::Verdict reply(cleat::Exchange x, std::uint32_t status, std::string_view type, std::string_view body, std::string_view reason = {}) {
    const std::vector<cleat_header> headers = fields(type);
    return x.reply({.status = status, .headers = headers, .body = body, .reason = reason});
  }

  cleat::Verdict refuse(cleat::Exchange x, const Decision& decision) {
    for (std::size_t i = 0; i < kReasons.size(); ++i) {
      if (kReasons[i] == decision.reason) reasons_[i].add();
    }
    const std::vector<cleat_header> headers = fields(kText, decision.allow);
    return x.reply({.status = decision.status, .headers = headers, .body = decision.text, .reason = decision.reason});
  }

  static cleat::Verdict ready(cleat::Exchange x) {
    const std::uint32_t state = cleat::Control::state();
    const std::string text = std::string(state == CLEAT_STATE_SERVING ? "ready" : state < kStates.size() ? kStates[state] : "unknown") + "\n";
    return reply(x, state == CLEAT_STATE_SERVING ? 200 : 503, kText, text);
  }

  static cleat::Verdict log_level(cleat::Exchange x) {
    const auto level = cleat::Control::log_level();
    if (!level || *level >= kLevels.size()) return cleat::fail("the log's level is not known");
    return reply(x, 200, kJson, "{\"level\":" + quoted(kLevels[*level]) + "}\n");
  }

  cleat::Verdict set_log_level(cleat::Exchange x, std::uint32_t level) {
    if (!cleat::Control(self()).set_log_level(level)) return cleat::fail(cleat::error_text());
    log(CLEAT_WARN, "the log's level was set to " + std::string(kLevels[level]));
    return reply(x, 200, kJson, "{\"ok\":true,\"level\":" + quoted(kLevels[level]) + "}\n");
  }

  cleat::Verdict drain(cleat::Exchange x) {
    if (!cleat::Control(self()).drain()) return cleat::fail(cleat::error_text());
    log(CLEAT_WARN, "a drain was asked for");
    return reply(x, 202, kJson, "{\"ok\":true,\"text\":\"draining\"}\n");
  }

  cleat::Verdict ask(cleat::Exchange x, const Decision& decision) {
    Waiting* waiting = x.state<Waiting>();
    if (waiting == nullptr) return cleat::fail("no memory for the exchange's state");
    waiting->head = x.method() == "HEAD";
    waiting->counted = true;
    if (questions_.fetch_add(1, std::memory_order_relaxed) >= kQuestionsMax || !put(x, decision)) {
      Decision busy;
      busy.status = 503;
      busy.reason = "busy";
      busy.text = "too much is asked at once\n";
      return refuse(x, busy);
    }
    return cleat::kContinue;
  }

  cleat::Status put(cleat::Exchange x, const Decision& decision) {
    auto asked = std::make_unique<Asked>(Asked{x.handle(), decision});
    const cleat::Control control(self());
    switch (decision.action) {
      case Action::kReload: return control.reload<&Admin::changed>(std::move(asked));
      case Action::kRestore: return control.restore<&Admin::changed>(decision.name, std::move(asked));
      case Action::kStats: return post_worker<&Admin::count_all>(CLEAT_POST_CONTROL, std::move(asked));
      default: return control.describe<&Admin::described>(decision.topic, std::move(asked));
    }
  }

  // Where the worker's queue is full the asker gets nothing, and its listener's timeout answers.
  void answer(const Asked& asked, std::uint32_t status, std::string_view type, std::string text) {
    auto answered = std::make_unique<Answered>(Answered{status, type, std::make_shared<const std::string>(std::move(text))});
    post<&Admin::send>(cleat::Exchange(asked.exchange), std::move(answered));
  }

  const Guard guard_;
  cleat::Family<cleat::Counter> refused_;
  std::vector<cleat::Counter> reasons_;
  std::atomic<std::uint32_t> questions_{0};
};

}  // namespace admin

CLEAT_PLUGIN(admin::Admin, "name=admin\nversion=1.0.0\nrequires=cleat.attributes/1 cleat.config/1 cleat.control/1 cleat.handler/1 cleat.metrics/1 cleat.post/1\n"
                           "commands=top: a live view of routes, clusters and plugins\nlicense=Apache-2.0\nabout=shows the running process, and does what an operator asks of it\n");
