// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <cstdio>

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
  return a.metric.empty() ? "silence of " + a.entity : a.metric + " of " + a.entity;
}

std::string summary_of(const tracked_incident& i) {
  const incident& r = i.record;
  std::string text = i.first_text;
  if (r.entities.size() > 1) {
    const auto others = r.entities.size() - 1;
    text += " and " + std::to_string(others) + (others == 1 ? " other" : " others");
  }
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
  } else if (!r.causes.empty()) {
    text += "; no cause stands out";
  }
  if (!i.origin.empty()) text += " (split from " + i.origin + ")";
  return text;
}

}  // namespace faultline
