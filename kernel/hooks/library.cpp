#include "kernel/base/hex.hpp"
#include "kernel/hooks/library.hpp"

#include <dlfcn.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <boost/dll/shared_library.hpp>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <map>
#include <utility>

#include "kernel/hooks/elf.hpp"
#include "kernel/hooks/guard.hpp"
#include "kernel/hooks/private_copy.hpp"
#include "kernel/hooks/structs.hpp"
#include "kernel/watch/modules.hpp"

namespace cleat::hooks {
namespace {

// What a table had at its oldest: through the entry without which it makes no sense.
constexpr std::size_t kPluginLeast = offsetof(cleat_plugin, create) + sizeof(cleat_plugin::create);
constexpr std::size_t kConfigSourceLeast = offsetof(cleat_plugin_config_source, unwatch) + sizeof(cleat_plugin_config_source::unwatch);
constexpr std::size_t kTlsLeast = offsetof(cleat_plugin_tls, on_client_hello) + sizeof(cleat_plugin_tls::on_client_hello);
constexpr std::size_t kHandlerLeast = offsetof(cleat_plugin_handler, on_handle) + sizeof(cleat_plugin_handler::on_handle);
constexpr std::size_t kHandoverLeast = offsetof(cleat_plugin_handover, take) + sizeof(cleat_plugin_handover::take);
constexpr std::size_t kBalancerLeast = offsetof(cleat_plugin_balancer, pick) + sizeof(cleat_plugin_balancer::pick);

// A content that this process has mapped, and what came of it. A refusal is kept too: the entry function runs once.
struct Loaded {
  boost::dll::shared_library handle;
  std::shared_ptr<Library> library;
  std::string refusal;
};

using Key = std::pair<std::string, const cleat_host*>;  // sha256; a harness may have hosts of its own

std::map<Key, Loaded>& loaded() {
  static auto* const all = new std::map<Key, Loaded>;  // never destroyed: nothing is unmapped at exit either
  return *all;
}

std::map<std::string, cleat_plugin_v1_fn>& linked() {
  static auto* const all = new std::map<std::string, cleat_plugin_v1_fn>;
  return *all;
}

std::string sha256_of(std::string_view bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  CLEAT_CHECK(EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, EVP_sha256(), nullptr) == 1 && size == 32);
  return to_hex({digest.data(), size});
}

// The entry function in the file itself: the search of a handle also enters the libraries that the file is linked with.
cleat_plugin_v1_fn entry_of(const boost::dll::shared_library& handle, const std::string& path) {
  if (!handle.has("cleat_plugin_v1")) return nullptr;
  auto& entry = handle.get<const cleat_plugin*(const cleat_host*)>("cleat_plugin_v1");
  Dl_info about{};
  if (::dladdr(reinterpret_cast<const void*>(&entry), &about) == 0 || about.dli_fname == nullptr) return nullptr;
  return path == about.dli_fname ? &entry : nullptr;
}

// A plugin in Go brings a Go runtime. A process can have one, and it cannot be unloaded. (A harness may load the same content for a host of
// its own.)
struct GoRuntime {
  std::string file, sha256;  // whose is here; empty: none
};
GoRuntime& go_runtime() {
  static auto* const one = new GoRuntime;
  return *one;
}

bool brings_go(const ElfFile& elf) {
  Result<std::optional<ElfNotes>> built = elf.note_section(".note.go.buildid");
  return built.ok() && built->has_value();
}

// Whether this host agrees to a file, before any of it is run: its image, and its note.
Result<ElfFile> agree(const PluginFile& file, Note& note) {
  Result<ElfFile> elf = ElfFile::open(file.bytes);
  if (!elf.ok()) return elf;
  if (const std::string why = refuse_machine(*elf); !why.empty()) return Error{why};
  Result<Note> read = read_note(file.bytes);
  if (!read.ok()) return Error{read.error()};
  if (const std::string why = refuse(*read); !why.empty()) return Error{why};
  note = std::move(*read);
  return elf;
}

std::string named(std::string_view what, const CallOutcome& outcome, std::string_view silence) {
  return std::string(what) + (outcome.words.empty() ? std::string(silence) : outcome.words);
}

}  // namespace

Result<PluginFile> read_plugin_file(const std::string& file) {
  const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // a FIFO must not hang the load
  if (descriptor < 0) return Error{std::strerror(errno)};
  struct stat about {};
  PluginFile result;
  std::string failure;
  if (::fstat(descriptor, &about) != 0) {
    failure = std::strerror(errno);
  } else if (!S_ISREG(about.st_mode)) {
    failure = "not a regular file";
  } else if (static_cast<std::uint64_t>(about.st_size) > kPluginBytesMax) {
    failure = "larger than " + std::to_string(kPluginBytesMax) + " bytes";
  } else {
    result.bytes.resize(static_cast<std::size_t>(about.st_size));
    std::size_t have = 0;
    while (have < result.bytes.size() && failure.empty()) {
      const ssize_t count = ::read(descriptor, result.bytes.data() + have, result.bytes.size() - have);
      if (count > 0) {
        have += static_cast<std::size_t>(count);
      } else if (count == 0) {
        failure = "it became shorter while it was read";
      } else if (errno != EINTR) {
        failure = std::strerror(errno);
      }
    }
  }
  ::close(descriptor);
  if (!failure.empty()) return Error{failure};
  result.sha256 = sha256_of(result.bytes);
  return result;
}

void Library::link(const std::string& file, cleat_plugin_v1_fn entry) { linked()[file] = entry; }

Result<JudgedFile> Library::judge(const std::string& file) {
  Result<PluginFile> read = read_plugin_file(file);
  if (!read.ok()) return Error{read.error()};
  Note note;
  const Result<ElfFile> elf = agree(*read, note);
  if (!elf.ok()) return Error{elf.error()};
  return JudgedFile{std::move(note), std::move(read->sha256)};
}

Result<std::shared_ptr<Library>> Library::open(const std::string& file, const cleat_host* host) {
  if (const auto found = linked().find(file); found != linked().end()) {
    const std::shared_ptr<Library> library(new Library);
    library->file_ = file;
    const std::string why = library->enter(found->second, host);
    if (!why.empty()) return Error{why};
    return library;
  }
  Result<PluginFile> read = read_plugin_file(file);
  if (!read.ok()) return Error{read.error()};
  Note note;
  Result<ElfFile> elf = agree(*read, note);
  if (!elf.ok()) return Error{elf.error()};

  const Key key{read->sha256, host};
  if (const auto found = loaded().find(key); found != loaded().end()) {
    if (found->second.library == nullptr) return Error{found->second.refusal + " (as before: it is asked once for each file)"};
    return found->second.library;
  }

  const bool go = brings_go(*elf);
  if (go && !go_runtime().file.empty() && go_runtime().sha256 != read->sha256) {
    return Error{"it is a Go plugin, and this process has the Go runtime of " + go_runtime().file +
                 " already, which cannot be unloaded: a changed or a second Go plugin needs a restart (SIGUSR2 loses no request)"};
  }

  Result<std::string> part = elf->loadable_part();
  if (!part.ok()) return Error{part.error()};
  Result<PrivateCopy> copy = PrivateCopy::make(note.name + "." + read->sha256.substr(0, 16) + "." + std::to_string(::getpid()) + ".so", *part);
  if (!copy.ok()) return Error{copy.error()};
  // Boost.DLL passes these flags to dlopen as they are, and leaves its message to dlerror.
  const LoadStamp loading(file.c_str());
  boost::dll::shared_library handle;
  boost::dll::fs::error_code failure;
  handle.load(copy->path(), boost::dll::load_mode::rtld_now | boost::dll::load_mode::rtld_local, failure);
  if (failure) {
    const char* words = ::dlerror();
    std::string text = words != nullptr ? words : failure.message();
    if (text.starts_with(copy->path() + ": ")) text.erase(0, copy->path().size() + 2);
    return Error{"the system's loader refuses it: " + text};
  }

  if (go) go_runtime() = {file, read->sha256};
  Loaded& entry = loaded()[key];
  entry.handle = handle;
  const std::shared_ptr<Library> library(new Library);
  library->note_ = note;
  library->sha256_ = read->sha256;
  library->file_ = file;
  watch::note_modules(copy->path(), file);
  const cleat_plugin_v1_fn function = entry_of(handle, copy->path());
  entry.refusal = function == nullptr ? "it does not export cleat_plugin_v1" : library->enter(function, host);
  if (!entry.refusal.empty()) return Error{entry.refusal};
  entry.library = library;
  return library;
}

std::string Library::enter(cleat_plugin_v1_fn entry, const cleat_host* host) {
  const cleat_plugin* theirs = nullptr;
  CallOutcome outcome = call_plugin(nullptr, Hook::kLoad, [&] {
    theirs = entry(host);
    return theirs == nullptr ? CLEAT_FAILED : CLEAT_OK;
  });
  if (!outcome.ok()) return named("cleat_plugin_v1 failed: ", outcome, "it returned NULL without saying why");
  if (std::string why = read_table(theirs); !why.empty()) return why;
  return read_halves();
}

std::string Library::read_table(const cleat_plugin* theirs) {
  const char* const wrong = read_struct(theirs, kPluginLeast, table_);
  if (wrong == kSetsUnknownFields) {
    std::string numbers;
    for (const std::size_t entry : entries_beyond(theirs, sizeof table_, theirs->size)) {
      numbers += (numbers.empty() ? "" : ", ") + std::to_string(entry);
    }
    return "its table sets entries beyond this host's " + std::to_string(sizeof table_) + " bytes (entries " + numbers +
           " of 8 bytes): use a newer host, or leave them NULL where the host's abi is older";
  }
  if (wrong != nullptr) {
    return std::string("its table cannot be used: ") + wrong + " (size " + std::to_string(theirs->size) + ", least " + std::to_string(kPluginLeast) + ")";
  }
  if (linked().contains(file_)) note_.abi = table_.abi;
  if (table_.abi != note_.abi) {
    return "its table says ABI " + abi_text(table_.abi) + ", its note " + abi_text(note_.abi) + ": build both from the same headers";
  }
  if (table_.create == nullptr) return "its table has no create";
  return {};
}

std::string Library::read_halves() {
  if (table_.find == nullptr) return {};
  std::string why;
  // `needed` is an entry without which the half makes no sense. True: there is no such half, or nothing is wrong with it.
  const auto read = [&]<class Half>(std::string_view id, std::size_t least, std::optional<Half>& to, auto needed, const char* name) {
    const void* half = nullptr;
    const CallOutcome outcome = call_plugin(nullptr, Hook::kLoad, [&] {
      half = table_.find(to_str(id));
      return CLEAT_OK;
    });
    if (!outcome.ok()) why = "find failed: " + outcome.words;
    if (!outcome.ok() || half == nullptr) return outcome.ok();
    if (const char* wrong = read_struct(static_cast<const Half*>(half), least, to.emplace())) why = "its " + std::string(id) + " table cannot be used: " + wrong;
    if (why.empty() && (*to).*needed == nullptr) why = "its " + std::string(id) + " table has no " + name;
    return why.empty();
  };
  const bool good = read(CLEAT_EXT_HANDLER, kHandlerLeast, handler_, &cleat_plugin_handler::on_handle, "on_handle") &&
                    read(CLEAT_EXT_BALANCER, kBalancerLeast, balancer_, &cleat_plugin_balancer::pick, "pick") &&
                    read(CLEAT_EXT_CONFIG_SOURCE, kConfigSourceLeast, config_source_, &cleat_plugin_config_source::watch, "watch") &&
                    read(CLEAT_EXT_TLS, kTlsLeast, tls_, &cleat_plugin_tls::on_client_hello, "on_client_hello") &&
                    read(CLEAT_EXT_HANDOVER, kHandoverLeast, handover_, &cleat_plugin_handover::give, "give");
  if (good && handover_ && handover_->take == nullptr) why = "its " CLEAT_EXT_HANDOVER " table has no take";
  return why;
}

bool has_go_runtime() { return !go_runtime().file.empty(); }

std::size_t libraries_loaded() { return loaded().size(); }

}  // namespace cleat::hooks
