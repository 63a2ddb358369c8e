// What plugins ask of cleat.kv/1, with any bytes: a space must answer as a map would, keep its bound, and lose nothing that lives.
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "kernel/base/check.hpp"
#include "kernel/hooks/host_tables.hpp"
#include "kernel/hooks/instance.hpp"
#include "kernel/kv.hpp"

using namespace cleat;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

constexpr std::uint64_t kBytesMax = 4 * 1024;
constexpr std::uint64_t kUser = 1;

class Session {
 public:
  explicit Session(std::string_view input) : input_(input), space_(kv::open(kUser, "fuzz", kBytesMax)) {}
  ~Session() { kv::release(kUser); }

  void run() {
    while (!input_.empty()) {
      step();
      const kv::Spaces::Pin space(kv::spaces(), space_);
      CLEAT_CHECK(space.get() != nullptr && space.get()->bytes() <= kBytesMax);
    }
    walk();
  }

 private:
  unsigned byte() {
    if (input_.empty()) return 0;
    const auto value = static_cast<unsigned char>(input_.front());
    input_.remove_prefix(1);
    return value;
  }
  std::string text() {
    const std::size_t size = byte() % 4 == 0 ? byte() * 4u : byte() % 8u;
    const std::string_view taken = input_.substr(0, size);
    input_.remove_prefix(taken.size());
    return std::string(taken);
  }

  void step() {
    const cleat_host_kv& host = hooks::kHostKv;
    const unsigned what = byte();
    const std::string key = text(), value = text();
    const cleat_str k = hooks::to_str(key), v = hooks::to_str(value);
    std::uint64_t version = 0, needed = 0;
    std::int64_t number = 0;
    char buffer[16];
    switch (what % 6) {
      case 0:
        if (host.set(space_, k, v, 0, &version) == CLEAT_OK) model_[key] = value;
        break;
      case 1: {
        const bool absent = model_.count(key) == 0;
        const cleat_status status = host.set_if(space_, k, v, 0, 0, nullptr);
        CLEAT_CHECK(status != CLEAT_OK || absent);
        if (status == CLEAT_OK) model_[key] = value;
        break;
      }
      case 2: {
        const cleat_status status = host.remove(space_, k, 0);
        CLEAT_CHECK((status == CLEAT_OK) == (model_.erase(key) == 1));
        break;
      }
      case 3:
        if (host.add(space_, k, static_cast<std::int64_t>(byte()) - 100, 0, &number) == CLEAT_OK) model_[key] = std::to_string(number);
        break;
      case 4: {
        const cleat_status status = host.get(space_, k, buffer, sizeof buffer, &needed, &version);
        const auto known = model_.find(key);
        CLEAT_CHECK((status == CLEAT_OK || status == CLEAT_TOO_SMALL) == (known != model_.end()));
        if (known != model_.end()) {
          CLEAT_CHECK(needed == known->second.size() && (status == CLEAT_TOO_SMALL) == (needed > sizeof buffer));
          CLEAT_CHECK(known->second.starts_with(std::string_view(buffer, std::min<std::size_t>(needed, sizeof buffer))));
        }
        break;
      }
      default: CLEAT_CHECK(host.get(space_ ^ byte() << 20 ^ 1U << 10, k, buffer, sizeof buffer, &needed, &version) != CLEAT_OK); break;
    }
  }

  void walk() {
    std::string after;
    char buffer[512];
    std::uint64_t needed = 0;
    for (const auto& [key, value] : model_) {
      CLEAT_CHECK(hooks::kHostKv.next(space_, {}, hooks::to_str(after), buffer, sizeof buffer, &needed) == CLEAT_OK);
      after.assign(buffer, needed);
      CLEAT_CHECK(after == key);
    }
    CLEAT_CHECK(hooks::kHostKv.next(space_, {}, hooks::to_str(after), buffer, sizeof buffer, &needed) == CLEAT_NOT_FOUND);
  }

  std::string_view input_;
  const std::uint64_t space_;
  std::map<std::string, std::string> model_;
};

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Session({reinterpret_cast<const char*>(data), size}).run();
  return 0;
}
