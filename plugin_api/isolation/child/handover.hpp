// cleat.handover/1 in this process: what the plugin gives is kept until the kernel has fetched it, what it is to take until all of it is here.
// The main thread.
#pragma once

#include <cstdint>
#include <string>

#include "kernel/hooks/instance.hpp"
#include "plugin_api/isolation/child/control.hpp"

namespace cleat::isolation {

class Handover {
 public:
  void give(Control& control, const Control::Frame& request, hooks::Instance& instance);
  void take(Control& control, const Control::Frame& request, hooks::Instance& instance);
  cleat_status write(std::uint64_t handover, cleat_str bytes);  // the host's function

 private:
  cleat_status run_give(hooks::Instance& instance, std::string& words);

  std::uint64_t gives_ = 0;  // the handle of the one that runs is their number
  bool giving_ = false, write_failed_ = false;
  std::uint32_t format_ = 0;
  std::string given_, taken_;
};

}  // namespace cleat::isolation
