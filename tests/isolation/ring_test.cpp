// The ring that a kernel's worker and a plugin's process share.
#include <catch2/catch_test_macros.hpp>

#include <cstdlib>
#include <memory>
#include <string>
#include <thread>

#include "plugin_api/isolation/ring.hpp"

namespace cleat::isolation {
namespace {

constexpr std::uint64_t kCapacity = 4096;

struct Memory {
  Memory() : bytes(std::aligned_alloc(64, ring_bytes(kCapacity)), &std::free) { std::memset(bytes.get(), 0, ring_bytes(kCapacity)); }
  std::unique_ptr<void, decltype(&std::free)> bytes;
  RingMemory& ring() { return *static_cast<RingMemory*>(bytes.get()); }
  char* data() { return static_cast<char*>(bytes.get()) + sizeof(RingMemory); }
};

}  // namespace

TEST_CASE("messages of every size come out as they went in, over the end of the memory many times") {
  Memory memory;
  RingWriter writer(memory.bytes.get(), kCapacity);
  RingReader reader(memory.bytes.get(), kCapacity);
  std::string got;
  for (std::size_t size = 0; size <= writer.message_max(); ++size) {
    const std::string message(size, static_cast<char>('a' + size % 26));
    REQUIRE(writer.write(message));
    REQUIRE(reader.read(got) == RingReader::Got::kMessage);
    REQUIRE(got == message);
  }
  CHECK(reader.read(got) == RingReader::Got::kNothing);
}

TEST_CASE("a full ring takes no more, and takes it again once it was read") {
  Memory memory;
  RingWriter writer(memory.bytes.get(), kCapacity);
  RingReader reader(memory.bytes.get(), kCapacity);
  const std::string message(60, 'x');
  std::size_t written = 0;
  while (writer.write(message)) ++written;
  CHECK(written == kCapacity / 64);
  CHECK_FALSE(writer.write(""));
  std::string got;
  REQUIRE(reader.read(got) == RingReader::Got::kMessage);
  CHECK(writer.write(message));
  CHECK_FALSE(writer.write(message));
  for (std::size_t i = 0; i < written; ++i) REQUIRE(reader.read(got) == RingReader::Got::kMessage);
  CHECK(reader.read(got) == RingReader::Got::kNothing);
  CHECK_FALSE(writer.write(std::string(writer.message_max() + 1, 'x')));
  CHECK(writer.write(std::string(writer.message_max(), 'x')));
}

TEST_CASE("numbers that cannot be are found before they are used") {
  std::string got;
  SECTION("more written than there is room") {
    Memory memory;
    RingReader reader(memory.bytes.get(), kCapacity);
    memory.ring().written = kCapacity + 8;
    CHECK(reader.read(got) == RingReader::Got::kBroken);
  }
  SECTION("a position between messages") {
    Memory memory;
    RingReader reader(memory.bytes.get(), kCapacity);
    memory.ring().written = 12;
    CHECK(reader.read(got) == RingReader::Got::kBroken);
  }
  SECTION("a position that went back") {
    Memory memory;
    RingWriter writer(memory.bytes.get(), kCapacity);
    RingReader reader(memory.bytes.get(), kCapacity);
    REQUIRE(writer.write("abc"));
    REQUIRE(reader.read(got) == RingReader::Got::kMessage);
    memory.ring().written = 0;
    CHECK(reader.read(got) == RingReader::Got::kBroken);
  }
  SECTION("a size beyond what was written") {
    Memory memory;
    RingReader reader(memory.bytes.get(), kCapacity);
    for (const std::uint32_t size : {13U, 4096U, UINT32_MAX - 1}) {
      std::memcpy(memory.data(), &size, sizeof size);
      memory.ring().written = 16;
      CHECK(reader.read(got) == RingReader::Got::kBroken);
    }
  }
  SECTION("a reader that says it has read what was never written") {
    Memory memory;
    RingWriter writer(memory.bytes.get(), kCapacity);
    memory.ring().read = 8;
    CHECK_FALSE(writer.write("abc"));
  }
  SECTION("a skip where no end is near") {
    Memory memory;
    RingReader reader(memory.bytes.get(), kCapacity);
    std::memcpy(memory.data(), &kSkip, sizeof kSkip);
    memory.ring().written = 16;
    CHECK(reader.read(got) == RingReader::Got::kBroken);
  }
}

TEST_CASE("a reader that sleeps is woken once, and does not sleep over a message") {
  Memory memory;
  RingWriter writer(memory.bytes.get(), kCapacity);
  RingReader reader(memory.bytes.get(), kCapacity);
  CHECK_FALSE(writer.reader_sleeps());
  CHECK(reader.sleep());
  REQUIRE(writer.write("a"));
  CHECK(writer.reader_sleeps());
  CHECK_FALSE(writer.reader_sleeps());
  CHECK_FALSE(reader.sleep());
}

TEST_CASE("two threads pass messages of many sizes without losing or mixing one", "[threads]") {
  Memory memory;
  constexpr std::uint32_t kMessages = 20'000;
  std::thread other([&] {
    RingWriter writer(memory.bytes.get(), kCapacity);
    for (std::uint32_t i = 0; i < kMessages; ++i) {
      std::string message(4 + i % 301, static_cast<char>(i));
      std::memcpy(message.data(), &i, sizeof i);
      while (!writer.write(message)) std::this_thread::yield();
    }
  });
  RingReader reader(memory.bytes.get(), kCapacity);
  std::string got;
  std::uint32_t wrong = 0;
  for (std::uint32_t i = 0; i < kMessages; ++i) {
    RingReader::Got what;
    while ((what = reader.read(got)) == RingReader::Got::kNothing) std::this_thread::yield();
    std::uint32_t number = 0;
    if (what == RingReader::Got::kMessage && got.size() >= sizeof number) std::memcpy(&number, got.data(), sizeof number);
    const bool right = what == RingReader::Got::kMessage && number == i && got.size() == 4 + i % 301 &&
                       got.find_first_not_of(static_cast<char>(i), 4) == std::string::npos;
    if (!right) ++wrong;
  }
  other.join();
  CHECK(wrong == 0);
}

}  // namespace cleat::isolation
