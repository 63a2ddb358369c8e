// A host selects tables (its own, those of the wildcards it falls under, that of routes for any host); a table has its exact
// paths, its prefixes, and a list of the routes that only trying tells. Each answers a list of candidates in configured
// order, and the least position that holds wins, so the order of the search never shows.
#include "kernel/route/router.hpp"

#include <algorithm>
#include <array>

#include "kernel/base/check.hpp"
#include "kernel/route/conditions.hpp"
#include "kernel/route/text_table.hpp"

namespace cleat::route {
namespace {

constexpr std::size_t kDepthMax = 32;       // segments of a prefix that are looked up; deeper prefixes are tried
constexpr std::size_t kHostBytesMax = 255;  // RFC 1035 2.3.4
constexpr std::uint64_t kPathSeed = 0x6C65617443ull;
constexpr std::uint32_t kHostExact = 0, kHostSuffix = 1;  // tags of hosts_

struct Candidate {
  std::uint32_t position;
  std::uint8_t flags;
};
constexpr std::uint8_t kLast = 1;         // of its list
constexpr std::uint8_t kConditional = 2;  // has Conditions
constexpr std::uint8_t kConnect = 4;      // allow_connect
constexpr std::uint8_t kSlash = 8;        // a prefix that ended in '/': one must follow

// Where a prefix could end: before a '/' that is not the first byte, and at the end.
struct Border {
  std::uint32_t length;
  std::uint64_t hash;  // of all bytes before it
};
struct Borders {
  std::array<Border, kDepthMax + 1> at;  // [1] is the end of the first segment
  std::size_t count = 0;
};

void find_borders(std::string_view path, std::size_t depth_max, Borders& borders) {
  std::uint64_t hash = kPathSeed;
  std::size_t begin = 0;
  borders.count = 0;
  while (begin < path.size() && borders.count < depth_max) {
    const auto* slash = static_cast<const char*>(std::memchr(path.data() + begin + 1, '/', path.size() - begin - 1));
    const std::size_t end = slash == nullptr ? path.size() : static_cast<std::size_t>(slash - path.data());
    hash = hash_text(hash, path.substr(begin, end - begin));
    borders.at[++borders.count] = {static_cast<std::uint32_t>(end), hash};
    begin = end;
  }
}

// The number of dots, at most 63: which bit of a mask tells that there are suffixes of that many labels.
std::size_t suffix_bit(std::size_t dots) { return std::min<std::size_t>(dots, 63); }

char lower(char c) { return static_cast<char>(c | (static_cast<unsigned char>(c - 'A') < 26 ? 0x20 : 0)); }

}  // namespace

struct Router::Impl {
  struct Table {                          // of one host pattern
    std::uint32_t first_position = kNone;
    std::uint32_t tried = kNone;          // the list of candidates that are tried one by one
    std::uint64_t depths = 0;             // bit d: there are prefixes of d segments
    bool has_exact = false;
  };

  std::vector<Table> tables;              // [0] is that of any host
  TextTable hosts;                        // to a table, less one: [0] has no name
  std::uint64_t suffix_dots = 0;          // bit d: there are wildcards whose suffix has d dots
  TextTable exact_paths, prefixes;        // tagged with the table; to a list of candidates
  std::size_t depth_max = 0;
  bool has_exact = false;
  std::vector<Candidate> candidates;      // lists, each in order and ended by kLast
  std::vector<Conditions> conditions;     // of each route

  Impl(const std::vector<config::Route>& routes, config::Diagnostics& diagnostics);
  std::vector<std::uint32_t> tables_of(const std::vector<std::string>& names);
  std::uint32_t append(const std::vector<Candidate>& list);

  // The search of one request. `best` only ever gets smaller.
  struct Search {
    explicit Search(const Request& of) : request(of), connect(of.head.is_connect()) {}
    Request request;
    Borders borders;  // left as memory was found: filled as far as `count`
    std::uint64_t path_hash = 0;
    bool connect;
    std::uint32_t best = kNone;
  };
  void search_hosts(Search& search) const;
  void search_table(std::uint32_t number, Search& search) const;
  void try_list(std::uint32_t at, std::size_t length, Search& search) const;
};

Router::Router(const std::vector<config::Route>& routes, config::Diagnostics& diagnostics)
    : impl_(std::make_unique<const Impl>(routes, diagnostics)) {}
Router::Router(Router&&) noexcept = default;
Router::~Router() = default;

std::uint32_t Router::match(const http::RequestHead& head) const {
  const std::size_t mark = std::min(head.target.find('?'), head.target.size());
  Impl::Search search({head, head.target.substr(0, mark), head.target.substr(std::min(mark + 1, head.target.size()))});
  if (impl_->depth_max != 0) find_borders(search.request.path, impl_->depth_max, search.borders);
  if (impl_->has_exact) search.path_hash = hash_text(kPathSeed, search.request.path);
  if (!impl_->hosts.empty()) impl_->search_hosts(search);
  impl_->search_table(0, search);
  return search.best;
}

// --- the search ----------------------------------------------------------------------------------------------------------

void Router::Impl::search_hosts(Search& search) const {
  const std::string_view name = http::host_of(search.request.head.authority);
  if (name.empty() || name.size() > kHostBytesMax) return;
  char buffer[kHostBytesMax];
  for (std::size_t i = 0; i < name.size(); ++i) buffer[i] = lower(name[i]);
  const std::string_view host(buffer, name.size());
  const std::uint32_t own = hosts.find(kHostExact, host, hash_text(kHostExact, host));
  if (own != kNone) search_table(own + 1, search);
  if (suffix_dots == 0) return;
  std::size_t dots = 0;
  for (std::size_t i = host.size() - 1; i > 0; --i) {
    if (host[i] != '.') continue;
    ++dots;
    if ((suffix_dots >> suffix_bit(dots) & 1) == 0) continue;
    const std::string_view suffix = host.substr(i);
    const std::uint32_t wild = hosts.find(kHostSuffix, suffix, hash_text(kHostSuffix, suffix));
    if (wild != kNone) search_table(wild + 1, search);
  }
}

void Router::Impl::search_table(std::uint32_t number, Search& search) const {
  const Table& table = tables[number];
  if (table.first_position >= search.best) return;
  const std::string_view path = search.request.path;
  if (table.has_exact) {
    const std::uint32_t list = exact_paths.find(number, path, search.path_hash);
    if (list != kNone) try_list(list, path.size(), search);
  }
  std::uint64_t depths = table.depths & ((std::uint64_t{2} << search.borders.count) - 1);
  for (; depths != 0; depths &= depths - 1) {
    const Border& border = search.borders.at[static_cast<std::size_t>(__builtin_ctzll(depths))];
    const std::uint32_t list = prefixes.find(number, path.substr(0, border.length), border.hash);
    if (list != kNone) try_list(list, border.length, search);
  }
  if (table.tried != kNone) try_list(table.tried, path.size(), search);
}

void Router::Impl::try_list(std::uint32_t at, std::size_t length, Search& search) const {
  for (;; ++at) {
    const Candidate& candidate = candidates[at];
    if (candidate.position >= search.best) return;
    const bool holds = (!search.connect || (candidate.flags & kConnect) != 0) &&
                       ((candidate.flags & kSlash) == 0 || length < search.request.path.size()) &&
                       ((candidate.flags & kConditional) == 0 || conditions[candidate.position].hold(search.request));
    if (holds) {
      search.best = candidate.position;
      return;
    }
    if ((candidate.flags & kLast) != 0) return;
  }
}

// --- building ------------------------------------------------------------------------------------------------------------

Router::Impl::Impl(const std::vector<config::Route>& routes, config::Diagnostics& diagnostics) {
  CLEAT_CHECK(routes.size() < kNone);
  tables.emplace_back();
  std::vector<std::vector<Candidate>> exact_lists, prefix_lists, tried_lists;
  const auto put = [](std::vector<std::vector<Candidate>>& lists, std::uint32_t number, Candidate candidate) {
    if (lists.size() <= number) lists.resize(number + 1);
    if (lists[number].empty() || lists[number].back().position != candidate.position) lists[number].push_back(candidate);
    // One route twice in a list: "/v1" and "/v1/" cannot both be its prefix, so they are one host named twice.
  };

  for (std::uint32_t position = 0; position < routes.size(); ++position) {
    const config::Route& route = routes[position];
    const config::Match& match = route.match;
    std::string_view prefix;  // as it is looked up: without its last '/'
    Borders borders;
    bool looked_up = false;
    const bool any = match.path_kind == config::Match::Path::kAny ||
                     (match.path_kind == config::Match::Path::kPrefix && match.path == "/");
    if (match.path_kind == config::Match::Path::kPrefix && !any) {
      prefix = match.path;
      if (prefix.ends_with('/')) prefix.remove_suffix(1);
      find_borders(prefix, kDepthMax, borders);
      looked_up = borders.count != 0 && borders.at[borders.count].length == prefix.size();
    }
    const bool exact = match.path_kind == config::Match::Path::kExact;
    conditions.emplace_back(match, !any && !exact && !looked_up, diagnostics);
    Candidate candidate{position, 0};
    if (!conditions.back().empty()) candidate.flags |= kConditional;
    if (route.allow_connect) candidate.flags |= kConnect;

    for (const std::uint32_t number : tables_of(match.hosts)) {
      Table& table = tables[number];
      table.first_position = std::min(table.first_position, position);
      if (exact) {
        table.has_exact = has_exact = true;
        put(exact_lists, exact_paths.add(number, match.path, hash_text(kPathSeed, match.path)), candidate);
      } else if (looked_up) {
        table.depths |= std::uint64_t{1} << borders.count;
        depth_max = std::max(depth_max, borders.count);
        if (prefix.size() != match.path.size()) candidate.flags |= kSlash;
        put(prefix_lists, prefixes.add(number, prefix, borders.at[borders.count].hash), candidate);
      } else {
        put(tried_lists, number, candidate);
      }
    }
  }

  const auto append_all = [this](const std::vector<std::vector<Candidate>>& lists) {
    std::vector<std::uint32_t> starts;
    for (const std::vector<Candidate>& list : lists) starts.push_back(append(list));
    return starts;
  };
  hosts.freeze();
  exact_paths.freeze(append_all(exact_lists));
  prefixes.freeze(append_all(prefix_lists));
  const std::vector<std::uint32_t> tried = append_all(tried_lists);
  for (std::size_t i = 0; i < tried.size(); ++i) tables[i].tried = tried[i];
}

std::vector<std::uint32_t> Router::Impl::tables_of(const std::vector<std::string>& names) {
  if (names.empty()) return {0};
  std::vector<std::uint32_t> found;
  for (const std::string& given : names) {
    const std::string name = http::to_lower(given);
    if (name == "*") {
      found.push_back(0);
      continue;
    }
    const bool wildcard = name.starts_with("*.");
    const std::string_view text = std::string_view(name).substr(wildcard ? 1 : 0);
    const std::uint32_t tag = wildcard ? kHostSuffix : kHostExact;
    if (wildcard) {
      const auto dots = static_cast<std::size_t>(std::count(text.begin(), text.end(), '.'));
      suffix_dots |= std::uint64_t{1} << suffix_bit(dots);
    }
    const std::uint32_t number = hosts.add(tag, text, hash_text(tag, text));
    if (number + 1 >= tables.size()) tables.resize(number + 2);
    found.push_back(number + 1);
  }
  return found;
}

std::uint32_t Router::Impl::append(const std::vector<Candidate>& list) {
  if (list.empty()) return kNone;
  const auto start = static_cast<std::uint32_t>(candidates.size());
  candidates.insert(candidates.end(), list.begin(), list.end());
  candidates.back().flags |= kLast;
  return start;
}

}  // namespace cleat::route
