// SPDX-License-Identifier: Apache-2.0
#include "processing/histogram_quantiles.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "messages/event_codec.hpp"
#include "messages/identity.hpp"
#include "processing/made_names.hpp"

namespace faultline {
namespace {

constexpr double nothing = std::numeric_limits<double>::quiet_NaN();
constexpr float no_growth = std::numeric_limits<float>::quiet_NaN();
constexpr double asked_quantile = 0.99;
constexpr std::uint8_t most_missed = 3;
constexpr std::size_t longest_bound = 24;  // of its text

std::optional<double> bound_of(std::string_view text) {
  if (text == "+Inf" || text == "Inf" || text == "inf")
    return std::numeric_limits<double>::infinity();
  double le = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), le);
  if (failed != std::errc{} || end != text.data() + text.size() || !std::isfinite(le))
    return std::nullopt;
  return le;
}

float bounded(double count) noexcept {
  constexpr double most = std::numeric_limits<float>::max();
  return static_cast<float>(std::clamp(count, -most, most));
}

}  // namespace

std::optional<bucket_name> bucket_name_of(std::string_view metric) {
  if (metric.empty() || metric.back() != '}') return std::nullopt;
  const auto end = metric.size() - 1;
  const auto from = end > longest_bound + 4 ? end - longest_bound - 4 : 0;
  const auto behind = metric.substr(from).find_last_of(",{");
  const auto at = from + behind;
  if (behind == std::string_view::npos || metric.substr(at + 1, 3) != "le=") return std::nullopt;
  const auto le = bound_of(metric.substr(at + 4, end - at - 4));
  if (!le || !counter_name_of(metric.substr(0, at), "bucket")) return std::nullopt;
  return bucket_name{metric.substr(0, at), *le};
}

bool histogram_quantiles::has_buckets(const event_view& event) {
  return std::any_of(event.metrics.begin(), event.metrics.end(), [](const metric_point& m) {
    return m.kind != metric_kind::gauge && bucket_name_of(m.name);
  });
}

bool histogram_quantiles::take(const event_view& event, std::int64_t ts_ms,
                               std::vector<metric_point>& rest) {
  const auto before = rest.size();
  for (const auto& m : event.metrics) {
    const auto bucket =
        m.kind == metric_kind::gauge ? std::optional<bucket_name>{} : bucket_name_of(m.name);
    if (bucket)
      take(m, *bucket, ts_ms);
    else
      rest.push_back(m);
  }
  return rest.size() - before != event.metrics.size();
}

/// nullptr: there is no room for it.
histogram_quantiles::histogram* histogram_quantiles::histogram_of(const bucket_name& bucket,
                                                                  std::int64_t ts_ms) {
  const auto key = stable_hash(bucket.histogram);
  for (std::size_t i = 0; i < all_.size(); ++i) {  // mostly the same one, or the next
    const auto at = (last_ + i) % all_.size();
    if (all_[at].key == key) return &all_[last_ = at];
  }
  if (bounds_ >= most_bounds_of_all) make_room(ts_ms);
  if (bounds_ >= most_bounds_of_all) return nullptr;
  auto of = *counter_name_of(bucket.histogram, "bucket");
  const std::string labels = of.labels.empty() ? std::string{} : std::string{of.labels} + "}";
  of.labels = labels;
  auto name = quantile_name(of);
  if (name.empty()) return nullptr;
  auto& h = all_.emplace_back();
  last_ = all_.size() - 1;
  h.key = key;
  h.name = std::move(name);
  return &h;
}

void histogram_quantiles::make_room(std::int64_t ts_ms) {
  const auto gone = std::remove_if(
      all_.begin(), all_.end(), [&](const histogram& h) { return ts_ms - h.newest_ms > idle_ms; });
  all_.erase(gone, all_.end());
  bounds_ = 0;
  for (const auto& h : all_) bounds_ += h.bounds.size();
  last_ = all_.size();
}

void histogram_quantiles::take(const metric_point& point, const bucket_name& bucket,
                               std::int64_t ts_ms) {
  auto* const h = histogram_of(bucket, ts_ms);
  if (h == nullptr) {
    ++left_out_;
    return;
  }
  if (ts_ms < h->newest_ms) return;  // told already, or by a sender that sends anew
  newest_ms_ = std::max(newest_ms_, ts_ms);
  const bool rates = point.kind == metric_kind::rate;
  if (ts_ms > h->newest_ms || rates != h->rates) begin(*h, ts_ms, rates);
  note(*h, bucket.le, point.value);
}

/// Another time: what came with the one before is added up, if it was all.
void histogram_quantiles::begin(histogram& h, std::int64_t ts_ms, bool rates) {
  add_up(h);
  bounds_ -= h.bounds.size();
  if (rates != h.rates) h.bounds.clear();
  for (auto& b : h.bounds) {
    b.missed = b.came ? std::uint8_t{0} : static_cast<std::uint8_t>(b.missed + 1);
    b.came = false;
  }
  h.bounds.erase(std::remove_if(h.bounds.begin(), h.bounds.end(),
                                [](const bound& b) { return b.missed >= most_missed; }),
                 h.bounds.end());
  bounds_ += h.bounds.size();
  h.newest_ms = ts_ms, h.rates = rates;
}

void histogram_quantiles::note(histogram& h, double le, double value) {
  auto at = std::lower_bound(h.bounds.begin(), h.bounds.end(), le,
                             [](const bound& b, double l) { return b.le < l; });
  if (at == h.bounds.end() || at->le != le) {
    if (h.bounds.size() >= most_bounds) {
      if (at == h.bounds.begin()) return;
      const auto place = at - h.bounds.begin() - 1;
      h.bounds.erase(h.bounds.begin());
      --bounds_;
      at = h.bounds.begin() + place;
    }
    if (bounds_ >= most_bounds_of_all) {
      ++left_out_;
      return;
    }
    at = h.bounds.insert(at, bound{le, nothing, 0, h.rates ? no_growth : 0});
    ++bounds_;
  }
  at->now = value;
  at->came = true;
}

// A new bound between two that had counted the same has counted that, too: of a latency that is
// higher than ever the buckets are new, and must not take the tick's quantile with them.
void histogram_quantiles::infer_bases(std::vector<bound>& bounds) {
  double below = 0;
  for (std::size_t i = 0; i < bounds.size(); ++i) {
    if (std::isnan(bounds[i].base)) {
      const auto known = std::find_if(bounds.begin() + static_cast<std::ptrdiff_t>(i), bounds.end(),
                                      [](const bound& b) { return !std::isnan(b.base); });
      if (known == bounds.end() || known->base != below) continue;
      bounds[i].base = below;
    }
    below = bounds[i].base;
  }
}

// Of rates there need not be all: each time has bounds of its own. Where one bound is new nothing
// is known of what came since the time before.
void histogram_quantiles::add_up(histogram& h) {
  if (h.rates) {
    for (auto& b : h.bounds) {
      if (std::isnan(b.now)) continue;
      b.grown = bounded(std::isnan(b.grown) ? b.now : static_cast<double>(b.grown) + b.now);
      b.now = nothing;
    }
    return;
  }
  if (!std::all_of(h.bounds.begin(), h.bounds.end(), [](const bound& b) { return b.came; })) return;
  infer_bases(h.bounds);
  const auto any = [&h](auto is) { return std::any_of(h.bounds.begin(), h.bounds.end(), is); };
  const bool is_new = any([](const bound& b) { return std::isnan(b.base); });
  const bool anew = any([](const bound& b) { return b.now < b.base; });
  for (auto& b : h.bounds) {
    const double grown = static_cast<double>(b.grown) + b.now - (anew ? 0 : b.base);
    b.grown = is_new ? 0 : bounded(grown);
    b.base = b.now;
  }
}

// As Prometheus' histogram_quantile: evenly within a bucket, the first of which begins at zero;
// beyond the last finite bound nothing is known.
double histogram_quantiles::quantile_of(const histogram& h, double q) {
  std::vector<std::pair<double, double>> counts;  // le, how many up to it
  counts.reserve(h.bounds.size());
  double most = 0;
  for (const auto& b : h.bounds) {
    if (std::isnan(b.grown)) continue;
    most = std::max(most, static_cast<double>(b.grown));
    counts.emplace_back(b.le, most);
  }
  if (counts.size() < 2 || !std::isinf(counts.back().first) || !(most > 0)) return nothing;
  const double rank = q * most;
  std::size_t at = 0;
  while (at + 1 < counts.size() && counts[at].second < rank) ++at;
  if (at + 1 == counts.size()) return counts[at - 1].first;
  const double end = counts[at].first;
  if (at == 0 && end <= 0) return end;
  const double begin = at == 0 ? 0 : counts[at - 1].first;
  const double below = at == 0 ? 0 : counts[at - 1].second;
  const double within = counts[at].second - below;
  return within > 0 ? begin + (end - begin) * (rank - below) / within : end;
}

std::vector<histogram_quantiles::quantile> histogram_quantiles::close() {
  std::vector<quantile> made;
  for (auto& h : all_) {
    add_up(h);
    const double value = quantile_of(h, asked_quantile);
    if (std::isfinite(value)) made.push_back({h.name, value});
    for (auto& b : h.bounds) b.grown = h.rates ? no_growth : 0;
  }
  return made;
}

// histogram := key(u64) name(text) newest(i64) rates(u8) bounds(u8) bound*
// bound := le(f64) base(f64) now(f64) grown(f32) came(u8) missed(u8)
void histogram_quantiles::save(byte_writer& out) const {
  out.put(left_out_);
  out.put(newest_ms_);
  out.put(static_cast<std::uint16_t>(all_.size()));
  for (const auto& h : all_) {
    out.put(h.key);
    out.put_text(h.name);
    out.put(h.newest_ms);
    out.put(static_cast<std::uint8_t>(h.rates ? 1 : 0));
    out.put(static_cast<std::uint8_t>(h.bounds.size()));
    for (const auto& b : h.bounds) {
      out.put(b.le);
      out.put(b.base);
      out.put(b.now);
      out.put(b.grown);
      out.put(static_cast<std::uint8_t>(b.came ? 1 : 0));
      out.put(b.missed);
    }
  }
}

bool histogram_quantiles::restore(byte_reader& in) {
  std::uint16_t count = 0;
  in.get(left_out_);
  in.get(newest_ms_);
  if (!in.get(count) || count > most_bounds_of_all) return false;
  for (std::uint16_t n = 0; n < count; ++n) {
    auto& h = all_.emplace_back();
    std::uint8_t rates = 0, bounds = 0;
    in.get(h.key);
    in.get_text(h.name, payload_limits::metric_name_bytes);
    in.get(h.newest_ms);
    in.get(rates);
    if (!in.get(bounds) || rates > 1 || bounds > most_bounds) return false;
    h.rates = rates == 1;
    for (std::uint8_t i = 0; i < bounds; ++i) {
      auto& b = h.bounds.emplace_back();
      std::uint8_t came = 0;
      in.get(b.le);
      in.get(b.base);
      in.get(b.now);
      in.get(b.grown);
      in.get(came);
      if (!in.get(b.missed) || came > 1 || std::isnan(b.le)) return false;
      if (i != 0 && !(h.bounds[i - 1u].le < b.le)) return false;
      b.came = came == 1;
    }
    bounds_ += h.bounds.size();
  }
  return in.ok();
}

std::size_t histogram_quantiles::memory_bytes() const noexcept {
  std::size_t bytes = all_.capacity() * sizeof(histogram);
  for (const auto& h : all_) bytes += h.name.capacity() + h.bounds.capacity() * sizeof(bound);
  return bytes;
}

}  // namespace faultline
