// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cstddef>

#include "judgement/channel_block_codec.hpp"
#include "judgement/entity_state.hpp"
#include "messages/version.hpp"

// snapshot := version(u8 = 15) body checksum(u64: stable_hash of all before it)
//
// Versions from 3 end their body with logic(u32) model_key(u64) shadow_ticks(u16), from 6 with
// told(u8) and, where that is 1, the told_series behind that. The body is the state as it stands in
// memory, piece by piece; each piece reads itself back and refuses what does not fit. A published
// version never changes. Versions 1 to 14 are read and no longer written; 14 has no histograms, 13
// no durations of calls, 12 knows signs by their begin alone, 11 has no operations of spans and no
// calls that were left out, 10 does not know the newest line and span, 9 has no channels of spans,
// 8 no words of logs, 7 no weak signs, 6 does not know how good the forecasts were, 5 nothing of
// logs and spans; 4 has a tail of every view and two numbers of each channel that nothing read; 1
// knows nothing of crossed limits (alert_lifecycle) and holds wall clock times where events bring
// their own (accept_past). 1 to 3 had other deviations and other tails: what they know of values,
// levels, profiles, alerts and edges is taken over, how rare things are is learned again.

namespace faultline {
namespace {

constexpr std::uint8_t snapshot_version = 15;
constexpr std::size_t checksum_bytes = 8;
constexpr std::size_t most_attributes = 33;  // an event's, and `ephemeral` from one before
constexpr std::size_t most_text = 64 * 1024;
constexpr std::size_t most_alert = 1024 * 1024;  // its labels hold all attributes

/// The plain numbers of an entity.
struct counters {
  std::uint64_t position, observations, ticks;
  std::int64_t first_ms, last_ms, last_heard_ms, clock_ms, clock_arrived_ms, last_tick_ms;
  double longest_gap_ms;
  std::uint32_t index, since_pause;
  float forecast_debt;  ///< 0 in versions 4 to 6
  float last_score, last_excess;
  std::uint16_t partition;
  std::uint8_t degraded, has_model;
};

struct counters_3 {
  std::uint64_t position, observations, ticks;
  std::int64_t first_ms, last_ms, last_heard_ms, clock_ms, clock_arrived_ms, last_tick_ms;
  double longest_gap_ms;
  std::uint32_t index;
  float last_score, last_excess;
  std::uint16_t partition;
  std::uint8_t degraded, has_model;
};

bool read_counters_3(byte_reader& in, counters& n) {
  counters_3 old{};
  if (!in.get(old)) return false;
  n = {old.position,
       old.observations,
       old.ticks,
       old.first_ms,
       old.last_ms,
       old.last_heard_ms,
       old.clock_ms,
       old.clock_arrived_ms,
       old.last_tick_ms,
       old.longest_gap_ms,
       old.index,
       1'000'000,
       0,
       old.last_score,
       old.last_excess,
       old.partition,
       old.degraded,
       old.has_model};
  return true;
}

bool read_tails_of(std::uint8_t version, byte_reader& in, calibration& tails) {
  if (version < 4) return calibration::skip_version_3(in);
  if (version == 4) return tails.restore_version_4(in);
  return tails.restore(in);
}

}  // namespace

std::string entity_core::impl::save() const {
  std::string bytes;
  bytes.reserve(8192 + blocks.size() * 6144);
  byte_writer out{bytes};
  out.put(snapshot_version);
  const counters n{covered.position,
                   observations,
                   ticks,
                   first_ms,
                   last_ms,
                   last_heard_ms,
                   clock_ms,
                   clock_arrived_ms,
                   last_tick_ms,
                   longest_gap_ms,
                   covered.index,
                   since_pause,
                   forecast_debt,
                   last_score,
                   last_excess,
                   covered.partition,
                   static_cast<std::uint8_t>(degraded ? 1 : 0),
                   static_cast<std::uint8_t>(model ? 1 : 0)};
  out.put(n);
  builder.save(out);
  write_blocks(out, blocks);
  out.put(slot_channel);
  profile.save(out);
  ring.save(out);
  tails.save(out);
  life.save(out);
  if (model) model->save(out);
  out.put_text(open ? encode_alert(*open) : std::string{});
  out.put(static_cast<std::uint16_t>(edges.size()));
  for (const auto& e : edges) {
    out.put(e.hash);
    out.put(e.told_ms);
    out.put(e.present);
  }
  out.put(static_cast<std::uint8_t>(attributes.size()));
  for (const auto& [key, value] : attributes) {
    out.put_text(key);
    out.put_text(value);
  }
  out.put(logic_version);
  out.put(model_key);
  out.put(shadow_ticks);
  out.put(static_cast<std::uint8_t>(told ? 1 : 0));
  if (told) told->save(out);
  out.put(last_sign_s);
  out.put(told_sign_s);
  out.put(lull_decades);
  out.put(static_cast<std::uint8_t>(logs ? 1 : 0));
  if (logs) logs->save(out);
  out.put(static_cast<std::uint8_t>(spans ? 1 : 0));
  if (spans) spans->save(out);
  out.put(static_cast<std::uint8_t>(histograms ? 1 : 0));
  if (histograms) histograms->save(out);
  out.put(stable_hash(bytes));
  return bytes;
}

outcome<void> entity_core::impl::restore(std::string_view bytes) {
  const failure broken{ec::malformed, "entity snapshot: " + id};
  if (bytes.empty()) return broken;
  const auto version = static_cast<std::uint8_t>(bytes[0]);
  if (auto known = check_version("entity snapshot", version, snapshot_version); !known)
    return known;
  if (bytes.size() < 1 + sizeof(counters_3) + checksum_bytes) return broken;
  const auto body = bytes.substr(0, bytes.size() - checksum_bytes);
  std::uint64_t checksum = 0;
  byte_reader end{bytes.substr(body.size())};
  end.get(checksum);
  if (checksum != stable_hash(body)) return broken;
  byte_reader in{body.substr(1)};
  counters n{};
  if (!(version < 4 ? read_counters_3(in, n) : in.get(n)) || !builder.restore(in)) return broken;
  covered = {n.partition, n.position, n.index};
  observations = n.observations, ticks = n.ticks;
  first_ms = n.first_ms, last_ms = n.last_ms, last_heard_ms = n.last_heard_ms;
  clock_ms = n.clock_ms, clock_arrived_ms = n.clock_arrived_ms, last_tick_ms = n.last_tick_ms;
  longest_gap_ms = n.longest_gap_ms;
  if (version == 1 && rules->processing.accept_past) last_heard_ms = last_ms;
  since_pause = n.since_pause;
  last_score = n.last_score, last_excess = n.last_excess;
  forecast_debt = n.forecast_debt;
  if (!all_finite(&forecast_debt, 1)) return broken;
  degraded = (n.degraded & 1) != 0;
  if ((n.degraded & 2) != 0)  // written by version 1 only
    builder.note_deafness(partition_time::longest_pause(rules->processing).count());
  const std::size_t channels = builder.channels().size();
  if (!read_blocks(version, in, channels, blocks) || !in.get(slot_channel)) return broken;
  const std::size_t padded = blocks.size() * channel_block::width;
  if (!profile.restore(in, padded) || !ring.restore(in, padded) ||
      !read_tails_of(version, in, tails) || !life.restore(in, version))
    return broken;
  add_channels();
  other_roles = true;  // those that gave the slots in here may be newer than these, or older
  tails.expect(moving_channels());
  std::fill(slots.begin(), slots.end(), std::uint8_t{255});
  for (std::size_t s = 0; s < slot_channel.size(); ++s) {
    if (slot_channel[s] >= static_cast<std::int16_t>(channels)) return broken;
    if (slot_channel[s] >= 0)
      slots[static_cast<std::size_t>(slot_channel[s])] = static_cast<std::uint8_t>(s);
  }
  if (n.has_model != 0) {
    model = std::make_unique<model_view>();
    if (!model->restore(in)) return broken;
  }
  if (!restore_words(in)) return broken;
  std::uint32_t logic = 0;
  if (version > 2) {
    in.get(logic);
    in.get(model_key);
    in.get(shadow_ticks);
  }
  if (!restore_told(version, in)) return broken;
  return in.at_end() ? outcome<void>{} : outcome<void>{broken};
}

/// What later versions have besides: what others tell of it, signs, lines and spans.
bool entity_core::impl::restore_told(std::uint8_t version, byte_reader& in) {
  std::uint8_t tells = 0;
  if (version > 5 && (!in.get(tells) || tells > 1)) return false;
  if (tells == 1 && !told_by().restore(in, version)) return false;
  if (version > 7 && !read_signs(version, in)) return false;
  std::uint8_t writes = 0;
  if (version > 8 && (!in.get(writes) || writes > 1)) return false;
  if (writes == 1) {
    logs = std::make_unique<entity_logs>();
    if (!logs->restore(in, version)) return false;
  }
  if (version > 9 && !read_spans(in, version)) return false;
  return version < 15 || read_histograms(in);
}

bool entity_core::impl::read_histograms(byte_reader& in) {
  std::uint8_t has = 0;
  if (!in.get(has) || has > 1) return false;
  if (has == 0) return true;
  histograms = std::make_unique<histogram_quantiles>();
  return histograms->restore(in);
}

/// Of versions before 13 how rare the last sign was: as good a lull.
bool entity_core::impl::read_signs(std::uint8_t version, byte_reader& in) {
  if (version > 12) {
    in.get(last_sign_s);
    in.get(told_sign_s);
  } else {
    std::int64_t last_ms_of_sign = 0;
    in.get(last_ms_of_sign);
    last_sign_s = told_sign_s = static_cast<std::uint32_t>(last_ms_of_sign / 1000);
  }
  return in.get(lull_decades) && all_finite(&lull_decades, 1);
}

bool entity_core::impl::read_spans(byte_reader& in, std::uint8_t version) {
  std::uint8_t sends = 0;
  if (!in.get(sends) || sends > 1) return false;
  if (sends == 0) return true;
  spans = std::make_unique<entity_spans>();
  return spans->restore(in, version);
}

// Alert, edges and attributes: what is not numbers.
bool entity_core::impl::restore_words(byte_reader& in) {
  std::string text;
  if (!in.get_text(text, most_alert)) return false;
  if (!text.empty()) {
    auto a = decode_alert(text);
    if (!a) return false;
    open = std::make_unique<alert>(std::move(*a));
  }
  if ((open != nullptr) != life.firing()) return false;
  std::uint16_t edge_count = 0;
  in.get(edge_count);
  for (std::uint16_t e = 0; in.ok() && e < edge_count; ++e) {
    auto& edge = edges.emplace_back();
    in.get(edge.hash);
    in.get(edge.told_ms);
    in.get(edge.present);
  }
  std::uint8_t count = 0;
  if (!in.get(count) || count > most_attributes) return false;
  for (std::uint8_t a = 0; a < count; ++a) {
    auto& [key, value] = attributes.emplace_back();
    if (!in.get_text(key, most_text) || !in.get_text(value, most_text)) return false;
    ephemeral = ephemeral || (key == "ephemeral" && value == "true");
  }
  return in.ok();
}

}  // namespace faultline
