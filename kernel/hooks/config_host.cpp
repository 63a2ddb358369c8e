#include "kernel/hooks/config_host.hpp"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <unordered_map>

#include "kernel/hooks/instance.hpp"
#include "plugin_api/ext/config.h"

namespace cleat::hooks {

// A handle: the call's number, never used again, in the upper 32 bits; the node's, from 1, in the lower.
struct ConfigCall::State {
  std::uint64_t number = 0;
  State* outer = nullptr;  // of a call made while another is running on this thread
  config::Diagnostics& diagnostics;
  std::size_t errors_before;
  const config::Node* config;
  config::Node absent;
  bool used = false;       // the plugin looked at the root
  std::vector<const config::Node*> nodes;
  std::unordered_map<const config::Node*, std::uint32_t> numbers;
  std::unordered_map<const config::Node*, std::string> json, paths;  // what views point to

  cleat_config handle(const config::Node* node) {
    const auto [at, fresh] = numbers.try_emplace(node, static_cast<std::uint32_t>(nodes.size()) + 1);
    if (fresh) nodes.push_back(node);
    return number << 32 | at->second;
  }
};

namespace {

constinit thread_local ConfigCall::State* current = nullptr;

// Calls that are running, of all threads: to tell a node of another thread from one that is gone.
struct Running {
  std::mutex mutex;
  std::vector<std::uint64_t> numbers;
  std::uint64_t next = 1;
};
Running& running() {
  static Running all;
  return all;
}

using State = ConfigCall::State;

// The call that the handle's node was given to, and the node; nullptr, and a status that says why.
State* find(cleat_config handle, const config::Node*& node, cleat_status& status) {
  const std::uint64_t number = handle >> 32;
  for (State* state = current; state != nullptr; state = state->outer) {
    if (state->number != number) continue;
    const std::uint64_t at = handle & 0xffffffff;
    if (at == 0 || at > state->nodes.size()) {
      status = fail_call(CLEAT_INVALID, "config: no such node was handed out");
      return nullptr;
    }
    if (at == 1) state->used = true;
    node = state->nodes[at - 1];
    return state;
  }
  Running& all = running();
  const std::lock_guard lock(all.mutex);
  const bool runs = std::find(all.numbers.begin(), all.numbers.end(), number) != all.numbers.end();
  status = runs ? fail_call(CLEAT_WRONG_THREAD, "config: read it on the thread that the call was made on")
                : fail_call(CLEAT_STALE, "config: the call that this node was given to has returned");
  return nullptr;
}

// A function of the table from one that is called with the node.
template <auto kFunction>
struct WithNode;
template <class... Arguments, cleat_status (*kFunction)(State&, const config::Node&, Arguments...)>
struct WithNode<kFunction> {
  static cleat_status call(cleat_config handle, Arguments... arguments) {
    cleat_status status;
    const config::Node* node = nullptr;
    State* const state = find(handle, node, status);
    return state == nullptr ? status : kFunction(*state, *node, arguments...);
  }
};
template <auto kFunction>
constexpr auto with_node = WithNode<kFunction>::call;

cleat_status null_output() { return fail_call(CLEAT_INVALID, "config: an output is NULL"); }

// After a config::read_* function, whose error is recorded at the node: it is shown to the plugin as well.
cleat_status said(const config::Node& node, bool good) {
  return good ? CLEAT_OK : fail_call(CLEAT_INVALID, "config: " + node.path + " is not of the wanted form; an error was recorded");
}

cleat_status config_type(State&, const config::Node& node, std::uint32_t* type) {
  if (type == nullptr) return null_output();
  switch (node.type) {
    case config::Node::Type::kNull: *type = CLEAT_CONFIG_NULL; break;
    case config::Node::Type::kScalar: *type = CLEAT_CONFIG_SCALAR; break;
    case config::Node::Type::kList: *type = CLEAT_CONFIG_LIST; break;
    case config::Node::Type::kMap: *type = CLEAT_CONFIG_MAP; break;
  }
  return CLEAT_OK;
}

cleat_status config_get(State& state, const config::Node& node, cleat_str key, cleat_config* value) {
  if (value == nullptr || bad(key)) return null_output();
  if (node.type != config::Node::Type::kMap && node.type != config::Node::Type::kNull) {
    state.diagnostics.error(node, "must be a map");
    return fail_call(CLEAT_INVALID, "config: " + node.path + " is not a map");
  }
  // A null node stands for a map with nothing in it: all that a plugin may leave out is left out.
  const config::Node* member = node.get(to_view(key));
  if (member == nullptr) return fail_call(CLEAT_NOT_FOUND, "config: no such key");
  *value = state.handle(member);
  return CLEAT_OK;
}

cleat_status config_count(State& state, const config::Node& node, std::uint64_t* count) {
  if (count == nullptr) return null_output();
  if (node.type == config::Node::Type::kScalar) {
    state.diagnostics.error(node, "must be a list or a map");
    return fail_call(CLEAT_INVALID, "config: " + node.path + " is neither a list nor a map");
  }
  *count = node.members.size();
  return CLEAT_OK;
}

cleat_status config_at(State& state, const config::Node& node, std::uint64_t index, cleat_str* key, cleat_config* value) {
  if (value == nullptr) return null_output();
  if (index >= node.members.size()) return fail_call(CLEAT_NOT_FOUND, "config: index beyond the last member");
  const config::Node::Member& member = node.members[index];
  member.asked = true;
  if (key != nullptr) *key = to_str(member.key);
  *value = state.handle(member.value.get());
  return CLEAT_OK;
}

cleat_status config_text(State& state, const config::Node& node, cleat_str* value) {
  if (value == nullptr) return null_output();
  std::string text;
  if (!config::read_text(node, state.diagnostics, text)) return said(node, false);
  *value = to_str(node.scalar);  // the node's own, so that the view lives as long as the node
  return CLEAT_OK;
}

cleat_status config_integer(State& state, const config::Node& node, std::int64_t least, std::int64_t most, std::int64_t* value) {
  return value == nullptr ? null_output() : said(node, config::read_integer(node, state.diagnostics, least, most, *value));
}

cleat_status config_number(State& state, const config::Node& node, double* value) {
  return value == nullptr ? null_output() : said(node, config::read_number(node, state.diagnostics, *value));
}

cleat_status config_boolean(State& state, const config::Node& node, std::uint32_t* value) {
  if (value == nullptr) return null_output();
  bool flag = false;
  if (!config::read_boolean(node, state.diagnostics, flag)) return said(node, false);
  *value = flag ? 1 : 0;
  return CLEAT_OK;
}

cleat_status config_duration(State& state, const config::Node& node, std::uint64_t* value) {
  if (value == nullptr) return null_output();
  std::chrono::milliseconds duration{};
  if (!config::read_duration(node, state.diagnostics, duration)) return said(node, false);
  *value = static_cast<std::uint64_t>(duration.count());
  return CLEAT_OK;
}

cleat_status config_bytes(State& state, const config::Node& node, std::uint64_t* value) {
  return value == nullptr ? null_output() : said(node, config::read_bytes(node, state.diagnostics, *value));
}

cleat_status config_json(State& state, const config::Node& node, cleat_str* text) {
  if (text == nullptr) return null_output();
  node.ask_all();
  const auto [at, fresh] = state.json.try_emplace(&node);
  if (fresh) at->second = config::to_json(node);
  *text = to_str(at->second);
  return CLEAT_OK;
}

cleat_status config_error(State& state, const config::Node& node, cleat_str text) {
  if (bad(text)) return null_output();
  state.diagnostics.error(node, text.size == 0 ? "refused by the plugin" : to_view(text));
  return CLEAT_OK;
}

cleat_status config_path(State& state, const config::Node& node, cleat_str* value) {
  if (value == nullptr) return null_output();
  std::string text;
  if (!config::read_text(node, state.diagnostics, text)) return said(node, false);
  if (text.empty() || text.find('\0') != std::string::npos) {
    state.diagnostics.error(node, "must be a path");
    return said(node, false);
  }
  std::string& path = state.paths[&node] = config::beside(state.diagnostics.file(), text);
  *value = to_str(path);
  return CLEAT_OK;
}

}  // namespace

ConfigCall::ConfigCall(const config::Node* config, const config::Node* at, config::Diagnostics& diagnostics)
    : state_(new State{.diagnostics = diagnostics, .errors_before = diagnostics.count(), .config = config, .absent = {}, .nodes = {},
                       .numbers = {}, .json = {}, .paths = {}}) {
  if (at != nullptr) {
    state_->absent.position = at->position;
    state_->absent.label = at->label;
    state_->absent.path = at->path.empty() ? "config" : at->path + ".config";
  }
  {
    Running& all = running();
    const std::lock_guard lock(all.mutex);
    state_->number = all.next;
    all.next = all.next == 0xffffffff ? 1 : all.next + 1;
    all.numbers.push_back(state_->number);
  }
  state_->handle(config != nullptr ? config : &state_->absent);
  state_->outer = current;
  current = state_.get();
}

ConfigCall::~ConfigCall() {
  current = state_->outer;
  Running& all = running();
  const std::lock_guard lock(all.mutex);
  std::erase(all.numbers, state_->number);
}

cleat_config ConfigCall::root() const { return state_->number << 32 | 1; }

bool ConfigCall::failed() const { return state_->diagnostics.count() != state_->errors_before; }

void ConfigCall::report(const config::Node& at, const std::string& what, const CallOutcome& outcome) const {
  if (!outcome.words.empty()) {
    state_->diagnostics.error(at, what + " failed: " + outcome.words);
  } else if (!failed()) {
    state_->diagnostics.error(at, what + " failed without saying why (status " + std::to_string(outcome.status) + ")");
  }
}

bool ConfigCall::accept() {
  const config::Node* config = state_->config;
  if (config != nullptr) {
    const bool says_something = config->type == config::Node::Type::kScalar || config->type == config::Node::Type::kList;
    if (says_something && !state_->used) state_->diagnostics.error(*config, "the plugin reads no configuration here");
    config::report_unknown_keys(*config, state_->diagnostics);
  }
  return !failed();
}

const cleat_host_config kHostConfig = {
    .size = sizeof(cleat_host_config),
    .reserved = 0,
    .type = with_node<config_type>,
    .get = with_node<config_get>,
    .count = with_node<config_count>,
    .at = with_node<config_at>,
    .text = with_node<config_text>,
    .integer = with_node<config_integer>,
    .number = with_node<config_number>,
    .boolean = with_node<config_boolean>,
    .duration_ms = with_node<config_duration>,
    .bytes = with_node<config_bytes>,
    .json = with_node<config_json>,
    .error = with_node<config_error>,
    .path = with_node<config_path>,
};

}  // namespace cleat::hooks
