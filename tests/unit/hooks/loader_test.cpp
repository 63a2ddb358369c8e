#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <numeric>

#include "kernel/hooks/hook_totals.hpp"
#include "kernel/hooks/library.hpp"
#include "tests/unit/hooks/build_plugin.hpp"

using namespace cleat;
using cleat::test::build_plugin;
using Catch::Matchers::ContainsSubstring;

namespace {

// A list of instances as a configuration has them, and what came of loading it.
struct Load {
  config::Diagnostics diagnostics{"/etc/cleat/test.yaml"};
  config::Document document;
  std::vector<config::Instance> wanted;
  std::vector<std::shared_ptr<hooks::Instance>> instances;

  explicit Load(const std::string& yaml, bool validate_only = false, std::vector<std::string> folders = {}, const Load* before = nullptr) {
    document = config::parse_document(yaml, diagnostics);
    REQUIRE(document.root != nullptr);
    for (const auto& member : document.root->members) {
      const config::Node& node = *member.value;
      wanted.push_back({node.get("name")->scalar, node.get("use")->scalar, false, node.get("config"), &node});
    }
    hooks::Loader loader(std::move(folders), test::test_host(), 3);
    static const std::vector<std::shared_ptr<hooks::Instance>> kNone;
    instances = loader.load(wanted, before == nullptr ? kNone : before->instances, before == nullptr ? 7 : 8, validate_only, diagnostics);
  }
  std::string text() const { return diagnostics.text(); }
};

odd_state& state_of(const hooks::Instance& instance) {
  return *static_cast<odd_state*>(const_cast<void*>(instance.table.find(hooks::to_str("test.odd/1"))));
}

std::string item(const std::string& file, const std::string& config, const std::string& name = "one") {
  return "- {name: " + name + ", use: '" + file + "'" + (config.empty() ? "" : ", config: " + config) + "}\n";
}

const hooks::HookCounters& control(hooks::Instance& instance, hooks::Hook hook) { return instance.counters(3, hook); }

}  // namespace

TEST_CASE("loader makes instances in order, with a shard for each worker and the control thread") {
  const std::string odd = build_plugin("odd.c");
  Load load(item(odd, "{mode: fine}", "one") + item(odd, "", "two"));
  INFO(load.text());
  REQUIRE(load.instances.size() == 2);
  hooks::Instance& two = *load.instances[1];
  CHECK(two.name == "two");
  CHECK(two.generation == 7);
  CHECK(two.created());
  CHECK(two.shards.size() == 4);
  CHECK(two.handler != nullptr);
  CHECK(hooks::find_instance(two.handle) == &two);
  CHECK(state_of(two).workers == 3);
  CHECK(state_of(two).self == two.handle);
  CHECK(control(two, hooks::Hook::kCreate).calls == 1);
  CHECK(control(two, hooks::Hook::kCreate).failures == 0);
  CHECK(load.instances[0]->library == two.library);
}

TEST_CASE("loader takes over an instance of which nothing changed, and makes every other anew") {
  const std::string odd = build_plugin("odd.c");
  const std::string other = build_plugin("journal.c");
  Load first(item(odd, "{mode: fine, number: 1}"));
  REQUIRE(first.instances.size() == 1);
  const hooks::Instance* const old = first.instances[0].get();
  Load same(item(odd, "{ mode: fine,  'number': 1 }"), false, {}, &first);  // written otherwise, saying the same
  INFO(same.text());
  REQUIRE(same.instances.size() == 1);
  CHECK(same.instances[0].get() == old);
  CHECK(old->generation == 7);
  for (const std::string& changed : {item(odd, "{mode: fine, number: 2}"), item(odd, "{mode: fine}"), item(odd, "{mode: fine, number: 1}", "two"),
                                     item(other, "{mode: fine, number: 1}")}) {
    const Load next(changed, false, {}, &first);
    INFO(changed << next.text());
    if (changed.find(other) == std::string::npos) REQUIRE(next.instances.size() == 1);
    for (const auto& instance : next.instances) CHECK(instance.get() != old);
  }
  Load policy(item(odd, "{mode: fine, number: 1}"), false, {}, &first);
  policy.wanted[0].fail_open = true;
  hooks::Loader loader({}, test::test_host(), 3);
  auto open = loader.load(policy.wanted, first.instances, 9, false, policy.diagnostics);
  REQUIRE(open.size() == 1);
  CHECK(open[0].get() != old);
}

TEST_CASE("what calls came to stays under the instance's name when another of that name takes its place, and never falls") {
  const std::string odd = build_plugin("odd.c");
  const auto creates = [] {
    std::vector<hooks::HookTotal> found;
    for (const hooks::HookRow& row : hooks::hook_totals()) {
      if (row.instance == "reused" && row.hook == hooks::Hook::kCreate) found.push_back(row.total);
    }
    REQUIRE(found.size() <= 1);
    return found.empty() ? hooks::HookTotal{} : found[0];
  };
  REQUIRE(creates().calls == 0);
  Load first(item(odd, "{number: 1}", "reused"));
  CHECK(creates().calls == 1);
  Load second(item(odd, "{number: 2}", "reused"), false, {}, &first);
  REQUIRE(second.instances.size() == 1);
  CHECK(second.instances[0] != first.instances[0]);
  CHECK(creates().calls == 2);
  first.instances.clear();
  CHECK(creates().calls == 2);
  second.instances.clear();
  const hooks::HookTotal after = creates();
  CHECK(after.calls == 2);
  CHECK(std::accumulate(after.times.begin(), after.times.end(), std::uint64_t{0}) == 2);
  Load(item(odd, "{mode: silent}", "reused"));  // refused: there was no such instance
  CHECK(creates().calls == 2);
}

TEST_CASE("loader refuses a create that fails, in the plugin's own words") {
  const std::string odd = build_plugin("odd.c");
  CHECK_THAT(Load(item(odd, "{mode: says}")).text(), ContainsSubstring("test.yaml:1:") && ContainsSubstring("create failed: the moon is full"));
  CHECK_THAT(Load(item(odd, "{mode: silent}")).text(), ContainsSubstring("create failed without saying why (status -9)"));
  const Load records(item(odd, "{mode: records}"));
  CHECK_THAT(records.text(), ContainsSubstring("not this mode"));
  CHECK(records.diagnostics.count() == 1);  // the plugin has spoken: no second line
}

TEST_CASE("loader refuses a create that answers OK over recorded errors, and destroys what it made") {
  const std::string odd = build_plugin("odd.c");
  Load good(item(odd, "{mode: fine}"));
  REQUIRE(good.instances.size() == 1);
  odd_state& state = state_of(*good.instances[0]);
  const int destroys = state.destroys;
  for (const char* config : {"{mode: records_ok}", "{mode: fine, number: 11}", "{mode: fine, moed: fine}", "[1, 2]"}) {
    const Load load(item(odd, config));
    INFO(config);
    CHECK(load.diagnostics.failed());
    CHECK(load.instances.empty());
  }
  CHECK(state.destroys == destroys + 4);
  CHECK_THAT(Load(item(odd, "{moed: fine}")).text(), ContainsSubstring("unknown key") && ContainsSubstring("did you mean \"mode\""));
}

TEST_CASE("loader reports every instance that fails, and keeps none") {
  const std::string odd = build_plugin("odd.c");
  const Load load(item(odd, "{mode: fine}", "a") + item(odd, "{mode: silent}", "b") + item("/no/such.so", "", "c"));
  CHECK(load.instances.empty());
  CHECK_THAT(load.text(), ContainsSubstring("test.yaml:2:") && ContainsSubstring("test.yaml:3:") && ContainsSubstring("no such plugin file: /no/such.so"));
}

TEST_CASE("loader turns exceptions of control calls into failures and counts them") {
  const std::string throws = build_plugin("throws.cpp");
  CHECK_THAT(Load(item(throws, "", "bad")).text(), ContainsSubstring("create failed: it threw: out of cheese"));
  CHECK_THAT(Load(item(throws, "", "int")).text(), ContainsSubstring("it threw something that is no std::exception"));
  Load good(item(throws, "", "good"));
  REQUIRE(good.instances.size() == 1);
  CHECK(hooks::Loader::create_route(*good.instances[0], good.document.root.get(), good.diagnostics) == nullptr);
  CHECK_THAT(good.text(), ContainsSubstring("it threw: no route"));
  CHECK(control(*good.instances[0], hooks::Hook::kRouteCreate).failures == 1);
  good.instances.clear();  // destroy throws, and nothing comes of it
}

TEST_CASE("loader asks validate where there is one, and creates where there is none") {
  Load validated(item(build_plugin("odd.c", "-DVALIDATE"), "{mode: fine}"), true);
  REQUIRE(validated.instances.size() == 1);
  hooks::Instance& instance = *validated.instances[0];
  CHECK_FALSE(instance.created());
  CHECK(state_of(instance).validates == 1);
  CHECK(state_of(instance).creates == 0);
  CHECK(control(instance, hooks::Hook::kValidate).calls == 1);
  const int destroys = state_of(instance).destroys;
  odd_state& state = state_of(instance);
  validated.instances.clear();
  CHECK(state.destroys == destroys);

  CHECK_THAT(Load(item(build_plugin("odd.c", "-DVALIDATE"), "{mode: says}"), true).text(), ContainsSubstring("validate failed: the moon is full"));
  CHECK(Load(item(build_plugin("odd.c"), "{mode: fine}"), true).instances.at(0)->created());
}

TEST_CASE("loader searches its folders in order and suggests the nearest name") {
  const std::string odd = build_plugin("odd.c");
  const std::string folder = std::filesystem::path(odd).parent_path();
  CHECK(Load("- {name: a, use: odd}\n", false, {"/nowhere", folder}).instances.size() == 1);
  CHECK_THAT(Load("- {name: a, use: ood}\n", false, {"/nowhere", folder}).text(),
             ContainsSubstring("no plugin file ood.so in /nowhere, " + folder) && ContainsSubstring("did you mean \"odd\""));
}

TEST_CASE("loader makes and destroys what a plugin keeps for a route") {
  Load load(item(build_plugin("odd.c"), "") + "- {name: r, use: x, config: {mode: fine}}\n" + "- {name: s, use: x, config: {moed: fine}}\n");
  // Only the first is a plugin; the others carry configurations of routes.
  config::Diagnostics diagnostics("routes.yaml");
  hooks::Loader loader({}, test::test_host(), 1);
  auto instances = loader.load({load.wanted[0]}, {}, 1, false, diagnostics);
  REQUIRE(instances.size() == 1);
  hooks::Instance& instance = *instances[0];
  const odd_state before = state_of(instance);
  void* route = hooks::Loader::create_route(instance, load.wanted[1].config, diagnostics);
  CHECK(route == &state_of(instance).route);
  CHECK_FALSE(diagnostics.failed());
  hooks::Loader::destroy_route(instance, route);
  hooks::Loader::destroy_route(instance, nullptr);
  CHECK(state_of(instance).route_destroys == before.route_destroys + 1);
  CHECK(hooks::Loader::create_route(instance, load.wanted[2].config, diagnostics) == nullptr);
  CHECK_THAT(diagnostics.text(), ContainsSubstring("unknown key"));
  CHECK(state_of(instance).route_destroys == before.route_destroys + 2);
}

TEST_CASE("loader refuses a handler or balancer that is none") {
  Load load(item(build_plugin("throws.cpp"), "", "good"));
  REQUIRE(load.instances.size() == 1);
  config::Model model;
  model.listeners.resize(1);
  model.listeners[0].routes.resize(1);
  model.listeners[0].routes[0].handler = "good";
  model.listeners[0].routes[0].node = load.document.root.get();
  model.clusters.resize(1);
  model.clusters[0].balancer = "good";
  model.clusters[0].node = load.document.root.get();
  hooks::check_halves(model, load.instances, load.diagnostics);
  CHECK_THAT(load.text(), ContainsSubstring("is no handler") && ContainsSubstring("is no balancer"));
}
