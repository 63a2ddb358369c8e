// The plugin as a handler, in its process: what on_handle and its companions are told, what the answer is asked for, and who forgets when.
#include <catch2/catch_test_macros.hpp>

#include "plugin_api/plugin.h"
#include "tests/isolation/driver.hpp"

namespace cleat::isolation::test {
namespace {

using Operations = std::vector<std::string>;

// A plugin `handles` that runs. `said` is what it has asked of its answers, in words; `room` is what a write is taken of.
struct Handling : Kernel {
  Operations said;
  std::uint64_t room = UINT64_MAX;

  Handling() : Kernel(1, 256 * 1024) {
    REQUIRE(load(plugin_file("handles")).status == CLEAT_OK);
    REQUIRE(create("").empty());
    start_workers();
    asked = [this](std::uint32_t worker, std::uint32_t number, Function function, Reader& arguments) {
      CHECK(arguments.number<std::uint64_t>() == exchange(0));
      Writer out;
      switch (function) {
        case Function::kHandlerStart:
          said.push_back("start " + std::to_string(arguments.number<std::uint32_t>()));
          said.back() += fields(arguments);
          break;
        case Function::kHandlerWrite: {
          const std::uint64_t taken = std::min<std::uint64_t>(arguments.text().size(), room);
          room -= taken;
          said.push_back("write " + std::to_string(taken));
          out.number(taken);
          break;
        }
        case Function::kHandlerFinish: said.push_back("finish" + fields(arguments)); break;
        case Function::kHandlerAbort: said.emplace_back("abort"); break;
        default: FAIL("it asks for something else");
      }
      CHECK((arguments.ok() && arguments.at_end()));
      answer(worker, number, CLEAT_OK, {}, out.bytes);
    };
  }

  static std::string fields(Reader& reader) {
    std::string all;
    const std::uint32_t count = reader.count(8);
    for (std::uint32_t i = 0; i < count; ++i) {
      all.append(" ").append(reader.text());
      all.append("=").append(reader.text());
    }
    return all;
  }

  Done handle(std::string act) {
    HookCall call;
    call.hook = HookNumber::kHandle;
    call.request.emplace_back("act", std::move(act));
    return run(call);
  }
  void tell(HookNumber hook, std::uint32_t extra = 0) {
    HookCall call;
    call.hook = hook;
    call.extra = extra;
    this->hook(call);
  }
  void writable() {
    Writer writer;
    writer.number(ToProcess::kWritable);
    writer.number(exchange(0));
    send(0, writer.bytes);
  }
};

}  // namespace

TEST_CASE("a handler's half is told of when its plugin is loaded") {
  Kernel kernel;
  const Answer loaded = kernel.load(plugin_file("handles"));
  REQUIRE(loaded.status == CLEAT_OK);
  Reader reader(loaded.rest);
  const auto hooks = reader.number<std::uint64_t>();
  for (const HookNumber hook : {HookNumber::kHandle, HookNumber::kHandleBody, HookNumber::kHandleEnd, HookNumber::kWritable}) {
    CHECK((hooks >> static_cast<unsigned>(hook) & 1) == 1);
  }
  Kernel other;
  const Answer none = other.load(plugin_file("acts"));
  CHECK((Reader(none.rest).number<std::uint64_t>() >> static_cast<unsigned>(HookNumber::kHandle)) == 0);
}

TEST_CASE("a handler replies, goes on, or fails; UNSUBSCRIBE is a failure") {
  Handling kernel;
  const Done replied = kernel.handle("reply");
  CHECK(replied.verdict == CLEAT_REPLIED);
  CHECK(replied.operations == Operations{"reply 200 hello "});
  CHECK(kernel.handle("nothing").verdict == CLEAT_CONTINUE);
  CHECK(kernel.handle("fail").verdict == CLEAT_FAIL);
  const Done wrong = kernel.handle("unsubscribe");
  CHECK(wrong.verdict == CLEAT_FAIL);
  CHECK(wrong.words == "answered what a handler may not");
}

TEST_CASE("a suspended on_handle is asked again in its process; resumed with FAIL, or with a reply that was made, it is done") {
  Handling kernel;
  CHECK(kernel.handle("suspend").verdict == CLEAT_REPLIED);
  CHECK(kernel.wait_for_log("asked again: 2"));
  CHECK(kernel.handle("suspend-fail").verdict == CLEAT_FAIL);
  Handling second;
  CHECK(second.handle("suspend-replied").verdict == CLEAT_CONTINUE);  // there was no reply
  CHECK(second.wait_for_log("asked again: 2"));
}

TEST_CASE("an answer is asked for as it is made, and a large piece in several, until one is not taken as a whole") {
  Handling kernel;
  kernel.room = 80'000;
  CHECK(kernel.handle("stream").verdict == CLEAT_CONTINUE);
  CHECK(kernel.said == Operations{"start 200", "write 6", "write 65536", "write 14458", "finish x-end=yes", "abort"});
  CHECK(kernel.wait_for_log("stream: start=0 write=0/6 large=0/79994 finish=0 abort=0"));
  kernel.room = 3;
  kernel.writable();
  kernel.receive(0, 100);
  CHECK(kernel.said.back() == "write 3");
  CHECK(kernel.wait_for_log("writable: write=0/3"));
}

TEST_CASE("an answer is held to its Content-Length before any of it is asked for") {
  Handling kernel;
  CHECK(kernel.handle("length").verdict == CLEAT_CONTINUE);
  CHECK(kernel.said == Operations{"start 200 Content-Length=5", "write 3", "write 2"});
  CHECK(kernel.wait_for_log("length: body=-2 start=0 -5/0 0/3 -5/0 0/2"));
}

TEST_CASE("a timer answers later") {
  Handling kernel;
  CHECK(kernel.handle("later").verdict == CLEAT_CONTINUE);
  kernel.receive(0, 200);
  CHECK(kernel.said == Operations{"start 202", "finish"});
  CHECK(kernel.wait_for_log("later: start=0 finish=0"));
}

TEST_CASE("the pieces of a request's body can be seen and not changed") {
  Handling kernel;
  kernel.handle("nothing");
  const std::string piece = "some bytes";
  HookCall call;
  call.hook = HookNumber::kHandleBody;
  call.piece = &piece;
  call.extra = CLEAT_BODY_END;
  CHECK(kernel.run(call).verdict == CLEAT_CONTINUE);
  CHECK(kernel.wait_for_log("body: view=0 piece=some bytes flags=1 change=-6"));
  call.request.emplace_back("act", "body-unsubscribe");
  CHECK(kernel.run(call).verdict == CLEAT_FAIL);
}

TEST_CASE("after on_handle_end the exchange is forgotten, unless its on_end is still to come") {
  Handling kernel;
  kernel.handle("nothing");
  kernel.tell(HookNumber::kHandleEnd);
  CHECK(kernel.wait_for_log("handle_end: state=0 write=-6/0 reset=-6 timer=-6"));
  kernel.tell(HookNumber::kEnd);
  CHECK(kernel.wait_for_log("end: state=-3 start=-6"));
  kernel.handle("nothing");
  kernel.tell(HookNumber::kHandleEnd, 1);
  kernel.tell(HookNumber::kEnd);
  CHECK(kernel.wait_for_log("end: state=0 start=-6"));
  CHECK(kernel.logged("handle_end: ") == 2);
}

TEST_CASE("what is no hook's number for a call ends the process") {
  for (const HookNumber hook : {HookNumber::kWritable, HookNumber::kHandover}) {
    Handling kernel;
    kernel.tell(hook);
    CHECK(kernel.wait_for_end() == 1);
  }
}

TEST_CASE("who was never asked for an answer is not told of its end, nor that there is room") {
  Handling kernel;
  HookCall response;
  response.hook = HookNumber::kResponse;
  response.status = 200;
  CHECK(kernel.run(response).verdict == CLEAT_CONTINUE);
  kernel.writable();
  kernel.tell(HookNumber::kHandleEnd);
  CHECK(kernel.handle("reply").verdict == CLEAT_REPLIED);
  CHECK(kernel.said.empty());
  CHECK(kernel.logged("handle_end: ") == 0);
}

TEST_CASE("UNSUBSCRIBE while an answer is made leaves the handler what it keeps, until on_handle_end") {
  Handling kernel;
  kernel.handle("nothing");
  HookCall response;
  response.hook = HookNumber::kResponse;
  response.status = 200;
  response.response = {{"unsubscribe", "yes"}};
  CHECK(kernel.run(response).verdict == CLEAT_UNSUBSCRIBE);
  kernel.writable();
  kernel.receive(0, 100);
  CHECK(kernel.said == Operations{"write 4"});
  kernel.tell(HookNumber::kHandleEnd);
  CHECK(kernel.wait_for_log("handle_end: state=0 "));
}

}  // namespace cleat::isolation::test
