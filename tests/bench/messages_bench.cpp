// SPDX-License-Identifier: Apache-2.0
//
// What one event of 8 metrics costs at the door: decoding a batch, and decoding it with writing the
// blobs of 64 partitions.
#include <benchmark/benchmark.h>

#include <array>
#include <string>
#include <vector>

#include "messages/event_codec.hpp"
#include "messages/identity.hpp"
#include "messages/record.hpp"

namespace {

using namespace faultline;

constexpr std::size_t metrics_per_event = 8;
const std::array<std::string, metrics_per_event> names{
    "cpu_usage",  "memory_used", "disk_write_latency", "net_rx_bytes",
    "error_rate", "latency_p99", "queue_depth",        "requests_per_second"};

std::string batch(std::size_t events, wire_encoding encoding) {
  std::string out = encoding == wire_encoding::json ? "[" : "";
  if (encoding == wire_encoding::msgpack) encode_batch_header(events, out);
  event_view e;
  for (std::size_t i = 0; i < events; ++i) {
    const std::string entity = "service/checkout-" + std::to_string(i);
    e.clear();
    e.entity = entity;
    e.has_ts = true;
    e.ts = event_time_of(1'700'000'000'000 + static_cast<std::int64_t>(i));
    for (std::size_t m = 0; m < metrics_per_event; ++m)
      e.metrics.push_back({names[m], 0.37 * static_cast<double>(i * m + 1), metric_kind::gauge});
    if (encoding == wire_encoding::json && i > 0) out += ",";
    encode_event(e, encoding, out);
  }
  if (encoding == wire_encoding::json) out += "]";
  return out;
}

struct counting_sink : event_sink {
  std::size_t events = 0;
  void accept(std::size_t, const event_view&) override { ++events; }
  void reject(std::size_t, reject_reason, std::string_view) override {}
  void drop_value(std::size_t, std::string_view) override {}
};

struct blob_sink : counting_sink {
  std::array<blob_writer, 64> blobs;
  void accept(std::size_t, const event_view& event) override {
    ++events;
    blobs[partition_of(event.entity, 64)].add(event);
  }
};

void per_event(benchmark::State& state, std::size_t events) {
  state.counters["events/s"] =
      benchmark::Counter(static_cast<double>(events), benchmark::Counter::kIsRate);
  state.counters["us/event"] = benchmark::Counter(
      static_cast<double>(events) / 1e6, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

void decode(benchmark::State& state, wire_encoding encoding) {
  const auto payload = batch(static_cast<std::size_t>(state.range(0)), encoding);
  payload_decoder decoder;
  counting_sink sink;
  for (auto _ : state) benchmark::DoNotOptimize(decoder.decode(payload, sink));
  per_event(state, sink.events);
}

void decode_msgpack(benchmark::State& state) { decode(state, wire_encoding::msgpack); }
void decode_json(benchmark::State& state) { decode(state, wire_encoding::json); }
BENCHMARK(decode_msgpack)->Arg(64)->Arg(512)->Arg(4096);
BENCHMARK(decode_json)->Arg(512);

void decode_msgpack_into_blobs(benchmark::State& state) {
  const auto payload = batch(static_cast<std::size_t>(state.range(0)), wire_encoding::msgpack);
  payload_decoder decoder;
  blob_sink sink;
  for (auto _ : state) {
    decoder.decode(payload, sink);
    for (auto& blob : sink.blobs) benchmark::DoNotOptimize(blob.take());
  }
  per_event(state, sink.events);
}
BENCHMARK(decode_msgpack_into_blobs)->Arg(64)->Arg(512)->Arg(4096);

void read_blob(benchmark::State& state) {
  blob_sink sink;
  payload_decoder{}.decode(batch(512, wire_encoding::msgpack), sink);
  std::vector<std::string> blobs;
  for (auto& blob : sink.blobs) blobs.push_back(blob.take());
  record_view record;
  std::size_t events = 0;
  for (auto _ : state) {
    for (const auto& blob : blobs) {
      blob_reader reader{blob};
      while (*reader.next(record)) ++events;
    }
  }
  per_event(state, events);
}
BENCHMARK(read_blob);

}  // namespace
