// WebSocket over HTTP/2 (RFC 8441) as the upgrade that everything behind the wire knows (RFC 6455 4): the key that only HTTP/1.1 has is
// made here, and what the endpoint answers to it is checked.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "kernel/base/arena.hpp"
#include "kernel/http/message.hpp"

namespace cleat::http2 {

// What answers Sec-WebSocket-Key (RFC 6455 4.2.2). Empty: the arena is full.
std::string_view websocket_accept(Arena& arena, std::string_view key);

// Makes GET with Upgrade of an extended CONNECT that is complete otherwise. What Sec-WebSocket-Accept must be; empty: the arena is full.
std::string_view make_upgrade(Arena& arena, http::RequestHead& head, const std::array<std::uint64_t, 2>& random);

// The 200 that the 101 is for the client, without the field that answered the key. False: it did not answer it.
bool make_connect_response(http::ResponseHead& head, std::string_view accept);

}  // namespace cleat::http2
