#include "folder.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <system_error>
#include <utility>
#include <vector>

namespace file_source {

namespace {

constexpr std::pair<std::string_view, Kind> kKinds[] = {{"listener", Kind::kListener},
                                                        {"route_table", Kind::kRouteTable},
                                                        {"cluster", Kind::kCluster},
                                                        {"secret", Kind::kSecret},
                                                        {"endpoints", Kind::kEndpoints}};

std::string words(int error) { return std::generic_category().message(error); }
std::int64_t nanoseconds(const timespec& time) { return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec; }

}  // namespace

Named read_name(std::string_view file, ResourceKey& key, std::string& error) {
  if (file.empty() || file.front() == '.') return Named::kOther;
  const std::size_t dot = file.rfind('.');
  if (dot == std::string_view::npos) return Named::kOther;
  const std::string_view ending = file.substr(dot + 1), rest = file.substr(0, dot);
  const bool document = ending == "yaml" || ending == "yml" || ending == "json";
  const bool list = ending == "txt" && rest.starts_with("endpoints.");
  if (!document && !list) return Named::kOther;
  const std::size_t first = rest.find('.');
  const std::string_view kind = rest.substr(0, first);
  key.name = first == std::string_view::npos ? std::string_view{} : rest.substr(first + 1);
  for (const auto& [word, value] : kKinds) {
    if (word != kind || (value == Kind::kEndpoints) != list) continue;
    key.kind = value;
    if (!key.name.empty()) return Named::kResource;
    error = std::string(file) + ": the name is missing: " + std::string(word) + ".NAME." + std::string(ending);
    return Named::kWrong;
  }
  error = std::string(file) + ": \"" + std::string(kind) + "\" is no kind of resource: listener, route_table, cluster, secret, or endpoints.CLUSTER.txt";
  return Named::kWrong;
}

bool Folder::read(const std::string& file, Known& known, std::string& error) const {
  const std::string path = path_ + "/" + file;
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  const auto fail = [&](const std::string& why) {
    error += path + ": " + why + "\n";
    if (fd >= 0) ::close(fd);
    return false;
  };
  if (fd < 0) return fail(words(errno));
  struct stat about {};
  if (::fstat(fd, &about) != 0) return fail(words(errno));
  if (!S_ISREG(about.st_mode)) return fail("not a regular file");
  if (static_cast<std::uint64_t>(about.st_size) > kFileBytesMax) return fail("larger than 4 MiB");
  const Stamp stamp{about.st_dev, about.st_ino, static_cast<std::uint64_t>(about.st_size), nanoseconds(about.st_mtim), nanoseconds(about.st_ctim)};
  if (stamp != known.stamp) {
    std::string text(static_cast<std::size_t>(about.st_size), '\0');
    std::size_t have = 0;
    while (have < text.size()) {
      const ssize_t got = ::read(fd, text.data() + have, text.size() - have);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return fail(words(errno));
      if (got == 0) break;  // it shrank meanwhile: its stamp will differ next time
      have += static_cast<std::size_t>(got);
    }
    text.resize(have);
    if (known.text == nullptr || *known.text != text) known.text = std::make_shared<const std::string>(std::move(text));
    known.stamp = stamp;
  }
  ::close(fd);
  return true;
}

bool Folder::look(Snapshot& snapshot, std::string& error) {
  error.clear();
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir(path_.c_str()), &::closedir);
  if (folder == nullptr) {
    error = path_ + ": " + words(errno) + "\n";
    return false;
  }
  std::map<std::string, Known> now;
  std::map<ResourceKey, std::string> files;
  snapshot.texts.clear();
  while (const dirent* const entry = ::readdir(folder.get())) {
    const std::string file = entry->d_name;
    ResourceKey key;
    std::string why;
    const Named named = read_name(file, key, why);
    if (named == Named::kOther) continue;
    if (named == Named::kWrong) {
      error += path_ + "/" + why + "\n";
      continue;
    }
    if (now.size() == kFilesMax) {
      error += path_ + ": more than 10,000 resources\n";
      break;
    }
    Known known;
    if (const auto before = known_.find(file); before != known_.end()) known = before->second;
    if (!read(file, known, error)) continue;
    if (const auto [other, fresh] = files.emplace(key, file); !fresh) {
      error += path_ + "/" + file + ": the same resource as " + other->second + "\n";
      continue;
    }
    snapshot.texts[key] = known.text;
    now[file] = std::move(known);
  }
  known_ = std::move(now);
  return error.empty();
}

}  // namespace file_source
