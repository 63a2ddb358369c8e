// A folder of resources as it is at one moment: KIND.NAME.yaml (.yml, .json) and endpoints.CLUSTER.txt. Files of other endings, and those
// whose names begin with a dot, are nobody's business: editors and Kubernetes put theirs there.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

namespace file_source {

inline constexpr std::size_t kFilesMax = 10'000;
inline constexpr std::size_t kFileBytesMax = 4 * 1024 * 1024;  // the host takes no more

enum class Kind : std::uint8_t { kListener, kRouteTable, kCluster, kSecret, kEndpoints };

struct ResourceKey {
  Kind kind = Kind::kListener;
  std::string name;
  auto operator<=>(const ResourceKey&) const = default;
};

// What a file's name says. kOther: not for us; kWrong: it looks like a resource and is none, `error` says why.
enum class Named : std::uint8_t { kResource, kOther, kWrong };
Named read_name(std::string_view file, ResourceKey& key, std::string& error);

// Texts are shared by the snapshots in which a file is the same: two with equal pointers are the same without being read.
struct Snapshot {
  std::map<ResourceKey, std::shared_ptr<const std::string>> texts;
  bool operator==(const Snapshot&) const = default;
};

// Follows one folder. One thread.
class Folder {
 public:
  explicit Folder(std::string path) : path_(std::move(path)) {}

  // Everything as it is now; only what has changed is read. false and `error` (a line for each reason) where something cannot be read or is
  // misnamed: then there is no snapshot to speak of.
  bool look(Snapshot& snapshot, std::string& error);
  const std::string& path() const { return path_; }

 private:
  struct Stamp {
    std::uint64_t device = 0, inode = 0, size = 0;
    std::int64_t modified_ns = 0, changed_ns = 0;
    bool operator==(const Stamp&) const = default;
  };
  struct Known {
    Stamp stamp;
    std::shared_ptr<const std::string> text;
  };
  bool read(const std::string& file, Known& known, std::string& error) const;

  std::string path_;
  std::map<std::string, Known> known_;  // by file name
};

}  // namespace file_source
