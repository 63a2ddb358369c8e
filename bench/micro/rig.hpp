// A worker with a generation, made as `cleat run` makes one, from the text of a configuration; and what runs on it.
#pragma once

#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "bench/micro/samples.hpp"
#include "kernel/base/check.hpp"
#include "kernel/exchange.hpp"
#include "kernel/generation.hpp"
#include "kernel/worker.hpp"

namespace cleat::bench {

inline std::shared_ptr<Generation> make_generation(std::string_view yaml) {
  hooks::set_control_thread();
  config::Diagnostics diagnostics("bench");
  std::unique_ptr<Generation> made;
  if (std::shared_ptr<const config::Part> file = config::read_configuration(yaml, diagnostics); file != nullptr) {
    if (auto composition = config::compose(std::move(file), {}, diagnostics)) made = build_generation(1, std::move(*composition), 1, nullptr, diagnostics);
  }
  if (made == nullptr) std::fputs(diagnostics.text().c_str(), stderr);
  CLEAT_CHECK(made != nullptr);
  return made;
}

class Rig {
 public:
  explicit Rig(std::string_view yaml) {
    set_workers({&worker});
    worker.adopt(make_generation(yaml), {});
  }
  Rig(const Rig&) = delete;
  Rig& operator=(const Rig&) = delete;
  ~Rig() { set_workers({}); }

  // On the worker, whose loop runs for as long; once.
  template <class Fn>
  void run(Fn&& fn) {
    worker.post([&] {
      fn();
      worker.stop();
    });
    worker.run();
  }
  Generation& generation() const { return *worker.current_generation->generation; }

  Worker worker{0};
};

// An exchange of the rig's first listener whose request's head is there, before on_request. It does not move by itself.
class StandingExchange {
 public:
  StandingExchange(Worker& worker, std::string_view head) : x(*worker.new_exchange()), text_(head), worker_(worker) {
    x.home = worker.current_generation.get();
    ++x.home->users;
    x.listener = x.home->generation->listeners[0].get();
    x.stage = Stage::kRequest;
    x.request_known = true;
    begin();
  }
  StandingExchange(const StandingExchange&) = delete;
  StandingExchange& operator=(const StandingExchange&) = delete;
  ~StandingExchange() { worker_.free_exchange(&x); }

  // As at first: what was added since is gone, and its memory.
  void begin() {
    x.arena.clear();
    x.request = {};
    CLEAT_CHECK(!http::parse_request_head(x.arena.copy(text_), {}, x.arena, x.request));
  }

  Exchange& x;

 private:
  const std::string_view text_;
  Worker& worker_;
};

}  // namespace cleat::bench
