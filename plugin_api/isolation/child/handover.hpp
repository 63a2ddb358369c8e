// cleat.handover/1 in this process: what the plugin gives is kept until the kernel has fetched it, what it is to take until all of it is here.
// The main thread.
#pragma once

#include <string>

#include "kernel/hooks/handover.hpp"
#include "plugin_api/isolation/child/control.hpp"

namespace cleat::isolation {

class Handover {
 public:
  void give(Control& control, const Control::Frame& request, hooks::Instance& instance);
  void take(Control& control, const Control::Frame& request, hooks::Instance& instance);

 private:
  hooks::State given_;
  std::string taken_;
};

}  // namespace cleat::isolation
