// Hands its state over (cleat.handover/1), honestly or not, as its configuration says. The state is a text: `state` of the first, then what each
// took, and "+" for each time that it was taken. A request is answered with it, and with what odd calls came to.
//   give: well (the default), nothing, fails, throws, throws_int, too_much, no_bytes, stale, elsewhere (from a thread of its own), later (a thread of
//         its own goes on writing after give has returned), crashes, blocks (1.5 s), hoards (it does not look
//         whether it got memory)
//   take: well (the default), unknown, fails, throws, credulous (it copies more than there is), keeps (it looks at the bytes again later), hoards
// Without the C++ wrapper, whose trampolines would catch what is thrown.
#include <chrono>
#include <cstdlib>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>

#include "plugin_api/ext/handover.h"
#include "report.h"

HOSTILE_NOTE("hands_over", "requires=cleat.config/1 cleat.handover/1\n");

namespace {

const cleat_host_config* config;
const cleat_host_handover* handover;

volatile char sink;
cleat_str kept;  // by take, for too long
std::mutex mutex;
std::string calls;  // guarded by mutex; of all instances of this file

void note(const char* what, cleat_status status) {
  const std::lock_guard lock(mutex);
  calls += std::string(what) + " " + status_name(status) + "\n";
}

struct Instance {
  std::string state, give, take;
  std::thread writer;
  ~Instance() {
    if (writer.joinable()) writer.join();
  }
};

std::string read(cleat_config root, const char* key) {
  cleat_config node = 0;
  cleat_str text{};
  if (config->get(root, to_str(key), &node) != CLEAT_OK || config->text(node, &text) != CLEAT_OK) return {};
  return std::string(text.data, text.size);
}

cleat_status create(const cleat_create* info, void** instance) {
  read(info->config, "again");  // another one makes another configuration
  *instance = new Instance{read(info->config, "state"), read(info->config, "give"), read(info->config, "take"), {}};
  return CLEAT_OK;
}

void destroy(void* instance) { delete static_cast<Instance*>(instance); }

// Memory that is written to, whether there is any or not.
void hoard() {
  char* volatile const block = static_cast<char*>(std::malloc(4096));
  block[0] = 1;
  std::free(block);
}

cleat_str view(const std::string& text) { return {text.data(), text.size()}; }

cleat_status give(void* instance, std::uint64_t to, std::uint32_t* format) {
  Instance& from = *static_cast<Instance*>(instance);
  *format = 1;
  if (from.give == "nothing") return CLEAT_NOT_FOUND;
  if (from.give == "fails") return CLEAT_FAILED;
  if (from.give == "throws") throw std::runtime_error("thrown by give");
  if (from.give == "throws_int") throw 42;
  if (from.give == "crashes") std::abort();
  if (from.give == "hoards") hoard();
  if (from.give == "blocks") std::this_thread::sleep_for(std::chrono::milliseconds(1500));
  if (from.give == "no_bytes") note("no_bytes", handover->write(to, {nullptr, 9}));
  if (from.give == "too_much") {
    const std::string block(1024 * 1024, 'x');
    cleat_status status = CLEAT_OK;
    for (int i = 0; i < 1000 && status == CLEAT_OK; ++i) status = handover->write(to, view(block));
    note("too_much", status);
    return CLEAT_OK;
  }
  if (from.give == "stale") {
    for (const std::uint64_t other : {std::uint64_t{0}, to - 1, to + 1, ~std::uint64_t{0}}) note("stale", handover->write(other, to_str("lies")));
  }
  if (from.give == "elsewhere") std::thread([to] { note("elsewhere", handover->write(to, to_str("lies"))); }).join();
  if (from.give == "later") {
    from.writer = std::thread([to] {
      for (int i = 0; i < 1000; ++i) {
        if (const cleat_status status = handover->write(to, to_str("lies")); i == 999) note("later", status);
      }
    });
  }
  const cleat_status status = handover->write(to, view(from.state));
  return from.give == "no_bytes" ? CLEAT_OK : status;
}

cleat_status take(void* instance, std::uint32_t format, cleat_str bytes) {
  Instance& to = *static_cast<Instance*>(instance);
  if (to.take == "unknown") return CLEAT_UNSUPPORTED;
  if (to.take == "fails") {
    host->set_error(to_str("not without my state"));
    return CLEAT_FAILED;
  }
  if (to.take == "throws") throw std::runtime_error("thrown by take");
  if (to.take == "credulous") {  // no look at the format, nor at how many bytes there are
    to.state.assign(bytes.data, bytes.size == 0 ? 0 : bytes.size + 64);
    return CLEAT_OK;
  }
  if (format != 1) return CLEAT_UNSUPPORTED;
  if (to.take == "keeps") kept = bytes;
  if (to.take == "hoards") hoard();
  to.state = std::string(bytes.data, bytes.size) + "+";
  return CLEAT_OK;
}

cleat_verdict on_request(void* instance, cleat_exchange x) {
  if (kept.size != 0) sink = kept.data[0];
  std::string text = static_cast<Instance*>(instance)->state + "\n";
  {
    const std::lock_guard lock(mutex);
    text += calls;
  }
  return text_reply(x, 200, text.c_str());
}

const cleat_plugin_handover half = {sizeof half, 0, give, take};

const void* find(cleat_str id) { return is(id, CLEAT_EXT_HANDOVER) ? &half : nullptr; }

const cleat_plugin table = [] {
  cleat_plugin made{};
  made.size = sizeof made;
  made.abi = CLEAT_ABI;
  made.find = find;
  made.create = create;
  made.destroy = destroy;
  made.on_request = on_request;
  return made;
}();

}  // namespace

extern "C" CLEAT_EXPORT const cleat_plugin* cleat_plugin_v1(const cleat_host* host_table) {
  host = host_table;
  config = static_cast<const cleat_host_config*>(host->find(to_str(CLEAT_EXT_CONFIG)));
  handover = static_cast<const cleat_host_handover*>(host->find(to_str(CLEAT_EXT_HANDOVER)));
  return &table;
}
