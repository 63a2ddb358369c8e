#include "kernel/process/hot_restart.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <utility>

#include "kernel/base/log.hpp"
#include "kernel/base/metrics.hpp"

namespace cleat {
namespace {

namespace asio = boost::asio;

void say(log::Level level, const std::string& text) { log::write(level, "kernel", text); }

void show_restarts(std::uint32_t restarts) {
  const metrics::MetricId id = metrics::define_own(metrics::Kind::kGauge, "cleat_process_restarts",
                                                   "How often the supervisor has started a process again after one that crashed.");
  metrics::add(metrics::own_series(id), restarts);
}

}  // namespace

HotRestart::HotRestart(asio::io_context& io, ProcessOptions options, Handover given, std::function<void()> drain, std::function<void()> hurry)
    : io_(io), options_(std::move(options)), supervised_(given.supervised), link_(io), told_(std::move(given.listening)),
      drain_(std::move(drain)), hurry_(std::move(hurry)) {
  show_restarts(given.restarts);
  if (given.link.open()) link_.assign(given.link.release());
  if (supervised_) listen_to_supervisor();
}

HotRestart::~HotRestart() {
  if (!supervised_ && !options_.pid_file.empty()) remove_pid_file(options_.pid_file);
}

// --- as the one that was started ---

void HotRestart::listening(const ListeningSockets& now) {
  for (const auto& [key, sockets] : now) {
    LinkMessage fresh{LinkMessage::Kind::kListening, key, {}};
    const std::vector<SharedSocket>& known = told_[key];
    std::copy_if(sockets.begin(), sockets.end(), std::back_inserter(fresh.sockets),
                 [&](const SharedSocket& socket) { return std::find(known.begin(), known.end(), socket) == known.end(); });
    if (!fresh.sockets.empty()) tell(fresh);
  }
  for (const auto& [key, sockets] : told_) {
    if (!now.contains(key)) tell({LinkMessage::Kind::kGone, key, {}});
  }
  told_ = now;
}

void HotRestart::ready() {
  if (!supervised_ && !options_.pid_file.empty()) {
    if (const std::string why = write_pid_file(options_.pid_file); !why.empty()) say(log::Level::kError, why);
  }
  tell({LinkMessage::Kind::kReady, {}, {}});
  if (!supervised_) link_.close();
}

void HotRestart::tell(const LinkMessage& message) {
  if (!link_.is_open()) return;
  const std::string why = send_message(link_.native_handle(), message);
  if (why.empty() || !supervised_) return;  // the process before this one may have ended by now
  say(log::Level::kError, "the supervisor cannot be told of " + (message.key.empty() ? "being ready" : message.key) + ": " + why);
}

void HotRestart::listen_to_supervisor() {
  link_.async_wait(asio::posix::descriptor_base::wait_read, [this](const boost::system::error_code& error) {
    if (!error) hear();
  });
}

void HotRestart::hear() {
  LinkMessage message;
  const LinkState state = receive_message(link_.native_handle(), message);
  if (state != LinkState::kClosed) listen_to_supervisor();
  if (state == LinkState::kClosed || message.kind == LinkMessage::Kind::kDrain) drain_();
  if (message.kind == LinkMessage::Kind::kHurry) hurry_();
}

// --- as the one that starts the next ---

void HotRestart::begin(const ListeningSockets& listening) {
  if (supervised_) return say(log::Level::kWarn, "SIGUSR2 is for the supervisor, process " + std::to_string(::getppid()) + ": ignored");
  if (next_ != nullptr) return say(log::Level::kWarn, "SIGUSR2 is ignored: process " + std::to_string(next_->pid()) + " is starting still");
  Result<std::shared_ptr<Child>> next = Child::start(io_, *this, options_.command, Handover{.link = {}, .supervised = false, .restarts = 0, .listening = listening});
  if (!next.ok()) return say(log::Level::kError, "hot restart: " + next.error() + "; this process goes on");
  next_ = std::move(*next);
  say(log::Level::kInfo, "hot restart: process " + std::to_string(next_->pid()) + " starts, from " + options_.command.program);
}

void HotRestart::stop() {
  told_.clear();
  if (next_ != nullptr) std::exchange(next_, nullptr)->signal(SIGTERM);
}

void HotRestart::child_ready(Child& child) {
  say(log::Level::kInfo, "hot restart: process " + std::to_string(child.pid()) + " serves now");
  next_ = nullptr;
  drain_();
}

void HotRestart::child_ended(Child& child, int wait_status) {
  next_ = nullptr;
  say(log::Level::kError, "hot restart: process " + std::to_string(child.pid()) + " " + words_of_end(wait_status) + " and was never ready; this process goes on");
}

// --- the file with the process's number ---

std::string write_pid_file(const std::string& file) {
  const std::string fresh = file + '.' + std::to_string(::getpid());
  {
    std::ofstream out(fresh, std::ios::trunc);
    out << ::getpid() << '\n';
    if (!out.flush()) return "cannot write " + fresh + ": " + std::strerror(errno);
  }
  if (std::rename(fresh.c_str(), file.c_str()) == 0) return {};
  const int error = errno;
  ::unlink(fresh.c_str());
  return "cannot write " + file + ": " + std::strerror(error);
}

void remove_pid_file(const std::string& file) {
  pid_t holds = 0;
  if (std::ifstream(file) >> holds && holds == ::getpid()) ::unlink(file.c_str());
}

}  // namespace cleat
