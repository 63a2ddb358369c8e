// Honest: makes the call that a request asks for, waits, and answers with what became of it. Fields of a request:
//   x-call: CLUSTER METHOD TARGET      a gathered call; "x-call-ms" its timeout, "x-call-max" its body_max, "x-call-body" its body, "x-call-times" how
//                                      many at once
//   x-stream: CLUSTER TARGET           a streamed one of the instance's own, the answer's body is its pieces; "x-send: N" streams N bytes up
//   x-call-cancel: 1                   cancels what it has started, twice, and answers with both statuses
//   x-call-throw: 1                    the callback throws
//   x-call-bad: WHAT                   a call that is refused: its status and text
// GET /told: what callbacks had to say whose exchange had ended. GET /tick: how many calls of a timer on each worker came back well.
#include <atomic>
#include <memory>
#include <mutex>
#include <sstream>
#include <string>

#include "plugin_api/cpp/cleat.hpp"

namespace {

class Calls : public cleat::Plugin {
 public:
  explicit Calls(cleat::Config config)
      : tick_(config.get<std::string>("tick", "")), tick_timeout_(config.get<std::chrono::milliseconds>("tick_timeout", std::chrono::seconds(5))) {}

  struct Waiting {
    cleat::Ticket ticket;
    std::string text;
    std::uint32_t left = 1;
    bool throws = false;
  };
  struct Shared {
    std::shared_ptr<Waiting> waiting;
  };
  struct Nothing {};

  void worker_start(std::uint32_t) {
    if (!tick_.empty()) (void)arm<&Calls::tick>(std::chrono::milliseconds(20));
  }
  void tick() {
    (void)call<&Calls::ticked>({.cluster = tick_, .target = "/tick", .timeout = tick_timeout_}, std::make_unique<Nothing>());
    (void)arm<&Calls::tick>(std::chrono::milliseconds(20));
  }
  void ticked(cleat::CallEvent event, std::unique_ptr<Nothing>) {
    if (event.ok() && event.status() == 200) ++ticks_;
    if (event.how() == CLEAT_CALL_CANCELLED) log(CLEAT_INFO, "tick cancelled: " + std::string(event.reason()));
  }

  cleat::Verdict on_request(cleat::Exchange x) {
    if (x.path() == "/told") return x.reply({.status = 200, .body = told()});
    if (x.path() == "/tick") return x.reply({.status = 200, .body = std::to_string(ticks_.load())});
    if (const auto bad = x.request().get("x-call-bad")) return refused(x, *bad);
    if (const auto asked = x.request().get("x-stream")) return stream(x, std::string(*asked));
    const auto asked = x.request().get("x-call");
    if (!asked) return cleat::kContinue;
    std::istringstream words{std::string(*asked)};
    std::string cluster, method, target;
    words >> cluster >> method >> target;
    const std::uint64_t times = number(x, "x-call-times", 1);
    const auto ticket = x.suspend();
    if (!ticket) return cleat::fail(cleat::error_text());
    auto waiting = std::make_shared<Waiting>();
    waiting->ticket = *ticket;
    waiting->left = static_cast<std::uint32_t>(times);
    waiting->throws = x.request().has("x-call-throw");
    const std::string body(x.request().get("x-call-body").value_or({}));
    const auto header = cleat::header("x-from", "a plugin");
    cleat::CallHandle last;
    for (std::uint64_t i = 0; i < times; ++i) {
      const auto started = call<&Calls::answered>(x, {.cluster = cluster, .method = method, .target = target, .headers = {&header, 1}, .body = body,
                                                      .timeout = std::chrono::milliseconds(number(x, "x-call-ms", 5'000)), .body_max = number(x, "x-call-max", 0)},
                                                  std::make_unique<Shared>(Shared{waiting}));
      if (!started) return x.reply({.status = 200, .body = "not started: " + std::to_string(started.status().code()) + " " + cleat::error_text()});
      last = *started;
    }
    if (x.request().has("x-call-cancel")) {
      const std::string once = std::to_string(last.cancel().code());
      return x.reply({.status = 200, .body = once + " " + std::to_string(last.cancel().code())});
    }
    return cleat::kSuspend;
  }

  void answered(cleat::Exchange x, cleat::CallEvent event, std::unique_ptr<Shared> shared) {
    Waiting& waiting = *shared->waiting;
    std::ostringstream line;
    if (event.ok()) {
      line << "done " << event.status() << " " << event.header("x-origin").value_or("-") << " " << event.body();
    } else {
      line << "failed " << event.how() << " " << event.reason();
    }
    if (event.how() == CLEAT_CALL_CANCELLED) {
      const std::lock_guard lock(mutex_);
      told_ += line.str() + "\n";
      return;
    }
    waiting.text += line.str() + "\n";
    if (--waiting.left != 0) return;
    if (waiting.throws) {
      (void)x.reply({.status = 200, .body = waiting.text});
      (void)waiting.ticket.resume(cleat::Verdict::kReplied);
      throw std::runtime_error("thrown by a callback");
    }
    (void)x.reply({.status = 200, .body = waiting.text});
    (void)waiting.ticket.resume(cleat::Verdict::kReplied);
  }

  // --- the C table: pieces ---

  struct Stream {
    Calls* self;
    cleat_exchange x;
    cleat::Ticket ticket;
    std::string text;
    std::uint64_t bytes = 0, left = 0;
    bool paused = false;
  };

  static void on_piece(void*, cleat_call call, std::uint64_t, const cleat_call_event* event, void* user) {
    auto* const stream = static_cast<Stream*>(user);
    const cleat::CallEvent told(*event);
    switch (told.kind()) {
      case CLEAT_CALL_HEAD: stream->text += "head " + std::to_string(told.status()) + "\n"; break;
      case CLEAT_CALL_DATA: stream->bytes += told.body().size(); break;
      case CLEAT_CALL_WRITABLE: send(stream, cleat::CallHandle(call)); break;
      default: {
        stream->text += told.ok() ? "end " : "failed " + std::to_string(told.how()) + " ";
        stream->text += std::to_string(stream->bytes) + " bytes";
        for (const cleat_header& one : told.trailers()) stream->text += " " + std::string(cleat::to_view(one.name)) + "=" + std::string(cleat::to_view(one.value));
        (void)cleat::Exchange(stream->x).reply({.status = 200, .body = stream->text + "\n"});
        (void)stream->ticket.resume(cleat::Verdict::kReplied);
        delete stream;
      }
    }
  }

  static void send(Stream* stream, cleat::CallHandle call) {
    static const std::string piece(16 * 1024, 'u');
    while (stream->left != 0) {
      const auto taken = call.write(std::string_view(piece).substr(0, std::min<std::uint64_t>(stream->left, piece.size())));
      if (!taken || *taken == 0) return;
      stream->left -= *taken;
    }
    (void)call.finish();
  }

  cleat::Verdict stream(cleat::Exchange x, const std::string& asked) {
    std::istringstream words(asked);
    std::string cluster, target;
    words >> cluster >> target;
    const auto ticket = x.suspend();
    if (!ticket) return cleat::fail(cleat::error_text());
    auto made = std::make_unique<Stream>(Stream{this, x.handle(), *ticket, "", 0, number(x, "x-send", 0), false});
    const bool sends = made->left != 0;
    const cleat_call_request request = cleat::detail::to_request({.cluster = cluster, .method = sends ? "POST" : "GET", .target = target,
                                                                  .flags = CLEAT_CALL_STREAM | (sends ? CLEAT_CALL_STREAM_BODY : 0)});
    cleat_call call = 0;
    if (cleat::detail::host.http_call.start(self(), x.handle(), &request, on_piece, made.get(), &call) != CLEAT_OK) return cleat::fail(cleat::error_text());
    Stream* const kept = made.release();
    if (sends) send(kept, cleat::CallHandle(call));
    return cleat::kSuspend;
  }

  cleat::Verdict refused(cleat::Exchange x, std::string_view what) const {
    cleat::CallRequest request{.cluster = "origin"};
    const auto framing = cleat::header("content-length", "5");
    std::string large;
    if (what == "cluster") request.cluster = "nowhere";
    if (what == "method") request.method = "CONNECT";
    if (what == "target") request.target = "no slash";
    if (what == "authority") request.authority = "a b";
    if (what == "timeout") request.timeout = std::chrono::milliseconds(0);
    if (what == "framing") request.headers = {&framing, 1};
    if (what == "flags") request.flags = 1U << 20;
    if (what == "body") request.body = large = std::string(1024 * 1024 + 1, 'x');
    if (what == "max") request.body_max = 1ULL << 40;
    const auto started = call<&Calls::ticked>(request, std::make_unique<Nothing>());
    return x.reply({.status = 200, .body = std::to_string(started.status().code()) + " " + cleat::error_text()});
  }

 private:
  static std::uint64_t number(cleat::Exchange x, std::string_view name, std::uint64_t otherwise) {
    const auto text = x.request().get(name);
    return text ? std::stoull(std::string(*text)) : otherwise;
  }
  std::string told() {
    const std::lock_guard lock(mutex_);
    return told_;
  }

  const std::string tick_;
  const std::chrono::milliseconds tick_timeout_;
  std::atomic<std::uint64_t> ticks_{0};
  std::mutex mutex_;
  std::string told_;
};

}  // namespace

CLEAT_PLUGIN(Calls, "name=calls\nversion=1.0.0\nrequires=cleat.config/1 cleat.http_call/1 cleat.timer/1\nabout=makes the calls it is asked for\n");
