#include "request.hpp"

#include <algorithm>
#include <array>

#include "plugin_api/types.h"
#include "query.hpp"

namespace admin {
namespace {

constexpr std::size_t kNameBytesMax = 128;  // of an instance, as configurations have them
constexpr std::string_view kNameLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-/";
constexpr std::array<std::string_view, 4> kLevels = {"debug", "info", "warn", "error"};

struct Entry {
  std::string_view path;
  Action look, change;  // kRefuse: no such method here
};

constexpr Entry kEntries[] = {
    {"/", Action::kPage, Action::kRefuse},           {"/page.css", Action::kStyle, Action::kRefuse},
    {"/page.js", Action::kScript, Action::kRefuse},  {"/ready", Action::kReady, Action::kRefuse},
    {"/live", Action::kLive, Action::kRefuse},       {"/stats", Action::kStats, Action::kRefuse},
    {"/server", Action::kDescribe, Action::kRefuse}, {"/config", Action::kDescribe, Action::kRefuse},
    {"/listeners", Action::kDescribe, Action::kRefuse}, {"/clusters", Action::kDescribe, Action::kRefuse},
    {"/plugins", Action::kDescribe, Action::kRefuse}, {"/generations", Action::kDescribe, Action::kRefuse},
    {"/log", Action::kLogLevel, Action::kSetLogLevel}, {"/reload", Action::kRefuse, Action::kReload},
    {"/drain", Action::kRefuse, Action::kDrain},
};
constexpr Entry kRestoreEntry = {"/plugins/", Action::kRefuse, Action::kRestore};

Decision refuse(std::uint32_t status, std::string_view reason, std::string_view text) {
  Decision decision;
  decision.status = status;
  decision.reason = reason;
  decision.text = text;
  return decision;
}

// "/plugins/<name>/restore": the name; empty if it is not this, or no name of an instance.
std::string restore_name(std::string_view path) {
  constexpr std::string_view kEnd = "/restore";
  if (!path.starts_with(kRestoreEntry.path) || !path.ends_with(kEnd) || path.size() <= kRestoreEntry.path.size() + kEnd.size()) return {};
  path.remove_prefix(kRestoreEntry.path.size());
  path.remove_suffix(kEnd.size());
  const std::string name = decode(path, false).value_or("");
  return name.size() <= kNameBytesMax && name.find_first_not_of(kNameLetters) == std::string::npos ? name : std::string();
}

Decision read_stats(const Request& request) {
  Decision decision;
  const auto query = read_query(request.query, {"format", "prefix"});
  if (!query) return refuse(400, "query", "expected: format=text or json, prefix=<what names begin with>\n");
  const auto format = query->find("format");
  if (format != query->end() && format->second != "json" && format->second != "text") return refuse(400, "query", "format is text or json\n");
  decision.action = Action::kStats;
  decision.json = format != query->end() ? format->second == "json" : request.accept.find("application/json") != std::string_view::npos;
  if (const auto prefix = query->find("prefix"); prefix != query->end()) decision.name = prefix->second;
  return decision;
}

Decision read_log_level(const Request& request) {
  const auto query = read_query(request.query, {"level"});
  const auto level = query && query->contains("level") ? std::find(kLevels.begin(), kLevels.end(), query->at("level")) : kLevels.end();
  if (level == kLevels.end()) return refuse(400, "query", "expected: level=debug, info, warn or error\n");
  Decision decision;
  decision.action = Action::kSetLogLevel;
  decision.log_level = static_cast<std::uint32_t>(level - kLevels.begin());
  return decision;
}

Decision method_refused(const Entry& entry) {
  Decision decision = refuse(405, "method", "not with this method\n");
  decision.allow = entry.change == Action::kRefuse ? "GET, HEAD" : entry.look == Action::kRefuse ? "POST" : "GET, HEAD, POST";
  return decision;
}

}  // namespace

Decision decide(const Request& request, const Guard& guard) {
  if (!guard.peer_allowed(request.peer)) return refuse(403, "peer", "not from this address: see `allow` of the admin plugin\n");
  if (!guard.host_allowed(request.authority)) return refuse(403, "host", "not by this name: see `hosts` of the admin plugin\n");

  const std::string name = restore_name(request.path);
  const auto found = std::find_if(std::begin(kEntries), std::end(kEntries), [&](const Entry& one) { return one.path == request.path; });
  if (found == std::end(kEntries) && name.empty()) return refuse(404, "path", "there is nothing here\n");
  const Entry& entry = name.empty() ? *found : kRestoreEntry;

  const bool looks = request.method == "GET" || request.method == "HEAD";
  const Action action = looks ? entry.look : request.method == "POST" ? entry.change : Action::kRefuse;
  if (action == Action::kRefuse) return method_refused(entry);
  if (!looks && (request.fields_twice || !same_origin(request.origin, request.fetch_site, request.scheme, request.authority))) {
    return refuse(403, "origin", "not from another site's page\n");
  }
  if (action == Action::kStats) return read_stats(request);
  if (action == Action::kSetLogLevel) return read_log_level(request);
  if (!request.query.empty()) return refuse(400, "query", "this takes no parameters\n");
  Decision decision;
  decision.action = action;
  if (action == Action::kDescribe) decision.topic = entry.path.substr(1);
  decision.name = name;
  return decision;
}

}  // namespace admin
