// Honest: subscribes to a body and changes it, as configured:
//   part    request (default) | response
//   mode    stream (default) | whole
//   bytes_max  for whole; 0 = the listener's bound
//   change  none | upper | append | prepend | replace | drain | empty | reply | reply_if_bad | fail | hold | later | peek
//   text    what append, prepend, replace and reply use; default "[text]"
// upper changes each piece in place by replace; drain takes the first byte off each piece; reply (request, whole) answers 200 with text;
// reply_if_bad answers 422 if the body holds "bad"; hold suspends each piece for 5 ms. later suspends each
// piece and the trailers for 50 ms, and then changes the piece to upper case with text behind it; in the trailers it says as x-later what
// that answers there. peek, of another instance, tries the same 20 ms after on_request, and says as x-peek what that answers. The instance adds to the response
// x-<name>: pieces=<n> bytes=<n> end=<0|1>, of what its body hook saw before the response head was sent.
#include <algorithm>
#include <string>

#include "plugin_api/cpp/cleat.hpp"

namespace {

enum class Change { kNone, kUpper, kAppend, kPrepend, kReplace, kDrain, kEmpty, kReply, kReplyIfBad, kFail, kHold, kLater, kPeek };

class Bodies : public cleat::Plugin {
 public:
  struct Seen {
    std::uint64_t pieces = 0, bytes = 0, ends = 0;
    cleat::Ticket ticket;
  };

  explicit Bodies(cleat::Config config)
      : response_(config.choice<bool>("part", {{"request", false}, {"response", true}}, false)),
        whole_(config.choice<bool>("mode", {{"stream", false}, {"whole", true}}, false)),
        bytes_max_(config.get<cleat::Bytes>("bytes_max").value),
        change_(config.choice<Change>("change",
                                      {{"none", Change::kNone},
                                       {"upper", Change::kUpper},
                                       {"append", Change::kAppend},
                                       {"prepend", Change::kPrepend},
                                       {"replace", Change::kReplace},
                                       {"drain", Change::kDrain},
                                       {"empty", Change::kEmpty},
                                       {"reply", Change::kReply},
                                       {"reply_if_bad", Change::kReplyIfBad},
                                       {"fail", Change::kFail},
                                       {"hold", Change::kHold},
                                       {"later", Change::kLater},
                                       {"peek", Change::kPeek}},
                                      Change::kNone)),
        text_(config.get<std::string>("text", "[text]")) {}

  cleat::Verdict on_request(cleat::Exchange x) {
    if (change_ == Change::kPeek) return arm<&Bodies::peek>(x, std::chrono::milliseconds(20)) ? cleat::kContinue : cleat::fail(cleat::error_text());
    return response_ ? cleat::kContinue : subscribe(x.request_body());
  }

  cleat::Verdict on_response(cleat::Exchange x) {
    if (const Seen* seen = x.find_state<Seen>()) {
      x.response().set("x-" + std::string(name()), "pieces=" + std::to_string(seen->pieces) + " bytes=" + std::to_string(seen->bytes) +
                                                       " end=" + std::to_string(seen->ends));
    }
    return response_ ? subscribe(x.response_body()) : cleat::kContinue;
  }

  cleat::Verdict on_request_body(cleat::Exchange x, cleat::Body body) { return change(x, body); }
  cleat::Verdict on_response_body(cleat::Exchange x, cleat::Body body) { return change(x, body); }

  cleat::Verdict on_request_trailers(cleat::Exchange x) {
    return change_ == Change::kLater ? hold<&Bodies::try_trailers>(x, std::chrono::milliseconds(50)) : cleat::kContinue;
  }

  void peek(cleat::Exchange x) {
    const cleat::Status status = x.request_body().append("taken");
    x.request().set("x-peek", std::to_string(status.code()) + " " + std::to_string(x.request_body().view().size()));
  }

  void change_later(cleat::Exchange x) {
    const cleat::Body body = response_ ? x.response_body() : x.request_body();
    std::string upper(body.view());
    std::transform(upper.begin(), upper.end(), upper.begin(), [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
    const bool changed = body.replace(upper) && body.append(text_) && body.prepend("-") && body.drain(1);
    if (const Seen* seen = x.find_state<Seen>()) seen->ticket.resume(changed ? cleat::kContinue : cleat::kFail);
  }

  void try_trailers(cleat::Exchange x) {
    const cleat::Status status = x.request_body().append("too late");
    x.request_trailers().set("x-later", std::to_string(status.code()));
    if (const Seen* seen = x.find_state<Seen>()) seen->ticket.resume();
  }

  void release(cleat::Exchange x) {
    if (const Seen* seen = x.find_state<Seen>()) seen->ticket.resume();
  }

 private:
  cleat::Verdict subscribe(cleat::Body body) const {
    return (whole_ ? body.whole(bytes_max_) : body.stream()) ? cleat::kContinue : cleat::fail(cleat::error_text());
  }

  template <auto then>
  cleat::Verdict hold(cleat::Exchange x, std::chrono::milliseconds time) const {
    Seen* const seen = x.state<Seen>();
    const auto ticket = x.suspend();
    if (seen == nullptr || !ticket || !arm<then>(x, time)) return cleat::fail(cleat::error_text());
    seen->ticket = *ticket;
    return cleat::kSuspend;
  }

  cleat::Verdict change(cleat::Exchange x, cleat::Body body) const {
    Seen* seen = x.state<Seen>();
    if (seen == nullptr) return cleat::kFail;
    const std::string_view piece = body.view();
    ++seen->pieces;
    seen->bytes += piece.size();
    seen->ends += body.last() ? 1 : 0;
    cleat::Status status;
    switch (change_) {
      case Change::kNone: break;
      case Change::kUpper: {
        std::string upper(piece);
        std::transform(upper.begin(), upper.end(), upper.begin(), [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
        status = body.replace(upper);
        break;
      }
      case Change::kAppend:  // once, behind all of it
        if (body.last()) status = body.append(text_);
        break;
      case Change::kPrepend:  // once, before all of it
        if (seen->pieces == 1) status = body.prepend(text_);
        break;
      case Change::kReplace:  // all of it by one text
        status = body.replace(body.last() ? std::string_view(text_) : std::string_view());
        break;
      case Change::kDrain:
        if (!piece.empty()) status = body.drain(1);
        if (status && body.drain(std::uint64_t{1} << 40).code() != CLEAT_INVALID) return cleat::fail("drained more than there was");
        break;
      case Change::kEmpty: status = body.drain(piece.size()); break;
      case Change::kReply: return x.reply({.body = text_, .reason = "bodies"});
      case Change::kReplyIfBad:
        if (piece.find("bad") != std::string_view::npos) return x.reply({.status = 422, .body = "bad body\n", .reason = "bad_body"});
        break;
      case Change::kFail: return cleat::fail("as configured");
      case Change::kHold: return hold<&Bodies::release>(x, std::chrono::milliseconds(5));
      case Change::kLater: return hold<&Bodies::change_later>(x, std::chrono::milliseconds(50));
      case Change::kPeek: break;
    }
    return status ? cleat::kContinue : cleat::fail(cleat::error_text());
  }

  const bool response_;
  const bool whole_;
  const std::uint64_t bytes_max_;
  const Change change_;
  const std::string text_;
};

}  // namespace

CLEAT_PLUGIN(Bodies, "name=bodies\nversion=1.0.0\nrequires=cleat.config/1 cleat.body/1 cleat.timer/1\nabout=changes bodies, for tests\n");
