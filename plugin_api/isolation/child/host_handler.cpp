// cleat.handler/1, the host's half: each part of the plugin's answer is asked of the kernel, since how much of it is taken is known there alone.
#include <algorithm>

#include "kernel/hooks/structs.hpp"
#include "kernel/http/head.hpp"
#include "plugin_api/isolation/child/host.hpp"

namespace cleat::isolation::host {
namespace {

using hooks::bad;
using hooks::fail_call;
using hooks::guarded;
using hooks::to_view;

constexpr std::size_t kPieceBytesMax = 64 * 1024;  // of one message; the kernel holds no more of an answer either

Found find_handled(cleat_exchange handle) {
  Found at = find_exchange(handle);
  if (at.x == nullptr || at.x->handling.active()) return at;
  const char* const why = at.x->handling.ended ? "handler: from on_handle to on_handle_end" : "handler: this instance is not the exchange's handler, or not yet";
  return {at.worker, nullptr, wrong_phase(why)};
}

// What the kernel will hold the body to, of a head that it has taken.
std::uint64_t length_of(const Subject& x, const cleat_reply& head) {
  if (x.now.request.is_head() || head.status == 204 || head.status == 304) return UINT64_MAX;
  for (std::uint64_t i = 0; i < head.header_count; ++i) {
    std::uint64_t length = 0;
    const bool named = http::name_of(to_view(head.headers[i].name)) == http::Name::kContentLength;
    if (named && http::detail::read_length(to_view(head.headers[i].value), length)) return length;
  }
  return UINT64_MAX;
}

cleat_status handler_start(cleat_exchange handle, const cleat_reply* given) {
  const Found at = find_handled(handle);
  if (at.x == nullptr) return at.status;
  cleat_reply head{};
  if (const char* wrong = hooks::read_struct(given, hooks::kReplyLeast, head)) return invalid(wrong);
  if (head.body.size != 0) return invalid("handler start: the head has no body; write it");
  return guarded([&]() -> cleat_status {
    Writer arguments;
    arguments.number(handle);
    arguments.number(head.status);
    if (const cleat_status wrong = write_fields(arguments, head.headers, head.header_count)) return wrong;
    if (const cleat_status wrong = ask_kernel(Function::kHandlerStart, arguments)) return wrong;
    at.x->handling.left = length_of(*at.x, head);
    return CLEAT_OK;
  });
}

// In as many messages as it takes, until one is not taken as a whole: on_writable comes after that one.
cleat_status handler_write(cleat_exchange handle, cleat_str data, std::uint64_t* accepted) {
  const Found at = find_handled(handle);
  if (at.x == nullptr) return at.status;
  if (accepted == nullptr || bad(data)) return invalid("handler write: a pointer is NULL");
  std::uint64_t& left = at.x->handling.left;
  if (data.size > left) return fail_call(CLEAT_LIMIT, "handler write: more than Content-Length");
  return guarded([&]() -> cleat_status {
    std::string_view rest = to_view(data);
    for (;;) {
      const std::string_view piece = rest.substr(0, kPieceBytesMax);
      Writer arguments;
      arguments.number(handle);
      arguments.text(piece);
      std::uint64_t taken = 0;
      if (const cleat_status wrong = ask_number(Function::kHandlerWrite, arguments, &taken)) return wrong;
      if (taken > piece.size()) return strange_answer();
      if (left != UINT64_MAX) left -= taken;
      rest.remove_prefix(static_cast<std::size_t>(taken));
      if (taken < piece.size() || rest.empty()) break;
    }
    *accepted = data.size - rest.size();
    return CLEAT_OK;
  });
}

cleat_status handler_finish(cleat_exchange handle, const cleat_header* trailers, std::uint64_t count) {
  const Found at = find_handled(handle);
  if (at.x == nullptr) return at.status;
  return guarded([&]() -> cleat_status {
    Writer arguments;
    arguments.number(handle);
    if (const cleat_status wrong = write_fields(arguments, trailers, count)) return wrong;
    return ask_kernel(Function::kHandlerFinish, arguments);
  });
}

cleat_status handler_abort(cleat_exchange handle) {
  const Found at = find_handled(handle);
  if (at.x == nullptr) return at.status;
  return guarded([&] {
    Writer arguments;
    arguments.number(handle);
    return ask_kernel(Function::kHandlerAbort, arguments);
  });
}

}  // namespace

const cleat_host_handler kHandler = {
    .size = sizeof(cleat_host_handler),
    .reserved = 0,
    .start = handler_start,
    .write = handler_write,
    .finish = handler_finish,
    .abort = handler_abort,
};

}  // namespace cleat::isolation::host
