// SPDX-License-Identifier: Apache-2.0
#include "processing/admission.hpp"

namespace faultline {
namespace {

std::string seconds_text(std::int64_t ms) { return std::to_string((ms + 999) / 1000) + " s"; }

}  // namespace

admission admit(const event_view& event, arrival_time arrived, const processing_options& options) {
  admission result;
  const std::int64_t now = unix_ms(arrived);
  if (!event.has_ts) {
    result.ts = event_time_of(now);
    return result;
  }
  const std::int64_t ahead = unix_ms(event.ts) - now;
  if (ahead > options.max_future.count()) {
    result.refused = reject_reason::ts_in_future;
    result.text = "ts is " + seconds_text(ahead) + " after its arrival, at most " +
                  seconds_text(options.max_future.count()) + " are taken; check the clock";
    return result;
  }
  if (!options.accept_past && -ahead > options.max_late.count()) {
    result.refused = reject_reason::ts_too_old;
    result.text = "ts is " + seconds_text(-ahead) + " before its arrival, at most " +
                  seconds_text(options.max_late.count()) + " are taken (processing.max_late)";
    return result;
  }
  result.ts = event.ts;
  return result;
}

}  // namespace faultline
