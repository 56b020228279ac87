// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "messages/alert.hpp"
#include "messages/time.hpp"
#include "processing/byte_io.hpp"

namespace faultline {

/// Why an episode began. Stands in its id.
enum class alert_reason : std::uint8_t { deviation = 0, limit, silence };
const char* to_string(alert_reason) noexcept;
inline constexpr alert_reason all_alert_reasons[] = {alert_reason::deviation, alert_reason::limit,
                                                     alert_reason::silence};
/// What it is called by label `alertname`.
const char* alert_name(alert_reason) noexcept;

/// What an alert of a silence calls how long it has lasted: its metric, and its only contributor.
inline constexpr std::string_view silence_metric = "silence_s";

/// What one judged tick says about the alert.
struct tick_signs {
  bool over = false;           ///< above the threshold
  bool extreme = false;        ///< so far above that one tick is enough
  bool quiet = false;          ///< clearly below the threshold
  bool fault = false;          ///< a fault is under way: symptoms or a critical limit
  bool limit = false;          ///< an operator's limit is crossed or about to be
  bool crossed = false;        ///< it is crossed
  bool limit_unknown = false;  ///< a metric with a limit says nothing
  bool settled = false;        ///< this has been normal for a day: let it be the new normal
};

/// `tell`: nothing of it changes, but there is something to say.
enum class alert_step : std::uint8_t { none, fire, tell, rise, resolve };

/// The life of an entity's alert: fires on two of three ticks over the threshold (or one extreme
/// one), rises to critical and never sinks, resolves after quiet time. One episode at a time.
///
/// The end of a crossed limit is no matter of opinion: the third tick in a row within it resolves.
/// What the views still say then is the echo of it, which opens no alert until it has died away,
/// for ten minutes at most. A silence ends with the next event, not here.
class alert_lifecycle {
public:
  /// What should happen at the tick @p ts, without doing it; keeps the recent past.
  alert_step next(const tick_signs& signs, std::int64_t ts_ms, std::int64_t tick_ms) noexcept;
  /// Does it: begins, raises or ends the episode.
  void apply(alert_step step, alert_severity severity, alert_reason reason, std::int64_t ts_ms);
  /// Takes over what a recorded transition says (replay).
  void adopt(const alert& recorded, alert_reason reason);

  bool firing() const noexcept { return firing_; }
  alert_severity severity() const noexcept { return severity_; }
  alert_reason reason() const noexcept { return reason_; }
  std::uint32_t episode() const noexcept { return episode_; }
  std::uint32_t transition() const noexcept { return transition_; }
  std::int64_t started_ms() const noexcept { return started_ms_; }
  /// Whether the next tick may be one that an operator hears of: an alert is firing, or one of the
  /// last three ticks had a sign of one.
  bool expectant() const noexcept { return firing_ || (over_ & 7U) != 0; }
  /// Severity that a firing tick of late asks for.
  bool wants_critical() const noexcept { return fault_run_ >= 3; }

  void save(byte_writer& out) const;
  /// @p version of the entity's snapshot.
  bool restore(byte_reader& in, std::uint8_t version);

private:
  void follow_limit(const tick_signs& signs) noexcept;
  void end(std::int64_t ts_ms) noexcept;

  std::uint8_t over_ = 0;  ///< the last eight ticks, newest in bit 0
  std::uint8_t fault_run_ = 0;
  bool firing_ = false;
  alert_severity severity_ = alert_severity::warning;
  alert_reason reason_ = alert_reason::deviation;
  std::uint32_t episode_ = 0;
  std::uint32_t transition_ = 0;
  std::int64_t started_ms_ = 0;
  std::int64_t loud_ms_ = 0;       ///< last tick that was not quiet; after a limit: its end
  std::uint8_t within_run_ = 250;  ///< ticks since a limit was crossed
  std::uint8_t unknown_run_ = 0;   ///< of these, the ones that did not say
  bool crossed_ = false;           ///< the episode crossed a limit
  bool after_limit_ = false;       ///< it has just ended, and its echo lasts
};

/// Identity of an episode: entity, reason, start and number, never a score.
std::string alert_id(std::string_view entity, alert_reason reason, std::int64_t started_ms,
                     std::uint32_t episode);

}  // namespace faultline
