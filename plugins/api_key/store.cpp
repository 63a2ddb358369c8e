#include "store.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace api_key {

namespace {

struct Descriptor {
  int value;
  explicit Descriptor(const std::string& path) : value(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (value >= 0) ::close(value);
  }
};

std::int64_t nanoseconds(const timespec& time) { return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec; }

std::string words(int error) { return std::generic_category().message(error); }

}  // namespace

KeyFile::Outcome KeyFile::refresh(std::string& error) {
  const auto fail = [&](const std::string& what) {
    const bool said = what == last_error_;  // a file that stays away is reported once
    last_error_ = what;
    error = what;
    return said ? Outcome::kUnchanged : Outcome::kFailed;
  };
  const Descriptor file(path_);
  if (file.value < 0) {
    looked_ = false;
    return fail(path_ + ": " + words(errno));
  }
  struct stat about {};
  if (::fstat(file.value, &about) != 0) return fail(path_ + ": " + words(errno));
  const FileStamp stamp{about.st_dev, about.st_ino, about.st_size, nanoseconds(about.st_mtim), nanoseconds(about.st_ctim)};
  if (looked_ && stamp == seen_) return Outcome::kUnchanged;
  if (!S_ISREG(about.st_mode)) return fail(path_ + ": not a regular file");
  if (static_cast<std::uint64_t>(about.st_size) > KeyTable::kFileBytesMax) return fail(path_ + ": larger than 64 MiB");

  std::string text(static_cast<std::size_t>(about.st_size), '\0');
  std::size_t have = 0;
  while (have < text.size()) {
    const ssize_t got = ::read(file.value, text.data() + have, text.size() - have);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(path_ + ": " + words(errno));
    if (got == 0) break;  // it shrank meanwhile: its stamp will differ next time
    have += static_cast<std::size_t>(got);
  }
  text.resize(have);

  seen_ = stamp;
  looked_ = true;
  std::string why;
  auto table = KeyTable::parse(text, why);
  if (!table) return fail(path_ + ": " + why);
  last_error_.clear();
  table_ = std::make_shared<const KeyTable>(*std::move(table));
  ++version_;
  return Outcome::kLoaded;
}

}  // namespace api_key
