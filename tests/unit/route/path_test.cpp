#include "kernel/route/path.hpp"

#include <catch2/catch_test_macros.hpp>
#include <string>

namespace {

using cleat::config::PathPolicy;
using cleat::config::SlashPolicy;

constexpr PathPolicy kDefault{};
constexpr PathPolicy kNoMerge{false, SlashPolicy::kKeep};
constexpr PathPolicy kDecode{true, SlashPolicy::kDecode};
constexpr PathPolicy kReject{true, SlashPolicy::kReject};

// The normalised target, or "! reason". Also normalises twice, which must change nothing.
std::string normal(const std::string& target, const PathPolicy& policy = kDefault) {
  cleat::BlockPool pool;
  cleat::Arena arena(pool);
  const auto once = cleat::route::normalise_target(target, policy, arena);
  if (!once.ok) return std::string("! ") + once.reason;
  const auto twice = cleat::route::normalise_target(once.target, policy, arena);
  CHECK(twice.ok);
  CHECK(twice.target == once.target);
  if (once.target == target) CHECK(once.target.data() == target.data());
  return std::string(once.target);
}

}  // namespace

TEST_CASE("paths in normal form are returned as they are, without a copy") {
  for (const char* path :
       {"/", "/a", "/a/b/", "/a.b/c..d/...", "/.well-known/x", "/?a=%zz/../..", "/a%20b", "/a%2Fb", "/a;b=c"}) {
    CHECK(normal(path) == path);
  }
}

TEST_CASE("triplets of unreserved characters are decoded and the others made upper case") {
  CHECK(normal("/%61%7e%2D%5f%2e%41%30") == "/a~-_.A0");
  CHECK(normal("/%c3%a9%2b%3f%23%25") == "/%C3%A9%2B%3F%23%25");
  CHECK(normal("/%2541") == "/%2541");
  CHECK(normal("/%61?%61") == "/a?%61");
}

TEST_CASE("dot segments are removed, also encoded ones") {
  CHECK(normal("/a/./b") == "/a/b");
  CHECK(normal("/a/../b") == "/b");
  CHECK(normal("/a/b/..") == "/a/");
  CHECK(normal("/a/b/.") == "/a/b/");
  CHECK(normal("/.") == "/");
  CHECK(normal("/a/..") == "/");
  CHECK(normal("/a/%2e%2E/b/%2e") == "/b/");
  CHECK(normal("/a/.%2e/b") == "/b");
  CHECK(normal("/a/b/../../c?x=/../y") == "/c?x=/../y");
}

TEST_CASE("what climbs above the root or hides a climb is refused") {
  for (const char* path : {"/..", "/../a", "/a/../..", "/a/../../b", "/%2e%2e/a", "/./../a"}) {
    CHECK(normal(path) == "! path climbs above the root");
  }
  for (const char* path : {"/a/..%2fb", "/a/b%2F..%2fc", "/a%2f..", "/a/..%5Cb", "/a/%2e%2e%2fb", "/..%2f"}) {
    CHECK(normal(path) == "! dot segment behind an escaped slash");
  }
  for (const char* path : {"/a/..;/b", "/a/..;x=y/b", "/a/.;/b", "/a/%2e.;/b"}) {
    CHECK(normal(path) == "! dot segment with parameters");
  }
  CHECK(normal("/a%2f..b") == "/a%2F..b");
  CHECK(normal("/a%2f...") == "/a%2F...");
}

TEST_CASE("slashes are merged by policy") {
  CHECK(normal("//") == "/");
  CHECK(normal("//a///b//") == "/a/b/");
  CHECK(normal("/a//../b") == "/b");
  CHECK(normal("/a//?b//c") == "/a/?b//c");
  CHECK(normal("//", kNoMerge) == "//");
  CHECK(normal("//a///b//", kNoMerge) == "//a///b//");
  CHECK(normal("/a//../b", kNoMerge) == "/a/b");
  CHECK(normal("//..", kNoMerge) == "/");
  CHECK(normal("//../..", kNoMerge) == "! path climbs above the root");
}

TEST_CASE("escaped slashes are kept, decoded or refused by policy") {
  CHECK(normal("/a%2fb%5cc") == "/a%2Fb%5Cc");
  CHECK(normal("/a%2fb", kDecode) == "/a/b");
  CHECK(normal("/a%2f%2Fb%2f", kDecode) == "/a/b/");
  CHECK(normal("/a%2f..%2fb", kDecode) == "/b");
  CHECK(normal("/..%2fb", kDecode) == "! path climbs above the root");
  CHECK(normal("/a%5cb", kDecode) == "/a%5Cb");
  CHECK(normal("/a/..%5cb", kDecode) == "! dot segment behind an escaped slash");
  CHECK(normal("/a%2fb", kReject) == "! escaped slash in path");
  CHECK(normal("/a%5Cb", kReject) == "! escaped slash in path");
  CHECK(normal("/a?b%2fc", kReject) == "/a?b%2fc");
}

TEST_CASE("NUL, bad triplets and what is no path are refused") {
  CHECK(normal("/a%00") == "! NUL in path");
  CHECK(normal("/a%") == "! malformed percent-triplet");
  CHECK(normal("/a%4") == "! malformed percent-triplet");
  CHECK(normal("/a%4x") == "! malformed percent-triplet");
  CHECK(normal("/a%4?") == "! malformed percent-triplet");
  CHECK(normal("") == "! not an absolute path");
  CHECK(normal("*") == "! not an absolute path");
  CHECK(normal("a:80") == "! not an absolute path");
}

TEST_CASE("a path larger than its memory is refused") {
  cleat::BlockPool pool;
  cleat::Arena arena(pool, 4096);
  const auto result = cleat::route::normalise_target("/a//" + std::string(8000, 'a'), kDefault, arena);
  CHECK_FALSE(result.ok);
  CHECK(std::string(result.reason) == "path exceeds its memory");
}
