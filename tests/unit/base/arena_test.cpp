#include "kernel/base/arena.hpp"

#include <catch2/catch_test_macros.hpp>
#include <set>
#include <string>
#include <vector>

using cleat::Arena;
using cleat::BlockPool;

TEST_CASE("arena gives aligned pieces that do not overlap") {
  BlockPool pool;
  Arena arena(pool);
  std::vector<std::string_view> pieces;
  for (std::size_t size = 0; size < 300; ++size) {
    const std::size_t align = std::size_t{1} << (size % 5);
    char* piece = static_cast<char*>(arena.allocate(size, align));
    REQUIRE(piece != nullptr);
    REQUIRE(reinterpret_cast<std::uintptr_t>(piece) % align == 0);
    std::memset(piece, static_cast<int>(size % 251), size);
    pieces.emplace_back(piece, size);
  }
  for (std::size_t size = 0; size < 300; ++size) {
    CHECK(pieces[size] == std::string(size, static_cast<char>(size % 251)));  // nobody wrote over it
  }
}

TEST_CASE("arena copies text, and tells empty text from none") {
  BlockPool pool;
  Arena arena(pool, 16 * 1024);
  std::string text = "some text";
  const std::string_view copy = arena.copy(text);
  text = "other words";
  CHECK(copy == "some text");
  CHECK(arena.copy("").data() != nullptr);
  CHECK(arena.copy(std::string(100'000, 'x')).data() == nullptr);
  CHECK(arena.copy("still room").data() != nullptr);
}

TEST_CASE("arena keeps to its bound, with large pieces and small ones") {
  BlockPool pool;
  Arena small(pool, 3 * BlockPool::kBlockBytes);
  std::size_t pieces = 0;
  while (small.allocate(100) != nullptr) ++pieces;
  CHECK(pieces >= 3 * 38);
  CHECK(pieces <= 3 * 41);
  CHECK(small.bytes_used() <= 3 * BlockPool::kBlockBytes);

  Arena large(pool, 64 * 1024);
  CHECK(large.allocate(60 * 1024) != nullptr);
  CHECK(large.allocate(60 * 1024) == nullptr);
  CHECK(large.allocate(1'000'000'000) == nullptr);
}

TEST_CASE("arena gives everything back and starts anew") {
  BlockPool pool;
  Arena arena(pool, 64 * 1024);
  for (int round = 0; round < 100; ++round) {
    for (int i = 0; i < 50; ++i) REQUIRE(arena.allocate(500) != nullptr);
    REQUIRE(arena.allocate(10'000) != nullptr);
    arena.clear();
    REQUIRE(arena.bytes_used() == 0);
  }
}

TEST_CASE("arena blocks are used again") {
  BlockPool pool;
  std::set<char*> first;
  for (int i = 0; i < 3; ++i) first.insert(pool.take());
  for (char* block : first) pool.give(block);
  std::set<char*> second;
  for (int i = 0; i < 3; ++i) second.insert(pool.take());
  CHECK(first == second);
  for (char* block : second) pool.give(block);
}
