// What a proxy adds to and takes from the messages it forwards, and the replies it makes itself. Called by the exchange; worker threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "kernel/base/arena.hpp"
#include "kernel/config/model.hpp"
#include "kernel/http/parse.hpp"

namespace cleat {
class Exchange;
}

namespace cleat::respond {

// Normalises the target and applies the listener's forward policy (Via, X-Forwarded-*, X-Request-Id) to the request, before any
// plugin sees it.
http::ParseError prepare_request(Exchange& x);
// The route's prefix and host rewrites; false if the result is no valid target.
bool rewrite_target(Exchange& x);
// Via towards downstream; Date and Content-Length for replies made here.
void prepare_response(Exchange& x, bool local);

void make_redirect(Exchange& x, const config::Redirect& redirect);
void make_direct_reply(Exchange& x, const config::DirectReply& reply);
// "403 Forbidden: the reason\n", in the arena.
std::string_view error_body(Arena& arena, std::uint16_t status, std::string_view reason);
void note_length(Exchange& x, std::size_t size);  // Content-Length of a body that a HEAD reply leaves out

}  // namespace cleat::respond
