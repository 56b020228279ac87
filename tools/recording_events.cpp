// SPDX-License-Identifier: Apache-2.0
#include "tools/recording_events.hpp"

#include <algorithm>
#include <cstdio>

#include "lab/evaluation_events.hpp"

namespace faultline {

namespace {

/// The events that an evaluation sees, moved in time and encoded.
class recording_stream final : public event_input {
public:
  recording_stream(const telemetry& t, milliseconds shift)
      : events_{t}, shift_{shift}, total_{count_events(t)} {}

  outcome<bool> next(input_event& out) override {
    const event_view* event = events_.next();
    if (event == nullptr) {
      done_ = total_;  // rows without a value were passed over
      return false;
    }
    ++done_;
    event_view moved = *event;
    moved.ts += shift_;
    out.bytes.clear();
    encode_event(moved, wire_encoding::msgpack, out.bytes);
    out.encoding = wire_encoding::msgpack;
    out.line = 0;
    out.ts = event_time_of(unix_ms(event->arrived)) + shift_;  // when it is due
    return true;
  }
  std::uint64_t done() const override { return done_; }
  std::uint64_t total() const override { return total_; }

private:
  evaluation_events events_;
  milliseconds shift_;
  std::uint64_t done_ = 0, total_ = 0;
};

}  // namespace

void report_left_out(const telemetry& t) {
  for (const std::string& what : t.left_out)
    std::fprintf(stderr, "%s: %s\n", t.name.c_str(), what.c_str());
}

std::optional<time_span> span_of(const telemetry& t) {
  std::optional<time_span> span;
  const auto add = [&](event_time ts) {
    if (!span) span = time_span{ts, ts};
    span->first = std::min(span->first, ts);
    span->last = std::max(span->last, ts);
  };
  for (const auto& series : t.entities) {
    if (series.ts.empty()) continue;
    add(series.ts.front());
    add(series.ts.back());
  }
  for (const auto& log : t.logs) add(log.ts);
  for (const auto& row : t.spans) add(row.ts);
  for (const auto& change : t.changes) add(change.ts);
  return span;
}

std::unique_ptr<event_input> recording_input(const telemetry& t, milliseconds shift) {
  return std::make_unique<recording_stream>(t, shift);
}

}  // namespace faultline
