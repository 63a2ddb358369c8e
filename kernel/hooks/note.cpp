#include "kernel/hooks/note.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>
#include <string_view>

#include "kernel/hooks/elf.hpp"
#include "plugin_api/plugin.h"

namespace cleat::hooks {
namespace {

// Bounds of what a file may make us read.
constexpr std::size_t kTextBytesMax = 16 * 1024;
constexpr std::size_t kLinesMax = 128;
constexpr std::size_t kExtensionsMax = 64;       // in each list
constexpr std::size_t kCommandsMax = 8;
constexpr std::size_t kCommandBytesMax = 32;
constexpr std::size_t kNameBytesMax = 64;        // of a plugin's name, a key, an extension's id
constexpr std::string_view kNoteName{"Cleat", 6};  // with its NUL

bool lower_or_digit(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

std::string quoted(std::string_view text) { return std::string(1, '"').append(text.substr(0, kNameBytesMax)).append(1, '"'); }

// "12" of "0.12": no sign, no leading zero, at most 65535.
std::optional<std::uint32_t> version_part(std::string_view text) {
  std::uint16_t value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc() || end != text.data() + text.size() || (text.size() > 1 && text[0] == '0')) return {};
  return value;
}

std::optional<std::uint32_t> parse_abi(std::string_view text) {
  const std::size_t dot = text.find('.');
  if (dot == std::string_view::npos) return {};
  const auto major = version_part(text.substr(0, dot));
  const auto minor = version_part(text.substr(dot + 1));
  if (!major || !minor) return {};
  return *major << 16 | *minor;
}

// The name becomes part of a file's name, so it is kept to a safe alphabet.
bool valid_name(std::string_view name) {
  return !name.empty() && name.size() <= kNameBytesMax && name[0] >= 'a' && name[0] <= 'z' &&
         std::all_of(name.begin(), name.end(), [](char c) { return lower_or_digit(c) || c == '_' || c == '-'; });
}

// "cleat.body/1", "com.example.geo/2"
bool valid_extension(std::string_view id) {
  const std::size_t slash = id.find('/');
  if (id.size() > kNameBytesMax || slash == std::string_view::npos || slash == 0) return false;
  const auto version = version_part(id.substr(slash + 1));
  if (!version || *version == 0) return false;
  return std::all_of(id.begin(), id.begin() + static_cast<std::ptrdiff_t>(slash),
                     [](char c) { return lower_or_digit(c) || c == '.' || c == '_' || c == '-'; });
}

// Empty, or why the list is refused.
std::string parse_extensions(std::string_view text, std::vector<std::string>& list) {
  while (!text.empty()) {
    const std::size_t space = std::min(text.find(' '), text.size());
    const std::string_view id = text.substr(0, space);
    text.remove_prefix(std::min(space + 1, text.size()));
    if (id.empty()) continue;
    if (!valid_extension(id)) return quoted(id) + " is not an extension's id such as cleat.config/1";
    if (std::find(list.begin(), list.end(), id) != list.end()) return quoted(id) + " stands twice";
    if (list.size() == kExtensionsMax) return "more than " + std::to_string(kExtensionsMax) + " extensions";
    list.emplace_back(id);
  }
  return {};
}

std::string_view trimmed(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  return text.substr(0, text.find_last_not_of(' ') + 1);
}

// "top: what is going on; keys: makes keys". Empty, or why it is refused.
std::string parse_commands(std::string_view text, std::vector<NoteCommand>& list) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(';'), text.size());
    const std::string_view one = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const std::size_t colon = std::min(one.find(':'), one.size());
    const std::string_view word = trimmed(one.substr(0, colon));
    const bool valid = !word.empty() && word.size() <= kCommandBytesMax && word[0] >= 'a' && word[0] <= 'z' &&
                       std::all_of(word.begin(), word.end(), [](char c) { return lower_or_digit(c) || c == '-'; });
    if (!valid) return quoted(word) + " is no word for a command: [a-z][a-z0-9-]*, at most 32 characters";
    for (const NoteCommand& before : list) {
      if (before.word == word) return quoted(word) + " stands twice";
    }
    if (list.size() == kCommandsMax) return "more than " + std::to_string(kCommandsMax) + " commands";
    list.push_back({std::string(word), std::string(trimmed(one.substr(std::min(colon + 1, one.size()))))});
  }
  return {};
}

// Sets one key. Empty, or why it is refused.
std::string set(Note& note, std::string_view key, std::string_view value) {
  if (key == "name") {
    if (!valid_name(value)) return "a name is [a-z][a-z0-9_-]*, at most 64 characters";
    note.name = value;
  } else if (key == "version") {
    note.version = value;
  } else if (key == "license") {
    note.license = value;
  } else if (key == "about") {
    note.about = value;
  } else if (key == "abi" || key == "least") {
    const auto abi = parse_abi(value);
    if (!abi || *abi == 0) return quoted(value) + " is not an ABI version such as 0.9";
    (key == "abi" ? note.abi : note.least) = *abi;
  } else if (key == "requires") {
    return parse_extensions(value, note.requires_);
  } else if (key == "optional") {
    return parse_extensions(value, note.optional);
  } else if (key == "commands") {
    return parse_commands(value, note.commands);
  } else if (!key.starts_with("x-")) {
    return "this key is unknown; a key of your own begins with x-";
  }
  return {};
}

std::uint32_t word(std::string_view bytes, std::size_t at) {
  std::uint32_t value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

// Adds the text of every Cleat note in the run. A run that ends in the middle of a note ends there: foreign notes are the
// linker's business, and one of ours that is cut is reported.
Result<bool> collect(const ElfNotes& notes, std::vector<std::string_view>& found) {
  std::string_view rest = notes.bytes;
  while (rest.size() >= 12) {
    const std::uint64_t name_size = word(rest, 0), text_size = word(rest, 4);  // 64 bits: sums below cannot overflow
    const std::uint32_t type = word(rest, 8);
    const auto up = [&](std::uint64_t n) { return (n + notes.align - 1) / notes.align * notes.align; };
    const std::uint64_t text_at = up(12 + name_size);
    if (12 + name_size > rest.size()) break;
    const bool ours = rest.substr(12, name_size) == kNoteName;
    if (text_at > rest.size() || text_size > rest.size() - text_at) {
      if (ours) return Error{"its Cleat note is cut short"};
      break;
    }
    if (ours) {
      if (type != CLEAT_NOTE_TYPE) return Error{"its Cleat note is of the unknown type " + std::to_string(type)};
      if (text_size > kTextBytesMax) return Error{"its Cleat note is larger than " + std::to_string(kTextBytesMax) + " bytes"};
      found.push_back(rest.substr(text_at, text_size));
    }
    rest.remove_prefix(std::min<std::uint64_t>(up(text_at + text_size), rest.size()));
  }
  return true;
}

}  // namespace

Result<Note> parse_note_text(std::string_view text) {
  while (!text.empty() && text.back() == '\0') text.remove_suffix(1);  // padding
  if (text.size() > kTextBytesMax) return Error{"its Cleat note is larger than " + std::to_string(kTextBytesMax) + " bytes"};
  for (const char c : text) {
    if (c != '\n' && (c < ' ' || c > '~')) return Error{"its Cleat note holds a byte that is not printable ASCII"};
  }
  Note note;
  std::vector<std::string_view> seen;
  for (std::size_t line = 1; !text.empty(); ++line) {
    const std::string at = "its Cleat note, line " + std::to_string(line) + ": ";
    if (line > kLinesMax) return Error{at + "more than " + std::to_string(kLinesMax) + " lines"};
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view one = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const std::size_t equals = one.find('=');
    if (equals == std::string_view::npos || equals == 0) return Error{at + "not key=value: " + quoted(one)};
    const std::string_view key = one.substr(0, equals);
    if (std::find(seen.begin(), seen.end(), key) != seen.end()) return Error{at + "key " + quoted(key) + " stands twice"};
    seen.push_back(key);
    const std::string reason = set(note, key, one.substr(equals + 1));
    if (!reason.empty()) return Error{at + "key " + quoted(key) + ": " + reason};
  }
  if (note.name.empty()) return Error{"its Cleat note has no name"};
  if (note.abi == 0) return Error{"its Cleat note has no abi"};
  if (note.least == 0) return Error{"its Cleat note has no least"};
  if (note.least > note.abi) {
    return Error{"its Cleat note contradicts itself: needs at least ABI " + abi_text(note.least) + ", but is built against " +
                 abi_text(note.abi)};
  }
  return note;
}

Result<Note> read_note(std::string_view elf_image) {
  Result<ElfFile> file = ElfFile::open(elf_image);
  if (!file.ok()) return Error{file.error()};
  Result<std::vector<ElfNotes>> segments = file->note_segments();
  if (!segments.ok()) return Error{segments.error()};
  std::vector<std::string_view> found;
  for (const ElfNotes& notes : *segments) {
    if (Result<bool> walked = collect(notes, found); !walked.ok()) return Error{walked.error()};
  }
  if (found.empty()) {  // some linkers put no segment around a note that a compiler other than C's made
    Result<std::optional<ElfNotes>> section = file->note_section(".note.cleat");
    if (!section.ok()) return Error{section.error()};
    if (section->has_value()) {
      if (Result<bool> walked = collect(**section, found); !walked.ok()) return Error{walked.error()};
    }
  }
  if (found.empty()) return Error{"not a Cleat plugin: it has no Cleat note (CLEAT_PLUGIN_NOTE in plugin_api/plugin.h makes one)"};
  if (found.size() > 1) return Error{"it has " + std::to_string(found.size()) + " Cleat notes: a plugin has exactly one"};
  return parse_note_text(found.front());
}

std::string refuse(const Note& note) {
  const std::string built = "built against ABI " + abi_text(note.abi);
  const std::string host = "this host implements " + abi_text(CLEAT_ABI);
  if (note.least > CLEAT_ABI) {
    return built + ", needs at least " + abi_text(note.least) + "; " + host + ": use a newer host, or build it with an older `least`";
  }
  if (note.abi >> 16 > CLEAT_ABI >> 16) {
    return built + ", a later major version; " + host + ": use a newer host, or build it against the older headers";
  }
  std::string missing;
  for (const std::string& id : note.requires_) {
    if (!host_has(id)) missing += (missing.empty() ? "" : ", ") + id;
  }
  if (!missing.empty()) return "requires " + missing + ", which this host does not have: use a host that has, or make it optional";
  return {};
}

std::string abi_text(std::uint32_t abi) { return std::to_string(abi >> 16) + "." + std::to_string(abi & 0xffff); }

}  // namespace cleat::hooks
