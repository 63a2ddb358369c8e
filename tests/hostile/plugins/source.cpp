// Honest: a configuration source that does what requests tell it to, and brings endpoints to clusters whose discovery names it.
//
//   POST /commit, /replace   body: lines "> stage|remove KIND NAME", a stage's document after it. Answers once the commit has:
//                            200 "version N", or 409 with the reasons; "status N" before either if a call failed
//   POST /endpoints/CLUSTER  body: lines "ADDRESS WEIGHT healthy|unhealthy": the list. Answers "status N"
//   GET /version             "N"
//   GET /watches             "watch CLUSTER, unwatch CLUSTER, ..." so far
//
// Configuration: {at_create: DOCUMENT of a cluster named at_create, on_watch: [ADDRESS...] given to each watch at once}. A watch's own
// configuration: {note: TEXT}, and {refuse: true}.
#include <mutex>
#include <sstream>
#include <vector>

#include "plugin_api/cpp/cleat.hpp"

namespace {

std::uint32_t kind_of(const std::string& word) {
  for (const auto& [name, kind] : {std::pair("listener", CLEAT_SOURCE_LISTENER), std::pair("route_table", CLEAT_SOURCE_ROUTE_TABLE),
                                   std::pair("cluster", CLEAT_SOURCE_CLUSTER), std::pair("secret", CLEAT_SOURCE_SECRET)}) {
    if (word == name) return kind;
  }
  return 99;
}

class Source : public cleat::Plugin {
 public:
  struct State {
    std::string* body;
  };
  struct Waiting {
    cleat_exchange x;
    std::uint32_t status = 200;
    std::string text;
  };

  // What a cluster wants.
  struct Watch {
    Watch(std::string_view cluster, cleat::Config config, Source& owner) : source(owner), name(cluster) {
      const auto note = config.get<std::string>("note", "");
      if (config.get<bool>("refuse", false)) throw std::runtime_error("refused as asked");
      source.say("watch " + name + (note.empty() ? "" : " " + note));
      std::vector<cleat_source_endpoint> list;
      for (const std::string& address : source.on_watch_) list.push_back(cleat::source_endpoint(address));
      if (!list.empty()) source.endpoints(name, list);
    }
    ~Watch() { source.say("unwatch " + name); }
    Source& source;
    const std::string name;
  };

  explicit Source(cleat::Config config)
      : on_watch_(config.get<std::vector<std::string>>("on_watch", {})), at_create_(config.get<std::string>("at_create", "")) {
    if (at_create_.empty()) return;
    auto transaction = begin();
    if (!transaction) throw std::runtime_error(cleat::error_text());
    transaction->stage(CLEAT_SOURCE_CLUSTER, "at_create", at_create_);
    std::move(*transaction).commit<&Source::on_commit_at_create>();
  }

  cleat::Verdict on_handle(cleat::Exchange x) {
    if (x.path() == "/version") {
      std::uint64_t version = 0;
      if (!cleat::detail::call(cleat::detail::host.config_source.version, self(), &version)) return reply(x, std::to_string(version));
      return cleat::fail(cleat::error_text());
    }
    if (x.path() == "/watches") return reply(x, said());
    x.state<State>()->body = new std::string;
    return cleat::kContinue;
  }

  cleat::Verdict on_handle_body(cleat::Exchange x, cleat::Body body) {
    State* const state = x.find_state<State>();
    if (state == nullptr) return cleat::kContinue;
    state->body->append(body.view());
    if (!body.last()) return cleat::kContinue;
    const std::string text = *state->body, path(x.path());
    if (path.starts_with("/endpoints/")) return answer(x, 200, "status " + std::to_string(give(path.substr(11), text).code()) + "\n");
    auto waiting = std::make_unique<Waiting>();
    waiting->x = x.handle();
    const cleat::Status status = commit(text, path == "/replace" ? CLEAT_SOURCE_REPLACE : 0, std::move(waiting));
    return status ? cleat::kContinue : answer(x, 200, "status " + std::to_string(status.code()) + " " + cleat::error_text() + "\n");
  }

  void on_handle_end(cleat::Exchange x) {
    if (State* const state = x.find_state<State>()) delete std::exchange(state->body, nullptr);
  }

  void on_commit(cleat::Committed committed, std::unique_ptr<Waiting> waiting) {
    waiting->status = committed.status ? 200 : 409;
    waiting->text = committed.status ? "version " + std::to_string(committed.version) + "\n"
                                     : "status " + std::to_string(committed.status.code()) + " " + std::string(committed.text);
    const cleat::Exchange x(waiting->x);
    post<&Source::on_answer>(x, std::move(waiting));
  }
  void on_answer(cleat::Exchange x, std::unique_ptr<Waiting> waiting) { answer(x, waiting->status, waiting->text); }
  void on_commit_at_create(cleat::Committed committed) {
    log(CLEAT_INFO, "at create: status " + std::to_string(committed.status.code()) + " " + std::string(committed.text));
  }

 private:
  static cleat::Verdict reply(cleat::Exchange x, const std::string& text) { return x.reply({.status = 200, .body = text + "\n"}); }
  static cleat::Verdict answer(cleat::Exchange x, std::uint32_t status, const std::string& text) {
    x.answer().start({.status = status});
    x.answer().write(text);
    x.answer().finish();
    return cleat::kContinue;
  }

  cleat::Status commit(const std::string& text, std::uint32_t flags, std::unique_ptr<Waiting> waiting) {
    auto transaction = begin(flags);
    if (!transaction) return transaction.status();
    std::istringstream lines(text);
    std::string line, what, kind, name, document;
    const auto put = [&]() -> cleat::Status {
      if (what == "stage") return transaction->stage(kind_of(kind), name, document);
      return what == "remove" ? transaction->remove(kind_of(kind), name) : cleat::Status{};
    };
    while (std::getline(lines, line)) {
      if (!line.starts_with("> ")) {
        document += line + "\n";
        continue;
      }
      if (const cleat::Status status = put(); !status) return status;
      std::istringstream(line.substr(2)) >> what >> kind >> name;
      document.clear();
    }
    if (const cleat::Status status = put(); !status) return status;
    return std::move(*transaction).commit<&Source::on_commit>(std::move(waiting));
  }

  cleat::Status give(const std::string& cluster, const std::string& text) const {
    std::istringstream lines(text);
    std::vector<std::string> addresses;
    std::vector<cleat_source_endpoint> list;
    std::string address, health;
    std::uint32_t weight = 0;
    addresses.reserve(text.size());
    while (lines >> address >> weight >> health) {
      addresses.push_back(address);
      list.push_back(cleat::source_endpoint(addresses.back(), weight, health != "unhealthy"));
    }
    return endpoints(cluster, list);
  }

  void say(const std::string& text) {
    const std::lock_guard lock(mutex_);
    said_ += (said_.empty() ? "" : ", ") + text;
  }
  std::string said() {
    const std::lock_guard lock(mutex_);
    return said_;
  }

  const std::vector<std::string> on_watch_;
  const std::string at_create_;
  std::mutex mutex_;
  std::string said_;
};

}  // namespace

CLEAT_PLUGIN(Source, "name=source\nversion=1.0.0\nrequires=cleat.config/1 cleat.config_source/1 cleat.handler/1 cleat.body/1 cleat.post/1\nabout=a source that is told what to do\n");
