#include "plugin_api/isolation/child/snapshot.hpp"

#include "plugin_api/ext/metadata.h"

namespace cleat::isolation {
namespace {

bool read_fields(Reader& reader, Arena& arena, http::Fields& fields) {
  const std::uint32_t count = reader.count(8);
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::string_view name = reader.text();
    const std::string_view value = reader.text();
    const http::Name known = http::name_of(name);
    if (!reader.ok() || !fields.add(arena, {name, value, known, http::is_hop_by_hop(known)})) return false;
  }
  return reader.ok();
}

void read_head(Reader& reader, HookHead& head) {
  head.call = reader.number<std::uint64_t>();
  head.hook = static_cast<HookNumber>(reader.number<std::uint8_t>());
  head.subject = reader.number<std::uint64_t>();
  head.body_max = reader.number<std::uint64_t>();
  head.route = reader.number<std::uint32_t>();
  head.extra = reader.number<std::uint32_t>();
  head.has = reader.number<std::uint32_t>();
  head.now_ms = reader.number<std::uint64_t>();
}

bool read_request(Reader& reader, Arena& arena, http::RequestHead& request) {
  request.method = reader.text();
  request.scheme = reader.text();
  request.authority = reader.text();
  request.target = reader.text();
  return read_fields(reader, arena, request.fields);
}

void read_attempt_end(Reader& reader, cleat_attempt_end& end) {
  end.size = sizeof end;
  end.attempt = reader.number<std::uint32_t>();
  end.how = reader.number<std::uint32_t>();
  end.status = reader.number<std::uint32_t>();
  end.flags = reader.number<std::uint32_t>();
  end.elapsed_us = reader.number<std::uint64_t>();
}

bool read_metadata(Reader& reader, std::vector<MetadataValue>& all) {
  const std::uint32_t count = reader.count(5 + 4);
  all.resize(count);
  for (MetadataValue& value : all) {
    value.key = reader.number<std::uint32_t>();
    value.type = reader.number<std::uint8_t>();
    switch (value.type) {
      case CLEAT_METADATA_TEXT: value.text = reader.text(); break;
      case CLEAT_METADATA_INTEGER: value.integer = reader.number<std::int64_t>(); break;
      case CLEAT_METADATA_NUMBER: value.number = reader.number<double>(); break;
      default: return false;
    }
  }
  return reader.ok();
}

template <class Value>
const Value* find(const std::vector<std::pair<std::uint32_t, Value>>& all, std::uint32_t attribute) {
  for (const auto& [number, value] : all) {
    if (number == attribute) return &value;
  }
  return nullptr;
}

}  // namespace

void Snapshot::clear() {
  head = {};
  request = {};
  status = 0;
  response = request_trailers = response_trailers = {};
  piece = {};
  attempt_end = {};
  texts.clear();
  integers.clear();
  metadata.clear();
}

const std::string_view* Snapshot::text(std::uint32_t attribute) const { return find(texts, attribute); }
const std::int64_t* Snapshot::integer(std::uint32_t attribute) const { return find(integers, attribute); }

bool read_snapshot(std::string_view message, Arena& arena, Snapshot& snapshot) {
  Reader reader(message);
  read_head(reader, snapshot.head);
  if (!reader.ok() || snapshot.head.hook >= HookNumber::kCount) return false;
  constexpr std::uint32_t kKnown = kHasRequest | kHasResponse | kHasRequestTrailers | kHasResponseTrailers | kHasPiece | kHasAttemptEnd;
  if ((snapshot.head.has & ~kKnown) != 0) return false;
  if (snapshot.has(kHasRequest) && !read_request(reader, arena, snapshot.request)) return false;
  if (snapshot.has(kHasResponse)) {
    snapshot.status = reader.number<std::uint32_t>();
    if (!read_fields(reader, arena, snapshot.response)) return false;
  }
  if (snapshot.has(kHasRequestTrailers) && !read_fields(reader, arena, snapshot.request_trailers)) return false;
  if (snapshot.has(kHasResponseTrailers) && !read_fields(reader, arena, snapshot.response_trailers)) return false;
  if (snapshot.has(kHasPiece)) snapshot.piece = reader.text();
  if (snapshot.has(kHasAttemptEnd)) read_attempt_end(reader, snapshot.attempt_end);
  snapshot.texts.resize(reader.count(8));
  for (auto& [attribute, value] : snapshot.texts) {
    attribute = reader.number<std::uint32_t>();
    value = reader.text();
  }
  snapshot.integers.resize(reader.count(12));
  for (auto& [attribute, value] : snapshot.integers) {
    attribute = reader.number<std::uint32_t>();
    value = reader.number<std::int64_t>();
  }
  return read_metadata(reader, snapshot.metadata) && reader.ok() && reader.at_end();
}

void read_headers(Reader& reader, std::vector<cleat_header>& headers) {
  const std::uint32_t count = reader.count(8);
  headers.clear();
  headers.reserve(count);
  for (std::uint32_t i = 0; i < count && reader.ok(); ++i) {
    const std::string_view name = reader.text();
    const std::string_view value = reader.text();
    headers.push_back({{name.data(), name.size()}, {value.data(), value.size()}});
  }
}

bool read_call_event(std::string_view message, CallEvent& made) {
  Reader reader(message);
  made.call = reader.number<std::uint64_t>();
  made.owner = reader.number<std::uint64_t>();
  cleat_call_event& event = made.event;
  event.size = sizeof event;
  event.kind = reader.number<std::uint32_t>();
  event.how = reader.number<std::uint32_t>();
  event.status = reader.number<std::uint32_t>();
  read_headers(reader, made.headers);
  const std::string_view body = reader.text();
  read_headers(reader, made.trailers);
  const std::string_view reason = reader.text();
  if (!reader.ok() || !reader.at_end()) return false;
  event.headers = made.headers.data();
  event.header_count = made.headers.size();
  event.body = {body.data(), body.size()};
  event.trailers = made.trailers.data();
  event.trailer_count = made.trailers.size();
  event.reason = {reason.data(), reason.size()};
  return event.kind >= CLEAT_CALL_DONE && event.kind <= CLEAT_CALL_WRITABLE;
}

}  // namespace cleat::isolation
