#include "endpoint_list.hpp"

#include <catch2/catch_test_macros.hpp>

#include "folder.hpp"

using file_source::Kind;
using file_source::Named;

TEST_CASE("a line is an address, perhaps with a weight and a word about its health") {
  std::string error;
  const auto list = file_source::parse_endpoints("# all of them\n127.0.0.1:80\n\n[::1]:81 weight=3 # heavy\r\n10.0.0.1:82 unhealthy weight=65535", error);
  CHECK(error.empty());
  CHECK(list == std::vector<file_source::ListedEndpoint>{{"127.0.0.1:80"}, {"[::1]:81", 3}, {"10.0.0.1:82", 65'535, false}});
  CHECK(file_source::parse_endpoints("", error).empty());
  CHECK(error.empty());
}

TEST_CASE("a mistake is told with its line, and nothing is taken") {
  std::string error;
  for (const char* bad : {"a:1\nb:2 wieght=3", "a:1\nb:2 weight=0", "a:1\nb:2 weight=65536", "a:1\nb:2 weight=x", "a:1\nb:2 weight="}) {
    CHECK(file_source::parse_endpoints(bad, error).empty());
    CHECK(error.starts_with("2: "));
  }
}

TEST_CASE("names of files say what they are") {
  file_source::ResourceKey key;
  std::string error;
  CHECK(file_source::read_name("cluster.a.b.yaml", key, error) == Named::kResource);
  CHECK(key == file_source::ResourceKey{Kind::kCluster, "a.b"});
  CHECK(file_source::read_name("route_table.web.json", key, error) == Named::kResource);
  CHECK(file_source::read_name("endpoints.app.txt", key, error) == Named::kResource);
  for (const char* other : {"", ".cluster.a.yaml", "..data", "notes.txt", "cluster.a.yaml~", "cluster.a.yaml.swp", "README"}) {
    CHECK(file_source::read_name(other, key, error) == Named::kOther);
  }
  for (const char* wrong : {"clusters.a.yaml", "cluster.yaml", "endpoints.app.yaml", "a.yaml"}) {
    CHECK(file_source::read_name(wrong, key, error) == Named::kWrong);
    CHECK(error.starts_with(wrong));
  }
}
