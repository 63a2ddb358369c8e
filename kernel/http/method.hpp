// What methods promise.
#pragma once

#include <string_view>

namespace cleat::http {

inline bool idempotent(std::string_view method) {  // RFC 9110 9.2.2
  return method == "GET" || method == "HEAD" || method == "PUT" || method == "DELETE" || method == "OPTIONS" || method == "TRACE";
}

inline bool expects_content(std::string_view method) {  // then no content is said aloud (RFC 9110 8.6)
  return method == "POST" || method == "PUT" || method == "PATCH";
}

}  // namespace cleat::http
