// `cleat plugin new`: a project of its own for a plugin, from the templates that are installed with the SDK. The folder is made whole or
// not at all.
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string_view>
#include <utility>

#include "kernel/base/result.hpp"
#include "kernel/cli/cli.hpp"
#include "plugin_api/harness/src/tool/project.hpp"

namespace cleat::kit {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kNameMax = 48;

struct Language {
  std::string_view name;
  std::string_view spoken;
  std::array<std::string_view, 3> folders;  // of the templates; empty: none
  std::string_view build, test, bench, file, guide;
};

constexpr std::string_view kCmake = "cmake -S . -B build && cmake --build build";
constexpr std::string_view kCtest = "ctest --test-dir build --output-on-failure";
constexpr std::string_view kCmakeBench = "cmake --build build --target bench";
constexpr std::string_view kCmakeFile = "build/plugins/@NAME@.so";

constexpr Language kLanguages[] = {
    {"c", "C", {"any", "cmake", "c"}, kCmake, kCtest, kCmakeBench, kCmakeFile, "README.md"},
    {"cpp", "C++", {"any", "cmake", "cpp"}, kCmake, kCtest, kCmakeBench, kCmakeFile, "README.md"},
    {"rust", "Rust", {"any", "rust", ""}, "cargo build --release", "cargo test", "cargo bench", "target/release/lib@NAME@.so", "rust/README.md"},
    {"go", "Go", {"any", "go", ""}, "go build -buildmode=c-shared -o @NAME@.so .", "go test .", "go test -run none -bench . .", "@NAME@.so", "go/README.md"},
};

// Words that a compiler, or Cargo, takes for something else.
constexpr std::string_view kTaken[] = {
    "abstract", "alloc", "as", "async", "await", "become", "box", "break", "cleat", "const", "continue", "core", "crate", "do", "dyn",
    "else", "enum", "extern", "false", "final", "fn", "for", "if", "impl", "in", "let", "loop", "macro", "match", "mod", "move", "mut",
    "override", "priv", "proc_macro", "pub", "ref", "return", "self", "static", "std", "struct", "super", "test", "trait", "true", "try",
    "type", "typeof", "unsafe", "unsized", "use", "virtual", "where", "while", "yield"};

using Words = std::vector<std::pair<std::string_view, std::string>>;  // what stands for what

bool lower(char c) { return c >= 'a' && c <= 'z'; }

std::string bad_name(std::string_view name) {
  const bool fits = !name.empty() && name.size() <= kNameMax && lower(name[0]) &&
                    std::all_of(name.begin(), name.end(), [](char c) { return lower(c) || (c >= '0' && c <= '9') || c == '_'; });
  const std::string shown = '"' + std::string(name.substr(0, kNameMax)) + '"';
  if (!fits) return shown + " is no name for a plugin: a small letter, then small letters, digits and '_', at most 48";
  if (std::find(std::begin(kTaken), std::end(kTaken), name) != std::end(kTaken)) {
    return shown + " is a word of the languages' own: choose another name";
  }
  return {};
}

// "rate_gate" becomes "RateGatePlugin", which is no word of any language.
std::string class_name(std::string_view name) {
  std::string camel;
  bool up = true;
  for (const char c : name) {
    if (c != '_') camel += up && lower(c) ? static_cast<char>(c - 'a' + 'A') : c;
    up = c == '_';
  }
  return camel.ends_with("Plugin") ? camel : camel + "Plugin";
}

// As a shell takes it for one word.
std::string word_for_shell(const std::string& text) {
  static constexpr std::string_view kPlain = "/._-+,:@%=";
  const auto plain = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || kPlain.find(c) != std::string_view::npos; };
  if (!text.empty() && std::all_of(text.begin(), text.end(), plain)) return text;
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

std::string filled(std::string text, const Words& words) {
  for (const auto& [word, value] : words) {
    for (std::size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + value.size())) text.replace(at, word.size(), value);
  }
  return text;
}

// Empty, or why it failed. Throws what the file system's functions throw.
std::string copy_templates(const fs::path& from, const fs::path& to, const Words& words) {
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(from)) {
    fs::path target = to / fs::relative(entry.path(), from);
    if (target.extension() == ".in") target.replace_extension();
    if (entry.is_directory()) {
      fs::create_directories(target);
      continue;
    }
    std::ifstream in(entry.path(), std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    std::ofstream out(target, std::ios::binary);
    out << filled(text, words);
    if (!in || !out.flush()) return "cannot copy " + entry.path().string() + " to " + target.string();
    fs::permissions(target, entry.status().permissions());
  }
  return {};
}

// The folder that the SDK is installed in, or why there is none.
Result<fs::path> find_sdk(const std::string& given, const fs::path& program) {
  const fs::path sdk = fs::absolute(given.empty() ? program.parent_path().parent_path() : fs::path(given)).lexically_normal();
  if (!fs::is_directory(sdk / "share/cleat/templates")) {
    return Error{"no SDK in " + sdk.string() + " (no share/cleat/templates): install it there with `cmake --install <build> --prefix " +
                 sdk.string() + "`, or say with --sdk where it is"};
  }
  if (sdk.string().find_first_of("\"\\$@;`\n") != std::string::npos) {
    return Error{"the SDK's folder " + sdk.string() + " has a character in its name that build files cannot hold: install it elsewhere"};
  }
  return sdk;
}

std::string make(const NewPlugin& wanted, const Language& language, const fs::path& folder, Words& words) {
  const fs::path program = fs::read_symlink("/proc/self/exe");
  Result<fs::path> sdk = find_sdk(wanted.sdk, program);
  if (!sdk.ok()) return sdk.error();
  words = {{"@FILE@", std::string(language.file)},
           {"@BUILD@", std::string(language.build)},
           {"@TEST@", std::string(language.test)},
           {"@BENCH@", std::string(language.bench)},
           {"@GUIDE@", (*sdk / "share/cleat" / language.guide).string()},
           {"@CLEAT@", program.string()},
           {"@SDK@", sdk->string()},
           {"@CLASS@", class_name(wanted.name)},
           {"@NAME@", wanted.name}};  // last: others hold it
  if (fs::exists(fs::symlink_status(folder))) return folder.string() + " is there already: choose another name, or another folder with --dir";
  const fs::path unfinished = folder.string() + ".new." + std::to_string(::getpid());
  fs::create_directory(unfinished);
  std::string why;
  try {
    for (const std::string_view one : language.folders) {
      if (why.empty() && !one.empty()) why = copy_templates(*sdk / "share/cleat/templates" / one, unfinished, words);
    }
    if (why.empty()) fs::rename(unfinished, folder);
  } catch (const fs::filesystem_error& failure) {
    why = failure.what();
  }
  if (!why.empty()) {
    std::error_code ignored;
    fs::remove_all(unfinished, ignored);
  }
  return why;
}

}  // namespace

int new_plugin(const NewPlugin& wanted) {
  const auto refuse = [](const std::string& why) {
    std::fprintf(stderr, "cleat plugin new: %s\n", why.c_str());
    return cli::kRefused;
  };
  const auto language = std::find_if(std::begin(kLanguages), std::end(kLanguages), [&](const Language& one) { return one.name == wanted.language; });
  if (language == std::end(kLanguages)) {
    std::string all;
    for (const Language& one : kLanguages) all += (all.empty() ? "" : ", ") + std::string(one.name);
    return refuse("unknown language \"" + wanted.language + "\": --lang is one of " + all);
  }
  if (const std::string why = bad_name(wanted.name); !why.empty()) return refuse(why);
  fs::path folder = wanted.folder.empty() ? fs::path(wanted.name) : fs::path(wanted.folder);
  if (!folder.has_filename()) folder = folder.parent_path();  // "x/"
  Words words;
  try {
    if (const std::string why = make(wanted, *language, folder, words); !why.empty()) return refuse(why);
  } catch (const fs::filesystem_error& failure) {
    return refuse(folder.string() + " cannot be made: " + failure.code().message());
  }
  const std::string text = "made " + folder.string() + ": a plugin in " + std::string(language->spoken) + ", with a test and a benchmark. Next:\n" +
                           "  cd " + word_for_shell(folder.string()) + filled("\n  @BUILD@\n  @TEST@\n  @BENCH@\n  ", words) +
                           word_for_shell(filled("@CLEAT@", words)) + " run -c example.yaml\n";
  std::fputs(text.c_str(), stdout);
  return cli::kOk;
}

}  // namespace cleat::kit
