// The C++ wrapper against a small host made here: which hooks are in the table, where exceptions end up, when states are
// destroyed, what the typed configuration reads. The plugin under test is this program's own.
#include "plugin_api/cpp/cleat.hpp"

#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <map>
#include <new>
#include <set>

using namespace std::chrono_literals;

namespace {

// --- a host: configuration nodes are numbers, everything else is a log of what was called ---

struct Node {
  std::uint32_t type;
  std::string text;
  std::vector<std::pair<std::string, cleat_config>> members;
};

struct FakeHost {
  std::map<cleat_config, Node> nodes;
  std::vector<std::string> config_errors, log;
  std::string error;
  std::map<cleat_exchange, std::vector<char>> states;
  std::map<std::uint64_t, std::pair<cleat_timer_fn, void*>> timers;
  cleat_post_fn posted = nullptr;
  void* posted_user = nullptr;
  void* route = nullptr;
  std::string reply_body;
  std::string state;  // that is handed over

  cleat_config add(Node node) {
    const cleat_config id = nodes.size() + 1;
    nodes[id] = std::move(node);
    return id;
  }
  cleat_config scalar(std::string text) { return add({CLEAT_CONFIG_SCALAR, std::move(text), {}}); }
  cleat_config map(std::vector<std::pair<std::string, cleat_config>> members) { return add({CLEAT_CONFIG_MAP, "", std::move(members)}); }
  cleat_config list(std::vector<cleat_config> members) {
    Node node{CLEAT_CONFIG_LIST, "", {}};
    for (const cleat_config each : members) node.members.emplace_back("", each);
    return add(std::move(node));
  }
};

FakeHost fake;

cleat_status config_type(cleat_config node, std::uint32_t* type) {
  *type = node == 0 ? CLEAT_CONFIG_NULL : fake.nodes[node].type;
  return CLEAT_OK;
}
cleat_status config_refuse(std::string what) {
  fake.config_errors.push_back(std::move(what));
  return CLEAT_INVALID;
}
cleat_status config_get(cleat_config node, cleat_str key, cleat_config* value) {
  if (fake.nodes[node].type != CLEAT_CONFIG_MAP) return config_refuse("not a map");
  for (const auto& [name, member] : fake.nodes[node].members) {
    if (name == cleat::to_view(key)) {
      *value = member;
      return CLEAT_OK;
    }
  }
  return CLEAT_NOT_FOUND;
}
cleat_status config_count(cleat_config node, std::uint64_t* count) {
  *count = fake.nodes[node].members.size();
  return CLEAT_OK;
}
cleat_status config_at(cleat_config node, std::uint64_t index, cleat_str* key, cleat_config* value) {
  const auto& member = fake.nodes[node].members.at(index);
  *key = cleat::to_str(member.first);
  *value = member.second;
  return CLEAT_OK;
}
cleat_status config_text(cleat_config node, cleat_str* value) {
  if (fake.nodes[node].type != CLEAT_CONFIG_SCALAR) return config_refuse("not a scalar");
  *value = cleat::to_str(fake.nodes[node].text);
  return CLEAT_OK;
}
cleat_status config_integer(cleat_config node, std::int64_t least, std::int64_t most, std::int64_t* value) {
  const std::int64_t number = std::strtoll(fake.nodes[node].text.c_str(), nullptr, 10);
  if (number < least || number > most) return config_refuse("out of range");
  *value = number;
  return CLEAT_OK;
}
cleat_status config_boolean(cleat_config node, std::uint32_t* value) {
  *value = fake.nodes[node].text == "true";
  return CLEAT_OK;
}
cleat_status config_number(cleat_config node, double* value) {
  *value = std::strtod(fake.nodes[node].text.c_str(), nullptr);
  return CLEAT_OK;
}
cleat_status config_unsigned(cleat_config node, std::uint64_t* value) {
  *value = std::strtoull(fake.nodes[node].text.c_str(), nullptr, 10);
  return CLEAT_OK;
}
cleat_status config_error(cleat_config, cleat_str text) {
  fake.config_errors.emplace_back(cleat::to_view(text));
  return CLEAT_OK;
}

const cleat_host_config kConfig = {sizeof(cleat_host_config), 0, config_type, config_get, config_count, config_at, config_text, config_integer,
                                   config_number, config_boolean, config_unsigned, config_unsigned, nullptr, config_error, config_text};

// A timer table as an older host might have it: `cancel` is beyond its size.
cleat_status timer_arm(cleat_instance, std::uint64_t owner, std::uint64_t, cleat_timer_fn fn, void* user, cleat_timer* timer) {
  fake.timers[owner] = {fn, user};
  *timer = 1;
  return CLEAT_OK;
}
const cleat_host_timer kTimer = {offsetof(cleat_host_timer, cancel), 0, timer_arm, nullptr,
                                 +[](cleat_timer) -> cleat_status { std::abort(); }};

cleat_status post_worker(cleat_instance, std::uint32_t worker, cleat_post_fn fn, void* user) {
  if (worker == 99) return CLEAT_LIMIT;
  fake.posted = fn;
  fake.posted_user = user;
  return CLEAT_OK;
}
const cleat_host_post kPost = {sizeof(cleat_host_post), 0, nullptr, post_worker};

const cleat_host_handover kHandover = {sizeof(cleat_host_handover), 0, [](std::uint64_t handover, cleat_str bytes) -> cleat_status {
                                         if (handover != 5) return CLEAT_STALE;
                                         fake.state += cleat::to_view(bytes);
                                         return CLEAT_OK;
                                       }};

const void* find(cleat_str id) {
  if (cleat::to_view(id) == CLEAT_EXT_HANDOVER) return &kHandover;
  if (cleat::to_view(id) == CLEAT_EXT_CONFIG) return &kConfig;
  if (cleat::to_view(id) == CLEAT_EXT_TIMER) return &kTimer;
  if (cleat::to_view(id) == CLEAT_EXT_POST) return &kPost;
  return nullptr;
}

cleat_host make_host() {
  cleat_host host{};
  host.size = sizeof host;
  host.abi = CLEAT_ABI;
  host.find = find;
  host.log = [](cleat_instance, std::uint32_t, cleat_str text) {
    fake.log.emplace_back(cleat::to_view(text));
    return CLEAT_OK;
  };
  host.set_error = [](cleat_str text) {
    fake.error = cleat::to_view(text);
    return CLEAT_OK;
  };
  host.error_text = [](char*, std::uint64_t, std::uint64_t* needed) {
    *needed = 0;
    return CLEAT_OK;
  };
  host.exchange_state = [](cleat_exchange x, std::uint64_t size, void** state) {
    auto found = fake.states.find(x);
    if (found == fake.states.end()) {
      if (size == 0) return CLEAT_NOT_FOUND;
      found = fake.states.emplace(x, std::vector<char>(size)).first;
    }
    *state = found->second.data();
    return CLEAT_OK;
  };
  host.route_config = [](cleat_exchange, void** route) {
    *route = fake.route;
    return fake.route != nullptr ? CLEAT_OK : CLEAT_NOT_FOUND;
  };
  host.reply = [](cleat_exchange, const cleat_reply* reply) {
    if (reply->status == 100) return CLEAT_INVALID;
    fake.reply_body = cleat::to_view(reply->body);
    return CLEAT_OK;
  };
  return host;
}

// --- the plugin ---

int states_alive = 0;

struct Item {
  Item() = default;
  explicit Item(cleat::Config config) : name(config.required<std::string>("name")), weight(config.get("weight", 1, {.least = 1, .most = 9})) {}
  std::string name;
  int weight = 0;
};

class Subject : public cleat::Plugin {
 public:
  explicit Subject(cleat::Config config) : label(config.get<std::string>("label", "none")) {
    seen = this;
    items = config.get<std::vector<Item>>("items");
    pause = config.get<std::chrono::milliseconds>("pause", 5ms);
    size = config.get<cleat::Bytes>("size", {7}).value;
    small = config.get<std::uint8_t>("small", 3);
    sizes = config.get<std::map<std::string, int>>("sizes");
    maybe = config.get<std::optional<double>>("maybe");
    mode = config.choice<int>("mode", {{"a", 1}, {"b", 2}}, 0);
    if (label == "throw") throw std::runtime_error("no");
    if (label == "config") throw cleat::ConfigError(config["label"], "not this one");
  }
  ~Subject() { seen = nullptr; }

  struct Route {
    Route(cleat::Config config, const Subject& plugin) : label(config.get<std::string>("label", plugin.label)) {}
    std::string label;
  };
  struct State : cleat::DestroyedOnEnd {
    State() noexcept { ++states_alive; }
    ~State() { --states_alive; }
    int count = 41;
  };

  cleat::Verdict on_request(cleat::Exchange x) {
    if (label == "unsubscribe") {
      x.state<State>();
      return kUnsubscribe;
    }
    if (label == "fail") throw std::runtime_error("hook failed");
    if (label == "int") throw 5;
    if (label == "bad_reply") return x.reply({.status = 100});
    if (label == "reply") return x.reply({.status = 418, .body = "short"});
    count = ++x.state<State>()->count;
    return cleat::kContinue;
  }
  void on_response(cleat::Exchange x) {
    if (const Route* route = x.route<Route>()) label = route->label;
  }
  void on_end(cleat::Exchange) {
    if (label == "throw_at_end") throw std::runtime_error("late");
  }

  cleat::Verdict on_handle(cleat::Exchange x) { return x.reply({}); }

  void give_state(cleat::StateWriter& to) {
    if (label == "fail") throw std::runtime_error("nothing to see here");
    to.format(3);
    if (label != "nothing") to.write("label ");
    if (label != "nothing") to.write(label);
  }
  bool take_state(std::uint32_t format, std::string_view bytes) {
    if (bytes.empty()) throw std::runtime_error("no bytes");
    if (format == 3) label = bytes;
    return format == 3;
  }

  void start(cleat::Exchange x) {
    (void)arm<&Subject::expired>(x, 1ms, &count);
    timer_cancel = cleat::Timer(1).cancel();
    full = post_worker<&Subject::posted>(99, std::make_unique<State>());
    (void)post_worker<&Subject::posted>(0, std::make_unique<State>());
  }
  void expired(cleat::Exchange x, int* number) { *number = static_cast<int>(x.handle()); }
  void posted(std::unique_ptr<State> state) { count = state->count; }

  static inline Subject* seen = nullptr;
  std::string label;
  std::vector<Item> items;
  std::map<std::string, int> sizes;
  std::optional<double> maybe;
  std::chrono::milliseconds pause{};
  std::uint64_t size = 0;
  std::uint8_t small = 0;
  int mode = 0, count = 0;
  cleat::Status timer_cancel, full;
};

struct Loaded {
  const cleat_plugin* table;
  void* instance = nullptr;
  cleat_status status = CLEAT_OK;

  explicit Loaded(cleat_config config = 0) {
    static const cleat_host host = make_host();
    table = cleat_plugin_v1(&host);
    const cleat_create info = {sizeof(cleat_create), 2, 77, cleat::to_str("one"), config};
    status = table->create(&info, &instance);
  }
  explicit Loaded(const std::string& label) : Loaded(fake.map({{"label", fake.scalar(label)}})) {}
  ~Loaded() {
    if (instance != nullptr) table->destroy(instance);
  }
  Subject& plugin() { return *static_cast<Subject*>(instance); }
};

}  // namespace

CLEAT_PLUGIN(Subject, "name=subject\nversion=1.0.0\n");

TEST_CASE("only the hooks that the class declares are in the table") {
  fake = {};
  const Loaded loaded;
  const cleat_plugin& table = *loaded.table;
  CHECK(table.size == sizeof(cleat_plugin));
  CHECK(table.abi == CLEAT_ABI);
  CHECK((table.create && table.destroy && table.route_create && table.route_destroy && table.on_request && table.on_response && table.on_end && table.find));
  CHECK_FALSE((table.validate || table.worker_start || table.worker_stop || table.on_connection || table.on_tls || table.on_connection_end ||
               table.on_route || table.on_request_body || table.on_request_trailers || table.on_attempt || table.on_attempt_end ||
               table.on_response_body || table.on_response_trailers || table.on_reply || table.on_event || table.on_drain || table.on_shutdown));
  const auto* handler = static_cast<const cleat_plugin_handler*>(table.find(cleat::to_str(CLEAT_EXT_HANDLER)));
  REQUIRE(handler);
  CHECK((handler->size == sizeof *handler && handler->on_handle && !handler->on_handle_body && !handler->on_writable && !handler->on_handle_end));
  CHECK_FALSE(table.find(cleat::to_str(CLEAT_EXT_BALANCER)));
}

TEST_CASE("a plugin knows its instance") {
  fake = {};
  Loaded loaded;
  CHECK(loaded.plugin().self() == 77);
  CHECK(loaded.plugin().name() == "one");
  CHECK(loaded.plugin().workers() == 2);
}

TEST_CASE("absent configuration gives the defaults, and no error") {
  fake = {};
  Loaded loaded;
  REQUIRE(loaded.status == CLEAT_OK);
  Subject& plugin = loaded.plugin();
  CHECK((plugin.label == "none" && plugin.items.empty() && plugin.pause == 5ms && plugin.size == 7 && plugin.small == 3 && plugin.mode == 0 && !plugin.maybe));
  CHECK(fake.config_errors.empty());
}

TEST_CASE("configuration is read into typed values") {
  fake = {};
  const auto item = [](const char* name, const char* weight) { return fake.map({{"name", fake.scalar(name)}, {"weight", fake.scalar(weight)}}); };
  Loaded loaded(fake.map({{"items", fake.list({item("a", "2"), item("b", "9")})},
                          {"pause", fake.scalar("250")},
                          {"sizes", fake.map({{"x", fake.scalar("1")}})},
                          {"maybe", fake.scalar("0.5")},
                          {"mode", fake.scalar("b")}}));
  REQUIRE(loaded.status == CLEAT_OK);
  Subject& plugin = loaded.plugin();
  REQUIRE(plugin.items.size() == 2);
  CHECK((plugin.items[1].name == "b" && plugin.items[1].weight == 9));
  CHECK(plugin.pause == 250ms);
  CHECK(plugin.sizes == std::map<std::string, int>{{"x", 1}});
  CHECK(plugin.maybe == 0.5);
  CHECK(plugin.mode == 2);
}

TEST_CASE("every mistake is recorded, reading goes on, and create fails") {
  fake = {};
  Loaded loaded(fake.map({{"items", fake.list({fake.map({{"weight", fake.scalar("10")}})})},
                          {"small", fake.scalar("256")},
                          {"sizes", fake.scalar("x")},
                          {"mode", fake.scalar("c")}}));
  CHECK(loaded.status == CLEAT_FAILED);
  CHECK(loaded.instance == nullptr);
  CHECK(Subject::seen == nullptr);
  CHECK(fake.config_errors == std::vector<std::string>{"\"name\" is required", "out of range", "out of range", "must be a map", "must be one of: a, b"});
}

TEST_CASE("an exception of the constructor is a failed create, with its words") {
  fake = {};
  CHECK(Loaded("throw").status == CLEAT_FAILED);
  CHECK(fake.error == "no");
  CHECK(Loaded("config").status == CLEAT_FAILED);
  CHECK(fake.config_errors == std::vector<std::string>{"not this one"});
}

TEST_CASE("an exception of a hook is FAIL, with its words") {
  fake = {};
  Loaded loaded("fail");
  CHECK(loaded.table->on_request(loaded.instance, 1) == CLEAT_FAIL);
  CHECK(fake.error == "hook failed");
  Loaded other("int");
  CHECK(other.table->on_request(other.instance, 1) == CLEAT_FAIL);
  CHECK(fake.error == "an exception that is not a std::exception");
}

TEST_CASE("an exception of a hook without a verdict is a line in the log") {
  fake = {};
  Loaded loaded("throw_at_end");
  loaded.table->on_end(loaded.instance, 1);
  CHECK(fake.log == std::vector<std::string>{"late"});
}

TEST_CASE("a reply is REPLIED, one the host refuses is FAIL") {
  fake = {};
  Loaded loaded("reply"), bad("bad_reply");
  CHECK(loaded.table->on_request(loaded.instance, 1) == CLEAT_REPLIED);
  CHECK(fake.reply_body == "short");
  CHECK(bad.table->on_request(bad.instance, 1) == CLEAT_FAIL);
}

TEST_CASE("a state is made once for an exchange and destroyed after on_end") {
  fake = {};
  Loaded loaded;
  CHECK(loaded.table->on_request(loaded.instance, 1) == CLEAT_CONTINUE);
  CHECK(loaded.table->on_request(loaded.instance, 1) == CLEAT_CONTINUE);
  CHECK(loaded.plugin().count == 43);
  CHECK(loaded.table->on_request(loaded.instance, 2) == CLEAT_CONTINUE);
  CHECK(states_alive == 2);
  loaded.table->on_end(loaded.instance, 1);
  loaded.table->on_end(loaded.instance, 2);
  loaded.table->on_end(loaded.instance, 3);  // never had one
  CHECK(states_alive == 0);
}

TEST_CASE("a state is destroyed by UNSUBSCRIBE, after which there is no on_end") {
  fake = {};
  Loaded loaded("unsubscribe");
  CHECK(loaded.table->on_request(loaded.instance, 1) == CLEAT_UNSUBSCRIBE);
  CHECK(states_alive == 0);
}

TEST_CASE("a route's configuration is an object of the plugin's own type") {
  fake = {};
  Loaded loaded("mine");
  void* route = nullptr;
  REQUIRE(loaded.table->route_create(loaded.instance, 0, &route) == CLEAT_OK);
  CHECK(static_cast<Subject::Route*>(route)->label == "mine");
  loaded.table->route_destroy(loaded.instance, route);
  REQUIRE(loaded.table->route_create(loaded.instance, fake.map({{"label", fake.scalar("its own")}}), &route) == CLEAT_OK);
  fake.route = route;
  CHECK(loaded.table->on_response(loaded.instance, 1) == CLEAT_CONTINUE);
  CHECK(loaded.plugin().label == "its own");
  loaded.table->route_destroy(loaded.instance, route);
}

TEST_CASE("timers and posts call members, and what the host lacks is UNSUPPORTED") {
  fake = {};
  Loaded loaded;
  loaded.plugin().start(cleat::Exchange(12));
  fake.timers.at(12).first(loaded.instance, 12, fake.timers.at(12).second);
  CHECK(loaded.plugin().count == 12);
  CHECK(loaded.plugin().timer_cancel == CLEAT_UNSUPPORTED);  // beyond the host's table
  CHECK(loaded.plugin().full == CLEAT_LIMIT);
  CHECK(states_alive == 1);  // of the refused post it was destroyed, of the other the host has it
  fake.posted(loaded.instance, CLEAT_OK, 77, fake.posted_user);
  CHECK(loaded.plugin().count == 41);
  CHECK(states_alive == 0);
}

TEST_CASE("a post whose owner is gone only frees what it carried") {
  fake = {};
  Loaded loaded;
  loaded.plugin().start(cleat::Exchange(1));
  fake.posted(nullptr, CLEAT_STALE, 77, fake.posted_user);
  CHECK(states_alive == 0);
}

TEST_CASE("a state is written in pieces and read, and what it throws is a failure with its words") {
  fake = {};
  Loaded kept("kept");
  const auto* half = static_cast<const cleat_plugin_handover*>(kept.table->find(cleat::to_str(CLEAT_EXT_HANDOVER)));
  REQUIRE((half != nullptr && half->size == sizeof *half));
  std::uint32_t format = 0;
  CHECK(half->give(kept.instance, 5, &format) == CLEAT_OK);
  CHECK((fake.state == "label kept" && format == 3));
  CHECK(half->give(Loaded("nothing").instance, 5, &format) == CLEAT_NOT_FOUND);
  CHECK(half->give(Loaded("fail").instance, 5, &format) == CLEAT_FAILED);
  CHECK(fake.error == "nothing to see here");
  CHECK(half->give(kept.instance, 6, &format) == CLEAT_FAILED);  // the host refuses a write

  CHECK(half->take(kept.instance, 3, cleat::to_str("label new")) == CLEAT_OK);
  CHECK(kept.plugin().label == "label new");
  CHECK(half->take(kept.instance, 4, cleat::to_str("x")) == CLEAT_UNSUPPORTED);
  CHECK(half->take(kept.instance, 3, cleat_str{}) == CLEAT_FAILED);
  CHECK(fake.error == "no bytes");
}

TEST_CASE("extensions that are absent answer UNSUPPORTED") {
  fake = {};
  Loaded loaded;
  const cleat::Exchange x(1);
  CHECK(x.request_body().stream() == CLEAT_UNSUPPORTED);
  CHECK(x.text(CLEAT_ATTR_ROUTE).status() == CLEAT_UNSUPPORTED);
  CHECK(cleat::MetadataKey("a.b").set(x, "c") == CLEAT_UNSUPPORTED);
  cleat::Counter().add();
}
