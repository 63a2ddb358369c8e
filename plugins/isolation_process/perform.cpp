#include "perform.hpp"

namespace isolation_process {
namespace {

bool relies(Operation what) {
  return what == Operation::kReply || what == Operation::kRetry || what == Operation::kClusterSet || what == Operation::kBodyReplace ||
         what == Operation::kBodySubscribe;
}

cleat_status take(cleat_exchange x, const Step& step, const Message& message) {
  const cleat_host& core = *host.core;
  switch (step.what) {
    case Operation::kHeaderSet: return core.header_set(x, step.number, str(step.text), str(step.value));
    case Operation::kHeaderAdd: return core.header_add(x, step.number, str(step.text), str(step.value));
    case Operation::kHeaderRemove: return core.header_remove(x, step.number, str(step.text));
    case Operation::kFieldSet: return core.field_set(x, step.number, str(step.text));
    case Operation::kStatusSet: return core.status_set(x, step.number);
    case Operation::kReply: {
      const cleat_reply reply = {.size = sizeof(cleat_reply),
                                 .status = step.number,
                                 .headers = message.fields.data() + step.fields.first,
                                 .header_count = step.fields.count,
                                 .body = str(step.value),
                                 .reason = str(step.reason)};
      return core.reply(x, &reply);
    }
    case Operation::kReset: return core.reset(x);
    case Operation::kReroute: return core.reroute(x);
    case Operation::kClusterSet: return core.cluster_set(x, str(step.text));
    case Operation::kAttemptTimeout: return core.attempt_timeout(x, step.amount);
    case Operation::kExchangeTimeout: return core.exchange_timeout(x, step.amount);
    case Operation::kRetry: {
      const cleat_retry retry = {.size = sizeof(cleat_retry), .flags = step.number, .delay_ms = step.amount};
      return core.retry(x, &retry);
    }
    case Operation::kMetadataText: return host.metadata->set_text(x, step.number, str(step.text));
    case Operation::kMetadataInteger: return host.metadata->set_integer(x, step.number, step.integer);
    case Operation::kMetadataNumber: return host.metadata->set_number(x, step.number, step.real);
    case Operation::kBodySubscribe: return host.body->subscribe(x, step.number, step.mode, step.amount);
    case Operation::kBodyReplace: return host.body->replace(x, step.number, str(step.text));
    case Operation::kKeepForReplay: return host.body->keep_for_replay(x, step.amount);
  }
  return CLEAT_INVALID;
}

}  // namespace

bool relies_on_success(const std::vector<Step>& steps) {
  for (const Step& step : steps) {
    if (relies(step.what)) return true;
  }
  return false;
}

bool perform(cleat_instance self, cleat_exchange x, const Message& message, std::string& words) {
  bool done = true;
  for (const Step& step : message.steps) {
    const cleat_status status = take(x, step, message);
    // That there was no such field to remove is what the plugin wanted.
    if (status == CLEAT_OK || (status == CLEAT_NOT_FOUND && step.what == Operation::kHeaderRemove)) continue;
    const std::string why = host_error();
    if (relies(step.what)) {
      if (done) words = why;
      done = false;
    } else {
      host.core->log(self, CLEAT_DEBUG, str("in the kernel, later: " + why));
    }
  }
  return done;
}

}  // namespace isolation_process
