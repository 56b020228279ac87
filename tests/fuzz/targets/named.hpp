// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "messages/event_codec.hpp"
#include "messages/payload_writer.hpp"
#include "processing/naming.hpp"
#include "tests/fuzz/targets/check.hpp"

namespace faultline {

/// What a decoder makes of some bytes, through the namer and the payloads to the decoder of events,
/// as the server does it.
class named_events final : event_sink {
public:
  void take(naming_style style, const std::function<bool(sample_sink&)>& decode) {
    namer_.begin(style, "host/fuzz", 1'750'000'000'000,
                 [this](const event_view& e, std::size_t n) { writer_.add(e, n); });
    const bool read = decode(namer_);
    if (read) namer_.finish();
    for (const auto& batch : writer_.take()) {
      const auto result = decoder_.decode(batch.payload, *this);
      // A batch is whole; one event may be too large for a payload.
      check(result.readable || batch.payload.size() > payload_limits::bytes);
      check(!result.readable || result.events == batch.samples.size());
    }
  }

private:
  void accept(std::size_t, const event_view& e) override {
    check(!e.entity.empty() && e.entity.size() <= payload_limits::entity_bytes);
    check(e.metrics.size() <= payload_limits::metrics);
    for (const auto& m : e.metrics) check(m.value - m.value == 0);  // finite
  }
  void reject(std::size_t, reject_reason, std::string_view text) override {
    check(text.size() < 4096);
  }
  void drop_value(std::size_t, std::string_view) override { check(false); }  // the namer did

  sample_namer namer_{naming_options{}};
  payload_writer writer_;
  payload_decoder decoder_;
};

}  // namespace faultline
