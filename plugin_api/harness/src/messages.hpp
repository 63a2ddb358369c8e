// Messages as the two wires have captured them, and the records of connections, exchanges and requests to clusters that tests ask about.
// The worker's thread writes them, the test's thread reads them while the worker waits.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kernel/http/message.hpp"
#include "plugin_api/types.h"

namespace cleat {
class Exchange;
}

namespace cleat::kit {

class ClientWire;
class OriginWire;

inline cleat_str to_str(std::string_view text) { return {text.data(), text.size()}; }
inline std::string_view to_view(cleat_str text) { return {text.data, static_cast<std::size_t>(text.size)}; }

// Fields, owned; `shown` is what the C interface hands out, and lives until the next change.
class FieldList {
 public:
  void take(const http::Fields& from, bool framing);  // those that are forwarded; framing: also Content-Length and Host
  const std::vector<cleat_header>& shown();
  std::size_t size() const { return fields_.size(); }

 private:
  std::vector<std::pair<std::string, std::string>> fields_;
  std::vector<cleat_header> shown_;
};

struct Sent {
  bool head = false, end = false;
  std::uint32_t status = 0;
  std::string method, target, authority;
  FieldList headers, trailers;
  std::string body;
  std::uint64_t informational = 0;
};

struct ExchangeRecord {
  std::uint64_t id = 0;
  std::uint64_t connection = 0;     // record's
  Exchange* exchange = nullptr;     // nullptr: it is over
  std::uint64_t handle = 0;         // cleat_exchange
  Sent response;
  bool cut = false;
  std::string flag, by, reason;
  std::map<std::uint32_t, std::string> metadata;  // by key's number, once it is over
};

struct ConnectionRecord {
  std::uint64_t id = 0;
  std::uint64_t kernel_id = 0;      // Connection::id
  ClientWire* wire = nullptr;       // nullptr: not open yet, or closed
  bool closed = false;
};

struct OutgoingRecord {
  std::uint64_t id = 0;
  OriginWire* wire = nullptr;       // nullptr: released
  std::uint64_t exchange = 0;       // record's; 0: none
  bool is_call = false;
  std::uint32_t attempt = 0;
  std::string cluster;
  Sent request;
};

}  // namespace cleat::kit
