// A certificate of server.example.com, its key, and another key: made for these tests.
#pragma once

#include <string>
#include <string_view>

namespace cleat::test {

inline constexpr const char* kCertificate =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBkTCCATegAwIBAgIUXeu+EedJu6601pcgL8xrFxY09v0wCgYIKoZIzj0EAwIw\n"
    "HTEbMBkGA1UEAwwSc2VydmVyLmV4YW1wbGUuY29tMCAXDTI2MTEyNDA1NDE0MVoY\n"
    "DzIxMjYxMDMxMDU0MTQxWjAdMRswGQYDVQQDDBJzZXJ2ZXIuZXhhbXBsZS5jb20w\n"
    "WTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAARYU7KDT9J9Gz4qHLt3axdGVXzIL14z\n"
    "sordUSFHx3oWSfdABjwv4laP+uho3RsQ9OmlVNEGmSRZpAv9rSO8cC/Eo1MwUTAd\n"
    "BgNVHQ4EFgQUMsSalDNvw7xfKqPVM8SVK8Kb3iYwHwYDVR0jBBgwFoAUMsSalDNv\n"
    "w7xfKqPVM8SVK8Kb3iYwDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNIADBF\n"
    "AiA4YSWujamB1TcdPAlmNSuwF1lTnrsx/h56HEKnHQR7dgIhAJQItEX3Us+/uLiT\n"
    "h7REq6a4qg74UKH8c7f54ODl8EU1\n"
    "-----END CERTIFICATE-----\n";
inline constexpr const char* kKey =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgeB4lcwsN5UcX/+Or\n"
    "uTGAXrCRXc7zZ0fpXh0csknK206hRANCAARYU7KDT9J9Gz4qHLt3axdGVXzIL14z\n"
    "sordUSFHx3oWSfdABjwv4laP+uho3RsQ9OmlVNEGmSRZpAv9rSO8cC/E\n"
    "-----END PRIVATE KEY-----\n";
inline constexpr const char* kOtherKey =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgkiQClsbqydIzSanx\n"
    "Qbh8qIw5CvZWN6tGpuiaJPs2thmhRANCAAQh+eKdgVehUt52i4S1zK1fWfiOPBde\n"
    "iM+jyeAFFTzb7GPyEgiOfs/cCgUBzgBdbaRD8cQjjRZn0Be4+d00PpDK\n"
    "-----END PRIVATE KEY-----\n";

// As the lines of a YAML block scalar.
inline std::string indented(std::string_view text) {
  std::string lines;
  while (!text.empty()) {
    const std::size_t end = text.find('\n') + 1;
    lines += "  " + std::string(text.substr(0, end));
    text.remove_prefix(end);
  }
  return lines;
}

}  // namespace cleat::test
