// SPDX-License-Identifier: Apache-2.0
#include "processing/tick_builder.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "messages/identity.hpp"
#include "processing/prefetch.hpp"
#include "processing/roles.hpp"

namespace faultline {
namespace {

constexpr double missing = std::numeric_limits<double>::quiet_NaN();
constexpr std::uint16_t forget_after = 8;  // ticks without a value: no longer expected
// So long without a metric, and that many ticks: lines and spans open ticks. The second where it is
// not known how often metrics come.
constexpr std::int64_t away_ms = 300'000;
constexpr std::int64_t away_young_ms = 3'600'000;
constexpr std::int64_t away_steps = 4;      // at least so many ticks with lines or spans
constexpr std::uint8_t counter_after = 50;  // rises of a gauge that never fell
constexpr std::uint32_t crowded_from = 3;
constexpr std::uint32_t crowded_most = 16;

/// So far apart come rows of which there is about one a tick; and those that do where a tick has
/// begun since the last.
std::int64_t about_a_tick(std::int64_t tick_ms) noexcept { return tick_ms * 6 / 10; }
std::int64_t into_the_next(std::int64_t tick_ms) noexcept { return tick_ms * 3 / 10; }

std::int64_t round_div(std::int64_t a, std::int64_t b) noexcept {
  const std::int64_t doubled = 2 * a + b;
  const std::int64_t q = doubled / (2 * b);
  return doubled % (2 * b) < 0 ? q - 1 : q;
}

/// Values of the event being read, by channel. One per thread: the call that reads it uses it up.
std::vector<double>& row_of_event() {
  static thread_local std::vector<double> row;
  return row;
}

std::uint16_t mark_of(std::string_view name) noexcept {
  return static_cast<std::uint16_t>(stable_hash(name));
}

/// Marks of the channels of an entity that is full, empty until one is asked for: what else it is
/// sent, up to thousands of names an event, is not held against 256 texts each. As above.
std::vector<std::uint16_t>& marks_of_event() {
  static thread_local std::vector<std::uint16_t> marks;
  return marks;
}

bool is_known_as_none(std::string_view name, const std::vector<channel_info>& channels) {
  auto& marks = marks_of_event();
  if (marks.empty())
    for (const auto& channel : channels) marks.push_back(mark_of(channel.name));
  return std::find(marks.begin(), marks.end(), mark_of(name)) == marks.end();
}

}  // namespace

std::int64_t tick_builder::tick_ms(const processing_options& options) const noexcept {
  return std::max<std::int64_t>({options.tick.count(), median_ms_, 1});
}

std::size_t tick_builder::find_or_add_channel(const metric_point& point, std::size_t nth) {
  if (channels_.size() == max_channels && is_known_as_none(point.name, channels_))
    return max_channels;
  for (std::size_t c = 0; c < channels_.size(); ++c) {
    if (channels_[c].name == point.name) {
      layout_[nth] = static_cast<std::uint16_t>(c);
      return c;
    }
  }
  if (channels_.size() == max_channels) return max_channels;
  channel_info channel;
  channel.name = interned{point.name};
  channel.kind = point.kind;
  channels_.push_back(std::move(channel));
  row_of_event().push_back(missing);
  layout_[nth] = static_cast<std::uint16_t>(channels_.size() - 1);
  return channels_.size() - 1;
}

void tick_builder::turn(channel_info& channel, metric_kind into) noexcept {
  channel.kind = into;
  channel.rising = 0;
  channel.turned = !channel.turned;  // there and back is nothing
  sent_anew_ = true;
  const auto c = static_cast<std::size_t>(&channel - channels_.data());
  for (auto& tick : open_)
    if (c < tick.count.size()) tick.sum[c] = 0, tick.count[c] = 0;
}

// Rate of a counter since its last value; a fall is a restart that counted from zero. Who calls it
// a gauge and falls by less than half does not count, whatever its name says.
std::optional<double> tick_builder::value_of(channel_info& channel, const metric_point& point,
                                             std::int64_t ts) noexcept {
  const double before = channel.last;
  const std::int64_t before_ms = channel.last_ms;
  const bool was_gauge = channel.kind == metric_kind::gauge && before_ms != 0;
  if (was_gauge && point.kind != metric_kind::gauge) turn(channel, metric_kind::counter);
  if (point.kind == metric_kind::rate) {  // a counter that comes after it begins anew
    channel.kind = metric_kind::counter;
    channel.last_ms = 0;
    return point.value;
  }
  if (before_ms != 0 && ts > before_ms && channel.kind == metric_kind::counter &&
      point.kind == metric_kind::gauge && point.value < before && point.value > before / 2)
    turn(channel, metric_kind::gauge);
  if (channel.kind == metric_kind::gauge && point.kind == metric_kind::gauge) {
    if (before_ms != 0 && point.value < before) channel.rising = 0;
    const bool rose = before_ms != 0 && point.value > before && channel.rising < counter_after;
    channel.rising = static_cast<std::uint8_t>(channel.rising + (rose ? 1 : 0));
    channel.last = point.value;
    channel.last_ms = ts;
    if (channel.rising < counter_after || !names_a_counter(channel.name)) return point.value;
    turn(channel, metric_kind::counter);
    return std::nullopt;
  }
  channel.kind = metric_kind::counter;
  if (before_ms != 0 && ts <= before_ms) return std::nullopt;
  channel.last = point.value;
  channel.last_ms = ts;
  if (before_ms == 0) return std::nullopt;
  const double grown = point.value < before ? point.value : point.value - before;
  const double rate = grown * 1000.0 / static_cast<double>(ts - before_ms);
  return std::isfinite(rate) ? std::optional{rate} : std::nullopt;
}

// Reads the values of @p event into row_of_event(). @returns true when every expected channel is
// carried.
bool tick_builder::read_event(const event_view& event, std::int64_t ts) {
  const auto count = event.metrics.size();
  if (layout_.size() != count) layout_.resize(count, 0);
  auto& row = row_of_event();
  row.assign(channels_.size(), missing);
  marks_of_event().clear();
  std::size_t covered = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const auto& point = event.metrics[i];
    std::size_t c = layout_[i];
    if (c >= channels_.size() || channels_[c].name != point.name) c = find_or_add_channel(point, i);
    if (c == max_channels) {
      ++ignored_;
      continue;
    }
    auto& channel = channels_[c];
    sent_anew_ = sent_anew_ || channel.derived;
    channel.derived = false;  // what is sent goes before what we make of lines and spans
    covered += channel.expected ? 1 : 0;
    if (const auto value = value_of(channel, point, ts)) row[c] = *value;
  }
  return expected_ != 0 ? covered >= expected_ : false;
}

std::int64_t tick_builder::index_of(std::int64_t ts, std::int64_t tick) const noexcept {
  return base_index_ + round_div(ts - anchor_ms_, tick);
}

// The origin of the grid goes along with what is over, in whole ticks: another pace, which counts
// from there, must not count all that is past in its own ticks.
void tick_builder::close_through(std::int64_t index) noexcept {
  closed_through_ = index;
  if (index <= base_index_) return;
  anchor_ms_ += (index - base_index_) * pace_ms_;
  base_index_ = index;
}

// Moves the middle of the grid a quarter of the way towards what came: clocks drift.
void tick_builder::follow(std::int64_t index, std::int64_t ts, std::int64_t tick) noexcept {
  if (index < base_index_) return;
  const std::int64_t middle = anchor_ms_ + (index - base_index_) * tick;
  anchor_ms_ = middle + (ts - middle) / 4;
  base_index_ = index;
}

std::int64_t tick_builder::placed_ms(event_time at,
                                     const processing_options& options) const noexcept {
  const auto ts = unix_ms(at);
  if (options.accept_past || clock_ms_ == 0) return ts;
  return std::min(ts, clock_ms_ + tick_ms(options));
}

bool tick_builder::is_late(event_time at, std::int64_t newest_ms,
                           const processing_options& options) const noexcept {
  if (!started_ || newest_ms == 0) return false;
  const auto tick = tick_ms(options);
  const auto index = index_of(placed_ms(at, options), tick);
  if (index >= index_of(newest_ms, tick) - std::int64_t{options.lateness_ticks}) return false;
  return index <= closed_through_ || only_derived();
}

// Where lines and spans have gone on beyond a metric at @p ts, it is of the tick in which it comes:
// @p index is that of the next one then. @returns when it counts as sent.
std::int64_t tick_builder::place_behind_derived(std::int64_t& index, std::int64_t ts,
                                                std::int64_t tick) noexcept {
  const bool first = only_derived();
  if (!first && (ts - newest_ms_ < about_a_tick(tick) || !has_derived())) return ts;
  index = closed_through_ + 1;
  if (first) newest_ms_ = ts;
  if (ts <= last_closed_ms_)
    return std::max(last_closed_ms_ + 1, anchor_ms_ + (index - base_index_) * tick - tick / 2);
  base_index_ = index;
  anchor_ms_ = ts;
  return ts;
}

tick_builder::result tick_builder::add(const event_view& event, const record_mark& cause,
                                       const processing_options& options) {
  const std::int64_t tick = pace_ms_ = tick_ms(options);
  const std::int64_t ts = placed_ms(event.ts, options);
  if (!started_) {
    started_ = true;
    anchor_ms_ = ts;
  }
  const bool merging = crowded_ >= crowded_from;
  std::int64_t index = index_of(ts, tick);
  // Of several in a tick, one behind all that are over is not late: by a longer pace they end
  // later.
  if (merging && index == closed_through_ && ts > last_closed_ms_) ++index;
  const std::int64_t since = ts - newest_ms_;
  const std::int64_t at = index <= closed_through_ ? place_behind_derived(index, ts, tick) : ts;
  if (index <= closed_through_) {
    ++late_;
    metrics_come();
    if (event.metrics.size() >= expected_) crowded_ = std::min(crowded_ + 2, crowded_most);
    return result::late;
  }
  bool row = read_event(event, ts);
  // Only what comes about once a tick shows where the middle of a tick is. What comes more often
  // would drag the grid along, and no tick would ever end.
  const bool next_begun = since >= into_the_next(tick) && index > base_index_;
  if (at == ts && (since >= about_a_tick(tick) || next_begun)) follow(index, ts, tick);
  newest_ms_ = std::max(newest_ms_, ts);
  const auto before = waiting_;
  if (expected_ == 0 && !open_.empty() && open_.front().index < index &&
      event.metrics.size() >= channels_.size()) {
    close_open_below(index, cause);  // the same set twice: it sends rows
    row = true;
  }
  if (row && !merging) {
    close_row(index, at, cause);
    return result::closed;
  }
  merge(index, at);
  close_open_below(row ? index : index - std::int64_t{options.lateness_ticks}, cause);
  return waiting_ != before ? result::closed : result::open;
}

std::optional<std::size_t> tick_builder::derive(std::string_view name, std::size_t most) {
  for (std::size_t c = 0; c < channels_.size(); ++c)
    if (channels_[c].name == name)
      return channels_[c].derived ? std::optional<std::size_t>{c} : std::nullopt;
  if (channels_.size() >= most) {
    if (most == max_channels) ++ignored_;
    return std::nullopt;
  }
  channel_info channel;
  channel.name = interned{name};
  channel.derived = true;
  channels_.push_back(std::move(channel));
  return channels_.size() - 1;
}

void tick_builder::set_derived(std::size_t nth, std::size_t channel, double value) {
  auto& values = queue_[first_ + nth].values;
  if (values.size() < channels_.size()) values.resize(channels_.size(), missing);
  values[channel] = value;
}

bool tick_builder::has_derived() const noexcept {
  return std::any_of(channels_.begin(), channels_.end(),
                     [](const channel_info& c) { return c.derived; });
}

bool tick_builder::only_derived() const noexcept {
  return std::all_of(channels_.begin(), channels_.end(),
                     [](const channel_info& c) { return c.derived; });
}

// Whether no metric comes any more. That none is as new as lines are says nothing: some are told
// minutes after their time. So what counts are ticks of lines and spans from one metric to the
// next.
bool tick_builder::metrics_stay_away(std::int64_t index, std::int64_t newest,
                                     const processing_options& options) noexcept {
  const bool young = interval_count_ < intervals_.size();
  const auto most =
      std::clamp<std::int64_t>((young ? away_young_ms : away_ms) / pace_ms_, forget_after, 0x7fff);
  const auto due = closed_through_ + 2 + std::int64_t{options.lateness_ticks};
  const auto passed = std::clamp<std::int64_t>(index - std::max(newest, due), 0, most / away_steps);
  bool away = true;
  for (auto& c : channels_) {
    if (c.derived) continue;
    c.missed = static_cast<std::uint16_t>(std::min<std::int64_t>(c.missed + passed, 0xffff));
    away = away && c.missed >= most;
    if (!away && passed == 0) return false;
  }
  return away;
}

// Also by one that is too late for its tick.
void tick_builder::metrics_come() noexcept {
  for (auto& c : channels_)
    if (!c.derived) c.missed = std::min<std::uint16_t>(c.missed, forget_after - 1);
}

void tick_builder::touch(event_time at, std::int64_t newest_ms, const record_mark& cause,
                         const processing_options& options) {
  const std::int64_t tick = pace_ms_ = tick_ms(options);
  const std::int64_t ts = placed_ms(at, options);
  if (!started_) {
    started_ = true;
    anchor_ms_ = ts;
  }
  const std::int64_t index = index_of(ts, tick);
  if (index <= closed_through_) return;
  const bool alone = only_derived();
  if (!alone && !metrics_stay_away(index, index_of(newest_ms, tick), options)) return;
  row_of_event().assign(channels_.size(), missing);
  if (alone) newest_ms_ = std::max(newest_ms_, ts);
  merge(index, ts);
  close_open_below(index - std::int64_t{options.lateness_ticks}, cause);
}

// One tick at a time, for each may change the pace: who hears of the last of several clocks only
// closes what all of them would have closed.
bool tick_builder::advance(event_time now, const record_mark& cause,
                           const processing_options& options) {
  clock_ms_ = std::max(clock_ms_, unix_ms(now));
  const auto before = waiting_;
  while (!open_.empty()) {
    const std::int64_t tick = pace_ms_ = tick_ms(options);
    const std::int64_t due = clock_ms_ - tick / 2 - std::int64_t{options.lateness_ticks} * tick;
    const auto end = base_index_ + round_div(due - anchor_ms_ - tick / 2, tick) + 1;
    if (open_.front().index >= end) break;
    close_open_below(open_.front().index + 1, cause);
  }
  return waiting_ != before;
}

void tick_builder::merge(std::int64_t index, std::int64_t ts) {
  const auto& row = row_of_event();
  auto at = std::lower_bound(open_.begin(), open_.end(), index,
                             [](const open_tick& o, std::int64_t i) { return o.index < i; });
  if (at == open_.end() || at->index != index) {
    at = open_.insert(at, open_tick{});
    at->index = index;
    at->newest_ms = ts;
  }
  at->newest_ms = std::max(at->newest_ms, ts);
  at->last = record_;
  at->sum.resize(channels_.size(), 0.0);
  at->count.resize(channels_.size(), 0);
  for (std::size_t c = 0; c < channels_.size(); ++c) {
    if (std::isnan(row[c])) continue;
    const double sum = at->sum[c] + row[c];
    const bool fits = std::isfinite(sum);  // else the newest value stands for all
    at->sum[c] = fits ? sum : row[c];
    at->count[c] = fits ? at->count[c] + 1 : 1;
  }
}

void tick_builder::close_row(std::int64_t index, std::int64_t ts, const record_mark& cause) {
  if (!open_.empty()) {
    if (open_.back().index >= index) merge(index, ts);
    close_open_below(index + 1, cause);
    if (closed_through_ >= index) return;
  }
  if (open_.capacity() != 0) std::vector<open_tick>{}.swap(open_);  // who sends rows needs none
  auto& tick = append(ts, cause);
  tick.last = record_;
  tick.values.assign(row_of_event().begin(), row_of_event().end());
  close_through(index);
  crowded_ -= crowded_ != 0 ? 1 : 0;
  closed(tick);
}

void tick_builder::close_open_below(std::int64_t index, const record_mark& cause) {
  std::size_t done = 0;
  for (; done < open_.size() && open_[done].index < index; ++done) {
    auto& from = open_[done];
    auto& tick = append(from.newest_ms, cause);
    tick.last = from.last;
    tick.values.assign(channels_.size(), missing);
    std::uint32_t most = 0;
    for (std::size_t c = 0; c < from.count.size(); ++c) {
      most = std::max(most, from.count[c]);
      if (from.count[c] != 0) tick.values[c] = from.sum[c] / from.count[c];
    }
    close_through(from.index);
    if (crowded_ >= crowded_from)
      crowded_ = most > 1 ? std::min(crowded_ + 1, crowded_most) : crowded_ - 1;
    closed(tick);
  }
  open_.erase(open_.begin(), open_.begin() + static_cast<std::ptrdiff_t>(done));
}

closed_tick& tick_builder::append(std::int64_t ts, const record_mark& cause) {
  if (first_ != 0 && first_ + waiting_ == queue_.size()) {
    std::rotate(queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(first_), queue_.end());
    first_ = 0;
  }
  if (first_ + waiting_ == queue_.size()) queue_.emplace_back();
  auto& tick = queue_[first_ + waiting_];
  ++waiting_;
  ts = std::max(ts, last_closed_ms_ + (last_closed_ms_ != 0 ? 1 : 0));
  tick.ts = event_time_of(ts);
  tick.gap_ms = last_closed_ms_ == 0 ? 0 : ts - last_closed_ms_;
  tick.tick_ms = pace_ms_;
  tick.degraded = degraded_;
  tick.sent_anew = std::exchange(sent_anew_, false);
  if (tick.sent_anew)
    for (auto& channel : channels_) channel.turned = false;
  tick.deaf = deaf_ms_ != 0 && tick.gap_ms > deaf_ms_;
  if (tick.deaf) deaf_ms_ = 0;
  tick.cause = cause;
  last_closed_ms_ = ts;
  return tick;
}

void tick_builder::pop() noexcept {
  ++first_;
  if (--waiting_ != 0) return;
  first_ = 0;
  if (queue_.size() < 2) return;
  queue_.resize(1);
  queue_.shrink_to_fit();
}

// The expected set is what the ticks of late carried.
void tick_builder::closed(const closed_tick& tick) {
  std::size_t expected = 0;
  bool heard = false;
  bool were_away = true;
  for (std::size_t c = 0; c < channels_.size(); ++c) {
    auto& channel = channels_[c];
    were_away = were_away && (channel.derived || channel.missed >= forget_after);
    const bool carried = c < tick.values.size() &&
                         (!std::isnan(tick.values[c]) || channel.last_ms == unix_ms(tick.ts));
    if (carried) {
      channel.missed = 0;
      channel.expected = true;
      heard = heard || !channel.derived;
    } else if (channel.missed < 0xffff && ++channel.missed >= forget_after) {
      channel.expected = false;
    }
    expected += channel.expected ? 1 : 0;
  }
  expected_ = expected;
  // What comes back after ticks of lines alone says nothing about how often it comes.
  if (tick.gap_ms > 0 && heard && !were_away) note_interval(tick.gap_ms);
}

// The mean of nine intervals without the gaps: jitter cancels in a mean. One that differs by a
// third is a new pace, a smaller difference is followed slowly.
void tick_builder::note_interval(std::int64_t gap_ms) noexcept {
  intervals_[interval_count_++ % intervals_.size()] = gap_ms;
  if (interval_count_ % intervals_.size() != 0) return;
  auto sorted = intervals_;
  std::sort(sorted.begin(), sorted.end());
  const std::int64_t median = sorted[sorted.size() / 2];
  const auto mean_below = [&](std::int64_t most, std::size_t least) -> std::int64_t {
    std::int64_t sum = 0, count = 0;
    for (const auto interval : sorted) {
      if (interval <= most) sum += interval, ++count;
    }
    return count < static_cast<std::int64_t>(least) ? 0 : sum / count;
  };
  std::int64_t mean = mean_below(median * 8 / 5, 7);
  if (mean == 0) mean = mean_below(3 * median, 1);
  if (median_ms_ == 0 || mean * 3 > median_ms_ * 4 || mean * 4 < median_ms_ * 3)
    median_ms_ = mean;
  else
    median_ms_ += (mean - median_ms_) / 8;
}

std::size_t tick_builder::memory_bytes() const noexcept {
  std::size_t bytes = channels_.capacity() * sizeof(channel_info) + layout_.capacity() * 2;
  for (const auto& q : queue_) bytes += sizeof q + q.values.capacity() * sizeof(double);
  for (const auto& o : open_) bytes += sizeof o + o.sum.capacity() * 8 + o.count.capacity() * 4;
  return bytes;
}

void tick_builder::prefetch_next() const noexcept {
  prefetch(channels_.data(), channels_.size() * sizeof(channel_info));
  prefetch(layout_.data(), layout_.size() * sizeof layout_[0]);
  prefetch(queue_.data(), sizeof(closed_tick));
}

}  // namespace faultline
