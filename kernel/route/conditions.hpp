// What a route asks of a request beyond what the router's tables answer: methods, header fields, query parameters, and paths
// that cannot be looked up. Built with the router, then read by any thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/config/model.hpp"
#include "kernel/http/message.hpp"

namespace re2 {
class RE2;
}

namespace cleat::route {

struct Request {
  const http::RequestHead& head;
  std::string_view path;   // head.target up to '?'
  std::string_view query;  // after it
};

// True if `path` is `prefix` or goes on with a segment of its own; a prefix that ends in '/' wants that slash.
bool has_prefix(std::string_view path, std::string_view prefix);

class Conditions {
 public:
  Conditions() = default;
  // `path_too`: the path is to be checked here. Regular expressions that do not compile are errors, and then never match.
  Conditions(const config::Match& match, bool path_too, config::Diagnostics& diagnostics);

  bool empty() const { return methods_.empty() && headers_.empty() && query_.empty() && !has_path_; }
  bool hold(const Request& request) const;

 private:
  struct Text {
    config::TextMatch::Kind kind = config::TextMatch::Kind::kPresent;
    std::string value;
    std::shared_ptr<const re2::RE2> pattern;
    bool holds(std::string_view text) const;
  };
  struct Field {
    std::string name;
    Text text;
    bool invert = false;
  };
  static std::vector<Field> make_fields(const std::vector<config::FieldMatch>& matches, config::Diagnostics& diagnostics);
  static bool holds_in_fields(const Field& wanted, const http::Fields& fields);
  static bool holds_in_query(const Field& wanted, std::string_view query);

  bool has_path_ = false;
  Text path_;  // kPrefix here is by segments
  std::vector<std::string> methods_;
  std::vector<Field> headers_;
  std::vector<Field> query_;
};

}  // namespace cleat::route
