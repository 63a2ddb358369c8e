#include "kernel/hooks/elf.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "tests/unit/hooks/elf_builder.hpp"

using cleat::hooks::ElfFile;
using namespace cleat::test;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("the loadable part of a file is its headers and segments, and names no sections") {
  const std::string segments = elf_with_segment(note_bytes("name=a\n"));
  std::string image = segments + std::string(5000, 'd');
  Elf64_Ehdr head;
  std::memcpy(&head, image.data(), sizeof head);
  head.e_shoff = image.size();
  head.e_shnum = 1;
  put(image, 0, head);
  put(image, image.size(), Elf64_Shdr{});
  auto file = ElfFile::open(image);
  REQUIRE(file.ok());
  auto part = file->loadable_part();
  REQUIRE(part.ok());
  CHECK(*part == segments);
  CHECK(ElfFile::open(*part).ok());
}

TEST_CASE("a file without segments has its header to load") {
  const std::string image = elf_with_section(note_bytes("name=a\n"));
  auto part = ElfFile::open(image)->loadable_part();
  REQUIRE(part.ok());
  CHECK(part->size() == sizeof(Elf64_Ehdr));
}

TEST_CASE("a segment that ends outside the file has no loadable part") {
  std::string image = elf_with_segment(note_bytes("name=a\n"));
  image.pop_back();
  auto part = ElfFile::open(image)->loadable_part();
  REQUIRE_FALSE(part.ok());
  CHECK_THAT(part.error(), ContainsSubstring("segment 0 points outside the file"));
}
