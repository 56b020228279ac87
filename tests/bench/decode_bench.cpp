// SPDX-License-Identifier: Apache-2.0
//
// Requests of other protocols: bytes to samples, and on to the payloads of events.
#include <benchmark/benchmark.h>

#include <string>

#include "messages/payload_writer.hpp"
#include "processing/naming.hpp"
#include "tests/transport/proto_text.hpp"
#include "transport/decode/otlp.hpp"
#include "transport/decode/prometheus.hpp"

namespace faultline {
namespace {

using namespace faultline::testing;

constexpr std::uint64_t at_ns = 1'750'000'000'000'000'000ULL;

/// 32 services with 32 gauges each, one label: 1,024 points.
std::string otlp_body() {
  std::string all;
  for (int s = 0; s < 32; ++s) {
    std::string metrics;
    for (int m = 0; m < 32; ++m) {
      const auto point = text_field(1, fixed_field(3, at_ns) + real_field(4, m * 0.5) +
                                           text_field(7, pair_of("core", std::to_string(m % 4))));
      metrics +=
          text_field(2, text_field(1, "system.metric." + std::to_string(m)) + text_field(5, point));
    }
    all += text_field(
        1, text_field(1, text_field(1, pair_of("service.name", "service-" + std::to_string(s)))) +
               text_field(2, metrics));
  }
  return all;
}

/// The same in JSON.
std::string otlp_json() {
  std::string all = R"({"resourceMetrics":[)";
  for (int s = 0; s < 32; ++s) {
    all += s == 0 ? "" : ",";
    all += R"({"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"service-)" +
           std::to_string(s) + R"("}}]},"scopeMetrics":[{"metrics":[)";
    for (int m = 0; m < 32; ++m)
      all += std::string{m == 0 ? "" : ","} + R"({"name":"system.metric.)" + std::to_string(m) +
             R"(","gauge":{"dataPoints":[{"asDouble":0.5,"timeUnixNano":"1750000000000000000",)" +
             R"("attributes":[{"key":"core","value":{"stringValue":")" + std::to_string(m % 4) +
             R"("}}]}]}})";
    all += "]}]}";
  }
  return all + "]}";
}

/// 32 hosts with 32 series each, of four labels: 1,024 samples.
std::string remote_write_body() {
  const auto label = [](std::string_view key, std::string_view value) {
    return text_field(1, text_field(1, key) + text_field(2, value));
  };
  std::string all;
  for (int h = 0; h < 32; ++h)
    for (int m = 0; m < 32; ++m)
      all += text_field(
          1, label("__name__", "node_metric_" + std::to_string(m) + "_total") +
                 label("device", "eth0") + label("instance", "web-" + std::to_string(h) + ":9100") +
                 label("job", "node") +
                 text_field(2, real_field(1, m) + number_field(2, at_ns / 1'000'000)));
  return all;
}

template <class Read>
void decode(benchmark::State& state, naming_style style, const std::string& body, Read read) {
  sample_namer namer{naming_options{}};
  payload_writer writer;
  std::uint64_t samples = 0;
  for (auto _ : state) {
    namer.begin(style, {}, 1'750'000'000'000,
                [&writer](const event_view& e, std::size_t n) { writer.add(e, n); });
    if (!read(namer)) state.SkipWithError("it cannot be read");
    namer.finish();
    samples += namer.taken();
    benchmark::DoNotOptimize(writer.take());
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(samples));
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * body.size()));
}

void BM_OtlpProtobuf(benchmark::State& state) {
  const auto body = otlp_body();
  decode(state, naming_style::otel, body, [&](sample_sink& to) {
    return static_cast<bool>(read_otlp(otlp_signal::metrics, otlp_encoding::protobuf, body, to));
  });
}
BENCHMARK(BM_OtlpProtobuf);

void BM_OtlpJson(benchmark::State& state) {
  const auto body = otlp_json();
  decode(state, naming_style::otel, body, [&](sample_sink& to) {
    return static_cast<bool>(read_otlp(otlp_signal::metrics, otlp_encoding::json, body, to));
  });
}
BENCHMARK(BM_OtlpJson);

void BM_RemoteWrite(benchmark::State& state) {
  const auto body = remote_write_body();
  prometheus_types types;
  decode(state, naming_style::prometheus, body,
         [&](sample_sink& to) { return static_cast<bool>(read_remote_write(body, types, to)); });
}
BENCHMARK(BM_RemoteWrite);

}  // namespace
}  // namespace faultline
