#include "kernel/generation.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <thread>

#include "tests/unit/hooks/build_plugin.hpp"

using namespace cleat;
using Catch::Matchers::ContainsSubstring;
using hooks::Hook;

namespace {

constexpr std::uint32_t kWorkers = 2;

// A generation from a file's text, with `@` for the journal plugin.
struct Build {
  config::Diagnostics diagnostics{"/etc/cleat/test.yaml"};
  std::unique_ptr<Generation> generation;

  explicit Build(std::string yaml, const Generation* before = nullptr) {
    const std::string plugin = test::build_plugin("journal.c");
    for (std::size_t at = yaml.find('@'); at != std::string::npos; at = yaml.find('@')) yaml.replace(at, 1, plugin);
    std::shared_ptr<const config::Part> file = config::read_configuration(yaml, diagnostics);
    REQUIRE(file != nullptr);
    std::optional<config::Composition> composition = config::compose(std::move(file), {}, diagnostics);
    INFO(diagnostics.text());
    REQUIRE(composition.has_value());
    generation = build_generation(5, std::move(*composition), kWorkers, before, diagnostics);
  }
  Generation& get() {
    INFO(diagnostics.text());
    REQUIRE(generation != nullptr);
    return *generation;
  }
  std::string text() const { return diagnostics.text(); }
};

// Of the plugin, whose file is loaded once in this process. Kept mapped, so that it can be read after its instances.
struct Journal {
  char* text = nullptr;
  const cleat_endpoint_set* set = nullptr;

  Journal() {
    Build build("plugins: [{name: peek, use: '@'}]\nlisteners: []\nclusters: []\n");
    const cleat_plugin& table = build.get().instances[0]->table;
    text = static_cast<char*>(const_cast<void*>(table.find(hooks::to_str("test.journal/1"))));
    set = static_cast<const cleat_endpoint_set*>(table.find(hooks::to_str("test.set/1")));
    build.generation.reset();
    text[0] = '\0';
  }
  std::string take() {
    std::string all = text;
    text[0] = '\0';
    return all;
  }
};

constexpr const char* kWhole = R"(
plugins:
  - {name: a, use: '@'}
  - {name: b, use: '@'}
  - {name: h, use: '@'}
listeners:
  - name: in
    address: 127.0.0.1:0
    chain: [b, a]
    limits: {head_bytes: 4096, target_bytes: 512, headers: 7}
    timeouts: {request: 5s}
    routes:
      - {match: {prefix: /split}, clusters: [{name: one, weight: 3}, {name: two, weight: 2}], plugins: {a: {}}}
      - {match: {prefix: /inside}, handler: a, timeout: 2s}
      - {match: {prefix: /beside}, handler: h, plugins: {h: {}, b: {}}}
      - {match: {prefix: /}, reply: {status: 204}}
clusters:
  - {name: one, endpoints: ['127.0.0.1:1001', {address: '[::1]:1002', weight: 4}], balancer: {use: a}}
  - {name: two, endpoints: ['127.0.0.1:1001', '127.0.0.1:1002']}
)";

std::string with(std::string_view from, std::string_view to) {
  std::string text = kWhole;
  const std::size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

}  // namespace

TEST_CASE("generation has routes with cumulated weights, handlers with their positions, and timeouts") {
  Build build(kWhole);
  Generation& generation = build.get();
  CHECK(generation.id == 5);
  REQUIRE(generation.listeners.size() == 1);
  const Listener& in = *generation.listeners[0];
  CHECK(in.address.text() == "127.0.0.1:0");
  CHECK(in.limits.head_bytes_max == 4096);
  CHECK(in.limits.target_bytes_max == 512);
  CHECK(in.limits.fields_max == 7);
  REQUIRE(in.routes.size() == 4);

  const Route& split = in.routes[0];
  REQUIRE(split.targets.size() == 2);
  CHECK(split.targets[0].cluster == generation.cluster("one"));
  CHECK(split.targets[0].until == 3);
  CHECK(split.targets[1].cluster == generation.cluster("two"));
  CHECK(split.targets[1].until == 5);
  CHECK(split.handler == nullptr);
  CHECK(split.timeout_ms == 5000);

  const Route& inside = in.routes[1];
  CHECK(inside.handler == generation.instance("a"));
  CHECK(inside.handler_position == 1);
  CHECK(inside.timeout_ms == 2000);
  CHECK(inside.plugin_configs.empty());

  const Route& beside = in.routes[2];
  CHECK(beside.handler == generation.instance("h"));
  CHECK(beside.handler_position == 2);
  REQUIRE(beside.plugin_configs.size() == 3);
  CHECK(beside.plugin_configs[0] == generation.instance("b")->self);
  CHECK(beside.plugin_configs[1] == nullptr);
  CHECK(beside.plugin_configs[2] == generation.instance("h")->self);
  CHECK(in.routes[3].config->reply->status == 204);

  http::RequestHead head;
  head.method = "GET";
  head.authority = "a.example.com";
  head.target = "/beside/x";
  CHECK(in.router->match(head) == 2);
}

TEST_CASE("generation's chain lists only hooks that are there, the response side in reverse") {
  Build build(kWhole);
  const Chain& chain = build.get().listeners[0]->chain;
  REQUIRE(chain.instances.size() == 2);
  CHECK(chain.instances[0]->name == "b");
  CHECK(chain.instances[1]->name == "a");
  CHECK(chain.of(Hook::kRequest) == std::vector<std::uint8_t>{0, 1});
  CHECK(chain.of(Hook::kEnd) == std::vector<std::uint8_t>{1, 0});
  CHECK(chain.of(Hook::kRoute).empty());
  CHECK(chain.of(Hook::kResponse).empty());
}

TEST_CASE("generation's clusters have endpoints, a handle, and what their balancer was shown") {
  const Journal journal;
  Build build(kWhole);
  Generation& generation = build.get();
  const Cluster& one = *generation.cluster("one");
  const std::shared_ptr<const EndpointSet> endpoints = one.endpoints();
  REQUIRE(endpoints->members.size() == 2);
  CHECK_FALSE(endpoints->equal_weights);
  CHECK(endpoints->members[1].endpoint->text == "[::1]:1002");
  CHECK(endpoints->members[1].endpoint->address.text() == "[::1]:1002");
  CHECK(endpoints->members[1].weight == 4);
  CHECK(endpoints->members[1].endpoint->workers == kWorkers);
  CHECK(endpoints->members[1].endpoint->in_flight() == 0);
  CHECK(endpoints->balancer.get() == generation.instance("a"));
  CHECK(endpoints->balancer_state == generation.instance("a")->self);
  const std::shared_ptr<const EndpointSet> two = generation.cluster("two")->endpoints();
  CHECK(two->equal_weights);
  CHECK(two->balancer == nullptr);

  const cleat_endpoint_set& set = *journal.set;
  CHECK(set.size == sizeof(cleat_endpoint_set));
  CHECK(set.cluster == endpoints->handle);
  CHECK(hooks::to_view(set.cluster_name) == "one");
  REQUIRE(set.endpoint_count == 2);
  CHECK(set.endpoint_stride == sizeof(cleat_endpoint));
  CHECK(hooks::to_view(set.endpoints[1].address) == "[::1]:1002");
  CHECK(set.endpoints[1].weight == 4);
}

TEST_CASE("generation's end gives back routes and balancers first, then the instances, the last made first") {
  Journal journal;
  Build build(kWhole);
  build.get();
  CHECK(journal.take() == "create:a create:b create:h set_create:a route_create:a route_create:h route_create:b");
  build.generation.reset();
  CHECK(journal.take() == "route_destroy:a route_destroy:b route_destroy:h set_destroy:a destroy:h destroy:b destroy:a");
}

TEST_CASE("generation that fails says where, and leaves nothing behind") {
  Journal journal;
  {
    Build route(with("plugins: {h: {}, b: {}}", "plugins: {h: {}, b: {refuse: true}}"));
    CHECK(route.generation == nullptr);
    CHECK_THAT(route.text(), ContainsSubstring("listeners[0].routes[2].plugins.b: refused as asked"));
    CHECK(journal.take() == "create:a create:b create:h set_create:a route_create:a route_create:h "
                            "route_destroy:a route_destroy:h set_destroy:a destroy:h destroy:b destroy:a");
  }
  {
    Build balancer(with("balancer: {use: a}", "balancer: {use: a, config: {refuse: true}}"));
    CHECK(balancer.generation == nullptr);
    CHECK_THAT(balancer.text(), ContainsSubstring("clusters[0].balancer.config: refused as asked"));
    CHECK(journal.take() == "create:a create:b create:h route_create:a route_create:h route_create:b "
                            "route_destroy:a route_destroy:b route_destroy:h destroy:h destroy:b destroy:a");
  }
  {
    Build instance(with("{name: b, use: '@'}", "{name: b, use: '@', config: {refuse: true}}"));
    CHECK(instance.generation == nullptr);
    CHECK_THAT(instance.text(), ContainsSubstring("plugins[1].config: refused as asked"));
    CHECK(journal.take() == "create:a create:h destroy:h destroy:a");
  }
}

TEST_CASE("generation reports what a balancer's and a route's configuration has too much") {
  Build build(with("balancer: {use: a}", "balancer: {use: a, config: {refsue: true}}"));
  CHECK(build.generation == nullptr);
  CHECK_THAT(build.text(), ContainsSubstring("clusters[0].balancer.config.refsue: unknown key"));
  Build route(with("plugins: {a: {}}", "plugins: {a: {rifuse: true}}"));
  CHECK(route.generation == nullptr);
  CHECK_THAT(route.text(), ContainsSubstring("listeners[0].routes[0].plugins.a.rifuse: unknown key"));
}

TEST_CASE("generation refuses a chain that has more instances than an exchange has bits") {
  const auto yaml = [](std::size_t count) {
    std::string plugins, chain;
    for (std::size_t i = 0; i < count; ++i) {
      const std::string name = "p" + std::to_string(i);
      plugins += "  - {name: " + name + ", use: '@'}\n";
      chain += (chain.empty() ? "" : ", ") + name;
    }
    return "plugins:\n" + plugins + "listeners:\n  - {name: in, address: '127.0.0.1:0', chain: [" + chain + "], routes: []}\nclusters: []\n";
  };
  Build most(yaml(kChainMax));
  CHECK(most.get().listeners[0]->chain.of(Hook::kEnd).front() == kChainMax - 1);
  Build over(yaml(kChainMax + 1));
  CHECK(over.generation == nullptr);
  CHECK_THAT(over.text(), ContainsSubstring("listeners[0]: chain: more than 62 plugin instances"));
}

TEST_CASE("generation's balancers must have that half") {
  const std::string odd = test::build_plugin("odd.c");
  Build build("plugins: [{name: t, use: '" + odd + "'}]\nlisteners: []\nclusters:\n"
              "  - {name: one, endpoints: ['127.0.0.1:1'], balancer: {use: t}}\n");
  CHECK(build.generation == nullptr);
  CHECK_THAT(build.text(), ContainsSubstring("clusters[0]: balancer: plugin instance \"t\" is no balancer"));
}

TEST_CASE("generation's limit metrics are one for each listener and limit") {
  Build build(kWhole);
  const Listener& in = *build.get().listeners[0];
  const metrics::SeriesId first = in.bite("connections");
  CHECK(in.bite("connections") == first);
  CHECK(in.bite("head_timeout") != first);
  const std::int64_t before = metrics::value(first);
  metrics::add(first, 1);
  CHECK(metrics::value(first) == before + 1);
  CHECK(metrics::kind(in.metrics.active) == metrics::Kind::kGauge);
}

TEST_CASE("sets of endpoints are found by their handle until they are gone", "[threads]") {
  Build build(kWhole);
  EndpointSets& sets = endpoint_sets();
  const std::uint64_t handle = build.get().cluster("two")->endpoints()->handle;
  CHECK(sets.find(handle) == build.generation->cluster("two")->endpoints().get());
  CHECK(sets.find(handle + (1U << 20)) == nullptr);
  CHECK(sets.find(0) == nullptr);
  CHECK(sets.find(UINT64_MAX) == nullptr);
  std::atomic<std::uint64_t> found{0};
  std::thread plugin([&] {
    for (;;) {
      const EndpointSets::Pin pin(sets, handle);
      if (pin.get() == nullptr) return;
      found += pin.get()->members[0].endpoint->healthy ? 1 : 0;
      found.notify_one();
    }
  });
  found.wait(0);
  build.generation.reset();
  plugin.join();
  CHECK(sets.find(handle) == nullptr);
  Build next(kWhole);
  CHECK(sets.find(handle) == nullptr);  // the slot has a new name
}

TEST_CASE("a cluster of which nothing changed is taken over, with its endpoints and their health") {
  Build first(kWhole);
  first.get().cluster("two")->endpoints()->members[0].endpoint->healthy = false;
  const std::string yaml = kWhole;
  Build same(yaml, first.generation.get());
  CHECK(same.get().cluster("one") == first.get().cluster("one"));
  CHECK(same.get().cluster("two") == first.get().cluster("two"));
  const std::string changed = with("{name: two, endp", "{name: two, idle_max: 7, endp");
  Build next(changed, first.generation.get());
  CHECK(next.get().cluster("one") == first.get().cluster("one"));
  CHECK(next.get().cluster("two") != first.get().cluster("two"));
  CHECK(next.get().cluster("two")->config.idle_max == 7);
  CHECK(next.get().cluster("two")->endpoints()->members[0].endpoint->healthy);
}

TEST_CASE("a cluster's endpoints change while it serves") {
  Journal journal;
  Build build(kWhole);
  journal.take();
  Cluster& one = *build.get().cluster("one");
  const auto before = one.endpoints();
  const auto spec = [](const std::string& text, std::uint32_t weight, bool healthy = true) { return EndpointSpec{*parse_address(text), text, weight, healthy}; };
  const std::uint64_t version = one.version();
  one.set_endpoints({spec("[::1]:1002", 1), spec("127.0.0.1:77", 2, false), spec("127.0.0.1:77", 3)});
  CHECK(one.version() > version);
  const auto after = one.endpoints();
  REQUIRE(after->members.size() == 2);
  CHECK(after->members[0].endpoint == before->members[1].endpoint);  // what is known of it stays
  CHECK(after->members[0].weight == 1);
  CHECK(after->members[1].weight == 5);
  CHECK_FALSE(after->members[1].endpoint->healthy);
  CHECK(before->members[0].endpoint->removed);
  CHECK_FALSE(after->members[0].endpoint->removed);
  CHECK(after->handle != before->handle);
  REQUIRE(journal.set->endpoint_count == 2);                         // and the balancer is shown them
  CHECK(hooks::to_view(journal.set->endpoints[1].address) == "127.0.0.1:77");

  after->members[0].endpoint->healthy = false;  // as a plugin may say
  one.set_endpoints({spec("[::1]:1002", 1), spec("127.0.0.1:77", 5)});
  CHECK_FALSE(one.endpoints()->members[0].endpoint->healthy);        // its source has said nothing new
  CHECK(one.endpoints()->members[1].endpoint->healthy);              // now it has
  one.set_endpoints({});
  CHECK(one.endpoints()->members.empty());
}
