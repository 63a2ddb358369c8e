// Values live in cells: a counter or gauge has one, a histogram its sum and its buckets. A shard is a fixed directory of chunks
// of cells, made when first written, so that growth moves nothing. The writer of a shard is one thread: a relaxed load and a
// relaxed store; readers sum the shards.
//
// A series' id holds all that `add` needs: bits 0..23 its first cell, 24..31 its kind, 32..63 its record's number from 1.
// Invariants: (1) definitions, series and chunks are never freed; (2) a series' cells lie in one chunk; (3) a record's id is
// published last, so that an id that compares equal makes the rest of the record readable.
#include "kernel/base/metrics.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <unordered_map>

namespace cleat::metrics {
namespace {

constexpr std::uint32_t kChunkCells = 1024;
constexpr std::uint32_t kChunksMax = 16'384;
constexpr std::uint32_t kMetricsMax = 4096;
constexpr std::uint32_t kRecordsMax = kSeriesMax + kMetricsMax;  // each metric may have its overflow series besides
constexpr std::uint32_t kRecordsInBlock = 1024;
constexpr std::size_t kLabelsMax = 8;
constexpr std::size_t kBoundsMax = 32;
constexpr std::size_t kNameBytesMax = 200;
constexpr std::size_t kHelpBytesMax = 1024;
constexpr std::size_t kLabelValueBytesMax = 1024;
static_assert((kBoundsMax + 2) * kRecordsMax < kChunksMax * (kChunkCells - kBoundsMax - 1), "every series has its cells");

using Cell = std::atomic<std::uint64_t>;  // two's complement where signed

struct alignas(64) Chunk {
  std::array<Cell, kChunkCells> cells{};
};

struct Shard {
  std::array<std::atomic<Chunk*>, kChunksMax> chunks{};
  std::atomic<bool> taken{false};
};

struct Metric;
struct Record {
  std::atomic<SeriesId> id{0};
  const Metric* metric = nullptr;
  std::vector<std::string> values;
};

struct Metric {
  Definition definition;  // never changes
  std::uint64_t series_max = 0;
  std::unordered_map<std::string, SeriesId> by_values;
  std::vector<const Record*> records;
};

struct Registry {
  std::mutex mutex;
  std::map<std::string, std::unique_ptr<Metric>, std::less<>> by_name;
  std::vector<Metric*> metrics;  // MetricId is the position + 1
  std::uint32_t series = 0;      // without overflow series
  std::uint32_t records = 0;
  std::uint32_t next_cell = 0;
};

Registry& registry() {
  static auto* const all = new Registry;  // never destroyed: threads may count until the very end
  return *all;
}

using RecordBlock = std::array<Record, kRecordsInBlock>;
constinit std::array<std::atomic<RecordBlock*>, kRecordsMax / kRecordsInBlock> record_blocks{};
constinit std::array<std::atomic<Shard*>, kShardsMax + 1> shards{};  // the last is shared by all threads without one

constinit thread_local Shard* own_shard = nullptr;

Shard& shard_at(std::uint32_t number) {
  Shard* found = shards[number].load(std::memory_order_acquire);
  if (found != nullptr) return *found;
  auto fresh = std::make_unique<Shard>();
  if (shards[number].compare_exchange_strong(found, fresh.get(), std::memory_order_acq_rel)) return *fresh.release();
  return *found;
}

// Gives the shard back when its thread ends, so that a later worker of that number can go on with it.
struct Claim {
  Shard* shard = nullptr;
  ~Claim() {
    own_shard = nullptr;
    if (shard != nullptr) shard->taken.store(false, std::memory_order_release);
  }
};
thread_local Claim claim;

std::uint32_t cell_of(SeriesId series) { return static_cast<std::uint32_t>(series & 0xffffff); }

Cell* make_cells(Shard& shard, std::uint32_t cell) {
  std::atomic<Chunk*>& place = shard.chunks[cell / kChunkCells];
  Chunk* found = place.load(std::memory_order_acquire);
  if (found == nullptr) {
    auto fresh = std::make_unique<Chunk>();
    if (place.compare_exchange_strong(found, fresh.get(), std::memory_order_acq_rel)) found = fresh.release();
  }
  return &found->cells[cell % kChunkCells];
}

inline Cell* cells(Shard& shard, std::uint32_t cell) {
  Chunk* chunk = shard.chunks[cell / kChunkCells].load(std::memory_order_acquire);
  if (__builtin_expect(chunk != nullptr, 1)) return &chunk->cells[cell % kChunkCells];
  return make_cells(shard, cell);
}

inline void add_own(Cell& cell, std::uint64_t value) {
  cell.store(cell.load(std::memory_order_relaxed) + value, std::memory_order_relaxed);
}

[[gnu::noinline]] void add_shared(std::uint32_t cell, std::uint64_t value) {
  cells(shard_at(kShardsMax), cell)->fetch_add(value, std::memory_order_relaxed);
}

const Record* record_of(SeriesId series) {
  const std::uint64_t number = (series >> 32) - 1;  // 0 becomes too large
  if (number >= kRecordsMax) return nullptr;
  const RecordBlock* block = record_blocks[number / kRecordsInBlock].load(std::memory_order_acquire);
  if (block == nullptr) return nullptr;
  const Record& record = (*block)[number % kRecordsInBlock];
  return record.id.load(std::memory_order_acquire) == series ? &record : nullptr;
}

std::vector<const Shard*> made_shards() {
  std::vector<const Shard*> made;
  for (const std::atomic<Shard*>& place : shards) {
    if (const Shard* shard = place.load(std::memory_order_acquire)) made.push_back(shard);
  }
  return made;
}

std::uint64_t sum(const std::vector<const Shard*>& of, std::uint32_t cell) {
  std::uint64_t total = 0;
  for (const Shard* shard : of) {
    const Chunk* chunk = shard->chunks[cell / kChunkCells].load(std::memory_order_acquire);
    if (chunk != nullptr) total += chunk->cells[cell % kChunkCells].load(std::memory_order_relaxed);
  }
  return total;
}

View view_of(const Record& record, const std::vector<const Shard*>& of) {
  const std::uint32_t cell = cell_of(record.id.load(std::memory_order_acquire));
  const Definition& definition = record.metric->definition;
  View view{&definition, &record.values, static_cast<std::int64_t>(sum(of, cell)), {}};
  if (definition.kind == Kind::kHistogram) {
    for (std::uint32_t i = 0; i <= definition.bounds.size(); ++i) view.buckets.push_back(sum(of, cell + 1 + i));
  }
  return view;
}

bool valid_name(std::string_view name, bool colon) {
  const auto letter = [&](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (colon && c == ':'); };
  return !name.empty() && name.size() <= kNameBytesMax && letter(name[0]) &&
         std::all_of(name.begin(), name.end(), [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

// Empty, or why the definition makes no sense whatever the others are.
std::string refuse(const Definition& definition) {
  const bool histogram = definition.kind == Kind::kHistogram;
  if (!valid_name(definition.name, true)) return "a name is [a-zA-Z_:][a-zA-Z0-9_:]*, at most 200 characters";
  if (definition.help.size() > kHelpBytesMax) return "help is longer than 1024 bytes";
  if (definition.labels.size() > kLabelsMax) return "more than 8 labels";
  for (auto label = definition.labels.begin(); label != definition.labels.end(); ++label) {
    if (!valid_name(*label, false) || label->starts_with("__")) {
      return "label \"" + *label + "\": a label is [a-zA-Z_][a-zA-Z0-9_]*, without __ before";
    }
    if (histogram && *label == "le") return "label \"le\" of a histogram is its buckets' own";
    if (std::find(definition.labels.begin(), label, *label) != label) return "label \"" + *label + "\" stands twice";
  }
  if (!histogram && !definition.bounds.empty()) return "only a histogram has bounds";
  if (definition.bounds.size() > kBoundsMax) return "more than 32 bounds";
  if (std::adjacent_find(definition.bounds.begin(), definition.bounds.end(), std::greater_equal<>()) != definition.bounds.end()) {
    return "bounds do not ascend";
  }
  return {};
}

std::string tuple_key(const std::vector<std::string_view>& values) {
  std::string key;  // values with their sizes, so that no two tuples are alike
  for (const std::string_view value : values) key.append(std::to_string(value.size())).append(1, ':').append(value);
  return key;
}

// REQUIRES: the registry's lock.
SeriesId make_series(Registry& all, Metric& metric, std::vector<std::string> values) {
  CLEAT_CHECK(all.records < kRecordsMax);
  const std::uint32_t number = all.records++;
  std::atomic<RecordBlock*>& place = record_blocks[number / kRecordsInBlock];
  if (number % kRecordsInBlock == 0) place.store(new RecordBlock, std::memory_order_release);
  Record& record = (*place.load(std::memory_order_relaxed))[number % kRecordsInBlock];
  const auto size = static_cast<std::uint32_t>(metric.definition.kind == Kind::kHistogram ? metric.definition.bounds.size() + 2 : 1);
  if (all.next_cell % kChunkCells + size > kChunkCells) all.next_cell = (all.next_cell / kChunkCells + 1) * kChunkCells;
  const SeriesId id = (std::uint64_t{number} + 1) << 32 | std::uint64_t(metric.definition.kind) << 24 | all.next_cell;
  all.next_cell += size;
  record.metric = &metric;
  record.values = std::move(values);
  record.id.store(id, std::memory_order_release);
  metric.records.push_back(&record);
  return id;
}

}  // namespace

void set_thread_shard(std::uint32_t worker) {
  CLEAT_CHECK(worker < kShardsMax);
  if (claim.shard != nullptr) return;
  Shard& shard = shard_at(worker);
  if (shard.taken.exchange(true, std::memory_order_acq_rel)) return;
  claim.shard = own_shard = &shard;
}

Result<MetricId> define(const Definition& definition) {
  if (std::string why = refuse(definition); !why.empty()) return Error{why};
  Registry& all = registry();
  const std::lock_guard lock(all.mutex);
  if (const auto found = all.by_name.find(definition.name); found != all.by_name.end()) {
    Metric& metric = *found->second;
    const auto contradicts = [&](const char* what) { return Error{definition.name + " is defined already, with " + what}; };
    if (metric.definition.kind != definition.kind) return contradicts("another kind");
    if (metric.definition.labels != definition.labels) return contradicts("other labels");
    if (metric.definition.bounds != definition.bounds) return contradicts("other bounds");
    metric.series_max = std::max(metric.series_max, definition.series_max);
    return MetricId(std::find(all.metrics.begin(), all.metrics.end(), &metric) - all.metrics.begin() + 1);
  }
  if (all.metrics.size() == kMetricsMax) return Error{"there are " + std::to_string(kMetricsMax) + " metrics already"};
  auto metric = std::make_unique<Metric>();
  metric->definition = definition;
  metric->series_max = definition.series_max;
  all.metrics.push_back(metric.get());
  all.by_name.emplace(definition.name, std::move(metric));
  return MetricId(all.metrics.size());
}

Result<SeriesId> series(MetricId id, const std::vector<std::string_view>& values) {
  for (const std::string_view value : values) {
    if (value.size() > kLabelValueBytesMax) return Error{"a label value is longer than 1024 bytes"};
  }
  const std::string key = tuple_key(values);
  Registry& all = registry();
  const std::lock_guard lock(all.mutex);
  if (id == 0 || id > all.metrics.size()) return Error{"there is no such metric"};
  Metric& metric = *all.metrics[id - 1];
  const std::size_t labels = metric.definition.labels.size();
  if (values.size() != labels) {
    return Error{metric.definition.name + " has " + std::to_string(labels) + " labels, not " + std::to_string(values.size())};
  }
  if (const auto found = metric.by_values.find(key); found != metric.by_values.end()) return found->second;
  if (metric.by_values.size() >= metric.series_max || all.series == kSeriesMax) {
    // Found again by its own tuple, so that a plugin that names a value "overflow" does not make a second of the same labels.
    SeriesId& overflow = metric.by_values[tuple_key(std::vector<std::string_view>(labels, "overflow"))];
    if (overflow == 0) overflow = make_series(all, metric, std::vector<std::string>(labels, "overflow"));
    return overflow;
  }
  const SeriesId made = make_series(all, metric, std::vector<std::string>(values.begin(), values.end()));
  metric.by_values.emplace(key, made);
  ++all.series;
  return made;
}

MetricId define_own(Kind kind, const char* name, const char* help, std::vector<std::string> labels, std::uint64_t series_max,
                    std::vector<std::uint64_t> bounds) {
  return define({kind, name, help, std::move(labels), std::move(bounds), series_max}).value();
}

SeriesId own_series(MetricId metric, const std::vector<std::string_view>& values) { return series(metric, values).value(); }

bool valid(SeriesId series) { return record_of(series) != nullptr; }

void add(SeriesId series, std::int64_t value) {
  const std::uint32_t cell = cell_of(series);
  Shard* shard = own_shard;
  if (__builtin_expect(shard == nullptr, 0)) return add_shared(cell, static_cast<std::uint64_t>(value));
  add_own(*cells(*shard, cell), static_cast<std::uint64_t>(value));
}

void observe(SeriesId series, std::uint64_t value) {
  const Record* record = record_of(series);
  if (record == nullptr) return;
  const std::vector<std::uint64_t>& bounds = record->metric->definition.bounds;
  const auto bucket = static_cast<std::uint32_t>(std::lower_bound(bounds.begin(), bounds.end(), value) - bounds.begin());
  const std::uint32_t cell = cell_of(series);
  Shard* shard = own_shard;
  if (shard == nullptr) {
    add_shared(cell, value);
    add_shared(cell + 1 + bucket, 1);
    return;
  }
  Cell* first = cells(*shard, cell);
  add_own(first[0], value);
  add_own(first[1 + bucket], 1);
}

void visit(const std::function<void(const View&)>& fn) {
  std::vector<const Record*> records;  // taken under the lock, read without it: fn may be slow, or define metrics itself
  {
    Registry& all = registry();
    const std::lock_guard lock(all.mutex);
    records.reserve(all.records);
    for (const auto& [name, metric] : all.by_name) records.insert(records.end(), metric->records.begin(), metric->records.end());
  }
  const std::vector<const Shard*> of = made_shards();
  for (const Record* record : records) fn(view_of(*record, of));
}

View look(SeriesId series) { return view_of(*record_of(series), made_shards()); }

std::int64_t value(SeriesId series) { return static_cast<std::int64_t>(sum(made_shards(), cell_of(series))); }

}  // namespace cleat::metrics
