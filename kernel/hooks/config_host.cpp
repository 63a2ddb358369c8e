#include "kernel/hooks/config_host.hpp"

#include <algorithm>
#include <atomic>
#include <filesystem>
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

// What every function of the table begins with: the node, or a status that says why there is none.
struct Found {
  ConfigCall::State* state = nullptr;
  const config::Node* node = nullptr;
  cleat_status status = CLEAT_OK;
};

Found find(cleat_config handle) {
  const std::uint64_t number = handle >> 32;
  for (ConfigCall::State* state = current; state != nullptr; state = state->outer) {
    if (state->number != number) continue;
    const std::uint64_t at = handle & 0xffffffff;
    if (at == 0 || at > state->nodes.size()) return {nullptr, nullptr, fail_call(CLEAT_INVALID, "config: no such node was handed out")};
    if (at == 1) state->used = true;
    return {state, state->nodes[at - 1], CLEAT_OK};
  }
  Running& all = running();
  const std::lock_guard lock(all.mutex);
  if (std::find(all.numbers.begin(), all.numbers.end(), number) != all.numbers.end()) {
    return {nullptr, nullptr, fail_call(CLEAT_WRONG_THREAD, "config: read it on the thread that the call was made on")};
  }
  return {nullptr, nullptr, fail_call(CLEAT_STALE, "config: the call that this node was given to has returned")};
}

bool bad(cleat_str text) { return text.data == nullptr && text.size != 0; }

cleat_status null_output() { return fail_call(CLEAT_INVALID, "config: an output is NULL"); }

// Runs a config::read_* function; its error is recorded at the node, and shown to the plugin as well.
template <class Read>
cleat_status scalar(cleat_config handle, const void* output, Read read) {
  if (output == nullptr) return null_output();
  const Found found = find(handle);
  if (found.node == nullptr) return found.status;
  if (!read(*found.node, *found.state)) {
    return fail_call(CLEAT_INVALID, "config: " + found.node->path + " is not of the wanted form; an error was recorded");
  }
  return CLEAT_OK;
}

cleat_status config_type(cleat_config handle, std::uint32_t* type) {
  if (type == nullptr) return null_output();
  const Found found = find(handle);
  if (found.node == nullptr) return found.status;
  switch (found.node->type) {
    case config::Node::Type::kNull: *type = CLEAT_CONFIG_NULL; break;
    case config::Node::Type::kScalar: *type = CLEAT_CONFIG_SCALAR; break;
    case config::Node::Type::kList: *type = CLEAT_CONFIG_LIST; break;
    case config::Node::Type::kMap: *type = CLEAT_CONFIG_MAP; break;
  }
  return CLEAT_OK;
}

cleat_status config_get(cleat_config handle, cleat_str key, cleat_config* value) {
  if (value == nullptr || bad(key)) return null_output();
  const Found found = find(handle);
  if (found.node == nullptr) return found.status;
  if (found.node->type != config::Node::Type::kMap && found.node->type != config::Node::Type::kNull) {
    found.state->diagnostics.error(*found.node, "must be a map");
    return fail_call(CLEAT_INVALID, "config: " + found.node->path + " is not a map");
  }
  // A null node stands for a map with nothing in it: all that a plugin may leave out is left out.
  const config::Node* member = found.node->get(to_view(key));
  if (member == nullptr) return fail_call(CLEAT_NOT_FOUND, "config: no such key");
  *value = found.state->handle(member);
  return CLEAT_OK;
}

cleat_status config_count(cleat_config handle, std::uint64_t* count) {
  if (count == nullptr) return null_output();
  const Found found = find(handle);
  if (found.node == nullptr) return found.status;
  if (found.node->type == config::Node::Type::kScalar) {
    found.state->diagnostics.error(*found.node, "must be a list or a map");
    return fail_call(CLEAT_INVALID, "config: " + found.node->path + " is neither a list nor a map");
  }
  *count = found.node->members.size();
  return CLEAT_OK;
}

cleat_status config_at(cleat_config handle, std::uint64_t index, cleat_str* key, cleat_config* value) {
  if (value == nullptr) return null_output();
  const Found found = find(handle);
  if (found.node == nullptr) return found.status;
  if (index >= found.node->members.size()) return fail_call(CLEAT_NOT_FOUND, "config: index beyond the last member");
  const config::Node::Member& member = found.node->members[index];
  member.asked = true;
  if (key != nullptr) *key = to_str(member.key);
  *value = found.state->handle(member.value.get());
  return CLEAT_OK;
}

cleat_status config_text(cleat_config handle, cleat_str* value) {
  return scalar(handle, value, [&](const config::Node& node, ConfigCall::State& state) {
    std::string text;
    if (!config::read_text(node, state.diagnostics, text)) return false;
    *value = to_str(node.scalar);  // the node's own, so that the view lives as long as the node
    return true;
  });
}

cleat_status config_integer(cleat_config handle, std::int64_t least, std::int64_t most, std::int64_t* value) {
  return scalar(handle, value, [&](const config::Node& node, ConfigCall::State& state) {
    return config::read_integer(node, state.diagnostics, least, most, *value);
  });
}

cleat_status config_number(cleat_config handle, double* value) {
  return scalar(handle, value, [&](const config::Node& node, ConfigCall::State& state) {
    return config::read_number(node, state.diagnostics, *value);
  });
}

cleat_status config_boolean(cleat_config handle, std::uint32_t* value) {
  return scalar(handle, value, [&](const config::Node& node, ConfigCall::State& state) {
    bool flag = false;
    if (!config::read_boolean(node, state.diagnostics, flag)) return false;
    *value = flag ? 1 : 0;
    return true;
  });
}

cleat_status config_duration(cleat_config handle, std::uint64_t* value) {
  return scalar(handle, value, [&](const config::Node& node, ConfigCall::State& state) {
    std::chrono::milliseconds duration{};
    if (!config::read_duration(node, state.diagnostics, duration)) return false;
    *value = static_cast<std::uint64_t>(duration.count());
    return true;
  });
}

cleat_status config_bytes(cleat_config handle, std::uint64_t* value) {
  return scalar(handle, value, [&](const config::Node& node, ConfigCall::State& state) {
    return config::read_bytes(node, state.diagnostics, *value);
  });
}

cleat_status config_json(cleat_config handle, cleat_str* text) {
  if (text == nullptr) return null_output();
  const Found found = find(handle);
  if (found.node == nullptr) return found.status;
  found.node->ask_all();
  const auto [at, fresh] = found.state->json.try_emplace(found.node);
  if (fresh) at->second = config::to_json(*found.node);
  *text = to_str(at->second);
  return CLEAT_OK;
}

cleat_status config_error(cleat_config handle, cleat_str text) {
  if (bad(text)) return null_output();
  const Found found = find(handle);
  if (found.node == nullptr) return found.status;
  found.state->diagnostics.error(*found.node, text.size == 0 ? "refused by the plugin" : to_view(text));
  return CLEAT_OK;
}

cleat_status config_path(cleat_config handle, cleat_str* value) {
  return scalar(handle, value, [&](const config::Node& node, ConfigCall::State& state) {
    std::string text;
    if (!config::read_text(node, state.diagnostics, text)) return false;
    if (text.empty() || text.find('\0') != std::string::npos) {
      state.diagnostics.error(node, "must be a path");
      return false;
    }
    const std::filesystem::path folder = std::filesystem::path(state.diagnostics.file()).parent_path();
    std::string& path = state.paths[&node];
    std::error_code ignored;
    const std::filesystem::path whole = std::filesystem::absolute(folder / text, ignored);  // an absolute `text` replaces the folder
    path = (ignored ? folder / text : whole).lexically_normal().string();
    *value = to_str(path);
    return true;
  });
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
    .type = config_type,
    .get = config_get,
    .count = config_count,
    .at = config_at,
    .text = config_text,
    .integer = config_integer,
    .number = config_number,
    .boolean = config_boolean,
    .duration_ms = config_duration,
    .bytes = config_bytes,
    .json = config_json,
    .error = config_error,
    .path = config_path,
};

}  // namespace cleat::hooks
