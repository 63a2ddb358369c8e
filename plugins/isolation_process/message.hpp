// What the process writes on a ring, understood: every number is checked before it is used, and a message is taken as a whole or not at all. Views
// point into the bytes it was made from. No thread of its own, no host.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "plugin_api/isolation/protocol.hpp"

namespace isolation_process {

using cleat::isolation::FromProcess;
using cleat::isolation::Function;
using cleat::isolation::Operation;

// A part of the message's list of fields.
struct FieldRange {
  std::size_t first = 0, count = 0;
};

struct Step {  // one operation: those of its members that protocol.hpp says it has
  Operation what{};
  std::uint32_t number = 0;    // part, field, status, flags, key
  std::uint32_t mode = 0;
  std::uint64_t amount = 0;    // milliseconds, bytes
  std::int64_t integer = 0;
  double real = 0;
  std::string_view text, value, reason;
  FieldRange fields;
};

struct Sample {
  std::uint64_t series = 0;
  bool observe = false;
  std::int64_t value = 0;
};

struct Question {  // kAsk
  std::uint32_t number = 0;
  Function function{};
  std::uint64_t space_or_call = 0, amount = 0, expected = 0, capacity = 0;
  std::int64_t integer = 0;
  std::uint32_t flags = 0;
  std::string_view key, value;                          // of kv; an event's name and data; a call's, an answer's data
  std::string_view cluster, method, target, authority;  // of kCallStart
  std::uint64_t owner = 0, timeout_ms = 0, body_max = 0;  // owner: of kHandler* too, the exchange; flags: kHandlerStart's status
  FieldRange fields;
};

struct Message {
  FromProcess what{};
  std::uint64_t call_or_subject = 0;
  std::uint32_t verdict = 0;
  std::string_view words;
  std::vector<Step> steps;
  Question question;
  std::vector<Sample> samples;
  std::uint64_t series = 0, metric = 0;
  std::vector<cleat_str> labels;
  std::vector<cleat_header> fields;

  // False: it is no message. What is in it then is not to be looked at.
  bool read(std::string_view bytes);
  // `question`'s arguments, of a function that is asked for on a ring: what the control socket has of them is read the same way.
  bool read_arguments(Function function, cleat::isolation::Reader& in);

 private:
  FieldRange read_fields(cleat::isolation::Reader& in);
  bool read_steps(cleat::isolation::Reader& in);
  bool read_step(cleat::isolation::Reader& in, Step& step);
};

}  // namespace isolation_process
