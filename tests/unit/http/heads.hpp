// For the tests of http/: a head scanned and parsed in one step, with the memory it points into.
#pragma once

#include <string>
#include <string_view>

#include "kernel/http/parse.hpp"

namespace cleat::test {

struct Memory {
  BlockPool pool;
  Arena arena{pool};
};

// The scan of `text` when it arrives in two pieces, cut at `cut`.
template <class Scan>
http::HeadScan scan_split(Scan scan, std::string_view text, std::size_t cut, const http::HeadLimits& limits) {
  const http::HeadScan first = scan(text.substr(0, cut), 0, limits);
  if (first.error || first.size != 0) return first;
  return scan(text, cut, limits);
}

// "" where nothing is wrong, else "<status> <reason>". An incomplete head is "incomplete".
inline std::string describe(const http::ParseError& error) {
  return error ? std::to_string(error.status) + " " + error.reason : "";
}

struct Request : Memory {
  explicit Request(std::string bytes, const http::HeadLimits& limits = {}) : text(std::move(bytes)) {
    const http::HeadScan scan = http::scan_request_head(text, 0, limits);
    if (scan.error) {
      verdict = describe(scan.error);
    } else if (scan.size == 0) {
      verdict = "incomplete";
    } else {
      verdict = describe(
          http::parse_request_head(std::string_view(text).substr(scan.skip, scan.size), limits, arena, head));
    }
  }
  std::string text;
  std::string verdict;
  http::RequestHead head;
};

struct Response : Memory {
  explicit Response(std::string bytes, std::string_view method = "GET", const http::HeadLimits& limits = {})
      : text(std::move(bytes)) {
    const http::HeadScan scan = http::scan_response_head(text, 0, limits);
    if (scan.error) {
      verdict = describe(scan.error);
    } else if (scan.size == 0) {
      verdict = "incomplete";
    } else {
      verdict = describe(
          http::parse_response_head(std::string_view(text).substr(0, scan.size), method, limits, arena, head));
    }
  }
  std::string text;
  std::string verdict;
  http::ResponseHead head;
};

}  // namespace cleat::test
