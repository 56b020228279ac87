// SPDX-License-Identifier: Apache-2.0
// What is wrong now, most urgent first.
import { html, useState } from "../lib/html.js";
import { count, limitText, many, percent, words } from "../lib/format.js";
import { useTick } from "../lib/hooks.js";
import { now, refresh, useLive } from "../lib/live.js";
import { link } from "../lib/route.js";
import { titleOf } from "../lib/story.js";
import { allAcknowledged } from "../lib/urgency.js";
import { Act, Ago, Empty, Entity, Fact, Sure, Waiting } from "../parts/bits.js";
import { Acknowledge } from "../parts/dialogs.js";
import { Sign } from "../parts/signs.js";

const shownFirst = 50; // most urgent first: who has more open looks at these
const allLarge = 4; // where more are open, all but the most urgent have a line each

export default function Now() {
  const { overview } = useLive();
  const [all, more] = useState(false);
  useTick();
  if (!overview) return html`<${Waiting} />`;
  return html`<div class="now">
    <${Headline} overview=${overview} />
    ${
      overview.incidents.length === 0
        ? html`<${Quiet} overview=${overview} />`
        : html`<ol class="cards">${overview.incidents.slice(0, all ? undefined : shownFirst).map((i, n) => html`<${Card} key=${i.id} incident=${i} small=${n > 0 && overview.incidents.length > allLarge} />`)}</ol>`
    }
    ${!all && overview.incidents.length > shownFirst && html`<p><button type="button" class="plain" onClick=${() => more(true)}>
        ${count(overview.incidents.length - shownFirst)} more that are less urgent</button></p>`}
    ${overview.incidents.length > 0 && html`<p class="quiet"><a href=${link("alerts", "", { state: "incidents" })}>Incidents that are over</a></p>`}
    ${overview.open > overview.incidents.length && html`<p class="quiet">
        ${many(overview.open - overview.incidents.length, "more incident")} open; <a href=${link("alerts")}>all alerts</a>.</p>`}
  </div>`;
}

function Headline({ overview }) {
  const { critical, warning, acknowledged, silenced } = overview.firing;
  const open = overview.open;
  const title = open === 0 ? "All quiet" : `${many(open, "incident")} open`;
  return html`<header class="headline" aria-live="polite"><h1>${title}</h1>
    <p><a href=${link("alerts", "", { severity: "critical" })}>
        <${Sign} state="critical" quiet /> ${count(critical)} critical</a>
      <a href=${link("alerts", "", { severity: "warning" })}>
          <${Sign} state="warning" quiet /> ${many(warning, "warning")}</a>
      ${acknowledged > 0 && html`<span>${count(acknowledged)} acknowledged</span>`}
      ${silenced > 0 && html`<span>${count(silenced)} silenced</span>`}</p></header>`;
}

function Quiet({ overview }) {
  const loose = overview.firing.critical + overview.firing.warning;
  if (loose > 0) {
    return html`<${Empty} title="No incident is open"><p>${many(loose, "alert")} of entities that nothing connects:${" "}
      <a href=${link("alerts")}>look at them</a>. Dependencies tell what belongs together: see <a href=${link("topology")}>the topology</a>.</p></${Empty}>`;
  }
  return html`<${Empty} title="Nothing needs you">
      <p>An incident appears here by itself, the moment it opens. Those that are over are under <a href=${link("alerts", "", { state: "incidents" })}>Alerts, Past incidents</a>;${" "}
    <a href=${link("system")}>System</a> shows whether events come in. No publisher yet? <code>faultline publish events.jsonl</code>, or any ZeroMQ socket at port 7802.</p></${Empty}>`;
}

function Card({ incident: i, small }) {
  const [asking, ask] = useState(false);
  const done = allAcknowledged(i);
  const known = i.cause && !i.abstained;
  const names = i.entities > 1 || i.first_entities[0] !== i.cause?.entity;
  return html`<li class=${`card card-${i.severity} ${done ? "done" : ""} ${small ? "card-small" : ""}`} data-incident=${i.id}>
    <a class="cover" href=${link("incident", i.id)} aria-label=${`Open the incident: ${titleOf(i)}`}></a>
    <div class="card-sign"><${Sign} state=${i.severity} size=${small ? 20 : 28} /></div>
    <div class="card-body">
      <p class="over">
          ${known ? "Likely cause" : i.cause ? (small ? "None stands out; likeliest" : "No cause stands out; most likely") : "Cause is being looked for"}</p>
      <h2>${i.cause ? html`<${Entity} id=${i.cause.entity} plain />` : titleOf(i)}</h2>
      <p class="sub">
          ${i.cause ? html`${words(i.cause.fault_class)}${i.cause.metric && html`${i.cause.fault_class ? ", seen in " : "seen in "}<code>${i.cause.metric}</code>`}` : ""}</p>
      <dl class="facts">
        <${Fact} name="Probability">
            ${i.cause ? html`<${Sure} p=${i.cause.probability} label="probability of this cause" />` : "–"}</${Fact}>
        <${Fact} name="Began"><${Ago} ts=${i.started} /></${Fact}>
        <${Fact} name="Time to limit">
            ${i.limit_at ? html`<strong>${limitText(i.limit_at, now())}</strong>` : html`<span class="quiet">${small ? "–" : "none forecast"}</span>`}</${Fact}>
        <${Fact} name="Touches">${many(i.entities, "entity", "entities")}</${Fact}>
      </dl>
      ${names && html`<p class="names">
          ${i.first_entities.map((e) => html`<${Entity} key=${e} id=${e} plain />`)}${i.entities > i.first_entities.length && html`<span>and ${count(i.entities - i.first_entities.length)} more</span>`}</p>`}
    </div>
    <div class="card-side">
      ${
        done
          ? html`<span class="chip"><${Sign} state="ok" size="14" quiet /> acknowledged</span>`
          : i.firing > 0 && i.silenced >= i.firing
          ? html`<span class="chip chip-still"><${Sign} state="quarantined" size="14" quiet /> silenced</span>`
          : html`<${Act} onClick=${() => ask(true)}>Acknowledge</${Act}>`
      }
      <span class="quiet small">
          ${i.cause && i.unobserved > 0.2 ? `${percent(i.unobserved)} that it is something not observed` : ""}</span>
    </div>
    ${asking && html`<${Acknowledge} what="incidents" id=${i.id} name=${i.cause?.entity ?? titleOf(i)} close=${() => ask(false)} done=${refresh} />`}
  </li>`;
}
