// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <utility>

#include "judgement/entity_state.hpp"
#include "judgement/maintenance.hpp"
#include "messages/durations.hpp"
#include "messages/units.hpp"
#include "processing/fast_math.hpp"
#include "processing/roles.hpp"

namespace faultline {
namespace {

constexpr std::size_t width = channel_block::width;
constexpr double missing = std::numeric_limits<double>::quiet_NaN();
constexpr std::uint8_t no_slot = 255;
constexpr double pi = 3.14159265358979;  // to the digits with which the model was trained
// So far out is a fault, also where too little was seen to say how rare: multiples of what is
// usual, more with every half hour, until the tails know better. While they do not, it lasts until
// it is half as far from the profile: the hours before follow a fault within minutes there.
constexpr float gross_deviation = 8;
constexpr float gross_per_block = 1;
constexpr float gross_ends = 0.5f;
constexpr float gross_known = 24;  // blocks: most of a day
// Decades that its pages have made the entity stricter by: two or three of late, and new errors are
// judged as everything else.
constexpr float errors_told = 0.5f;
constexpr float forecast_debt_rate = 0.002f;  // some hundred ticks
constexpr std::int64_t episode_most_ms = day_ms;
constexpr std::uint64_t accept_every = 8;  // ticks
// Blocks that nobody has taken. Whoever keeps them takes them after every record, long before there
// are so many: fewer ticks wait than these hold. Who wants none need not take them.
constexpr std::size_t most_blocks_out = 8;
constexpr std::int64_t pause_ms = 4 * 3'600'000;
constexpr std::int64_t return_ms = 600'000;
constexpr std::uint32_t return_ticks = 12;
constexpr float same_decades = 1;                 // less is what any half hour may hold
constexpr std::uint64_t anonymous_slots_at = 64;  // ticks: until then constant series show

// The values of the tick in flight, and what they say. One per thread: a tick is finished by the
// call that uses it, nothing is kept.
tick_channels& workspace() {
  static thread_local tick_channels space;
  return space;
}

/// weights_for(), whose exponentials are kept for the gaps that entities of this thread have.
const tick_weights& weights_of(std::int64_t gap_ms) {
  struct known {
    std::int64_t gap_ms = -1;
    tick_weights weights;
  };
  static thread_local std::array<known, 64> all;
  auto& k = all[static_cast<std::uint64_t>(gap_ms) * 0x9e3779b97f4a7c15U >> 58U];
  if (k.gap_ms != gap_ms) k = {gap_ms, weights_for(gap_ms)};
  return k.weights;
}

/// The first 64 bits of the file's sha-256.
std::uint64_t model_key_of(const model_identity& m) noexcept {
  std::uint64_t key = 0;
  const auto digits = std::min<std::size_t>(16, m.sha256.size());
  std::from_chars(m.sha256.data(), m.sha256.data() + digits, key, 16);
  return key;
}

bool rebase_tick(std::uint64_t n) noexcept {
  if (n < 4096) return n >= 4 && (n & (n - 1)) == 0;
  return n % 4096 == 0;
}

}  // namespace

metric_role entity_core::impl::role_of_channel(const channel_info& channel) const {
  return channel.derived ? role_of(channel.name) : rules->roles.role_of(channel.name);
}

std::uint8_t entity_core::impl::traits_of(const channel_info& channel) const {
  const auto role = role_of_channel(channel);
  std::uint8_t bits = 0;
  if (role == metric_role::errors || role == metric_role::latency) bits |= channel_trait::symptom;
  if (role <= metric_role::disk || role == metric_role::saturation) bits |= channel_trait::capacity;
  if (names_a_share(channel.name)) bits |= channel_trait::share;
  if (unit_of(channel.name) == "percent") bits |= channel_trait::percent;
  if (role == metric_role::traffic || role == metric_role::network) bits |= channel_trait::load;
  if ((bits & (channel_trait::symptom | channel_trait::capacity)) != 0)
    bits |= channel_trait::relief;
  if (channel.derived) bits |= channel_trait::relief;
  if ((channel.kind == metric_kind::counter) != channel.turned) bits |= channel_trait::rate;
  return bits;
}

// With the next tick, as follow_model(). A slot that is taken stays: the forecaster has learned it.
// Free ones go to whom they are now due.
void entity_core::impl::follow_roles() {
  if (!std::exchange(other_roles, false)) return;
  for (std::size_t c = 0; c < traits.size(); ++c) {
    const auto now = traits_of(builder.channels()[c]);
    if (((now ^ traits[c]) & channel_trait::rate) != 0) begin_anew(c);
    traits[c] = now;
  }
  give_slots(false);
}

// What was learned of the channel is in other units than what comes.
void entity_core::impl::begin_anew(std::size_t channel) {
  channel_block& block = blocks[channel / width];
  block.set_seen(channel % width, 0);
  block.set_visits(channel % width, 0);
  block.visit_sum[channel % width] = 0;
  ring.forget(channel);
  profile.forget(channel);
}

// Roles, limits, room and slots for channels that have appeared.
void entity_core::impl::open_channels() {
  add_channels();
  give_slots(false);
}

void entity_core::impl::add_channels() {
  const auto& channels = builder.channels();
  while (blocks.size() * width < channels.size()) {
    blocks.emplace_back();
    clear_block(blocks.back());
  }
  for (std::size_t c = traits.size(); c < channels.size(); ++c) {
    traits.push_back(traits_of(channels[c]));
    slots.push_back(no_slot);
  }
  rules_changed();
}

// A role's slot goes to the first channel of that role by name; channels without a role, or whose
// slot is taken, fill what is left once it shows which of them move at all.
void entity_core::impl::give_slots(bool anonymous_too) {
  const auto& channels = builder.channels();
  std::vector<std::size_t> order(slots.size());
  for (std::size_t c = 0; c < order.size(); ++c) order[c] = c;
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return channels[a].name < channels[b].name; });
  const auto give = [&](std::size_t c, std::size_t slot) {
    slots[c] = static_cast<std::uint8_t>(slot);
    slot_channel[slot] = static_cast<std::int16_t>(c);
  };
  for (const auto c : order) {
    if (channels[c].derived) continue;  // the forecaster knows metrics
    const auto role = static_cast<std::size_t>(role_of_channel(channels[c]));
    if (slots[c] == no_slot && role < slot_channel.size() && slot_channel[role] < 0) give(c, role);
  }
  if (!anonymous_too) return;
  for (const auto c : order) {
    const auto free = std::find(slot_channel.begin(), slot_channel.end(), -1);
    if (free == slot_channel.end()) return;
    if (slots[c] == no_slot && !channels[c].derived && blocks[c / width].step[c % width] > 0)
      give(c, static_cast<std::size_t>(free - slot_channel.begin()));
  }
}

void entity_core::impl::load_values(const closed_tick& tick) {
  auto& space = workspace();
  space.blocks = blocks.size();
  const auto end = std::copy(tick.values.begin(), tick.values.end(), space.values.begin());
  std::fill(end, space.values.begin() + static_cast<std::ptrdiff_t>(blocks.size() * width),
            missing);
}

// Not when the rules come but with the next tick: a state from a snapshot may be ahead of the
// rules that replay has come to.
void entity_core::impl::follow_model() {
  const auto key = model_key_of(rules->model);
  if (key == model_key) return;
  if (model_key != 0 && model) {
    model.reset();
    forecast_debt = 0;
    shadow_ticks = model_shadow_ticks;
  }
  model_key = key;
}

// Of a maintenance window nothing is learned: its load and its silence are nobody's usual day.
bool entity_core::impl::apart(event_time tick) const {
  return !rules->maintenance.empty() && learns_nothing(rules->maintenance, id, tick);
}

bool entity_core::impl::was_apart(event_time from, event_time to) const {
  return !rules->maintenance.empty() && learned_nothing(rules->maintenance, id, from, to);
}

void entity_core::impl::forget_deviations() {
  for (auto& b : blocks) {
    for (auto* lane : {&b.fast, &b.slow, &b.slower, &b.away}) std::fill_n(*lane, width, 0.0f);
  }
}

void entity_core::impl::begin_tick(forecast_row& row) {
  follow_model();
  const auto& tick = builder.front();
  other_roles = other_roles || tick.sent_anew;
  follow_roles();
  load_values(tick);
  auto& space = workspace();
  const bool aside = apart(tick.ts);
  profile.enter(tick.ts, tick.tick_ms, (!life.firing() || !deciding) && !aside, blocks);
  for (std::size_t b = 0; b < blocks.size(); ++b) {
    const double* values = space.values.data() + b * width;
    std::array<double, width> fresh;  // of which its middle and its grain are learned
    std::copy_n(values, width, fresh.begin());
    for (std::size_t i = 0; aside && i < width; ++i)
      if (blocks[b].seen(i) > 0) fresh[i] = missing;
    prepare_block(blocks[b], fresh.data());
    standardise(blocks[b], values, space.scores[b]);
  }
  flying = true;
  forecast_tick current = forecast_tick_of(space.scores.data());
  fill_time(current);
  fill_input(row, current, kind_class);
  if (model) {
    model->fill(row, current);
  } else {
    row.h.fill(0);
    row.c.fill(0);
    lag_history first;
    first.push(current);
    first.fill(row);
  }
}

// The standardised values of a tick as the model sees them.
forecast_tick entity_core::impl::forecast_tick_of(const block_scores* scores) const {
  forecast_tick in;
  for (std::size_t s = 0; s < slot_channel.size(); ++s) {
    if (slot_channel[s] < 0) continue;
    const auto c = static_cast<std::size_t>(slot_channel[s]);
    in.z[s] = scores[c / width].z[c % width];
    in.mask[s] = scores[c / width].mask[c % width];
  }
  return in;
}

// Time of day and gap of the tick at the front.
void entity_core::impl::fill_time(forecast_tick& in) const {
  const auto& tick = builder.front();
  constexpr auto day = static_cast<double>(day_ms);
  const double turn = std::fmod(static_cast<double>(unix_ms(tick.ts)), day) / day;
  in.sin_day = static_cast<float>(std::sin(2 * pi * turn));
  in.cos_day = static_cast<float>(std::cos(2 * pi * turn));
  const double usual = static_cast<double>(tick.tick_ms);
  in.log_dt = tick.gap_ms <= 0
                  ? 0.0f
                  : fast_ln(static_cast<float>(
                        std::min(static_cast<double>(tick.gap_ms) / usual, 128.0) + 1e-6));
}

void entity_core::impl::finish_tick(const forecast_result* result,
                                    std::vector<entity_decision>& out) {
  const closed_tick& tick = builder.front();
  load_values(tick);
  tick_judgement t;
  t.channels = &workspace();
  t.ts = tick.ts;
  t.tick_ms = tick.tick_ms;
  t.degraded = result == nullptr || shadow_ticks != 0;
  t.aside = apart(t.ts);
  const bool was_firing = life.firing();
  take_attributes();
  score_tick(result, t);
  decide(t, tick.cause, out);
  const bool over = was_firing || life.firing() || t.result.excess() > 0;
  const bool suspicious = (over && deciding) || t.aside;
  const bool silent = silent_episode(t);
  tails.take(t.scores, t.result, unix_ms(t.ts), t.tick_ms,
             (deciding ? !over : !silent) && !t.aside);
  if (!suspicious && !returning(t.tick_ms)) learn_tick(t);
  ring.push(t.ts, t.channels->scores.data(), blocks.size());
  if (t.settled && !t.aside) settle_levels(t, tick.cause, out);
  if (since_pause < never_paused && returning(t.tick_ms) &&
      (since_pause + 1) * t.tick_ms >= return_ms && since_pause + 1 >= return_ticks && !t.aside)
    find_levels(t);
  if (ticks % accept_every == 0 && !t.over_limit && !t.aside) accept_levels(t, tick.cause, out);
  ++ticks;
  if (!tick.deaf && !was_apart(event_time_of(last_tick_ms), t.ts))
    note_gap(static_cast<double>(tick.gap_ms));
  last_tick_ms = unix_ms(t.ts);
  last_score = static_cast<float>(calibration::belief(last_score, t.result.probability,
                                                      std::max<std::int64_t>(tick.gap_ms, 0)));
  last_excess = t.result.excess();
  degraded = t.degraded;
  if (rebase_tick(ticks) && !suspicious) rebase_due();
  if (ticks == anonymous_slots_at) give_slots(true);
  if (ring.pushed() % window_ring::ticks == 0) {
    if (!blocks_out) blocks_out = std::make_unique<std::vector<closed_block>>();
    blocks_out->push_back(
        {static_cast<std::uint32_t>(ring.pushed() / window_ring::ticks - 1),
         pack_block(ring, window_ring::ticks, builder.channels(), blocks, slots, t.tick_ms)});
    if (blocks_out->size() > most_blocks_out) blocks_out->erase(blocks_out->begin());
  }
  if (logs) logs->judged(t.ts);
  if (spans) spans->judged(t.ts);
  builder.pop();
  flying = false;
  for (auto& change : attribute_changes) --change.older_ticks;
  if (!builder.waiting()) take_attributes();
}

// While nothing is decided everything counts, but what lasts for more than a day.
bool entity_core::impl::silent_episode(const tick_judgement& t) {
  if (deciding) return false;
  const std::int64_t now = unix_ms(t.ts);
  if (t.result.excess() > 0 && undecided_since_ms == 0) undecided_since_ms = now;
  if (t.result.excess() < -0.5f) undecided_since_ms = 0;
  return undecided_since_ms != 0 && now - undecided_since_ms > episode_most_ms;
}

// A channel that was never seen to move adds nothing to the largest surprise of many.
std::size_t entity_core::impl::moving_channels() const noexcept {
  std::size_t moving = 0;
  for (const channel_block& b : blocks)
    moving += static_cast<std::size_t>(
        std::count_if(std::begin(b.step), std::end(b.step), [](float s) { return s > 0; }));
  return moving;
}

void entity_core::impl::score_tick(const forecast_result* result, tick_judgement& t) {
  const closed_tick& tick = builder.front();
  auto& space = *t.channels;
  tails.expect(moving_channels());
  const std::int64_t gap = tick.gap_ms > 0 ? tick.gap_ms : t.tick_ms;
  t.weights = weights_of(std::min<std::int64_t>(gap, 128 * t.tick_ms));
  t.weights.shape_at = place_of(t.ts, t.tick_ms).at;
  since_pause = gap >= pause_ms && gap >= 20 * t.tick_ms && ticks != 0
                    ? 0
                    : std::min(since_pause + 1, never_paused);
  if (!t.aside && ticks != 0 && apart(event_time_of(last_tick_ms))) forget_deviations();
  tick_weights w = t.weights;
  const float afresh = 1.0f / static_cast<float>(since_pause + 1);
  for (float* mean : {&w.fast, &w.slow, &w.slower}) *mean = std::max(*mean, afresh);
  for (std::size_t b = 0; b < blocks.size(); ++b) {
    standardise(blocks[b], space.values.data() + b * width, space.scores[b]);
    observe_block(blocks[b], space.values.data() + b * width, w, space.scores[b]);
  }
  look_at_limits(t);
  score_views(t, traits.data(), traits.size());
  if (result != nullptr && !model) model = std::make_unique<model_view>();
  if (model) {
    const forecast_tick current = forecast_tick_of(space.scores.data());
    if (const auto worse = model->worse_than_last(current); worse && !t.aside)
      forecast_debt += forecast_debt_rate * (*worse - forecast_debt);
    const float score = model->score(current);
    const bool heard = shadow_ticks == 0 && forecast_debt <= 0;
    t.scores[static_cast<std::size_t>(view::model)] = heard ? score : 0.0f;
    if (shadow_ticks != 0 && result != nullptr) --shadow_ticks;
    model->take(current, result, static_cast<double>(t.tick_ms) / 1000.0);
  }
  for (std::size_t v = 0; v < view_count; ++v)
    if ((rules->detection.without_views >> v & 1U) != 0) t.scores[v] = 0;
  if (t.scores[static_cast<std::size_t>(view::level)] == 0) t.gross = t.away = 0;
  const double budget = rules->detection.false_pages_per_entity_month;
  t.result = tails.judge(t.scores, budget, learning());
  if (returning(t.tick_ms)) {
    if (t.result.decades < same_decades && where_it_was(t)) {
      since_pause = never_paused;  // it is where it was
    } else {
      t.scores.fill(0), t.symptom = t.gross = t.away = 0;
      t.result = tails.judge(t.scores, budget, learning());
    }
  }
  const float gross = gross_deviation + gross_per_block * tails.blocks();
  if (t.gross > gross || (lasting_error(t) && tails.stricter() < errors_told))
    tails.raise(t.result);
  t.still_gross = tails.blocks() < gross_known && t.away > gross_ends * gross;
}

// A new error that keeps coming is one, also where too little was seen of the log to say how rare.
bool entity_core::impl::lasting_error(const tick_judgement& t) const {
  if (!logs || returning(t.tick_ms)) return false;
  const auto& channels = builder.channels();
  for (std::size_t c = 0; c < channels.size(); ++c) {
    if (channels[c].derived && channels[c].name == entity_logs::names.back())
      return entity_logs::lasts(t.channels->values[c]);
  }
  return false;
}

bool entity_core::impl::where_it_was(const tick_judgement& t) const noexcept {
  for (std::size_t c = 0; c < builder.channels().size(); ++c) {
    if (std::fabs(t.channels->scores[c / width].ratio[tick_profile][c % width]) > 1) return false;
  }
  return true;
}

void entity_core::impl::learn_tick(const tick_judgement& t) {
  for (std::size_t b = 0; b < blocks.size(); ++b)
    learn_block(blocks[b], t.weights, t.channels->scores[b]);
  if (model) model->learn(t.weights);
}

// New middles and scales at doubling ages: from the window while it holds everything, then from the
// streaming quantiles, and then only where they have moved.
void entity_core::impl::rebase_due() {
  std::bitset<window_ring::ticks> teaching;
  for (std::size_t back = 0; back < ring.size(); ++back)
    teaching[back] = rules->maintenance.empty() || !apart(ring.ts(back));
  for (std::size_t c = 0; c < builder.channels().size(); ++c) {
    auto& b = blocks[c / width];
    const auto i = c % width;
    if (b.seen(i) < 3) continue;
    double center = 0, scale = 0;
    if (ticks <= window_ring::ticks) {
      if (!window_base(c, teaching, center, scale)) continue;
    } else {
      quantile_base(b, i, center, scale);
      const double ratio = scale / static_cast<double>(b.scale[i]);
      const double moved = std::fabs(center - b.center[i]) / static_cast<double>(b.scale[i]);
      if (ticks > 1024 && ratio > 0.7 && ratio < 1.4 && moved < 0.5) continue;
    }
    rebase(c, center, scale);
  }
}

// The order of the values is that of their codes.
bool entity_core::impl::window_base(std::size_t channel,
                                    const std::bitset<window_ring::ticks>& teaching, double& center,
                                    double& scale) const {
  std::array<std::int16_t, window_ring::ticks> codes;
  auto end = codes.begin();
  for (std::size_t back = 0; back < ring.size(); ++back) {
    const auto code = ring.code(back, channel);
    if (code != window_ring::missing && teaching[back]) *end++ = code;
  }
  if (end - codes.begin() < 3) return false;
  std::sort(codes.begin(), end);
  const auto& b = blocks[channel / width];
  const auto i = channel % width;
  const auto at = [&](double p) {
    const auto last = static_cast<double>(end - codes.begin() - 1);
    const auto code = codes[static_cast<std::size_t>(p * last + 0.5)];
    return b.center[i] + window_ring::sinh_z(code) * static_cast<double>(b.scale[i]);
  };
  center = at(0.5);
  scale = std::max(
      {(at(0.75) - at(0.25)) / 1.349, (at(0.95) - at(0.05)) / 3.29, scale_floor(b, i, center)});
  return true;
}

void entity_core::impl::rebase(std::size_t channel, double center, double scale) {
  auto& b = blocks[channel / width];
  const channel_block old = b;
  rebase_channel(b, channel % width, center, scale);
  profile.rebase(channel, old, b);
  ring.rebase(channel, old, b);
}

// After hours away the levels may be others, as after a restart: they are looked for before
// anything is judged by them.
bool entity_core::impl::returning(std::int64_t tick_ms) const noexcept {
  return since_pause < return_ticks || since_pause * tick_ms < return_ms;
}

}  // namespace faultline
