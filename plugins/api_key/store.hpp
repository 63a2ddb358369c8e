// The key file, followed: one immutable KeyTable at a time, handed to every worker. The control thread looks at the file and
// reads it; a worker only ever exchanges one pointer, between two events, so that no request waits for a file.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>

#include "keys.hpp"

namespace api_key {

// What tells one version of a file from another. Replacing by rename changes the inode; writing in place, the times.
struct FileStamp {
  dev_t device = 0;
  ino_t inode = 0;
  off_t size = 0;
  std::int64_t modified_ns = 0, changed_ns = 0;
  friend bool operator==(const FileStamp&, const FileStamp&) = default;
};

class KeyFile {
 public:
  explicit KeyFile(std::string path) : path_(std::move(path)) {}

  enum class Outcome { kUnchanged, kLoaded, kFailed };
  // Reads the file if it is not the version seen last. kFailed: the table in use stays, `error` says why; the same version is not
  // tried again.
  Outcome refresh(std::string& error);

  const std::shared_ptr<const KeyTable>& table() const { return table_; }  // null before the first kLoaded
  std::uint64_t version() const { return version_; }                       // of table(): 1 for the first
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  FileStamp seen_;
  bool looked_ = false;
  std::string last_error_;
  std::shared_ptr<const KeyTable> table_;
  std::uint64_t version_ = 0;
};

}  // namespace api_key
