// api_key: MAY reply. Finds a key in the request, looks its SHA-256 up in a table of known keys, and answers 401 or 403 where it
// does not allow the request. Decides in on_route, when the route's own rules are known.
// SHA256_Init and its kin are deprecated in favour of EVP, but EVP of OpenSSL 3.0 allocates for every digest, even in a context
// that is used again (measured: same time, one malloc a request).
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>

#include <array>
#include <atomic>
#include <memory>
#include <stdexcept>
#include <vector>

#include "config.hpp"
#include "keys.hpp"
#include "plugin_api/cpp/cleat.hpp"
#include "store.hpp"

namespace api_key {

using SharedTable = std::shared_ptr<const KeyTable>;

class ApiKey : public cleat::Plugin {
 public:
  explicit ApiKey(cleat::Config config)
      : settings_(config), file_(settings_.keys_file), slots_(workers()) {
    std::string error;
    if (!settings_.keys_file.empty() && file_.refresh(error) == KeyFile::Outcome::kFailed) config["keys"].error(error);
    for (Slot& slot : slots_) {
      slot.table = file_.table();
      slot.version = file_.version();
    }

    const auto checks = counters("cleat_api_key_checks_total", "Requests by what became of their key", {"result"});
    accepted_ = checks.with({"accepted"});
    absent_ = checks.with({"absent"});
    missing_ = checks.with({"missing"});
    unknown_ = checks.with({"unknown"});
    forbidden_ = checks.with({"forbidden"});
    const auto reloads = counters("cleat_api_key_reloads_total", "Key files read after the first", {"result"});
    reloaded_ = reloads.with({"loaded"});
    refused_ = reloads.with({"refused"});
    keys_ = gauge("cleat_api_key_keys", "Keys known");
    count_keys();
  }

  ~ApiKey() { keys_.add(-static_cast<std::int64_t>(counted_)); }

  struct Route {
    Route(cleat::Config config, const ApiKey& plugin) : access(Access::read(config, plugin.settings_.access)) {
      access.disabled = config.get<bool>("disabled", false);
    }
    Access access;
  };

  void worker_start(std::uint32_t worker) {
    if (worker == 0 && settings_.reload_every.count() != 0) (void)arm<&ApiKey::tick>(settings_.reload_every);
  }

  cleat::Verdict on_route(cleat::Exchange x) {
    const Route* route = x.route<Route>();
    const Access& access = route != nullptr ? route->access : settings_.access;
    if (access.disabled) return cleat::kContinue;

    const Slot& slot = slots_[worker()];
    Digest digest;
    const Found found = digest_of(x, digest);
    if (found == Found::kNone) {
      if (access.optional) {
        absent_.add();
        return cleat::kContinue;
      }
      missing_.add();
      return refuse(x, 401, "an API key is needed\n", "api_key_missing");
    }
    const Key* key = found == Found::kOne ? slot.table->find(digest) : nullptr;
    if (key == nullptr) {
      unknown_.add();
      return refuse(x, 401, "this API key is not known\n", "api_key_unknown");
    }
    if (!owner_key_.set(x, key->owner) || (!key->scopes_text.empty() && !scopes_key_.set(x, key->scopes_text))) {
      return cleat::fail("no room for the owner's name in the exchange's metadata");
    }
    if (!access.allows_owner(*key) || !access.allows_scopes(*key)) {
      forbidden_.add();
      return refuse(x, 403, "this API key is not allowed here\n", access.allows_owner(*key) ? "api_key_scope" : "api_key_owner");
    }
    accepted_.add();
    return cleat::kContinue;
  }

 private:
  // One worker's own: nothing here is touched by another thread but `version`.
  struct alignas(64) Slot {
    SharedTable table;
    std::atomic<std::uint64_t> version{0};  // of `table`; read by the control thread
  };

  // What was found before the key was stripped: on_route runs again after a reroute.
  struct Memory {
    bool have;
    Digest digest;
  };

  Found digest_of(cleat::Exchange x, Digest& digest) const {
    Memory* memory = nullptr;
    if (settings_.strip) {
      memory = x.state<Memory>();
      if (memory == nullptr) throw std::runtime_error("no memory left in this exchange");
      if (memory->have) {
        digest = memory->digest;
        return Found::kOne;
      }
    }
    char scratch[kKeyBytesMax];
    std::string_view key;
    Found found = Found::kNone;
    for (const Source& source : settings_.sources) {
      found = source.find(x, scratch, key);
      if (found != Found::kNone) break;
    }
    if (found == Found::kOne) {
      if (key.size() > kKeyBytesMax) return Found::kBad;
      SHA256_CTX context;
      if (SHA256_Init(&context) != 1 || SHA256_Update(&context, key.data(), key.size()) != 1 || SHA256_Final(digest.data(), &context) != 1) {
        throw std::runtime_error("SHA-256 failed");
      }
    }
    if (memory != nullptr) {
      for (const Source& source : settings_.sources) {
        if (!source.strip(x)) throw std::runtime_error("the key could not be taken out of the request");
      }
      if (found == Found::kOne) *memory = {true, digest};
    }
    return found;
  }

  cleat::Verdict refuse(cleat::Exchange x, std::uint32_t status, std::string_view body, std::string_view reason) const {
    const std::array<cleat_header, 2> headers = {cleat::header("content-type", "text/plain"), cleat::header("www-authenticate", settings_.challenge)};
    return x.reply({.status = status, .headers = std::span(headers).first(status == 401 ? 2 : 1), .body = body, .reason = reason});
  }

  // --- following the file: a timer of worker 0 asks the control thread to look; it hands what is new to each worker ---
  void tick() {  // [worker]
    (void)post_worker<&ApiKey::look>(CLEAT_POST_CONTROL);
    (void)arm<&ApiKey::tick>(settings_.reload_every);
  }

  void look() {  // [control]
    std::string error;
    switch (file_.refresh(error)) {
      case KeyFile::Outcome::kUnchanged: break;
      case KeyFile::Outcome::kFailed:
        refused_.add();
        log(CLEAT_ERROR, "the keys in use stay: " + error);
        break;
      case KeyFile::Outcome::kLoaded:
        reloaded_.add();
        count_keys();
        log(CLEAT_INFO, std::to_string(counted_) + " keys read from " + file_.path());
        break;
    }
    // Also those that an earlier, failed post has left behind.
    for (std::uint32_t worker = 0; worker < slots_.size(); ++worker) {
      if (slots_[worker].version.load(std::memory_order_relaxed) != file_.version()) {
        (void)post_worker<&ApiKey::adopt>(worker, std::make_unique<Handover>(Handover{file_.table(), file_.version()}));
      }
    }
  }

  struct Handover {
    SharedTable table;
    std::uint64_t version;
  };

  void adopt(std::unique_ptr<Handover> handover) {  // [worker]
    Slot& slot = slots_[worker()];
    if (handover->version <= slot.version.load(std::memory_order_relaxed)) return;
    slot.table = std::move(handover->table);
    slot.version.store(handover->version, std::memory_order_relaxed);
  }

  void count_keys() {
    const std::size_t count = file_.table() ? file_.table()->size() : 0;
    keys_.add(static_cast<std::int64_t>(count) - static_cast<std::int64_t>(counted_));
    counted_ = count;
  }

  Settings settings_;
  KeyFile file_;             // [control] after the constructor
  std::size_t counted_ = 0;  // what the gauge holds of ours
  std::vector<Slot> slots_;  // by worker
  cleat::MetadataKey owner_key_{"api_key.owner"}, scopes_key_{"api_key.scopes"};
  cleat::Counter accepted_, absent_, missing_, unknown_, forbidden_, reloaded_, refused_;
  cleat::Gauge keys_;
};

}  // namespace api_key

CLEAT_PLUGIN(api_key::ApiKey,
             "name=api_key\nversion=0.1.0\nrequires=cleat.config/1 cleat.metadata/1 cleat.post/1 cleat.timer/1\n"
             "optional=cleat.metrics/1\nlicense=Apache-2.0\nabout=lets requests with a known API key pass\n");
