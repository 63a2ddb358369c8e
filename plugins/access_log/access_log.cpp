// access_log: MAY observe. Reads its configuration, writes one line in on_end. The parts: format (what a line holds), render (one
// exchange as a line), escape, ring and sink (from the workers to the file).
#include <bit>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "plugin_api/cpp/cleat.hpp"
#include "render.hpp"
#include "sink.hpp"

namespace {

using namespace access_log;

constexpr std::uint64_t kBufferBytesLeast = 64 * 1024;
constexpr std::uint64_t kBufferBytesMost = 64 * 1024 * 1024;
static_assert(kLineBytesMax <= kBufferBytesLeast);

struct Settings {
  explicit Settings(cleat::Config config)
      : path(config.get<cleat::Path>("path", {"/dev/stdout"}).value),
        sample(config.get<std::uint32_t>("sample", 1, {1, 1'000'000})),
        min_status(config.get<std::uint32_t>("min_status", 0, {200, 599})),
        buffer(config.get<cleat::Bytes>("buffer", {1024 * 1024}).value) {
    if (path.empty()) config["path"].error("must not be empty");
    if (buffer < kBufferBytesLeast || buffer > kBufferBytesMost) {
      config["buffer"].error("must be between 64KiB and 64MiB");
      buffer = kBufferBytesLeast;
    }
    buffer = std::bit_ceil(buffer);
    const cleat::Config line = config["line"], fields = config["fields"];
    if (config.choice<bool>("format", {{"text", false}, {"json", true}}, false)) {
      if (line) line.error("belongs to `format: text`; with json the members are given by `fields`");
      read_fields(fields);
    } else {
      if (fields) fields.error("belongs to `format: json`; with text the line is given by `line`");
      const std::string text = line ? line.as<std::string>() : std::string(default_line());
      if (const std::string error = compile_text(text, format); !error.empty()) line.error(error);
    }
  }

  // Each member's mistake is told at that member.
  void read_fields(const cleat::Config& fields) {
    Members members = default_members();
    bool valid = true;
    if (fields && !fields.is_map()) return fields.error("must be a map: member: \"%{field}\"");
    if (fields) {
      members.clear();
      for (const auto& [key, value] : fields.members()) {
        members.emplace_back(key, value.as<std::string>());
        if (const std::string error = compile_member(members.back().second, format); !error.empty()) {
          value.error(error);
          valid = false;
        }
      }
    }
    if (!valid) return;
    if (const std::string error = compile_json(members, format); !error.empty()) fields.error(error);
  }

  std::string path;
  std::uint32_t sample;
  std::uint32_t min_status;
  std::uint64_t buffer;
  Format format;
};

class AccessLog : public cleat::Plugin {
 public:
  explicit AccessLog(cleat::Config config) : AccessLog(Settings(config), config) {}

  static void validate(cleat::Config config) {
    const Settings settings(config);
    const std::filesystem::path folder = std::filesystem::path(settings.path).parent_path();
    std::error_code error;
    if (!folder.empty() && !std::filesystem::is_directory(folder, error)) {
      throw cleat::ConfigError(config["path"], "no such folder: " + folder.string());
    }
  }

  void on_end(cleat::Exchange x) noexcept {
    const std::uint32_t index = worker();
    Worker& own = *workers_[index];
    if (min_status_ != 0) {
      const auto status = x.integer(CLEAT_ATTR_RESPONSE_STATUS);
      if (status && *status < min_status_) return;
    }
    if (sample_ > 1 && own.seen++ % sample_ != 0) return;
    sink_->add(index, {own.line, renderer_.render(x, own.time, own.line)});
  }

  void on_event(const cleat_event& event) {
    if (event.kind == CLEAT_EVENT_REOPEN) sink_->reopen();
  }

  void on_shutdown(cleat::Completion completion) {
    sink_->flush([completion] { completion.done(); });
  }

 private:
  struct Worker {  // one worker's own
    TimeText time;
    std::uint32_t seen = 0;
    char line[kLineBytesMax];
  };

  AccessLog(Settings settings, const cleat::Config& config)
      : lines_(counter("cleat_access_log_lines_total", "Lines written.")),
        dropped_(counter("cleat_access_log_dropped_total", "Lines lost: the buffer was full, or writing failed.")),
        errors_(counter("cleat_access_log_write_errors_total", "Failed writes, and failed attempts to open the file anew.")),
        renderer_(std::move(settings.format)),
        sample_(settings.sample),
        min_status_(settings.min_status) {
    for (std::uint32_t i = 0; i < workers(); ++i) workers_.push_back(std::make_unique<Worker>());
    Sink::Reports reports;
    reports.count = [this](std::uint64_t lines, std::uint64_t dropped, std::uint64_t errors) {
      lines_.add(static_cast<std::int64_t>(lines));
      dropped_.add(static_cast<std::int64_t>(dropped));
      errors_.add(static_cast<std::int64_t>(errors));
    };
    reports.complain = [this](const std::string& text) { log(CLEAT_WARN, text); };
    try {
      sink_ = std::make_unique<Sink>(settings.path, workers(), settings.buffer, std::move(reports));
    } catch (const std::runtime_error& error) {
      throw cleat::ConfigError(config["path"], error.what());
    }
  }

  const cleat::Counter lines_, dropped_, errors_;
  const Renderer renderer_;
  const std::uint32_t sample_;
  const std::uint32_t min_status_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::unique_ptr<Sink> sink_;  // last: its thread ends before what it reports to
};

}  // namespace

CLEAT_PLUGIN(AccessLog,
             "name=access_log\nversion=1.0.0\nrequires=cleat.config/1 cleat.attributes/1\noptional=cleat.metadata/1 cleat.metrics/1\n"
             "license=Apache-2.0\nabout=one line for each exchange, as text or as JSON\n");
