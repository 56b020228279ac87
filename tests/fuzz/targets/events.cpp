// SPDX-License-Identifier: Apache-2.0
// Payloads of events: msgpack, JSON, syslog. What is accepted keeps the limits, is written and read
// again as the same, and stands in a blob as it was.
#include <cstdlib>

#include "messages/event_codec.hpp"
#include "messages/event_pieces.hpp"
#include "messages/payload_count.hpp"
#include "messages/record.hpp"
#include "tests/fuzz/targets/check.hpp"

namespace {

using namespace faultline;

class checking_sink : public event_sink {
public:
  void accept(std::size_t, const event_view& e) override {
    ++accepted;
    check(!e.entity.empty() && e.entity.size() <= payload_limits::entity_bytes);
    check(e.metrics.size() <= 2 * payload_limits::metrics);
    check(e.attributes.size() <= payload_limits::attributes);
    for (const auto& m : e.metrics) check(m.value - m.value == 0);  // finite
    blob.add(e);
    if (again.size() < 1U << 16U) encode_event(e, wire_encoding::msgpack, again);
  }
  void reject(std::size_t, reject_reason, std::string_view text) override {
    ++rejected;
    check(text.size() < 4096);
  }
  void drop_value(std::size_t, std::string_view) override {}

  std::size_t accepted = 0, rejected = 0;
  blob_writer blob;
  std::string again;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static payload_decoder decoder;
  const std::string_view payload{reinterpret_cast<const char*>(data), size};
  checking_sink sink;
  const auto result = decoder.decode(payload, sink);
  check(result.readable || (sink.accepted == 0 && sink.rejected == 0));
  check(!result.readable || sink.accepted + sink.rejected == result.events);
  for (const auto piece : event_pieces(payload))
    check(with_default_ts(piece, 1'750'000'000'000).size() >= piece.size());
  if (sink.accepted == 0) return 0;
  const auto bytes = sink.blob.take();
  blob_reader reader{bytes};
  record_view record;
  std::size_t records = 0;
  for (;;) {
    const auto more = reader.next(record);
    check(static_cast<bool>(more));
    if (!*more) break;
    ++records;
  }
  check(records == sink.accepted);
  return 0;
}
