// SPDX-License-Identifier: Apache-2.0
// One entity: every metric with its band, alerts and changes as marks; what it logs and is asked for, what the detector
// believes, what happened to it, who is beside it.
import { html, useState } from "../lib/html.js";
import { api } from "../lib/api.js";
import { count, duration, many, measured, number, percent, unitOf, words } from "../lib/format.js";
import { useEvery, useFeed, useLoaded } from "../lib/hooks.js";
import { link } from "../lib/route.js";
import { titleOf } from "../lib/story.js";
import { Act, Ago, At, Columns, Empty, Entity as Name, Fact, Long, Panel, Sure, Trouble, Waiting } from "../parts/bits.js";
import { MetricChart } from "../parts/chart.js";
import { Logs } from "../parts/logs.js";
import { Operations } from "../parts/operations.js";
import { SilenceForm } from "../parts/silence.js";
import { Sign, stateName } from "../parts/signs.js";

const shownFirst = 8;
const every = 15000; // values go on without a message of the feed

export default function Entity({ id, query }) {
  const entity = useLoaded((signal) => api.entity(id, signal), [id]);
  const alerts = useLoaded((signal) => api.alerts({ entity: id, limit: 50 }, signal), [id]);
  const topology = useLoaded((signal) => api.topology(signal), [id]);
  const story = useLoaded((signal) => api.entityStory(id, signal), [id]);
  const [silencing, silence] = useState(false);
  const [turn, next] = useState(0);
  const [all, more] = useState(false);
  useFeed(
    (r) => (r.kind === "alert" && r.entity === id) || (r.kind === "notice" && r.subject === id),
    () => {
      entity.reload();
      alerts.reload();
      story.reload();
      next((n) => n + 1);
    },
    2000,
  );
  useEvery(every, () => {
    entity.reload();
    next((n) => n + 1);
  });
  useEvery(2 * every, topology.reload);
  const form = silencing && html`<${SilenceForm} choices=${[[`Every alert of ${id}`, [{ name: "entity", op: "=", value: id }]]]} close=${() => silence(false)} />`;
  const gone = entity.error?.status === 404; // retired, maybe while it was looked at
  if (entity.error && (gone || !entity.value)) {
    if (!gone) return html`<${Trouble} error=${entity.error} again=${entity.reload} />`;
    if (alerts.loading || story.loading || topology.loading) return html`<${Waiting} />`;
    return html`<${Outsider} id=${id} page=${alerts.value} topology=${topology.value} story=${story} silence=${() => silence(true)}>${form}</${Outsider}>`;
  }
  if (!entity.value) return html`<${Waiting} />`;
  const e = entity.value;
  const metrics = [...e.metrics].sort(
    (a, b) => (b.name === query.metric) - (a.name === query.metric) || (b.off ?? 0) - (a.off ?? 0),
  );
  const changes = (story.value?.items ?? []).filter((i) => i.kind === "change");
  const marks = (alerts.value?.alerts ?? []).flatMap((a) => [
    { ts: a.started, state: a.severity },
    ...(a.ended ? [{ ts: a.ended, state: "resolved" }] : []),
  ]);
  marks.push(...changes.map((c) => ({ ts: c.ts, state: "change" })));
  const seen = html`<${Panel} name="Metrics" title="Metrics">
      ${metrics.length === 0 && html`<p class="quiet">It has sent no metric. What its log and span events come to is judged like metrics; changes are evidence for causes.</p>`}
      ${metrics.length > 0 && html`<p class="legend above"><span><${Sign} state="critical" quiet /> <${Sign} state="warning" quiet /> an alert begins</span><span>
          <${Sign} state="resolved" quiet /> it ends</span><span><${Sign} state="change" quiet /> a change</span><span>band: what is usual</span><span>dashed: expected</span></p>`}
      ${(all ? metrics : metrics.slice(0, shownFirst)).map((m) => html`<${Metric} key=${m.name} id=${id} metric=${m} marks=${marks} turn=${turn} />`)}
      ${metrics.length > shownFirst && html`<button type="button" class="plain" onClick=${() => more(!all)}>
          ${all ? "Fewer" : `All ${count(metrics.length)} metrics`}</button>`}</${Panel}>`;
  const logs = html`<${Panel} name="Logs" title="What it logs"><${Logs} logs=${e.logs ?? []} /></${Panel}>`;
  const asked = html`<${Panel} name="Operations" title="What it is asked for"><${Operations} operations=${e.operations ?? []} leftOut=${e.calls_left_out ?? 0} /></${Panel}>`;
  const belief = html`<${Panel} name="Belief" title="What is believed"><${Belief} belief=${e.belief} /></${Panel}>`;
  const { beside, fired, past, done } = toldOf(id, alerts.value, topology.value, story);
  const state = worstOf(e.state, alerts.value?.alerts ?? []);
  return html`<article><header class="incident-head"><p class="over"><a href=${link("topology")}>Topology</a>
      <span aria-hidden="true">/</span><${Sign} state=${state} quiet /> ${stateName(state)}</p>
      <h1><${Name} id=${e.id} plain /></h1>
      <dl class="facts"><${Fact} name="Events">${count(e.observations)}</${Fact}><${Fact} name="First heard of">
          <${At} ts=${e.first_ts} zone /></${Fact}><${Fact} name="Last heard of"><${Ago} ts=${e.last_ts} /></${Fact}>
        <${Fact} name="Metrics">${count(e.metrics.length)}</${Fact}></dl>
      <div class="row"><${Act} data-key="s" onClick=${() => silence(true)}>Silence</${Act}></div></header>
    <${Columns} left=${[seen, logs, asked]} right=${[belief, beside, fired, past, done]} narrow=${[fired, seen, beside, past, done, logs, asked, belief]} />
    ${form}</article>`;
}

/** Panels of what others tell of it. @p page: of its alerts, as far as the server looked; null while it does. */
function toldOf(id, page, topology, story) {
  return {
    beside: html`<${Panel} name="Neighbours" title="Beside it"><${Neighbours} id=${id} topology=${topology} /></${Panel}>`,
    fired: html`<${Panel} name="Alerts" title="Its alerts"><${Past} id=${id} page=${page} /></${Panel}>`,
    past: html`<${Panel} name="Incidents" title="Incidents it was in"><${Incidents} story=${story} /></${Panel}>`,
    done: html`<${Panel} name="Changes" title="What was done to it"><${Done} story=${story} /></${Panel}>`,
  };
}

/** What is judged of it here, or, where that is worse, what its alerts say: those that others posted, too. */
function worstOf(own, alerts) {
  if (["stale", "restarting", "quarantined", "critical"].includes(own)) return own;
  const fires = alerts.filter((a) => a.state === "firing");
  return fires.some((a) => a.severity === "critical") ? "critical" : fires.length > 0 ? "warning" : own;
}

/** One that has sent nothing itself: what others post of it, and depend on it for. */
function Outsider({ id, page, topology, story, silence, children }) {
  const alerts = page?.alerts ?? [];
  const node = topology?.nodes.find((n) => n.id === id);
  const state = worstOf(node?.state ?? "unknown", alerts);
  if (!node && alerts.length === 0 && !story.value?.incidents.length) {
    return html`<${Empty} title=${`${id} is not known here`}>
      <p>It may have been retired, or has not sent an event yet, and nobody depends on it. <a href=${link("topology", "", { find: id })}>Look for others</a>.</p></${Empty}>`;
  }
  const { beside, fired, past, done } = toldOf(id, page, topology, story);
  return html`<article><header class="incident-head"><p class="over"><a href=${link("topology")}>Topology</a>
      <span aria-hidden="true">/</span><${Sign} state=${state} quiet /> ${stateName(state)}</p>
      <h1><${Name} id=${id} plain /></h1>
      <p class="quiet">It has sent no event that came here: it is known by what others post or say of it.</p>
      <div class="row"><${Act} data-key="s" onClick=${silence}>Silence</${Act}></div></header>
    <${Columns} left=${[fired, past]} right=${[beside, done]} narrow=${[fired, past, beside, done]} />${children}</article>`;
}

function Metric({ id, metric: m, marks, turn }) {
  return html`<section class="metric" aria-label=${m.name}><div class="chart-title"><h3><code>${m.name}</code></h3>
      <span class="quiet">now ${measured(m.last, unitOf(m))}, expected ${number(m.expected)}, usual ${number(m.lower)} to ${number(m.upper)}</span>
      ${m.off > 1 && html`<span class="tag">
          ${number(m.off)} times off</span>`}${m.profile_weight > 0.05 && html`<span class="tag">daily profile ${percent(m.profile_weight)}</span>`}${m.kind === "counter" && !m.unit && html`<span class="tag">per second</span>`}</div>
    <${MetricChart} entity=${id} metric=${m.name} unit=${unitOf(m)} marks=${marks} turn=${turn} height=${150} /></section>`;
}

const heard = {
  absent: "has none",
  listening: "only listens yet",
  heard: "is heard: it forecasts better than the last value",
  unheard: "is not heard: the last value forecasts better",
};

function Belief({ belief: b }) {
  const left =
    b.excess > 0
      ? `${number(b.excess)} decades above what pages`
      : `${number(-b.excess)} decades below what pages`;
  return html`<dl class="facts"><${Fact} name="Probability of a fault"><${Sure} p=${b.probability} /></${Fact}>
      <${Fact} name="How far from a page">${left}</${Fact}>
    <${Fact} name="Budget">
        ${number(b.false_pages_per_month)} false ${b.false_pages_per_month === 1 ? "page" : "pages"} a month</${Fact}>
        <${Fact} name="That came to">${number(b.accepted_by_now)} so far; ${many(b.pages, "page")}</${Fact}>
    <${Fact} name="Stricter by">${number(b.stricter)} decades</${Fact}><${Fact} name="Learned from">
        ${duration(b.half_hours * 1800e3)}; this half hour on ${many(b.weekdays, "weekday")} and ${many(b.weekend_days, "weekend day")}</${Fact}>
    <${Fact} name="Forecaster">${heard[b.forecaster] ?? b.forecaster}</${Fact}>
    ${b.soon != null && html`<${Fact} name="Builds up"><${Sure} p=${b.soon} /> that a fault is whole within 15 minutes, says what learnt from simulated faults; it decides nothing</${Fact}>`}</dl>`;
}

function Neighbours({ id, topology }) {
  if (!topology) return html`<${Waiting} />`;
  const states = new Map(topology.nodes.map((n) => [n.id, n.state]));
  const down = topology.edges.filter((e) => e.from === id).map((e) => ({ ...e, other: e.to }));
  const up = topology.edges.filter((e) => e.to === id).map((e) => ({ ...e, other: e.from }));
  if (down.length + up.length === 0)
    return html`<p class="quiet">Nothing is known to depend on it, nor it on anything. Send an <code>edge</code> event, spans that name a <code>peer</code> or lie within one another, or say <code>faultline topology add</code>.</p>`;
  const list = (title, edges) =>
    edges.length > 0 &&
    html`<h3>${title}</h3><ul class="neighbours">${edges.slice(0, 40).map(
      (e) => html`<li key=${`${e.other} ${e.kind}`}><${Sign} state=${states.get(e.other)} /><${Name} id=${e.other} />
    <span class="quiet small">
        ${e.kind === "runs_on" ? "runs on" : "calls"}, from ${e.source}${e.confidence < 1 ? `, ${percent(e.confidence)} sure` : ""}</span></li>`,
    )}</ul>`;
  return html`${list("It depends on", down)}${list("Who depends on it", up)}`;
}

function Past({ id, page }) {
  if (!page) return html`<${Waiting} />`;
  const { alerts, next } = page;
  if (alerts.length === 0 && next)
    return html`<p class="quiet">None of the newest alerts is of it. <a href=${link("alerts", "", { state: "all", text: id })}>Look for older ones</a>.</p>`;
  if (alerts.length === 0) return html`<p class="quiet">It has had none.</p>`;
  return html`<ul class="related">${alerts.slice(0, 10).map(
    (
      a,
    ) => html`<li key=${a.id}>
        <a href=${link("alerts", "", { state: "all", text: a.entity, alert: a.id, entity: a.entity })}>
        <${Sign} state=${a.state === "firing" ? a.severity : "resolved"} /> ${a.metric}</a>
    <p><${At} ts=${a.started} />, <${Long} text=${a.explanation} /></p></li>`,
  )}</ul>`;
}

function Incidents({ story }) {
  if (story.error) return html`<p class="quiet">${story.error.message}</p>`;
  if (!story.value) return html`<${Waiting} />`;
  const { incidents } = story.value;
  if (incidents.length === 0) return html`<p class="quiet">In none that is still kept.</p>`;
  return html`<ul class="related">${incidents.map(
    (i) => html`<li key=${i.id}><a href=${link("incident", i.id)}>
        <${Sign} state=${i.state === "open" ? i.severity : "resolved"} /> ${i.cause ? `${i.cause.entity}${i.cause.fault_class ? `, ${words(i.cause.fault_class)}` : ""}` : titleOf(i)}</a>
      <p><${At} ts=${i.started} />, ${many(i.entities, "entity", "entities")}${i.ended ? `, lasted ${duration(i.ended - i.started)}` : ""}</p></li>`,
  )}</ul>`;
}

/** Changes, words of operators and notices about it, newest first. */
function Done({ story }) {
  if (story.error) return html`<p class="quiet">${story.error.message}</p>`;
  if (!story.value) return html`<${Waiting} />`;
  const items = [...story.value.items].reverse().slice(0, 20);
  if (items.length === 0)
    return html`<p class="quiet">Nothing is known. Send a <code>change</code> event when you deploy or configure it: what changed shortly before a fault is evidence for its cause, and stands as a mark in the charts.</p>`;
  return html`<ul class="related">${items.map(
    (i, n) => html`<li key=${n}><strong><${Sign} state=${i.kind === "change" ? "change" : "note"} quiet /> ${i.by && `${i.by}: `}${words(i.state)}</strong>
      <p><${At} ts=${i.ts} />${i.text && html`, <${Long} text=${i.text} />`}</p></li>`,
  )}</ul>
  ${story.value.cut && html`<p class="quiet small">There may be older ones: <code>faultline store dump</code> has all of it.</p>`}`;
}
