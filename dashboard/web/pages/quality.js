// SPDX-License-Identifier: Apache-2.0
// What was promised, and what it came to.
import { html } from "../lib/html.js";
import { api } from "../lib/api.js";
import { count, duration, many, moment, number, percent, quantile } from "../lib/format.js";
import { useEvery, useFeed, useLoaded } from "../lib/hooks.js";
import { prefs } from "../lib/prefs.js";
import { judged, promise } from "../lib/judged.js";
import { At, Empty, Head, Trouble, Waiting } from "../parts/bits.js";

export default function Quality() {
  const { value: q, error, reload } = useLoaded((signal) => api.get("quality", signal), []);
  useFeed(() => false, reload); // when the line was broken
  useEvery(60_000, reload);
  if (error && !q) return html`<${Trouble} error=${error} again=${reload} />`;
  if (!q) return html`<${Waiting} />`;
  if (q.episodes === 0 && q.incidents === 0) {
    return html`<${Head} title="Quality" /><${Empty} title="Nothing to judge yet">
        <p>When alerts have fired, this page compares their number with what was promised (${number(q.promised_per_entity_month)} false an entity and month), and your verdicts with what was said.
      Give them with the buttons of an incident or an alert.</p></${Empty}>`;
  }
  const p = promise(q);
  const alerts = judged(q.alert_verdicts, ["true", "expected", "false"]);
  const causes = judged(q.incident_verdicts, ["right", "partly", "wrong"]);
  return html`<${Head} title="Quality"><span class="quiet">from <${At} ts=${q.since} /> to <${At} ts=${q.until} zone />
      </span></${Head}>
    <div class="tiles">
      <${Tile} name="Promised false alarms" value=${number(p.promised)} text=${`${number(q.promised_per_entity_month)} an entity and month, ${many(q.entities, "entity", "entities")}, ${number(p.days)} days`} />
      <${Tile} name="Called false by you" value=${count(p.calledFalse)} text=${p.judged === 0 ? `none of ${many(q.episodes, "alert")} was judged yet: the buttons of an alert do` : `${number(p.rate)} an entity and month; ${count(p.judged)} of ${many(q.episodes, "alert")} judged`} />
      <${Tile} name="Alerts that were true" value=${alerts.true + alerts.false === 0 ? "–" : percent(alerts.true / (alerts.true + alerts.false))} text=${alerts.total === 0 ? "as you judge them" : `${count(alerts.true)} true, ${count(alerts.expected)} expected, ${count(alerts.false)} false`} />
      <${Tile} name="Causes that were right" value=${causes.total === 0 ? "–" : percent(causes.share.right)} text=${causes.total === 0 ? `none of ${many(q.incidents, "incident")} was judged yet: the buttons of an incident do` : `${count(causes.right)} right, ${count(causes.partly)} partly, ${count(causes.wrong)} wrong of ${count(causes.total)} judged`} />
      <${Tile} name="Warned before critical" value=${q.lead_s.length === 0 ? "–" : duration(quantile(q.lead_s, 0.5) * 1000)} text=${`half of ${count(q.lead_s.length)} had at least this; ${count(q.critical_at_once)} were critical at once`} />
    </div>
    <div class="halves">
      <section class="panel" aria-label="Alerts by day"><h2>Alerts by day</h2><${Days} days=${q.days} />
          <p class="legend"><span><i class="swatch"></i> alerts</span><span><i class="swatch false"></i> of these called false</span></p></section>
      <section class="panel" aria-label="Lead times"><h2>Time from warning to critical</h2>
          <${Leads} leads=${q.lead_s} /></section>
    </div>
    <p class="quiet small" style=${{ marginTop: "1.5rem" }}>An alert that nobody judged counts as neither true nor false. Figures of recordings with known faults: <code>docs/evaluation.md</code>.</p>`;
}

function Tile({ name, value, text }) {
  return html`<div class="tile"><p class="over">${name}</p><b>${value}</b><p>${text}</p></div>`;
}

function Days({ days }) {
  if (days.length === 0) return html`<p class="quiet">None.</p>`;
  const most = Math.max(...days.map((d) => d.episodes), 1);
  const step = 600 / Math.max(days.length, 10);
  const width = Math.max(1, step - 4); // of a bar
  const high = (n) => (98 * n) / most;
  return html`<svg class="bars" viewBox="0 0 600 140" role="img" aria-label=${`${days.length} days, at most ${many(most, "alert")} a day`}>
    <line x1="0" y1="120" x2="600" y2="120" />
    ${days.map(
      (
        d,
        n,
      ) => html`<g key=${d.ts}><title>
          ${moment(d.ts, "UTC", Date.now()).slice(0, -9)}: ${many(d.episodes, "alert")}, ${count(d.called_false)} called false</title>
      <rect x=${n * step + 2} width=${width} y=${120 - high(d.episodes)} height=${high(d.episodes)} rx="2" />
      <rect class="false" x=${n * step + 2} width=${width} y=${120 - high(d.called_false)} height=${high(d.called_false)} rx="2" />
      ${(days.length <= 20 || d.episodes === most) && d.episodes > 0 && html`<text x=${n * step + 2 + width / 2} y=${115 - high(d.episodes)} text-anchor="middle">${count(d.episodes)}</text>`}</g>`,
    )}
    <text x="2" y="136">${dayName(days[0].ts)}</text>
        ${days.length > 4 && html`<text x=${(days.length - 1) * step} y="136" text-anchor="middle">
        ${dayName(days[days.length - 1].ts)}</text>`}</svg>`;
}

function dayName(ts) {
  return new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", timeZone: "UTC" }).format(ts);
}

const steps = [
  [60, "<1 min"],
  [300, "1–5 min"],
  [900, "5–15 min"],
  [1800, "15–30 min"],
  [3600, "30–60 min"],
  [Infinity, ">1 h"],
];

function Leads({ leads }) {
  if (leads.length === 0) return html`<p class="quiet">No alert has gone from warning to critical yet.</p>`;
  const groups = steps.map(([below, name], n) => ({
    name,
    n: leads.filter((l) => l < below && l >= (steps[n - 1]?.[0] ?? 0)).length,
  }));
  const most = Math.max(...groups.map((g) => g.n), 1);
  return html`<svg class="bars" viewBox="0 0 600 140" role="img" aria-label=${groups.map((g) => `${g.name}: ${g.n}`).join(", ")}><line x1="0" y1="120" x2="600" y2="120" />
    ${groups.map((g, n) => html`<g key=${g.name}>
        <rect x=${n * 100 + 12} width="76" y=${120 - (100 * g.n) / most} height=${(100 * g.n) / most} rx="3" />
        <text x=${n * 100 + 50} y=${114 - (100 * g.n) / most} text-anchor="middle">${g.n > 0 ? g.n : ""}</text>
        <text x=${n * 100 + 50} y="136" text-anchor="middle">${g.name}</text></g>`)}</svg>`;
}
