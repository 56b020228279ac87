// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <tuple>
#include <utility>

#include "judgement/entity_state.hpp"

namespace faultline {
namespace {

alert_reason reason_of(const alert& a) noexcept {
  const auto name = a.labels.find("alertname");
  if (name != a.labels.end()) {
    for (const auto r : {alert_reason::limit, alert_reason::silence}) {
      if (name->second == alert_name(r)) return r;
    }
  }
  return alert_reason::deviation;
}

// A silence begins at a clock and ends with an event.
decision_mark mark_of(const entity_decision& d) noexcept {
  auto phase = decision_phase::tick;
  if (d.what.kind == decision_kind::alert && reason_of(d.what.alert) == alert_reason::silence)
    phase =
        d.what.alert.state == alert_state::firing ? decision_phase::look : decision_phase::event;
  return {d.cause, phase, d.tick};
}

// A tick that a clock record closed may be closed by another record this time: the clock came with
// an event then and alone now (decision 0002). Ticks are judged in their own order whatever closed
// them: one decision of a tick comes after another's only when its tick does.
bool not_after(const decision_mark& a, const decision_mark& b) noexcept {
  if (a.phase == decision_phase::tick && b.phase == decision_phase::tick) return a.tick <= b.tick;
  const bool vague = a.cause.second == whole_blob || b.cause.second == whole_blob;
  if (vague && a.cause.first == b.cause.first)
    return std::tie(a.phase, a.tick) <= std::tie(b.phase, b.tick);
  return std::tie(a.cause, a.phase, a.tick) <= std::tie(b.cause, b.phase, b.tick);
}

}  // namespace

// Rule 7: what stands in the outbox is taken over, what does not and could is decided.
bool entity_core::impl::adopting(const decision_mark& at) const {
  if (!recorded) return false;
  if (at.cause.first != 0 && at.cause.first <= recorded->decided_through) return true;
  return !recorded->all.empty() && not_after(at, mark_of(recorded->all.back()));
}

// Edges and changes are told at once, alerts when their tick is judged: each has its own order.
bool entity_core::impl::told_before(const record_mark& cause) const noexcept {
  return recorded && (cause <= recorded->told ||
                      (cause.first != 0 && cause.first <= recorded->decided_through));
}

void entity_core::impl::adopt_through(const decision_mark& at) {
  if (!recorded) return;
  for (auto& next = recorded->next; next < recorded->all.size(); ++next) {
    const auto& r = recorded->all[next];
    if (!not_after(mark_of(r), at)) return;
    if (r.what.kind != decision_kind::alert) continue;
    const auto& a = r.what.alert;
    const bool newer = a.episode > life.episode() ||
                       (a.episode == life.episode() && a.transition > life.transition());
    if (!newer) continue;
    life.adopt(a, reason_of(a));
    open = life.firing() ? std::make_unique<alert>(a) : nullptr;
  }
}

// What stands recorded before anything that is decided now happened, also where replay did not
// come by its cause: clock records move no snapshot.
void entity_core::impl::adopt_rest(const decision_mark& before) {
  if (!recorded || recorded->next == recorded->all.size() || adopting(before)) return;
  adopt_through(mark_of(recorded->all.back()));
}

// The silence that stands recorded of the clock of this time, wherever it was heard: with an event
// then, alone now.
const entity_decision* entity_core::impl::recorded_look(event_time clock) const noexcept {
  if (!recorded) return nullptr;
  for (auto n = recorded->next; n < recorded->all.size(); ++n) {
    const auto& r = recorded->all[n];
    if (r.tick == clock && mark_of(r).phase == decision_phase::look) return &r;
  }
  return nullptr;
}

void entity_core::adopt(std::vector<entity_decision> recorded, log_position decided_through) {
  impl_->recorded.reset();
  if (recorded.empty() && decided_through == 0) return;
  auto& taken = *(impl_->recorded = std::make_unique<recorded_decisions>());
  taken.decided_through = decided_through;
  for (auto& d : recorded) {
    const bool of_a_tick = d.what.kind == decision_kind::alert ||
                           d.what.kind == decision_kind::notice ||
                           d.what.kind == decision_kind::sign;
    if (of_a_tick && !tells_full(d))
      taken.all.push_back(std::move(d));
    else if (d.cause.second != whole_blob)  // else told again, under the same key
      taken.told = std::max(taken.told, d.cause);
  }
}

}  // namespace faultline
