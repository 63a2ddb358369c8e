// Documents: the tree and its positions, what is refused, unknown keys, and the text of errors.
#include "kernel/config/document.hpp"

#include <catch2/catch_test_macros.hpp>
#include <cstdio>
#include <string>

namespace {

using namespace cleat::config;

struct Parsed {
  explicit Parsed(std::string_view text) : document(parse_document(text, diagnostics)) {}
  const Node& root() const {
    INFO(diagnostics.text());
    REQUIRE(document.root != nullptr);
    return *document.root;
  }
  const Node& operator[](std::string_view key) const {
    const Node* node = root().get(key);
    REQUIRE(node != nullptr);
    return *node;
  }
  std::string errors() const { return diagnostics.text(); }
  bool refused_with(std::string_view words) const {
    INFO(errors());
    CHECK(document.root == nullptr);
    CHECK(errors().find(words) != std::string::npos);
    return document.root == nullptr && errors().find(words) != std::string::npos;
  }
  Diagnostics diagnostics{"f.yaml"};
  Document document;
};

std::string at(const Node& node) { return std::to_string(node.position.line) + ":" + std::to_string(node.position.column); }

std::string repeated(std::string_view text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += text;
  return out;
}

}  // namespace

TEST_CASE("nodes know their type, their place and their path") {
  const Parsed yaml("a: 1\nlist:\n  - x\n  - {k: 'v'}\nnone: ~\nempty:\n");
  CHECK(yaml.root().type == Node::Type::kMap);
  CHECK(at(yaml["a"]) == "1:4");
  const Node& list = yaml["list"];
  CHECK(list.type == Node::Type::kList);
  CHECK(list.members[0].value->path == "list[0]");
  const Node& value = *list.members[1].value->get("k");
  CHECK(value.path == "list[1].k");
  CHECK(at(value) == "4:9");
  CHECK(value.quoted);
  CHECK(list.members[1].value->members[0].key_position.column == 6);
  CHECK(yaml["none"].type == Node::Type::kNull);
  CHECK(yaml["empty"].type == Node::Type::kNull);
}

TEST_CASE("quoted scalars, block scalars and !!str are text") {
  const Parsed yaml("a: \"null\"\nb: |\n  true\nc: !!str 12\nd: null\ne: 12\n");
  CHECK(yaml["a"].quoted);
  CHECK(yaml["a"].type == Node::Type::kScalar);
  CHECK(yaml["b"].quoted);
  CHECK(yaml["b"].scalar == "true\n");
  CHECK(yaml["c"].quoted);
  CHECK(yaml["d"].type == Node::Type::kNull);
  CHECK_FALSE(yaml["e"].quoted);
}

TEST_CASE("JSON is a document too") {
  const Parsed json("{\n\t\"a\": [1, \"two\", null, true],\n\t\"b\":{\"c\":\"\\u00e9\\n\"}\n}\n");
  CHECK(json["a"].members.size() == 4);
  CHECK(json["b"].get("c")->scalar == "\xc3\xa9\n");
}

TEST_CASE("an empty document is a null node") {
  CHECK(Parsed("").root().type == Node::Type::kNull);
  CHECK(Parsed("# nothing\n").root().type == Node::Type::kNull);
  CHECK(Parsed("---\n").root().type == Node::Type::kNull);
}

TEST_CASE("anchors and aliases copy what they name") {
  const Parsed yaml("base: &b {x: 1, y: [2]}\nuse: *b\nscalar: &s text\nagain: *s\nnone: &n\nnull: *n\n");
  CHECK(yaml.document.root == nullptr);  // "null:" is not a text key
  const Parsed good("base: &b {x: 1, y: [2]}\nuse: *b\nscalar: &s text\nagain: *s\n");
  const Node& use = good["use"];
  CHECK(use.get("y")->members[0].value->path == "use.y[0]");
  CHECK(at(use) == "2:6");
  CHECK(good["again"].scalar == "text");
}

TEST_CASE("an alias within what it names is refused") {
  CHECK(Parsed("a: &a [1, *a]\n").refused_with("f.yaml:1:11: a: an alias of what it is part of"));
}

TEST_CASE("an unknown alias is refused at its place") { CHECK(Parsed("a: *b\n").refused_with("f.yaml:1:4: not YAML")); }

TEST_CASE("a billion laughs end at the bound") {
  std::string yaml = "l0: &l0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]\n";
  for (int i = 1; i < 12; ++i) {
    const std::string before = "*l" + std::to_string(i - 1) + ", ";
    yaml += "l" + std::to_string(i) + ": &l" + std::to_string(i) + " [" + repeated(before, 9) + "*l" + std::to_string(i - 1) + "]\n";
  }
  CHECK(Parsed(yaml).refused_with("aliases make the document too large"));
}

TEST_CASE("nesting is refused at its bound, in either style, without using up the stack") {
  CHECK(Parsed(repeated("[", 64) + repeated("]", 64)).document.root != nullptr);
  CHECK(Parsed(repeated("[", 65) + repeated("]", 65)).refused_with("deeper than 64 levels"));
  CHECK(Parsed(repeated("[", 500'000) + repeated("]", 500'000)).refused_with("deeper than 64 levels"));
  CHECK(Parsed(repeated("{a: ", 100'000) + repeated("}", 100'000)).refused_with("deeper than 64 levels"));
  CHECK(Parsed(repeated("- ", 100'000)).refused_with("deeper than 64 levels"));
  CHECK(Parsed(repeated("? ", 100'000)).refused_with("f.yaml:1:"));
  CHECK(Parsed(repeated("[", 100'000)).refused_with("f.yaml:1:"));
  CHECK(Parsed(repeated("{a: ", 100'000)).refused_with("f.yaml:1:"));
  std::string block;
  for (int i = 0; i < 100; ++i) block += repeated(" ", i) + "a:\n";
  CHECK(Parsed(block).refused_with("deeper than 64 levels"));
}

TEST_CASE("nesting is bounded through aliases too") {
  const std::string deep = "a: &a " + repeated("[", 40) + repeated("]", 40) + "\n";
  CHECK(Parsed(deep + "b: " + repeated("[", 20) + "*a" + repeated("]", 20) + "\n").document.root != nullptr);
  CHECK(Parsed(deep + "b: " + repeated("[", 30) + "*a" + repeated("]", 30) + "\n").refused_with("deeper than 64 levels"));
}

TEST_CASE("a document over the size bound is refused") {
  CHECK(Parsed(std::string(kDocumentBytesMax + 1, ' ')).refused_with("f.yaml: larger than 64 MiB"));
}

TEST_CASE("every duplicate key is told with both places") {
  const Parsed yaml("a: 1\nb: {c: 1, d: 2, c: 3}\na: 2\na: 3\n");
  CHECK(yaml.document.root == nullptr);
  CHECK(yaml.errors() ==
        "f.yaml:2:17: b.c: duplicate key, first at 2:5\n"
        "f.yaml:3:1: a: duplicate key, first at 1:1\n"
        "f.yaml:4:1: a: duplicate key, first at 1:1\n");
}

TEST_CASE("keys that are not text are refused") {
  CHECK(Parsed("? [a]\n: b\n").refused_with("f.yaml:1:3: a key must be text"));
  CHECK(Parsed("{? {a: b}: c}\n").refused_with("a key must be text"));
  CHECK(Parsed("~: b\n").refused_with("a key must be text"));
  CHECK(Parsed("a: &x k\n*x : b\n").refused_with("f.yaml:2:1: a key must be text"));
  CHECK(Parsed("<<: {a: b}\n").refused_with("merge keys"));
}

TEST_CASE("tags and second documents are refused") {
  CHECK(Parsed("a: !secret b\n").refused_with("f.yaml:1:4: a: tags are not supported: !secret"));
  CHECK(Parsed("a: !!int 5\n").refused_with("tags are not supported"));
  CHECK(Parsed("a: !!map {}\n").refused_with("tags are not supported"));
  CHECK(Parsed("a: b\n---\nc: d\n").refused_with("a second document"));
}

TEST_CASE("wrong syntax is told where it is") {
  CHECK(Parsed("a: [1, 2\nb: 3\n").refused_with("f.yaml:2:"));
  CHECK(Parsed("a: b: c\n").refused_with("f.yaml:1:"));
  CHECK(Parsed("a: [1, 2\n").refused_with("f.yaml:2:"));
  CHECK(Parsed("a: {b: 1\n").refused_with("f.yaml:2:"));
  CHECK(Parsed("a:\n\t- b\n").refused_with("f.yaml:2:"));
}

TEST_CASE("a quoted scalar cut off by the end of the file is refused") {
  CHECK(Parsed("a: 'x\n").refused_with("f.yaml:2:1: not YAML: illegal document indicator in scalar (at the end of the file)"));
  CHECK(Parsed("a: \"x").refused_with("(at the end of the file)"));
}

TEST_CASE("escapes that yaml-cpp turns into bytes are refused") {
  // It made 0x85 and 0xA0 of them, and the document's JSON was no UTF-8.
  CHECK(Parsed("a: \"\\N\"\n").refused_with("f.yaml:1:4: the escapes"));
  CHECK(Parsed("\"\\_\": b\n").refused_with("f.yaml:1:1: the escapes"));
  CHECK(Parsed("a: \"\\u0085\\L\"\n")["a"].scalar == "\xc2\x85\xe2\x80\xa8");
}

TEST_CASE("a document may end with its marker, or without a last newline") {
  CHECK(Parsed("a: b\n...\n")["a"].scalar == "b");
  CHECK(Parsed("a: b")["a"].scalar == "b");
  CHECK(Parsed("a: |\n  b\n")["a"].scalar == "b\n");
  CHECK(Parsed("---\n...\n").root().type == Node::Type::kNull);
}

TEST_CASE("bytes that no YAML may have are refused where they are") {
  CHECK(Parsed(std::string_view("a: b\nc: \0d\n", 11)).refused_with("f.yaml:2:4: a control character"));
  CHECK(Parsed("a: \xff\n").refused_with("f.yaml:1:4: not UTF-8"));
  CHECK(Parsed("a: \xed\xa0\x80\n").refused_with("f.yaml:1:4: not UTF-8"));
  CHECK(Parsed("a: \xc0\xaf\n").refused_with("not UTF-8"));
  CHECK(Parsed("\xef\xbb\xbf" "a: \xe2\x82\xac\n")["a"].scalar == "\xe2\x82\xac");
}

TEST_CASE("a key nobody asked for is reported once, at its top, with the nearest key that was asked for") {
  const Parsed yaml("conect_timeout: {a: 1}\nname: x\nlist:\n  - {adress: y, port: 1}\nother:\n  deep: {er: 1}\n");
  const Node& root = yaml.root();
  for (const char* key : {"name", "connect_timeout", "idle_timeout", "list"}) root.get(key);
  root.get("list")->members[0].value->get("address");
  Diagnostics found("f.yaml");
  report_unknown_keys(root, found);
  CHECK(found.text() ==
        "f.yaml:1:1: conect_timeout: unknown key (did you mean \"connect_timeout\"?)\n"
        "f.yaml:4:6: list[0].adress: unknown key (did you mean \"address\"?)\n"
        "f.yaml:4:17: list[0].port: unknown key\n"
        "f.yaml:5:1: other: unknown key\n");
  root.ask_all();
  Diagnostics none("f.yaml");
  report_unknown_keys(root, none);
  CHECK_FALSE(none.failed());
}

TEST_CASE("the nearest word is near, or there is none") {
  const std::vector<std::string> words = {"prefix", "path", "regex", "keep", "append"};
  CHECK(nearest("prefx", words) == "prefix");
  CHECK(nearest("perfix", words) == "prefix");
  CHECK(nearest("Keep", words) == "keep");
  CHECK(nearest("pth", words) == "path");
  CHECK(nearest("banana", words).empty());
  CHECK(nearest("x", {"y"}).empty());
  CHECK(nearest("", words).empty());
  CHECK(nearest(std::string(100'000, 'a'), words).empty());
}

TEST_CASE("errors are sorted by place, and only the first hundred are printed") {
  Diagnostics diagnostics("f.yaml");
  diagnostics.error(Position{2, 1}, "b", "second");
  diagnostics.error(Position{1, 5}, "a", "first\nline");
  diagnostics.error(Position{}, "", "of the whole file");
  CHECK(diagnostics.text() == "f.yaml: of the whole file\nf.yaml:1:5: a: first line\nf.yaml:2:1: b: second\n");
  for (int i = 0; i < 20'000; ++i) diagnostics.error(Position{9, 9}, "", "more");
  CHECK(diagnostics.count() == 20'003);
  CHECK(diagnostics.text().ends_with("f.yaml: and 19903 more errors\n"));
}

TEST_CASE("a long path is cut, so that many nodes under it stay affordable") {
  std::string yaml = std::string(500, 'k') + ":\n";
  for (int i = 1; i < 30; ++i) yaml += repeated(" ", i) + std::string(500, 'k') + ":\n";
  const Parsed parsed(yaml);
  const Node* node = &parsed.root();
  while (!node->members.empty()) node = node->members[0].value.get();
  CHECK(node->path.size() < 600);
}

TEST_CASE("a file that cannot be read says why") {
  auto missing = read_file("/nonexistent/f.yaml");
  REQUIRE_FALSE(missing.ok());
  CHECK(missing.error() == "/nonexistent/f.yaml: cannot be opened: No such file or directory");
  CHECK_FALSE(read_file("/").ok());
}
