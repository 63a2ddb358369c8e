#include "plugin_api/harness/src/tool/traffic.hpp"

#include <algorithm>

#include "kernel/exchange.hpp"
#include "plugin_api/types.h"

namespace cleat::kit {

std::uint64_t next_random(std::uint64_t& seed) {  // splitmix64 (Steele, Lea, Flood)
  seed += 0x9e3779b97f4a7c15;
  std::uint64_t z = seed;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

namespace {

constexpr int kTurnsMax = 400;
constexpr std::uint64_t kTurnMs = 1'000;                       // of the host's clock, where nothing else brings it on
constexpr std::chrono::milliseconds kThreadWait{2};            // for a thread of the plugin's own

std::string lines(const Texts& fields) {
  std::string all;
  for (const auto& [name, value] : fields) all.append(name).append(": ").append(value).append("\r\n");
  return all;
}

std::string section(const Texts& trailers) { return trailers.empty() ? "" : lines(trailers) + "\r\n"; }

std::string request_head(const Scenario& s) {
  std::string head = s.method + " " + s.target + " HTTP/1.1\r\n";
  if (s.has_host) head += "Host: " + s.authority + "\r\n";
  head += lines(s.headers);
  if (s.piece != 0) {
    head += "Transfer-Encoding: chunked\r\n";
  } else if (!s.body.empty()) {
    head += "Content-Length: " + std::to_string(s.body.size()) + "\r\n";
  }
  return head + "\r\n";
}

std::string response_head(const Scenario& s, std::uint32_t status) {
  std::string head = "HTTP/1.1 " + std::to_string(status) + " \r\n" + (status < 200 ? "" : lines(s.response_headers));
  if (status >= 200 && status != 204 && status != 304) {
    head += s.response_piece != 0 ? "Transfer-Encoding: chunked\r\n" : "Content-Length: " + std::to_string(s.response_body.size()) + "\r\n";
  }
  return head + "\r\n";
}

void answer(OriginWire& wire, const Scenario& s) {
  if (s.fails != 0) {
    wire.fail(s.fails);
    return;
  }
  const bool pieces = s.response_piece != 0;
  wire.answer(response_head(s, s.status), pieces ? "" : s.response_body, pieces);
}

// Requests that nobody has answered yet.
bool answer_some(Host& host, const Scenario& s) {
  bool any = false;
  while (!host.wires->fresh.empty()) {
    OutgoingRecord& record = *host.wires->outgoing.at(host.wires->fresh.front());
    host.wires->fresh.pop_front();
    any = true;
    for (std::uint32_t i = 0; i < s.informational && !record.is_call; ++i) {
      host.on_worker([&] {
        if (record.wire != nullptr) record.wire->answer("HTTP/1.1 103 \r\nLink: </a>\r\n\r\n", "", false);
      });
    }
    host.on_worker([&] {
      if (record.wire == nullptr) return;
      if (!record.is_call) return answer(*record.wire, s);
      if (s.call_status == 0) {
        record.wire->fail(CLEAT_END_CONNECT_FAILED);
      } else {
        record.wire->answer("HTTP/1.1 " + std::to_string(s.call_status) + " \r\nContent-Length: 2\r\n\r\n", "{}", false);
      }
    });
  }
  return any;
}

bool send_some(Host& host, ExchangeRecord& record, const Scenario& s, std::size_t& sent) {
  if (s.piece == 0) return false;
  bool any = false;
  host.on_worker([&] {
    ConnectionRecord* const of = host.connection(record.connection);
    while (of != nullptr && of->wire != nullptr && record.exchange != nullptr && of->wire->takes_body()) {
      any = true;
      const std::string piece = s.body.substr(sent, s.piece);
      sent += piece.size();
      if (piece.empty()) {
        of->wire->body_end(section(s.trailers));
      } else {
        of->wire->body(piece);
      }
    }
  });
  return any;
}

bool answer_more(Host& host, const ExchangeRecord& record, const Scenario& s, std::size_t& answered) {
  if (s.response_piece == 0) return false;
  bool any = false;
  host.on_worker([&] {
    for (const auto& [id, one] : host.wires->outgoing) {
      if (one->exchange != record.id || one->is_call) continue;
      while (one->wire != nullptr) {
        const std::string piece = s.response_body.substr(std::min(answered, s.response_body.size()), s.response_piece);
        const OriginWire::Taken taken = piece.empty() ? one->wire->answer_end(section(s.response_trailers)) : one->wire->answer_body(piece);
        if (taken != OriginWire::Taken::kYes) break;
        any = true;
        answered += piece.size();
      }
    }
  });
  return any;
}

std::string random_text(std::uint64_t& seed, std::string_view of, std::size_t most) {
  std::string text;
  for (std::size_t size = next_random(seed) % (most + 1); text.size() < size;) text += of[next_random(seed) % of.size()];
  return text;
}

}  // namespace

Driven drive(Host& host, const Scenario& s, std::uint64_t connection) {
  if (connection == 0) connection = host.connect(*parse_address("192.0.2.7:40007"));
  ConnectionRecord* const of = host.connection(connection);
  for (int i = 0; i < kTurnsMax && of != nullptr && of->wire == nullptr && !of->closed; ++i) {  // on_connection has suspended it
    answer_some(host, s);
    if (!host.wait(kThreadWait)) host.step(kTurnMs);
    if (host.find(*of) == nullptr) of->closed = true;
  }
  if (of == nullptr || of->wire == nullptr) return Driven::kNotBegun;
  ExchangeRecord* record = nullptr;
  host.on_worker([&] { record = of->wire->begin(request_head(s), s.piece == 0 ? s.body : "", s.piece != 0); });
  if (record == nullptr) return Driven::kNotBegun;
  std::size_t sent = 0, answered = 0;
  for (int turn = 0; turn < kTurnsMax && record->exchange != nullptr; ++turn) {
    host.step(0);
    if (record->exchange == nullptr) break;
    if (s.leaves && (turn > 0 || !host.wires->fresh.empty())) break;
    bool moved = send_some(host, *record, s, sent);
    moved = answer_some(host, s) || moved;
    moved = answer_more(host, *record, s, answered) || moved;
    if (!moved && !host.wait(kThreadWait)) host.step(kTurnMs);
  }
  if (record->exchange != nullptr) {
    host.on_worker([&] {
      ConnectionRecord* const still = host.connection(record->connection);
      if (still != nullptr && still->wire != nullptr) still->wire->abort();
    });
    host.wait(kThreadWait);
    host.step(kTurnMs);
  }
  const bool over = record->exchange == nullptr;
  answer_some(host, s);
  if (over) {  // what is remembered of it is of no more use to anyone
    std::erase_if(host.wires->outgoing, [&](const auto& one) { return one.second->wire == nullptr; });
    host.wires->exchanges.erase(record->id);
  }
  return over ? Driven::kOver : Driven::kStuck;
}

std::vector<Scenario> odd_scenarios() {
  const std::string kib64(64 * 1024, 'x'), kib56(56 * 1024, 'x'), kib8(8 * 1024, 'x'), kib192(192 * 1024, 'x');
  std::string high;
  for (int byte = 0x80; byte < 0x100; ++byte) high += static_cast<char>(byte);
  Texts many;
  for (int i = 0; i < 90; ++i) many.emplace_back("X-Field-" + std::to_string(i % 45), std::to_string(i));
  return {
      {.name = "plain", .headers = {{"User-Agent", "check"}, {"Accept", "*/*"}}},
      {.name = "empty values",
       .headers = {{"User-Agent", ""}, {"Authorization", ""}, {"Cookie", ""}, {"X-Api-Key", ""}, {"X-Empty", ""}},
       .response_headers = {{"Content-Type", ""}, {"X-Empty", ""}}},
      {.name = "56 KiB values", .target = "/?q=" + std::string(4'000, 'y'), .headers = {{"X-Long", kib56}}, .response_headers = {{"X-Long", kib56}}},
      {.name = "head over the limit", .headers = {{"X-Long", kib64}}},
      {.name = "bytes over 0x7f", .headers = {{"X-High", high}, {"User-Agent", high}, {"X-Api-Key", high}}, .response_headers = {{"X-High", high}}},
      {.name = "target with escapes", .target = "/%41/../b//c;d?%00=%ff&=&&a=b=c#"},
      {.name = "no host", .has_host = false},
      {.name = "many fields", .headers = many, .response_headers = many},
      {.name = "HEAD", .method = "HEAD"},
      {.name = "OPTIONS *", .method = "OPTIONS", .target = "*"},
      {.name = "CONNECT", .method = "CONNECT", .target = "example.org:443"},
      {.name = "body", .method = "POST", .body = "a=b&c=d"},
      {.name = "chunked body of nothing", .method = "POST", .piece = 1},
      {.name = "body in 1-byte pieces", .method = "POST", .body = kib8, .piece = 1, .response_body = kib8, .response_piece = 1},
      {.name = "large body", .method = "PUT", .body = kib192, .piece = 16 * 1024, .response_body = kib192, .response_piece = 16 * 1024},
      {.name = "trailers",
       .method = "POST",
       .body = "x",
       .piece = 1,
       .trailers = {{"X-Sum", "1"}, {"X-Empty", ""}},
       .response_body = "y",
       .response_piece = 1,
       .response_trailers = {{"X-Sum", "2"}}},
      {.name = "204", .status = 204, .response_body = ""},
      {.name = "304", .status = 304, .response_body = ""},
      {.name = "empty response", .response_headers = {}, .response_body = ""},
      {.name = "404", .status = 404},
      {.name = "503", .status = 503},
      {.name = "informational heads", .informational = 3},
      {.name = "connection refused", .fails = CLEAT_END_CONNECT_FAILED},
      {.name = "reset", .fails = CLEAT_END_RESET},
      {.name = "malformed response", .fails = CLEAT_END_MALFORMED},
      {.name = "calls are refused", .call_status = 403},
      {.name = "calls fail", .call_status = 0},
      {.name = "client leaves", .leaves = true},
      {.name = "client leaves in the body", .method = "POST", .body = kib64, .piece = 1024, .leaves = true},
  };
}

Scenario random_scenario(std::uint64_t& seed) {
  static constexpr std::string_view kMethods[] = {"GET", "POST", "PUT", "DELETE", "HEAD", "PATCH", "OPTIONS", "PROPFIND"};
  static constexpr std::string_view kNames[] = {"Authorization", "Cookie", "X-Api-Key",     "Content-Type", "Accept", "User-Agent",
                                                "X-Forwarded-For", "Range", "If-None-Match", "grpc-timeout", "TE",     "X-Request-Id"};
  const std::string_view path = "abcXYZ019/._-~%2fF?&=+;:@!$'()*,";
  std::string any = "\t !#$%&'()*+,-./:;<=>?@[]^_`{|}~abcxyz0123456789";
  for (int byte = 0x80; byte < 0x100; byte += 9) any += static_cast<char>(byte);
  Scenario s;
  s.name = "random";
  s.method = kMethods[next_random(seed) % std::size(kMethods)];
  s.target = "/" + random_text(seed, path, 80);
  for (std::uint64_t i = next_random(seed) % 12; i != 0; --i) {
    const std::string name = next_random(seed) % 3 != 0 ? std::string(kNames[next_random(seed) % std::size(kNames)]) : "x-" + random_text(seed, "abc-_019", 12);
    std::string value = random_text(seed, any, next_random(seed) % 8 == 0 ? 4'000 : 40);
    const auto blank = [](char c) { return c == ' ' || c == '\t'; };
    while (!value.empty() && blank(value.back())) value.pop_back();
    s.headers.emplace_back(name, value);
  }
  if (next_random(seed) % 3 == 0) s.body = random_text(seed, any, 2'000);
  if (!s.body.empty() && next_random(seed) % 2 == 0) s.piece = 1 + next_random(seed) % 300;
  s.status = next_random(seed) % 2 == 0 ? 200 : 200 + static_cast<std::uint32_t>(next_random(seed) % 399);
  if (next_random(seed) % 10 == 0) s.fails = CLEAT_END_RESET;
  s.call_status = next_random(seed) % 4 == 0 ? 0 : 200;
  s.leaves = next_random(seed) % 16 == 0;
  s.response_body = random_text(seed, any, 2'000);
  if (next_random(seed) % 2 == 0) s.response_piece = 1 + next_random(seed) % 300;
  return s;
}

}  // namespace cleat::kit
