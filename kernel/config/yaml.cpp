// Text to tree. yaml-cpp's parser tells its events, and this builder makes the nodes: so positions, quoting and anchors are
// exact, and every bound holds while the document is read. yaml-cpp recurses once for each level; as the builder refuses
// the level past kDocumentDepthMax when it opens, neither can overflow the stack. Its exceptions end in this file.
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <istream>
#include <streambuf>

#include "kernel/config/document.hpp"

namespace cleat::config {
namespace {

// Leaves yaml-cpp's frames by the only way there is. Caught in parse_document.
struct Refused {
  Position position;
  std::string path;
  std::string text;
};

Position to_position(const YAML::Mark& mark) {
  return mark.is_null() ? Position{} : Position{mark.line + 1, mark.column + 1};
}

// Length of the UTF-8 sequence at the start of `text` (Unicode 15, table 3-7), or 0 if there is none.
std::size_t utf8_length(std::string_view text) {
  const auto at = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  const auto tail = [&](std::size_t i) { return (at(i) & 0xC0u) == 0x80u; };
  const unsigned lead = at(0);
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return tail(1) ? 2 : 0;
  if (lead >= 0xE0 && lead <= 0xEF) {
    if ((lead == 0xE0 && at(1) < 0xA0) || (lead == 0xED && at(1) > 0x9F)) return 0;
    return tail(1) && tail(2) ? 3 : 0;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    if ((lead == 0xF0 && at(1) < 0x90) || (lead == 0xF4 && at(1) > 0x8F)) return 0;
    return tail(1) && tail(2) && tail(3) ? 4 : 0;
  }
  return 0;
}

bool is_utf8(std::string_view text) {
  for (std::size_t i = 0, length = 0; i < text.size(); i += length) {
    length = utf8_length(text.substr(i));
    if (length == 0) return false;
  }
  return true;
}

class Builder final : public YAML::EventHandler {
 public:
  Builder(Diagnostics& diagnostics, const std::string* label) : diagnostics_(diagnostics), label_(label) {}

  std::unique_ptr<Node> take() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (root_ != nullptr) throw Refused{to_position(mark), "", "a second document; a file holds one"};
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    refuse_as_key(mark);
    Position position = to_position(mark);  // of the next token, where nothing stands: then its key tells more
    if (!stack_.empty() && stack_.back().has_key && stack_.back().key_position.line != position.line) {
      position = stack_.back().key_position;
    }
    keep(anchor, &add(position));
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    refuse_as_key(mark);
    const Node* source = anchor < anchors_.size() ? anchors_[anchor] : nullptr;
    if (source == nullptr) refuse(mark, "an alias of what it is part of");
    aliased_ = true;
    copy(*source, add(to_position(mark)), stack_.size(), mark);
    aliased_ = false;
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, const std::string& value) override {
    refuse_broken(mark, tag, value);
    if (awaits_key()) return take_key(mark, tag, anchor, value);
    Node& node = add(to_position(mark));
    charge(value.size(), node.position);
    node.type = Node::Type::kScalar;
    node.scalar = value;
    node.quoted = tag != "?";
    refuse_tag(node.position, node.path, tag);
    keep(anchor, &node);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, Node::Type::kList);
  }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, Node::Type::kMap);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapEnd() override {
    report_duplicates(*stack_.back().node);
    close();
  }

 private:
  struct Open {
    Node* node;
    YAML::anchor_t anchor;
    bool has_key = false;
    std::string key;
    Position key_position;
  };

  [[noreturn]] void refuse(const YAML::Mark& mark, std::string text) const {
    throw Refused{to_position(mark), stack_.empty() ? std::string() : stack_.back().node->path, std::move(text)};
  }
  bool awaits_key() const {
    return !stack_.empty() && stack_.back().node->type == Node::Type::kMap && !stack_.back().has_key;
  }
  void refuse_as_key(const YAML::Mark& mark) const {
    if (awaits_key()) refuse(mark, "a key must be text (null, an alias, a list or a map cannot be one)");
  }
  // yaml-cpp 0.7 makes bytes of "\\N" and "\\_", not characters; the file itself was checked before.
  void refuse_broken(const YAML::Mark& mark, const std::string& tag, const std::string& value) const {
    if (tag != "?" && !is_utf8(value)) refuse(mark, "the escapes \\N and \\_ are not supported: use \\u0085 and \\u00a0");
  }
  void refuse_tag(Position position, std::string_view path, const std::string& tag) {
    if (tag == "?" || tag == "!" || tag == "tag:yaml.org,2002:str") return;
    diagnostics_.error(position, path, "tags are not supported: " + tag.substr(0, 64));
  }

  void take_key(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, const std::string& value) {
    Open& top = stack_.back();
    if (anchor != YAML::NullAnchor) refuse(mark, "an anchor on a key");
    if (tag == "?" && value == "<<") refuse(mark, "merge keys (<<) are not part of YAML 1.2");
    refuse_tag(to_position(mark), top.node->path, tag);
    charge(value.size(), to_position(mark));
    top.has_key = true;
    top.key = value;
    top.key_position = to_position(mark);
  }

  void open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, Node::Type type) {
    refuse_as_key(mark);
    if (stack_.size() >= static_cast<std::size_t>(kDocumentDepthMax)) refuse(mark, too_deep());
    Node& node = add(to_position(mark));
    node.type = type;
    refuse_tag(node.position, node.path, tag);
    if (anchor != YAML::NullAnchor) keep(anchor, nullptr);
    stack_.push_back({&node, anchor, false, {}, {}});
  }
  void close() {
    keep(stack_.back().anchor, stack_.back().node);
    stack_.pop_back();
  }

  // A new null node where the document stands now.
  Node& add(Position position) {
    if (stack_.empty()) {
      root_ = std::make_unique<Node>();
      root_->position = position;
      root_->label = label_;
      return *root_;
    }
    Open& top = stack_.back();
    top.has_key = false;
    return add_to(*top.node, std::move(top.key), top.key_position, position);
  }

  Node& add_to(Node& parent, std::string key, Position key_position, Position position) {
    auto node = std::make_unique<Node>();
    node->position = position;
    node->label = label_;
    node->path = path_of(parent, key);
    charge(sizeof(Node) + sizeof(Node::Member) + node->path.size(), position);
    parent.members.push_back({std::move(key), key_position, std::move(node)});
    return *parent.members.back().value;
  }

  static std::string path_of(const Node& parent, std::string_view key) {
    constexpr std::size_t kKeyShown = 64;
    constexpr std::size_t kPathShown = 512;
    if (parent.path.size() > kPathShown) return parent.path;
    if (parent.type == Node::Type::kList) return parent.path + "[" + std::to_string(parent.members.size()) + "]";
    std::string path = parent.path;
    if (!path.empty()) path += '.';
    path += key.substr(0, kKeyShown);
    if (key.size() > kKeyShown) path += "...";
    return path;
  }

  // Bounded: `to` stands at `depth`, and no document is deeper than kDocumentDepthMax, copies included.
  void copy(const Node& from, Node& to, std::size_t depth, const YAML::Mark& mark) {
    to.type = from.type;
    to.scalar = from.scalar;
    to.quoted = from.quoted;
    charge(from.scalar.size(), to_position(mark));
    if (from.type == Node::Type::kScalar || from.type == Node::Type::kNull) return;
    if (depth >= static_cast<std::size_t>(kDocumentDepthMax)) refuse(mark, too_deep());
    for (const Node::Member& member : from.members) {
      charge(member.key.size(), to_position(mark));
      copy(*member.value, add_to(to, member.key, member.key_position, member.value->position), depth + 1, mark);
    }
  }

  void keep(YAML::anchor_t anchor, const Node* node) {
    if (anchor == YAML::NullAnchor) return;
    if (anchors_.size() <= anchor) anchors_.resize(anchor + 1);
    anchors_[anchor] = node;
  }

  void charge(std::size_t bytes, Position position) {
    bytes_ += bytes;
    if (aliased_) alias_bytes_ += bytes;
    if (bytes_ > kDocumentTreeBytesMax) throw Refused{position, "", "the document has too many nodes"};
    if (alias_bytes_ > kDocumentAliasBytesMax) throw Refused{position, "", "aliases make the document too large"};
  }

  void report_duplicates(const Node& map) {
    std::vector<const Node::Member*> sorted;
    for (const Node::Member& member : map.members) sorted.push_back(&member);
    std::stable_sort(sorted.begin(), sorted.end(), [](const auto* a, const auto* b) { return a->key < b->key; });
    for (std::size_t i = 1, first = 0; i < sorted.size(); ++i) {
      if (sorted[i]->key != sorted[first]->key) {
        first = i;
        continue;
      }
      const Position other = sorted[first]->key_position;
      diagnostics_.error(sorted[i]->key_position, sorted[i]->value->path,
                         "duplicate key, first at " + std::to_string(other.line) + ":" + std::to_string(other.column));
    }
  }

  static std::string too_deep() { return "deeper than " + std::to_string(kDocumentDepthMax) + " levels"; }

  Diagnostics& diagnostics_;
  const std::string* label_;
  std::unique_ptr<Node> root_;
  std::vector<Open> stack_;
  std::vector<const Node*> anchors_;  // by yaml-cpp's number; nullptr while the node is open
  std::size_t bytes_ = 0;
  std::size_t alias_bytes_ = 0;
  bool aliased_ = false;
};

// Refuses what no YAML file may hold, before yaml-cpp guesses at its encoding.
bool check_characters(std::string_view text, Diagnostics& diagnostics) {
  Position position{1, 1};
  for (std::size_t i = 0; i < text.size();) {
    const auto c = static_cast<unsigned char>(text[i]);
    const std::size_t length = utf8_length(text.substr(i));
    const bool control = (c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7f;
    if (length == 0 || control) {
      diagnostics.error(position, "", control ? "a control character" : "not UTF-8");
      return false;
    }
    i += length;
    position.column += static_cast<int>(length);  // columns count bytes, as yaml-cpp does
    if (c == '\n') position = {position.line + 1, 1};
  }
  return true;
}

struct ViewBuffer : std::streambuf {  // reads a view without a copy of it
  explicit ViewBuffer(std::string_view text) {
    char* begin = const_cast<char*>(text.data());  // never written: only the get area is set
    setg(begin, begin, begin + text.size());
  }
};

// yaml-cpp takes a quoted scalar that the end of the file cuts off as whole, but refuses one with a document's end in it.
std::string with_end(std::string_view text) {
  std::string whole;
  whole.reserve(text.size() + 5);
  whole += text;
  if (!text.ends_with('\n')) whole += '\n';
  whole += "...\n";
  return whole;
}

// yaml-cpp's words for what is most often a forgotten pair of quotes.
const char* hint(std::string_view message) {
  if (message == YAML::ErrorMsg::UNKNOWN_ANCHOR || message == YAML::ErrorMsg::ALIAS_NOT_FOUND) {
    return " (text that begins with * needs quotes)";
  }
  return message == YAML::ErrorMsg::UNKNOWN_TOKEN ? " (text that begins with @, % or ` needs quotes)" : "";
}

}  // namespace

Document parse_document(std::string_view text, Diagnostics& diagnostics, const std::string* label) {
  Document document{diagnostics.file(), nullptr};
  if (text.size() > kDocumentBytesMax) {
    diagnostics.error(Position{}, "", "larger than " + std::to_string(kDocumentBytesMax / (1024 * 1024)) + " MiB");
    return document;
  }
  if (!check_characters(text, diagnostics)) return document;
  const std::size_t errors = diagnostics.count();
  Builder builder(diagnostics, label);
  try {
    const std::string whole = with_end(text);
    ViewBuffer buffer(whole);
    std::istream in(&buffer);
    YAML::Parser parser(in);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const Refused& refused) {
    diagnostics.error(refused.position, refused.path, refused.text);
  } catch (const YAML::Exception& e) {
    const bool at_end = e.mark.pos >= 0 && static_cast<std::size_t>(e.mark.pos) >= text.size();
    diagnostics.error(to_position(e.mark), "", "not YAML: " + e.msg + (at_end ? " (at the end of the file)" : hint(e.msg)));
  } catch (const std::exception& e) {
    diagnostics.error(Position{}, "", std::string("cannot be parsed: ") + e.what());
  }
  if (diagnostics.count() != errors) return document;
  document.root = builder.take();
  if (document.root == nullptr) document.root = std::make_unique<Node>();
  document.root->label = label;
  if (document.root->type == Node::Type::kNull) document.root->position = {1, 1};
  return document;
}

}  // namespace cleat::config
