// The vector scan against the scalar one.
#include "kernel/http/scan.hpp"

#include <catch2/catch_test_macros.hpp>
#include <random>
#include <string>

using cleat::http::detail::find_control;
using cleat::http::detail::find_control_scalar;

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
