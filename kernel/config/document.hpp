// A configuration document as a tree that remembers where each node stood and which keys were asked for. The kernel reads
// its own configuration and plugins read theirs (cleat.config/1) through this one mechanism: a key of a map that nobody asked
// for is reported as unknown, with the nearest asked-for key as the suggestion. Control thread only.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kernel/base/result.hpp"

namespace cleat::config {

struct Position {
  int line = 0;    // from 1; 0 = none
  int column = 0;  // from 1
};

class Node {
 public:
  enum class Type : std::uint8_t { kNull, kScalar, kList, kMap };
  Type type = Type::kNull;
  Position position;
  std::string scalar;
  bool quoted = false;               // a quoted scalar is text, never null, a number or a boolean
  const std::string* label = nullptr;  // the document's, for messages; nullptr: that of the Diagnostics. Lives as long as the node
  std::string path;                  // "listeners[0].routes[2].match.prefix", for messages; long ones are cut
  struct Member {
    std::string key;                 // empty in a list
    Position key_position;
    std::unique_ptr<Node> value;
    mutable bool asked = false;
  };
  std::vector<Member> members;       // of a list or map, in file order
  mutable std::vector<std::string> asked_absent;  // keys that were asked for and are not here: candidates for suggestions

  // A map's value, or nullptr; remembers that it was asked for.
  const Node* get(std::string_view key) const;
  void ask_all() const;              // the whole subtree counts as asked for
  std::unique_ptr<Node> copy() const;  // of the same places; nothing of it has been asked for
};

// Collects every error of a load; printed as "file:line:column: path: what (did you mean "x"?)", document by document, sorted by position.
class Diagnostics {
 public:
  static constexpr std::size_t kPrinted = 100;
  static constexpr std::size_t kKept = 10'000;  // further ones are only counted

  explicit Diagnostics(std::string file) : file_(std::move(file)) {}
  void error(const Node& node, std::string_view text);
  void error(const Node& of, Position position, std::string_view text);  // of a key: the node's own position is its value's
  void error(Position position, std::string_view path, std::string_view text);
  // Takes over what was found in other documents.
  void add(const Diagnostics& other);
  // Of `node`, for a message at `seen_from`: "12:3", or "label:12:3" in another document.
  std::string where(const Node& node, const Node& seen_from) const;
  bool failed() const { return count_ != 0; }
  std::size_t count() const { return count_; }
  std::string text() const;          // one line each, at most 100 and then a count
  const std::string& file() const { return file_; }
  template <class F>
  void each(F&& see) const {         // see(path, text), in the order they were found
    for (const Entry& entry : errors_) {
      const std::string_view line = entry.text;
      see(line.substr(0, entry.path_size), line.substr(entry.path_size == 0 ? 0 : entry.path_size + 2));
    }
  }

 private:
  void add(const std::string* label, Position position, std::string_view path, std::string_view text);
  struct Entry {
    std::string label;               // empty: file_
    Position position;
    std::string text;                // the path, ": " and what it is
    std::size_t path_size = 0;
  };
  std::string file_;
  std::vector<Entry> errors_;
  std::size_t count_ = 0;
};

struct Document {
  std::string file;                  // for messages; relative paths are relative to its folder
  std::unique_ptr<Node> root;
};

// Bounds of any document: what is larger is refused with a clear error.
inline constexpr std::size_t kDocumentBytesMax = 64 * 1024 * 1024;
inline constexpr int kDocumentDepthMax = 64;
inline constexpr std::size_t kDocumentTreeBytesMax = 512 * 1024 * 1024;  // of the nodes made from it, about
inline constexpr std::size_t kDocumentAliasBytesMax = 32 * 1024 * 1024;  // of those, the copies that aliases make

// One YAML 1.2 document in UTF-8 (JSON is a subset, but for \u surrogate pairs). Anchors and aliases work within a bound on the
// nodes they make; merge keys, tags other than !!str, and keys that are not text are refused; duplicate keys are errors;
// errors of the syntax carry the position. Returns nullptr root with diagnostics on failure; an empty document is kNull. label: the
// nodes', where they will be reported by other Diagnostics than these.
Document parse_document(std::string_view text, Diagnostics& diagnostics, const std::string* label = nullptr);
// Differs once a file was written or replaced, through symbolic links too. Taken before the file is read, it misses no change. Empty
// while there is no file.
std::string mark_of(const std::string& file);
Result<std::string> read_file(const std::string& file);  // bounded by kDocumentBytesMax

// Where a path that the file says leads to: a relative one is relative to the file's folder.
std::string beside(const std::string& file, const std::string& path);

// Reports every key that was not asked for, below `node`. Subtrees wholly unread are reported at their topmost key.
void report_unknown_keys(const Node& node, Diagnostics& diagnostics);

// Scalars. A failure is an error at the node and false; `value` is then unchanged.
bool read_text(const Node& node, Diagnostics& diagnostics, std::string& value);
bool read_integer(const Node& node, Diagnostics& diagnostics, std::int64_t least, std::int64_t most, std::int64_t& value);
bool read_number(const Node& node, Diagnostics& diagnostics, double& value);
bool read_boolean(const Node& node, Diagnostics& diagnostics, bool& value);                       // true, false
bool read_duration(const Node& node, Diagnostics& diagnostics, std::chrono::milliseconds& value);  // 250ms 2s 1m 1h; 0 needs no unit
bool read_bytes(const Node& node, Diagnostics& diagnostics, std::uint64_t& value);                 // 512 16KiB 16KB 1MiB 1GiB

std::string to_json(const Node& node);  // numbers, booleans and null as such unless quoted
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);  // "" if none is near (edit distance)

}  // namespace cleat::config
