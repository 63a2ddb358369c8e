// cleat.tls/1 from the plugin's side. By the name that a client asks for: "other.*" is shown the secret "other", "missing.*" a secret that is not there,
// "refused.*" nothing, "slow.*" is held back for a while, "stuck.*" for ever. Of a client's certificate on_tls wants that its DER is `accept` bytes long,
// where that is given. A request to /hello is told what the ClientHello said.
#include <charconv>
#include <mutex>
#include <unordered_map>

#include "plugin_api/cpp/cleat.hpp"

namespace {

using namespace std::chrono_literals;

class TlsPeer : public cleat::Plugin {
 public:
  explicit TlsPeer(cleat::Config config) : accept_(config.get<std::uint32_t>("accept", 0)) {}

  cleat::Verdict on_client_hello(cleat::Connection connection) {
    const std::string_view name = connection.client_hello(CLEAT_TLS_SERVER_NAME).value_or("");
    remember(connection, name);
    if (connection.peer_certificate(0)) return cleat::fail("a certificate before the handshake");
    if (name.starts_with("refused.")) return cleat::fail("refused");
    if (name.starts_with("other.") && !connection.use_certificate("other")) return cleat::fail(cleat::error_text());
    if (name.starts_with("missing.") && connection.use_certificate("nowhere").code() != CLEAT_NOT_FOUND) return cleat::fail("found");
    if (!name.starts_with("slow.") && !name.starts_with("stuck.")) return cleat::kContinue;
    const auto ticket = connection.suspend();
    if (!ticket) return cleat::fail(cleat::error_text());
    const std::lock_guard lock(mutex_);
    tickets_[connection.handle()] = *ticket;
    if (name.starts_with("slow.")) (void)arm<&TlsPeer::go_on>(connection, 50ms);
    return cleat::kSuspend;
  }

  void go_on(cleat::Connection connection) {
    (void)connection.use_certificate("other");  // while it is suspended
    const std::lock_guard lock(mutex_);
    (void)tickets_[connection.handle()].resume();
  }

  cleat::Verdict on_tls(cleat::Connection connection) {
    if (connection.client_hello(CLEAT_TLS_VERSION)) return cleat::fail("a ClientHello after the handshake");
    if (accept_ == 0) return cleat::kContinue;
    const auto der = connection.peer_certificate(0);
    if (!der || der->size() != accept_ || connection.peer_certificate(1'000)) return cleat::fail("not the one");
    return cleat::kContinue;
  }

  void on_connection_end(cleat::Connection connection) {
    const std::lock_guard lock(mutex_);
    tickets_.erase(connection.handle());
    told_.erase(connection.integer(CLEAT_ATTR_CONNECTION_ID).value_or(0));
  }

  cleat::Verdict on_request(cleat::Exchange x) {
    if (x.path() != "/hello") return cleat::kUnsubscribe;
    const auto id = x.integer(CLEAT_ATTR_CONNECTION_ID);
    const std::lock_guard lock(mutex_);
    return x.reply({.status = 200, .body = told_[id.value_or(0)]});
  }

 private:
  static std::string hex(std::string_view bytes) {
    static constexpr char kDigits[] = "0123456789abcdef";
    std::string text;
    for (const char byte : bytes) {
      text.push_back(kDigits[static_cast<unsigned char>(byte) >> 4]);
      text.push_back(kDigits[static_cast<unsigned char>(byte) & 15]);
    }
    return text;
  }
  void remember(cleat::Connection connection, std::string_view name) {
    constexpr std::uint32_t kSupportedVersions = 43;
    std::string said = "version " + hex(connection.client_hello(CLEAT_TLS_VERSION).value_or("")) + "\nciphers " +
                       hex(connection.client_hello(CLEAT_TLS_CIPHERS).value_or("")) + "\nextensions " +
                       hex(connection.client_hello(CLEAT_TLS_EXTENSIONS).value_or("")) + "\nname " + std::string(name) + "\nalpn " +
                       hex(connection.client_hello(CLEAT_TLS_ALPN).value_or("")) + "\nversions " + hex(connection.extension(kSupportedVersions).value_or("")) +
                       "\nnone " + (connection.extension(0xfafa) ? "there" : "absent") + "\n";
    const std::lock_guard lock(mutex_);
    told_[connection.integer(CLEAT_ATTR_CONNECTION_ID).value_or(0)] = std::move(said);
  }

  const std::uint32_t accept_;
  std::mutex mutex_;
  std::unordered_map<std::int64_t, std::string> told_;  // by the connection's id
  std::unordered_map<cleat_conn, cleat::Ticket> tickets_;
};

}  // namespace

CLEAT_PLUGIN(TlsPeer, "name=tls_peer\nversion=1.0.0\nrequires=cleat.tls/1 cleat.attributes/1 cleat.timer/1\n");
