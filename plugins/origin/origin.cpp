// origin: MAY reply. A handler: fixed replies by path, and the playground's paths. Hooks run on every worker; what workers share is
// the configuration, which does not change, and the counts of /flaky, behind a mutex.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "playground.hpp"
#include "plugin_api/cpp/cleat.hpp"
#include "static_reply.hpp"

namespace {

using namespace origin;
using std::chrono::milliseconds;

constexpr std::size_t kFlakyNamesMost = 4096;
constexpr milliseconds kAbortAfter{50};  // the half body's way out, before it is cut off
constexpr std::uint64_t kAbortPromised = 1000, kAbortSent = 500;

const cleat_header kPlain = cleat::header("content-type", "text/plain; charset=utf-8");

// Of one exchange whose answer is not made at once. No destructor runs: on_handle_end frees `held`.
struct Stream {
  enum class Kind : std::uint8_t { kNone, kMade, kEcho, kDelay, kDelayBody, kAbortBody } kind = Kind::kNone;
  bool request_ended = false;  // kEcho
  std::uint64_t position = 0;  // kMade: bytes written so far
  std::uint64_t size = 0;
  std::string* held = nullptr; // kEcho: what downstream has not taken yet; the sender waits
  cleat::Ticket sender;
};

void append_json(std::string& out, std::string_view text) {
  constexpr char kHex[] = "0123456789abcdef";
  out += '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte > 0x7e) {  // bytes as Latin-1: what came is what can be read back
      out += "\\u00";
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    } else {
      out += c;
    }
  }
  out += '"';
}

class Origin : public cleat::Plugin {
 public:
  explicit Origin(cleat::Config config) : playground_(config.get<bool>("playground", false)) {
    const cleat::Config routes = config["routes"];
    if (routes && !routes.is_list()) routes.error("must be a list of {path: ...}");
    else {
      for (const auto& member : routes.members()) {
        auto reply = std::make_unique<StaticReply>(member.value);
        const std::string path = reply->path();
        if (!replies_.emplace(path, std::move(reply)).second) member.value.error("a second reply for " + path);
      }
    }
  }

  cleat::Verdict on_handle(cleat::Exchange x) {
    const std::string_view path = x.path();
    if (const auto at = replies_.find(path); at != replies_.end()) return answer_static(x, *at->second);
    const Command command = playground_ ? parse(path) : Command{};
    switch (command.action) {
      case Action::kUnknown: return text(x, 404, "no such path\n", "no_such_path");
      case Action::kMalformed: return text(x, 400, std::string(command.text) + "\n", "malformed_path");
      case Action::kIndex: return text(x, 200, index_text());
      case Action::kEcho: return echo(x);
      case Action::kStatus: return text(x, static_cast<std::uint32_t>(command.number), "status " + std::to_string(command.number) + "\n");
      case Action::kFlaky: return flaky(x, command);
      case Action::kBytes: return bytes(x, command.number);
      case Action::kChunked: return make(x, 200, {&kPlain, 1}, command.number);
      case Action::kTrailers: return trailers(x);
      case Action::kDelay: return later(x, Stream::Kind::kDelay, milliseconds(command.number));
      case Action::kDelayBody: return later(x, Stream::Kind::kDelayBody, milliseconds(command.number));
      case Action::kAbortBody: return later(x, Stream::Kind::kAbortBody, kAbortAfter);
      case Action::kAbort: return x.reset() ? cleat::kContinue : cleat::fail("reset was refused");
    }
    return cleat::kFail;
  }

  // Only /echo looks at the body. What downstream does not take is held, and with it the sender.
  cleat::Verdict on_handle_body(cleat::Exchange x, cleat::Body body) {
    Stream* stream = x.find_state<Stream>();
    if (stream == nullptr || stream->kind != Stream::Kind::kEcho) return cleat::kContinue;
    const std::string_view piece = body.view();
    const auto accepted = x.answer().write(piece);
    if (!accepted) return cleat::fail(cleat::error_text());
    stream->request_ended = body.last();
    if (*accepted < piece.size()) {
      stream->held = new std::string(piece.substr(*accepted));
      if (body.last()) return cleat::kContinue;  // on_writable finishes
      const auto ticket = x.suspend();
      if (!ticket) return cleat::fail(cleat::error_text());
      stream->sender = *ticket;
      return cleat::kSuspend;
    }
    if (body.last()) x.answer().finish();
    return cleat::kContinue;
  }

  void on_writable(cleat::Exchange x) {
    Stream* stream = x.find_state<Stream>();
    if (stream == nullptr) return;
    if (stream->kind == Stream::Kind::kMade) return pour(x, *stream);
    if (stream->held == nullptr) return;
    const auto accepted = x.answer().write(*stream->held);
    if (!accepted) return;
    stream->held->erase(0, *accepted);
    if (!stream->held->empty()) return;
    delete std::exchange(stream->held, nullptr);
    if (stream->request_ended) x.answer().finish();
    else stream->sender.resume();
  }

  void on_handle_end(cleat::Exchange x) {
    if (Stream* stream = x.find_state<Stream>()) delete std::exchange(stream->held, nullptr);
  }

  void on_time(cleat::Exchange x) {
    const Stream* stream = x.find_state<Stream>();
    if (stream == nullptr) return;
    const cleat::Answer answer = x.answer();
    if (stream->kind == Stream::Kind::kAbortBody) {
      answer.abort();
      return;
    }
    if (stream->kind == Stream::Kind::kDelay) answer.start({.headers = {&kPlain, 1}});
    answer.write("that took a while\n");
    answer.finish();
  }

 private:
  // Lets a string_view look up a std::string.
  struct Hash : std::hash<std::string_view> {
    using is_transparent = void;
  };

  static cleat::Verdict text(cleat::Exchange x, std::uint32_t status, std::string_view body, std::string_view reason = {}) {
    return x.reply({.status = status, .headers = {&kPlain, 1}, .body = body, .reason = reason});
  }

  cleat::Verdict answer_static(cleat::Exchange x, const StaticReply& reply) {
    if (reply.streamed_bytes() != 0) return make(x, reply.status(), reply.headers(), reply.streamed_bytes());
    return x.reply({.status = reply.status(), .headers = reply.headers(), .body = reply.body()});
  }

  // Begins an answer whose body is made to a size: as much as downstream takes now, the rest from on_writable.
  static cleat::Verdict make(cleat::Exchange x, std::uint32_t status, std::span<const cleat_header> headers, std::uint64_t size) {
    Stream* stream = x.state<Stream>();
    if (stream == nullptr || !x.answer().start({.status = status, .headers = headers})) return cleat::fail(cleat::error_text());
    stream->kind = Stream::Kind::kMade;
    stream->size = x.method() == "HEAD" || status == 204 || status == 304 ? 0 : size;
    pour(x, *stream);
    return cleat::kContinue;
  }

  static void pour(cleat::Exchange x, Stream& stream) {
    while (stream.position < stream.size) {
      const std::size_t at = stream.position % kPatternPeriod;
      const std::string_view piece = pattern().substr(at, static_cast<std::size_t>(std::min(kPatternBytes - at, stream.size - stream.position)));
      const auto accepted = x.answer().write(piece);
      if (!accepted) return;  // the exchange is over
      stream.position += *accepted;
      if (*accepted < piece.size()) return;
    }
    x.answer().finish();
  }

  static cleat::Verdict bytes(cleat::Exchange x, std::uint64_t size) {
    const std::string length = std::to_string(size);
    const cleat_header headers[] = {kPlain, cleat::header("content-length", length)};
    return make(x, 200, headers, size);
  }

  static cleat::Verdict trailers(cleat::Exchange x) {
    constexpr std::string_view kBody = "trailers follow\n";
    const std::string size = std::to_string(kBody.size());
    const cleat_header fields[] = {cleat::header("x-bytes", size), cleat::header("x-end", "yes")};
    const cleat::Answer answer = x.answer();
    const bool done = answer.start({.headers = {&kPlain, 1}}) && answer.write(kBody) && answer.finish(fields);
    return done ? cleat::kContinue : cleat::fail(cleat::error_text());
  }

  cleat::Verdict later(cleat::Exchange x, Stream::Kind kind, milliseconds delay) {
    Stream* stream = x.state<Stream>();
    if (stream == nullptr) return cleat::fail("no memory for the exchange's state");
    stream->kind = kind;
    bool done = true;
    if (kind == Stream::Kind::kDelayBody) done = x.answer().start({.headers = {&kPlain, 1}}).ok();
    if (kind == Stream::Kind::kAbortBody) {
      const std::string length = std::to_string(kAbortPromised);
      const cleat_header headers[] = {kPlain, cleat::header("content-length", length)};
      done = x.answer().start({.headers = headers}) && x.answer().write(pattern().substr(0, kAbortSent));
    }
    done = done && arm<&Origin::on_time>(x, delay);
    return done ? cleat::kContinue : cleat::fail(cleat::error_text());
  }

  static cleat::Verdict echo(cleat::Exchange x) {
    const std::string_view method = x.method();
    if (method == "POST" || method == "PUT" || method == "PATCH") return echo_body(x);
    std::string json = "{\"method\":";
    append_json(json, method);
    json += ",\"target\":";
    append_json(json, x.target());
    json += ",\"authority\":";
    append_json(json, x.authority());
    json += ",\"scheme\":";
    append_json(json, x.scheme());
    json += ",\"headers\":[";
    const char* before = "[";
    x.request().each([&](std::string_view name, std::string_view value) {
      json += before;
      append_json(json, name);
      json += ',';
      append_json(json, value);
      json += ']';
      before = ",[";
    });
    json += "]}\n";
    const cleat_header type = cleat::header("content-type", "application/json");
    return x.reply({.headers = {&type, 1}, .body = json});
  }

  // The head now; the body from on_handle_body, with the length it announces, if it does.
  static cleat::Verdict echo_body(cleat::Exchange x) {
    Stream* stream = x.state<Stream>();
    if (stream == nullptr) return cleat::fail("no memory for the exchange's state");
    stream->kind = Stream::Kind::kEcho;
    const auto type = x.request().get("content-type"), length = x.request().get("content-length");
    const cleat_header headers[] = {cleat::header("content-type", type.value_or("application/octet-stream")),
                                    cleat::header("content-length", length.value_or({}))};
    return x.answer().start({.headers = {headers, length ? 2U : 1U}}) ? cleat::kContinue : cleat::fail(cleat::error_text());
  }

  cleat::Verdict flaky(cleat::Exchange x, const Command& command) {
    std::uint64_t seen = 0;
    {
      const std::lock_guard lock(flaky_mutex_);
      auto at = flaky_.find(command.text);
      if (at == flaky_.end()) {
        if (flaky_.size() >= kFlakyNamesMost) return text(x, 500, "too many names\n", "flaky_names");
        at = flaky_.emplace(command.text, 0).first;
      }
      seen = ++at->second;
    }
    const bool fails = seen <= command.number;
    const std::string number = std::to_string(seen);
    const cleat_header headers[] = {kPlain, cleat::header("x-flaky-request", number)};
    return x.reply({.status = fails ? 503U : 200U,
                    .headers = headers,
                    .body = fails ? "not yet\n" : "now it works\n",
                    .reason = fails ? std::string_view("flaky") : std::string_view()});
  }

  const bool playground_;
  std::unordered_map<std::string, std::unique_ptr<StaticReply>, Hash, std::equal_to<>> replies_;
  std::mutex flaky_mutex_;
  std::map<std::string, std::uint64_t, std::less<>> flaky_;
};

}  // namespace

CLEAT_PLUGIN(Origin,
             "name=origin\nversion=1.0.0\nrequires=cleat.config/1 cleat.handler/1 cleat.body/1 cleat.timer/1\n"
             "license=Apache-2.0\nabout=fixed replies by path, and a playground for tests\n");
