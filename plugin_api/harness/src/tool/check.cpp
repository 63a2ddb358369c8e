#include "plugin_api/harness/src/tool/check.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>

#include "plugin_api/harness/src/tool/cases.hpp"

extern char** environ;

namespace cleat::kit {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kReportFd = 3;                       // of a case's process: a line of JSON for each thing it has to say
constexpr std::size_t kReportBytesMax = 16 * 1024 * 1024;
constexpr std::size_t kSaidMax = 2'000;            // bytes of standard error that are repeated of one that crashed

struct CaseResult {
  std::string name, what, skipped, doing;
  std::vector<Finding> findings;
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

void take(const std::string& line, CaseResult& result) {
  const Json json = Json::parse(line, nullptr, false);
  if (!json.is_object()) return;
  if (json.contains("doing")) result.doing = json["doing"];
  if (json.contains("skipped")) result.skipped = json["skipped"];
  if (!json.contains("text")) return;
  const auto text = [&](const char* key) { return json.value(key, std::string()); };
  Finding finding{json.value("rule", 0U), text("section"), text("hook"), text("function"), text("text")};
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
  pid_t child = -1;
  if (::posix_spawn(&child, "/proc/self/exe", &actions, nullptr, arguments.data(), environ) != 0) child = -1;
  posix_spawn_file_actions_destroy(&actions);
  return child;
}

bool is_over(pid_t child) {
  siginfo_t about{};
  return ::waitid(P_PID, static_cast<id_t>(child), &about, WEXITED | WNOHANG | WNOWAIT) == 0 && about.si_pid == child;
}

// How the process ended, if not as it should.
std::string how_it_ended(int status, bool late, const CheckOptions& options) {
  if (late) return "it hangs: the case did not end within " + std::to_string(options.timeout_s) + " s";
  if (WIFSIGNALED(status)) {
    const char* const name = ::sigabbrev_np(WTERMSIG(status));
    return "the process was ended by " + (name == nullptr ? "signal " + std::to_string(WTERMSIG(status)) : "SIG" + std::string(name));
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) != 0) return "the process ended itself, with " + std::to_string(WEXITSTATUS(status));
  return {};
}

CaseResult run_in_a_process(const CheckOptions& options, const Case& one) {
  CaseResult result{std::string(one.name), std::string(one.what), {}, {}, {}, {}, 0};
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
  const auto until = began + std::chrono::seconds(options.timeout_s);
  pollfd from[2] = {{report[0], POLLIN, 0}, {errors[0], POLLIN, 0}};
  while (child > 0 && (from[0].fd >= 0 || from[1].fd >= 0)) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now()).count();
    if (left <= 0) {
      late = true;
      ::kill(child, SIGKILL);
      break;
    }
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
  if (child > 0) ::waitpid(child, &status, 0);
  for (std::size_t at = 0, end; (end = lines.find('\n', at)) != std::string::npos; at = end + 1) take(lines.substr(at, end - at), result);
  if (child <= 0) result.findings.push_back({0, "check", {}, {}, "the process could not be started"});
  const bool rust_gave_up = one.name == "no memory" && WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT &&
                            result.said.find("memory allocation of ") != std::string::npos;
  if (rust_gave_up) {  // its library ends the process: there is nothing that a plugin could do
    result.skipped = "Rust ends the process where memory is missing";
  } else if (const std::string how = how_it_ended(status, late, options); !how.empty()) {
    result.findings.push_back({0, late ? "hang" : "crash", {}, {}, how + (result.doing.empty() ? "" : ", while: " + result.doing)});
  }
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  return result;
}

void print_text(const CheckOptions& options, const std::vector<CaseResult>& results, std::size_t findings) {
  std::printf("%s\n", options.given.file.c_str());
  for (const CaseResult& one : results) {
    std::string verdict = one.skipped.empty() ? "ok" : "nothing to look at";
    if (!one.findings.empty()) verdict = std::to_string(one.findings.size()) + (one.findings.size() == 1 ? " finding" : " findings");
    std::printf("  %-18s %-18s %5.1f s   %s\n", one.name.c_str(), verdict.c_str(), one.seconds, one.what.c_str());
    if (!one.skipped.empty()) std::printf("      %s\n", one.skipped.c_str());
    for (const Finding& finding : one.findings) {
      std::string where = finding.section;
      if (!finding.hook.empty()) where += ", " + finding.hook;
      if (!finding.function.empty()) where += ", " + finding.function;
      std::printf("    - %s: %s\n", where.c_str(), finding.text.c_str());
      if ((finding.section == "crash" || finding.section == "hang") && !one.said.empty()) {
        std::printf("      it said:\n%s\n", one.said.substr(one.said.size() > kSaidMax ? one.said.size() - kSaidMax : 0).c_str());
      }
    }
  }
  std::printf("%zu case%s, %zu finding%s\n", results.size(), results.size() == 1 ? "" : "s", findings, findings == 1 ? "" : "s");
}

void print_json(const CheckOptions& options, const std::vector<CaseResult>& results, std::size_t findings) {
  Json json = {{"file", options.given.file}, {"seed", options.seed}, {"findings", findings}, {"cases", Json::array()}};
  for (const CaseResult& one : results) {
    Json made = {{"name", one.name}, {"what", one.what}, {"seconds", one.seconds}, {"findings", Json::array()}};
    if (!one.skipped.empty()) made["skipped"] = one.skipped;
    for (const Finding& finding : one.findings) made["findings"].push_back(to_json(finding));
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
    std::fprintf(stderr, "there is no case \"%s\"\n", name.c_str());
    return 2;
  }
  std::vector<CaseResult> results;
  std::size_t findings = 0;
  for (const Case& one : cases()) {
    if (!options.only.empty() && std::find(options.only.begin(), options.only.end(), one.name) == options.only.end()) continue;
    results.push_back(run_in_a_process(options, one));
    findings += results.back().findings.size();
    // What cannot be loaded has no more to show.
    if (one.name == "load" && !results.back().findings.empty() && results.back().findings.front().text.starts_with("it could not be loaded")) break;
  }
  options.json ? print_json(options, results, findings) : print_text(options, results, findings);
  return findings == 0 ? 0 : 1;
}

int run_case(const CheckOptions& options, const std::string& name) {
  rlimit no_core{0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
  Result<Subject> subject = read_subject(options.given);
  if (!subject.ok()) return 2;
  for (const Case& one : cases()) {
    if (one.name != name) continue;
    CaseRun run{.subject = std::move(*subject),
                .seed = options.seed,
                .found = [](const Finding& finding) { say(to_json(finding)); },
                .doing = [](const std::string& what) { say({{"doing", what}}); },
                .skipped = [](const std::string& why) { say({{"skipped", why}}); }};
    if (one.name != "file") run.subject.handler = is_handler(run.subject);
    one.run(run);
    ::_exit(0);  // what a plugin has left to be done at exit is not the case's
  }
  return 2;
}

}  // namespace cleat::kit
