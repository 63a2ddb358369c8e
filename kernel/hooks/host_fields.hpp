// Fields that a plugin gives, and what may stand in a request's head beside them: which names it may use where, and copies in the exchange's arena.
// Worker threads.
#pragma once

#include <cstdint>
#include <string_view>

#include "kernel/hooks/host_exchange.hpp"
#include "kernel/http/message.hpp"

namespace cleat::hooks {

inline constexpr std::uint32_t kFieldsMax = 200;                 // of a head or of trailers that a plugin changes or makes
inline constexpr std::size_t kFieldNameBytesMax = 1024;
inline constexpr std::size_t kFieldValueBytesMax = 64 * 1024;

enum class FieldUse : std::uint8_t {
  kRequest,
  kResponse,
  kTrailers,
  kReply,    // cleat_reply: Date is the host's too
  kHandler,  // an answer's head: Content-Length is the plugin's
};

// nullptr if a plugin may set fields of this name there, else why not.
const char* refuse_name(http::Name known, FieldUse use);

// One checked field with its bytes in the arena. Nothing is changed on a failure.
cleat_status copy_field(Arena& arena, cleat_str name, cleat_str value, FieldUse use, http::Field& out);

// A whole list. Memory that it took stays taken on a failure, but `out` is not to be used then.
cleat_status copy_fields(Arena& arena, const cleat_header* headers, std::uint64_t count, FieldUse use, http::Fields& out);

// What header_set, header_add and header_remove do to a list that may be changed.
cleat_status set_field(Arena& arena, http::Fields& fields, cleat_str name, cleat_str value, FieldUse use);
cleat_status add_field(Arena& arena, http::Fields& fields, cleat_str name, cleat_str value, FieldUse use);
cleat_status remove_field(http::Fields& fields, cleat_str name, FieldUse use);

// --- host_field.cpp ---
bool valid_target(std::string_view target);        // "/path?query" as a client may send it
bool valid_authority(std::string_view authority);  // host[:port]

// What field_set does to a head that may be changed.
cleat_status set_method(http::RequestHead& request, Arena& arena, std::string_view method);
cleat_status set_authority(http::RequestHead& request, Arena& arena, std::string_view authority);

cleat_status arena_is_full();

}  // namespace cleat::hooks
