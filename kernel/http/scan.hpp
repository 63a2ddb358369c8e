// The searches, many bytes at a time, that the head scans stand on. Everything structural in a head (CR, LF) and everything forbidden
// in one (NUL and the others) is a control character. Private to http/; the scalar form is named for the tests.
#pragma once

#include <cstddef>

namespace cleat::http::detail {

// The position in [from, to) of the first byte that is below 0x20 and not HTAB, or is DEL; `to` if there is none.
std::size_t find_control(const char* data, std::size_t from, std::size_t to);
std::size_t find_control_scalar(const char* data, std::size_t from, std::size_t to);

// Past some of the letters, digits and hyphens at `from`: all that most names are of. What follows is to be looked at byte by byte.
std::size_t skip_usual_name(const char* data, std::size_t from, std::size_t to);

}  // namespace cleat::http::detail
