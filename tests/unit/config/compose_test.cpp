// The file and the resources of sources as one configuration: what fits, what does not, and whose fault that is.
#include "kernel/config/compose.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "tests/unit/config/certificates.hpp"

using namespace cleat::config;
using Catch::Matchers::ContainsSubstring;

namespace {

constexpr std::string_view kFile = R"(
plugins:
  - {name: s, use: x}
  - {name: t, use: x}
listeners:
  - {name: in, address: 127.0.0.1:1000, chain: [s], route_table: web}
route_tables:
  - name: web
    routes:
      - {match: {prefix: /a}, cluster: one, plugins: {s: {x: 1}}}
clusters:
  - {name: one, endpoints: ['127.0.0.1:2000']}
)";

struct Composed {
  Diagnostics diagnostics{"cleat.yaml"};
  Resources resources;
  std::optional<Composition> composition;

  void stage(std::string source, ResourceKind kind, std::string name, std::string_view text) {
    const ResourceKey key{std::move(source), kind, std::move(name)};
    resources[key] = Resource::read(key, text);
    REQUIRE(resources[key] != nullptr);
  }
  std::string compose_with(std::string_view file = kFile) {
    diagnostics = Diagnostics("cleat.yaml");
    composition.reset();
    if (auto part = read_configuration(file, diagnostics)) composition = compose(std::move(part), resources, diagnostics);
    CHECK(composition.has_value() == !diagnostics.failed());
    return diagnostics.text();
  }
};

}  // namespace

TEST_CASE("compose: a file alone; a listener has the routes of its table") {
  Composed all;
  CHECK(all.compose_with() == "");
  REQUIRE(all.composition->model.listeners[0].routes.size() == 1);
  CHECK(all.composition->model.listeners[0].routes[0].name == "web/0");
}

TEST_CASE("compose: resources may refer to what the file has, and to those of other sources") {
  Composed all;
  all.stage("s", ResourceKind::kCluster, "two", "endpoints: ['127.0.0.1:2001']");
  all.stage("s", ResourceKind::kCluster, "eds", "{name: eds}");
  all.stage("t", ResourceKind::kRouteTable, "api", "routes: [{match: {prefix: /}, clusters: [{name: one}, {name: two}]}]");
  all.stage("t", ResourceKind::kListener, "out", R"({"address": "127.0.0.1:1001", "route_table": "api"})");
  all.stage("t", ResourceKind::kSecret, "ca", std::string("ca: |\n") + cleat::test::indented(cleat::test::kCertificate));
  CHECK(all.compose_with() == "");
  const Model& model = all.composition->model;
  REQUIRE(model.listeners.size() == 2);
  CHECK(model.listeners[1].name == "out");
  CHECK(model.listeners[1].routes.size() == 1);
  CHECK(model.clusters.size() == 3);
  REQUIRE(model.secrets.size() == 1);
  CHECK_THAT(model.secrets[0].ca, ContainsSubstring("BEGIN CERTIFICATE"));
}

TEST_CASE("compose: what was read once is not read again") {
  Composed all;
  all.stage("s", ResourceKind::kCluster, "two", "endpoints: ['127.0.0.1:2001']");
  all.compose_with();
  const Node* const node = all.composition->model.clusters[1].node;
  all.stage("s", ResourceKind::kCluster, "three", "endpoints: []");
  all.compose_with();
  const auto& clusters = all.composition->model.clusters;
  CHECK((clusters[1].node == node || clusters[2].node == node));
}

TEST_CASE("compose: a name has one owner, and the second is told who that is") {
  Composed all;
  all.stage("s", ResourceKind::kCluster, "one", "endpoints: []");
  CHECK(all.compose_with() == "s/clusters/one:1:1: a cluster named \"one\" is already at cleat.yaml:12:5\n");
  all.resources.clear();
  all.stage("s", ResourceKind::kCluster, "two", "endpoints: []");
  all.stage("t", ResourceKind::kCluster, "two", "# mine\nendpoints: []");
  CHECK(all.compose_with() == "t/clusters/two:2:1: a cluster named \"two\" is already at s/clusters/two:1:1\n");
  all.resources.clear();
  all.stage("s", ResourceKind::kListener, "mine", "address: 127.0.0.1:1000");
  CHECK_THAT(all.compose_with(), ContainsSubstring("s/listeners/mine:1:1: a listener on \"127.0.0.1:1000\" is already at cleat.yaml:6:5"));
}

TEST_CASE("compose: references are looked up over all of it, and reported where they stand") {
  Composed all;
  all.stage("s", ResourceKind::kCluster, "orders", "endpoints: []");
  all.stage("t", ResourceKind::kRouteTable, "api", "routes:\n  - {match: {prefix: /}, cluster: order}\n");
  all.stage("t", ResourceKind::kListener, "out", "{address: 127.0.0.1:1001, chain: [u], route_table: ap}");
  CHECK(all.compose_with() ==
        "t/listeners/out:1:35: chain[0]: there is no plugin \"u\"\n"
        "t/listeners/out:1:52: route_table: there is no route table \"ap\" (did you mean \"api\"?)\n"
        "t/route_tables/api:2:35: routes[0].cluster: there is no cluster \"order\" (did you mean \"orders\"?)\n");
}

TEST_CASE("compose: routes of a table are judged with each listener that uses it") {
  Composed all;
  all.stage("t", ResourceKind::kListener, "out", "{address: 127.0.0.1:1001, route_table: web, path: {escaped_slashes: reject}}");
  CHECK(all.compose_with() == "cleat.yaml:10:55: route_tables[0].routes[0].plugins.s: not in the chain of listener \"out\"\n");
  all.resources.clear();
  all.stage("s", ResourceKind::kRouteTable, "odd", "routes: [{match: {prefix: /a%2Fb}, cluster: one}]");
  all.stage("s", ResourceKind::kListener, "out", "{address: 127.0.0.1:1001, route_table: odd}");
  CHECK(all.compose_with() == "");
  all.stage("s", ResourceKind::kListener, "out", "{address: 127.0.0.1:1001, route_table: odd, path: {escaped_slashes: reject}}");
  CHECK_THAT(all.compose_with(), ContainsSubstring("s/route_tables/odd:1:27: routes[0].match.prefix: no request may have this path"));
}

TEST_CASE("compose: a resource that could not be read is in no composition") {
  Composed all;
  all.stage("s", ResourceKind::kCluster, "a", "endpoints: [nonsense]");
  all.stage("s", ResourceKind::kCluster, "b", "{name: c, endpoints: [], weight: 3}");
  all.stage("s", ResourceKind::kCluster, "c", "endpoints: [");
  all.stage("s", ResourceKind::kCluster, "d", "");
  all.stage("s", ResourceKind::kRouteTable, "e", "name: e");
  const std::string text = all.compose_with();
  CHECK_THAT(text, ContainsSubstring("s/clusters/a:1:13: endpoints[0]: must be ip:port"));
  CHECK_THAT(text, ContainsSubstring("s/clusters/b:1:8: name: is staged as \"b\"\n"));
  CHECK_THAT(text, ContainsSubstring("s/clusters/b:1:26: weight: unknown key"));
  CHECK_THAT(text, ContainsSubstring("s/clusters/c:"));
  CHECK_THAT(text, ContainsSubstring("s/clusters/d:1:1: must be a map\n"));
  CHECK_THAT(text, ContainsSubstring("s/route_tables/e:1:1: routes is missing\n"));
}

TEST_CASE("compose: resources leave with their source") {
  Composed all;
  all.stage("gone", ResourceKind::kCluster, "two", "endpoints: []");
  CHECK(all.compose_with() == "");
  CHECK(all.composition->resources->empty());
  CHECK(all.composition->model.clusters.size() == 1);
}

TEST_CASE("compose: discovery names an instance, and endpoints may then be left out") {
  Composed all;
  all.stage("s", ResourceKind::kCluster, "d", "{discovery: {use: t, config: {host: a.example.com}}}");
  CHECK(all.compose_with() == "");
  CHECK(all.composition->model.clusters[1].discovery == "t");
  CHECK(all.composition->model.clusters[1].discovery_config != nullptr);
  all.stage("s", ResourceKind::kCluster, "d", "{discovery: {use: nobody}}");
  CHECK_THAT(all.compose_with(), ContainsSubstring("discovery.use: there is no plugin \"nobody\""));
  all.resources.clear();
  CHECK_THAT(all.compose_with("clusters: [{name: a}]"), ContainsSubstring("endpoints is missing"));
}

TEST_CASE("compose: secrets must be whole, and are never quoted") {
  using cleat::test::indented;
  const auto refusal = [](const std::string& text) {
    Composed all;
    all.stage("s", ResourceKind::kSecret, "x", text);
    const std::string errors = all.compose_with();
    CHECK_THAT(errors, !ContainsSubstring("-----BEGIN") || ContainsSubstring("PEM itself begins"));
    return errors;
  };
  const std::string certificate = std::string("certificate: |\n") + indented(cleat::test::kCertificate);
  const std::string key = std::string("key: |\n") + indented(cleat::test::kKey);
  CHECK(refusal(certificate + key) == "");
  CHECK_THAT(refusal("{}"), ContainsSubstring("needs certificate and key, or ca"));
  CHECK_THAT(refusal(certificate), ContainsSubstring("certificate and key belong together"));
  CHECK_THAT(refusal(certificate + "key: |\n" + indented(cleat::test::kOtherKey)), ContainsSubstring("is not the key of the certificate"));
  CHECK_THAT(refusal(certificate + "key: |\n" + indented(cleat::test::kCertificate)), ContainsSubstring("holds no private key"));
  CHECK_THAT(refusal("ca: |\n" + indented(cleat::test::kKey)), ContainsSubstring("holds no certificate"));
  const std::string broken = std::string(cleat::test::kCertificate) + "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
  CHECK_THAT(refusal("ca: |\n" + indented(broken)), ContainsSubstring("certificate 2 cannot be read"));
  CHECK_THAT(refusal("ca: ca.pem"), ContainsSubstring("must be PEM, or an absolute path"));
  CHECK_THAT(refusal("ca: /nonexistent/ca.pem"), ContainsSubstring("is not a file"));
}

TEST_CASE("compose: resources are bounded in bytes, one and all together") {
  const ResourceKey key{"s", ResourceKind::kCluster, "big"};
  CHECK(Resource::read(key, std::string(kResourceBytesMax + 1, '#')) == nullptr);
  std::vector<std::shared_ptr<const Resource>> held;
  const std::string large(kResourceBytesMax, '\x01');  // refused at its first character: nothing here waits for a parser
  for (std::size_t i = 0; i < kResourcesBytesMax / kResourceBytesMax; ++i) {
    held.push_back(Resource::read(key, large));
    REQUIRE(held.back() != nullptr);
  }
  CHECK(Resource::read(key, "x") == nullptr);
  held.pop_back();
  CHECK(Resource::read(key, "x") != nullptr);
}
