// What the kernel's side tells with a hook: a message that was copied out of the ring, read into the forms that the kernel itself has for heads. The
// message is looked at as if anybody had written it: it is either whole, or nothing of it is used. One thread.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "kernel/base/arena.hpp"
#include "kernel/http/message.hpp"
#include "plugin_api/ext/http_call.h"
#include "plugin_api/isolation/protocol.hpp"

namespace cleat::isolation {

struct MetadataValue {
  std::uint32_t key = 0;
  std::uint32_t type = 0;  // CLEAT_METADATA_*
  std::string_view text;
  std::int64_t integer = 0;
  double number = 0;
};

// Views are into the message, but for lists of fields, which are in the arena.
struct Snapshot {
  HookHead head;
  http::RequestHead request;
  std::uint32_t status = 0;
  http::Fields response, request_trailers, response_trailers;
  std::string_view piece;
  cleat_attempt_end attempt_end{};
  std::vector<std::pair<std::uint32_t, std::string_view>> texts;    // attributes
  std::vector<std::pair<std::uint32_t, std::int64_t>> integers;
  std::vector<MetadataValue> metadata;

  void clear();  // as new, but that lists keep their memory
  bool has(std::uint32_t what) const { return (head.has & what) != 0; }
  const std::string_view* text(std::uint32_t attribute) const;
  const std::int64_t* integer(std::uint32_t attribute) const;
};

// `message`: what follows the type of a kHook. False: it is not one; `snapshot` is not to be used then.
bool read_snapshot(std::string_view message, Arena& arena, Snapshot& snapshot);

// A kCallEvent, in the form of the ABI; `event` points into the message and into the two lists.
struct CallEvent {
  cleat_call call = 0;
  std::uint64_t owner = 0;  // 0: the instance
  std::vector<cleat_header> headers, trailers;
  cleat_call_event event{};
};
void read_headers(Reader& reader, std::vector<cleat_header>& headers);  // a list of fields, in the place of what the list held
bool read_call_event(std::string_view message, CallEvent& event);

}  // namespace cleat::isolation
