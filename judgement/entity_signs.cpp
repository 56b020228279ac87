// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "judgement/entity_state.hpp"

namespace faultline {
namespace {

// A half hour that holds so unusual a tick is every second one: alone it means nothing.
constexpr float sign_decades = 0.3f;
// Told is where it begins, after so long without; or where one tick is by so many decades rarer
// than the quietest of late, also above what has been unusual for hours.
constexpr std::uint32_t sign_rest_s = 2 * 60;
constexpr float sign_rise = 0.3f;
// What is quiet of late follows a lasting rise within six minutes.
constexpr float lull_rise_per_minute = 0.05f;

float abrupt_decades(const tick_judgement& t) noexcept {
  return t.result.rarity[static_cast<std::size_t>(view::residual)];
}

}  // namespace

// Whether the tick is a weak sign that is to be told. Minds when it was, told or not.
bool entity_core::impl::sign_begins(const tick_judgement& t) {
  const auto now_s = static_cast<std::uint32_t>(unix_ms(t.ts) / 1000);
  const auto rest_s = std::max(sign_rest_s, static_cast<std::uint32_t>(2 * t.tick_ms / 1000));
  const float abrupt = abrupt_decades(t);
  if (ticks < least_ticks || returning(t.tick_ms)) {
    lull_decades = abrupt;
    return false;
  }
  bool tells = abrupt >= std::max(sign_decades, lull_decades + sign_rise);
  lull_decades = std::min(
      lull_decades + lull_rise_per_minute * static_cast<float>(t.tick_ms) / 60'000, abrupt);
  if (t.result.decades >= sign_decades) {
    tells = tells || now_s - last_sign_s > rest_s;
    last_sign_s = now_s;
  }
  if (!tells || now_s - told_sign_s <= rest_s) return false;
  told_sign_s = now_s;
  return true;
}

// Weak signs are for the correlator to ask about where several entities show them (decision 0018).
void entity_core::impl::note_sign(const tick_judgement& t, const record_mark& cause,
                                  std::vector<entity_decision>& out) const {
  alert named;
  fill_contributors(named, t);
  entity_decision d;
  d.key = "s/" + std::to_string(unix_ms(t.ts));
  d.cause = cause;
  d.tick = t.ts;
  d.what.kind = decision_kind::sign;
  d.what.model = rules->model.sha256;
  d.what.sign = {id, t.ts, static_cast<double>(std::max(t.result.decades, abrupt_decades(t))),
                 named.contributors.empty() ? std::string{} : named.contributors.front().metric};
  out.push_back(std::move(d));
}

}  // namespace faultline
