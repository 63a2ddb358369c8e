#include "plugin_api/harness/src/text.hpp"

#include "kernel/http/message.hpp"
#include "plugin_api/harness/src/messages.hpp"

namespace cleat::kit {
namespace {

bool has(const cleat_header* headers, std::uint64_t count, std::string_view name) {
  for (std::uint64_t i = 0; i < count; ++i) {
    if (http::equal_names(to_view(headers[i].name), name)) return true;
  }
  return false;
}

bool framed(const cleat_header* headers, std::uint64_t count) {
  return has(headers, count, "content-length") || has(headers, count, "transfer-encoding");
}

}  // namespace

std::string field_lines(const cleat_header* headers, std::uint64_t count, bool with_end) {
  std::string lines;
  for (std::uint64_t i = 0; i < count; ++i) lines.append(to_view(headers[i].name)).append(": ").append(to_view(headers[i].value)).append("\r\n");
  if (with_end && !lines.empty()) lines += "\r\n";
  return lines;
}

std::string request_head(const cleat_harness_request& request, bool body_follows) {
  std::string head(request.method.size == 0 ? "GET" : to_view(request.method));
  head.append(" ").append(request.target.size == 0 ? "/" : to_view(request.target)).append(" HTTP/1.1\r\n");
  if (request.authority.data == nullptr) {
    if (!has(request.headers, request.header_count, "host")) head += "Host: example.org\r\n";
  } else if (request.authority.size != 0) {
    head.append("Host: ").append(to_view(request.authority)).append("\r\n");
  }
  head += field_lines(request.headers, request.header_count, false);
  if (!framed(request.headers, request.header_count)) {
    if (body_follows) {
      head += request.content_length != 0 ? "Content-Length: " + std::to_string(request.content_length) + "\r\n" : "Transfer-Encoding: chunked\r\n";
    } else if (request.body.size != 0) {
      head += "Content-Length: " + std::to_string(request.body.size) + "\r\n";
    }
  }
  return head + "\r\n";
}

std::string response_head(const cleat_harness_answer& answer, bool body_follows) {
  std::string head = "HTTP/1.1 " + std::to_string(answer.status) + " \r\n" + field_lines(answer.headers, answer.header_count, false);
  const bool bodiless = answer.status < 200 || answer.status == 204 || answer.status == 304;
  if (!bodiless && !framed(answer.headers, answer.header_count)) {
    head += body_follows ? "Transfer-Encoding: chunked\r\n" : "Content-Length: " + std::to_string(answer.body.size) + "\r\n";
  }
  return head + "\r\n";
}

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    if (end != 0) words.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return words;
}

std::vector<std::pair<std::string, std::string>> pairs_of(std::string_view text) {
  std::vector<std::pair<std::string, std::string>> pairs;
  while (!text.empty()) {
    const std::string_view one = text.substr(0, text.find(','));
    const std::size_t equals = std::min(one.find('='), one.size());
    pairs.emplace_back(one.substr(0, equals), one.substr(std::min(equals + 1, one.size())));
    text.remove_prefix(std::min(one.size() + 1, text.size()));
  }
  return pairs;
}

}  // namespace cleat::kit
