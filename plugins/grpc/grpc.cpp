// grpc: MAY change the time an exchange has, and the form of replies that are made here. Speaks to clients of gRPC as a server of gRPC would: their
// deadline bounds the exchange, and what the proxy refuses comes as a grpc-status. Holds nothing but counters.
#include <array>
#include <string>

#include "plugin_api/cpp/cleat.hpp"
#include "wire.hpp"

namespace grpc {

class Grpc : public cleat::Plugin {
 public:
  explicit Grpc(cleat::Config config)
      : deadlines_(config.get<bool>("deadlines", true)), replies_(config.get<bool>("replies", true)) {
    const auto ended = counters("cleat_grpc_requests_total", "Exchanges of gRPC that have ended, by grpc-status", {"status"});
    for (std::uint32_t code = 0; code < kCodes; ++code) ended_[code] = ended.with({name_of(code)});
    without_ = ended.with({"none"});
    invalid_ = counter("cleat_grpc_invalid_timeouts_total", "Requests whose grpc-timeout could not be read");
  }

  struct Call {};  // an exchange that has one is gRPC

  cleat::Verdict on_request(cleat::Exchange x) {
    const auto type = x.request().get("content-type");
    if (!type || !is_grpc(*type)) return cleat::kUnsubscribe;
    x.state<Call>();
    if (!deadlines_) return cleat::kContinue;
    const auto field = x.request().get("grpc-timeout");
    if (!field) return cleat::kContinue;
    const auto timeout = parse_timeout(*field);
    if (!timeout) {
      invalid_.add();
      return refuse(x, kInternal, "grpc-timeout is not of its form");
    }
    if (timeout->count() == 0) return refuse(x, kDeadlineExceeded, "the deadline has passed");
    if (*timeout < kNoBound) x.shorten(*timeout);
    return cleat::kContinue;
  }

  cleat::Verdict on_reply(cleat::Exchange x) {
    if (!replies_ || !is_call(x)) return cleat::kContinue;
    if (x.response().get("grpc-status")) return cleat::kContinue;  // a plugin that knows what it speaks to
    const std::string_view flag = x.text(CLEAT_ATTR_REPLY_FLAG).value_or({});
    const std::string_view reason = x.text(CLEAT_ATTR_REPLY_REASON).value_or({});
    const std::uint32_t status = x.status();
    std::string why(flag);
    if (!reason.empty()) why.append(why.empty() ? "" : ": ").append(reason);
    if (why.empty()) why = "HTTP status " + std::to_string(status);
    return refuse(x, status >= 500 && deadline_passed(x) ? kDeadlineExceeded : code_of_reply(status, flag), why);
  }

  void on_end(cleat::Exchange x) {
    if (!is_call(x)) return;
    auto field = x.response_trailers().get("grpc-status");
    if (!field) field = x.response().get("grpc-status");
    const auto code = field ? parse_status(*field) : std::nullopt;
    if (code) {
      ended_[*code].add();
    } else {
      without_.add();
    }
  }

 private:
  // A longer wait than the host takes is none.
  static constexpr std::chrono::milliseconds kNoBound{std::int64_t{1} << 31};
  static constexpr std::size_t kReasonBytesMax = 200;  // the host takes 256

  static bool is_call(cleat::Exchange x) { return x.find_state<Call>() != nullptr; }

  // An endpoint that has the same deadline may give up first, by a reset. Timeouts are rounded up to milliseconds.
  bool deadline_passed(cleat::Exchange x) const {
    const auto field = x.request().get("grpc-timeout");
    const auto timeout = deadlines_ && field ? parse_timeout(*field) : std::nullopt;
    const auto elapsed = x.integer(CLEAT_ATTR_DURATION_US);
    return timeout && elapsed && std::chrono::microseconds(*elapsed) > *timeout - std::chrono::milliseconds(1);
  }

  // A response of trailers alone, as PROTOCOL-HTTP2 has it: the status stands in the head, and there is no body.
  static cleat::Verdict refuse(cleat::Exchange x, Code code, std::string_view why) {
    const std::string status = std::to_string(static_cast<std::uint32_t>(code)), message = encode_message(why);
    const std::array fields = {cleat::header("content-type", "application/grpc"), cleat::header("grpc-status", status),
                               cleat::header("grpc-message", message)};
    return x.reply({.status = 200, .headers = fields, .reason = why.substr(0, kReasonBytesMax)});
  }

  const bool deadlines_, replies_;
  std::array<cleat::Counter, kCodes> ended_;
  cleat::Counter without_, invalid_;
};

}  // namespace grpc

CLEAT_PLUGIN(grpc::Grpc,
             "name=grpc\nversion=0.1.0\nrequires=cleat.config/1 cleat.attributes/1\noptional=cleat.metrics/1\nlicense=Apache-2.0\n"
             "about=deadlines and statuses of gRPC\n");
