#include "plugin_api/harness/src/tool/bench_report.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <map>
#include <nlohmann/json.hpp>
#include <thread>

namespace cleat::kit {
namespace {

using Json = nlohmann::ordered_json;

template <class... Args>
std::string formatted(const char* how, Args... args) {
  std::array<char, 512> text{};
  std::snprintf(text.data(), text.size(), how, args...);
  return text.data();
}

std::string date() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::localtime_r(&now, &parts);
  std::array<char, 40> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S%z", &parts);
  std::string made(text.data());
  if (made.size() > 2) made.insert(made.size() - 2, ":");
  return made;
}

struct Aggregate {
  const char* name;
  double real_ns, cpu_ns;
};

double median(std::vector<double> of) {
  if (of.empty()) return 0;
  std::sort(of.begin(), of.end());
  return of.size() % 2 == 1 ? of[of.size() / 2] : (of[of.size() / 2 - 1] + of[of.size() / 2]) / 2;
}

double mean(const std::vector<double>& of) {
  double sum = 0;
  for (const double one : of) sum += one;
  return of.empty() ? 0 : sum / static_cast<double>(of.size());
}

double deviation(const std::vector<double>& of) {
  if (of.size() < 2) return 0;
  double sum = 0;
  for (const double one : of) sum += (one - mean(of)) * (one - mean(of));
  return std::sqrt(sum / static_cast<double>(of.size() - 1));
}

std::vector<double> values(const Measurement& of, double Repetition::*which) {
  std::vector<double> all;
  for (const Repetition& one : of.repetitions) all.push_back(one.*which);
  return all;
}

std::vector<Aggregate> aggregates(const Measurement& of) {
  const std::vector<double> real = values(of, &Repetition::real_ns), cpu = values(of, &Repetition::cpu_ns);
  return {{"mean", mean(real), mean(cpu)}, {"median", median(real), median(cpu)}, {"stddev", deviation(real), deviation(cpu)}};
}

void add_counters(Json& to, const Measurement& of) {
  if (of.allocations >= 0) to["allocations"] = of.allocations;
  if (of.instructions >= 0) to["instructions"] = of.instructions;
  if (of.calls >= 0) to["calls_per_exchange"] = of.calls;
}

std::string counter(double value) { return value < 0 ? "-" : formatted("%.2f", value); }

}  // namespace

double median_cpu_ns(const Measurement& of) { return median(values(of, &Repetition::cpu_ns)); }

std::string as_json(const std::vector<Measurement>& all, std::string_view plugin) {
  std::array<char, 256> host{};
  ::gethostname(host.data(), host.size() - 1);
  Json json;
  json["context"] = {{"date", date()},
                     {"host_name", host.data()},
                     {"executable", "cleat plugin bench"},
                     {"num_cpus", std::thread::hardware_concurrency()},
                     {"library_build_type",
#ifdef NDEBUG
                      "release"
#else
                      "debug"
#endif
                     },
                     {"plugin", plugin}};
  Json& benchmarks = json["benchmarks"] = Json::array();
  for (std::size_t family = 0; family < all.size(); ++family) {
    const Measurement& one = all[family];
    const auto entry = [&](const std::string& name) {
      return Json{{"name", name}, {"family_index", family}, {"per_family_instance_index", 0}, {"run_name", one.name}};
    };
    for (std::size_t i = 0; i < one.repetitions.size(); ++i) {
      const Repetition& run = one.repetitions[i];
      Json made = entry(one.name);
      made.update({{"run_type", "iteration"}, {"repetitions", one.repetitions.size()}, {"repetition_index", i}, {"threads", 1},
                   {"iterations", run.iterations}, {"real_time", run.real_ns}, {"cpu_time", run.cpu_ns}, {"time_unit", "ns"}});
      add_counters(made, one);
      benchmarks.push_back(std::move(made));
    }
    if (one.repetitions.size() < 2) continue;
    for (const Aggregate& of : aggregates(one)) {
      Json made = entry(one.name + "_" + of.name);
      made.update({{"run_type", "aggregate"}, {"repetitions", one.repetitions.size()}, {"threads", 1}, {"aggregate_name", of.name},
                   {"aggregate_unit", "time"}, {"iterations", one.repetitions.size()}, {"real_time", of.real_ns}, {"cpu_time", of.cpu_ns}, {"time_unit", "ns"}});
      add_counters(made, one);
      benchmarks.push_back(std::move(made));
    }
  }
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string as_csv(const std::vector<Measurement>& all) {
  std::string text = "name,iterations,real_time,cpu_time,time_unit,bytes_per_second,items_per_second,label,error_occurred,error_message,"
                     "\"allocations\",\"instructions\"\n";
  const auto line = [&](const std::string& name, std::uint64_t iterations, double real, double cpu, const Measurement& of) {
    const auto known = [](double value) { return value < 0 ? std::string() : formatted("%g", value); };
    text += "\"" + name + "\"," + std::to_string(iterations) + formatted(",%g,%g,ns,,,,,,", real, cpu);
    text += known(of.allocations) + "," + known(of.instructions) + "\n";
  };
  for (const Measurement& one : all) {
    for (const Repetition& run : one.repetitions) line(one.name, run.iterations, run.real_ns, run.cpu_ns, one);
    if (one.repetitions.size() < 2) continue;
    for (const Aggregate& of : aggregates(one)) line(one.name + "_" + of.name, one.repetitions.size(), of.real_ns, of.cpu_ns, one);
  }
  return text;
}

std::string as_console(const std::vector<Measurement>& all) {
  std::string text = formatted("%-44s %12s %12s %12s %8s %12s %12s\n", "Benchmark (median)", "Time", "CPU", "Iterations", "+-", "Allocations",
                               "Instructions");
  text += std::string(118, '-') + "\n";
  for (const Measurement& one : all) {
    const std::vector<double> real = values(one, &Repetition::real_ns), cpu = values(one, &Repetition::cpu_ns);
    std::uint64_t iterations = 0;
    for (const Repetition& run : one.repetitions) iterations += run.iterations;
    const double spread = mean(real) > 0 ? deviation(real) / mean(real) * 100 : 0;
    text += formatted("%-44s %9.1f ns %9.1f ns %12llu %7.1f%% %12s %12s\n", one.name.c_str(), median(real), median(cpu),
                      static_cast<unsigned long long>(iterations), spread, counter(one.allocations).c_str(), counter(one.instructions).c_str());
  }
  return text;
}

Result<Earlier> read_earlier(std::string_view json) {
  const Json report = Json::parse(json, nullptr, false);
  if (!report.is_object() || !report.contains("benchmarks") || !report["benchmarks"].is_array()) {
    return Error{"it is no report in JSON of Google Benchmark's form: `cleat plugin bench --format json` makes one"};
  }
  const auto text = [](const Json& of, const char* key) {
    const auto found = of.find(key);
    return found != of.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  Earlier made;
  if (report.contains("context") && report["context"].is_object()) {
    made.date = text(report["context"], "date");
    made.plugin = text(report["context"], "plugin");
  }
  static const std::map<std::string, double> kUnits = {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"", 1}};
  for (const Json& one : report["benchmarks"]) {
    if (!one.is_object() || text(one, "run_type") != "iteration" || !one.contains("cpu_time") || !one["cpu_time"].is_number()) continue;
    const std::string name = text(one, text(one, "run_name").empty() ? "name" : "run_name");
    const auto unit = kUnits.find(text(one, "time_unit"));
    if (name.empty() || unit == kUnits.end()) continue;
    made.cpu_ns[name].push_back(one["cpu_time"].get<double>() * unit->second);
    if (one.contains("allocations") && one["allocations"].is_number()) made.allocations[name] = one["allocations"];
  }
  if (made.cpu_ns.empty()) return Error{"no measurement of CPU time is in it"};
  return made;
}

std::string compared(const std::vector<Measurement>& all, std::string_view plugin, Earlier earlier) {
  std::map<std::string, std::vector<double>>& before = earlier.cpu_ns;
  std::string text;
  if (!earlier.plugin.empty() && earlier.plugin != plugin) {
    text = "Before is of another plugin: " + earlier.plugin + (earlier.date.empty() ? "" : ", " + earlier.date) + "\n";
  }
  text += formatted("%-44s %12s %12s %9s %12s %12s\n", "Comparison (medians of CPU)", "Before", "Now", "Change", "Alloc before", "Alloc now");
  text += std::string(106, '-') + "\n";
  for (const Measurement& one : all) {
    const auto found = before.find(one.name);
    if (found == before.end()) {
      text += formatted("%-44s %12s %9.1f ns %9s\n", one.name.c_str(), "-", median_cpu_ns(one), "new");
      continue;
    }
    const double was = median(found->second), is = median_cpu_ns(one);
    const auto had = earlier.allocations.find(one.name);
    text += formatted("%-44s %9.1f ns %9.1f ns %+8.1f%% %12s %12s\n", one.name.c_str(), was, is, was > 0 ? (is - was) / was * 100 : 0,
                      counter(had == earlier.allocations.end() ? -1 : had->second).c_str(), counter(one.allocations).c_str());
    before.erase(found);
  }
  for (const auto& [name, times] : before) text += formatted("%-44s %9.1f ns %12s %9s\n", name.c_str(), median(times), "-", "gone");
  return text;
}

}  // namespace cleat::kit
