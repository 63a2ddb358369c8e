// Result<T>: a value or the words that say why there is none. For start-up, configuration and loading; the data path has
// codes of its own (http::ParseError, upstream outcomes) that carry no strings.
#pragma once

#include <string>
#include <utility>
#include <variant>

#include "kernel/base/check.hpp"

namespace cleat {

struct Error {
  std::string text;
};

template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : value_(std::in_place_index<1>, std::move(error)) {}

  bool ok() const { return value_.index() == 0; }
  explicit operator bool() const { return ok(); }
  T& operator*() { return value(); }
  T* operator->() { return &value(); }
  T& value() {
    CLEAT_CHECK(ok());
    return std::get<0>(value_);
  }
  const std::string& error() const {
    CLEAT_CHECK(!ok());
    return std::get<1>(value_).text;
  }

 private:
  std::variant<T, Error> value_;
};

}  // namespace cleat
