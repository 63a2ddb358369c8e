// What a kernel's worker and a plugin's process of its own say to each other. Both are of one build, started by one another: this is no ABI, and
// changes with the program. Numbers are little-endian, of fixed width; a text is a 32-bit size and its bytes; a list is a 32-bit count and its members;
// fields are a list of { text name, text value }.
//
// Two ways:
//   data     for each worker a pair of rings (ring.hpp) in one memory file, and two eventfds: the calls of hooks and what comes of them.
//   control  a stream socket: frames of a 32-bit size (of what follows it) and a message. Requests of one side, answered by the other with the request's number; both sides ask.
//
// The handles (exchange, connection, route, metadata key, metric, call, space) are those of the kernel's process, in both.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include "plugin_api/types.h"

namespace cleat::isolation {

// Descriptors that the process finds open when it starts, and its command line: `cleat plugin host`.
inline constexpr int kControlDescriptor = 3;  // the socket
inline constexpr int kMemoryDescriptor = 4;   // the memory file: for worker 0, 1 ...: ring to the process, ring from it
inline constexpr int kFirstEventDescriptor = 5;  // for worker w: 5 + 2w wakes the process's thread, 6 + 2w wakes the kernel's side
inline constexpr std::uint32_t kVisitedBytesMax = 64 * 1024;  // of the metrics in one answer
inline constexpr std::uint32_t kHandoverBytesMax = 256 * 1024;  // of a state in one frame
inline constexpr std::uint64_t kStateBytesMax = 64 * 1024 * 1024;  // cleat.handover/1's
inline constexpr std::uint32_t kControlFrameMax = 16 * 1024 * 1024;

// --- messages on a ring to the process ---
enum class ToProcess : std::uint8_t {
  kWorkerStart = 1,  // -
  kWorkerStop = 2,   // -                      answered by kWorkerStopped once worker_stop has returned
  kHook = 3,         // HookHead, then by its `has` bits, in their order: heads, piece; then attributes, metadata: see below
  kForget = 4,       // u64 subject            no more hooks will come for it: the exchange has ended and the plugin has no on_end, or the connection is
                     // gone and it has no on_connection_end. After UNSUBSCRIBE the process forgets by itself. May be about what it does not know
  kAnswer = 5,       // u32 number, i32 status, text error, and what the function answers: to a kAsk
  kCallEvent = 6,    // u64 call, u64 owner (0: the instance), u32 kind, u32 how, u32 status, fields headers, text body, fields trailers, text reason
  kWritable = 7,     // u64 exchange           cleat.handler/1's on_writable
};

// --- messages on a ring from the process ---
enum class FromProcess : std::uint8_t {
  kDone = 1,          // u64 call, u32 verdict, text words (of set_error; or what was wrong), list of operations. SUSPEND is never said: it is said
                      // when the plugin resumes. One for each kHook whose hook returns a verdict, none for the others
  kOperations = 2,    // u64 subject, list of operations: outside its hooks, from a timer, a posted callback, an event of a call
  kAsk = 3,           // u32 number, u16 Function, arguments: answered by kAnswer. The process's worker waits for it
  kMetrics = 4,       // list of { u64 series (of this worker, given by kSeries), u8 what (0 add, 1 observe), i64 value }
  kSeries = 5,        // u64 series, u64 metric, list of texts: from now on that number names it, on this ring
  kWorkerStopped = 6, // -
};

// --- hooks, by number ---
enum class HookNumber : std::uint8_t {
  kConnection, kTls, kConnectionEnd, kRequest, kRoute, kRequestBody, kRequestTrailers, kAttempt, kAttemptEnd, kResponse, kResponseBody,
  kResponseTrailers, kReply, kEnd,
  kHandle, kHandleBody, kHandleEnd,  // of cleat.handler/1
  // In the answer to kLoad alone: that half's on_writable, which ToProcess::kWritable tells; cleat.handover/1, which kGive and kTake are for.
  kWritable, kHandover,
  kCount
};
constexpr bool is_of_connection(HookNumber hook) { return hook <= HookNumber::kConnectionEnd; }
constexpr bool is_of_exchange_end(HookNumber hook) { return hook == HookNumber::kEnd || hook == HookNumber::kHandleEnd; }
constexpr bool has_verdict(HookNumber hook) { return hook < HookNumber::kWritable && hook != HookNumber::kConnectionEnd && !is_of_exchange_end(hook); }

// What follows the head of a hook's call.
inline constexpr std::uint32_t kHasRequest = 1;            // text method, scheme, authority, target; fields
inline constexpr std::uint32_t kHasResponse = 2;           // u32 status; fields
inline constexpr std::uint32_t kHasRequestTrailers = 4;    // fields
inline constexpr std::uint32_t kHasResponseTrailers = 8;   // fields
inline constexpr std::uint32_t kHasPiece = 16;             // text: of a body hook
inline constexpr std::uint32_t kHasAttemptEnd = 32;        // u32 attempt, how, status, flags; u64 elapsed_us
// Always, at the end: list of { u32 attribute, text }, list of { u32 attribute, i64 }: all that are known;
// list of { u32 key, u8 type, text or i64 or f64 }: of the metadata keys that the process has asked for.

struct HookHead {              // written as these members, in this order, without padding
  std::uint64_t call = 0;      // names it in kDone
  HookNumber hook{};           // u8
  std::uint64_t subject = 0;   // the exchange, or the connection
  std::uint64_t body_max = 0;    // of an exchange: its listener's body_buffer, bytes; 0: not told
  std::uint32_t route = 0;     // what route_create was told of the chosen route; 0: none, or it has no configuration of this instance
  std::uint32_t extra = 0;     // body hooks: CLEAT_BODY_*; on_attempt: its number; on_handle_end: 1 where on_end, or a kForget, is still to come
  std::uint32_t has = 0;
  std::uint64_t now_ms = 0;    // the kernel's clock, monotonic; 0: not told
};

// --- what a hook, or a callback, did: done by the kernel's side in this order, with the host's own functions ---
enum class Operation : std::uint8_t {
  kHeaderSet = 1,       // u32 part, text name, value
  kHeaderAdd = 2,       // u32 part, text name, value
  kHeaderRemove = 3,    // u32 part, text name
  kFieldSet = 4,        // u32 field, text value
  kStatusSet = 5,       // u32
  kReply = 6,           // u32 status, fields, text body, text reason
  kReset = 7,           // -
  kReroute = 8,         // -
  kClusterSet = 9,      // text
  kAttemptTimeout = 10, // u64 ms
  kExchangeTimeout = 11,// u64 ms
  kRetry = 12,          // u32 flags, u64 delay_ms
  kMetadataText = 13,   // u32 key, text
  kMetadataInteger = 14,// u32 key, i64
  kMetadataNumber = 15, // u32 key, f64
  kBodySubscribe = 16,  // u32 part, u32 mode, u64 bytes_max
  kBodyReplace = 17,    // u32 part, text: the piece as it is now
  kKeepForReplay = 18,  // u64 bytes_max
};

// --- functions that the process cannot do by itself ---
enum class Function : std::uint16_t {
  // On a ring, from a worker of the process (a thread of the plugin's own hands it to worker 0); kKv* and kEventPublish on the control socket too, from
  // the control thread: in create there is no worker yet. Their arguments are the host function's, in their order; so is what the answer holds, in the order of the outputs: nothing where the status is a failure, but for CLEAT_TOO_SMALL of get and next.
  kKvGet = 1,   // u64 space, text key, u64 capacity                      -> text value (up to capacity), u64 needed, u64 version
  kKvSet,       // u64 space, text key, value, u64 ttl_ms                 -> u64 version
  kKvSetIf,     // u64 space, text key, value, u64 ttl_ms, u64 expected   -> u64 version
  kKvRemove,    // u64 space, text key, u64 expected                      -> -
  kKvAdd,       // u64 space, text key, i64 amount, u64 ttl_ms            -> i64 value
  kKvNext,      // u64 space, text prefix, after, u64 capacity            -> text key (up to capacity), u64 needed
  kCallStart,   // u64 owner (an exchange; 0: the instance), u32 flags, text cluster, method, target, authority, fields, text body, u64 timeout_ms,
                // u64 body_max                                            -> u64 call. Its events' owner is that owner
  kCallWrite,   // u64 call, text data                                    -> u64 accepted
  kCallFinish,  // u64 call, fields                                       -> -
  kCallPause,   // u64 call, u32 on                                       -> -
  kCallCancel,  // u64 call                                               -> -
  kEventPublish,  // text name, data                                      -> -
  // On a ring alone. Of cleat.handler/1's host half: of an exchange of which on_handle was told.
  kHandlerStart,  // u64 exchange, u32 status, fields                     -> -
  kHandlerWrite,  // u64 exchange, text data                              -> u64 accepted
  kHandlerFinish, // u64 exchange, fields                                 -> -
  kHandlerAbort,  // u64 exchange                                         -> -
  kMetricsVisit,  // u64 at                                               -> u64 whole, text: the bytes from `at` on, as many as one message may
                  // hold, of all metrics as they stood when that worker asked with 0: { u32 kind, text name, help (both empty: as before), fields
                  // labels, i64 value, list of u64 bounds, list of u64 buckets } for each series, in cleat.metrics/1's order
  // On the control socket, from the process.
  kMetadataKey = 64,   // text name                         -> u32 key
  kMetricDefine,       // u32 kind, text name, help, list of texts, list of u64 bounds, u64 series_max -> u64 metric
  kKvOpen,             // text name, u32 flags, u64 bytes_max -> u64 space
  kEventSubscribe,     // text pattern                      -> -
  kLog,                // u32 level, text                   not answered
  kComplete,           // u64 completion                    not answered: on_drain, on_shutdown are done
  // On the control socket, to the process, in this order of a life.
  kLoad = 128,         // text file, text name, u32 workers, u64 ring capacity, u8 validate_only, text configuration's file (relative paths in what it
                       // says are relative to its folder) -> u64 hooks (bit by HookNumber), u8 has
                       // on_event, u8 on_drain, u8 on_shutdown, list of texts: ids of the plugin's own halves (handler ...)
  kCreate,             // u8 validate_only, text config (JSON; empty: none) -> list of { text path ("routes[2].name"; empty: the whole), text words }
  kRouteCreate,        // u32 route, text config            -> the same list
  kRouteDestroy,       // u32 route                         -> -
  kEvent,              // u32 kind, text name, text data    not answered
  kDrain, kShutdown,   // u64 completion                    -> - (once the hook has returned)
  kGive,               // u64 at                            -> u32 format, u64 whole, text: the bytes from `at` on, kHandoverBytesMax at most, of what
                       // the plugin gave when it was asked with 0
  kTake,               // u8 last, u32 format, text         -> -: the bytes after those before; with the last the plugin takes them
  kDestroy,            // -                                 -> -, and the process ends
};
// A control frame: u8 0 = a request, 1 = an answer; u32 number (a request's own, of its side; 0: not answered); u16 Function; then the arguments; of an answer
// i32 status, text error, what it answers.

// --- writing and reading them ---
class Writer {
 public:
  std::string bytes;
  void clear() { bytes.clear(); }
  template <class T>
  void number(T value) {  // an integer, an enum or a double
    bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  void text(std::string_view value) {
    number(static_cast<std::uint32_t>(value.size()));
    bytes.append(value);
  }
  void text(cleat_str value) { text(std::string_view(value.data, value.size)); }
  // A list's count is put in when it is known: at = count_later(); ...; count(at, n).
  std::size_t count_later() {
    number(std::uint32_t{0});
    return bytes.size() - 4;
  }
  void count(std::size_t at, std::uint32_t members) { std::memcpy(bytes.data() + at, &members, sizeof members); }
};

// Reads what the other side wrote, and believes nothing: past the end, everything is 0 and empty, and `ok` says so.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : left_(bytes) {}
  bool ok() const { return ok_; }
  bool at_end() const { return left_.empty(); }
  template <class T>
  T number() {
    T value{};
    if (left_.size() < sizeof value) {
      fail();
      return value;
    }
    std::memcpy(&value, left_.data(), sizeof value);
    left_.remove_prefix(sizeof value);
    return value;
  }
  std::string_view text() {
    const auto size = number<std::uint32_t>();
    if (left_.size() < size) {
      fail();
      return {};
    }
    const std::string_view value = left_.substr(0, size);
    left_.remove_prefix(size);
    return value;
  }
  // A list's count: no more than could be there, `least` bytes each.
  std::uint32_t count(std::size_t least) {
    const auto members = number<std::uint32_t>();
    if (members <= left_.size() / least) return members;
    fail();
    return 0;
  }

 private:
  void fail() {
    ok_ = false;
    left_ = {};
  }
  std::string_view left_;
  bool ok_ = true;
};

// --- control frames ---
inline constexpr std::size_t kFrameHead = 1 + 4 + 2;

struct Frame {
  bool is_answer = false;
  std::uint32_t number = 0;
  Function function{};     // of the request, in an answer too
  std::int32_t status = 0; // of an answer
  std::string_view error;  // of an answer
  std::string_view rest;   // arguments; what it answers
};

// What follows the size. False: it is no frame. The views point into `bytes`.
inline bool read_frame(std::string_view bytes, Frame& frame) {
  Reader in(bytes);
  const auto kind = in.number<std::uint8_t>();
  frame = {};
  frame.is_answer = kind == 1;
  frame.number = in.number<std::uint32_t>();
  frame.function = in.number<Function>();
  std::size_t head = kFrameHead;
  if (frame.is_answer) {
    frame.status = in.number<std::int32_t>();
    frame.error = in.text();
    head += 4 + 4 + frame.error.size();
  }
  if (kind > 1 || !in.ok()) return false;
  frame.rest = bytes.substr(head);
  return true;
}

// With the size in front.
inline std::string request_frame(std::uint32_t number, Function function, std::string_view arguments) {
  Writer frame;
  frame.number(static_cast<std::uint32_t>(kFrameHead + arguments.size()));
  frame.number(std::uint8_t{0});
  frame.number(number);
  frame.number(function);
  frame.bytes.append(arguments);
  return std::move(frame.bytes);
}

inline std::string answer_frame(std::uint32_t number, Function function, std::int32_t status, std::string_view error, std::string_view rest) {
  Writer frame;
  frame.number(static_cast<std::uint32_t>(kFrameHead + 4 + 4 + error.size() + rest.size()));
  frame.number(std::uint8_t{1});
  frame.number(number);
  frame.number(function);
  frame.number(status);
  frame.text(error);
  frame.bytes.append(rest);
  return std::move(frame.bytes);
}

}  // namespace cleat::isolation
