// Following a key file: what counts as a change, and that a bad file never replaces a good one.
#include "store.hpp"

#include <catch2/catch_test_macros.hpp>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include <unistd.h>

using api_key::KeyFile;

namespace {

const std::string kOne = "sha256:" + std::string(64, '1') + " one\n", kTwo = "sha256:" + std::string(64, '2') + " two\n";

struct Folder {
  std::filesystem::path path = std::filesystem::temp_directory_path() / ("cleat_api_key_test." + std::to_string(::getpid()));
  Folder() { std::filesystem::create_directories(path); }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string write(const char* name, const std::string& text) const {
    std::ofstream(path / name, std::ios::binary) << text;
    return (path / name).string();
  }
};

}  // namespace

TEST_CASE("a file is read once, and again when it changed") {
  const Folder folder;
  KeyFile file(folder.write("keys", kOne));
  std::string error;
  REQUIRE(file.refresh(error) == KeyFile::Outcome::kLoaded);
  CHECK(file.version() == 1);
  const auto first = file.table();
  CHECK(file.refresh(error) == KeyFile::Outcome::kUnchanged);
  CHECK(file.table() == first);

  std::filesystem::rename(folder.write("new", kTwo), folder.path / "keys");
  REQUIRE(file.refresh(error) == KeyFile::Outcome::kLoaded);
  CHECK(file.version() == 2);
  CHECK(first->size() == 1);  // who still holds the first table may

  folder.write("keys", kOne + kTwo);
  REQUIRE(file.refresh(error) == KeyFile::Outcome::kLoaded);
  CHECK(file.table()->size() == 2);
}

TEST_CASE("a bad file leaves the table in use and is reported once") {
  const Folder folder;
  KeyFile file(folder.write("keys", kOne));
  std::string error;
  REQUIRE(file.refresh(error) == KeyFile::Outcome::kLoaded);
  folder.write("keys", kTwo + "rubbish\n");
  CHECK(file.refresh(error) == KeyFile::Outcome::kFailed);
  CHECK(error.ends_with("keys: line 2: must begin with sha256:<64 hex digits>"));
  CHECK(file.refresh(error) == KeyFile::Outcome::kUnchanged);
  CHECK(file.table()->size() == 1);
  CHECK(file.version() == 1);

  std::filesystem::remove(folder.path / "keys");
  CHECK(file.refresh(error) == KeyFile::Outcome::kFailed);
  CHECK(file.refresh(error) == KeyFile::Outcome::kUnchanged);
  folder.write("keys", kOne);
  CHECK(file.refresh(error) == KeyFile::Outcome::kLoaded);
}

TEST_CASE("what is not a regular file is refused") {
  KeyFile file("/dev/null");
  std::string error;
  CHECK(file.refresh(error) == KeyFile::Outcome::kFailed);
  CHECK(error == "/dev/null: not a regular file");
}
