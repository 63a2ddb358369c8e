// The tree of a document once it is parsed: asking for keys, reporting those nobody asked for, and the errors of a load.
#include "kernel/config/document.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <numeric>
#include <tuple>

#include "kernel/config/reading.hpp"

namespace cleat::config {

const Node* Node::get(std::string_view key) const {
  for (const Member& member : members) {
    if (type == Type::kMap && member.key == key) {
      member.asked = true;
      return member.value.get();
    }
  }
  if (std::find(asked_absent.begin(), asked_absent.end(), key) == asked_absent.end()) asked_absent.emplace_back(key);
  return nullptr;
}

void Node::ask_all() const {
  for (const Member& member : members) {
    member.asked = true;
    member.value->ask_all();
  }
}

std::unique_ptr<Node> Node::copy() const {
  auto made = std::make_unique<Node>();
  made->type = type;
  made->position = position;
  made->scalar = scalar;
  made->quoted = quoted;
  made->label = label;
  made->path = path;
  for (const Member& member : members) made->members.push_back({member.key, member.key_position, member.value->copy()});
  return made;
}

// --- errors --------------------------------------------------------------------------------------------------------------

void Diagnostics::error(const Node& node, std::string_view text) { add(node.label, node.position, node.path, text); }

void Diagnostics::error(const Node& of, Position position, std::string_view text) { add(of.label, position, of.path, text); }

void Diagnostics::error(Position position, std::string_view path, std::string_view text) { add(nullptr, position, path, text); }

void Diagnostics::add(const std::string* label, Position position, std::string_view path, std::string_view text) {
  ++count_;
  if (errors_.size() >= kKept) return;
  std::string line(path);
  if (!line.empty()) line += ": ";
  line += text;
  for (char& c : line) {  // one error is one line, whatever the file holds
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  errors_.push_back({label == nullptr || *label == file_ ? std::string() : *label, position, std::move(line), path.size()});
}

void Diagnostics::add(const Diagnostics& other) {
  count_ += other.count_;
  for (const Entry& entry : other.errors_) {
    if (errors_.size() >= kKept) return;
    errors_.push_back(entry);
    if (entry.label.empty() && other.file_ != file_) errors_.back().label = other.file_;
  }
}

std::string Diagnostics::where(const Node& node, const Node& seen_from) const {
  const std::string at = std::to_string(node.position.line) + ":" + std::to_string(node.position.column);
  if (node.label == seen_from.label) return at;
  return (node.label == nullptr ? file_ : *node.label) + ":" + at;
}

std::string Diagnostics::text() const {
  std::vector<const Entry*> sorted;
  for (const Entry& entry : errors_) sorted.push_back(&entry);
  std::stable_sort(sorted.begin(), sorted.end(), [](const Entry* a, const Entry* b) {
    return std::tie(a->label, a->position.line, a->position.column) < std::tie(b->label, b->position.line, b->position.column);
  });
  std::string out;
  for (std::size_t i = 0; i < sorted.size() && i < kPrinted; ++i) {
    const Entry& entry = *sorted[i];
    out += entry.label.empty() ? file_ : entry.label;
    if (entry.position.line > 0) {
      out.append(":").append(std::to_string(entry.position.line));
      out.append(":").append(std::to_string(entry.position.column));
    }
    out.append(": ").append(entry.text).append("\n");
  }
  if (count_ > kPrinted) out += file_ + ": and " + std::to_string(count_ - kPrinted) + " more errors\n";
  return out;
}

// --- unknown keys --------------------------------------------------------------------------------------------------------

void report_unknown_keys(const Node& node, Diagnostics& diagnostics) { report_unknown_keys(node, {}, diagnostics); }

void report_unknown_keys(const Node& node, const std::unordered_set<const Node*>& opaque, Diagnostics& diagnostics) {
  for (const Node::Member& member : node.members) {
    if (node.type == Node::Type::kMap && !member.asked) {
      diagnostics.error(*member.value, member.key_position, "unknown key" + did_you_mean(member.key, node.asked_absent, diagnostics));
    } else if (!opaque.contains(member.value.get())) {
      report_unknown_keys(*member.value, opaque, diagnostics);
    }
  }
}

std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates, const Diagnostics& diagnostics) {
  if (diagnostics.count() >= Diagnostics::kPrinted) return {};  // looking is not free, and few would be read
  const std::string near = nearest(word, candidates);
  return near.empty() ? std::string() : " (did you mean \"" + near + "\"?)";
}

namespace {

// Edits between two words: a letter put in, left out, replaced, or exchanged with its neighbour (optimal string alignment).
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1), above(b.size() + 1), row(b.size() + 1);
  std::iota(above.begin(), above.end(), std::size_t{0});
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = above[j - 1] + (lower(a[i - 1]) == lower(b[j - 1]) ? 0 : 1);
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, replaced});
      if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) && lower(a[i - 2]) == lower(b[j - 1])) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
    before.swap(above);
    above.swap(row);
  }
  return above[b.size()];
}

}  // namespace

std::string nearest(std::string_view word, const std::vector<std::string>& candidates) {
  constexpr std::size_t kWordMax = 64;
  if (word.empty() || word.size() > kWordMax) return {};
  std::size_t best = std::max<std::size_t>(1, word.size() / 3) + 1;  // what is further away is another word
  const std::string* found = nullptr;
  for (const std::string& candidate : candidates) {
    const std::size_t longer = std::max(word.size(), candidate.size());
    if (longer - std::min(word.size(), candidate.size()) >= best) continue;
    const std::size_t edits = distance(word, candidate);
    if (edits < best && edits < longer) {
      best = edits;
      found = &candidate;
    }
  }
  for (const std::string& candidate : candidates) {  // "warning" for "warn"
    constexpr std::size_t kStemMin = 4;
    const bool stem = std::min(word.size(), candidate.size()) >= kStemMin &&
                      (word.starts_with(candidate) || std::string_view(candidate).starts_with(word));
    if (found == nullptr && stem && candidate != word) found = &candidate;
  }
  return found == nullptr ? std::string() : *found;
}

std::string mark_of(const std::string& file) {
  struct stat now {};
  if (::stat(file.c_str(), &now) != 0) return {};
  const auto time = [](const timespec& at) { return std::to_string(at.tv_sec) + '.' + std::to_string(at.tv_nsec); };
  return std::to_string(now.st_dev) + '/' + std::to_string(now.st_ino) + '/' + std::to_string(now.st_size) + '/' + time(now.st_mtim) + '/' +
         time(now.st_ctim);
}

Result<std::string> read_file(const std::string& file) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> in(std::fopen(file.c_str(), "rbe"), &std::fclose);
  if (in == nullptr) return Error{file + ": cannot be opened: " + std::strerror(errno)};
  std::string text;
  constexpr std::size_t kPiece = 256 * 1024;
  while (text.size() <= kDocumentBytesMax) {
    const std::size_t had = text.size();
    text.resize(had + kPiece);
    const std::size_t got = std::fread(text.data() + had, 1, kPiece, in.get());
    text.resize(had + got);
    if (got < kPiece) {
      if (std::ferror(in.get()) != 0) return Error{file + ": cannot be read: " + std::strerror(errno)};
      break;
    }
  }
  if (text.size() > kDocumentBytesMax) {
    return Error{file + ": larger than " + std::to_string(kDocumentBytesMax / (1024 * 1024)) + " MiB"};
  }
  return text;
}

}  // namespace cleat::config
