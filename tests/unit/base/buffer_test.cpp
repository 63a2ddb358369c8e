#include "kernel/base/buffer.hpp"

#include <catch2/catch_test_macros.hpp>
#include <random>
#include <string>

using cleat::Buffer;

TEST_CASE("buffer appends at the end and consumes from the front") {
  Buffer buffer;
  CHECK(buffer.empty());
  CHECK(buffer.view().empty());
  buffer.append("hello ");
  buffer.append("");
  buffer.append("world");
  CHECK(buffer.view() == "hello world");
  buffer.consume(6);
  CHECK(buffer.view() == "world");
  CHECK(buffer.size() == 5);
  buffer.consume(5);
  CHECK(buffer.empty());
}

TEST_CASE("buffer is filled in place") {
  Buffer buffer;
  buffer.append("ab");
  char* to = buffer.reserve(1000);
  std::memset(to, 'c', 1000);
  buffer.commit(3);
  CHECK(buffer.view() == "abccc");
}

TEST_CASE("buffer moves take the bytes along") {
  Buffer from;
  from.append("text");
  Buffer to(std::move(from));
  CHECK(to.view() == "text");
  Buffer other;
  other.append("old");
  other = std::move(to);
  CHECK(other.view() == "text");
}

TEST_CASE("buffer gives its memory back") {
  Buffer buffer;
  buffer.append(std::string(100'000, 'x'));
  CHECK(buffer.capacity() >= 100'000);
  buffer.clear();
  CHECK(buffer.empty());
  buffer.release();
  CHECK(buffer.capacity() == 0);
  buffer.append("again");
  CHECK(buffer.view() == "again");
}

TEST_CASE("buffer holds what a string would, whatever the order") {
  Buffer buffer;
  std::string model;
  std::mt19937 random(7);
  for (int i = 0; i < 20'000; ++i) {
    if (random() % 2 == 0) {
      const std::string piece(random() % 200, static_cast<char>('a' + i % 26));
      buffer.append(piece);
      model += piece;
    } else {
      const std::size_t count = random() % (model.size() + 1);
      buffer.consume(count);
      model.erase(0, count);
    }
    REQUIRE(buffer.view() == model);
  }
  CHECK(buffer.capacity() < 1'000'000);  // what was consumed is used again
}
