#include "kernel/hooks/note.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "kernel/hooks/elf.hpp"
#include "tests/unit/hooks/elf_builder.hpp"

using namespace cleat::hooks;
using namespace cleat::test;
using Catch::Matchers::ContainsSubstring;

namespace {

const std::string kText = "name=hello\nversion=1.0.0\nabi=0.9\nleast=0.9\nrequires=cleat.config/1 cleat.body/1\n";

std::string text_error(const std::string& text) {
  const auto note = parse_note_text(text);
  return note.ok() ? "read" : note.error();
}

std::string image_error(const std::string& image) {
  const auto note = read_note(image);
  return note.ok() ? "read" : note.error();
}

Note note_of(const std::string& text) {
  auto note = parse_note_text(text);
  REQUIRE(note.ok());
  return *note;
}

}  // namespace

TEST_CASE("note text is read") {
  const Note note = note_of("name=jwt\nversion=2.0\nabi=0.9\nleast=0.8\nrequires=cleat.config/1  cleat.body/1\noptional=com.example.geo/12\n"
                            "license=MIT\nabout=checks tokens = well\nx-team=core\n" + std::string(3, '\0'));
  CHECK(note.name == "jwt");
  CHECK(note.version == "2.0");
  CHECK(note.abi == 9);
  CHECK(note.least == 8);
  CHECK(note.requires_ == std::vector<std::string>{"cleat.config/1", "cleat.body/1"});
  CHECK(note.optional == std::vector<std::string>{"com.example.geo/12"});
  CHECK(note.license == "MIT");
  CHECK(note.about == "checks tokens = well");
}

TEST_CASE("note's commands are words with help") {
  const std::string base = "name=a\nabi=0.9\nleast=0.9\ncommands=";
  const Note note = note_of(base + "top: what goes on; a-2:x: y;bare;\n");
  REQUIRE(note.commands.size() == 3);
  CHECK(note.commands[0].word == "top");
  CHECK(note.commands[0].help == "what goes on");
  CHECK(note.commands[1].word == "a-2");
  CHECK(note.commands[1].help == "x: y");
  CHECK(note.commands[2].word == "bare");
  CHECK(note.commands[2].help.empty());
  for (const char* bad : {"Top: x", ": x", "a b: x", "-a: x", "abcdefghijklmnopqrstuvwxyzabcdefg: x", ";"}) {
    CHECK_THAT(text_error(base + bad + "\n"), ContainsSubstring("is no word for a command"));
  }
  CHECK_THAT(text_error(base + "a;b;a\n"), ContainsSubstring("\"a\" stands twice"));
  CHECK_THAT(text_error(base + "a;b;c;d;e;f;g;h;i\n"), ContainsSubstring("more than 8 commands"));
}

TEST_CASE("note text is refused exactly") {
  CHECK(text_error("") == "its Cleat note has no name");
  CHECK(text_error("name=a\nleast=0.9\n") == "its Cleat note has no abi");
  CHECK(text_error("name=a\nabi=0.9\n") == "its Cleat note has no least");
  CHECK_THAT(text_error("name=a\nname=b\n"), ContainsSubstring("line 2: key \"name\" stands twice"));
  CHECK_THAT(text_error("name=a\ncolour=red\n"), ContainsSubstring("line 2: key \"colour\": this key is unknown"));
  CHECK_THAT(text_error("name\n"), ContainsSubstring("line 1: not key=value: \"name\""));
  CHECK_THAT(text_error("=x\n"), ContainsSubstring("not key=value"));
  CHECK_THAT(text_error("name=a\n\nabi=0.9\n"), ContainsSubstring("line 2: not key=value"));
  for (const char* name : {"", "../up", "a b", "Hello", "9a", "a/b"}) {
    CHECK_THAT(text_error("name=" + std::string(name) + "\n"), ContainsSubstring("a name is [a-z]"));
  }
  for (const char* abi : {"", "1", "0.9.1", "00.9", "0.09", "-0.9", "0.65536", "0x0.9", "0.0", " 0.9"}) {
    CHECK_THAT(text_error("abi=" + std::string(abi) + "\n"), ContainsSubstring("is not an ABI version"));
  }
  for (const char* id : {"cleat.config", "/1", "cleat.config/", "cleat.config/0", "cleat.config/01", "Cleat.config/1", "a/1/2"}) {
    CHECK_THAT(text_error("requires=" + std::string(id) + "\n"), ContainsSubstring("is not an extension's id"));
  }
  CHECK_THAT(text_error("requires=a/1 a/1\n"), ContainsSubstring("stands twice"));
  CHECK_THAT(text_error("name=a\nabi=0.8\nleast=0.9\n"), ContainsSubstring("contradicts itself"));
  CHECK_THAT(text_error("name=a\nabout=caf\xc3\xa9\n"), ContainsSubstring("not printable ASCII"));
  CHECK_THAT(text_error(std::string("name=a\0b\n", 9)), ContainsSubstring("not printable ASCII"));
  CHECK_THAT(text_error("about=" + std::string(20'000, 'x')), ContainsSubstring("larger than 16384"));
  std::string many;
  for (int i = 0; i < 200; ++i) many += "x-" + std::to_string(i) + "=\n";
  CHECK_THAT(text_error(many), ContainsSubstring("more than 128 lines"));
}

TEST_CASE("note is found in a segment, between foreign notes, and in a section") {
  const std::string foreign = note_bytes("0123456789", {"GNU\0", 4}, 3);
  CHECK(image_error(elf_with_segment(note_bytes(kText))) == "read");
  CHECK(image_error(elf_with_segment(foreign + note_bytes(kText) + foreign)) == "read");
  CHECK(image_error(elf_with_segment(note_bytes(kText, {"Cleat\0", 6}, 1, 8), 8)) == "read");
  CHECK(image_error(elf_with_section(note_bytes(kText))) == "read");
  CHECK_THAT(image_error(elf_with_section(note_bytes(kText), ".note.other")), ContainsSubstring("no Cleat note"));
}

TEST_CASE("note reader refuses files that are none, or no plugin") {
  CHECK(image_error("") == "not an ELF file");
  CHECK(image_error("#!/bin/sh\n") == "not an ELF file");
  CHECK(image_error(std::string("\177ELF")) == "cut short: no whole ELF header");
  std::string image = elf_with_segment(note_bytes(kText));
  image[EI_CLASS] = ELFCLASS32;
  CHECK(image_error(image) == "not a 64-bit ELF file");
  image = elf_with_segment(note_bytes(kText));
  image[EI_DATA] = ELFDATA2MSB;
  CHECK(image_error(image) == "not a little-endian ELF file");
  Elf64_Ehdr head = elf_header();
  head.e_type = ET_EXEC;
  image.clear();
  put(image, 0, head);
  CHECK(image_error(image) == "not a shared object: link it with -shared");
  CHECK_THAT(image_error(elf_with_segment(note_bytes("x", {"GNU\0", 4}))), ContainsSubstring("no Cleat note"));
  CHECK(image_error(elf_with_segment(note_bytes(kText) + note_bytes(kText))) == "it has 2 Cleat notes: a plugin has exactly one");
  CHECK(image_error(elf_with_segment(note_bytes(kText, {"Cleat\0", 6}, 2))) == "its Cleat note is of the unknown type 2");
}

TEST_CASE("note reader follows no offset out of the file") {
  const std::string image = elf_with_segment(note_bytes(kText));
  for (std::size_t size = 0; size < image.size(); ++size) CHECK(image_error(image.substr(0, size)) != "read");
  const std::string section = elf_with_section(note_bytes(kText));
  for (std::size_t size = 0; size < section.size(); ++size) CHECK(image_error(section.substr(0, size)) != "read");
  // Every 8-byte field of the headers in turn is made as large as it can be, and just too large.
  for (const std::uint64_t value : {~std::uint64_t{0}, std::uint64_t{1} << 63, std::uint64_t{image.size()}, std::uint64_t{image.size()} - 1}) {
    for (std::size_t at = 0; at + 8 <= image.size(); at += 4) {
      std::string damaged = image;
      put(damaged, at, value);
      image_error(damaged);
    }
    for (std::size_t at = 0; at + 8 <= section.size(); at += 4) {
      std::string damaged = section;
      put(damaged, at, value);
      image_error(damaged);
    }
  }
  std::string cut = note_bytes(kText);
  put(cut, 4, std::uint32_t{0xfffffff0});
  CHECK(image_error(elf_with_segment(cut)) == "its Cleat note is cut short");
}

TEST_CASE("note decides whether this host can carry the plugin") {
  CHECK(refuse(note_of(kText)).empty());
  CHECK(refuse(note_of("name=a\nabi=0.12\nleast=0.9\n")).empty());  // newer, and content with ours
  CHECK(refuse(note_of("name=a\nabi=0.9\nleast=0.9\noptional=cleat.later/1\n")).empty());
  CHECK(refuse(note_of("name=a\nabi=1.2\nleast=1.1\n")) ==
        "built against ABI 1.2, needs at least 1.1; this host implements 0.9: use a newer host, or build it with an older `least`");
  CHECK_THAT(refuse(note_of("name=a\nabi=1.0\nleast=0.9\n")), ContainsSubstring("a later major version"));
  CHECK(refuse(note_of("name=a\nabi=0.9\nleast=0.9\nrequires=cleat.none/1 cleat.config/1 cleat.later/1\n")) ==
        "requires cleat.none/1, cleat.later/1, which this host does not have: use a host that has, or make it optional");
  CHECK(host_has("cleat.config/1"));
  CHECK_FALSE(host_has("cleat.config/2"));
  CHECK(abi_text(1 << 16 | 12) == "1.12");
}

TEST_CASE("machine of another kind is named") {
  Elf64_Ehdr head = elf_header();
  head.e_machine = EM_RISCV;
  std::string image;
  put(image, 0, head);
  auto file = ElfFile::open(image);
  REQUIRE(file.ok());
  CHECK_THAT(refuse_machine(*file), ContainsSubstring("built for another machine (ELF machine 243)"));
}
