#include "renderer.hpp"

#include <utility>

#include "plugin_api/cpp/thread.hpp"

namespace prometheus {

Renderer::Renderer(std::function<Text(Format)> render, std::function<void(std::uint64_t asker, const Text&)> deliver)
    : render_(std::move(render)), deliver_(std::move(deliver)), thread_(cleat::start_thread("prometheus", [this] { run(); })) {}

Renderer::~Renderer() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void Renderer::ask(std::uint64_t asker, Format format) {
  {
    const std::lock_guard lock(mutex_);
    asked_.push_back({asker, format});
  }
  changed_.notify_one();
}

void Renderer::run() {
  for (;;) {
    std::vector<Asked> now;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return stopping_ || !asked_.empty(); });
      if (stopping_) return;
      now.swap(asked_);
    }
    for (const Format format : {Format::kText, Format::kOpenMetrics}) {
      Text text;
      bool made = false;
      for (const Asked& one : now) {
        if (one.format != format) continue;
        if (!std::exchange(made, true)) text = render_(format);
        deliver_(one.asker, text);
      }
    }
  }
}

}  // namespace prometheus
