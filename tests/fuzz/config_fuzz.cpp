// Any bytes as a configuration: the parser, the model, JSON, and the routers of what is accepted. Nothing may be reported
// without a word, and what was accepted must build.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "kernel/base/check.hpp"
#include "kernel/config/model.hpp"
#include "kernel/route/router.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cleat;
  constexpr std::size_t kBytesMax = 64 * 1024;  // the size bound itself is a unit test's
  if (size > kBytesMax) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  config::Diagnostics diagnostics("f.yaml");
  const config::Document document = config::parse_document(text, diagnostics);
  CLEAT_CHECK((document.root == nullptr) == diagnostics.failed());
  if (document.root == nullptr) {
    CLEAT_CHECK(!diagnostics.text().empty());
    return 0;
  }

  // JSON is a document that says the same.
  const std::string json = config::to_json(*document.root);
  config::Diagnostics again("f.json");
  const config::Document copy = config::parse_document(json, again);
  const bool longer = again.text().find("too") != std::string::npos;  // a bound that the shorter text was within
  CLEAT_CHECK(copy.root == nullptr ? longer : config::to_json(*copy.root) == json);

  const config::Model model = config::read_model(document, diagnostics);
  if (diagnostics.failed()) {
    CLEAT_CHECK(!diagnostics.text().empty());
    return 0;
  }
  http::RequestHead head;
  head.method = "GET";
  head.authority = "api.example.com:80";
  head.target = text;
  for (const config::Listener& listener : model.listeners) {
    const route::Router router(listener.routes, diagnostics);
    CLEAT_CHECK(!diagnostics.failed());
    const std::uint32_t found = router.match(head);
    CLEAT_CHECK(found == route::Router::kNone || found < listener.routes.size());
  }
  return 0;
}
