#include "kernel/route/conditions.hpp"

#include <re2/re2.h>

#include <algorithm>

#include "kernel/config/pattern.hpp"

namespace cleat::route {

using config::TextMatch;

bool has_prefix(std::string_view path, std::string_view prefix) {
  return path.starts_with(prefix) && (prefix.ends_with('/') || path.size() == prefix.size() || path[prefix.size()] == '/');
}

namespace {

std::shared_ptr<const re2::RE2> compile(const std::string& pattern, const config::Node* node, config::Diagnostics& diagnostics) {
  auto made = config::make_pattern(pattern);
  if (made) return std::move(*made);
  if (node != nullptr) {
    diagnostics.error(*node, made.error());
  } else {
    diagnostics.error(config::Position{}, "", made.error());
  }
  return nullptr;
}

}  // namespace

Conditions::Conditions(const config::Match& match, bool path_too, config::Diagnostics& diagnostics)
    : has_path_(path_too), methods_(match.methods), headers_(make_fields(match.headers, diagnostics)),
      query_(make_fields(match.query, diagnostics)) {
  if (!path_too) return;
  path_.value = match.path;
  path_.kind = TextMatch::Kind::kPrefix;
  if (match.path_kind == config::Match::Path::kRegex) {
    path_.kind = TextMatch::Kind::kRegex;
    path_.pattern = compile(match.path, match.path_node, diagnostics);
  }
}

std::vector<Conditions::Field> Conditions::make_fields(const std::vector<config::FieldMatch>& matches,
                                                       config::Diagnostics& diagnostics) {
  std::vector<Field> fields;
  for (const config::FieldMatch& match : matches) {
    Field field{match.name, {match.match.kind, match.match.value, nullptr}, match.invert};
    if (match.match.kind == TextMatch::Kind::kRegex) {
      field.text.pattern = compile(match.match.value, match.match.node, diagnostics);
    }
    fields.push_back(std::move(field));
  }
  return fields;
}

bool Conditions::hold(const Request& request) const {
  if (!methods_.empty() && std::find(methods_.begin(), methods_.end(), request.head.method) == methods_.end()) return false;
  if (has_path_) {
    const bool prefix = path_.kind == TextMatch::Kind::kPrefix;
    if (!(prefix ? has_prefix(request.path, path_.value) : path_.holds(request.path))) return false;
  }
  for (const Field& field : headers_) {
    if (holds_in_fields(field, request.head.fields) == field.invert) return false;
  }
  for (const Field& field : query_) {
    if (holds_in_query(field, request.query) == field.invert) return false;
  }
  return true;
}

bool Conditions::Text::holds(std::string_view text) const {
  switch (kind) {
    case TextMatch::Kind::kPresent: return true;
    case TextMatch::Kind::kExact: return text == value;
    case TextMatch::Kind::kPrefix: return text.starts_with(value);
    case TextMatch::Kind::kRegex:
      return pattern != nullptr && re2::RE2::FullMatch(re2::StringPiece(text.data(), text.size()), *pattern);
  }
  return false;
}

bool Conditions::holds_in_fields(const Field& wanted, const http::Fields& fields) {
  for (const http::Field& field : fields) {
    if (http::equal_names(field.name, wanted.name) && wanted.text.holds(field.value)) return true;
  }
  return false;
}

bool Conditions::holds_in_query(const Field& wanted, std::string_view query) {
  while (!query.empty()) {
    const std::string_view parameter = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(parameter.size() + 1, query.size()));
    const std::size_t equals = std::min(parameter.find('='), parameter.size());
    if (parameter.substr(0, equals) != wanted.name) continue;
    if (wanted.text.holds(parameter.substr(std::min(equals + 1, parameter.size())))) return true;
  }
  return false;
}

}  // namespace cleat::route
