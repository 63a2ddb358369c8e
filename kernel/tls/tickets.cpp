#include "kernel/tls/tickets.hpp"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <array>
#include <chrono>
#include <cstring>
#include <mutex>

namespace cleat::tls {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::hours kEncrypts{12};

struct Key {
  std::array<unsigned char, 16> name{};
  std::array<unsigned char, 32> cipher{}, mac{};
  Clock::time_point made;
  bool set = false;
};

struct Keys {
  std::mutex mutex;
  Key now, before;
};

Keys& keys() {
  static Keys all;
  return all;
}

// REQUIRES: the lock is held. False: there is no randomness.
bool rotate(Keys& all) {
  const Clock::time_point now = Clock::now();
  if (all.now.set && now - all.now.made < kEncrypts) return true;
  Key fresh;
  if (RAND_bytes(fresh.name.data(), static_cast<int>(fresh.name.size())) != 1 || RAND_priv_bytes(fresh.cipher.data(), static_cast<int>(fresh.cipher.size())) != 1 ||
      RAND_priv_bytes(fresh.mac.data(), static_cast<int>(fresh.mac.size())) != 1) {
    return false;
  }
  fresh.made = now;
  fresh.set = true;
  all.before = all.now.set && now - all.now.made < 2 * kEncrypts ? all.now : Key{};
  all.now = fresh;
  return true;
}

bool set_mac(EVP_MAC_CTX* mac, const Key& key) {
  char sha256[] = "sha256";
  const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, sha256, 0), OSSL_PARAM_construct_end()};
  return EVP_MAC_init(mac, key.mac.data(), key.mac.size(), params) == 1;
}

// SSL_CTX_set_tlsext_ticket_key_evp_cb: 0 = the key is not known, 1 = go on, 2 = and give a new ticket, -1 = fail.
int with_key(SSL*, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac, int encrypts) {
  Key key;
  bool renew = false;
  {
    Keys& all = keys();
    const std::lock_guard lock(all.mutex);
    if (!rotate(all)) return -1;
    key = all.now;
    if (encrypts == 0 && std::memcmp(name, key.name.data(), key.name.size()) != 0) {
      if (!all.before.set || std::memcmp(name, all.before.name.data(), all.before.name.size()) != 0) return 0;
      key = all.before;
      renew = true;
    }
  }
  if (encrypts == 1) {
    std::memcpy(name, key.name.data(), key.name.size());
    if (RAND_bytes(iv, EVP_MAX_IV_LENGTH) != 1) return -1;
  }
  const bool ready = EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), nullptr, key.cipher.data(), iv, encrypts) == 1 && set_mac(mac, key);
  OPENSSL_cleanse(&key, sizeof key);
  if (!ready) return -1;
  return renew ? 2 : 1;
}

}  // namespace

void use_tickets(SSL_CTX& context) {
  SSL_CTX_set_timeout(&context, kTicketLifetimeS);
  SSL_CTX_set_tlsext_ticket_key_evp_cb(&context, with_key);
}

}  // namespace cleat::tls
