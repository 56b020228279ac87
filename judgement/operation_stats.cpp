// SPDX-License-Identifier: Apache-2.0
#include "judgement/operation_stats.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "messages/identity.hpp"
#include "messages/number_words.hpp"
#include "processing/log_line.hpp"

namespace faultline {
namespace {

constexpr double nothing = std::numeric_limits<double>::quiet_NaN();
constexpr std::uint32_t most_of_a_turn = 64;    // durations that a turn adds to what is usual
constexpr std::uint64_t most_usual = 288 * 64;  // a day of turns; then all count half
constexpr std::uint64_t least_usual = 50;       // before them nothing is usual
constexpr double slow_share = 0.05;             // of the usual ones
constexpr double slow_margin = 1.25;            // a fixed duration is its own 95th percentile
constexpr double least_failed = 0.01;
constexpr double prior_spans = 2;    // that are as usual: few spans prove little
constexpr double lately_spans = 32;  // that are carried into the next tick
constexpr double lately_s = 1800;    // in which rare ones fade
constexpr double odd_nats = 5;       // worth telling, and nothing to learn from
constexpr float most_credit = 4096;  // lasts for hours
constexpr float credit_of_a_turn = 0.9f;
constexpr std::int64_t settle_ms = 6 * 3'600'000;
constexpr std::int64_t young_ms = 24 * 3'600'000;  // a day is learned from, whatever it brings

/// How unlikely @p hits of @p of are where @p usual is their share, as the exponent of the
/// binomial tail (Chernoff's bound); 0 where there are not more than usual.
double binomial_surprise(double hits, double of, double usual) noexcept {
  if (of > lately_spans) hits *= lately_spans / of, of = lately_spans;
  const double share = (hits + prior_spans * usual) / (of + prior_spans);
  if (!(share > usual)) return 0;
  return of * (share * std::log(share / usual) + (1 - share) * std::log((1 - share) / (1 - usual)));
}

std::string duration_words(double ms) {
  return ms < 1000 ? number_words(ms, 3) + " ms" : number_words(ms / 1000, 3) + " s";
}

std::string share_words(double share) { return number_words(100 * share, 2) + " %"; }

}  // namespace

void operation_stats::period::add(const period& other) {
  took.merge(other.took);
  failed += other.failed;
}

// A newcomer that finds all places taken costs the rarest one some credit, until it has none.
operation_stats::entry& operation_stats::entry_of(const event_view& span) {
  const auto key = stable_hash(span.operation, stable_hash(span.peer));
  for (entry& e : entries_)
    if (e.key == key) return e;
  entry* place = nullptr;
  if (entries_.size() < most_operations) {
    place = &entries_.emplace_back();
  } else {
    place = &*std::min_element(entries_.begin(), entries_.end(),
                               [](const entry& a, const entry& b) { return a.credit < b.credit; });
    if (place->credit >= 1) {
      --place->credit;
      return other_;
    }
    other_.now.add(place->now);
    other_.before.add(place->before);
    other_.last_ms = std::max(other_.last_ms, place->last_ms);
    *place = {};
  }
  place->key = key;
  place->operation = printable_line(span.operation, longest_operation);
  place->peer = printable_line(span.peer, longest_peer);
  return *place;
}

void operation_stats::take(const event_view& span) {
  // What was seen lately fades while nobody closes ticks, too: an entity of spans alone may rest.
  if (const auto idle_ms = unix_ms(span.ts) - closed_ms_;
      closed_ms_ != 0 && idle_ms > 2 * turn_ms) {
    for (entry& o : entries_) forget(o, std::exp(-static_cast<double>(idle_ms) / 1000 / lately_s));
    closed_ms_ = unix_ms(span.ts);
  }
  entry& e = entry_of(span);
  const auto us = static_cast<double>(span.duration_us);
  const bool failed = span.status == span_status::error;
  e.now.took.add(us);
  e.now.failed += failed ? 1 : 0;
  e.last_ms = std::max(e.last_ms, unix_ms(span.ts));
  if (&e == &other_) return;
  if (e.first_ms == 0) e.first_ms = e.last_ms;
  e.credit = std::min(e.credit + 1, most_credit);
  if (!e.known()) return;
  ++e.seen;
  e.slow += us > static_cast<double>(e.slow_from_us) ? 1 : 0;
  e.failed += failed ? 1 : 0;
}

double operation_stats::usual_share(const entry& e) noexcept {
  const auto usual = static_cast<double>(e.usual.count());
  return (static_cast<double>(e.usual_failed) + 0.5) / (usual + 1);
}

double operation_stats::surprise_of(const entry& e) noexcept {
  const auto seen = static_cast<double>(e.seen);
  return std::max(binomial_surprise(static_cast<double>(e.slow), seen, slow_share),
                  binomial_surprise(static_cast<double>(e.failed), seen,
                                    std::clamp(usual_share(e), least_failed, 0.9)));
}

void operation_stats::forget(entry& e, double keep) noexcept {
  const double most = lately_spans / std::max(static_cast<double>(e.seen), lately_spans);
  const auto by = static_cast<float>(std::min(keep, most));
  e.seen *= by, e.slow *= by, e.failed *= by;
}

double operation_stats::close(event_time ts, double dt_s, bool learn) {
  const std::int64_t now = closed_ms_ = unix_ms(ts);
  if (since_ms_ == 0) since_ms_ = before_ms_ = now - static_cast<std::int64_t>(dt_s * 1000);
  const double keep = learn ? std::exp(-dt_s / lately_s) : 0;
  double most = nothing;
  telling_.clear();
  const entry* worst = nullptr;
  for (entry& e : entries_) {
    const double s = e.known() ? surprise_of(e) : nothing;
    e.now.odd = e.now.odd || s > odd_nats;
    e.now.apart = e.now.apart || !learn;
    if (worst == nullptr ? s >= 0 : s > most) most = s, worst = &e;
  }
  if (most > odd_nats) telling_ = words_of(*worst);
  for (entry& e : entries_) forget(e, keep);
  if (now - since_ms_ >= turn_ms) turn(now);
  return std::floor(most);
}

void operation_stats::turn(std::int64_t now_ms) {
  before_ms_ = since_ms_, since_ms_ = now_ms;
  for (entry& e : entries_) {
    learn(e, now_ms);
    e.credit *= credit_of_a_turn;
    std::swap(e.before, e.now);
    e.now.clear();
  }
  std::swap(other_.before, other_.now);
  other_.now.clear();
}

// Of what lies a turn back: when it was taken nobody knew yet whether it was a fault.
void operation_stats::learn(entry& e, std::int64_t now_ms) {
  const auto spans = static_cast<double>(e.before.took.count());
  if (spans == 0 || e.before.apart) {
    if (!e.before.odd && !e.now.odd) e.odd_since_ms = 0;
    return;
  }
  const bool odd = e.before.odd || e.now.odd;
  if (odd && now_ms - e.first_ms > young_ms) {
    if (e.odd_since_ms == 0) e.odd_since_ms = now_ms;
    if (now_ms - e.odd_since_ms < settle_ms) return;
    e.usual.clear();
    e.usual_failed = 0;
  }
  e.odd_since_ms = 0;
  const auto before = e.usual.count();
  e.usual.merge_sample(e.before.took, most_of_a_turn);
  e.usual_failed +=
      static_cast<float>(e.before.failed * static_cast<double>(e.usual.count() - before) / spans);
  if (e.usual.count() > most_usual) e.usual.halve(), e.usual_failed /= 2;
  const bool known = e.usual.count() >= least_usual;
  e.slow_from_us =
      known ? static_cast<float>(slow_margin * e.usual.quantile(1 - slow_share)) : 0.0f;
}

std::string operation_stats::words_of(const entry& e) {
  const std::string name = e.peer.empty() ? e.operation : e.operation + " at " + e.peer;
  const auto seen = static_cast<double>(e.seen);
  const double slow = binomial_surprise(static_cast<double>(e.slow), seen, slow_share);
  if (surprise_of(e) > slow)
    return share_words(static_cast<double>(e.failed) / seen) + " of " + name +
           " failed lately, usually " + share_words(e.usual_failed == 0 ? 0 : usual_share(e));
  coarse_latency_sketch recent = e.before.took;
  recent.merge(e.now.took);
  const double p95 = recent.quantile(0.95), usual = e.usual.quantile(0.95) / 1000;
  if (p95 > static_cast<double>(e.slow_from_us))
    return name + " took " + duration_words(p95 / 1000) + " at its 95th percentile, usually " +
           duration_words(usual);
  return share_words(static_cast<double>(e.slow) / seen) + " of " + name + " took longer than " +
         duration_words(static_cast<double>(e.slow_from_us) / 1000) +
         " lately, its 95th percentile is usually " + duration_words(usual);
}

operation_status operation_stats::status_of(const entry& e) const {
  operation_status s;
  s.operation = e.operation, s.peer = e.peer;
  coarse_latency_sketch recent = e.before.took;
  recent.merge(e.now.took);
  const auto spans = static_cast<double>(recent.count());
  const auto lasted_ms = static_cast<double>(std::max<std::int64_t>(closed_ms_ - before_ms_, 1));
  s.rate = closed_ms_ == 0 ? 0 : spans * 1000 / std::max(lasted_ms, 1000.0);
  s.error_share = spans == 0 ? 0 : (e.before.failed + e.now.failed) / spans;
  s.p50_ms = recent.quantile(0.5) / 1000;
  s.p95_ms = recent.quantile(0.95) / 1000;
  s.p99_ms = recent.quantile(0.99) / 1000;
  s.usual_p95_ms = e.known() ? e.usual.quantile(1 - slow_share) / 1000 : nothing;
  s.usual_error_share =
      e.known() ? static_cast<double>(e.usual_failed) / static_cast<double>(e.usual.count())
                : nothing;
  s.last_ms = e.last_ms;
  return s;
}

std::vector<operation_status> operation_stats::status() const {
  std::vector<operation_status> all;
  for (const entry& e : entries_) all.push_back(status_of(e));
  std::stable_sort(all.begin(), all.end(),
                   [](const auto& a, const auto& b) { return a.rate > b.rate; });
  if (other_.last_ms != 0) all.push_back(status_of(other_));
  return all;
}

// entry := key(u64) operation(text) peer(text) now before usual(sketch) usual_failed(f32)
//          slow_from(f32) credit(f32) seen(f32) slow(f32) failed(f32) first(i64) last(i64)
//          odd_since(i64);  now, before := sketch failed(u32) flags(u8: 1 odd, 2 apart)
void operation_stats::save_entry(byte_writer& out, const entry& e) {
  out.put(e.key);
  out.put_text(e.operation);
  out.put_text(e.peer);
  for (const period* p : {&e.now, &e.before}) {
    p->took.save(out);
    out.put(p->failed);
    out.put(static_cast<std::uint8_t>((p->odd ? 1 : 0) | (p->apart ? 2 : 0)));
  }
  e.usual.save(out);
  for (const float f : {e.usual_failed, e.slow_from_us, e.credit, e.seen, e.slow, e.failed})
    out.put(f);
  for (const std::int64_t n : {e.first_ms, e.last_ms, e.odd_since_ms}) out.put(n);
}

bool operation_stats::restore_entry(byte_reader& in, entry& e) {
  if (!in.get(e.key) || !in.get_text(e.operation, longest_operation) ||
      !in.get_text(e.peer, longest_peer))
    return false;
  for (period* p : {&e.now, &e.before}) {
    std::uint8_t flags = 0;
    if (!p->took.restore(in) || !in.get(p->failed) || !in.get(flags) || flags > 3) return false;
    if (p->failed > p->took.count()) return false;
    p->odd = (flags & 1) != 0, p->apart = (flags & 2) != 0;
  }
  if (!e.usual.restore(in)) return false;
  for (float* f : {&e.usual_failed, &e.slow_from_us, &e.credit, &e.seen, &e.slow, &e.failed})
    if (!in.get(*f) || !std::isfinite(*f) || *f < 0) return false;
  for (std::int64_t* n : {&e.first_ms, &e.last_ms, &e.odd_since_ms}) in.get(*n);
  return in.ok() && e.slow <= e.seen && e.failed <= e.seen &&
         (!e.known() || e.usual.count() >= least_usual / 2);
}

void operation_stats::save(byte_writer& out) const {
  for (const std::int64_t n : {since_ms_, before_ms_, closed_ms_}) out.put(n);
  out.put(static_cast<std::uint8_t>(entries_.size()));
  for (const entry& e : entries_) save_entry(out, e);
  save_entry(out, other_);
}

bool operation_stats::restore(byte_reader& in) {
  for (std::int64_t* n : {&since_ms_, &before_ms_, &closed_ms_}) in.get(*n);
  std::uint8_t count = 0;
  if (!in.get(count) || count > most_operations) return false;
  for (std::uint8_t n = 0; n < count; ++n)
    if (!restore_entry(in, entries_.emplace_back())) return false;
  return restore_entry(in, other_);
}

std::size_t operation_stats::memory_bytes() const noexcept {
  const auto of = [](const entry& e) {
    return e.operation.capacity() + e.peer.capacity() + e.now.took.memory_bytes() +
           e.before.took.memory_bytes() + e.usual.memory_bytes();
  };
  std::size_t bytes = entries_.capacity() * sizeof(entry) + of(other_) + telling_.capacity();
  for (const entry& e : entries_) bytes += of(e);
  return bytes;
}

}  // namespace faultline
