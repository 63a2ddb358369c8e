// Compiling values: what is accepted, what is refused, and in which words. What values come to in a running proxy:
// tests/e2e/test_header_rewrite.py.
#include "value.hpp"

#include <catch2/catch_test_macros.hpp>

using header_rewrite::is_field_name;
using header_rewrite::is_field_value;
using header_rewrite::Stage;
using header_rewrite::Value;

namespace {

std::string error_of(std::string_view text, Stage stage = Stage::kResponse) {
  std::string error;
  const auto value = Value::compile(text, stage, error);
  CHECK(value.has_value() == error.empty());
  return error;
}

std::string rendered(std::string_view text) {
  std::string error;
  char scratch[64];
  const auto value = Value::compile(text, Stage::kRequest, error);
  REQUIRE(value);
  const auto whole = value->render(cleat::Exchange(0), scratch);
  REQUIRE(whole);
  return std::string(*whole);
}

}  // namespace

TEST_CASE("a value without substitutions is itself, and fixed") {
  CHECK(rendered("") == "");
  CHECK(rendered("no-store, max-age=0") == "no-store, max-age=0");
  CHECK(rendered("100%%") == "100%");
  CHECK(rendered("%%{route}") == "%{route}");
  std::string error;
  CHECK(Value::compile("a%%b", Stage::kRequest, error)->fixed());
  CHECK_FALSE(Value::compile("%{route}", Stage::kRequest, error)->fixed());
}

TEST_CASE("what is not known at run time is empty, and leaves no blank at an end") {
  // There is no host in this program: every attribute is unknown.
  CHECK(rendered("%{route}") == "");
  CHECK(rendered("by %{source_address}") == "by");
  CHECK(rendered("a %{connection_id} b") == "a  b");
}

TEST_CASE("a value longer than its scratch memory is refused, not cut") {
  std::string error;
  char scratch[8];
  CHECK_FALSE(Value::compile("123456789%{route}", Stage::kRequest, error)->render(cleat::Exchange(0), scratch));
  CHECK(Value::compile("12345678%{route}", Stage::kRequest, error)->render(cleat::Exchange(0), scratch) == "12345678");
}

TEST_CASE("unknown and misplaced names are refused in words") {
  CHECK(error_of("%{sauce_address}") == "%{sauce_address} is not known");
  CHECK(error_of("%{}") == "%{} is not known");
  CHECK(error_of("%{route") == "\"%{\" without \"}\"");
  CHECK(error_of("50%") == "a lone \"%\": write \"%%\" for a percent sign");
  CHECK(error_of("%{route}", Stage::kBeforeRoute) == "%{route} is not known before the route is chosen");
  CHECK(error_of("%{status}", Stage::kRequest) == "%{status} is not known before the response");
  CHECK(error_of("%{endpoint}", Stage::kRequest) == "%{endpoint} is not known before the response");
  CHECK(error_of("%{response_header.etag}", Stage::kRequest) == "%{response_header.etag}: there is no response yet");
  CHECK(error_of("%{request_header.a b}") == "%{request_header.a b}: not a header's name");
  CHECK_FALSE(error_of("%{metadata.Api-Key}").empty());
}

TEST_CASE("every documented name is accepted in a response") {
  for (const char* name : {"source_address", "source_ip", "destination_address", "listener", "protocol", "request_id", "original_target",
                           "original_host", "route", "cluster", "endpoint", "reply_flag", "reply_reason", "reply_by", "start_unix_us",
                           "duration_us", "attempts", "connection_id", "connection_requests", "generation", "method", "scheme", "authority",
                           "target", "path", "query", "status", "request_header.user-agent", "response_header.etag", "metadata.api_key.owner"}) {
    CHECK(error_of("%{" + std::string(name) + "}") == "");
  }
}

TEST_CASE("control characters never get into a value") {
  for (const char* text : {"a\r\nb", "a\nb: c", "\x01", " a", "a\t", "a\x7f"}) CHECK_FALSE(error_of(text).empty());
  CHECK_FALSE(error_of("%{route}\r\nx: y").empty());
  CHECK(error_of("caf\xc3\xa9") == "");
  CHECK(is_field_value("a\tb"));
}

TEST_CASE("names are tokens") {
  CHECK(is_field_name("X-Forwarded_For.1"));
  for (const char* name : {"", "a b", "a:", "a\n", "caf\xc3\xa9"}) CHECK_FALSE(is_field_name(name));
  CHECK_FALSE(is_field_name(std::string_view("a\0b", 3)));
}
