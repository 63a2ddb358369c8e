// From workers to the file: order, bounds, losses, reopening, and a reader that does not read.
#include "sink.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <sstream>

using namespace access_log;
using namespace std::chrono_literals;

namespace {

class Folder {
 public:
  Folder() {
    char name[] = "/tmp/access_log_test.XXXXXX";
    path_ = ::mkdtemp(name);
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  std::string file(const char* name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

struct Tally {
  std::mutex mutex;
  std::uint64_t lines = 0, dropped = 0, errors = 0;
  std::vector<std::string> complaints;

  Sink::Reports reports() {
    return {[this](std::uint64_t l, std::uint64_t d, std::uint64_t e) {
              const std::lock_guard lock(mutex);
              lines += l, dropped += d, errors += e;
            },
            [this](const std::string& text) {
              const std::lock_guard lock(mutex);
              complaints.push_back(text);
            }};
  }
};

// Returns once all that was added before has been written.
void flush(Sink& sink) {
  struct Shared {
    std::mutex mutex;
    std::condition_variable changed;
    bool done = false;
  };
  const auto shared = std::make_shared<Shared>();
  sink.flush([shared] {
    const std::lock_guard lock(shared->mutex);
    shared->done = true;
    shared->changed.notify_all();
  });
  std::unique_lock lock(shared->mutex);
  REQUIRE(shared->changed.wait_for(lock, 15s, [&] { return shared->done; }));
}

std::string content(const std::string& path) {
  std::ifstream in(path);
  std::stringstream all;
  all << in.rdbuf();
  return all.str();
}

}  // namespace

TEST_CASE("lines of one worker arrive whole and in order, also around the ring's end", "[threads]") {
  const Folder folder;
  Tally tally;
  constexpr int kLines = 20'000;
  {
    Sink sink(folder.file("log"), 2, 64 * 1024, tally.reports());
    std::vector<std::thread> workers;
    for (std::uint32_t worker = 0; worker < 2; ++worker) {
      workers.emplace_back([&sink, worker] {
        for (int i = 0; i < kLines; ++i) {
          sink.add(worker, std::to_string(worker) + " " + std::to_string(i) + " " + std::string(static_cast<std::size_t>(i % 50), 'x') + "\n");
          if (i % 100 == 0) std::this_thread::yield();
        }
      });
    }
    for (std::thread& each : workers) each.join();
  }
  std::ifstream in(folder.file("log"));
  std::string line;
  int last[2] = {-1, -1};
  std::uint64_t count = 0;
  while (std::getline(in, line)) {
    std::istringstream parts(line);
    std::size_t worker = 9;
    int number = -1;
    std::string xs;
    parts >> worker >> number >> xs;
    REQUIRE(worker < 2);
    REQUIRE(number > last[worker]);
    REQUIRE(xs.size() == static_cast<std::size_t>(number % 50));
    last[worker] = number;
    ++count;
  }
  CHECK(tally.lines == count);
  CHECK(tally.lines + tally.dropped == 2 * kLines);  // none lost without being counted
}

TEST_CASE("a line is written soon although nobody asks for it") {
  const Folder folder;
  Tally tally;
  Sink sink(folder.file("log"), 1, 64 * 1024, tally.reports());
  for (const std::string expected : {"one\n", "one\ntwo\n"}) {
    sink.add(0, std::string_view(expected).substr(expected.size() - 4));
    const auto end = std::chrono::steady_clock::now() + 15s;
    while (content(folder.file("log")) != expected) {
      REQUIRE(std::chrono::steady_clock::now() < end);
      std::this_thread::sleep_for(1ms);
    }
  }
}

TEST_CASE("after a move and reopen the old lines are in the old file, the new ones in the new") {
  const Folder folder;
  Tally tally;
  Sink sink(folder.file("log"), 1, 64 * 1024, tally.reports());
  sink.add(0, "before\n");
  std::filesystem::rename(folder.file("log"), folder.file("log.1"));
  sink.reopen();
  flush(sink);
  sink.add(0, "after\n");
  flush(sink);
  CHECK(content(folder.file("log.1")) == "before\n");
  CHECK(content(folder.file("log")) == "after\n");
  CHECK(tally.complaints.empty());
}

TEST_CASE("a file that cannot be opened anew leaves the old one in use and is reported") {
  const Folder folder;
  Tally tally;
  std::filesystem::create_directory(folder.file("sub"));
  Sink sink(folder.file("sub/log"), 1, 64 * 1024, tally.reports());
  std::filesystem::rename(folder.file("sub"), folder.file("moved"));
  sink.reopen();
  flush(sink);
  sink.add(0, "still here\n");
  flush(sink);
  CHECK(content(folder.file("moved/log")) == "still here\n");
  REQUIRE(tally.complaints.size() == 1);
  CHECK(tally.complaints[0].find("cannot be opened anew") != std::string::npos);
  CHECK(tally.errors == 1);
}

TEST_CASE("a path that cannot be opened is refused with the reason") {
  Tally tally;
  CHECK_THROWS_AS(Sink("/nonexistent/folder/log", 1, 64 * 1024, tally.reports()), std::runtime_error);
}

TEST_CASE("lines that cannot be written are counted and reported") {
  Tally tally;
  {
    Sink sink("/dev/full", 1, 64 * 1024, tally.reports());
    sink.add(0, "lost\n");
    sink.add(0, "lost too\n");
    flush(sink);
  }
  CHECK(tally.dropped == 2);
  CHECK(tally.lines == 0);
  CHECK(tally.errors >= 1);
  REQUIRE(!tally.complaints.empty());
  CHECK(tally.complaints[0].find("No space left") != std::string::npos);
}

TEST_CASE("a reader that has stopped reading costs lines, never a worker's time, and the end comes all the same") {
  const Folder folder;
  const std::string path = folder.file("fifo");
  REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  const int reader = ::open(path.c_str(), O_RDONLY | O_NONBLOCK);
  REQUIRE(reader >= 0);
  Tally tally;
  constexpr std::uint64_t kLines = 10'000;
  const std::string line = std::string(99, 'y') + "\n";
  std::chrono::steady_clock::time_point begin;
  {
    Sink sink(path, 1, 64 * 1024, tally.reports());
    begin = std::chrono::steady_clock::now();
    for (std::uint64_t i = 0; i < kLines; ++i) sink.add(0, line);
    CHECK(std::chrono::steady_clock::now() - begin < 5s);  // 1 MB into a pipe of 64 KiB
  }
  CHECK(std::chrono::steady_clock::now() - begin < 15s);
  CHECK(tally.dropped > 0);
  CHECK(tally.lines + tally.dropped == kLines);
  std::string got(2'000'000, '\0');
  const ssize_t size = ::read(reader, got.data(), got.size());
  REQUIRE(size > 0);
  CHECK(static_cast<std::size_t>(size) == tally.lines * line.size());  // only whole lines
  ::close(reader);
  REQUIRE(!tally.complaints.empty());
  CHECK(tally.complaints[0].find("lost") != std::string::npos);
}

TEST_CASE("the end comes also when it is asked for while the writer waits for a reader") {
  // The wake-up of an order was read while the pipe was full, and the writer then slept for ever.
  const Folder folder;
  const std::string path = folder.file("fifo");
  REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  const int reader = ::open(path.c_str(), O_RDONLY | O_NONBLOCK);
  REQUIRE(reader >= 0);
  Tally tally;
  {
    Sink sink(path, 1, 64 * 1024, tally.reports());
    const std::string line = std::string(999, 'y') + "\n";
    const auto dropped = [&] {
      const std::lock_guard lock(tally.mutex);
      return tally.dropped;
    };
    while (dropped() == 0) sink.add(0, line);  // the writer tells of it while it waits
  }
  CHECK(tally.lines > 0);
  ::close(reader);
}

TEST_CASE("a line longer than a pipe's atomic write arrives whole") {
  const Folder folder;
  const std::string path = folder.file("fifo");
  REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  const int reader = ::open(path.c_str(), O_RDONLY | O_NONBLOCK);
  REQUIRE(reader >= 0);
  Tally tally;
  const std::string line = std::string(20'000, 'z') + "\n";
  Sink sink(path, 1, 64 * 1024, tally.reports());
  sink.add(0, "short\n");
  sink.add(0, line);
  flush(sink);
  std::string got(100'000, '\0');
  const ssize_t size = ::read(reader, got.data(), got.size());
  REQUIRE(size > 0);
  got.resize(static_cast<std::size_t>(size));
  CHECK(got == "short\n" + line);
  ::close(reader);
}
