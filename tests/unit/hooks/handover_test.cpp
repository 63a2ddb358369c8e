// cleat.handover/1: who is asked for its state and when, and what comes of every answer.
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "kernel/base/log.hpp"
#include "kernel/hooks/host_tables.hpp"
#include "kernel/hooks/library.hpp"
#include "tests/unit/hooks/build_plugin.hpp"
#include "tests/unit/hooks/plugins/keeper.h"

using namespace cleat;
using cleat::test::build_plugin;
using Catch::Matchers::ContainsSubstring;
using Instances = std::vector<std::shared_ptr<hooks::Instance>>;

namespace {

const cleat_host* keeping_host() {
  static const cleat_host host = [] {
    static const cleat_host* const rest = test::test_host();
    cleat_host table = *rest;
    table.find = [](cleat_str id) { return hooks::to_view(id) == CLEAT_EXT_HANDOVER ? &hooks::kHostHandover : rest->find(id); };
    return table;
  }();
  return &host;
}

std::string said;

// A configuration, loaded beside that of `before`; and what was logged meanwhile.
struct Load {
  config::Diagnostics diagnostics{"/etc/cleat/test.yaml"};
  config::Document document;
  Instances instances;
  std::string log;

  explicit Load(const std::string& yaml, const Instances& before = {}, bool validate_only = false) {
    document = config::parse_document(yaml, diagnostics);
    REQUIRE(document.root != nullptr);
    std::vector<config::Instance> wanted;
    for (const auto& member : document.root->members) {
      const config::Node& node = *member.value;
      wanted.push_back({node.get("name")->scalar, node.get("use")->scalar, false, node.get("config"), &node});
      wanted.back().quarantine = {.failures = 3, .stalls = 0};
    }
    said.clear();
    log::send_to([](log::Level, std::string_view source, std::string_view text) { said.append(source).append(": ").append(text).append("\n"); });
    instances = hooks::Loader({}, keeping_host(), 3).load(wanted, before, 8, validate_only, diagnostics);
    log::send_to(nullptr);
    log = said;
  }
};

keeper_state& state_of(const hooks::Instance& instance) {
  return *static_cast<keeper_state*>(const_cast<void*>(instance.table.find(hooks::to_str("test.keeper/1"))));
}

std::string keeper(const std::string& config, const std::string& file = build_plugin("keeper.c", "-pthread"), const std::string& name = "one") {
  return "- {name: " + name + ", use: '" + file + "', config: {" + config + "}}\n";
}

}  // namespace

TEST_CASE("a new instance gets what the one before it has written, once all new ones are created") {
  const std::string file = build_plugin("keeper.c", "-pthread");
  Load old(keeper("says: a") + keeper("says: b", file, "two"));
  REQUIRE(old.instances.size() == 2);
  CHECK(old.log.empty());
  keeper_state& state = state_of(*old.instances[0]);
  state = {};
  Load next(keeper("says: c") + keeper("says: d", file, "two"), old.instances);
  REQUIRE(next.instances.size() == 2);
  CHECK(std::string(state.journal) == "create c;create d;give a;take c;give b;take d;");
  CHECK(std::string(state.taken) == "from b");
  CHECK(state.size == 7);
  CHECK(state.format == 7);
  CHECK(state.format_before == 0);
  CHECK_THAT(next.log, ContainsSubstring("plugin/one: took over 7 bytes of state, format 7") && ContainsSubstring("plugin/two: took over 7 bytes"));
  CHECK(old.instances[0]->counters(3, hooks::Hook::kGive).calls == 1);
  CHECK(next.instances[0]->counters(3, hooks::Hook::kTake).calls == 1);
}

TEST_CASE("what is carried over, or only validated, or has no predecessor, is not asked") {
  const std::string file = build_plugin("keeper.c", "-pthread");
  Load old(keeper("says: a"));
  keeper_state& state = state_of(*old.instances.at(0));
  state = {};
  Load same(keeper("says: a"), old.instances);
  CHECK(same.instances.at(0) == old.instances[0]);
  Load other(keeper("says: e", file, "another"), old.instances);
  CHECK(other.instances.size() == 1);
  Load checked(keeper("says: f"), old.instances, true);
  CHECK(checked.instances.size() == 1);
  Load refused(keeper("says: g") + keeper("says: h, take: refuse_create", file, "two"), old.instances);
  CHECK(refused.instances.empty());
  CHECK(std::string(state.journal).find("give") == std::string::npos);
}

TEST_CASE("state goes from one file of a plugin to another, and not to another plugin") {
  Load old(keeper("says: a"));
  Load next(keeper("says: b", build_plugin("keeper.c", "-pthread -DSALT='\"new\"'")), old.instances);
  REQUIRE(next.instances.size() == 1);
  CHECK(std::string(state_of(*next.instances[0]).taken) == "from a");
  keeper_state& state = state_of(*old.instances.at(0));
  state = {};
  Load stranger("- {name: one, use: '" + build_plugin("odd.c") + "', config: {}}\n", old.instances);
  CHECK(stranger.instances.size() == 1);
  Load without(keeper("says: c", build_plugin("keeper.c", "-pthread -DNO_HALF")), old.instances);
  CHECK(without.instances.size() == 1);
  CHECK(std::string(state.journal).empty());
}

TEST_CASE("a give that fails, or has nothing, holds up no reload") {
  struct Given {
    const char* mode;
    const char* words;  // of the warning; empty: none
  };
  for (const auto& [mode, words] : {Given{"nothing", ""}, Given{"silent", "give of the instance before it failed: without saying why (status -9)"},
                                    Given{"says", "failed: the moon is full"}, Given{"no_bytes", "it went on after a write had failed"},
                                    Given{"over", "it went on after a write had failed"}}) {
    INFO(mode);
    Load old(keeper(std::string("says: a, give: ") + mode));
    keeper_state& state = state_of(*old.instances.at(0));
    state = {};
    Load next(keeper("says: b"), old.instances);
    CHECK(next.instances.size() == 1);
    CHECK(std::string(state.journal) == "create b;give a;");
    CHECK_THAT(next.log, ContainsSubstring(words));
    CHECK(next.log.empty() == (*words == '\0'));
    CHECK(old.instances[0]->counters(3, hooks::Hook::kGive).failures == (*words == '\0' ? 0 : 1));
    if (std::string(mode) == "no_bytes") CHECK(state.wrote == CLEAT_INVALID);
    if (std::string(mode) == "over") CHECK(state.wrote == CLEAT_LIMIT);
  }
}

TEST_CASE("write is give's alone, and of the control thread") {
  Load old(keeper("says: a, give: other"));
  keeper_state& state = state_of(*old.instances.at(0));
  Load next(keeper("says: b, give: elsewhere"), old.instances);
  CHECK(state.wrote == CLEAT_STALE);
  CHECK(state.late == CLEAT_STALE);
  CHECK(std::string(state.taken) == "from a");
  Load last(keeper("says: c"), next.instances);
  CHECK(state.elsewhere == CLEAT_WRONG_THREAD);
  CHECK(std::string(state.taken) == "from b");
  CHECK(hooks::kHostHandover.write(state.handle, hooks::to_str("x")) == CLEAT_STALE);
  CHECK(hooks::kHostHandover.write(0, hooks::to_str("x")) == CLEAT_STALE);
}

TEST_CASE("a state may be empty, and may be 64 MiB") {
  Load old(keeper("says: a, give: full"));
  keeper_state& state = state_of(*old.instances.at(0));
  Load next(keeper("says: b, give: empty"), old.instances);
  CHECK(state.size == 64 * 1024 * 1024);
  Load last(keeper("says: c"), next.instances);
  CHECK_THAT(last.log, ContainsSubstring("took over 0 bytes of state"));
  CHECK(state.size == 0);
}

TEST_CASE("take decides whether the new instance begins anew or not at all") {
  Load old(keeper("says: a"));
  keeper_state& state = state_of(*old.instances.at(0));
  state = {};
  Load anew(keeper("says: b, take: unknown"), old.instances);
  CHECK(anew.instances.size() == 1);
  CHECK_THAT(anew.log, ContainsSubstring("plugin/one: it begins anew: it cannot use 7 bytes of state, format 7"));
  CHECK(anew.instances[0]->counters(3, hooks::Hook::kTake).failures == 0);
  for (const auto& [mode, words] : {std::pair{"says", "failed: not without my state"}, std::pair{"silent", "failed: without saying why (status -2)"}}) {
    state = {};
    Load refused(keeper(std::string("says: c, take: ") + mode), old.instances);
    CHECK(refused.instances.empty());
    CHECK_THAT(refused.diagnostics.text(), ContainsSubstring("test.yaml:1:") && ContainsSubstring("take of 7 bytes of state, format 7, ") && ContainsSubstring(words));
    CHECK(std::string(state.journal) == "create c;give a;take c;destroy c;");
  }
  Load again(keeper("says: d"), old.instances);  // the old one is as it was
  CHECK(std::string(state.taken) == "from a");
}

TEST_CASE("an instance in quarantine is not asked") {
  Load old(keeper("says: a"));
  for (int i = 0; i < 3; ++i) old.instances.at(0)->quarantine.failed();
  REQUIRE(old.instances[0]->quarantine.out());
  keeper_state& state = state_of(*old.instances[0]);
  state = {};
  Load next(keeper("says: b"), old.instances);
  CHECK(next.instances.size() == 1);
  CHECK(std::string(state.journal) == "create b;");
  CHECK_THAT(next.log, ContainsSubstring("it begins anew: the instance before it is in quarantine"));
}

TEST_CASE("a half that is none is refused when the file is loaded") {
  const auto why = [](const std::string& flags) { return hooks::Library::open(build_plugin("keeper.c", "-pthread " + flags), keeping_host()).error(); };
  CHECK(why("-DNO_GIVE") == "its cleat.handover/1 table has no give");
  CHECK(why("-DNO_TAKE") == "its cleat.handover/1 table has no take");
  CHECK_THAT(why("-DHALF_SIZE=16"), ContainsSubstring("its cleat.handover/1 table cannot be used: its size is too small"));
}
