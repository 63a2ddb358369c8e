#include "plugin_api/harness/src/tool/cases.hpp"

#include <malloc.h>

#include <algorithm>
#include <cstdint>
#include <set>
#include <utility>

#include "kernel/config/document.hpp"
#include "kernel/exchange.hpp"
#include "kernel/hooks/elf.hpp"
#include "kernel/hooks/library.hpp"
#include "plugin_api/harness/src/allocations.hpp"
#include "plugin_api/harness/src/between.hpp"
#include "plugin_api/harness/src/tool/traffic.hpp"

namespace cleat::kit {
namespace {

constexpr int kReloads = 20, kWarm = 64, kSteady = 512, kRandom = 400;
constexpr int kJunk = 100;                              // states that are none
constexpr std::uint64_t kFailuresMax = 200;             // of allocations, one after the other
constexpr std::size_t kGrowthBytesMax = 64;             // of one exchange, in the long run
constexpr std::size_t kInstanceBytesMax = 4'096;        // of one instance: the kernel remembers names of those that are gone
constexpr const char* kUnknownKey = "cleat_check_unknown_key";

void find(CaseRun& run, std::string section, std::string text) { run.found({0, std::move(section), {}, {}, std::move(text)}); }

bool silent(const std::string& error) { return error.empty() || error.find("without saying why") != std::string::npos; }  // of a refusal

// What the host has found goes to the report, under what was being done when it did.
class Watched {
 public:
  Watched(CaseRun& run, HostOptions options) : run_(run), host_(std::move(options)) {}
  Watched(const Watched&) = delete;
  Watched& operator=(const Watched&) = delete;
  ~Watched() { finish(); }
  bool serving() const { return host_.serving(); }
  Host* operator->() { return &host_; }
  Host& operator*() { return host_; }

  void drive_it(Scenario scenario, std::uint64_t connection = 0) {
    scenario.headers.insert(scenario.headers.end(), run_.subject.headers.begin(), run_.subject.headers.end());
    run_.doing(scenario.name);
    if (drive(host_, scenario, connection) == Driven::kStuck) {
      find(run_, "on_end", scenario.name + ": the exchange did not end, though its client went away");
    }
    tell();
  }

  void finish() {
    run_.doing("the end: worker_stop, on_shutdown, destroy");
    host_.finish();
    tell();
    for (; failures_told_ < host_.checks.failures().size(); ++failures_told_) run_.failed(host_.checks.failures()[failures_told_]);
  }

 private:
  void tell() {
    for (; told_ < host_.checks.count(); ++told_) run_.found(*host_.checks.at(told_));
  }
  CaseRun& run_;
  Host host_;
  std::size_t told_ = 0, failures_told_ = 0;
};

// A host that was to be there; what keeps it from being is the finding.
bool must_serve(CaseRun& run, Watched& host, const char* section = "Order") {
  if (host.serving()) return true;
  find(run, section, "it could not be loaded: " + host->error);
  return false;
}

// --- the file ---

void file_case(CaseRun& run) {
  Result<hooks::PluginFile> file = hooks::read_plugin_file(run.subject.file);
  if (!file.ok()) return find(run, "rule 4", file.error());
  Result<hooks::ElfFile> elf = hooks::ElfFile::open(file->bytes);
  if (!elf.ok()) return find(run, "rule 4", elf.error());
  if (std::string why = hooks::refuse_machine(*elf); !why.empty()) find(run, "rule 4", why);
  Result<hooks::Note> note = hooks::read_note(file->bytes);
  if (!note.ok()) {
    find(run, "rule 4", note.error());
  } else if (std::string why = hooks::refuse(*note); !why.empty()) {
    find(run, "rule 4", "this host would refuse it: " + why);
  }
  Result<std::optional<hooks::ElfFile::Exports>> exports = elf->exports();
  if (!exports.ok()) return find(run, "rule 4", exports.error());
  if (!exports->has_value()) return run.skipped("its section table is stripped: what it exports cannot be counted");
  if (!(*exports)->entry) find(run, "rule 4", "it does not export cleat_plugin_v1");
  if ((*exports)->count == 1) return;
  find(run, "How it is proved",
       "it exports " + std::to_string((*exports)->count) + " symbols, and should export cleat_plugin_v1 alone: link it with plugin_api/exports.map");
}

// --- life ---

void load_case(CaseRun& run) {
  run.doing(std::string(kLoading));
  Watched host(run, run.subject.options());
  if (!must_serve(run, host)) return;
  run.doing("on_event(cleat.reopen)");
  host->event(CLEAT_EVENT_REOPEN, "cleat.reopen", {});
  run.doing("timers, for an hour");
  host->step(60 * 60 * 1000);
  run.doing("on_drain");
  host->ask(hooks::Hook::kDrain, &cleat_plugin::on_drain);
}

void twice_case(CaseRun& run) {
  for (int i = 0; i < 2; ++i) {
    run.doing(i == 0 ? "the first time" : "once more, after destroy");
    Watched host(run, run.subject.options());
    if (!must_serve(run, host)) return;
    host.drive_it({.name = "plain"});
  }
}

void reload_case(CaseRun& run) {
  run.doing(std::string(kLoading));
  Watched host(run, run.subject.options());
  if (!must_serve(run, host)) return;
  const std::uint64_t connection = host->connect(*parse_address("192.0.2.7:40008"));
  for (int i = 0; i < kReloads; ++i) {
    run.doing("reload " + std::to_string(i + 1));
    if (!host->renew()) return find(run, "Order", "the same configuration is refused at a reload: " + host->error);
    host.drive_it({.name = "plain, after a reload"}, host->find(*host->connection(connection)) == nullptr ? 0 : connection);
  }
}

// --- state that is handed over ---

// Changed, cut off, or made up: what another build of the plugin, or a mistake in it, may have written.
State junk_of(const State& real, int number, std::uint64_t& seed) {
  State junk = real;
  const std::size_t size = junk.bytes.size();
  if (number % 4 == 0 || size == 0) {
    junk.bytes.assign(static_cast<std::size_t>(next_random(seed) % 300), '\0');
    for (char& c : junk.bytes) c = static_cast<char>(next_random(seed));
  } else if (number % 4 == 1) {
    junk.bytes.resize(static_cast<std::size_t>(next_random(seed) % size));
  } else {
    for (std::uint64_t i = next_random(seed) % 4 + 1; i > 0; --i) junk.bytes[next_random(seed) % size] ^= static_cast<char>(1U << next_random(seed) % 8);
  }
  return junk;
}

bool hands_over(Host& host) {
  const auto& instances = host.generation()->instances;
  return std::any_of(instances.begin(), instances.end(), [](const auto& one) { return one->handover != nullptr; });
}

void handover_case(CaseRun& run) {
  constexpr const char* kSection = "ext/handover.h";
  const auto renewed = [&](Watched& host, const std::string& what) {
    if (host->renew()) return;
    if (host->error.find("without saying why") != std::string::npos) find(run, kSection, what + ": the reload is refused without saying why");
  };
  handover() = {};
  run.doing(std::string(kLoading));
  Watched host(run, run.subject.options());
  if (!must_serve(run, host)) return;
  if (!hands_over(*host)) {
    return run.skipped("it has no " CLEAT_EXT_HANDOVER ": a new instance begins anew");
  }
  host.drive_it({.name = "plain"});
  host.drive_it({.name = "body", .method = "POST", .body = "a=b"});
  run.doing("its own state, handed over");
  renewed(host, "its own state");
  const Handover own = handover();
  if (own.gave.has_value() && *own.gave != CLEAT_OK && *own.gave != CLEAT_NOT_FOUND) find(run, kSection, "give failed");
  if (own.answered.has_value() && *own.answered != CLEAT_OK) find(run, kSection, "it does not take what it has given itself");
  host.drive_it({.name = "plain, after it was handed over"});
  const State real = own.answered.has_value() ? own.taken : State{1, {}};

  run.doing("a format that it cannot know");
  handover().instead = State{real.format ^ UINT32_C(0x5eed0000), real.bytes};
  renewed(host, "a format that it cannot know");
  if (handover().answered == CLEAT_OK) find(run, kSection, "a state of a format that it cannot know is taken without a word");
  std::uint64_t seed = run.seed;
  for (int i = -1; i < kJunk; ++i) {
    handover().instead = i < 0 ? State{real.format, std::string(1024 * 1024, '\xff')} : junk_of(real, i, seed);
    run.doing("a state that is none, number " + std::to_string(i + 1));
    renewed(host, "a state that is none");
    host.drive_it({.name = "plain, after a state that is none, number " + std::to_string(i + 1)});
  }
  handover() = {};
}

void pretend_case(CaseRun& run, Pretence what) {
  pretend(what, run.subject.note.requires_);
  run.doing(std::string(kLoading));
  Watched host(run, run.subject.options());
  if (!host.serving()) {
    if (what == Pretence::kOlder && !silent(host->error)) {
      return run.skipped("it refuses a host that has no more than its note requires, and says why: " + host->error);
    }
    return find(run, "rule 4", "on that host it could not be loaded: " + host->error);
  }
  host.drive_it({.name = "plain"});
  host.drive_it({.name = "body", .method = "POST", .body = "a=b"});
  host.drive_it({.name = "reset", .fails = CLEAT_END_RESET});
}

void older_case(CaseRun& run) { pretend_case(run, Pretence::kOlder); }
void newer_case(CaseRun& run) { pretend_case(run, Pretence::kNewer); }

// --- exchanges ---

void odd_case(CaseRun& run) {
  run.doing(std::string(kLoading));
  Watched host(run, run.subject.options());
  if (!must_serve(run, host)) return;
  for (const Scenario& one : odd_scenarios()) host.drive_it(one);
}

void connection_case(CaseRun& run) {
  run.doing(std::string(kLoading));
  Watched host(run, run.subject.options());
  if (!must_serve(run, host)) return;
  run.doing("a connection that is closed without a request");
  const std::uint64_t idle = host->connect(*parse_address("[2001:db8::1]:40009"));
  host->on_worker([&] {
    if (Connection* const one = host->find(*host->connection(idle))) one->cut(false);
  });
  const std::uint64_t kept = host->connect(*parse_address("192.0.2.7:40008"));
  for (int i = 0; i < 50; ++i) {
    ConnectionRecord* const of = host->connection(kept);
    host.drive_it({.name = "one of many on a connection"}, of->wire == nullptr ? 0 : kept);
  }
}

void random_case(CaseRun& run) {
  run.doing(std::string(kLoading));
  Watched host(run, run.subject.options());
  if (!must_serve(run, host)) return;
  std::uint64_t seed = run.seed;
  for (int i = 0; i < kRandom; ++i) {
    const std::uint64_t now = seed;
    Scenario one = random_scenario(seed);
    one.name = "random head, --seed " + std::to_string(now) + " and the first";
    host.drive_it(one);
  }
}

// --- what it takes, and what it does when there is nothing to take ---

std::size_t in_use() { return mallinfo2().uordblks; }

// Bytes by which each of so many repetitions grows what is in use: the lesser of two rounds, so that what comes to rest is not counted.
std::size_t growth(int times, const std::function<void()>& repeat) {
  std::size_t least = SIZE_MAX;
  for (int round = 0; round < 2; ++round) {
    const std::size_t before = in_use();
    for (int i = 0; i < times; ++i) repeat();
    const std::size_t after = in_use();
    least = std::min(least, after > before ? (after - before) / static_cast<std::size_t>(times) : 0);
  }
  return least;
}

std::size_t growth_by_exchanges(Host& host, const Scenario& scenario) {
  std::uint64_t connection = 0;
  const auto one = [&] {
    const ConnectionRecord* const kept = connection == 0 ? nullptr : host.connection(connection);
    if (kept == nullptr || kept->wire == nullptr) {
      host.wires->connections.erase(connection);
      connection = host.connect(*parse_address("192.0.2.7:40008"));
    }
    drive(host, scenario, connection);
  };
  for (int i = 0; i < kWarm; ++i) one();
  return growth(kSteady, one);
}

void leak_case(CaseRun& run) {
  if (!allocations::supported()) return run.skipped("builds with sanitizers look for leaks themselves");
  const Scenario post{.name = "body", .method = "POST", .headers = run.subject.headers, .body = "a=b"};
  HostOptions options = run.subject.options();
  options.checked = false;  // what it remembers would be counted, as would what it keeps of the log
  options.lines_max = 0;
  options.bare = true;
  options.handler = false;
  run.doing("exchanges without the plugin");
  std::size_t by_host = 0;
  {
    Host host(options);
    by_host = growth_by_exchanges(host, post);
  }
  options.bare = false;
  options.handler = run.subject.handler;
  run.doing(std::string(kLoading));
  Host host(options);
  if (!host.serving()) return find(run, "Order", "it could not be loaded: " + host.error);
  run.doing("exchanges, by the hundred");
  const std::size_t by_exchange = growth_by_exchanges(host, post);
  if (by_exchange > by_host + kGrowthBytesMax) find(run, "rule 6", "each exchange leaves about " + std::to_string(by_exchange - by_host) + " bytes behind");
  run.doing("reloads");
  const auto reload = [&] { host.renew(); };
  for (int i = 0; i < kReloads; ++i) reload();
  const std::size_t by_instance = growth(2 * kReloads, reload);
  if (by_instance > kInstanceBytesMax) find(run, "rule 6", "each instance leaves about " + std::to_string(by_instance) + " bytes behind");
}

// Each allocation of give, then of take, once: either instance may serve afterwards.
void memory_of_handover(CaseRun& run, Watched& host) {
  for (std::uint64_t Handover::*const which : {&Handover::fail_give, &Handover::fail_take}) {
    const std::string name = which == &Handover::fail_give ? "give" : "take";
    for (std::uint64_t number = 1; number <= kFailuresMax; ++number) {
      handover() = {};
      handover().*which = number;
      run.doing("allocation " + std::to_string(number) + " of " + name + " fails");
      host->renew();
      const bool failed = handover().failed;
      handover() = {};
      host.drive_it({.name = "plain, after allocation " + std::to_string(number) + " of " + name + " failed"});
      if (!failed) break;
    }
  }
  run.doing("its own state, handed over after allocations failed");
  if (!host->renew()) find(run, "ext/handover.h", "after allocations of give and take failed, the state is refused: " + host->error);
}

void memory_case(CaseRun& run) {
  if (!allocations::supported()) return run.skipped("allocations cannot be made to fail in a build with sanitizers, or for this processor");
  allocations::watch();
  for (std::uint64_t number = 1; number <= kFailuresMax; ++number) {
    run.doing("allocation " + std::to_string(number) + " of create fails");
    allocations::fail_at(number);
    Watched host(run, run.subject.options());
    const bool failed = allocations::failed();
    allocations::fail_at(0);
    if (!failed) break;
    if (host.serving()) host.drive_it({.name = "plain, after allocation " + std::to_string(number) + " of create failed"});
  }
  Watched host(run, run.subject.options());
  if (!must_serve(run, host)) return;
  const Scenario post{.name = "body", .method = "POST", .headers = run.subject.headers, .body = "a=b"};
  for (std::uint64_t number = 1; number <= kFailuresMax; ++number) {
    run.doing("allocation " + std::to_string(number) + " of an exchange's hooks fails");
    allocations::fail_at(number);
    if (drive(*host, post) == Driven::kStuck) {
      find(run, "on_end", "an exchange does not end after allocation " + std::to_string(number) + " in its hooks failed");
    }
    const bool failed = allocations::failed();
    allocations::fail_at(0);
    if (!failed) break;
  }
  host.drive_it({.name = "plain, after allocations failed"});
  if (hands_over(*host)) memory_of_handover(run, host);
}

// --- configuration ---

std::string create_with(CaseRun& run, const std::string& config, bool& taken) {
  HostOptions options = run.subject.options();
  options.config = config;
  Watched host(run, std::move(options));
  taken = host.serving();
  return host->error;
}

void config_case(CaseRun& run) {
  bool taken = false;
  config::Diagnostics ignored("config");
  const config::Document document = config::parse_document(run.subject.config.empty() ? "{}" : run.subject.config, ignored);
  const bool is_map = document.root != nullptr && document.root->type == config::Node::Type::kMap;
  std::set<std::string> keys;
  if (is_map) {
    for (const auto& one : document.root->members) keys.insert(one.key);
  }
  // The map again, with one value in the place of another.
  const auto with = [&](const std::string& key, const std::string& value) {
    std::string text = "{";
    for (const auto& one : document.root->members) {
      if (one.key == key) continue;
      text += "\"" + one.key + "\": " + config::to_json(*one.value) + ", ";
    }
    return text + "\"" + key + "\": " + value + "}";
  };
  if (is_map) {
    run.doing("a key that it cannot know");
    const std::string error = create_with(run, with(kUnknownKey, "1"), taken);
    if (taken) find(run, "ext/config.h", "a key that it cannot know is taken without a word");
    if (!taken && error.find(kUnknownKey) == std::string::npos) {
      find(run, "ext/config.h", "a key that it cannot know is refused, but the message does not name it: " + error);
    }
  }
  run.doing("a list in place of its map");
  std::string error = create_with(run, "[1, [2], {a: b}]", taken);
  if (taken) find(run, "ext/config.h", "a list in place of its map is taken without a word");
  if (!taken && silent(error)) find(run, "ext/config.h", "a list in place of its map is refused without saying why");
  for (const std::string& key : keys) {
    for (const char* const value : {"{\"a\": {\"b\": [1]}}", "[[[1]]]", "\"\"", "-1", "\"\\u0000\\u00ff\"", "99999999999999999999", "null"}) {
      run.doing(key + ": " + value);
      error = create_with(run, with(key, value), taken);
      if (!taken && silent(error)) find(run, "ext/config.h", key + ": " + value + " is refused without saying why");
      if (!taken && error.find("threw") != std::string::npos) find(run, "rule 3", key + ": " + value + ": " + error);
    }
  }
}

}  // namespace

const std::vector<Case>& cases() {
  static const std::vector<Case> all = {
      {"file", "what it exports, its note, its machine; nothing of it is run", file_case},
      {"load", "loaded, created, timers for an hour, drained, destroyed, without an exchange", load_case},
      {"twice", "created again after it was destroyed", twice_case},
      {"reload", "20 reloads, with exchanges between", reload_case},
      {"handover", "its state handed to the next instance; a format that it cannot know, and 101 states that are none", handover_case},
      {"older host", "a host with no extension but those that its note requires", older_case},
      {"newer host", "a host of a newer ABI, with a larger table", newer_case},
      {"odd exchanges", "29 requests and responses out of the ordinary", odd_case},
      {"connections", "one without a request, one with many", connection_case},
      {"random exchanges", "400 random heads and bodies, by --seed", random_case},
      {"no memory", "each allocation of create, of an exchange's hooks, of give and of take, fails once", memory_case},
      {"leaks", "what exchanges and instances leave behind in the long run", leak_case},
      {"configuration", "keys it cannot know, and values of the wrong type", config_case},
  };
  return all;
}

}  // namespace cleat::kit
