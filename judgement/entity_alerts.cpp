// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "judgement/entity_state.hpp"
#include "messages/durations.hpp"
#include "messages/number_words.hpp"
#include "messages/units.hpp"

namespace faultline {
namespace {

constexpr std::size_t width = channel_block::width;
constexpr float quiet_decades = 0.5f;  // below the threshold by so much: calm
constexpr float fault_decades = 1.0f;  // symptoms so far above: under way
constexpr float fault_symptom = 3.5f;  // decades of an error or latency metric
// How long a deviation is a fault: with errors or slowness a day, else until it is clear that the
// entity has changed its ways.
constexpr std::int64_t settle_ms = day_ms;
constexpr std::int64_t harmless_settle_ms = 6 * 3'600'000;
constexpr std::size_t most_contributors = 5;
constexpr double silence_score = 0.9;  // of an alert that says so: nothing was judged
constexpr double lead_first_s = 60;    // between two records of an alert that fires
constexpr double lead_again_s = 300;   // likewise, where a time was told
// An alert of an entity that is still only learning is in doubt until it has lasted so long, and
// at least three ticks: what is over by then is mostly what nobody had seen yet.
constexpr std::int64_t doubt_ms = 5 * 60'000;

std::string number(double v) { return number_words(v, 4); }

std::string duration_text(double seconds) {
  char text[32];
  if (seconds > 0 && seconds < 1)
    std::snprintf(text, sizeof text, "%.0f ms", std::max(1000 * seconds, 1.0));
  else if (seconds < 90)
    std::snprintf(text, sizeof text, "%.0f s", seconds);
  else if (seconds < 5400)
    std::snprintf(text, sizeof text, "%.0f min", seconds / 60);
  else
    std::snprintf(text, sizeof text, "%.1f h", seconds / 3600);
  return text;
}

// "about 12 min (10 min to 15 min)"; the interval is left out where it says nothing more.
std::string lead_text(const limit_forecast& lead) {
  std::string text = "about " + duration_text(lead.seconds);
  const std::string soonest = duration_text(lead.soonest);
  if (!lead.latest) return text + " (" + soonest + " at the soonest)";
  const std::string latest = duration_text(*lead.latest);
  if (soonest != latest) text += " (" + soonest + " to " + latest + ")";
  return text;
}

float surprise(const block_scores& s, std::size_t i) noexcept {
  return std::max({s.abrupt[i], s.lasting[i], s.drifting[i]});
}

}  // namespace

tick_signs entity_core::impl::signs_of(const tick_judgement& t) const {
  tick_signs s;
  const float excess = t.result.excess();
  s.over = excess > 0 && ticks >= least_ticks && !returning(t.tick_ms);
  s.extreme = s.over;  // one tick has its own threshold, see calibration
  s.quiet = excess < -quiet_decades && !t.still_gross;
  s.limit = t.over_limit || t.near_limit;
  s.crossed = t.over_limit;
  s.limit_unknown = t.limit_unknown;
  s.fault = t.over_critical_limit || (excess > fault_decades && t.symptom > fault_symptom);
  s.settled = t.settled;
  return s;
}

void entity_core::impl::decide(tick_judgement& t, const record_mark& cause,
                               std::vector<entity_decision>& out) {
  const decision_mark here{cause, decision_phase::tick, t.ts};
  adopt_rest(here);
  const auto settles = t.symptom > fault_symptom ? settle_ms : harmless_settle_ms;
  t.settled = life.firing() && unix_ms(t.ts) - life.started_ms() >= settles && !t.over_limit;
  auto step = life.next(signs_of(t), unix_ms(t.ts), t.tick_ms);
  if (!deciding) return;
  if (step == alert_step::none && (lead_is_news(t) || doubt_ends(t))) step = alert_step::tell;
  const bool was_firing = life.firing();
  const bool sign = !was_firing && step == alert_step::none && sign_begins(t);
  if (adopting(here))
    adopt_through(here);
  else if (sign)
    note_sign(t, cause, out);
  else
    emit(step, &t, cause, t.ts, out);
  if (!was_firing && life.firing()) tails.episode(t.result);
}

// A limit that was not in sight, that comes twice as soon or as late as was told, or that should
// have been met by now. A quiet tick has nothing to say.
bool entity_core::impl::lead_is_news(const tick_judgement& t) const {
  if (!life.firing() || !open || life.reason() == alert_reason::silence) return false;
  const double since = static_cast<double>((t.ts - open->updated).count()) / 1000;
  const bool known = open->lead_time_s.has_value();
  const bool quiet = t.result.excess() < -quiet_decades && !t.over_limit && !t.near_limit;
  if (quiet || since < (known ? lead_again_s : lead_first_s)) return false;
  if (t.over_limit) return known;
  const bool certain = t.lead && t.lead->latest;
  if (!known) return certain;
  const double left = *open->lead_time_s - since;
  return left <= 0 || (certain && (t.lead->seconds < 0.5 * left || t.lead->seconds > 2 * left));
}

// An alert that was told while the entity only learned stands as any other once it has lasted, or
// is one that would be told now; an operator's limit was never a matter of learning.
bool entity_core::impl::doubt_ends(const tick_judgement& t) const {
  if (!life.firing() || !open || !open->learning || life.reason() == alert_reason::silence)
    return false;
  if (t.over_limit) return true;
  if (t.result.excess() <= 0 && !t.still_gross) return false;
  return !learning() || unix_ms(t.ts) - life.started_ms() >= std::max(doubt_ms, 3 * t.tick_ms);
}

void entity_core::impl::emit(alert_step step, const tick_judgement* t, const record_mark& cause,
                             event_time tick, std::vector<entity_decision>& out) {
  if (step == alert_step::none) return;
  const bool doubted = step == alert_step::fire
                           ? learning() && !(t != nullptr && t->over_limit)
                           : open && open->learning && !(t != nullptr && doubt_ends(*t));
  take_step(step, t, tick);
  alert a = step != alert_step::fire && open ? *open : alert{};
  fill_episode(a, tick);
  a.learning = doubted;
  const double score = a.score;
  if (step == alert_step::resolve) {
    a.state = alert_state::resolved;
    a.ended = tick;
    a.lead_time_s.reset();
    a.explanation = end_text(t);
  } else if (t != nullptr) {
    fill_alert(a, *t);
    if (step == alert_step::tell) a.score = std::max(a.score, score);
  } else {
    fill_silence(a);
  }
  fill_labels(a);
  open = life.firing() ? std::make_unique<alert>(a) : nullptr;
  out.push_back(decision_of(std::move(a), cause, tick));
}

void entity_core::impl::take_step(alert_step step, const tick_judgement* t, event_time tick) {
  auto reason = alert_reason::silence;
  auto severity = alert_severity::warning;
  if (t != nullptr) {
    reason = t->over_limit || t->near_limit ? alert_reason::limit : alert_reason::deviation;
    if (t->over_critical_limit || life.wants_critical()) severity = alert_severity::critical;
  }
  life.apply(step, severity, reason, unix_ms(tick));
}

void entity_core::impl::fill_episode(alert& a, event_time tick) const {
  a.transition = life.transition();
  a.episode = life.episode();
  a.entity = id;
  a.started = event_time_of(life.started_ms());
  a.id = alert_id(id, life.reason(), life.started_ms(), life.episode());
  a.updated = tick;
  a.severity = life.severity();
  a.was_warning = a.was_warning || a.severity == alert_severity::warning;
  a.was_critical = a.was_critical || a.severity == alert_severity::critical;
  a.model = rules->model.name + " " + rules->model.version;
}

void entity_core::impl::fill_silence(alert& a) const {
  const double silent_s = static_cast<double>(silent_ms()) / 1000;
  const double usual_s = static_cast<double>(tick_ms()) / 1000;
  const auto limit_ms = static_cast<double>(silence_limit_ms());
  a.degraded = degraded;
  a.metric = silence_metric;
  a.contributors = {{a.metric, silent_s, usual_s, 0, limit_ms / 1000, 0}};
  a.score = silence_score;
  a.detectors = {{"staleness", silent_s * 1000 / limit_ms}};
  a.explanation = id + " has sent nothing for " + duration_text(silent_s) + ", it used to every " +
                  duration_text(usual_s) + ".";
}

entity_decision entity_core::impl::decision_of(alert a, const record_mark& cause,
                                               event_time tick) const {
  entity_decision d;
  d.key = "a/" + std::to_string(a.episode) + "/" + std::to_string(a.transition);
  d.cause = cause;
  d.tick = tick;
  d.what.kind = decision_kind::alert;
  d.what.model = rules->model.sha256;
  d.what.alert = std::move(a);
  return d;
}

std::string entity_core::impl::end_text(const tick_judgement* t) const {
  if (t == nullptr) return id + " sends again.";
  if (t->settled) return id + " has kept its new level for hours, which now counts as normal.";
  if (life.reason() == alert_reason::limit) return id + " is back within its limits.";
  return id + " is back to normal.";
}

void entity_core::impl::fill_labels(alert& a) const {
  a.labels.clear();
  for (const auto& [key, value] : attributes) a.labels[key] = value;
  a.labels["alertname"] = alert_name(life.reason());
  a.labels["entity"] = id;
  a.labels["severity"] = to_string(a.severity);
}

void entity_core::impl::fill_contributors(alert& a, const tick_judgement& t) const {
  struct ranked {
    float surprise;
    std::size_t channel;
  };
  std::vector<ranked> order;
  for (std::size_t c = 0; c < traits.size(); ++c) {
    const auto& s = t.channels->scores[c / width];
    if (s.mask[c % width] > 0)
      order.push_back({s.ready[c % width] > 0 ? surprise(s, c % width) : 0.0f, c});
  }
  for (auto& r : order)  // what shows in milliseconds or failures as well is told in these
    if (builder.channels()[r.channel].name == entity_spans::worst_operation) r.surprise *= 0.5f;
  for (const auto& limit : limits) {  // a crossed limit comes first
    if (!limit.is_beyond(t.channels->values[limit.channel])) continue;
    for (auto& r : order)
      if (r.channel == limit.channel) r.surprise += limit.critical ? 2e6f : 1e6f;
  }
  std::stable_sort(order.begin(), order.end(),
                   [](const ranked& x, const ranked& y) { return x.surprise > y.surprise; });
  a.contributors.clear();
  for (const auto& r : order) {
    if (a.contributors.size() == most_contributors || r.surprise < 0.3f * order[0].surprise) break;
    const auto& b = blocks[r.channel / width];
    const auto i = r.channel % width;
    const auto& s = t.channels->scores[r.channel / width];
    const float band = band_of(b, i);
    alert_contributor c;
    c.metric = builder.channels()[r.channel].name;
    c.actual = t.channels->values[r.channel];
    c.expected = raw_of(b, i, s.expected[i]);
    c.lower = std::max(raw_of(b, i, s.expected[i] - band), least_of(r.channel));
    c.upper = raw_of(b, i, s.expected[i] + band);
    c.score = static_cast<double>((s.z[i] - s.expected[i]) / spread_of(b, i));
    a.contributors.push_back(std::move(c));
  }
}

void entity_core::impl::fill_alert(alert& a, const tick_judgement& t) const {
  a.state = alert_state::firing;
  a.score = t.over_critical_limit ? std::max(t.result.probability, 0.99) : t.result.probability;
  a.degraded = t.degraded;
  a.lead_time_s.reset();
  if (t.lead && !t.over_limit) a.lead_time_s = t.lead->seconds;
  fill_contributors(a, t);
  a.metric = a.contributors.empty() ? std::string{} : a.contributors.front().metric;
  a.detectors.clear();
  for (std::size_t v = 0; v < view_count; ++v) {
    if (has_weight(static_cast<view>(v)) && t.scores[v] > 0)
      a.detectors[to_string(static_cast<view>(v))] = static_cast<double>(t.result.rarity[v]);
  }
  a.explanation = explain(a, t);
}

// "at this pace disk.used_percent rises to 95 percent in about 12 min"; a limit is called so where
// an operator has set it.
std::string entity_core::impl::pace_text(const tick_judgement& t) const {
  const auto& channel = builder.channels()[t.lead_channel];
  return "; at this pace " + channel.name.str() + (t.lead->rises ? " rises" : " falls") +
         (t.lead->is_set ? " to its limit of " : " to ") + number(t.lead->at) +
         unit_behind(unit_of(channel.name), channel.kind == metric_kind::counter) + " in " +
         lead_text(*t.lead);
}

std::string entity_core::impl::explain(const alert& a, const tick_judgement& t) const {
  if (a.contributors.empty()) return id + " behaves as it never did.";
  const auto& c = a.contributors.front();
  const auto& all = builder.channels();
  const bool counted = std::any_of(all.begin(), all.end(), [&](const channel_info& channel) {
    return channel.kind == metric_kind::counter && channel.name == c.metric;
  });
  const auto logged = logs ? logs->telling(t.ts) : std::string{};
  const bool by_log = !logged.empty() && is_log_channel(c.metric);  // its line says more
  std::string text = by_log ? id + ": " + logged + "; " + c.metric : c.metric + " of " + id;
  text += " is " + number(c.actual) + unit_behind(unit_of(c.metric), counted) + ", expected " +
          number(c.expected) + " (" + number(c.lower) + " to " + number(c.upper) + ")";
  if (t.over_limit) text += ", beyond its limit";
  if (a.contributors.size() > 1) text += "; so does " + a.contributors[1].metric + " deviate";
  if (a.contributors.size() > 2)
    text += " and " + std::to_string(a.contributors.size() - 2) + " more";
  if (a.lead_time_s && t.lead) text += pace_text(t);
  if (!logged.empty() && !by_log) text += "; " + logged;
  if (const auto said = spans ? spans->telling(t.ts) : std::string{}; !said.empty())
    text += "; " + said;
  return text + ".";
}

void entity_core::impl::note_regime(const std::string& metrics, const record_mark& cause,
                                    event_time tick, std::vector<entity_decision>& out) {
  if (!deciding || adopting({cause, decision_phase::tick, tick})) return;
  entity_decision d;
  d.key = "n/" + std::to_string(unix_ms(tick));
  d.cause = cause;
  d.tick = tick;
  d.what.kind = decision_kind::notice;
  d.what.notice = {"regime_changed", id,
                   id + " has kept a new level of " + metrics + ", which now counts as normal.",
                   tick};
  out.push_back(std::move(d));
}

}  // namespace faultline
