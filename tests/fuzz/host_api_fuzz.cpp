// A plugin's calls: any function of the host, in any hook and at any stage of an exchange, with any arguments. The worker and its
// exchange are real, but there are no sockets, and the exchange does not move. After every call what would go out is well-formed.
#include <cstring>
#include <memory>
#include <string>
#include <tuple>
#include <type_traits>
#include <vector>

#include "kernel/accept/acceptor.hpp"
#include "kernel/accept/http1_server.hpp"
#include "kernel/base/check.hpp"
#include "kernel/exchange.hpp"
#include "kernel/hooks/host_tables.hpp"
#include "kernel/hooks/plugin_calls.hpp"
#include "kernel/hooks/plugin_timers.hpp"
#include "kernel/hooks/tickets.hpp"
#include "kernel/upstream/pool.hpp"
#include "kernel/worker.hpp"

namespace {

using namespace cleat;
using hooks::Hook;
using hooks::to_view;

constexpr std::size_t kCallsMax = 400;
constexpr std::string_view kHead =
    "POST /a/b?c=%20d HTTP/1.1\r\nHost: a.example\r\nX-One: 1\r\nContent-Length: 5\r\nx-one: 2\r\nConnection: X-Hop\r\nX-Hop: 3\r\n\r\n";

// Arguments from the input. When it has run out everything is zero.
class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}
  bool empty() const { return size_ == 0; }
  std::uint8_t byte() {
    if (size_ == 0) return 0;
    --size_;
    return *data_++;
  }
  std::uint64_t number() {
    std::uint64_t value = byte();
    if (value < 0xf0) return value;
    for (std::uint64_t i = value - 0xf0; i > 0 && i < 8; --i) value = value << 8 | byte();
    return value == 0xff ? UINT64_MAX : value;
  }
  template <class T, std::size_t N>
  T pick(const T (&from)[N]) {
    return from[byte() % N];
  }
  // A text that is freed when the call has returned: what is kept of it must have been copied.
  cleat_str text() {
    static const std::string kTexts[] = {"x-one", "host", "Content-Length", "X-Hop", "a.example:80", "/x/../y?q=%20", "GET", "5", "a\r\nb",
                                         "",      "HEAD", "TRACE", "PRI", "CONNECT", "x-two", "12", "/..", "Expect", "*"};
    const std::uint8_t size = byte();
    if (size >= 0xf8) return size == 0xff ? cleat_str{nullptr, 7} : cleat_str{nullptr, 0};
    std::string made;
    if (size >= 0x60) {
      made = kTexts[size % std::size(kTexts)];
    } else if (size == 0x5f) {
      made.assign(number() % 100'000, static_cast<char>(byte()));
    } else {
      for (int i = 0; i < size; ++i) made.push_back(static_cast<char>(byte()));
    }
    auto held = std::make_unique<char[]>(made.size());  // of the exact size, for the sanitizer
    std::memcpy(held.get(), made.data(), made.size());
    texts_.push_back(std::move(held));
    return {texts_.back().get(), made.size()};
  }
  void forget() { texts_.clear(); }

 private:
  const std::uint8_t* data_;
  std::size_t size_;
  std::vector<std::unique_ptr<char[]>> texts_;
};

// Calls with arguments that are read from the input in their order, whatever the compiler.
template <class... Args>
cleat_status ordered(cleat_status (*call)(Args...), const std::type_identity_t<std::tuple<Args...>>& args) {
  return std::apply(call, args);
}

std::shared_ptr<Generation> make_generation() {
  static std::uint64_t id = 0;
  auto generation = std::make_shared<Generation>();
  generation->id = ++id;
  generation->model.listeners.resize(1);
  generation->model.listeners[0].name = "in";
  generation->model.listeners[0].limits.body_buffer = 64 * 1024;
  generation->model.listeners[0].routes.resize(1);
  generation->model.clusters.resize(1);
  generation->model.clusters[0].name = "app";
  for (int i = 0; i < 3; ++i) {  // two in the chain, and a handler
    auto instance = std::make_unique<hooks::Instance>();
    instance->name = "plugin";
    instance->generation = id;
    for (int shard = 0; shard < 2; ++shard) instance->shards.push_back(std::make_unique<hooks::Instance::Shard>());
    generation->instances.push_back(std::move(instance));
  }
  config::Cluster& app = generation->model.clusters[0];
  for (const char* address : {"127.0.0.1:1", "127.0.0.1:2"}) app.endpoints.push_back({address, 1, nullptr});
  config::Diagnostics diagnostics("fuzz");
  generation->clusters.push_back(std::make_shared<Cluster>(app, nullptr, 1, diagnostics));
  generation->cluster_names["app"] = generation->clusters.back();
  auto listener = std::make_unique<Listener>();
  listener->config = generation->model.listeners.data();
  for (int i = 0; i < 2; ++i) listener->chain.instances.push_back(generation->instances[static_cast<std::size_t>(i)].get());
  listener->chain.ready.prepare(listener->chain, 1);
  listener->routes.resize(1);
  Route& route = listener->routes[0];
  route.config = listener->config->routes.data();
  route.handler = generation->instances[2].get();
  route.handler_position = 2;
  route.plugin_configs = {generation.get(), nullptr, generation.get()};
  generation->listeners.push_back(std::move(listener));
  return generation;
}

class Session {
 public:
  Session(Worker& worker, Input& in)
      : worker_(worker), in_(in), generation_(*worker.current_generation->generation), x_(*worker.new_exchange()) {
    x_.home = worker.current_generation.get();
    ++x_.home->users;
    x_.listener = generation_.listeners[0].get();
    x_.stage = Stage::kRequest;
    x_.request_known = true;
    x_.reply_flag = in.byte() % 4 == 0 ? "plugin_reply" : "";
    const std::string_view head = x_.arena.copy(kHead);
    CLEAT_CHECK(!http::parse_request_head(head, {}, x_.arena, x_.request));
    x_.response.status = 200;
    x_.response.fields.add(x_.arena, {"Content-Length", "7", http::Name::kContentLength, false});
    x_.response.fields.add(x_.arena, {"X-One", "1", http::Name::kOther, false});
    if (in.byte() % 2 == 0) x_.request_trailers.add(x_.arena, {"X-Sum", "1", http::Name::kOther, false});
    x_.request_pipe.piece.append("a piece");
    handle_ = x_.handle();
    if (in.byte() % 2 == 0) begin_as_handler();
    const std::uint64_t junk[] = {0, UINT64_MAX, handle_ ^ 1, handle_ + (1ULL << 32), 2ULL << 54 | 1, 1, handle_ | 7ULL << 56};
    junk_.assign(std::begin(junk), std::end(junk));
  }

  ~Session() {
    for (std::uint32_t lane = 0; lane < 3; ++lane) hooks::tickets::drop(worker_.index, x_.slot, lane);
    worker_.plugin_timers->cancel_all(x_);
    worker_.plugin_calls->cancel_all(x_);
    for (const auto& instance : generation_.instances) worker_.plugin_calls->cancel_all(instance->handle);
    worker_.stamp = {};
    worker_.free_exchange(&x_);
    CLEAT_CHECK(worker_.find_exchange(handle_) == nullptr);
  }

  void run() {
    for (std::size_t i = 0; i < kCallsMax && !in_.empty(); ++i) {
      if (in_.byte() % 16 == 0) move();
      call();
      in_.forget();
      check();
    }
  }

 private:
  void begin_as_handler() {
    x_.route = generation_.listeners[0]->routes.data();
    x_.stage = Stage::kHandle;
    x_.handler_active = true;
    x_.response = {};
    worker_.stamp = {generation_.instances[2].get(), {}, &x_};
    worker_.stamp.hook.store(hooks::StampedHook::word(Hook::kHandle, 2));
  }

  // Another hook, instance or stage.
  void move() {
    const std::uint8_t who = in_.byte();
    worker_.stamp.instance = who % 4 == 3 ? nullptr : generation_.instances[who % 4].get();
    worker_.stamp.hook.store(hooks::StampedHook::word(static_cast<Hook>(in_.byte() % hooks::kHooks), who % 4));
    worker_.stamp.exchange = in_.byte() % 4 == 0 ? nullptr : &x_;
    const Stage stages[] = {Stage::kRequest,    Stage::kRoute, Stage::kGather, Stage::kHandle,   Stage::kAttempt, Stage::kAwait,
                            Stage::kAttemptEnd, Stage::kPause, Stage::kReply,  Stage::kResponse, Stage::kStream,  Stage::kDone};
    x_.stage = in_.pick(stages);
    x_.route = in_.byte() % 4 == 0 ? nullptr : generation_.listeners[0]->routes.data();
    x_.lane_of_call = static_cast<Lane>(in_.byte() % 3);
    x_.request_pipe.in_hook = worker_.stamp.hook == Hook::kRequestBody;
    x_.response_pipe.in_hook = worker_.stamp.hook == Hook::kResponseBody;
    if (in_.byte() % 4 == 0) x_.handler_active = !x_.handler_active;
    if (in_.byte() % 16 == 0) x_.handler_out.clear();
  }

  std::uint64_t handle() {
    const std::uint8_t which = in_.byte();
    if (which < 0xd0) return handle_;
    if (which < 0xe0) return generation_.instances[which % 3]->handle;
    if (which < 0xf0 && !made_.empty()) return made_[which % made_.size()];
    return junk_[which % junk_.size()];
  }
  template <class T>
  T* output(T& value) {
    return in_.byte() % 32 == 0 ? nullptr : &value;
  }
  std::uint32_t small() { return static_cast<std::uint32_t>(in_.number()); }
  cleat_part part() { return in_.byte() % 5; }

  // Of a size, a count and a content that may all be wrong.
  cleat_reply reply(std::vector<cleat_header>& fields) {
    for (std::uint32_t i = in_.byte() % 4; i > 0; --i) {
      const cleat_str name = in_.text();
      fields.push_back({name, in_.text()});
    }
    cleat_reply made{};
    made.size = in_.byte() % 8 == 0 ? small() % sizeof made : sizeof made;
    made.status = in_.byte() % 8 == 0 ? small() : 200 + in_.byte() % 128;
    made.headers = fields.data();
    made.header_count = fields.size();
    made.body = in_.byte() % 2 == 0 ? cleat_str{} : in_.text();
    made.reason = in_.text();
    return made;
  }

  static void fired(void*, std::uint64_t owner, void* user) {
    auto& session = *static_cast<Session*>(user);
    if (session.in_.byte() % 2 == 0) return;
    cleat_timer timer;
    hooks::kHostTimer.arm(session.worker_.stamp.instance->handle, owner, session.in_.byte(), fired, user, &timer);
    session.call();
  }

  void call() {
    if (depth_ > 8) return;
    ++depth_;
    const std::uint8_t which = in_.byte() % 68;
    if (which < 14) {
      call_head(which);
    } else if (which < 28) {
      call_exchange(which - 14);
    } else if (which < 42) {
      call_body_and_handler(which - 28);
    } else if (which < 56) {
      call_rest(which - 42);
    } else if (which < 64) {
      call_http_call(which - 56);
    } else {
      call_tls(which - 64);
    }
    --depth_;
  }

  void call_head(unsigned which) {
    cleat_str value{};
    cleat_header field{};
    std::uint64_t count = 0;
    std::uint32_t status = 0;
    const cleat_exchange x = handle();
    switch (which) {
      case 0:
      case 1: {
        const cleat_part of = part();
        const cleat_str name = in_.text();
        if (ordered(host_.header_get, {x, of, name, in_.number(), output(value)}) == CLEAT_OK) touch(value);
        break;
      }
      case 2: ordered(host_.header_count, {x, part(), output(count)}); break;
      case 3:
        if (ordered(host_.header_at, {x, part(), in_.number(), output(field)}) == CLEAT_OK) touch(field.name), touch(field.value);
        break;
      case 4:
      case 5:
      case 6:
      case 7: {
        const cleat_part of = part();
        const cleat_str name = in_.text();
        const cleat_str text = in_.text();
        (which < 6 ? host_.header_set : host_.header_add)(x, of, name, text);
        break;
      }
      case 8:
      case 9: ordered(host_.header_remove, {x, part(), in_.text()}); break;
      case 10:
        if (ordered(host_.field_get, {x, small() % 9, output(value)}) == CLEAT_OK) touch(value);
        break;
      case 11: ordered(host_.field_set, {x, small() % 9, in_.text()}); break;
      case 12: host_.status_get(x, output(status)); break;
      default: host_.status_set(x, small() + 195); break;
    }
  }

  void call_exchange(unsigned which) {
    const cleat_exchange x = handle();
    void* pointer = nullptr;
    std::vector<cleat_header> fields;
    switch (which) {
      case 0: {
        const std::uint64_t size = in_.number();
        if (host_.exchange_state(x, size, output(pointer)) != CLEAT_OK || size == 0 || pointer == nullptr) break;
        CLEAT_CHECK(reinterpret_cast<std::uintptr_t>(pointer) % 16 == 0);
        std::memset(pointer, 0xaa, size);
        break;
      }
      case 1: host_.route_config(x, output(pointer)); break;
      case 2:
      case 3: {
        const cleat_reply made = reply(fields);
        host_.reply(x, output(made));
        break;
      }
      case 4: host_.reset(x); break;
      case 5: host_.reroute(x); break;
      case 6: ordered(host_.cluster_set, {x, in_.byte() % 2 == 0 ? hooks::to_str("app") : in_.text()}); break;
      case 7:
        if (in_.byte() % 2 == 0) host_.attempt_timeout(x, in_.number());
        else host_.exchange_timeout(x, in_.number());
        break;
      case 8: {
        const cleat_retry retry = {in_.byte() % 8 == 0 ? small() : std::uint32_t{sizeof(cleat_retry)}, small(), in_.number()};
        const cleat_retry* const given = output(retry);
        if (retry.size <= sizeof retry) host_.retry(x, given);  // a larger size would be the plugin's own lie
        break;
      }
      case 9:
      case 10: {
        cleat_ticket ticket = 0;
        if (host_.suspend(x, output(ticket)) == CLEAT_OK) made_.push_back(ticket);
        break;
      }
      case 11: {
        const std::uint64_t ticket = handle();
        if (host_.resume(ticket, in_.byte() % 6) == CLEAT_OK) CLEAT_CHECK(host_.resume(ticket, CLEAT_CONTINUE) == CLEAT_STALE);
        break;
      }
      case 12: host_.set_error(in_.text()); break;
      default: {
        char text[64];
        std::uint64_t needed = 0;
        host_.error_text(text, in_.byte() % sizeof text, &needed);
        break;
      }
    }
  }

  void call_body_and_handler(unsigned which) {
    const cleat_exchange x = handle();
    cleat_str data{};
    std::uint64_t accepted = 0;
    std::vector<cleat_header> fields;
    const auto& body = hooks::kHostBody;
    const auto& handler = hooks::kHostHandler;
    const auto piece = [&](cleat_part of) {  // may be a part of the piece itself
      cleat_str text = in_.text();
      cleat_str view{};
      if (in_.byte() % 2 != 0 || body.view(x, of, &view) != CLEAT_OK || view.size == 0) return text;
      const std::uint64_t skip = in_.byte() % view.size;
      return cleat_str{view.data + skip, view.size - skip};
    };
    const cleat_part of = part();
    switch (which) {
      case 0:
      case 1: {
        const std::uint32_t mode = in_.byte() % 5;
        body.subscribe(x, of, mode, in_.number());
        break;
      }
      case 2:
        if (body.view(x, of, output(data)) == CLEAT_OK) touch(data);
        break;
      case 3: body.append(x, of, piece(of)); break;
      case 4: body.prepend(x, of, piece(of)); break;
      case 5: body.replace(x, of, piece(of)); break;
      case 6: body.drain(x, of, in_.number()); break;
      case 7: body.keep_for_replay(x, in_.number()); break;
      case 8:
      case 9: {
        cleat_reply head = reply(fields);
        if (in_.byte() % 4 != 0) head.body = {};
        handler.start(x, output(head));
        break;
      }
      case 10:
      case 11: {
        const cleat_str text = in_.text();
        if (handler.write(x, text, output(accepted)) == CLEAT_OK) CLEAT_CHECK(accepted <= text.size);
        break;
      }
      case 12:
        reply(fields);
        handler.finish(x, fields.data(), fields.size());
        break;
      default: handler.abort(x); break;
    }
  }

  void call_rest(unsigned which) {
    const std::uint64_t subject = handle();
    cleat_str text{};
    std::int64_t integer = 0;
    double number = 0;
    std::uint32_t small_number = 0;
    std::uint64_t count = 0;
    cleat_timer timer = 0;
    const auto& metadata = hooks::kHostMetadata;
    const auto& balancer = hooks::kHostBalancer;
    switch (which) {
      case 0:
        if (ordered(hooks::kHostAttributes.text, {subject, small() % 20, output(text)}) == CLEAT_OK) touch(text);
        break;
      case 1: ordered(hooks::kHostAttributes.integer, {subject, 95 + small() % 25, output(integer)}); break;
      case 2: ordered(metadata.set_text, {subject, small() % 6, in_.text()}); break;
      case 3: metadata.set_integer(subject, small() % 6, 5); break;
      case 4: metadata.set_number(subject, small(), 0.5); break;
      case 5:
        if (ordered(metadata.get_text, {subject, small() % 6, output(text)}) == CLEAT_OK) touch(text);
        break;
      case 6:
        ordered(metadata.get_integer, {subject, small() % 6, output(integer)});
        ordered(metadata.get_number, {subject, small() % 6, output(number)});
        break;
      case 7: ordered(metadata.type, {subject, small(), output(small_number)}); break;
      case 8:
      case 9: {
        const cleat_instance self = worker_.stamp.instance != nullptr ? worker_.stamp.instance->handle : handle();
        const std::uint64_t delay_ms = in_.number();
        const cleat_timer_fn fn = in_.byte() % 16 == 0 ? nullptr : fired;
        if (hooks::kHostTimer.arm(self, subject, delay_ms, fn, this, output(timer)) == CLEAT_OK) made_.push_back(timer);
        break;
      }
      case 10: hooks::kHostTimer.rearm(subject, in_.number()); break;
      case 11: hooks::kHostTimer.cancel(subject); break;
      case 12:
        ordered(balancer.tried, {subject, in_.number(), output(small_number)});
        ordered(balancer.in_flight, {subject, in_.number(), output(count)});
        ordered(balancer.health_set, {subject, in_.number(), small()});
        break;
      default: {
        const hooks::CallStamp stamp = worker_.stamp;
        clock_ms_ = std::max(clock_ms_, monotonic_us() / 1000) + in_.byte() * 8U;
        worker_.reactor.wheel().advance(clock_ms_);
        worker_.stamp = stamp;
        break;
      }
    }
  }

  static void told(void*, cleat_call, std::uint64_t, const cleat_call_event* event, void*) {
    CLEAT_CHECK(event->kind == CLEAT_CALL_FAILED);  // none goes out before the session has ended
    touch(event->reason);
  }

  void call_http_call(unsigned which) {
    const auto& http_call = hooks::kHostHttpCall;
    const std::uint64_t subject = handle();
    std::vector<cleat_header> fields;
    std::uint64_t accepted = 0;
    switch (which) {
      case 0:
      case 1:
      case 2: {
        const cleat_reply of = reply(fields);
        cleat_call_request asked{};
        asked.size = in_.byte() % 8 == 0 ? small() % sizeof asked : sizeof asked;
        asked.flags = in_.byte() % 8 == 0 ? small() : in_.byte() % 4;
        asked.cluster = in_.byte() % 4 == 0 ? in_.text() : hooks::to_str("app");
        asked.method = in_.byte() % 2 == 0 ? cleat_str{} : in_.text();
        asked.target = in_.byte() % 2 == 0 ? hooks::to_str("/") : in_.text();
        asked.authority = in_.byte() % 2 == 0 ? cleat_str{} : in_.text();
        asked.headers = of.headers;
        asked.header_count = of.header_count;
        asked.body = of.body;
        asked.timeout_ms = 60'000 + in_.number();
        asked.body_max = in_.number();
        const cleat_instance self = worker_.stamp.instance != nullptr ? worker_.stamp.instance->handle : handle();
        cleat_call made = 0;
        const cleat_call_fn fn = in_.byte() % 16 == 0 ? nullptr : told;
        if (http_call.start(self, in_.byte() % 2 == 0 ? self : subject, output(asked), fn, nullptr, &made) == CLEAT_OK) made_.push_back(made);
        break;
      }
      case 3:
      case 4: {
        const cleat_str text = in_.text();
        if (http_call.write(subject, text, output(accepted)) == CLEAT_OK) CLEAT_CHECK(accepted <= text.size);
        break;
      }
      case 5: {
        const cleat_reply of = reply(fields);
        http_call.finish(subject, of.headers, of.header_count);
        break;
      }
      case 6: http_call.pause(subject, in_.byte() % 3); break;
      default: http_call.cancel(subject); break;
    }
  }

  // No connection here has TLS.
  void call_tls(unsigned which) {
    const auto& tls = hooks::kHostTls;
    const std::uint64_t subject = handle();
    cleat_str text{};
    switch (which) {
      case 0: CLEAT_CHECK(ordered(tls.client_hello, {subject, small(), output(text)}) != CLEAT_OK); break;
      case 1: CLEAT_CHECK(ordered(tls.extension, {subject, small(), output(text)}) != CLEAT_OK); break;
      case 2: CLEAT_CHECK(ordered(tls.certificate_use, {subject, in_.text()}) != CLEAT_OK); break;
      default: CLEAT_CHECK(ordered(tls.peer_certificate, {subject, small(), output(text)}) != CLEAT_OK); break;
    }
  }

  static void touch(cleat_str text) {  // reads all of it
    volatile char sum = 0;
    for (std::uint64_t i = 0; i < text.size; ++i) sum = static_cast<char>(sum + text.data[i]);
  }

  static void check_fields(const http::Fields& fields, std::uint32_t most) {
    CLEAT_CHECK(fields.size() <= most);
    for (const http::Field& field : fields) {
      CLEAT_CHECK(http::valid_name(field.name) && http::valid_value(field.value));
      CLEAT_CHECK(field.known == http::name_of(field.name));
    }
  }

  void check() {
    check_fields(x_.request.fields, 200);
    check_fields(x_.response.fields, 200);
    check_fields(x_.request_trailers, 200);
    check_fields(x_.response_trailers, 200);
    CLEAT_CHECK(x_.request.fields.find(http::Name::kHost)->value == x_.request.authority);
    CLEAT_CHECK(x_.request.fields.find(http::Name::kHost, 1) == nullptr);
    CLEAT_CHECK(x_.request.fields.find(http::Name::kContentLength)->value == "5");
    CLEAT_CHECK(x_.request.fields.find(http::Name::kContentLength, 1) == nullptr);
    CLEAT_CHECK(x_.response.fields.find(http::Name::kContentLength, 1) == nullptr);
    CLEAT_CHECK(x_.request.fields.find(http::Name::kTransferEncoding) == nullptr);
    CLEAT_CHECK(x_.response.fields.find(http::Name::kTransferEncoding) == nullptr);
    CLEAT_CHECK(http::valid_name(x_.request.method) && !x_.request.is_head() && !x_.request.is_connect());
    CLEAT_CHECK(x_.request.target.starts_with("/") && x_.request.target.find_first_of(" \r\n") == std::string_view::npos);
    CLEAT_CHECK(x_.response.status == 0 || (x_.response.status >= 200 && x_.response.status <= 599));
    CLEAT_CHECK(x_.request_pipe.piece.size() <= 64 * 1024 + 1024 * 1024);
    CLEAT_CHECK(x_.request_pipe.whole == 0 || (x_.request_pipe.whole_max != 0 && x_.request_pipe.whole_max <= 64 * 1024));
    CLEAT_CHECK((x_.request_pipe.whole & x_.request_pipe.stream) == 0 && (x_.request_pipe.whole | x_.request_pipe.stream) < 4);
    CLEAT_CHECK(x_.handler_out.size() <= Exchange::kHandlerBytesMax && x_.handler_bytes <= x_.handler_length);
    CLEAT_CHECK(x_.timers <= Exchange::kTimersMax && x_.metadata_bytes <= 64 * 1024 && x_.keep_max <= 64 * 1024);
  }

  Worker& worker_;
  Input& in_;
  Generation& generation_;
  const cleat_host& host_ = *hooks::host_table();
  Exchange& x_;
  cleat_exchange handle_ = 0;
  std::vector<std::uint64_t> junk_, made_;
  int depth_ = 0;
  inline static std::uint64_t clock_ms_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Worker worker(0);
  set_workers({&worker});
  worker.adopt(make_generation(), {});
  worker.post([&] {  // so that it runs on the worker
    Input in(data, size);
    Session(worker, in).run();
    worker.stop();
  });
  worker.run();
  return 0;
}
