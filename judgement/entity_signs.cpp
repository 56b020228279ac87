// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "judgement/entity_state.hpp"

namespace faultline {
namespace {

// A half hour that holds so unusual a tick is every second one: alone it means nothing.
constexpr float sign_decades = 0.3f;
// Told is where it begins: after so long without, or when it has become ten times as rare.
constexpr std::int64_t sign_rest_ms = 2 * 60'000;
constexpr float sign_rise = 1.0f;

}  // namespace

// Whether the tick is a weak sign that is to be told. Minds when it was, told or not.
bool entity_core::impl::sign_begins(const tick_judgement& t) {
  const float decades = t.result.decades;
  if (decades < sign_decades || ticks < least_ticks || returning(t.tick_ms)) return false;
  const std::int64_t now = unix_ms(t.ts);
  const bool begins = now - last_sign_ms > std::max(sign_rest_ms, 2 * t.tick_ms);
  last_sign_ms = now;
  if (!begins && decades < last_sign_decades + sign_rise) return false;
  last_sign_decades = decades;
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
  d.what.sign = {id, t.ts, static_cast<double>(t.result.decades),
                 named.contributors.empty() ? std::string{} : named.contributors.front().metric};
  out.push_back(std::move(d));
}

}  // namespace faultline
