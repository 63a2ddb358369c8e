// Formats and the lines they make, over a host that is a few maps.
#include "render.hpp"

#include <catch2/benchmark/catch_benchmark.hpp>
#include <catch2/catch_test_macros.hpp>
#include <map>
#include <string>

using namespace access_log;

namespace {

struct FakeExchange {
  std::map<std::uint32_t, std::string> texts, fields;
  std::map<std::uint32_t, std::int64_t> integers;
  std::map<std::string, std::string> request, response;
  std::map<std::string, std::string> metadata;  // "t:..." text, "i:..." integer, "n:..." number
};

FakeExchange fake;
std::vector<std::string> keys;

template <class Map, class Key>
cleat_status find_text(const Map& map, const Key& key, cleat_str* value) {
  const auto at = map.find(key);
  if (at == map.end()) return CLEAT_NOT_FOUND;
  *value = cleat::to_str(at->second);
  return CLEAT_OK;
}

// Fills the wrapper's copy of the host, and starts from an empty exchange.
void begin() {
  fake = {};
  keys = {"?"};
  cleat::detail::Host& host = cleat::detail::host;
  host.attributes.text = [](std::uint64_t, std::uint32_t id, cleat_str* value) { return find_text(fake.texts, id, value); };
  host.attributes.integer = [](std::uint64_t, std::uint32_t id, std::int64_t* value) {
    const auto at = fake.integers.find(id);
    if (at == fake.integers.end()) return CLEAT_NOT_FOUND;
    *value = at->second;
    return CLEAT_OK;
  };
  host.core.field_get = [](cleat_exchange, cleat_field id, cleat_str* value) { return find_text(fake.fields, id, value); };
  host.core.header_get = [](cleat_exchange, cleat_part part, cleat_str name, std::uint64_t, cleat_str* value) {
    return find_text(part == CLEAT_REQUEST ? fake.request : fake.response, std::string(cleat::to_view(name)), value);
  };
  host.metadata.key = [](cleat_str name, std::uint32_t* key) {
    *key = static_cast<std::uint32_t>(keys.size());
    keys.emplace_back(cleat::to_view(name));
    return CLEAT_OK;
  };
  host.metadata.type = [](cleat_exchange, std::uint32_t key, std::uint32_t* type) {
    const auto at = fake.metadata.find(keys[key]);
    if (at == fake.metadata.end()) return CLEAT_NOT_FOUND;
    *type = at->second[0] == 't' ? CLEAT_METADATA_TEXT : at->second[0] == 'i' ? CLEAT_METADATA_INTEGER : CLEAT_METADATA_NUMBER;
    return CLEAT_OK;
  };
  host.metadata.get_text = [](cleat_exchange, std::uint32_t key, cleat_str* value) {
    *value = cleat::to_str(std::string_view(fake.metadata[keys[key]]).substr(2));
    return CLEAT_OK;
  };
  host.metadata.get_integer = [](cleat_exchange, std::uint32_t key, std::int64_t* value) {
    *value = std::stoll(fake.metadata[keys[key]].substr(2));
    return CLEAT_OK;
  };
  host.metadata.get_number = [](cleat_exchange, std::uint32_t key, double* value) {
    *value = std::stod(fake.metadata[keys[key]].substr(2));
    return CLEAT_OK;
  };
}

std::string render(Format format) {
  const Renderer renderer(std::move(format));
  TimeText time;
  std::string line(kLineBytesMax, '\0');
  const std::size_t size = renderer.render(cleat::Exchange(1), time, line.data());
  REQUIRE(size <= line.size());
  line.resize(size);
  return line;
}

std::string text(std::string_view format_text) {
  Format format;
  REQUIRE(compile_text(format_text, format) == "");
  return render(std::move(format));
}

std::string json(const Members& members) {
  Format format;
  REQUIRE(compile_json(members, format) == "");
  return render(std::move(format));
}

std::string refusal(std::string_view format_text) {
  Format format;
  return compile_text(format_text, format);
}

}  // namespace

TEST_CASE("a line holds literals, fields and a newline") {
  begin();
  CHECK(text("") == "\n");
  CHECK(text("100%% of it") == "100% of it\n");
  fake.fields[CLEAT_METHOD] = "GET";
  fake.texts[CLEAT_ATTR_ORIGINAL_TARGET] = "/a?b";
  fake.integers[CLEAT_ATTR_RESPONSE_STATUS] = 503;
  CHECK(text("[%{method} %{original_target}] %{status}") == "[GET /a?b] 503\n");
  CHECK(text("%{status}%{status}") == "503503\n");
}

TEST_CASE("what is not known, or empty, is a dash in text and null in JSON") {
  begin();
  fake.fields[CLEAT_QUERY] = "";
  CHECK(text("%{time} %{duration} %{status} %{query} %{endpoint} %{upstream_duration} %{source_ip} %{request_header.a} %{metadata.k}") ==
        "- - - - - - - - -\n");
  CHECK(json({{"a", "%{status}"}, {"b", "%{endpoint}"}, {"c", "%{time}"}, {"d", "x%{query}"}}) ==
        "{\"a\":null,\"b\":null,\"c\":null,\"d\":\"x-\"}\n");
}

TEST_CASE("times and durations come from the attributes") {
  begin();
  fake.integers = {{CLEAT_ATTR_START_UNIX_US, 1'795'482'123'456'789},
                   {CLEAT_ATTR_DURATION_US, 12'345},
                   {CLEAT_ATTR_UPSTREAM_START_US, 1'000},
                   {CLEAT_ATTR_UPSTREAM_HEAD_US, 1'999}};
  CHECK(text("%{time} %{duration} %{duration_us} %{upstream_duration}") == "2026-11-24T01:02:03.456Z 12.345 12345 0.999\n");
  CHECK(json({{"t", "%{time}"}, {"d", "%{duration}"}}) == "{\"t\":\"2026-11-24T01:02:03.456Z\",\"d\":12.345}\n");
  fake.integers[CLEAT_ATTR_DURATION_US] = 7;
  CHECK(text("%{duration}") == "0.007\n");
}

TEST_CASE("addresses lose their port, headers are of their own side, metadata has three types") {
  begin();
  fake.texts[CLEAT_ATTR_SOURCE_ADDRESS] = "192.0.2.1:5555";
  CHECK(text("%{source_address} %{source_ip}") == "192.0.2.1:5555 192.0.2.1\n");
  fake.texts[CLEAT_ATTR_SOURCE_ADDRESS] = "[2001:db8::1]:5555";
  CHECK(text("%{source_ip}") == "2001:db8::1\n");
  fake.request["user-agent"] = "curl/8";
  fake.response["server"] = "origin";
  CHECK(text("%{request_header.user-agent} %{response_header.server} %{response_header.user-agent}") == "curl/8 origin -\n");
  fake.metadata = {{"key.owner", "t:ada"}, {"rate.left", "i:-3"}, {"score", "n:0.25"}};
  CHECK(text("%{metadata.key.owner} %{metadata.rate.left} %{metadata.score} %{metadata.none}") == "ada -3 0.25 -\n");
  CHECK(json({{"o", "%{metadata.key.owner}"}, {"l", "%{metadata.rate.left}"}, {"s", "%{metadata.score}"}, {"all", "%{metadata.rate.left}!"}}) ==
        "{\"o\":\"ada\",\"l\":-3,\"s\":0.25,\"all\":\"-3!\"}\n");
  fake.metadata["score"] = "n:inf";
  CHECK(json({{"s", "%{metadata.score}"}}) == "{\"s\":null}\n");
}

TEST_CASE("a value cannot forge a line, a member or a key") {
  begin();
  fake.request["user-agent"] = "x\" 200\n127.0.0.1 \"GET /";
  CHECK(text("\"%{request_header.user-agent}\"") == "\"x\\x22 200\\x0a127.0.0.1 \\x22GET /\"\n");
  CHECK(json({{"u", "%{request_header.user-agent}"}}) == "{\"u\":\"x\\\" 200\\u000a127.0.0.1 \\\"GET /\"}\n");
  CHECK(json({{"we\"ird\n", "lit\"eral"}}) == "{\"we\\\"ird\\u000a\":\"lit\\\"eral\"}\n");
  CHECK(json({}) == "{}\n");
}

TEST_CASE("values are cut, but a line is always whole and within its bound") {
  begin();
  const std::string long_value(20'000, 'a');
  fake.request["a"] = long_value;
  CHECK(text("%{request_header.a}") == std::string(kValueBytesMax, 'a') + "\n");
  fake.request["a"] = std::string(20'000, '\n');
  Members members;
  for (int i = 0; i < 100; ++i) members.emplace_back(std::to_string(i), "%{request_header.a}");
  const std::string line = json(members);
  CHECK(line.size() <= kLineBytesMax);
  CHECK(line.substr(line.size() - 5) == ":\"\"}\n");  // no room was left for the last ones
}

TEST_CASE("mistakes in formats are told in words") {
  begin();
  CHECK(refusal("%{statsu}") == "unknown field %{statsu}; did you mean %{status}?");
  CHECK(refusal("%{something_else}") == "unknown field %{something_else}");
  CHECK(refusal("50% off").starts_with("a '%' begins a field"));
  CHECK(refusal("%{status").starts_with("a '%' begins a field"));
  CHECK(refusal("%{request_header.}") == "%{request_header.}: not a field name");
  CHECK(refusal("%{request_header.a b}") == "%{request_header.a b}: not a field name");
  CHECK(refusal("%{metadata.Key}") == "%{metadata.Key}: not a metadata key, [a-z0-9_.]{1,64}");
  CHECK(refusal("a\nb") == "a line holds no line break");
  CHECK(refusal(std::string(20'000, 'x')).starts_with("longer than"));
  Format format;
  CHECK(compile_text(default_line(), format) == "");
  CHECK(compile_json(default_members(), format) == "");
}

TEST_CASE("rendering speed", "[.bench]") {
  begin();
  // Without the maps: what is measured is the renderer.
  cleat::detail::Host& host = cleat::detail::host;
  host.attributes.text = [](std::uint64_t, std::uint32_t, cleat_str* value) {
    *value = {"127.0.0.1:54321", 15};
    return CLEAT_OK;
  };
  static std::int64_t now = 1'795'482'123'456'789;
  host.attributes.integer = [](std::uint64_t, std::uint32_t id, std::int64_t* value) {
    *value = id == CLEAT_ATTR_START_UNIX_US ? now += 15 : 12'345;
    return CLEAT_OK;
  };
  host.core.field_get = [](cleat_exchange, cleat_field, cleat_str* value) {
    *value = {"GET", 3};
    return CLEAT_OK;
  };
  host.core.header_get = [](cleat_exchange, cleat_part, cleat_str, std::uint64_t, cleat_str* value) {
    *value = {"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", 70};
    return CLEAT_OK;
  };
  std::string line(kLineBytesMax, '\0');
  TimeText time;
  Format format;
  compile_text(default_line(), format);
  const Renderer text_renderer(format);
  BENCHMARK("default line, 14 fields") { return text_renderer.render(cleat::Exchange(1), time, line.data()); };
  compile_json(default_members(), format);
  const Renderer json_renderer(format);
  BENCHMARK("default members, 20 fields") { return json_renderer.render(cleat::Exchange(1), time, line.data()); };
}
