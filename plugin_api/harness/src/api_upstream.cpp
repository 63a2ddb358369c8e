// The C interface: the upstream's side.
#include "plugin_api/harness/src/api.hpp"
#include "plugin_api/harness/src/text.hpp"

using namespace cleat;
using namespace cleat::kit;

namespace {

OutgoingRecord* outgoing_of(Host& host, std::uint64_t id) {
  const auto found = host.wires->outgoing.find(id);
  return found == host.wires->outgoing.end() ? nullptr : found->second.get();
}

cleat_status status_of(cleat_harness* h, OriginWire::Taken taken) {
  switch (taken) {
    case OriginWire::Taken::kYes: return CLEAT_OK;
    case OriginWire::Taken::kFull: return failed(h, CLEAT_LIMIT, "the other side takes no more at present");
    case OriginWire::Taken::kPhase:
      return failed(h, CLEAT_WRONG_PHASE, "it is answered already, or whoever made the request has let go of it, or no head was sent yet");
    default: return failed(h, CLEAT_INVALID, "no valid head, or not as long a body as it announced");
  }
}

template <class Call>
cleat_status answering(cleat_harness* h, std::uint64_t outgoing, Call&& call) {
  return guarded(h, [&](Host& host) -> cleat_status {
    OutgoingRecord* const record = outgoing_of(host, outgoing);
    if (record == nullptr) return failed(h, CLEAT_NOT_FOUND, "no such request");
    if (record->wire == nullptr) return status_of(h, OriginWire::Taken::kPhase);
    OriginWire::Taken taken = OriginWire::Taken::kPhase;
    host.on_worker([&] {
      if (record->wire != nullptr) taken = call(*record->wire);
    });
    host.step(0);
    return status_of(h, taken);
  });
}

}  // namespace

// --- the upstream's side ---

uint64_t cleat_harness_outgoing(cleat_harness* h) {
  return numbered(h, [](Host& host) -> std::uint64_t {
    if (host.wires->fresh.empty()) return 0;
    const std::uint64_t id = host.wires->fresh.front();
    host.wires->fresh.pop_front();
    return id;
  });
}

cleat_status cleat_harness_outgoing_get(cleat_harness* h, uint64_t outgoing, cleat_harness_outgoing_request* request) {
  return guarded(h, [&](Host& host) -> cleat_status {
    OutgoingRecord* const record = outgoing_of(host, outgoing);
    if (record == nullptr) return failed(h, CLEAT_NOT_FOUND, "no such request");
    Sent& sent = record->request;
    cleat_harness_outgoing_request made{};
    if (sent.head) made.flags |= CLEAT_HARNESS_HEAD;
    if (sent.end) made.flags |= CLEAT_HARNESS_END;
    if (record->is_call) made.flags |= CLEAT_HARNESS_CALL;
    if (record->wire == nullptr) made.flags |= CLEAT_HARNESS_RELEASED;
    made.exchange = record->exchange;
    made.attempt = record->attempt;
    made.cluster = to_str(record->cluster);
    made.method = to_str(sent.method);
    made.target = to_str(sent.target);
    made.authority = to_str(sent.authority);
    made.headers = sent.headers.shown().data();
    made.header_count = static_cast<std::uint32_t>(sent.headers.size());
    made.body = to_str(sent.body);
    made.trailers = sent.trailers.shown().data();
    made.trailer_count = sent.trailers.size();
    return give(made, request);
  });
}

cleat_status cleat_harness_answer_send(cleat_harness* h, uint64_t outgoing, const cleat_harness_answer* given) {
  cleat_harness_answer answer;
  if (h == nullptr) return CLEAT_INVALID;
  if (!read(given, answer)) return failed(h, CLEAT_INVALID, "cleat_harness_answer: `size`");
  if (!sane(answer.headers, answer.header_count)) return failed(h, CLEAT_INVALID, "cleat_harness_answer: the headers");
  const bool follows = (answer.flags & CLEAT_HARNESS_BODY) != 0;
  if (follows && answer.body.size != 0) return failed(h, CLEAT_INVALID, "with CLEAT_HARNESS_BODY the body comes in pieces");
  if (answer.status < 100 || answer.status > 599 || answer.status == 101) return failed(h, CLEAT_INVALID, "a status from 100 to 599, and not 101");
  const std::string head = response_head(answer, follows);
  return answering(h, outgoing, [&](OriginWire& wire) { return wire.answer(head, to_view(answer.body), follows); });
}

cleat_status cleat_harness_answer_body(cleat_harness* h, uint64_t outgoing, cleat_str data) {
  return answering(h, outgoing, [&](OriginWire& wire) { return wire.answer_body(to_view(data)); });
}

cleat_status cleat_harness_answer_end(cleat_harness* h, uint64_t outgoing, const cleat_header* trailers, uint64_t count) {
  if (h != nullptr && !sane(trailers, count)) return failed(h, CLEAT_INVALID, "the trailers");
  return answering(h, outgoing, [&](OriginWire& wire) { return wire.answer_end(field_lines(trailers, count, true)); });
}

cleat_status cleat_harness_answer_fail(cleat_harness* h, uint64_t outgoing, uint32_t how) {
  const bool known = how >= CLEAT_END_CONNECT_FAILED && how <= CLEAT_END_OVERFLOW && how != CLEAT_END_NO_ENDPOINT;
  if (h != nullptr && !known) return failed(h, CLEAT_INVALID, "one of CLEAT_END_*, but for _RESPONSE and _NO_ENDPOINT");
  return answering(h, outgoing, [&](OriginWire& wire) { return wire.fail(how); });
}
