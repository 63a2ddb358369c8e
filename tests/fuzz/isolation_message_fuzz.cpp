// What a plugin's process may write on its ring and on its socket, and into the ring's own numbers: whatever the bytes are, reading them looks at no
// others, ends, and what was understood is within what came. The first byte chooses which.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "plugins/isolation_process/channel.hpp"
#include "plugins/isolation_process/message.hpp"
#include "plugin_api/isolation/ring.hpp"

namespace {

void check(bool holds) {
  if (!holds) std::abort();
}

bool within(std::string_view part, std::string_view all) {
  return part.empty() || (part.data() >= all.data() && part.data() + part.size() <= all.data() + all.size());
}

void read_message(std::string_view bytes) {
  static isolation_process::Message message;  // used again, as a worker does
  if (!message.read(bytes)) return;
  for (const cleat_header& field : message.fields) {
    check(within({field.name.data, field.name.size}, bytes));
    check(within({field.value.data, field.value.size}, bytes));
  }
  for (const isolation_process::Step& step : message.steps) {
    check(within(step.text, bytes) && within(step.value, bytes) && within(step.reason, bytes));
    check(step.fields.first + step.fields.count <= message.fields.size());
  }
  for (const cleat_str& label : message.labels) check(within({label.data, label.size}, bytes));
  if (message.what == isolation_process::FromProcess::kAsk) {
    const isolation_process::Question& question = message.question;
    check(within(question.key, bytes) && within(question.value, bytes) && within(question.target, bytes));
    check(question.fields.first + question.fields.count <= message.fields.size());
  }
}

void read_frame(std::string_view bytes) {
  cleat::isolation::Frame frame;
  if (!cleat::isolation::read_frame(bytes, frame)) return;
  check(within(frame.error, bytes) && within(frame.rest, bytes));
  isolation_process::Message message;
  cleat::isolation::Reader in(frame.rest);
  if (frame.function <= isolation_process::Function::kEventPublish) message.read_arguments(frame.function, in);
}

// The shared memory is the bytes: first how far it was written, then what is in the ring, from its beginning on. Twice: the second time where the
// first one stopped.
void read_ring(std::string_view bytes) {
  constexpr std::uint64_t kCapacity = 4096;
  struct alignas(64) Memory {
    char bytes[cleat::isolation::ring_bytes(kCapacity)] = {};
  };
  const auto memory = std::make_unique<Memory>();
  auto* const ring = new (memory->bytes) cleat::isolation::RingMemory{};
  std::uint64_t written = 0;
  std::memcpy(&written, bytes.data(), bytes.size() < 8 ? bytes.size() : 8);
  bytes.remove_prefix(bytes.size() < 8 ? bytes.size() : 8);
  std::memcpy(memory->bytes + sizeof(cleat::isolation::RingMemory), bytes.data(), bytes.size() < kCapacity ? bytes.size() : kCapacity);
  cleat::isolation::RingReader reader(memory->bytes, kCapacity);
  std::string message;
  for (int pass = 0; pass < 2; ++pass) {
    ring->written.store(ring->read.load() + written);
    for (std::uint64_t read = 0;; ++read) {
      check(read <= kCapacity / 8);
      if (reader.read(message) != cleat::isolation::RingReader::Got::kMessage) break;
      check(message.size() <= kCapacity);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 3) {
    case 0: read_message(bytes); break;
    case 1: read_frame(bytes); break;
    default: read_ring(bytes); break;
  }
  return 0;
}
