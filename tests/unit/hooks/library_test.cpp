#include "kernel/hooks/library.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cstdlib>
#include <fstream>

#include "tests/unit/hooks/build_plugin.hpp"

using cleat::hooks::Library;
using cleat::test::build_plugin;
using cleat::test::test_host;
using Catch::Matchers::ContainsSubstring;
namespace fs = std::filesystem;

namespace {

std::string refusal(const std::string& file) {
  const auto library = Library::open(file, test_host());
  return library.ok() ? "loaded" : library.error();
}

const odd_state& state_of(const Library& library) {
  return *static_cast<const odd_state*>(library.table().find(cleat::hooks::to_str("test.odd/1")));
}

}  // namespace

TEST_CASE("library loads a plugin and fills its table up") {
  auto library = Library::open(build_plugin("odd.c"), test_host());
  REQUIRE(library.ok());
  const Library& odd = **library;
  CHECK(odd.note().name == "odd");
  CHECK(odd.sha256().size() == 64);
  CHECK(odd.table().create != nullptr);
  CHECK(odd.table().on_request == nullptr);
  REQUIRE(odd.handler() != nullptr);
  CHECK(odd.handler()->on_handle != nullptr);
  CHECK(odd.handler()->on_writable == nullptr);
  CHECK(odd.balancer() == nullptr);
}

TEST_CASE("library asks the entry once for each content, whatever the path") {
  const std::string file = build_plugin("odd.c", "-DSALT='\"once\"'");
  const std::string other = file + ".copy.so";
  fs::copy_file(file, other, fs::copy_options::overwrite_existing);
  auto first = Library::open(file, test_host());
  auto second = Library::open(other, test_host());
  REQUIRE(first.ok());
  REQUIRE(second.ok());
  CHECK(first->get() == second->get());
  CHECK(state_of(**first).entries == 1);
}

TEST_CASE("library loads the new code of a file replaced at its path, and keeps the old") {
  const std::string first_file = build_plugin("odd.c", "-DSALT='\"old\"'");
  const std::string second_file = build_plugin("odd.c", "-DSALT='\"new\"' -DVALIDATE");
  const std::string path = first_file + ".replaced.so";
  fs::copy_file(first_file, path, fs::copy_options::overwrite_existing);
  auto old = Library::open(path, test_host());
  REQUIRE(old.ok());
  std::ofstream(path, std::ios::binary) << std::ifstream(second_file, std::ios::binary).rdbuf();  // in place: what cp does
  auto fresh = Library::open(path, test_host());
  REQUIRE(fresh.ok());
  CHECK(old->get() != fresh->get());
  CHECK((*old)->table().validate == nullptr);
  CHECK((*fresh)->table().validate != nullptr);
  CHECK(state_of(**old).entries == 1);  // its code still runs
}

TEST_CASE("library leaves no file behind") {
  const fs::path folder = fs::temp_directory_path() / ("cleat-left-" + std::to_string(::getpid()));
  fs::create_directories(folder);
  const char* runtime = std::getenv("XDG_RUNTIME_DIR");
  const std::string before = runtime != nullptr ? runtime : "";
  ::setenv("XDG_RUNTIME_DIR", folder.c_str(), 1);
  CHECK(Library::open(build_plugin("odd.c", "-DSALT='\"left\"'"), test_host()).ok());
  CHECK(fs::is_empty(folder));
  if (runtime != nullptr) {
    ::setenv("XDG_RUNTIME_DIR", before.c_str(), 1);
  } else {
    ::unsetenv("XDG_RUNTIME_DIR");
  }
  fs::remove(folder);
}

TEST_CASE("library refuses what is no plugin") {
  CHECK_THAT(refusal("/nowhere/at/all.so"), ContainsSubstring("No such file"));
  CHECK_THAT(refusal("/"), ContainsSubstring("not a regular file"));
  CHECK_THAT(refusal("/proc/self/cmdline"), ContainsSubstring("not an ELF file"));
  CHECK_THAT(refusal(build_plugin("odd.c", "-DNO_NOTE")), ContainsSubstring("no Cleat note"));
}

TEST_CASE("library refuses a plugin's note before any of its code runs") {
  CHECK(refusal(build_plugin("odd.c", R"(-DNOTE_TEXT='"name=odd\nabi=1.2\nleast=1.1\n"')")) ==
        "built against ABI 1.2, needs at least 1.1; this host implements 0.9: use a newer host, or build it with an older `least`");
  CHECK_THAT(refusal(build_plugin("odd.c", R"(-DNOTE_TEXT='"name=odd\nabi=0.9\nleast=0.9\nrequires=cleat.later/1\n"')")),
             ContainsSubstring("requires cleat.later/1, which this host does not have"));
  CHECK_THAT(refusal(build_plugin("odd.c", R"(-DNOTE_TEXT='"name=odd\nabi=0.9\nleast=0.9\ncolour=red\n"')")),
             ContainsSubstring(R"(line 4: key "colour": this key is unknown)"));
}

TEST_CASE("library refuses entries and tables that are wrong") {
  CHECK(refusal(build_plugin("odd.c", "-DNO_ENTRY")) == "it does not export cleat_plugin_v1");
  CHECK(refusal(build_plugin("odd.c", "-DENTRY_NULL")) == "cleat_plugin_v1 failed: it returned NULL without saying why");
  CHECK(refusal(build_plugin("odd.c", "-DENTRY_NULL -DENTRY_SAYS")) == "cleat_plugin_v1 failed: not on a Sunday");
  CHECK_THAT(refusal(build_plugin("odd.c", "-DTABLE_SIZE=16")), ContainsSubstring("its size is too small"));
  CHECK_THAT(refusal(build_plugin("odd.c", "-DTABLE_SIZE=4000000000u")), ContainsSubstring("its size is not that of a struct"));
  CHECK(refusal(build_plugin("odd.c", "-DTABLE_ABI=8")) == "its table says ABI 0.8, its note 0.9: build both from the same headers");
  CHECK(refusal(build_plugin("odd.c", "-DNO_CREATE")) == "its table has no create");
  CHECK(refusal(build_plugin("odd.c", "-DHANDLER_EMPTY")) == "its cleat.handler/1 table has no on_handle");
  CHECK(refusal(build_plugin("throws.cpp", "-DTHROW_ENTRY")) == "cleat_plugin_v1 failed: it threw: no entry");
  CHECK_THAT(refusal(build_plugin("odd.c", "-DUNDEFINED")), ContainsSubstring("undefined symbol: nobody_has_this"));
}

TEST_CASE("library asks a plugin that refused no second time") {
  const std::string file = build_plugin("odd.c", "-DENTRY_NULL -DENTRY_SAYS -DSALT='\"twice\"'");
  const std::size_t before = cleat::hooks::libraries_loaded();
  CHECK(refusal(file) == "cleat_plugin_v1 failed: not on a Sunday");
  CHECK_THAT(refusal(file), ContainsSubstring("not on a Sunday (as before"));
  CHECK(cleat::hooks::libraries_loaded() == before + 1);
}

TEST_CASE("library takes a longer table whose unknown entries are zero, and names those that are not") {
  CHECK(refusal(build_plugin("odd.c", "-DTABLE_SIZE='sizeof(cleat_plugin)+32'")) == "loaded");
  const std::size_t known = sizeof(cleat_plugin) / 8;
  CHECK_THAT(refusal(build_plugin("odd.c", "-DTABLE_SIZE='sizeof(cleat_plugin)+32' -DTAIL=1")),
             ContainsSubstring("(entries " + std::to_string(known + 1) + ", " + std::to_string(known + 3) + " of 8 bytes)"));
}

TEST_CASE("library reads a table shorter than this host's as if the rest were NULL") {
  auto library = Library::open(build_plugin("odd.c", "-DTABLE_SIZE='offsetof(cleat_plugin,destroy)'"), test_host());
  REQUIRE(library.ok());
  CHECK((*library)->table().create != nullptr);
  CHECK((*library)->table().destroy == nullptr);
  CHECK((*library)->table().route_create == nullptr);
}
