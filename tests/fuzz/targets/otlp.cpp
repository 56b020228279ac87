// SPDX-License-Identifier: Apache-2.0
// OTLP: the first byte says signal and encoding.
#include "transport/decode/otlp.hpp"

#include "tests/fuzz/targets/named.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace faultline;
  if (size == 0) return 0;
  static named_events events;
  const auto signal = static_cast<otlp_signal>(data[0] % 3);
  const auto encoding = static_cast<otlp_encoding>(data[0] / 3 % 2);
  const std::string_view body{reinterpret_cast<const char*>(data + 1), size - 1};
  check(!otlp_error(encoding, body.substr(0, 64)).empty());
  const std::uint64_t rejected = data[0] / 6;
  check(otlp_answer(signal, encoding, rejected, body.substr(0, 64)).empty() ==
        (rejected == 0 && encoding == otlp_encoding::protobuf));
  events.take(naming_style::otel, [&](sample_sink& sink) {
    return static_cast<bool>(read_otlp(signal, encoding, body, sink));
  });
  return 0;
}
