// What @NAME@ does, in the kernel without sockets: the harness. @NAME@_test <plugin.so>
#include <cstdio>
#include <stdexcept>
#include <string>

#include "plugin_api/harness/harness.hpp"

using cleat::harness::Host;

static bool failed = false;

static void expect(bool held, const char* what) {
  if (held) return;
  std::printf("FAILED: %s\n", what);
  failed = true;
}

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  {
    Host host({.plugin = argv[1], .name = "greets", .config = "{path: /hello, greeting: good day}"});
    const auto greeted = host.begin({.target = "/hello"}).response();
    expect(greeted.status == 200 && greeted.body == "good day\n" && greeted.by == "greets", "the path is answered here");
    expect(host.metric("cleat_@NAME@_greetings_total", "instance=greets") == 1, "and counted");

    const auto other = host.begin({.target = "/other"});
    host.outgoing().answer({.status = 201, .body = "made"});
    expect(other.response().status == 201 && other.response().body == "made", "others pass by");
    expect(other.response().get("x-seen-by") == "@NAME@", "what passes by is marked");
    expect(host.finish().empty(), "nothing is done against the ABI");
  }
  try {
    Host host({.plugin = argv[1], .config = "{colour: red}"});
    expect(false, "an unknown key is refused");
  } catch (const std::runtime_error& refused) {
    expect(std::string(refused.what()).find("colour: unknown key") != std::string::npos, "an unknown key is named");
  }
  std::puts(failed ? "failed" : "passed");
  return failed ? 1 : 0;
}
