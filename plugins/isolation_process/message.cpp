#include "message.hpp"

namespace isolation_process {
namespace {

using cleat::isolation::Reader;

constexpr std::size_t kTextLeast = 4;          // bytes of an empty text
constexpr std::size_t kLabelsMax = 8;          // cleat.metrics/1's
constexpr std::size_t kStepLeast = 1;

cleat_str to_str(std::string_view text) { return {text.data(), text.size()}; }

}  // namespace

FieldRange Message::read_fields(Reader& in) {
  FieldRange range{fields.size(), in.count(2 * kTextLeast)};
  for (std::size_t i = 0; i < range.count; ++i) {
    const std::string_view name = in.text();
    const std::string_view value = in.text();
    fields.push_back({to_str(name), to_str(value)});
  }
  return range;
}

bool Message::read_step(Reader& in, Step& step) {
  step.what = in.number<Operation>();
  switch (step.what) {
    case Operation::kHeaderSet:
    case Operation::kHeaderAdd:
      step.number = in.number<std::uint32_t>();
      step.text = in.text();
      step.value = in.text();
      break;
    case Operation::kHeaderRemove:
    case Operation::kFieldSet:
    case Operation::kMetadataText:
    case Operation::kBodyReplace:
      step.number = in.number<std::uint32_t>();
      step.text = in.text();
      break;
    case Operation::kStatusSet: step.number = in.number<std::uint32_t>(); break;
    case Operation::kReply:
      step.number = in.number<std::uint32_t>();
      step.fields = read_fields(in);
      step.value = in.text();
      step.reason = in.text();
      break;
    case Operation::kReset:
    case Operation::kReroute: break;
    case Operation::kClusterSet: step.text = in.text(); break;
    case Operation::kAttemptTimeout:
    case Operation::kExchangeTimeout:
    case Operation::kKeepForReplay: step.amount = in.number<std::uint64_t>(); break;
    case Operation::kRetry:
      step.number = in.number<std::uint32_t>();
      step.amount = in.number<std::uint64_t>();
      break;
    case Operation::kMetadataInteger:
      step.number = in.number<std::uint32_t>();
      step.integer = in.number<std::int64_t>();
      break;
    case Operation::kMetadataNumber:
      step.number = in.number<std::uint32_t>();
      step.real = in.number<double>();
      break;
    case Operation::kBodySubscribe:
      step.number = in.number<std::uint32_t>();
      step.mode = in.number<std::uint32_t>();
      step.amount = in.number<std::uint64_t>();
      break;
    default: return false;
  }
  return in.ok();
}

bool Message::read_steps(Reader& in) {
  const std::uint32_t count = in.count(kStepLeast);
  for (std::uint32_t i = 0; i < count; ++i) {
    if (!read_step(in, steps.emplace_back())) return false;
  }
  return in.ok();
}

bool Message::read_arguments(Function function, Reader& in) {
  Question& q = question;
  q = {};
  q.function = function;
  switch (q.function) {
    case Function::kKvGet:
      q.space_or_call = in.number<std::uint64_t>();
      q.key = in.text();
      q.capacity = in.number<std::uint64_t>();
      break;
    case Function::kKvSet:
    case Function::kKvSetIf:
      q.space_or_call = in.number<std::uint64_t>();
      q.key = in.text();
      q.value = in.text();
      q.amount = in.number<std::uint64_t>();
      if (q.function == Function::kKvSetIf) q.expected = in.number<std::uint64_t>();
      break;
    case Function::kKvRemove:
      q.space_or_call = in.number<std::uint64_t>();
      q.key = in.text();
      q.expected = in.number<std::uint64_t>();
      break;
    case Function::kKvAdd:
      q.space_or_call = in.number<std::uint64_t>();
      q.key = in.text();
      q.integer = in.number<std::int64_t>();
      q.amount = in.number<std::uint64_t>();
      break;
    case Function::kKvNext:
      q.space_or_call = in.number<std::uint64_t>();
      q.key = in.text();
      q.value = in.text();
      q.capacity = in.number<std::uint64_t>();
      break;
    case Function::kCallStart:
      q.owner = in.number<std::uint64_t>();
      q.flags = in.number<std::uint32_t>();
      q.cluster = in.text();
      q.method = in.text();
      q.target = in.text();
      q.authority = in.text();
      q.fields = read_fields(in);
      q.value = in.text();
      q.timeout_ms = in.number<std::uint64_t>();
      q.body_max = in.number<std::uint64_t>();
      break;
    case Function::kCallWrite:
      q.space_or_call = in.number<std::uint64_t>();
      q.value = in.text();
      break;
    case Function::kCallFinish:
      q.space_or_call = in.number<std::uint64_t>();
      q.fields = read_fields(in);
      break;
    case Function::kCallPause:
      q.space_or_call = in.number<std::uint64_t>();
      q.flags = in.number<std::uint32_t>();
      break;
    case Function::kCallCancel: q.space_or_call = in.number<std::uint64_t>(); break;
    case Function::kEventPublish:
      q.key = in.text();
      q.value = in.text();
      break;
    case Function::kHandlerStart:
      q.owner = in.number<std::uint64_t>();
      q.flags = in.number<std::uint32_t>();
      q.fields = read_fields(in);
      break;
    case Function::kHandlerWrite:
      q.owner = in.number<std::uint64_t>();
      q.value = in.text();
      break;
    case Function::kHandlerFinish:
      q.owner = in.number<std::uint64_t>();
      q.fields = read_fields(in);
      break;
    case Function::kMetricsVisit: q.amount = in.number<std::uint64_t>(); break;
    case Function::kHandlerAbort: q.owner = in.number<std::uint64_t>(); break;
    default: return false;
  }
  return in.ok();
}

bool Message::read(std::string_view bytes) {
  steps.clear();
  samples.clear();
  labels.clear();
  fields.clear();
  Reader in(bytes);
  what = in.number<FromProcess>();
  switch (what) {
    case FromProcess::kDone:
      call_or_subject = in.number<std::uint64_t>();
      verdict = in.number<std::uint32_t>();
      words = in.text();
      if (!in.ok() || !read_steps(in)) return false;
      break;
    case FromProcess::kOperations:
      call_or_subject = in.number<std::uint64_t>();
      if (!in.ok() || !read_steps(in)) return false;
      break;
    case FromProcess::kAsk: {
      const auto number = in.number<std::uint32_t>();
      if (!read_arguments(in.number<Function>(), in)) return false;
      question.number = number;
      break;
    }
    case FromProcess::kMetrics: {
      const std::uint32_t count = in.count(17);
      for (std::uint32_t i = 0; i < count; ++i) {
        Sample& sample = samples.emplace_back();
        sample.series = in.number<std::uint64_t>();
        const auto kind = in.number<std::uint8_t>();
        if (kind > 1) return false;
        sample.observe = kind == 1;
        sample.value = in.number<std::int64_t>();
      }
      break;
    }
    case FromProcess::kSeries: {
      series = in.number<std::uint64_t>();
      metric = in.number<std::uint64_t>();
      const std::uint32_t count = in.count(kTextLeast);
      if (count > kLabelsMax) return false;
      for (std::uint32_t i = 0; i < count; ++i) labels.push_back(to_str(in.text()));
      break;
    }
    case FromProcess::kWorkerStopped: break;
    default: return false;
  }
  return in.ok() && in.at_end();
}

}  // namespace isolation_process
