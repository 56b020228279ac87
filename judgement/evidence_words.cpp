// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "judgement/evidence.hpp"

namespace faultline {
namespace {

constexpr double most_surprise = 60;  // nats
constexpr double unseen = 0.5;        // lines before the first, as entity_logs has it
constexpr double not_new = 0.5;
constexpr double least_known_s = 300;  // a log that is known for less says nothing

}  // namespace

std::optional<word_evidence> words_of(const entity_window& told, event_time onset, event_time as_of,
                                      const evidence_weights& weights) {
  constexpr std::int64_t step = log_habit::step_ms;
  const std::int64_t begin = (unix_ms(onset) - weights.onset_margin_ms) / step * step;
  const std::int64_t end = unix_ms(as_of);
  const double known_s = log_habit::exposure_s(unix_ms(told.words_since), begin);
  if (told.words.empty() || end <= begin || known_s < least_known_s) return std::nullopt;
  const double lasts_s = static_cast<double>(end - begin) / 1000;
  // Much of what a young log says it says for the first time.
  const double young = std::sqrt(std::max(1.0, weights.words_known_s / known_s));
  const double reach =
      young * (weights.words_reach + std::log(static_cast<double>(told.words.size())));
  word_evidence best;
  for (const log_word& w : told.words) {
    const bool bad = w.habit.severity() >= log_severity::warn;
    word_evidence one;
    one.word = &w;
    one.fresh = w.habit.first_ms() >= begin;
    if (!one.fresh && !bad) continue;
    const double before = w.habit.through(begin);
    one.lines = w.habit.after(begin) - w.habit.after(end + step);
    one.usual = before < not_new ? 0 : before * lasts_s / (known_s + lasts_s);
    const double expected = (before + unseen) * lasts_s / (known_s + lasts_s);
    one.strength = log_surprise(one.lines, expected, most_surprise) / reach;
    one.lr = std::clamp(weights.words_slope * std::log(std::max(one.strength, 1e-6)), 0.0,
                        bad ? weights.words_most : weights.little_most);
    if (one.lr > best.lr) best = one;
  }
  if (best.lr <= 0) return std::nullopt;
  return best;
}

}  // namespace faultline
