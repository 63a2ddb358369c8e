// What a request asks for, and why it is refused. Pure: everything that a stranger may send goes through `decide` before anything else.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "guard.hpp"

namespace admin {

struct Request {
  std::string_view method, scheme, authority, path, query;
  std::string_view peer;                // ip:port
  std::string_view origin, fetch_site;  // fields, empty where absent
  bool fields_twice = false;            // one of those two stands more than once
  std::string_view accept;
};

enum class Action : std::uint8_t {
  kRefuse, kPage, kStyle, kScript, kReady, kLive, kStats, kDescribe, kLogLevel,  // look
  kReload, kDrain, kSetLogLevel, kRestore,                                       // change
};

struct Decision {
  Action action = Action::kRefuse;
  std::string_view topic;        // kDescribe
  bool json = false;             // kStats
  std::string name;              // kRestore: the instance; kStats: what names begin with
  std::uint32_t log_level = 0;   // kSetLogLevel: CLEAT_DEBUG ..
  // kRefuse:
  std::uint32_t status = 404;
  std::string_view reason, text; // for the access log, for the asker
  std::string_view allow;        // of a 405
};

Decision decide(const Request& request, const Guard& guard);

}  // namespace admin
