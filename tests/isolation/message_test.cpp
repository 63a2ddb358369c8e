// What the kernel's side understands of a process's messages about a handler's answer.
#include "plugins/isolation_process/message.hpp"

#include <catch2/catch_test_macros.hpp>

#include "tests/isolation/driver.hpp"

namespace cleat::isolation::test {
namespace {

Writer question(Function function) {
  Writer writer;
  writer.number(FromProcess::kAsk);
  writer.number(std::uint32_t{5});
  writer.number(function);
  writer.number(exchange(0, 7));
  return writer;
}

void write_field(Writer& writer, std::string_view name, std::string_view value) {
  writer.number(std::uint32_t{1});
  writer.text(name);
  writer.text(value);
}

// Reads it, and finds that neither less nor more is a message.
isolation_process::Question understood(const std::string& bytes, isolation_process::Message& message) {
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    if (message.read(std::string_view(bytes).substr(0, size))) FAIL("a message was cut at " << size << " and read");
  }
  CHECK_FALSE(message.read(bytes + '\0'));
  REQUIRE(message.read(bytes));
  CHECK(message.what == FromProcess::kAsk);
  CHECK(message.question.number == 5);
  CHECK(message.question.owner == exchange(0, 7));
  return message.question;
}

}  // namespace

TEST_CASE("what is asked of a handler's answer is read as a whole or not at all") {
  isolation_process::Message message;

  Writer start = question(Function::kHandlerStart);
  start.number(std::uint32_t{206});
  write_field(start, "x-a", "b");
  const isolation_process::Question begun = understood(start.bytes, message);
  CHECK(begun.function == Function::kHandlerStart);
  CHECK(begun.flags == 206);
  REQUIRE((begun.fields.count == 1 && message.fields.size() == 1));
  CHECK(std::string_view(message.fields[0].value.data, message.fields[0].value.size) == "b");

  Writer piece = question(Function::kHandlerWrite);
  piece.text(std::string_view("some bytes"));
  CHECK(understood(piece.bytes, message).value == "some bytes");

  Writer finish = question(Function::kHandlerFinish);
  write_field(finish, "x-end", "yes");
  CHECK(understood(finish.bytes, message).fields.count == 1);

  CHECK(understood(question(Function::kHandlerAbort).bytes, message).function == Function::kHandlerAbort);
}

TEST_CASE("a question for all metrics says from where on") {
  isolation_process::Message message;
  const std::string bytes = question(Function::kMetricsVisit).bytes;
  REQUIRE(message.read(bytes));
  CHECK(message.question.amount == exchange(0, 7));
  CHECK_FALSE(message.read(std::string_view(bytes).substr(0, bytes.size() - 1)));
  CHECK_FALSE(message.read(bytes + '\0'));
}

TEST_CASE("no function lies between those of a ring and those of the socket") {
  isolation_process::Message message;
  const auto after = static_cast<Function>(static_cast<std::uint16_t>(Function::kMetricsVisit) + 1);
  CHECK_FALSE(message.read(question(after).bytes));
  Writer fields = question(Function::kHandlerFinish);
  fields.number(std::uint32_t{1'000'000'000});  // more than there could be
  CHECK_FALSE(message.read(fields.bytes));
}

}  // namespace cleat::isolation::test
