// The two ways that a head's fields are cut, compared: what the short way takes, llhttp must take, and cut alike.
#pragma once

#include <string_view>

#include "kernel/base/check.hpp"
#include "kernel/http/head.hpp"

namespace cleat::fuzz {

// REQUIRES: the head's first line was found well-formed.
inline void check_two_ways(std::string_view head, bool request, const http::HeadLimits& limits) {
  BlockPool pool;
  Arena arena(pool, 128 * 1024);
  http::Fields plain, judged;
  const std::size_t first_line = head.find("\r\n");
  if (!http::detail::read_plain(head, first_line, request, limits, arena, plain)) return;
  CLEAT_CHECK(!http::detail::judge(head, first_line, request, limits, arena, judged));
  CLEAT_CHECK(plain.size() == judged.size());
  for (std::uint32_t i = 0; i < plain.size(); ++i) {
    CLEAT_CHECK(plain[i].name == judged[i].name && plain[i].value == judged[i].value);
    CLEAT_CHECK(plain[i].known == judged[i].known && plain[i].hop == judged[i].hop);
  }
}

}  // namespace cleat::fuzz
