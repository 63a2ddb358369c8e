#include "kernel/accept/listening.hpp"

#include <catch2/catch_test_macros.hpp>
#include <cerrno>
#include <set>

#include "kernel/generation.hpp"
#include "tests/listen_on.hpp"

using namespace cleat;

namespace {

struct Listeners {
  std::vector<std::unique_ptr<config::Listener>> configs;
  Generation generation;
  void add(const std::string& name, const std::string& address) {
    configs.push_back(std::make_unique<config::Listener>());
    configs.back()->name = name;
    configs.back()->address = address;
    generation.listeners.push_back(std::make_unique<Listener>());
    Listener& made = *generation.listeners.back();
    made.config = configs.back().get();
    made.index = static_cast<std::uint32_t>(generation.listeners.size() - 1);
    made.address = *parse_address(address);
    made.listening_key = made.address.port() != 0 ? address : name + ' ' + address;
  }
  std::string address(std::size_t index) const { return generation.listeners[index]->address.text(); }
};

std::string text_of(const SharedSocket& socket) { return local_address(socket->fd()).text(); }

}  // namespace

TEST_CASE("listening opens one socket for each worker and listener, on one port where any would do") {
  Listeners listeners;
  listeners.add("left", "127.0.0.1:0");
  listeners.add("right", "127.0.0.1:0");
  Result<ListeningSockets> sockets = open_listening(listeners.generation, {}, 3);
  REQUIRE(sockets.ok());
  std::set<SharedSocket> seen;
  for (std::uint32_t worker = 0; worker < 3; ++worker) {
    const auto of_worker = sockets_of_worker(listeners.generation, *sockets, worker, 3);
    REQUIRE(of_worker.size() == 2);
    for (std::size_t i = 0; i < 2; ++i) {
      REQUIRE(of_worker[i].size() == 1);
      CHECK(text_of(of_worker[i][0]) == listeners.address(i));
      seen.insert(of_worker[i][0]);
    }
  }
  CHECK(seen.size() == 6);
  CHECK(listeners.generation.listeners[0]->address.port() != 0);
  CHECK(listeners.generation.listeners[0]->address.port() != listeners.generation.listeners[1]->address.port());
}

TEST_CASE("listening does not share a port with a stranger who would let it") {
  // Two processes of one user that both set SO_REUSEPORT get half of the connections each.
  Result<Socket> stranger = listen_on(*parse_address("127.0.0.1:0"));
  REQUIRE(stranger.ok());
  const std::string address = local_address(stranger->fd()).text();
  Listeners listeners;
  listeners.add("left", "127.0.0.1:0");
  listeners.add("inbound", address);
  Result<ListeningSockets> refused = open_listening(listeners.generation, {}, 1);
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error() == "listener inbound: bind " + address + ": Address already in use");
  stranger->close();
  CHECK(open_listening(listeners.generation, {}, 1).ok());
}

TEST_CASE("listening takes a port for every address and for one, in two listeners") {
  Listeners any;
  any.add("any", "0.0.0.0:0");
  Result<ListeningSockets> first = open_listening(any.generation, {}, 1);
  REQUIRE(first.ok());
  const std::string port = std::to_string(any.generation.listeners[0]->address.port());
  first->clear();
  Listeners both;
  both.add("any", "0.0.0.0:" + port);
  both.add("one", "127.0.0.1:" + port);
  CHECK(open_listening(both.generation, {}, 2).ok());
}

TEST_CASE("listening says which listener's address is not of this machine") {
  Listeners listeners;
  listeners.add("far", "192.0.2.1:8080");
  Result<ListeningSockets> refused = open_listening(listeners.generation, {}, 1);
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error() == "listener far: bind 192.0.2.1:8080: Cannot assign requested address");
}

TEST_CASE("listening goes on with the sockets that are open, and says which are no longer wanted") {
  Listeners before;
  before.add("any", "127.0.0.1:0");
  before.add("other", "127.0.0.1:0");
  Result<ListeningSockets> first = open_listening(before.generation, {}, 2);
  REQUIRE(first.ok());

  Listeners after;
  after.add("any", "127.0.0.1:0");
  after.add("third", "127.0.0.1:0");
  Result<ListeningSockets> second = open_listening(after.generation, *first, 2);
  REQUIRE(second.ok());
  CHECK(second->at("any 127.0.0.1:0") == first->at("any 127.0.0.1:0"));
  CHECK(after.address(0) == before.address(0));
  CHECK(second->count("other 127.0.0.1:0") == 0);
  CHECK(second->at("third 127.0.0.1:0").size() == 2);
}

TEST_CASE("listening knows a fixed address by itself, whatever the listener's name") {
  Listeners any;
  any.add("any", "127.0.0.1:0");
  Result<ListeningSockets> probe = open_listening(any.generation, {}, 1);
  REQUIRE(probe.ok());
  const std::string address = any.address(0);
  probe->clear();
  Listeners before;
  before.add("old_name", address);
  Result<ListeningSockets> first = open_listening(before.generation, {}, 1);
  REQUIRE(first.ok());
  Listeners after;
  after.add("new_name", address);
  Result<ListeningSockets> second = open_listening(after.generation, *first, 1);
  REQUIRE(second.ok());
  CHECK(*second == *first);
}

TEST_CASE("listening adds sockets for more workers, and gives fewer workers several each") {
  Listeners listeners;
  listeners.add("any", "127.0.0.1:0");
  Result<ListeningSockets> two = open_listening(listeners.generation, {}, 2);
  REQUIRE(two.ok());
  Result<ListeningSockets> five = open_listening(listeners.generation, *two, 5);
  REQUIRE(five.ok());
  const std::vector<SharedSocket>& sockets = five->at("any 127.0.0.1:0");
  REQUIRE(sockets.size() == 5);
  CHECK(sockets[0] == two->at("any 127.0.0.1:0")[0]);
  for (const SharedSocket& socket : sockets) CHECK(text_of(socket) == listeners.address(0));

  Result<ListeningSockets> again = open_listening(listeners.generation, *five, 2);
  REQUIRE(again.ok());
  CHECK(*again == *five);
  CHECK(sockets_of_worker(listeners.generation, *again, 0, 2)[0] == std::vector{sockets[0], sockets[2], sockets[4]});
  CHECK(sockets_of_worker(listeners.generation, *again, 1, 2)[0] == std::vector{sockets[1], sockets[3]});
}

TEST_CASE("listening takes an address beside the one for all that it has already") {
  // The probe for strangers would find the process's own socket there.
  Listeners any;
  any.add("any", "0.0.0.0:0");
  Result<ListeningSockets> first = open_listening(any.generation, {}, 1);
  REQUIRE(first.ok());
  Listeners one;
  one.add("one", "127.0.0.1:" + std::to_string(any.generation.listeners[0]->address.port()));
  CHECK(open_listening(one.generation, *first, 1).ok());
}

TEST_CASE("listening begins on no address when another is not to be had") {
  // What connects to a socket that is closed again is reset.
  Listeners any;
  any.add("any", "127.0.0.1:0");
  Result<ListeningSockets> two = open_listening(any.generation, {}, 1);
  REQUIRE(two.ok());
  Listeners listeners;
  listeners.add("any", "127.0.0.1:0");
  listeners.add("far", "192.0.2.1:8080");
  REQUIRE_FALSE(open_listening(listeners.generation, *two, 8).ok());
  for (int i = 0; i < 32; ++i) {  // all to the one socket that goes on
    int error = 0;
    const Socket client = start_connect(any.generation.listeners[0]->address, error);
    CHECK((error == 0 || error == EINPROGRESS));
    char byte;
    CHECK(read_some(client.fd(), &byte, 1).blocked);
  }
}
