#include "kernel/describe.hpp"

#include <catch2/catch_test_macros.hpp>

using cleat::redacted;

TEST_CASE("redacted hides what its key calls a secret, and leaves the rest") {
  CHECK(redacted(R"({"a":1,"api_key":"abc","Password":5,"on":true,"tokens":["x","y"]})") ==
        R"({"a":1,"api_key":"[redacted]","Password":"[redacted]","on":true,"tokens":"[redacted]"})");
  CHECK(redacted(R"({"secrets":{"db":{"user":"u"}},"list":[{"client_secret":"x"}]})") ==
        R"({"secrets":"[redacted]","list":[{"client_secret":"[redacted]"}]})");
  CHECK(redacted(R"({"use_token":true,"key":null})") == R"({"use_token":true,"key":null})");
}

TEST_CASE("redacted hides the values of fields that carry credentials") {
  CHECK(redacted(R"({"set":{"Authorization":"Basic dTpw","x-a":"b"}})") == R"({"set":{"Authorization":"[redacted]","x-a":"b"}})");
  CHECK(redacted(R"([{"name":"x-api-key","exact":"abc","invert":false}])") == R"([{"name":"x-api-key","exact":"[redacted]","invert":false}])");
  CHECK(redacted(R"([{"name":"x-team","exact":"abc"}])") == R"([{"name":"x-team","exact":"abc"}])");
}

TEST_CASE("redacted hides who logs in by a URL") {
  CHECK(redacted(R"({"url":"redis://me:pw@host:1/x","other":"http://host/a@b","plain":"me:pw@host"})") ==
        R"({"url":"redis://[redacted]@host:1/x","other":"http://host/a@b","plain":"me:pw@host"})");
}

TEST_CASE("redacted makes nothing of what is no JSON") { CHECK(redacted("{") == "null"); }

TEST_CASE("describe has nothing to say where no server runs") {
  CHECK_FALSE(cleat::describe("server").has_value());
  CHECK_FALSE(cleat::describe("no such topic").has_value());
}
