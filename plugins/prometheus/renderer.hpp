// Renderer: a thread that makes the text of scrapes, so that no worker does: 100,000 series take a tenth of a second. All who wait when
// it begins get one text, made once for each format; it is never made twice at a time.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "negotiate.hpp"

namespace prometheus {

using Text = std::shared_ptr<const std::string>;

class Renderer {
 public:
  // Both are called on the renderer's thread. render: the text, nullptr if it cannot be made. deliver: to one who asked.
  Renderer(std::function<Text(Format)> render, std::function<void(std::uint64_t asker, const Text&)> deliver);
  Renderer(const Renderer&) = delete;
  Renderer& operator=(const Renderer&) = delete;
  ~Renderer();  // ends the thread; who still waits gets nothing

  void ask(std::uint64_t asker, Format format);  // [any]

 private:
  struct Asked {
    std::uint64_t asker;
    Format format;
  };
  void run();

  std::function<Text(Format)> render_;
  std::function<void(std::uint64_t, const Text&)> deliver_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Asked> asked_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace prometheus
