// PluginCall: a Call whose story is told to the plugin that made it.
#pragma once

#include "kernel/call.hpp"
#include "plugin_api/ext/http_call.h"

namespace cleat {

class PluginCall final : public Call {
 public:
  using Call::Call;
  cleat_call handle = 0;
  cleat_instance instance = 0;
  std::uint64_t owner = 0;  // an exchange, or the instance
  cleat_call_fn fn = nullptr;
  void* user = nullptr;
  const char* cancelled_by = "";
  void tell_cancelled();

 private:
  void tell(cleat_call_event& event);
  void tell_head() override;
  void tell_data(std::string_view data) override;
  void tell_writable() override;
  void tell_done() override;
  void tell_failed(std::uint32_t how, std::string_view reason) override;
};

}  // namespace cleat
