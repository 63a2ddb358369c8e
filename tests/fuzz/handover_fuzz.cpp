// A state that is handed over: any writes, of true and of made-up handles, of texts that may be none, and any answers of give and of take. What
// take is shown is what was written, byte by byte, and nothing where a write of it failed or give did not answer CLEAT_OK.
#include <cstring>
#include <memory>
#include <string>

#include "kernel/base/check.hpp"
#include "kernel/base/log.hpp"
#include "kernel/hooks/handover.hpp"
#include "kernel/hooks/host_tables.hpp"
#include "kernel/hooks/library.hpp"

namespace {

using namespace cleat;

class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}
  bool empty() const { return size_ == 0; }
  std::uint8_t byte() {
    if (size_ == 0) return 0;
    --size_;
    return *data_++;
  }

 private:
  const std::uint8_t* data_;
  std::size_t size_;
};

struct World {
  explicit World(Input from) : in(from) {}
  Input in;
  std::string written;
  bool failed = false;
  cleat_status gave = CLEAT_OK, took = CLEAT_OK;
  std::uint32_t format = 0;
  std::uint64_t handle = 0;
  bool asked = false, taken = false;
};

cleat_status status(Input& in) {
  const auto number = static_cast<cleat_status>(in.byte() % 12);
  return number > 10 ? 7 : -number;  // one that is no status
}

// Of the exact size, for the sanitizer, and gone when the call has returned.
void write(World& world, std::uint64_t handle) {
  const std::uint8_t size = world.in.byte();
  if (size == 0xff) {
    const cleat_status answer = hooks::kHostHandover.write(handle, {nullptr, 3});
    CLEAT_CHECK(answer == (handle == world.handle ? CLEAT_INVALID : CLEAT_STALE));
    if (answer == CLEAT_INVALID) world.failed = true;
    return;
  }
  auto bytes = std::make_unique<char[]>(size);
  for (std::uint8_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(world.in.byte());
  const cleat_status answer = hooks::kHostHandover.write(handle, {bytes.get(), size});
  CLEAT_CHECK(answer == (handle == world.handle ? CLEAT_OK : CLEAT_STALE));
  if (answer == CLEAT_OK) world.written.append(bytes.get(), size);
}

cleat_status give(void* instance, std::uint64_t handle, std::uint32_t* format) {
  World& world = *static_cast<World*>(instance);
  CLEAT_CHECK(*format == 0 && handle != 0);
  world.asked = true;
  world.handle = handle;
  world.gave = status(world.in);
  *format = world.format = world.in.byte();
  for (int i = world.in.byte() % 32; i > 0 && !world.in.empty(); --i) write(world, world.in.byte() % 4 == 3 ? handle ^ world.in.byte() : handle);
  if (world.in.byte() % 16 == 15) throw 42;
  return world.gave;
}

cleat_status take(void* instance, std::uint32_t format, cleat_str bytes) {
  World& world = *static_cast<World*>(instance);
  CLEAT_CHECK(world.asked && !world.failed && world.gave == CLEAT_OK && !world.taken);
  CLEAT_CHECK(format == world.format && hooks::to_view(bytes) == world.written);
  CLEAT_CHECK(hooks::kHostHandover.write(world.handle, bytes) == CLEAT_STALE);
  world.taken = true;
  return world.took = status(world.in);
}

const cleat_plugin* enter(const cleat_host*) {
  static const cleat_plugin table = [] {
    cleat_plugin made{};
    made.size = sizeof made;
    made.abi = CLEAT_ABI;
    made.create = [](const cleat_create*, void**) { return CLEAT_OK; };
    return made;
  }();
  return &table;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto library = [] {
    hooks::set_control_thread();
    log::set_level(log::Level::kError);
    hooks::Library::link("fuzz", enter);
    return *hooks::Library::open("fuzz", hooks::host_table());
  }();
  static const cleat_plugin_handover half = {sizeof half, 0, give, take};
  World world{Input(data, size)};
  hooks::Instance from, to;
  for (hooks::Instance* one : {&from, &to}) {
    one->library = library;
    one->handover = &half;
    one->self = &world;
    one->shards.push_back(std::make_unique<hooks::Instance::Shard>());
  }
  config::Diagnostics diagnostics("fuzz");
  const bool goes_on = hooks::hand_over(from, to, {}, diagnostics);
  CLEAT_CHECK(world.asked && goes_on != diagnostics.failed());
  CLEAT_CHECK(goes_on == (!world.taken || world.took == CLEAT_OK || world.took == CLEAT_UNSUPPORTED));
  CLEAT_CHECK(hooks::kHostHandover.write(world.handle, {nullptr, 0}) == CLEAT_STALE);
  return 0;
}
