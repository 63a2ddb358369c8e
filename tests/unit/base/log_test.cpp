#include "kernel/base/log.hpp"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <chrono>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

using namespace cleat;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::Matches;

namespace {

// Standard error becomes a pipe for as long as this lives.
class Captured {
 public:
  Captured() : saved_(::dup(STDERR_FILENO)) {
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    ::dup2(ends[1], STDERR_FILENO);
    ::close(ends[1]);
    read_ = ends[0];
    ::fcntl(read_, F_SETFL, O_NONBLOCK);
  }
  ~Captured() {
    ::dup2(saved_, STDERR_FILENO);
    ::close(saved_);
    ::close(read_);
  }
  std::string take() {  // what is there now
    std::string text;
    char buffer[65'536];
    for (ssize_t size; (size = ::read(read_, buffer, sizeof buffer)) > 0;) text.append(buffer, static_cast<std::size_t>(size));
    return text;
  }

 private:
  int saved_, read_;
};

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

}  // namespace

TEST_CASE("log lines carry time, level, source and text") {
  const Captured captured;
  log::write(log::Level::kWarn, "plugin/authn", "text of it");
  const std::string text = const_cast<Captured&>(captured).take();
  CHECK_THAT(text, Matches(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z warn plugin/authn text of it\n)"));
}

TEST_CASE("log leaves out levels that are not wanted") {
  Captured captured;
  log::set_level(log::Level::kWarn);
  log::write(log::Level::kInfo, "kernel", "quiet");
  CHECK_FALSE(log::enabled(log::Level::kInfo));
  CHECK(log::enabled(log::Level::kError));
  log::set_level(log::Level::kDebug);
  log::write(log::Level::kDebug, "kernel", "loud");
  log::set_level(log::Level::kInfo);
  CHECK_THAT(captured.take(), ContainsSubstring("loud") && !ContainsSubstring("quiet"));
}

TEST_CASE("log text makes no line of its own") {
  Captured captured;
  log::write(log::Level::kError, "down\nstream", std::string("a\nfake line\x1b[2J\0end", 20));
  const std::string text = captured.take();
  CHECK(std::count(text.begin(), text.end(), '\n') == 1);
  CHECK_THAT(text, ContainsSubstring(R"(down\nstream a\nfake line\x1b[2J\x00end)"));
}

TEST_CASE("log lines are cut to what a pipe takes whole") {
  Captured captured;
  log::write(log::Level::kError, std::string(1000, 's'), std::string(10'000, 't'));
  log::write(log::Level::kError, "control", std::string(10'000, '\n'));
  const std::vector<std::string> lines = lines_of(captured.take());
  REQUIRE(lines.size() == 2);
  CHECK(lines[0].size() == 4095);
  CHECK(lines[0].ends_with("ttt..."));
  CHECK(lines[1].size() <= 4095);
  CHECK(lines[1].ends_with("\\n..."));
}

TEST_CASE("log holds a source to its rate, counts the rest and says so later") {
  Captured captured;
  const std::uint64_t before = log::dropped();
  for (int i = 0; i < 1000; ++i) log::write(log::Level::kError, "plugin/chatty", "again");
  const auto passed = lines_of(captured.take()).size();
  CHECK(passed >= 200);
  CHECK(passed < 1000);
  CHECK(log::dropped() - before == 1000 - passed);
  log::write(log::Level::kError, "plugin/other", "not held back");
  std::string text = captured.take();
  CHECK_THAT(text, ContainsSubstring("not held back"));
  // Ten milliseconds bring a token back; whoever logs next makes the summary appear.
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (text.find("lines dropped") == std::string::npos && std::chrono::steady_clock::now() < deadline) {
    ::poll(nullptr, 0, 12);
    log::write(log::Level::kError, "plugin/other", "tick");
    text += captured.take();
  }
  CHECK_THAT(text, ContainsSubstring("warn plugin/chatty " + std::to_string(1000 - passed) + " lines dropped: over 100 a second"));
}

TEST_CASE("log never waits for a full pipe: it drops and counts") {
  const Captured captured;
  const int flags = ::fcntl(STDERR_FILENO, F_GETFL);
  ::fcntl(STDERR_FILENO, F_SETFL, flags | O_NONBLOCK);
  const std::string filler(4096, 'f');
  while (::write(STDERR_FILENO, filler.data(), filler.size()) > 0) {
  }
  ::fcntl(STDERR_FILENO, F_SETFL, flags);  // as a process inherits it: a write would now wait for ever
  const std::uint64_t before = log::dropped();
  log::write(log::Level::kError, "plugin/blocked", "nobody reads this");
  CHECK(log::dropped() == before + 1);
}

TEST_CASE("log survives a closed standard error") {
  const int saved = ::dup(STDERR_FILENO);
  ::close(STDERR_FILENO);
  const std::uint64_t before = log::dropped();
  log::write(log::Level::kError, "plugin/closed", "nobody is there");
  CHECK(log::dropped() == before + 1);
  ::dup2(saved, STDERR_FILENO);
  ::close(saved);
}

TEST_CASE("log lines of many threads stay whole", "[threads]") {
  Captured captured;
  std::string text;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([t] {
      const std::string source = "plugin/thread" + std::to_string(t);
      for (int i = 0; i < 100; ++i) log::write(log::Level::kError, source, "whole" + std::string(60, static_cast<char>('a' + t)) + "end");
    });
  }
  for (std::thread& thread : threads) thread.join();
  text += captured.take();
  const std::vector<std::string> lines = lines_of(text);
  CHECK(lines.size() == 400);
  for (const std::string& line : lines) CHECK_THAT(line, Matches(R"(.* error plugin/thread\d whole([a-d])\1{59}end)"));
}
