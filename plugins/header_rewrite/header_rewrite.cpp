// header_rewrite: MAY change the heads of requests and responses. Everything is compiled when the configuration is
// loaded; the hooks run a list of rules over the head and allocate nothing.
#include "plugin_api/cpp/cleat.hpp"
#include "rules.hpp"

namespace header_rewrite {

class HeaderRewrite : public cleat::Plugin {
 public:
  explicit HeaderRewrite(cleat::Config config)
      : before_route_(config.get<bool>("before_route", false)),
        request_(config["request"], before_route_ ? Stage::kBeforeRoute : Stage::kRequest),
        response_(config["response"], Stage::kResponse),
        failures_(counter("cleat_header_rewrite_failures_total", "Values that could not be made or were not a legal header value")) {}

  struct Route {
    Route(cleat::Config config, const HeaderRewrite& plugin)
        : replace(config.choice<bool>("mode", {{"add", false}, {"replace", true}}, false)),
          request(config["request"], Stage::kRequest),
          response(config["response"], Stage::kResponse) {
      if (replace && plugin.before_route_) config.error("mode: replace is not possible with before_route: the request was changed already");
    }
    bool replace;  // instead of the instance's rules, not after them
    Rules request, response;
  };

  void on_request(cleat::Exchange x) {
    if (before_route_) apply(request_, x, x.request());
  }

  void on_route(cleat::Exchange x) {
    const Route* route = x.route<Route>();
    if (!before_route_ && (route == nullptr || !route->replace)) apply(request_, x, x.request());
    if (route != nullptr) apply(route->request, x, x.request());
  }

  void on_response(cleat::Exchange x) {
    const Route* route = x.route<Route>();
    if (route == nullptr || !route->replace) apply(response_, x, x.response());
    if (route != nullptr) apply(route->response, x, x.response());
  }

 private:
  void apply(const Rules& rules, cleat::Exchange x, const cleat::Fields& fields) const {
    if (rules.empty()) return;
    if (const unsigned failures = rules.apply(x, fields); failures != 0) [[unlikely]] failures_.add(failures);
  }

  bool before_route_;
  Rules request_, response_;
  cleat::Counter failures_;
};

}  // namespace header_rewrite

CLEAT_PLUGIN(header_rewrite::HeaderRewrite,
             "name=header_rewrite\nversion=0.1.0\nrequires=cleat.config/1\n"
             "optional=cleat.attributes/1 cleat.metadata/1 cleat.metrics/1\nlicense=Apache-2.0\n"
             "about=sets, adds and removes headers of requests and responses\n");
