// SPDX-License-Identifier: Apache-2.0
// Prometheus' remote write: the first byte says whether types of metrics are known already.
#include "transport/decode/prometheus.hpp"

#include "tests/fuzz/targets/named.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace faultline;
  if (size == 0) return 0;
  static named_events events;
  prometheus_types types;
  if (data[0] % 2 == 1) types.learn("load1", prometheus_type::counter);
  const std::string_view body{reinterpret_cast<const char*>(data + 1), size - 1};
  events.take(naming_style::prometheus, [&](sample_sink& sink) {
    return static_cast<bool>(read_remote_write(body, types, sink));
  });
  return 0;
}
