// See static_reply.hpp.
#include "static_reply.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "playground.hpp"

namespace origin {
namespace {

bool is_token(std::string_view text) {  // RFC 9110 5.6.2
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

bool is_value(std::string_view text) {  // RFC 9110 5.5
  const auto blank = [](char c) { return c == ' ' || c == '\t'; };
  if (!text.empty() && (blank(text.front()) || blank(text.back()))) return false;
  return std::none_of(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f; });
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return text;
}

std::string made_body(std::uint64_t bytes) {
  std::string body;
  while (body.size() < bytes) body += pattern().substr(0, static_cast<std::size_t>(bytes - body.size()));
  return body;
}

}  // namespace

StaticReply::StaticReply(const cleat::Config& config)
    : path_(config.required<std::string>("path")),
      status_(config.get<std::uint32_t>("status", 200, {200, 599})),
      body_(config.get<std::string>("body", "")) {
  const cleat::Config body_bytes = config["body_bytes"];
  const std::string content_type = config.get<std::string>("content_type", "text/plain; charset=utf-8");
  if (!path_.starts_with('/') && config["path"]) config["path"].error("must begin with a slash");
  if (!is_value(content_type)) config["content_type"].error("not a header value");
  if (!content_type.empty()) fields_.emplace_back("content-type", content_type);
  read_headers(config["headers"]);
  if (body_bytes) {
    const std::uint64_t bytes = body_bytes.as<cleat::Bytes>().value;
    if (bytes > kBodyBytesMost) {
      body_bytes.error("must be at most 1GiB");
    } else if (config["body"]) {
      body_bytes.error("either `body` or `body_bytes`");
    } else if (bytes <= kReplyBytesMost) {
      body_ = made_body(bytes);
    } else {
      streamed_bytes_ = bytes;
      fields_.emplace_back("content-length", std::to_string(bytes));
    }
  }
  for (const auto& [name, value] : fields_) headers_.push_back({{name.data(), name.size()}, {value.data(), value.size()}});
}

void StaticReply::read_headers(const cleat::Config& headers) {
  if (!headers) return;
  if (!headers.is_map()) return headers.error("must be a map: name: value");
  constexpr std::array<std::string_view, 5> kOurs = {"content-length", "transfer-encoding", "connection", "host", "content-type"};
  for (const auto& [name, node] : headers.members()) {
    std::string value = node.as<std::string>();
    if (!is_token(name)) node.error("\"" + name + "\" is not a field name");
    else if (!is_value(value)) node.error("not a header value");
    else if (lower(name) == "content-type") node.error("belongs in content_type");
    else if (std::find(kOurs.begin(), kOurs.end(), lower(name)) != kOurs.end()) node.error("is set by the proxy");
    else fields_.emplace_back(name, std::move(value));
  }
}

}  // namespace origin
