// The wire: c-ares on a thread of its own, which also runs the Lookups. Made and destroyed on the control thread; the other calls only
// leave word. Randomness of ids and ports, tries, TCP after a truncated answer and time-outs are the library's.
#pragma once

#include <ares.h>
#include <poll.h>

#include <functional>
#include <map>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "lookups.hpp"

namespace dns {

class Transport {
 public:
  struct Reports {                       // called on the thread
    std::function<void(Type type, std::string_view result, std::uint64_t took_us, bool cut)> query;
    std::function<void(std::size_t names, std::size_t stale)> names;
    std::function<void(const std::string& text)> complain;
  };

  // Throws std::runtime_error where the library or the system refuses.
  Transport(const Settings& settings, Lookups::Publish publish, Reports reports);
  ~Transport();
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;

  void watch(std::uint64_t id, std::string cluster, Wanted wanted);
  void unwatch(std::uint64_t id);
  // Lookups' functions of these names. known() waits for the thread, which waits for nobody; throws std::runtime_error where it does not come.
  std::vector<Known> known();
  void learn(std::vector<Known> all, bool fresh);

 private:
  struct Query;
  using Order = std::function<void()>;

  void leave(Order order);
  void wake();
  void run();
  void take_orders();
  void ask(const Key& key);
  void wait();
  void ended(Query& query, int status, const unsigned char* data, int size);
  void tell(const Key& key, std::string_view result);

  const Settings& settings_;
  const Reports reports_;
  std::minstd_rand random_{std::random_device{}()};
  Lookups lookups_;
  ares_channel channel_ = nullptr;
  std::map<ares_socket_t, short> sockets_;  // what the library waits for
  std::map<Key, std::string> failing_;      // told of once, and when it is over
  bool closing_ = false;                    // the channel: what it still calls back for is dropped
  int wake_ = -1;                           // eventfd
  std::mutex mutex_;
  std::vector<Order> orders_;               // guarded by mutex_
  bool stopped_ = false;                    // guarded by mutex_
  std::thread thread_;
};

}  // namespace dns
