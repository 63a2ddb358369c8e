// A secret of the configuration: certificates and their key, as PEM or as paths to it. What can be told without a connection is told
// here; a message never holds what a secret says.
#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <filesystem>

#include "kernel/config/reading.hpp"
#include "kernel/tls/pem.hpp"

namespace cleat::config {
namespace {

constexpr std::size_t kPemBytesMax = 1024 * 1024;

// What the file holds that the node names. A resource of a source has no folder that paths could be relative to.
bool read_beside(const Node& node, const std::string& text, Reading& reading, Secret& secret, std::string& content_of_it) {
  if (reading.staged_name != nullptr && !text.starts_with('/')) {
    reading.diagnostics.error(node, "must be PEM, or an absolute path");
    return false;
  }
  const std::string path = beside(reading.diagnostics.file(), text);
  std::error_code failure;
  if (!std::filesystem::is_regular_file(path, failure) || std::filesystem::file_size(path, failure) > kPemBytesMax) {
    reading.diagnostics.error(node, path + " is not a file of at most 1 MiB; PEM itself begins with -----BEGIN");
    return false;
  }
  secret.files.push_back({path, mark_of(path)});
  Result<std::string> content = read_file(path);
  if (!content.ok()) {
    reading.diagnostics.error(node, content.error());
    return false;
  }
  content_of_it = std::move(*content);
  return true;
}

// The text of a key: what the node holds, or the file it names.
bool read_pem(const Node& map, std::string_view key, Reading& reading, Secret& secret, std::string& pem) {
  std::string text;
  if (!optional(map, key, reading, text)) return false;
  const Node& node = *map.get(key);
  if (text.find("-----BEGIN ") != std::string::npos) {
    pem = std::move(text);
    return true;
  }
  return read_beside(node, text, reading, secret, pem);
}

// The first certificate, once all of them could be read; nullptr with an error at the node.
tls::CertificatePtr read_certificates(const Node& node, const std::string& pem, Reading& reading) {
  const tls::BioPtr in = tls::reader(pem);
  tls::CertificatePtr first;
  std::size_t count = 0;
  for (;;) {
    tls::CertificatePtr one = tls::next_certificate(in.get());
    if (one == nullptr) break;
    if (++count == 1) first = std::move(one);
  }
  const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  ERR_clear_error();
  if (at_end && count != 0) return first;
  reading.diagnostics.error(node, count == 0 ? "holds no certificate that can be read" : "certificate " + std::to_string(count + 1) + " cannot be read");
  return nullptr;
}

void check_key(const Node& node, const std::string& pem, X509* certificate, Reading& reading) {
  const tls::KeyPtr key = tls::private_key(pem);
  if (key == nullptr) {
    reading.diagnostics.error(node, "holds no private key that can be read (encrypted ones cannot)");
  } else if (certificate != nullptr && X509_check_private_key(certificate, key.get()) != 1) {
    reading.diagnostics.error(node, "is not the key of the certificate");
  }
  ERR_clear_error();
}

void read_ocsp(const Node& map, Reading& reading, Secret& secret) {
  std::string path;
  if (!optional(map, "ocsp", reading, path) || !read_beside(*map.get("ocsp"), path, reading, secret, secret.ocsp)) return;
  const auto* data = reinterpret_cast<const unsigned char*>(secret.ocsp.data());
  const std::unique_ptr<OCSP_RESPONSE, decltype(&OCSP_RESPONSE_free)> response(d2i_OCSP_RESPONSE(nullptr, &data, static_cast<long>(secret.ocsp.size())),
                                                                               OCSP_RESPONSE_free);
  if (response == nullptr || OCSP_response_status(response.get()) != OCSP_RESPONSE_STATUS_SUCCESSFUL) {
    reading.diagnostics.error(*map.get("ocsp"), "is not a successful OCSP response in DER");
  }
  ERR_clear_error();
}

}  // namespace

void read_secret_parts(const Node& map, std::string_view ca, Reading& reading, Secret& secret) {
  const bool has_certificate = read_pem(map, "certificate", reading, secret, secret.certificate);
  const bool has_key = read_pem(map, "key", reading, secret, secret.key);
  const bool has_ca = read_pem(map, ca, reading, secret, secret.ca);
  const Node* certificate = child(map, "certificate");
  const Node* key = child(map, "key");
  if ((certificate == nullptr) != (key == nullptr)) reading.diagnostics.error(map, "certificate and key belong together");
  tls::CertificatePtr first;
  if (has_certificate) first = read_certificates(*certificate, secret.certificate, reading);
  if (has_key) check_key(*key, secret.key, first.get(), reading);
  if (has_ca) read_certificates(*child(map, ca), secret.ca, reading);
  read_ocsp(map, reading, secret);
}

Secret read_secret(const Node& node, Reading& reading) {
  Secret secret;
  secret.node = &node;
  if (!expect_map(node, reading)) return secret;
  read_own_name(node, reading, secret.name);
  read_secret_parts(node, "ca", reading, secret);
  if (child(node, "certificate") == nullptr && child(node, "key") == nullptr && child(node, "ca") == nullptr) {
    reading.diagnostics.error(node, "needs certificate and key, or ca");
  }
  return secret;
}

}  // namespace cleat::config
