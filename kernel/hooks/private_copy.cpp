#include "kernel/hooks/private_copy.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace cleat::hooks {
namespace {

std::vector<std::string> candidates() {
  std::vector<std::string> all;
  for (const char* variable : {"XDG_RUNTIME_DIR", "TMPDIR"}) {
    const char* folder = std::getenv(variable);
    if (folder != nullptr && folder[0] == '/') all.emplace_back(folder);
  }
  for (const char* folder : {"/tmp", "/var/tmp"}) {
    if (std::find(all.begin(), all.end(), folder) == all.end()) all.emplace_back(folder);
  }
  return all;
}

// Empty, or why code cannot be loaded from there.
std::string unfit(const std::string& folder) {
  struct statvfs about {};
  if (::statvfs(folder.c_str(), &about) != 0) return std::strerror(errno);
  if ((about.f_flag & ST_NOEXEC) != 0) return "mounted noexec";
  if ((about.f_flag & ST_RDONLY) != 0) return "read-only";
  return {};
}

// Empty, or the system's words.
std::string write_file(const std::string& file, std::string_view bytes) {
  const int descriptor = ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0500);
  if (descriptor < 0) return std::strerror(errno);
  std::string failure;
  while (!bytes.empty() && failure.empty()) {
    const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
    if (written >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno != EINTR) {
      failure = std::strerror(errno);
    }
  }
  if (::close(descriptor) != 0 && failure.empty()) failure = std::strerror(errno);
  return failure;
}

}  // namespace

Result<PrivateCopy> PrivateCopy::make(std::string_view name, std::string_view bytes) {
  std::string reasons;
  const auto refused = [&](const std::string& folder, const std::string& why) {
    reasons += (reasons.empty() ? "" : "; ") + folder + ": " + why;
  };
  for (const std::string& base : candidates()) {
    if (const std::string why = unfit(base); !why.empty()) {
      refused(base, why);
      continue;
    }
    std::string folder = base + "/cleat-XXXXXX";
    if (::mkdtemp(folder.data()) == nullptr) {  // mode 0700
      refused(base, std::strerror(errno));
      continue;
    }
    PrivateCopy copy;
    copy.folder_ = folder;
    copy.file_ = folder + "/" + std::string(name);
    const std::string why = write_file(copy.file_, bytes);
    if (why.empty()) return copy;
    refused(base, why);
  }
  return Error{"no folder to load a copy of it from (" + reasons + "): set TMPDIR to a folder that is writable and not mounted noexec"};
}

PrivateCopy::~PrivateCopy() {
  if (folder_.empty()) return;
  ::unlink(file_.c_str());
  ::rmdir(folder_.c_str());
}

}  // namespace cleat::hooks
