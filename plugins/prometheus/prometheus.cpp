// prometheus: MAY reply. A handler whose answer is every metric of the process as text. A worker takes the request and, later, writes
// what the renderer's thread has made, no faster than the scraper takes it.
#include <atomic>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>

#include "exposition.hpp"
#include "plugin_api/cpp/cleat.hpp"
#include "plugin_api/cpp/long_answer.hpp"
#include "renderer.hpp"

namespace prometheus {

constexpr int kPostTries = 100;                 // a millisecond apart, while a worker's queue is full

// Of one exchange. No destructor runs: on_handle_end frees the text.
struct Scrape {
  cleat::LongAnswer answer;
  Format format = Format::kText;
  bool counted = false;  // among those under way
  bool head = false;     // HEAD: no body
};

class Prometheus : public cleat::Plugin {
 public:
  explicit Prometheus(cleat::Config config)
      : limits_(read_limits(config)),
        scrapes_max_(read_scrapes_max(config)),
        refused_(counter("cleat_prometheus_scrapes_refused_total", "Scrapes answered 503: too many at once")),
        shown_(gauge("cleat_prometheus_series", "Series of the latest scrape before this one")),
        dropped_(gauge("cleat_prometheus_series_dropped", "Series that the latest scrape before this one left out")),
        renderer_(std::make_unique<Renderer>([this](Format format) { return render(format); },
                                             [this](std::uint64_t to, const Text& text) { deliver(to, text); })) {}

  ~Prometheus() {
    renderer_.reset();  // its thread ends before what it uses
    shown_.add(-shown_before_);
    dropped_.add(-dropped_before_);
  }

  static void validate(cleat::Config config) {
    read_limits(config);
    read_scrapes_max(config);
  }

  cleat::Verdict on_handle(cleat::Exchange x) {
    const std::string_view method = x.method();
    if (method != "GET" && method != "HEAD") {
      const cleat_header allow = cleat::header("allow", "GET, HEAD");
      return x.reply({.status = 405, .headers = {&allow, 1}, .body = "only GET and HEAD\n", .reason = "method"});
    }
    Scrape* scrape = x.state<Scrape>();
    if (scrape == nullptr) return cleat::fail("no memory for the exchange's state");
    if (under_way_.fetch_add(1, std::memory_order_relaxed) >= scrapes_max_) {
      under_way_.fetch_sub(1, std::memory_order_relaxed);
      refused_.add();
      const cleat_header later = cleat::header("retry-after", "1");
      return x.reply({.status = 503, .headers = {&later, 1}, .body = "too many scrapes at once\n", .reason = "scrapes_max"});
    }
    scrape->counted = true;
    scrape->head = method == "HEAD";
    scrape->format = negotiate(x.request().get("accept").value_or({}));
    renderer_->ask(x.handle(), scrape->format);
    return cleat::kContinue;
  }

  void on_writable(cleat::Exchange x) {
    if (Scrape* scrape = x.find_state<Scrape>(); scrape != nullptr && scrape->answer.held()) pour(x, *scrape);
  }

  void on_handle_end(cleat::Exchange x) {
    Scrape* scrape = x.find_state<Scrape>();
    if (scrape == nullptr) return;
    scrape->answer.drop();
    if (std::exchange(scrape->counted, false)) under_way_.fetch_sub(1, std::memory_order_relaxed);
  }

  // On the exchange's worker: the text is made.
  void send(cleat::Exchange x, std::unique_ptr<Text> text) {
    Scrape* scrape = x.find_state<Scrape>();
    if (scrape == nullptr || scrape->answer.held()) return;
    const cleat::Answer answer = x.answer();
    if (*text == nullptr) {
      answer.start({.status = 500});
      answer.finish();
      return;
    }
    const std::string length = std::to_string((*text)->size());
    const cleat_header headers[] = {cleat::header("content-type", content_type(scrape->format)), cleat::header("content-length", length),
                                    cleat::header("vary", "accept")};
    if (!answer.start({.headers = headers})) return;
    if (scrape->head) {
      answer.finish();
      return;
    }
    scrape->answer.hold(std::move(*text));
    pour(x, *scrape);
  }

  // Gives the worker's other connections a turn between two pieces.
  void more(cleat::Exchange x) { on_writable(x); }

 private:
  static Limits read_limits(cleat::Config config) {
    return {.series_max = config.get<std::uint64_t>("series_max", Limits{}.series_max, {.least = 1, .most = 1'000'000}),
            .drop = config.get<std::vector<std::string>>("drop")};
  }
  static std::uint32_t read_scrapes_max(cleat::Config config) { return config.get<std::uint32_t>("scrapes_max", 8, {.least = 1, .most = 1000}); }

  void pour(cleat::Exchange x, Scrape& scrape) {
    // A queue that is full would leave the answer where it is.
    if (scrape.answer.pour(x.answer()) == cleat::LongAnswer::Next::kAgain && !post<&Prometheus::more>(x)) x.answer().abort();
  }

  // On the renderer's thread. nullptr: it failed, and the log says why.
  Text render(Format format) {
    try {
      return make(format);
    } catch (const std::exception& failure) {
      log(CLEAT_ERROR, failure.what());
      return nullptr;
    }
  }

  Text make(Format format) {
    Exposition exposition(format, limits_);
    if (!cleat::visit_metrics([&](const cleat_metric_view& view) { exposition.add(view); })) {
      throw std::runtime_error("the metrics cannot be read: " + cleat::error_text());
    }
    shown_.add(static_cast<std::int64_t>(exposition.series()) - std::exchange(shown_before_, static_cast<std::int64_t>(exposition.series())));
    dropped_.add(static_cast<std::int64_t>(exposition.dropped()) - std::exchange(dropped_before_, static_cast<std::int64_t>(exposition.dropped())));
    return std::make_shared<const std::string>(exposition.finish());
  }

  void deliver(std::uint64_t to, const Text& text) {
    for (int i = 0; i < kPostTries; ++i) {
      if (post<&Prometheus::send>(cleat::Exchange(to), std::make_unique<Text>(text)) != cleat::Status(CLEAT_LIMIT)) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }

  const Limits limits_;
  const std::uint32_t scrapes_max_;
  std::atomic<std::uint32_t> under_way_{0};
  std::int64_t shown_before_ = 0, dropped_before_ = 0;  // the renderer's thread alone
  cleat::Counter refused_;
  cleat::Gauge shown_, dropped_;
  std::unique_ptr<Renderer> renderer_;
};

}  // namespace prometheus

CLEAT_PLUGIN(prometheus::Prometheus, "name=prometheus\nversion=1.0.0\nrequires=cleat.config/1 cleat.handler/1 cleat.metrics/1 cleat.post/1\n"
                                     "license=Apache-2.0\nabout=every metric of the process, for Prometheus to scrape\n");
