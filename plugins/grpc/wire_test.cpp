#include "wire.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace std::chrono_literals;

TEST_CASE("gRPC is known by its content type, and gRPC-Web is not it") {
  CHECK(grpc::is_grpc("application/grpc"));
  CHECK(grpc::is_grpc("Application/gRPC+proto"));
  CHECK(grpc::is_grpc("application/grpc;charset=utf-8"));
  CHECK_FALSE(grpc::is_grpc("application/grpc-web"));
  CHECK_FALSE(grpc::is_grpc("application/grp"));
  CHECK_FALSE(grpc::is_grpc("application/grpcx"));
  CHECK_FALSE(grpc::is_grpc(""));
}

TEST_CASE("grpc-timeout has up to eight digits and one unit") {
  CHECK(grpc::parse_timeout("1H") == 3'600'000ms);
  CHECK(grpc::parse_timeout("2M") == 120'000ms);
  CHECK(grpc::parse_timeout("99999999S") == 99'999'999'000ms);
  CHECK(grpc::parse_timeout("250m") == 250ms);
  CHECK(grpc::parse_timeout("1500u") == 2ms);
  CHECK(grpc::parse_timeout("1n") == 1ms);
  CHECK(grpc::parse_timeout("0m") == 0ms);
  for (const char* bad : {"", "m", "5", "5x", "-5m", "+5m", " 5m", "5 m", "5.0S", "123456789m", "5ms"}) {
    INFO(bad);
    CHECK_FALSE(grpc::parse_timeout(bad));
  }
}

TEST_CASE("a status that has no name is UNKNOWN, and what is no number is none") {
  CHECK(grpc::parse_status("0") == 0u);
  CHECK(grpc::parse_status("16") == 16u);
  CHECK(grpc::parse_status("17") == 2u);
  CHECK_FALSE(grpc::parse_status(""));
  CHECK_FALSE(grpc::parse_status("OK"));
  CHECK(grpc::name_of(4) == "DEADLINE_EXCEEDED");
  CHECK(grpc::name_of(99) == "UNKNOWN");
}

TEST_CASE("replies made here get the code that gRPC's mapping gives their HTTP status") {
  CHECK(grpc::code_of_reply(401, "plugin_reply") == grpc::kUnauthenticated);
  CHECK(grpc::code_of_reply(403, "plugin_reply") == grpc::kPermissionDenied);
  CHECK(grpc::code_of_reply(404, "no_route") == grpc::kUnimplemented);
  CHECK(grpc::code_of_reply(503, "connect_failed") == grpc::kUnavailable);
  CHECK(grpc::code_of_reply(504, "body_timeout") == grpc::kUnavailable);
  CHECK(grpc::code_of_reply(504, "request_timeout") == grpc::kDeadlineExceeded);
  CHECK(grpc::code_of_reply(418, "") == grpc::kUnknown);
}

TEST_CASE("messages are percent-encoded byte by byte") {
  CHECK(grpc::encode_message("plain text") == "plain text");
  CHECK(grpc::encode_message("100%\r\n\xc3\xbc") == "100%25%0D%0A%C3%BC");
}
