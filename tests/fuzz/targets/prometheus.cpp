// SPDX-License-Identifier: Apache-2.0
// Remote write and the text format: the first byte says which.
#include "transport/decode/prometheus.hpp"

#include "tests/fuzz/targets/named.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace faultline;
  if (size == 0) return 0;
  static named_events events;
  prometheus_types types;
  const std::string_view body{reinterpret_cast<const char*>(data + 1), size - 1};
  const sample_labels more{{"instance", "web-1:9100"}, {"job", "node"}};
  events.take(naming_style::prometheus, [&](sample_sink& sink) {
    return static_cast<bool>(data[0] % 2 == 0 ? read_remote_write(body, types, sink)
                                              : read_exposition(body, more, types, sink));
  });
  return 0;
}
