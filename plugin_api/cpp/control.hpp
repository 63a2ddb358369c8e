// The running process, through cleat.control/1: for plugins that show or steer it. Not in cleat.hpp: include it where it is wanted.
//
//   void told(cleat::Status status, std::string_view text, std::unique_ptr<Asked> asked);   // on the control thread
//   cleat::Control(self()).describe<&MyPlugin::told>("clusters", std::make_unique<Asked>(...));
#pragma once

#include <memory>

#include "plugin_api/cpp/plugin.hpp"

CLEAT_CPP_NAMESPACE_BEGIN
namespace detail {

template <auto Method, class User>
void on_control(void* instance, cleat_status status, cleat_str text, void* user) noexcept {
  using P = typename MemberOf<decltype(Method)>::Class;
  static_assert(std::is_base_of_v<Plugin, P>, "an answer's method belongs to the plugin's class");
  std::unique_ptr<User> owned(static_cast<User*>(user));
  P& plugin = *static_cast<P*>(instance);
  try {
    (plugin.*Method)(Status(status), to_view(text), std::move(owned));
  } catch (...) {
    exception_to_log(plugin.self());
  }
}

}  // namespace detail

// [any] What an operator may ask. Where the call answers OK, Method(Status, std::string_view, std::unique_ptr<User>) is called once, with
// the answer, unless the instance ends first; where it does not, `user` is only destroyed.
class Control {
 public:
  constexpr explicit Control(cleat_instance self) noexcept : self_(self) {}

  // CLEAT_STATE_*; starting where the host does not say.
  static std::uint32_t state() noexcept {
    std::uint32_t state = CLEAT_STATE_STARTING;
    detail::call(detail::host.control.state, &state);
    return state;
  }
  template <auto Method, class User>
  Status reload(std::unique_ptr<User> user) const noexcept {
    return keep(detail::call(detail::host.control.reload, self_, &detail::on_control<Method, User>, static_cast<void*>(user.get())), user);
  }
  Status drain() const noexcept { return detail::call(detail::host.control.drain, self_); }
  template <auto Method, class User>
  Status restore(std::string_view instance, std::unique_ptr<User> user) const noexcept {
    return keep(detail::call(detail::host.control.restore, self_, to_str(instance), &detail::on_control<Method, User>,
                             static_cast<void*>(user.get())), user);
  }
  template <auto Method, class User>
  Status describe(std::string_view topic, std::unique_ptr<User> user) const noexcept {
    return keep(detail::call(detail::host.control.describe, self_, to_str(topic), &detail::on_control<Method, User>,
                             static_cast<void*>(user.get())), user);
  }
  static Result<std::uint32_t> log_level() noexcept {
    std::uint32_t level = 0;
    const cleat_status status = detail::call(detail::host.control.log_level_get, &level);
    return {status, level};
  }
  Status set_log_level(std::uint32_t level) const noexcept { return detail::call(detail::host.control.log_level_set, self_, level); }

 private:
  template <class User>
  static Status keep(Status status, std::unique_ptr<User>& user) noexcept {
    if (status) (void)user.release();
    return status;
  }
  cleat_instance self_;
};

CLEAT_CPP_NAMESPACE_END
