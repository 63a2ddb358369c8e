// One exchange as one line. A Renderer is made on the control thread and then only read; workers share it. [worker], no
// allocation, no lock, no clock: every value is asked of the host.
#pragma once

#include <cstddef>
#include <vector>

#include "escape.hpp"
#include "format.hpp"
#include "plugin_api/cpp/exchange.hpp"

namespace access_log {

class Renderer {
 public:
  explicit Renderer(Format format);  // [control] makes the metadata keys

  // Writes the line at `out` and returns its size. REQUIRES: room for kLineBytesMax bytes. Values that would make the line longer
  // are cut; what the format itself says is always whole, so a JSON line is always JSON.
  std::size_t render(cleat::Exchange x, TimeText& time, char* out) const noexcept;

 private:
  Format format_;
  std::vector<cleat::MetadataKey> keys_;  // of kMetadata fields, by Field::id
};

}  // namespace access_log
