#include "top.hpp"

#include <curl/curl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <memory>

namespace admin {
namespace {

constexpr std::size_t kAnswerBytesMax = 64 * 1024 * 1024;
constexpr long kTimeoutMs = 5'000;
constexpr std::string_view kUsage =
    "usage: cleat top [--once] [--interval SECONDS] [URL]\n"
    "A live view of routes, clusters and plugins of the process whose admin plugin answers at URL\n"
    "(http://127.0.0.1:9901 where none is given). q ends it; --once prints one frame.\n";

struct Options {
  std::string url = "http://127.0.0.1:9901";
  double interval_s = 1;
  bool once = false;
};

// nullopt: bad usage, or help was asked for.
std::optional<Options> read_options(cleat::Command call) {
  Options options;
  bool url = false;
  for (std::uint64_t i = 0; i < call.size(); ++i) {
    const std::string_view argument = call[i];
    if (argument == "--once") {
      options.once = true;
    } else if (argument == "--interval" && i + 1 < call.size()) {
      const std::string_view value = call[++i];
      const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), options.interval_s);
      if (error != std::errc() || end != value.data() + value.size() || !(options.interval_s >= 0.1 && options.interval_s <= 3600)) return {};
    } else if (!url && !argument.empty() && argument.front() != '-') {
      options.url = argument;
      url = true;
    } else {
      return {};
    }
  }
  if (options.url.find("://") == std::string::npos) options.url = "http://" + options.url;
  while (options.url.ends_with('/')) options.url.pop_back();
  return options;
}

class Reader {
 public:
  explicit Reader(std::string url) : url_(std::move(url)), curl_(curl_easy_init(), &curl_easy_cleanup) {}

  // Throws std::runtime_error with what went wrong.
  Sample sample() {
    Sample all;
    all.at_s = std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
    all.server = fetch("/server");
    all.listeners = fetch("/listeners");
    all.clusters = fetch("/clusters");
    all.plugins = fetch("/plugins");
    return all;
  }

 private:
  static std::size_t take(char* data, std::size_t, std::size_t size, void* into) {
    auto& text = *static_cast<std::string*>(into);
    if (text.size() + size > kAnswerBytesMax) return 0;
    text.append(data, size);
    return size;
  }

  nlohmann::json fetch(const std::string& path) {
    if (!curl_) throw std::runtime_error("libcurl does not start");
    const std::string url = url_ + path;
    std::string text;
    curl_easy_setopt(curl_.get(), CURLOPT_URL, url.c_str());
    curl_easy_setopt(curl_.get(), CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl_.get(), CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl_.get(), CURLOPT_TIMEOUT_MS, kTimeoutMs);
    curl_easy_setopt(curl_.get(), CURLOPT_WRITEFUNCTION, &Reader::take);
    curl_easy_setopt(curl_.get(), CURLOPT_WRITEDATA, &text);
    const CURLcode code = curl_easy_perform(curl_.get());
    if (code != CURLE_OK) throw std::runtime_error(url + ": " + curl_easy_strerror(code));
    long status = 0;
    curl_easy_getinfo(curl_.get(), CURLINFO_RESPONSE_CODE, &status);
    if (status != 200) throw std::runtime_error(url + ": status " + std::to_string(status));
    nlohmann::json json = nlohmann::json::parse(text, nullptr, false);
    if (json.is_discarded()) throw std::runtime_error(url + ": this is no admin plugin's answer");
    return json;
  }

  std::string url_;
  std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> curl_;
};

// The terminal, for as long as it lives: keys come one by one and unseen, and the screen is put back at the end.
class Screen {
 public:
  explicit Screen(cleat::Command call) : call_(call) {
    keys_ = ::tcgetattr(STDIN_FILENO, &before_) == 0;
    if (keys_) {
      termios raw = before_;
      raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
      ::tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    }
    call_.out("\x1b[?1049h\x1b[?25l");
  }
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;
  ~Screen() {
    call_.out("\x1b[?25h\x1b[?1049l");
    if (keys_) ::tcsetattr(STDIN_FILENO, TCSANOW, &before_);
  }

  // False when nobody reads any more.
  bool show(const std::string& lines) {
    std::string out = "\x1b[H";
    for (const char c : lines) out += c == '\n' ? std::string("\x1b[K\r\n") : std::string(1, c);
    return call_.out(out + "\x1b[J");
  }

  // True: the user has had enough.
  bool wait(double seconds) {
    pollfd input = {STDIN_FILENO, POLLIN, 0};
    if (::poll(&input, keys_ ? 1 : 0, static_cast<int>(seconds * 1000)) <= 0) return false;
    char key = 0;
    return ::read(STDIN_FILENO, &key, 1) <= 0 || key == 'q' || key == 'Q' || key == 3 || key == 4;
  }

  static winsize size() {
    winsize now{};
    if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &now) != 0 || now.ws_col == 0 || now.ws_row == 0) now = {.ws_row = 40, .ws_col = 100, .ws_xpixel = 0, .ws_ypixel = 0};
    return now;
  }

 private:
  cleat::Command call_;
  termios before_{};
  bool keys_ = false;
};

int once(cleat::Command call, Reader& reader, const Options& options) {
  const std::optional<Sample> first = reader.sample();
  ::poll(nullptr, 0, static_cast<int>(options.interval_s * 1000));
  return call.out(frame(reader.sample(), first, 200, 10'000, false)) ? 0 : 1;
}

int watch(cleat::Command call, Reader& reader, const Options& options) {
  std::optional<Sample> before = reader.sample();  // before the screen is taken: what is wrong from the start is plainly said
  Screen screen(call);
  for (double wait = 0.3;; wait = options.interval_s) {
    if (screen.wait(wait)) return 0;
    const winsize size = Screen::size();
    std::string shown;
    try {
      Sample now = reader.sample();
      shown = frame(now, before, size.ws_col, size.ws_row - 1u, true);
      before = std::move(now);
    } catch (const std::exception& error) {
      shown = std::string("unreachable: ") + error.what() + "\n";
    }
    if (!screen.show(shown)) return 1;
  }
}

}  // namespace

int run_top(cleat::Command call) {
  const std::optional<Options> options = read_options(call);
  if (!options) {
    const bool help = call.size() == 1 && (call[0] == "--help" || call[0] == "-h");
    (help ? call.out(kUsage) : call.error(kUsage));
    return help ? 0 : 2;
  }
  try {
    Reader reader(options->url);
    return options->once || ::isatty(STDOUT_FILENO) == 0 ? once(call, reader, *options) : watch(call, reader, *options);
  } catch (const std::exception& error) {
    call.error(std::string("cleat top: ") + error.what() + "\n");
    return 1;
  }
}

}  // namespace admin
