// SPDX-License-Identifier: Apache-2.0
// How the server itself is: load, who sends, what was refused, the models, memory and disk.
import { html, useEffect, useRef, useState } from "../lib/html.js";
import { api } from "../lib/api.js";
import { bytes, count, duration, many, number, percent } from "../lib/format.js";
import { useEvery, useLoaded } from "../lib/hooks.js";
import { readMetrics, total } from "../lib/judged.js";
import { Ago, At, Fact, Head, Trouble, Waiting } from "../parts/bits.js";
import { Sign } from "../parts/signs.js";

const every = 5000;
const steps = {
  none: ["ok", "Everything that comes is taken and scored."],
  lagging: ["warning", "More comes in than is applied; publishers are slowed."],
  degraded: ["warning", "Ticks are judged without the forecaster until it has caught up."],
  shedding: [
    "critical",
    "Events are refused: acknowledged publishers send again, others are shed and counted.",
  ],
  no_space: ["critical", "The disk is nearly full: nothing is acknowledged until there is room."],
};

export default function System() {
  const now = useLoaded(async (signal) => {
    const [status, text, publishers, letters, model] = await Promise.all([
      api.status(signal),
      api.text("metrics", signal),
      api.get("publishers?limit=50", signal),
      api.get("dead-letters?limit=8", signal),
      api.get("model", signal),
    ]);
    return { status, samples: readMetrics(text), publishers, letters, model, at: performance.now() };
  }, []);
  const rate = useRate(now.value);
  useEvery(every, now.reload);
  if (now.error && !now.value) return html`<${Trouble} error=${now.error} again=${now.reload} />`;
  if (!now.value) return html`<${Waiting} />`;
  const { status: s, samples, publishers, letters, model } = now.value;
  const [state, text] = steps[s.overload] ?? ["warning", s.overload];
  return html`<${Head} title="System"><span class="quiet">faultline ${s.version}, up ${duration(s.uptime_s * 1000)}
      </span></${Head}>
    <div class="tiles">
      <div class="tile"><p class="over">Load</p><b>
          <${Sign} state=${state} size="22" quiet /> ${s.overload === "none" ? "Normal" : s.overload.replace("_", " ")}
          </b><p>${s.ready ? text : "It is recovering: it reads what was not applied before it ended."}</p></div>
      <div class="tile"><p class="over">Events taken</p><b>
          ${rate === null ? count(s.observations) : `${number(rate)}/s`}</b><p>
          ${count(s.observations)} since the store was made</p></div>
      <div class="tile"><p class="over">Entities</p><b>${count(s.entities)}</b><p>
          ${count(total(samples, "faultline_entities_active"))} active, the rest on disk</p></div>
      <div class="tile"><p class="over">Not applied yet</p><b>${count(total(samples, "faultline_log_lag_records"))}</b>
          <p>records of the log</p></div>
      <div class="tile"><p class="over">Refused, ever</p><b>${count(letters.total)}</b><p>
          ${count(letters.kept)} kept with reason and content</p></div>
      <div class="tile"><p class="over">Pages open</p><b>${count(total(samples, "faultline_http_streams"))}</b>
          <p>follow what happens, this one too</p></div>
    </div>
    <div class="halves"><div class="stack">
      <section class="panel" aria-label="Publishers"><h2>Who sends</h2><${Publishers} page=${publishers} /></section>
      <section class="panel" aria-label="Dead letters"><h2>What was refused</h2><${Letters} letters=${letters} /></section>
    </div><div class="stack">
      <section class="panel" aria-label="Health"><h2>Its own health</h2><${Health} status=${s} samples=${samples} /></section>
      <section class="panel" aria-label="Model"><h2>Forecaster</h2><dl class="facts"><${Fact} name="Model">
          ${model.name} ${model.version}</${Fact}><${Fact} name="In force since">decision ${count(model.since)}</${Fact}><${Fact} name="SHA-256"><code>
          ${String(model.sha256).slice(0, 16)}…</code></${Fact}></dl></section>
      <section class="panel" aria-label="Memory and disk"><h2>Memory and disk</h2><${Held} samples=${samples} /></section>
    </div></div>`;
}

/** Events a second between the last two looks. */
function useRate(value) {
  const before = useRef(null);
  const [rate, set] = useState(null);
  useEffect(() => {
    if (!value) return;
    const last = before.current;
    before.current = { n: value.status.observations, at: value.at };
    if (last && value.at > last.at)
      set(Math.max(0, (1000 * (value.status.observations - last.n)) / (value.at - last.at)));
  }, [value]);
  return rate;
}

/** What stands in the way of its work, worst first; each says what to do. */
function Health({ status, samples }) {
  const n = (name, labels) => total(samples, name, labels);
  const scored = n("faultline_ticks_scored_total");
  const degraded = n("faultline_ticks_degraded_total");
  const restarts = n("faultline_entity_restarts_total") + n("faultline_partition_restarts_total");
  const rows = [
    ["It has recovered", status.ready, "ready", "not yet: it reads what was not applied before it ended"],
    ["Configuration", n("faultline_config_last_reload_successful") === 1, "in force as it was last read", html`the last reload was refused, what was before is in force: <code>faultline check-config</code> says why`],
    ["Entities in quarantine", n("faultline_entities_quarantined") === 0, "none", html`${count(n("faultline_entities_quarantined"))} failed again and again and are left out: <code>faultline entity list</code> names them, their page and the log say why`],
    ["Restarts of what failed", restarts === 0, "none since the start", `${count(restarts)} since the start: the log says of what and why`],
    ["Forecasts", n("faultline_model_faults_total") === 0, `${count(scored)} ticks scored`, `${count(n("faultline_model_faults_total"))} failed: those ticks were judged without`],
    ["Judged without the forecaster", degraded === 0, "no tick", `${percent(degraded / Math.max(1, scored + degraded))} of ticks, while it had more to do than it could`],
    ["Free on its disk", status.overload !== "no_space", bytes(n("faultline_store_free_bytes")), `only ${bytes(n("faultline_store_free_bytes"))}: nothing is taken until there is room`],
  ];
  rows.sort((a, b) => a[1] - b[1]);
  return html`<ul class="health">${rows.map(
    ([name, good, fine, wrong]) =>
      html`<li key=${name}><${Sign} state=${good ? "ok" : "warning"} /><span><strong>${name}</strong> <span class="quiet">${good ? fine : wrong}</span></span></li>`,
  )}</ul>`;
}

function Publishers({ page }) {
  if (page.publishers.length === 0)
    return html`<p class="quiet">Nobody has sent anything since the start. <code>faultline publish events.jsonl</code>, or any ZeroMQ socket: PUSH to 7801, DEALER to 7802.</p>`;
  return html`<div class="scroll publishers" role="region" tabIndex="0" aria-label="Publishers, a table"><table><thead><tr><th>Publisher</th><th>Door</th><th class="num">Taken</th>
      <th class="num">Refused</th><th class="num">Told to wait</th><th>Heard of</th></tr></thead>
    <tbody>${page.publishers.map(
      (
        p,
      ) => html`<tr key=${p.publisher + p.door}><td class="name">
          ${p.publisher}${Math.abs(p.skew_ms ?? 0) > 2000 && html` <span class="tag">clock off by ${duration(Math.abs(p.skew_ms))}</span>`}</td><td>${p.door}</td>
      <td class="num">${count(p.accepted)}</td><td class="num">${count(p.rejected + p.shed)}</td><td class="num">
          ${count(p.retried)}</td><td><${When} ts=${p.last_seen} /></td></tr>`,
    )}</tbody></table></div>
    ${page.total > page.publishers.length && html`<p class="quiet small">
        ${many(page.total - page.publishers.length, "more publisher")}.</p>`}`;
}

/** An instant of the machine's own clock, whatever time is replayed. */
function When({ ts }) {
  return html`<time dateTime=${new Date(ts).toISOString()}>${duration(Date.now() - ts)} ago</time>`;
}

function Held({ samples }) {
  const parts = samples.filter((s) => s.name === "faultline_memory_bytes");
  return html`<dl class="facts"><${Fact} name="On disk">${bytes(total(samples, "faultline_store_bytes"))}</${Fact}>
    ${parts.map((p) => html`<${Fact} key=${JSON.stringify(p.labels)} name=${Object.values(p.labels).join(" ").replace(/_/g, " ")}>${bytes(p.value)}</${Fact}>`)}</dl>`;
}

function Letters({ letters }) {
  const reasons = Object.entries(letters.by_reason).sort((a, b) => b[1] - a[1]);
  if (reasons.length === 0) return html`<p class="quiet">Nothing was refused.</p>`;
  return html`<dl class="facts">${reasons.slice(0, 8).map(([reason, n]) => html`<${Fact} key=${reason} name=${reason}>
      ${count(n)}</${Fact}>`)}</dl>
    <div class="scroll letters" role="region" tabIndex="0" aria-label="Dead letters, a table"><table><thead><tr><th>When</th><th>From</th><th>What is wrong</th></tr></thead>
        <tbody>${letters.letters.map((l) => html`<tr key=${l.id}><td><${When} ts=${l.ts} /></td><td class="name">
        ${l.source}</td><td class="words"><code>${l.reason}</code> ${l.text}</td></tr>`)}</tbody></table></div>
    <p class="quiet small">When the cause is mended: <code>faultline dead-letter replay</code>.</p>`;
}
