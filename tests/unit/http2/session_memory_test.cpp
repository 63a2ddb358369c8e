#include "kernel/http2/session_memory.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <string>

using cleat::http2::SessionMemory;

namespace {

struct Session {
  Session() {
    nghttp2_session_callbacks* callbacks = nullptr;
    REQUIRE(nghttp2_session_callbacks_new(&callbacks) == 0);
    REQUIRE(nghttp2_session_server_new3(&session, callbacks, nullptr, nullptr, memory.functions()) == 0);
    nghttp2_session_callbacks_del(callbacks);
  }
  ~Session() { nghttp2_session_del(session); }
  const std::uint8_t* send(ssize_t expected) {
    const std::uint8_t* data = nullptr;
    REQUIRE(nghttp2_session_mem_send(session, &data) == expected);
    const std::uint8_t* more = nullptr;
    CHECK(nghttp2_session_mem_send(session, &more) == 0);
    return data;
  }
  SessionMemory memory;
  nghttp2_session* session = nullptr;
};

bool resident(const std::uint8_t* at) {
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  unsigned char there = 0;
  REQUIRE(::mincore(reinterpret_cast<void*>(reinterpret_cast<std::uintptr_t>(at) / page * page), page, &there) == 0);
  return (there & 1) != 0;
}

}  // namespace

TEST_CASE("a session that gave its frames' buffer back has none resident, and goes on") {
  constexpr ssize_t kPingBytes = 17;
  Session one;
  nghttp2_submit_settings(one.session, NGHTTP2_FLAG_NONE, nullptr, 0);
  const std::uint8_t* const frames = one.send(9);
  CHECK(resident(frames));
  one.memory.give_back();
  CHECK_FALSE(resident(frames));
  for (const std::string opaque : {"12345678", "abcdefgh"}) {
    nghttp2_submit_ping(one.session, NGHTTP2_FLAG_NONE, reinterpret_cast<const std::uint8_t*>(opaque.data()));
    const std::uint8_t* const ping = one.send(kPingBytes);
    CHECK(std::string(reinterpret_cast<const char*>(ping) + 9, 8) == opaque);
    one.memory.give_back();
  }
}
