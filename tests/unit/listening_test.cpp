#include "kernel/accept/listening.hpp"

#include <catch2/catch_test_macros.hpp>

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
    generation.listener_names.emplace(configs.back()->name, &made);
    if (made.address.port() != 0) generation.listener_addresses.emplace(configs.back()->address, &made);
  }
};

}  // namespace

TEST_CASE("listening opens one socket for each worker and listener, on one port where any would do") {
  Listeners listeners;
  listeners.add("left", "127.0.0.1:0");
  listeners.add("right", "127.0.0.1:0");
  Result<std::vector<std::vector<Socket>>> sockets = open_listening(listeners.generation, nullptr, 3);
  REQUIRE(sockets.ok());
  REQUIRE(sockets->size() == 3);
  for (const std::vector<Socket>& of_worker : *sockets) {
    REQUIRE(of_worker.size() == 2);
    CHECK(local_address(of_worker[0].fd()).text() == listeners.generation.listeners[0]->address.text());
    CHECK(local_address(of_worker[1].fd()).text() == listeners.generation.listeners[1]->address.text());
  }
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
  Result<std::vector<std::vector<Socket>>> refused = open_listening(listeners.generation, nullptr, 1);
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error() == "listener inbound: bind " + address + ": Address already in use");
  stranger->close();
  CHECK(open_listening(listeners.generation, nullptr, 1).ok());
}

TEST_CASE("listening takes a port for every address and for one, in two listeners") {
  Listeners any;
  any.add("any", "0.0.0.0:0");
  Result<std::vector<std::vector<Socket>>> first = open_listening(any.generation, nullptr, 1);
  REQUIRE(first.ok());
  const std::string port = std::to_string(any.generation.listeners[0]->address.port());
  first->clear();
  Listeners both;
  both.add("any", "0.0.0.0:" + port);
  both.add("one", "127.0.0.1:" + port);
  CHECK(open_listening(both.generation, nullptr, 2).ok());
}

TEST_CASE("listening says which listener's address is not of this machine") {
  Listeners listeners;
  listeners.add("far", "192.0.2.1:8080");
  Result<std::vector<std::vector<Socket>>> refused = open_listening(listeners.generation, nullptr, 1);
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error() == "listener far: bind 192.0.2.1:8080: Cannot assign requested address");
}

TEST_CASE("listening keeps the sockets of a listener that stays where it was, also under another name") {
  Listeners before;
  before.add("any", "127.0.0.1:0");
  before.add("gone", "127.0.0.1:0");
  Result<std::vector<std::vector<Socket>>> first = open_listening(before.generation, nullptr, 2);
  REQUIRE(first.ok());
  const std::string address = before.generation.listeners[1]->address.text();
  Listeners fixed;
  fixed.add("old_name", address);
  fixed.generation.listeners[0]->address = before.generation.listeners[1]->address;

  Listeners after;
  after.add("any", "127.0.0.1:0");
  after.add("new_name", address);
  after.add("other", "127.0.0.1:0");
  Result<std::vector<std::vector<Socket>>> same = open_listening(after.generation, &fixed.generation, 2);
  REQUIRE(same.ok());
  CHECK((*same)[0][0].open());  // "any" is not known there
  CHECK_FALSE((*same)[0][1].open());
  CHECK_FALSE((*same)[1][1].open());
  CHECK((*same)[1][2].open());
  Listeners again;
  again.add("any", "127.0.0.1:0");
  same = open_listening(again.generation, &before.generation, 2);
  REQUIRE(same.ok());
  CHECK_FALSE((*same)[0][0].open());
  CHECK(again.generation.listeners[0]->address.text() == before.generation.listeners[0]->address.text());
}
