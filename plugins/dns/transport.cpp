#include "transport.hpp"

#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <future>
#include <memory>
#include <stdexcept>
#include <utility>

#include "plugin_api/cpp/thread.hpp"

namespace dns {

namespace {

constexpr int kWaitMsMax = 60'000;
constexpr std::chrono::seconds kKnownWait{2};
constexpr int kUdpBytes = 1'232;  // what DNS Flag Day 2020 recommends: it is not fragmented

std::uint64_t now_us() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000 + static_cast<std::uint64_t>(now.tv_nsec) / 1'000;
}
std::uint64_t now_ms() { return now_us() / 1'000; }

// The library is initialised once for the process, and never ended: other instances may use it.
void begin_library() {
  static const int status = ares_library_init(ARES_LIB_INIT_ALL);
  if (status != ARES_SUCCESS) throw std::runtime_error(std::string("c-ares: ") + ares_strerror(status));
}

std::string_view result_of(int status, Answer::Kind kind) {
  switch (status) {
    case ARES_SUCCESS: return kind == Answer::Kind::kRecords ? "ok" : kind == Answer::Kind::kNoRecords ? "no_records" : "malformed";
    case ARES_ENODATA: return "no_records";
    case ARES_ENOTFOUND: return "no_name";
    case ARES_ETIMEOUT: return "timeout";
    case ARES_ESERVFAIL: return "server_failure";
    case ARES_EREFUSED: return "refused";
    case ARES_ECONNREFUSED: return "unreachable";
    case ARES_EBADRESP:
    case ARES_EFORMERR: return "malformed";
    default: return "other";
  }
}

}  // namespace

struct Transport::Query {
  Transport* self;
  Key key;
  std::uint64_t start_us;
};

Transport::Transport(const Settings& settings, Lookups::Publish publish, Reports reports)
    : settings_(settings), reports_(std::move(reports)),
      lookups_(settings, std::move(publish), [this] { return static_cast<std::uint32_t>(random_()); }) {
  begin_library();
  ares_options options{};
  options.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES | ARES_FLAG_EDNS;
  options.timeout = static_cast<int>(settings.timeout.count());
  options.tries = static_cast<int>(settings.tries);
  options.ednspsz = kUdpBytes;
  options.sock_state_cb = [](void* self, ares_socket_t socket, int readable, int writable) {
    auto& sockets = static_cast<Transport*>(self)->sockets_;
    const auto events = static_cast<short>((readable != 0 ? POLLIN : 0) | (writable != 0 ? POLLOUT : 0));
    if (events == 0) {
      sockets.erase(socket);
    } else {
      sockets[socket] = events;
    }
  };
  options.sock_state_cb_data = this;
  int status = ares_init_options(&channel_, &options,
                                 ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_EDNSPSZ | ARES_OPT_SOCK_STATE_CB);
  if (status == ARES_SUCCESS && !settings.servers.empty()) {
    std::string list;
    for (const std::string& server : settings.servers) list += (list.empty() ? "" : ",") + server;
    status = ares_set_servers_ports_csv(channel_, list.c_str());
    if (status != ARES_SUCCESS) ares_destroy(channel_);
  }
  if (status != ARES_SUCCESS) throw std::runtime_error(std::string("c-ares: ") + ares_strerror(status));
  wake_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (wake_ < 0) {
    ares_destroy(channel_);
    throw std::runtime_error("no descriptor is left");
  }
  try {
    thread_ = cleat::start_thread("dns", [this] { run(); });
  } catch (...) {
    ares_destroy(channel_);
    ::close(wake_);
    throw;
  }
}

Transport::~Transport() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  wake();
  thread_.join();
  closing_ = true;
  ares_destroy(channel_);
  ::close(wake_);
}

void Transport::watch(std::uint64_t id, std::string cluster, Wanted wanted) {
  leave([this, id, cluster = std::move(cluster), wanted = std::move(wanted)] { lookups_.watch(id, cluster, wanted, now_ms()); });
}

void Transport::unwatch(std::uint64_t id) {
  leave([this, id] { lookups_.unwatch(id, now_ms()); });
}

std::vector<Known> Transport::known() {
  const auto said = std::make_shared<std::promise<std::vector<Known>>>();
  leave([this, said] { said->set_value(lookups_.known()); });
  std::future<std::vector<Known>> answer = said->get_future();
  if (answer.wait_for(kKnownWait) != std::future_status::ready) throw std::runtime_error("the thread that knows the names does not come");
  return answer.get();
}

void Transport::learn(std::vector<Known> all, bool fresh) {
  leave([this, all = std::move(all), fresh] { lookups_.learn(all, fresh, now_ms()); });
}

void Transport::leave(Order order) {
  {
    const std::lock_guard lock(mutex_);
    orders_.push_back(std::move(order));
  }
  wake();
}

void Transport::wake() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(wake_, &one, sizeof one);  // full: it will wake anyway
}

void Transport::run() {
  for (;;) {
    take_orders();
    {
      const std::lock_guard lock(mutex_);
      if (stopped_) return;
    }
    for (const Key& key : lookups_.take_due(now_ms())) ask(key);
    reports_.names(lookups_.size(), lookups_.stale());
    wait();
  }
}

void Transport::take_orders() {
  std::vector<Order> orders;
  {
    const std::lock_guard lock(mutex_);
    orders.swap(orders_);
  }
  for (const Order& order : orders) order();
}

void Transport::ask(const Key& key) {
  auto query = std::make_unique<Query>(Query{this, key, now_us()});
  // Owned by the callback, which comes exactly once, perhaps before this returns.
  ares_query(
      channel_, key.name.c_str(), 1, static_cast<int>(key.type),
      [](void* given, int status, int, unsigned char* data, int size) {
        const std::unique_ptr<Query> asked(static_cast<Query*>(given));
        if (!asked->self->closing_) asked->self->ended(*asked, status, data, size);
      },
      query.release());
}

void Transport::wait() {
  std::vector<pollfd> polled{{wake_, POLLIN, 0}};
  for (const auto& [socket, events] : sockets_) polled.push_back({socket, events, 0});
  const std::uint64_t due = lookups_.next_due_ms(), now = now_ms();
  const std::uint64_t until = due <= now ? 0 : std::min<std::uint64_t>(due - now, kWaitMsMax);
  timeval most{.tv_sec = static_cast<time_t>(until / 1'000), .tv_usec = static_cast<suseconds_t>(until % 1'000 * 1'000)}, least{};
  const timeval* const chosen = ares_timeout(channel_, &most, &least);
  const auto timeout = static_cast<int>(chosen->tv_sec * 1'000 + (chosen->tv_usec + 999) / 1'000);
  if (::poll(polled.data(), polled.size(), timeout) > 0) {
    std::uint64_t count = 0;
    if (polled[0].revents != 0) {
      [[maybe_unused]] const auto taken = ::read(wake_, &count, sizeof count);
    }
    for (std::size_t i = 1; i < polled.size(); ++i) {
      if (polled[i].revents == 0) continue;
      const bool ended = (polled[i].revents & (POLLERR | POLLHUP)) != 0;
      ares_process_fd(channel_, (polled[i].revents & POLLIN) != 0 || ended ? polled[i].fd : ARES_SOCKET_BAD,
                      (polled[i].revents & POLLOUT) != 0 ? polled[i].fd : ARES_SOCKET_BAD);
    }
  }
  ares_process_fd(channel_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);  // what is over its time
}

void Transport::ended(Query& query, int status, const unsigned char* data, int size) {
  Answer answer;
  if (status == ARES_SUCCESS && data != nullptr && size > 0) {
    answer = read_answer({data, static_cast<std::size_t>(size)}, query.key.name, query.key.type, settings_.records_max);
  } else if (status == ARES_ENODATA) {
    answer.kind = Answer::Kind::kNoRecords;
  }
  const std::string_view result = result_of(status, answer.kind);
  reports_.query(query.key.type, result, now_us() - query.start_us, answer.cut);
  tell(query.key, result);
  if (answer.kind == Answer::Kind::kMalformed) {
    lookups_.failed(query.key, now_ms());
  } else {
    lookups_.answered(query.key, answer, now_ms());
  }
}

// A failure is told of when it begins and when it ends, not each time.
void Transport::tell(const Key& key, std::string_view result) {
  const auto before = failing_.find(key);
  const bool good = result == "ok" || result == "no_records";
  if (good && before == failing_.end()) return;
  const std::string what = std::string(name_of(key.type)) + " of " + key.name;
  if (good) {
    failing_.erase(before);
    reports_.complain(what + ": answered again");
  } else if (before == failing_.end() || before->second != result) {
    if (failing_.size() >= 10'000) failing_.clear();
    failing_[key] = result;
    reports_.complain(what + ": " + std::string(result) + "; what was known last stays");
  }
}

}  // namespace dns
