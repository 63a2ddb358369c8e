// A private copy of a plugin's bytes, from which it is loaded, for as long as that takes. A path that was loaded before gives
// the old code again, and a file that is written over while it is mapped kills the process: so each load has a file of its own,
// in a folder of its own that nobody else can enter, gone from the folder once it is mapped. Control thread.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "kernel/base/result.hpp"

namespace cleat::hooks {

class PrivateCopy {
 public:
  // name: of the file, without a '/'. Tries $XDG_RUNTIME_DIR, then the temporary folder, then /var/tmp: the first that exists and from
  // which code may be mapped.
  static Result<PrivateCopy> make(std::string_view name, std::string_view bytes);

  PrivateCopy(PrivateCopy&& other) noexcept : folder_(std::exchange(other.folder_, {})), file_(std::exchange(other.file_, {})) {}
  PrivateCopy& operator=(PrivateCopy&&) = delete;
  ~PrivateCopy();  // unlinks the file and removes the folder
  const std::string& path() const { return file_; }

 private:
  PrivateCopy() = default;
  std::string folder_, file_;
};

}  // namespace cleat::hooks
