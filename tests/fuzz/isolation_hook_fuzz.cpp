// What a plugin's own process reads of the kernel's side: any bytes as a hook's call, as an event of a call, and as a ring. What is taken says the same when it
// is written again; what a ring gives was within it.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include "kernel/base/check.hpp"
#include "plugin_api/ext/metadata.h"
#include "plugin_api/isolation/child/snapshot.hpp"
#include "plugin_api/isolation/ring.hpp"

using namespace cleat;
using namespace cleat::isolation;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

void write(Writer& writer, const http::Fields& fields) {
  writer.number(fields.size());
  for (const http::Field& field : fields) {
    writer.text(field.name);
    writer.text(field.value);
  }
}

std::string written(const Snapshot& one) {
  Writer writer;
  writer.number(one.head.call);
  writer.number(one.head.hook);
  writer.number(one.head.subject);
  writer.number(one.head.body_max);
  writer.number(one.head.route);
  writer.number(one.head.extra);
  writer.number(one.head.has);
  writer.number(one.head.now_ms);
  if (one.has(kHasRequest)) {
    for (const std::string_view part : {one.request.method, one.request.scheme, one.request.authority, one.request.target}) writer.text(part);
    write(writer, one.request.fields);
  }
  if (one.has(kHasResponse)) {
    writer.number(one.status);
    write(writer, one.response);
  }
  if (one.has(kHasRequestTrailers)) write(writer, one.request_trailers);
  if (one.has(kHasResponseTrailers)) write(writer, one.response_trailers);
  if (one.has(kHasPiece)) writer.text(one.piece);
  if (one.has(kHasAttemptEnd)) {
    for (const std::uint32_t number : {one.attempt_end.attempt, one.attempt_end.how, one.attempt_end.status, one.attempt_end.flags}) writer.number(number);
    writer.number(one.attempt_end.elapsed_us);
  }
  writer.number(static_cast<std::uint32_t>(one.texts.size()));
  for (const auto& [attribute, text] : one.texts) {
    writer.number(attribute);
    writer.text(text);
  }
  writer.number(static_cast<std::uint32_t>(one.integers.size()));
  for (const auto& [attribute, value] : one.integers) {
    writer.number(attribute);
    writer.number(value);
  }
  writer.number(static_cast<std::uint32_t>(one.metadata.size()));
  for (const MetadataValue& value : one.metadata) {
    writer.number(value.key);
    writer.number(static_cast<std::uint8_t>(value.type));
    if (value.type == CLEAT_METADATA_TEXT) writer.text(value.text);
    if (value.type == CLEAT_METADATA_INTEGER) writer.number(value.integer);
    if (value.type == CLEAT_METADATA_NUMBER) writer.number(value.number);
  }
  return std::move(writer.bytes);
}

std::string written(const CallEvent& one) {
  Writer writer;
  writer.number(one.call);
  writer.number(one.owner);
  writer.number(one.event.kind);
  writer.number(one.event.how);
  writer.number(one.event.status);
  const auto fields = [&](const std::vector<cleat_header>& all) {
    writer.number(static_cast<std::uint32_t>(all.size()));
    for (const cleat_header& field : all) {
      writer.text(field.name);
      writer.text(field.value);
    }
  };
  fields(one.headers);
  writer.text(one.event.body);
  fields(one.trailers);
  writer.text(one.event.reason);
  return std::move(writer.bytes);
}

// The first 8 bytes are what the other side says it has written, the rest is the ring's memory.
void read_ring(std::string_view input) {
  constexpr std::uint64_t kCapacity = 4096;
  if (input.size() < 8) return;
  const std::unique_ptr<void, decltype(&std::free)> memory(std::aligned_alloc(64, ring_bytes(kCapacity)), &std::free);
  std::memset(memory.get(), 0, ring_bytes(kCapacity));
  std::uint64_t says;
  std::memcpy(&says, input.data(), sizeof says);
  static_cast<RingMemory*>(memory.get())->written = says % (2 * kCapacity);
  input.remove_prefix(8);
  std::memcpy(static_cast<char*>(memory.get()) + sizeof(RingMemory), input.data(), std::min<std::size_t>(input.size(), kCapacity));
  RingReader reader(memory.get(), kCapacity);
  std::string message;
  std::uint64_t messages = 0;
  while (reader.read(message) == RingReader::Got::kMessage) {
    CLEAT_CHECK(message.size() < kCapacity && ++messages <= kCapacity / 8);
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  static BlockPool pool;
  Arena arena(pool);
  Snapshot snapshot;
  if (read_snapshot(input, arena, snapshot)) CLEAT_CHECK(written(snapshot) == input);
  CallEvent event;
  if (read_call_event(input, event)) CLEAT_CHECK(written(event) == input);
  read_ring(input);
  return 0;
}
