#include "kernel/process/handover.hpp"

#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <string>
#include <vector>

#include "tests/listen_on.hpp"

using namespace cleat;

namespace {

std::vector<SharedSocket> listening_sockets(std::size_t count) {
  std::vector<SharedSocket> sockets;
  while (sockets.size() < count) {
    Result<Socket> socket = listen_on(*parse_address("127.0.0.1:0"));
    REQUIRE(socket.ok());
    sockets.push_back(std::make_shared<const Socket>(std::move(*socket)));
  }
  return sockets;
}

std::string bound(const SharedSocket& socket) { return local_address(socket->fd()).text(); }

}  // namespace

TEST_CASE("handover's link carries more sockets than one message takes") {
  Result<std::pair<Socket, Socket>> link = make_link();
  REQUIRE(link.ok());
  const std::vector<SharedSocket> sockets = listening_sockets(300);
  CHECK(send_message(link->first.fd(), {LinkMessage::Kind::kListening, "in 127.0.0.1:0", sockets}).empty());
  std::vector<std::string> sent, received;
  for (const SharedSocket& socket : sockets) sent.push_back(bound(socket));
  LinkMessage message;
  while (receive_message(link->second.fd(), message) == LinkState::kMessage) {
    CHECK(message.kind == LinkMessage::Kind::kListening);
    CHECK(message.key == "in 127.0.0.1:0");
    for (const SharedSocket& socket : message.sockets) received.push_back(bound(socket));
  }
  CHECK(received == sent);
}

TEST_CASE("handover's link says when the other end has gone, and does not wait for it") {
  Result<std::pair<Socket, Socket>> link = make_link();
  REQUIRE(link.ok());
  LinkMessage message;
  CHECK(receive_message(link->second.fd(), message) == LinkState::kNothing);
  CHECK(send_message(link->first.fd(), {LinkMessage::Kind::kReady, {}, {}}).empty());
  link->first.close();
  CHECK(receive_message(link->second.fd(), message) == LinkState::kMessage);
  CHECK(message.kind == LinkMessage::Kind::kReady);
  CHECK(receive_message(link->second.fd(), message) == LinkState::kClosed);
  CHECK_FALSE(send_message(link->second.fd(), {LinkMessage::Kind::kReady, {}, {}}).empty());
}

TEST_CASE("handover takes what it was given out of the environment, once") {
  // Never destroyed: its descriptors are the taker's, which are in this process only here.
  static const Handover& given = *new Handover{.link = std::move(make_link()->first), .supervised = true, .restarts = 7,
                                               .listening = {{"in", listening_sockets(2)}, {"out", listening_sockets(1)}}};
  const std::string second = bound(given.listening.at("in")[1]);
  const std::string variable = handover_variable(given);
  CHECK(is_handover_variable(variable));
  CHECK_FALSE(is_handover_variable("CLEAT_HANDOVERS=1"));
  const std::size_t equals = variable.find('=');
  REQUIRE(::setenv(variable.substr(0, equals).c_str(), variable.c_str() + equals + 1, 1) == 0);
  Result<Handover> taken = take_handover();
  REQUIRE(taken.ok());
  CHECK(taken->link.fd() == given.link.fd());
  CHECK(taken->supervised);
  CHECK(taken->restarts == 7);
  REQUIRE(taken->listening.size() == 2);
  CHECK(bound(taken->listening["in"].at(1)) == second);
  Result<Handover> again = take_handover();
  REQUIRE(again.ok());
  CHECK_FALSE(again->link.open());
  CHECK(again->listening.empty());
}
