#include "plugin_api/harness/src/tool/check.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "plugin_api/harness/src/host.hpp"
#include "plugin_api/harness/src/tool/cases.hpp"
#include "plugin_api/harness/src/tool/endings.hpp"

extern char** environ;

namespace cleat::kit {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kReportFd = 3;                       // of a case's process: a line of JSON for each thing it has to say
constexpr std::size_t kReportBytesMax = 16 * 1024 * 1024;
constexpr std::size_t kSaidMax = 2'000;            // bytes of standard error that are repeated of one that crashed
constexpr std::size_t kFailuresShown = 3;          // of a case, in the text
constexpr int kWhereSignal = SIGUSR2;              // asks a case's process which hook it is in
constexpr int kWhereWaitMs = 500;                  // for its answer
constexpr int kLeftWaitMs = 200;                   // for processes that are ending just now
constexpr int kKilledWaitMs = 1'000;               // for processes that were killed

struct CaseResult {
  std::string name, what, skipped, doing;
  std::string in;                                  // the hook that was running when it ended before its time
  bool whole = false;                              // it has said that it came to its end
  bool not_loaded = false;                         // ended before its time, while the plugin was being loaded
  std::vector<Finding> findings;
  std::vector<Failure> failures;
  std::string said;                                // what it wrote to standard error
  double seconds = 0;
};

Json to_json(const Finding& finding) {
  Json json;
  if (finding.rule != 0) json["rule"] = finding.rule;
  json["section"] = finding.section;
  if (!finding.hook.empty()) json["hook"] = finding.hook;
  if (!finding.function.empty()) json["function"] = finding.function;
  json["text"] = finding.text;
  return json;
}

void say(const Json& line) {
  const std::string text = line.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  for (std::size_t at = 0; at < text.size();) {
    const ssize_t wrote = ::write(kReportFd, text.data() + at, text.size() - at);
    if (wrote <= 0) return;
    at += static_cast<std::size_t>(wrote);
  }
}

// From a signal's handler, and from exit().
void say_where(const char*, const char* hook) {
  char line[128] = "{\"in\": \"";
  std::strncat(line, hook, sizeof line - std::strlen(line) - 4);
  std::strcat(line, "\"}\n");
  (void)!::write(kReportFd, line, std::strlen(line));
}

// A plugin can write here too: nothing is taken for what it ought to be.
void take(const std::string& line, CaseResult& result) {
  const Json json = Json::parse(line, nullptr, false);
  if (!json.is_object()) return;
  const auto text = [&](const char* key) {
    const auto found = json.find(key);
    return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  if (json.contains("doing")) result.doing = text("doing");
  if (json.contains("skipped")) result.skipped = text("skipped");
  if (json.contains("in")) result.in = text("in");
  if (json.contains("whole")) result.whole = true;
  const auto times = json.find("fails");
  if (times != json.end() && times->is_number_unsigned()) {
    const auto same = [&](const Failure& one) { return one.hook == text("hook") && one.why == text("why"); };
    const auto known = std::find_if(result.failures.begin(), result.failures.end(), same);
    Failure& one = known != result.failures.end() ? *known : result.failures.emplace_back(text("hook"), text("why"), 0);
    one.times += times->get<std::uint64_t>();
  }
  if (!json.contains("text")) return;
  const auto rule = json.find("rule");
  const bool numbered = rule != json.end() && rule->is_number_unsigned();
  Finding finding{numbered ? rule->get<std::uint32_t>() : 0, text("section"), text("hook"), text("function"), text("text")};
  if (std::find(result.findings.begin(), result.findings.end(), finding) == result.findings.end()) result.findings.push_back(std::move(finding));
}

pid_t start(const CheckOptions& options, std::string_view name, int report, int errors) {
  std::vector<std::string> words = {"cleat",  "plugin", "check", options.given.file, "--seed", std::to_string(options.seed), "--run-case",
                                    std::string(name)};
  if (!options.given.config_file.empty()) words.insert(words.end(), {"--config", options.given.config_file});
  for (const std::string& one : options.given.clusters) words.insert(words.end(), {"--cluster", one});
  for (const std::string& one : options.given.headers) words.insert(words.end(), {"--header", one});
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, errors, STDERR_FILENO);
  posix_spawn_file_actions_adddup2(&actions, report, kReportFd);
  posix_spawnattr_t attributes;  // a group of its own: what it starts is found by that
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  pid_t child = -1;
  if (::posix_spawn(&child, "/proc/self/exe", &actions, &attributes, arguments.data(), environ) != 0) child = -1;
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  return child;
}

// Are there processes that the case's has started, and that run on though it has ended? They are ended too. Whatever group they have made for
// themselves, they are this process's children now.
bool left_some() {
  const auto left = [] {
    while (::waitpid(-1, nullptr, WNOHANG) > 0) continue;  // those that have ended
    std::ifstream list("/proc/thread-self/children");
    return std::vector<pid_t>(std::istream_iterator<pid_t>(list), {});
  };
  for (int waited = 0; waited < kLeftWaitMs && !left().empty(); waited += 10) ::poll(nullptr, 0, 10);
  if (left().empty()) return false;
  for (int waited = 0; waited < kKilledWaitMs; ++waited) {
    const std::vector<pid_t> children = left();
    if (children.empty()) break;
    for (const pid_t child : children) ::kill(child, SIGKILL);  // and then theirs, which are inherited
    ::poll(nullptr, 0, 1);
  }
  return true;
}

bool is_over(pid_t child) {
  siginfo_t about{};
  return ::waitid(P_PID, static_cast<id_t>(child), &about, WEXITED | WNOHANG | WNOWAIT) == 0 && about.si_pid == child;
}

// How the process ended, if not as it should.
std::string how_it_ended(int status, bool late, bool whole, const CheckOptions& options) {
  if (late) return "it hangs: the case did not end within " + std::to_string(options.timeout_s) + " s";
  if (WIFSIGNALED(status)) {
    const char* const name = ::sigabbrev_np(WTERMSIG(status));
    return "the process was ended by " + (name == nullptr ? "signal " + std::to_string(WTERMSIG(status)) : "SIG" + std::string(name));
  }
  if (WIFEXITED(status) && !whole) return "the process ended itself, with exit code " + std::to_string(WEXITSTATUS(status));
  return {};
}

CaseResult run_in_a_process(const CheckOptions& options, const Case& one) {
  CaseResult result;
  result.name = one.name;
  result.what = one.what;
  const auto began = std::chrono::steady_clock::now();
  int report[2], errors[2];
  if (::pipe2(report, O_CLOEXEC) != 0 || ::pipe2(errors, O_CLOEXEC) != 0) {
    result.findings.push_back({0, "check", {}, {}, "no descriptors"});
    return result;
  }
  // Above those that the child's are made of.
  const int to_report = ::fcntl(report[1], F_DUPFD_CLOEXEC, 10), to_errors = ::fcntl(errors[1], F_DUPFD_CLOEXEC, 10);
  ::close(report[1]);
  ::close(errors[1]);
  const pid_t child = start(options, one.name, to_report, to_errors);
  ::close(to_report);
  ::close(to_errors);
  std::string lines;
  bool late = false;
  auto until = began + std::chrono::seconds(options.timeout_s);
  pollfd from[2] = {{report[0], POLLIN, 0}, {errors[0], POLLIN, 0}};
  while (child > 0 && (from[0].fd >= 0 || from[1].fd >= 0)) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now()).count();
    if (left <= 0 && !late) {
      late = true;
      ::kill(child, kWhereSignal);
      until += std::chrono::milliseconds(kWhereWaitMs);
      continue;
    }
    if (left <= 0) break;
    if (::poll(from, 2, static_cast<int>(std::min<long>(left, 1'000))) == 0 && is_over(child)) break;  // somebody else holds the pipes
    for (int i = 0; i < 2; ++i) {
      if (from[i].fd < 0 || from[i].revents == 0) continue;
      char bytes[16 * 1024];
      const ssize_t size = ::read(from[i].fd, bytes, sizeof bytes);
      if (size <= 0) {
        from[i].fd = -1;
      } else if (std::string& to = i == 0 ? lines : result.said; to.size() < kReportBytesMax) {
        to.append(bytes, static_cast<std::size_t>(size));
      }
    }
  }
  ::close(report[0]);
  ::close(errors[0]);
  int status = 0;
  if (late) ::kill(child, SIGKILL);
  if (child > 0) ::waitpid(child, &status, 0);
  const bool left = child > 0 && left_some();
  for (std::size_t at = 0, end; (end = lines.find('\n', at)) != std::string::npos; at = end + 1) take(lines.substr(at, end - at), result);
  if (child <= 0) result.findings.push_back({0, "check", {}, {}, "the process could not be started"});
  const bool rust_gave_up = one.name == "no memory" && WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT &&
                            result.said.find("memory allocation of ") != std::string::npos;
  if (rust_gave_up) {  // its library ends the process: there is nothing that a plugin could do
    result.skipped = "Rust ends the process where memory is missing";
  } else if (const std::string how = how_it_ended(status, late, result.whole, options); child > 0 && !how.empty()) {
    result.not_loaded = result.doing == kLoading;
    result.findings.push_back({0, late ? "hang" : "crash", result.in, {}, how + (result.doing.empty() ? "" : ", while: " + result.doing)});
  } else if (left) {
    result.findings.push_back({7, "rule 7", {}, {}, "processes that it has started run on after destroy"});
  }
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  return result;
}

// What it wrote to standard error, of one that ended before its time.
std::string last_words(const CaseResult& of, const Finding& finding) {
  if (finding.section != "crash" && finding.section != "hang") return {};
  return of.said.substr(of.said.size() > kSaidMax ? of.said.size() - kSaidMax : 0);
}

void print_text(const CheckOptions& options, const std::vector<CaseResult>& results, std::size_t findings) {
  std::printf("%s\n", options.given.file.c_str());
  for (const CaseResult& one : results) {
    std::string verdict = one.skipped.empty() ? "ok" : "nothing to look at";
    if (!one.findings.empty()) verdict = std::to_string(one.findings.size()) + (one.findings.size() == 1 ? " finding" : " findings");
    std::printf("  %-18s %-18s %5.1f s   %s\n", one.name.c_str(), verdict.c_str(), one.seconds, one.what.c_str());
    if (!one.skipped.empty()) std::printf("      %s\n", one.skipped.c_str());
    for (std::size_t i = 0; i < one.failures.size() && i < kFailuresShown; ++i) {
      const Failure& failure = one.failures[i];
      std::printf("      %s answered FAIL %llu time%s%s%s\n", failure.hook.c_str(), static_cast<unsigned long long>(failure.times),
                  failure.times == 1 ? "" : "s", failure.why.empty() ? ", without saying why" : ": ", failure.why.c_str());
    }
    if (one.failures.size() > kFailuresShown) std::printf("      and %zu more kinds of FAIL\n", one.failures.size() - kFailuresShown);
    for (const Finding& finding : one.findings) {
      std::string where = finding.section;
      if (!finding.hook.empty()) where += ", " + finding.hook;
      if (!finding.function.empty()) where += ", " + finding.function;
      std::printf("    - %s: %s\n", where.c_str(), finding.text.c_str());
      if (const std::string said = last_words(one, finding); !said.empty()) std::printf("      it said:\n%s\n", said.c_str());
    }
  }
  std::printf("%zu case%s, %zu finding%s\n", results.size(), results.size() == 1 ? "" : "s", findings, findings == 1 ? "" : "s");
}

void print_json(const CheckOptions& options, const std::vector<CaseResult>& results, std::size_t findings) {
  Json json = {{"file", options.given.file}, {"seed", options.seed}, {"findings", findings}, {"cases", Json::array()}};
  for (const CaseResult& one : results) {
    Json made = {{"name", one.name}, {"what", one.what}, {"seconds", one.seconds}, {"findings", Json::array()}};
    if (!one.skipped.empty()) made["skipped"] = one.skipped;
    for (const Failure& failure : one.failures) made["fails"].push_back({{"hook", failure.hook}, {"why", failure.why}, {"times", failure.times}});
    for (const Finding& finding : one.findings) {
      made["findings"].push_back(to_json(finding));
      if (const std::string said = last_words(one, finding); !said.empty()) made["findings"].back()["said"] = said;
    }
    json["cases"].push_back(std::move(made));
  }
  std::printf("%s\n", json.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
}

}  // namespace

int check(const CheckOptions& options) {
  Result<Subject> subject = read_subject(options.given);
  if (!subject.ok()) {
    std::fprintf(stderr, "%s\n", subject.error().c_str());
    return 2;
  }
  for (const std::string& name : options.only) {
    const bool known = std::any_of(cases().begin(), cases().end(), [&](const Case& one) { return one.name == name; });
    if (known) continue;
    std::string all;
    for (const Case& one : cases()) all.append(all.empty() ? "" : ", ").append(one.name);
    std::fprintf(stderr, "there is no case \"%s\": --case is one of %s\n", name.c_str(), all.c_str());
    return 2;
  }
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);  // what the cases' processes leave behind ends here
  std::vector<CaseResult> results;
  std::size_t findings = 0;
  for (const Case& one : cases()) {
    if (!options.only.empty() && std::find(options.only.begin(), options.only.end(), one.name) == options.only.end()) continue;
    results.push_back(run_in_a_process(options, one));
    findings += results.back().findings.size();
    // What cannot be loaded has no more to show.
    const CaseResult& last = results.back();
    if (last.name != "load" || last.findings.empty()) continue;
    if (last.not_loaded || last.findings.front().text.starts_with("it could not be loaded")) break;
  }
  options.json ? print_json(options, results, findings) : print_text(options, results, findings);
  return findings == 0 ? 0 : 1;
}

int run_case(const CheckOptions& options, const std::string& name) {
  rlimit no_core{0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // the group that the terminal's signals go to is another
  ::signal(kWhereSignal, [](int) { say_where("", hook_that_runs()); });
  on_early_end(&say_where);
  Result<Subject> subject = read_subject(options.given);
  if (!subject.ok()) return 2;
  for (const Case& one : cases()) {
    if (one.name != name) continue;
    CaseRun run{.subject = std::move(*subject),
                .seed = options.seed,
                .found = [](const Finding& finding) { say(to_json(finding)); },
                .failed = [](const Failure& failure) { say({{"fails", failure.times}, {"hook", failure.hook}, {"why", failure.why}}); },
                .doing = [](const std::string& what) { say({{"doing", what}}); },
                .skipped = [](const std::string& why) { say({{"skipped", why}}); }};
    if (one.name != "file") run.doing(std::string(kLoading));
    if (one.name != "file") run.subject.handler = is_handler(run.subject);
    one.run(run);
    say({{"whole", true}});
    ::_exit(0);  // what a plugin has left to be done at exit is not the case's
  }
  return 2;
}

}  // namespace cleat::kit
