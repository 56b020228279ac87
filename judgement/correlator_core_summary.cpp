// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string_view>

#include "judgement/alert_lifecycle.hpp"
#include "judgement/correlator_core_impl.hpp"

namespace faultline {

std::string clock_text(event_time t) {
  const std::int64_t minutes = unix_ms(t) / 60'000 % 1'440;
  char text[16];
  std::snprintf(text, sizeof text, "%02d:%02d", static_cast<int>(minutes / 60),
                static_cast<int>(minutes % 60));
  return text;
}

std::string alert_text(const alert& a) {
  const bool silent = a.metric.empty() || (a.source.empty() && a.metric == silence_metric);
  return silent ? "silence of " + a.entity : a.metric + " of " + a.entity;
}

namespace {

constexpr std::string_view at_once = " entities that stopped at once";

/// What an incident that has ended is called once its alerts are let go.
bool is_whole(const std::string& first_text) {
  return first_text.find(at_once) != std::string::npos;
}

}  // namespace

std::string subject_of(const tracked_incident& i) {
  if (i.stops == 0 && is_whole(i.first_text)) return i.first_text;
  std::string text = i.first_text;
  auto others = i.record.entities.size() - std::min<std::size_t>(i.record.entities.size(), 1);
  if (i.stops >= correlator_limits::stops_together) {
    text = "silence of " + std::to_string(i.stops);
    text += at_once;
    others = i.record.entities.size() - std::min(i.record.entities.size(), i.stops);
  }
  if (others > 0) text += " and " + std::to_string(others) + (others == 1 ? " other" : " others");
  return text;
}

std::string summary_of(const tracked_incident& i) {
  const incident& r = i.record;
  const std::string subject = subject_of(i);
  std::string text = subject;
  if (r.ended) {
    text += " from " + clock_text(r.started) + " to " + clock_text(*r.ended);
  } else {
    text += " since " + clock_text(r.started);
  }
  if (!r.abstained && !r.causes.empty()) {
    const ranked_cause& c = r.causes.front();
    std::string what = c.fault_class.empty() ? "fault" : c.fault_class;
    std::replace(what.begin(), what.end(), '_', ' ');
    text += "; likely cause: " + what + " in " + c.entity + " (" +
            std::to_string(std::lround(100 * c.probability)) + " %)";
  } else if (is_whole(subject)) {
    text += "; did what sends for them stop? (`faultline publisher list`)";
  } else if (!r.causes.empty()) {
    text += "; no cause stands out";
  }
  if (!i.origin.empty()) text += " (split from " + i.origin + ")";
  return text;
}

}  // namespace faultline
