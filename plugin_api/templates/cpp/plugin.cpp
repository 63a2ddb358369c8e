// @NAME@: MAY reply, MAY change. Greets who asks for one path, and marks what passes by.
#include <string>

#include "plugin_api/cpp/cleat.hpp"

// One configured use of the plugin. All workers use it at the same time; nothing in it changes after the constructor.
class @CLASS@ : public cleat::Plugin {
 public:
  explicit @CLASS@(cleat::Config config)
      : path_(config.get<std::string>("path", "/hello")),
        greeting_(config.get<std::string>("greeting", "hello") + "\n"),
        greetings_(counter("cleat_@NAME@_greetings_total", "Requests answered here")) {}

  cleat::Verdict on_request(cleat::Exchange x) {
    if (x.path() != path_) return cleat::kContinue;
    greetings_.add();
    return x.reply({.status = 200, .body = greeting_, .reason = "greeted"});
  }

  cleat::Verdict on_response(cleat::Exchange x) { return x.response().set("x-seen-by", "@NAME@") ? cleat::kContinue : cleat::kFail; }

 private:
  std::string path_, greeting_;
  cleat::Counter greetings_;
};

CLEAT_PLUGIN(@CLASS@, "name=@NAME@\nversion=0.1.0\nrequires=cleat.config/1 cleat.metrics/1\nabout=greets\n");
