// The vector scans against scalar ones.
#include "kernel/http/scan.hpp"

#include <catch2/catch_test_macros.hpp>
#include <random>
#include <string>
#include <string_view>

using cleat::http::detail::find_control;
using cleat::http::detail::find_control_scalar;
using cleat::http::detail::skip_usual_name;

TEST_CASE("vector scan and scalar scan agree on every byte at every position") {
  std::string text(70, 'a');
  for (std::size_t at = 0; at < text.size(); ++at) {
    for (int byte = 0; byte < 256; ++byte) {
      text[at] = static_cast<char>(byte);
      const std::size_t found = find_control(text.data(), 0, text.size());
      const bool control = (byte < 0x20 && byte != '\t') || byte == 0x7f;
      if (found != (control ? at : text.size()) || found != find_control_scalar(text.data(), 0, text.size())) {
        CAPTURE(at, byte, found);
        FAIL("they disagree");
      }
    }
    text[at] = 'a';
  }
}

TEST_CASE("vector scan and scalar scan agree on random text and ranges") {
  std::mt19937 random(7);
  for (int round = 0; round < 20'000; ++round) {
    std::string text(random() % 80, ' ');
    for (char& c : text) c = random() % 24 == 0 ? static_cast<char>(random() % 256) : static_cast<char>(0x20 + random() % 95);
    const std::size_t to = text.empty() ? 0 : random() % (text.size() + 1);
    const std::size_t from = to == 0 ? 0 : random() % (to + 1);
    if (find_control(text.data(), from, to) != find_control_scalar(text.data(), from, to)) {
      CAPTURE(text, from, to);
      FAIL("they disagree");
    }
  }
}

TEST_CASE("what is skipped of a name ends at the first byte that is no letter, digit or hyphen, wherever it stands") {
  const std::string_view usual = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-";
  std::string text(70, 'a');
  for (std::size_t at = 0; at < text.size(); ++at) {
    for (int byte = 0; byte < 256; ++byte) {
      text[at] = static_cast<char>(byte);
      const std::size_t found = skip_usual_name(text.data(), 3, text.size());
      const bool passes = at < 3 || usual.find(text[at]) != std::string_view::npos;
      // It may stop early, where too few bytes are left to look at many, and without vectors at once.
      if (found < 3 || found > (passes ? text.size() : at) || (!passes && found % 16 != 3 && found != at)) {
        CAPTURE(at, byte, found);
        FAIL("past what it may skip");
      }
    }
    text[at] = 'a';
  }
}
