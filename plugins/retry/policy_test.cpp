// The decisions that need no exchange: which ends are retried, how long the wait may be, what Retry-After says.
#include "policy.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace retry;
using namespace std::chrono_literals;

namespace {

Policy only(std::initializer_list<Reason> reasons) {
  Policy policy = Policy::defaults();
  policy.on = 0;
  for (const Reason reason : reasons) policy.on |= 1u << static_cast<unsigned>(reason);
  return policy;
}

const Policy kAll = only({Reason::kConnectFailure, Reason::kReset, Reason::kTimeout, Reason::kThrottled, Reason::kGatewayError, Reason::k5xx});

}  // namespace

TEST_CASE("by default only what an upstream certainly did not answer is retried") {
  const Policy policy = Policy::defaults();
  CHECK(policy.classify(CLEAT_END_CONNECT_FAILED, 0) == Reason::kConnectFailure);
  CHECK(policy.classify(CLEAT_END_CONNECT_TIMEOUT, 0) == Reason::kConnectFailure);
  CHECK(policy.classify(CLEAT_END_RESET, 0) == Reason::kReset);
  CHECK(policy.classify(CLEAT_END_MALFORMED, 0) == Reason::kReset);
  CHECK(policy.classify(CLEAT_END_TIMEOUT, 0) == Reason::kTimeout);
  for (const std::uint32_t status : {502, 503, 504}) CHECK(policy.classify(CLEAT_END_RESPONSE, status) == Reason::kGatewayError);
  for (const std::uint32_t status : {200, 301, 404, 429, 500, 501, 505, 599}) CHECK_FALSE(policy.classify(CLEAT_END_RESPONSE, status));
}

TEST_CASE("no endpoint and a full cluster are never retried") {
  CHECK_FALSE(kAll.classify(CLEAT_END_NO_ENDPOINT, 0));
  CHECK_FALSE(kAll.classify(CLEAT_END_OVERFLOW, 0));
  CHECK_FALSE(kAll.classify(99, 0));
}

TEST_CASE("a status has its most specific reason, of those asked for") {
  CHECK(kAll.classify(CLEAT_END_RESPONSE, 429) == Reason::kThrottled);
  CHECK(kAll.classify(CLEAT_END_RESPONSE, 503) == Reason::kThrottled);
  CHECK(kAll.classify(CLEAT_END_RESPONSE, 502) == Reason::kGatewayError);
  CHECK(kAll.classify(CLEAT_END_RESPONSE, 500) == Reason::k5xx);
  CHECK(only({Reason::k5xx}).classify(CLEAT_END_RESPONSE, 503) == Reason::k5xx);
  CHECK_FALSE(only({Reason::k5xx}).classify(CLEAT_END_RESPONSE, 429));
  CHECK_FALSE(only({Reason::kThrottled}).classify(CLEAT_END_RESPONSE, 502));
  CHECK_FALSE(kAll.classify(CLEAT_END_RESPONSE, 430));
  CHECK_FALSE(kAll.classify(CLEAT_END_RESPONSE, 600));
}

TEST_CASE("methods are idempotent ones by default, and compare exactly") {
  Policy policy = Policy::defaults();
  for (const char* method : {"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"}) CHECK(policy.allows_method(method));
  for (const char* method : {"POST", "PATCH", "CONNECT", "get", ""}) CHECK_FALSE(policy.allows_method(method));
  policy.methods = {"*"};
  CHECK(policy.allows_method("POST"));
}

TEST_CASE("the bound of the wait doubles up to its maximum") {
  Policy policy;
  CHECK(policy.backoff_bound(2) == 25ms);
  CHECK(policy.backoff_bound(3) == 50ms);
  CHECK(policy.backoff_bound(5) == 200ms);
  CHECK(policy.backoff_bound(6) == 250ms);
  CHECK(policy.backoff_bound(1000000) == 250ms);
  policy.backoff_base = 0ms;
  CHECK(policy.backoff_bound(1000) == 0ms);
}

TEST_CASE("Retry-After is seconds or a date") {
  using namespace std::chrono;
  const auto now = system_clock::time_point(sys_days(1994y / 11 / 6) + 8h + 49min + 30s);
  CHECK(parse_retry_after("0", now) == 0ms);
  CHECK(parse_retry_after("120", now) == 120s);
  CHECK(parse_retry_after("99999999999999999999999", now) == 365 * 24h);
  CHECK(parse_retry_after("Sun, 06 Nov 1994 08:49:37 GMT", now) == 7s);
  CHECK(parse_retry_after("Sun, 06 Nov 1994 08:49:00 GMT", now) == 0ms);
  for (const char* wrong : {"", "-1", "+1", "1.5", "soon", "1 ", "Sun, 06 Nov 1994 08:49:37", "Sun, 32 Nov 1994 08:49:37 GMT", "Sun, 30 Feb 1994 08:49:37 GMT",
                            "Sun, 06 Nov 1994 24:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun, -6 Nov 1994 08:49:37 GMT"}) {
    CHECK_FALSE(parse_retry_after(wrong, now));
  }
}
