#include "kernel/control.hpp"

#include <catch2/catch_test_macros.hpp>

#include <atomic>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace cleat;

namespace {

struct Open {
  Open() { open_control(); }
  ~Open() { close_control(); }
};

}  // namespace

TEST_CASE("control takes tasks while it is open, and runs them in order, not inside post") {
  CHECK_FALSE(post_to_control([] {}));
  std::string text;
  {
    const Open open;
    CHECK(post_to_control([&] {
      text += "a";
      CHECK(post_to_control([&] { text += "c"; }));
    }));
    CHECK(post_to_control([&] { text += "b"; }));
    CHECK(text.empty());
    run_control_tasks();
    CHECK(text == "ab");
  }
  CHECK(text == "abc");  // what was queued at the end is run
  CHECK_FALSE(post_to_control([] {}));
}

TEST_CASE("control goes on after a task that throws") {
  const Open open;
  bool ran = false;
  CHECK(post_to_control([] { throw std::runtime_error("on purpose"); }));
  CHECK(post_to_control([] { throw 1; }));
  CHECK(post_to_control([&] { ran = true; }));
  run_control_tasks();
  CHECK(ran);
}

TEST_CASE("control is woken once for each batch of tasks, and for those that came before there was anyone to wake") {
  const Open open;
  int woken = 0;
  post_to_control([] {});
  wake_control_by([&] { ++woken; });
  CHECK(woken == 1);
  post_to_control([] {});
  CHECK(woken == 1);
  run_control_tasks();
  post_to_control([] {});
  CHECK(woken == 2);
  wake_control_by(nullptr);
}

TEST_CASE("control's queue is bounded, but a completion always finds room") {
  const Open open;
  std::size_t ran = 0;
  for (std::size_t i = 0; i < kControlTasksMax; ++i) {
    if (!post_to_control([&] { ++ran; })) FAIL("full at " << i);
  }
  CHECK_FALSE(post_to_control([] {}));
  const std::uint64_t completion = expect_completion([&](std::uint64_t) { ++ran; });
  CHECK(complete_from_plugin(completion));
  run_control_tasks();
  CHECK(ran == kControlTasksMax + 1);
}

TEST_CASE("a completion is made once, on the control thread, and only if it is expected") {
  const Open open;
  std::uint64_t done = 0;
  const std::uint64_t completion = expect_completion([&](std::uint64_t which) { done = which; });
  CHECK(completion != 0);
  CHECK(complete_from_plugin(completion));
  CHECK(done == 0);
  CHECK_FALSE(complete_from_plugin(completion));
  run_control_tasks();
  CHECK(done == completion);
  CHECK_FALSE(complete_from_plugin(0));
  CHECK_FALSE(complete_from_plugin(completion + 1));
  const std::uint64_t late = expect_completion([&](std::uint64_t which) { done = which; });
  forget_completion(late);
  CHECK_FALSE(complete_from_plugin(late));
}

TEST_CASE("control takes tasks and completions from many threads until it closes", "[threads]") {
  constexpr int kThreads = 4;
  int ran = 0;
  std::atomic<int> posted{0};
  std::atomic<bool> closed{false};
  std::vector<std::thread> threads;
  {
    const Open open;
    std::atomic<int> woken{0};
    wake_control_by([&] {
      ++woken;
      woken.notify_one();
    });
    std::vector<std::uint64_t> completions;
    for (int i = 0; i < kThreads; ++i) completions.push_back(expect_completion([&](std::uint64_t) { ++ran; }));
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([&posted, &ran, &closed, completion = completions[static_cast<std::size_t>(i)]] {
        if (complete_from_plugin(completion)) ++posted;
        while (!closed) {
          if (post_to_control([&ran] { ++ran; })) {
            ++posted;
          } else {
            std::this_thread::yield();  // full
          }
        }
      });
    }
    for (int batches = 0; batches < 20; ++batches) {
      woken.wait(0);
      woken = 0;
      run_control_tasks();
    }
    wake_control_by(nullptr);
  }
  CHECK_FALSE(post_to_control([] {}));
  closed = true;
  for (std::thread& thread : threads) thread.join();
  CHECK(ran == posted);
}
