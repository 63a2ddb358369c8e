#include "kernel/process/handover.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <nlohmann/json.hpp>
#include <span>

#include "kernel/base/log.hpp"

namespace cleat {
namespace {

using nlohmann::json;

constexpr const char* kVariable = "CLEAT_HANDOVER";
constexpr timeval kLinkWait{1, 0};
constexpr std::size_t kDescriptorsMax = 253;    // of one message: SCM_MAX_FD
constexpr std::size_t kMessageBytesMax = 1024;  // a name and an address

// The descriptor as one that this process alone has open under this number.
Socket adopt(const json& number) {
  const int fd = number.get<int>();
  if (fd < 0 || ::fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) throw std::runtime_error("descriptor " + std::to_string(fd) + " is not open");
  return Socket(fd);
}

SharedSocket adopt_listening(const json& number) {
  Socket socket = adopt(number);
  int listens = 0;
  socklen_t size = sizeof listens;
  if (::getsockopt(socket.fd(), SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) != 0 || listens == 0) {
    throw std::runtime_error("descriptor " + std::to_string(socket.fd()) + " is not a listening socket");
  }
  return std::make_shared<const Socket>(std::move(socket));
}

// Room for the descriptors of one message, aligned as cmsghdr wants it.
struct Control {
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kDescriptorsMax * sizeof(int))> bytes{};
};

bool send_part(int link, const std::string& text, std::span<const SharedSocket> sockets) {
  iovec part{const_cast<char*>(text.data()), text.size()};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  Control control;
  if (!sockets.empty()) {
    header.msg_control = control.bytes.data();
    header.msg_controllen = CMSG_SPACE(sockets.size() * sizeof(int));
    cmsghdr* const rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sockets.size() * sizeof(int));
    std::array<int, kDescriptorsMax> fds;
    std::transform(sockets.begin(), sockets.end(), fds.begin(), [](const SharedSocket& socket) { return socket->fd(); });
    std::memcpy(CMSG_DATA(rights), fds.data(), sockets.size() * sizeof(int));
  }
  ssize_t sent;
  do {
    sent = ::sendmsg(link, &header, MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  return sent >= 0;
}

void take_descriptors(msghdr& header, std::vector<SharedSocket>& sockets) {
  for (cmsghdr* rights = CMSG_FIRSTHDR(&header); rights != nullptr; rights = CMSG_NXTHDR(&header, rights)) {
    if (rights->cmsg_level != SOL_SOCKET || rights->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (rights->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd;
      std::memcpy(&fd, CMSG_DATA(rights) + i * sizeof fd, sizeof fd);
      sockets.push_back(std::make_shared<const Socket>(Socket(fd)));
    }
  }
}

}  // namespace

Result<Handover> take_handover() {
  Handover handover;
  const char* const value = std::getenv(kVariable);
  if (value == nullptr) return handover;
  const std::string text = value;
  ::unsetenv(kVariable);  // not for the processes that plugins start
  try {
    const json all = json::parse(text);
    handover.link = adopt(all.at("link"));
    handover.supervised = all.at("supervised").get<bool>();
    handover.restarts = all.at("restarts").get<std::uint32_t>();
    for (const auto& [key, numbers] : all.at("listening").items()) {
      for (const json& number : numbers) handover.listening[key].push_back(adopt_listening(number));
    }
  } catch (const std::exception& error) {
    return Error{std::string(kVariable) + ", which one process of this program sets for another: " + error.what()};
  }
  return handover;
}

std::string handover_variable(const Handover& handover) {
  json listening = json::object();
  for (const auto& [key, sockets] : handover.listening) {
    json& numbers = listening[key] = json::array();
    for (const SharedSocket& socket : sockets) numbers.push_back(socket->fd());
  }
  const json all = {
      {"link", handover.link.fd()}, {"supervised", handover.supervised}, {"restarts", handover.restarts}, {"listening", std::move(listening)}};
  return std::string(kVariable) + '=' + all.dump();
}

bool is_handover_variable(std::string_view entry) { return entry.starts_with(std::string(kVariable) + '='); }

std::string send_message(int link, const LinkMessage& message) {
  const std::string text = static_cast<char>(message.kind) + message.key;
  std::span<const SharedSocket> rest = message.sockets;
  do {
    const std::span<const SharedSocket> now = rest.first(std::min(rest.size(), kDescriptorsMax));
    if (!send_part(link, text, now)) return std::strerror(errno);
    rest = rest.subspan(now.size());
  } while (!rest.empty());
  return {};
}

LinkState receive_message(int link, LinkMessage& message) {
  std::array<char, kMessageBytesMax> text;
  Control control;
  iovec part{text.data(), text.size()};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control.bytes.data();
  header.msg_controllen = control.bytes.size();
  const ssize_t size = ::recvmsg(link, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (size < 0) return errno == EAGAIN || errno == EINTR ? LinkState::kNothing : LinkState::kClosed;
  if (size == 0) return LinkState::kClosed;
  message = {};
  take_descriptors(header, message.sockets);
  if ((header.msg_flags & MSG_CTRUNC) != 0) log::write(log::Level::kError, "kernel", "no descriptors left to keep listening sockets");
  if (std::string_view("lgrdh").find(text[0]) != std::string_view::npos) message.kind = static_cast<LinkMessage::Kind>(text[0]);
  message.key.assign(text.data() + 1, static_cast<std::size_t>(size) - 1);
  return LinkState::kMessage;
}

Result<std::pair<Socket, Socket>> make_link() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return Error{std::string("socketpair: ") + std::strerror(errno)};
  std::pair<Socket, Socket> link{Socket(ends[0]), Socket(ends[1])};
  for (const int end : ends) ::setsockopt(end, SOL_SOCKET, SO_SNDTIMEO, &kLinkWait, sizeof kLinkWait);
  return link;
}

}  // namespace cleat
