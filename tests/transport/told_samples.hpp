// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <string>
#include <vector>

#include "messages/sample.hpp"

namespace faultline::testing {

/// What a decoder handed out, as lines: "metric NAME VALUE counter @MS {source} {labels}".
struct told_samples final : sample_sink {
  void source(const sample_labels& labels) override { from = text_of(labels); }
  void metric(const metric_sample& s, const sample_labels& labels) override {
    char value[64];
    std::snprintf(value, sizeof value, "%g", s.value);
    lines.push_back("metric " + std::string{s.name} + " " + value +
                    (s.kind == metric_kind::counter ? " counter"
                     : s.kind == metric_kind::rate  ? " rate"
                                                    : " gauge") +
                    " @" + std::to_string(s.ts_ms) + " " + from + " " + text_of(labels) +
                    (s.unit.empty() ? "" : " " + std::string{s.unit}) +
                    (s.le.empty() ? "" : " le=" + std::string{s.le}));
  }
  void log(const log_sample& s, const sample_labels& labels) override {
    lines.push_back("log " + std::string{to_string(s.severity)} + " @" + std::to_string(s.ts_ms) +
                    " " + from + " " + text_of(labels) + " " + std::string{s.body});
  }
  void span(const span_sample& s, const sample_labels& labels) override {
    lines.push_back("span " + std::string{s.operation} + " " + std::string{s.trace} + "/" +
                    std::string{s.span} + "/" + std::string{s.parent} + " @" +
                    std::to_string(s.ts_ms) + " " + std::to_string(s.duration_us) + "us status " +
                    std::to_string(static_cast<int>(s.status)) + (s.leaves ? " leaves " : " ") +
                    from + " " + text_of(labels));
  }
  void leave_out(left_out why) override { ++left[static_cast<std::size_t>(why)]; }

  static std::string text_of(const sample_labels& labels) {
    std::string all;
    for (const auto& l : labels)
      all += (all.empty() ? "" : ",") + std::string{l.key} + "=" + std::string{l.value};
    return "{" + all + "}";
  }
  std::size_t out_because(left_out why) const { return left[static_cast<std::size_t>(why)]; }

  std::string from = "{}";
  std::vector<std::string> lines;
  std::array<std::size_t, left_out_reasons> left{};
};

}  // namespace faultline::testing
