// What a source of configuration uses (cleat.config_source/1): transactions, and lists of endpoints.
#pragma once

#include <memory>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

#include "plugin_api/cpp/host.hpp"

CLEAT_CPP_NAMESPACE_BEGIN

// One endpoint of a list. A view: the address must live until the call that takes it returns.
constexpr cleat_source_endpoint source_endpoint(std::string_view address, std::uint32_t weight = 1, bool healthy = true) noexcept {
  return {sizeof(cleat_source_endpoint), weight, to_str(address), healthy ? 0 : CLEAT_SOURCE_UNHEALTHY, 0};
}

// What became of a commit. `text` dies when the method it is given to returns.
struct Committed {
  Status status;  // ok: in force as `version`; CLEAT_INVALID: refused, and `text` says why
  std::uint64_t version = 0;
  std::string_view text;
};

namespace detail {
template <auto Method, class User>
void on_committed(void* instance, cleat_status status, std::uint64_t version, cleat_str text, void* user) noexcept;
}  // namespace detail

// A transaction; abandoned unless it is committed. Any thread, one at a time.
class Transaction {
 public:
  explicit Transaction(std::uint64_t handle) noexcept : handle_(handle) {}
  Transaction() noexcept = default;
  Transaction(Transaction&& other) noexcept : handle_(std::exchange(other.handle_, 0)) {}
  Transaction& operator=(Transaction&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~Transaction() {
    if (handle_ != 0) detail::call(detail::host.config_source.abandon, handle_);
  }
  // kind: CLEAT_SOURCE_LISTENER, _ROUTE_TABLE, _CLUSTER, _SECRET.
  Status stage(std::uint32_t kind, std::string_view name, std::string_view document) const noexcept {
    return detail::call(detail::host.config_source.stage, handle_, kind, to_str(name), to_str(document));
  }
  Status remove(std::uint32_t kind, std::string_view name) const noexcept {
    return detail::call(detail::host.config_source.remove, handle_, kind, to_str(name));
  }
  // Calls Method(Committed), a member of the plugin's class, on the control thread. Where this fails the transaction is abandoned.
  template <auto Method>
  Status commit() && noexcept {
    return end(&detail::on_committed<Method, void>, nullptr);
  }
  // Method(Committed, std::unique_ptr<User>).
  template <auto Method, class User>
  Status commit(std::unique_ptr<User> user) && noexcept {
    const Status status = end(&detail::on_committed<Method, User>, user.get());
    if (status) (void)user.release();
    return status;
  }

 private:
  Status end(cleat_commit_fn fn, void* user) noexcept {
    const Status status = detail::call(detail::host.config_source.commit, handle_, fn, user);
    if (status) handle_ = 0;
    return status;
  }
  std::uint64_t handle_ = 0;
};

CLEAT_CPP_NAMESPACE_END
