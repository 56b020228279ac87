// SPDX-License-Identifier: Apache-2.0
// One incident: what happened, what the likely cause is and why, what helps, and what operators say of it.
import { html, useState } from "../lib/html.js";
import { api } from "../lib/api.js";
import { count, distance, duration, limitAt, limitText, many, percent, words } from "../lib/format.js";
import { useEvery, useFeed, useLoaded, useTick } from "../lib/hooks.js";
import { mayAct, now, useLive } from "../lib/live.js";
import { link } from "../lib/route.js";
import { allAcknowledged } from "../lib/urgency.js";
import { matchersOf } from "../lib/matchers.js";
import { chartsOf, incidentGraph, isPosted, mergedInto, remediesOf, titleOf, whoOf } from "../lib/story.js";
import { Act, At, Columns, Entity, Fact, Panel, Sure, Trouble, Waiting } from "../parts/bits.js";
import { Causes, Remedies } from "../parts/causes.js";
import { MetricChart } from "../parts/chart.js";
import { Acknowledge, Feedback } from "../parts/dialogs.js";
import { Graph } from "../parts/graph.js";
import { Sign } from "../parts/signs.js";
import { Silenced, SilenceForm } from "../parts/silence.js";
import { Story } from "../parts/story.js";

const every = 15000; // while it is open, states and values go on without a message of the feed

export default function Incident({ id }) {
  const whole = useLoaded((signal) => Promise.all([api.incident(id, signal), api.story(id, signal)]), [id]);
  const topology = useLoaded((signal) => api.topology(signal), [id]);
  const [dialog, open] = useState(null);
  useLive(); // what time it is
  useTick();
  const [turn, next] = useState(0);
  const ids = new Set(whole.value?.[0].alerts ?? []);
  useFeed(
    (r) => r.id === id || ids.has(r.id) || (r.kind === "notice" && (r.subject === id || ids.has(r.subject))),
    whole.reload,
    1000,
  );
  const touched = new Set(whole.value?.[0].entities ?? []);
  useFeed((r) => (r.kind === "alert" && touched.has(r.entity)) || (r.kind === "notice" && r.what === "edge"), topology.reload, 5000);
  const goesOn = whole.value?.[0].state === "open";
  useEvery(every, () => goesOn && next((n) => n + 1));
  useEvery(2 * every, () => goesOn && topology.reload());
  if (whole.error && !whole.value) return html`<${Trouble} error=${whole.error} again=${whole.reload} />`;
  if (!whole.value) return html`<${Waiting} />`;
  const [incident, story] = whole.value;
  const firing = story.alerts.filter((a) => a.state === "firing");
  const state = {
    firing: firing.length,
    acknowledged: firing.filter((a) => a.acknowledged).length,
    silenced: firing.filter((a) => a.silenced),
  };
  const say = (words) => open({ kind: "feedback", ...words });
  const why = html`<${Panel} name="Causes" title="Why"><${Causes} incident=${incident} say=${say} /></${Panel}>`;
  const spread = html`<${Panel} name="Propagation" title="How it spread"><${Spread} incident=${incident} topology=${topology} /></${Panel}>`;
  const seen = html`<${Panel} name="Charts" title="What was seen"><${Charts} incident=${incident} alerts=${story.alerts} turn=${turn} /></${Panel}>`;
  const help = html`<${Panel} name="Remediation" title="What may help"><${Remedies} remedies=${remediesOf(incident)} say=${say} /></${Panel}>`;
  const order = html`<${Panel} name="Time line" title="In order"><${Story} incident=${incident} story=${story} /></${Panel}>`;
  const past = html`<${Panel} name="Related incidents" title="Before"><${Related} related=${story.related} /></${Panel}>`;
  return html`<article>
    <${Top} incident=${incident} alerts=${story.alerts} state=${state} open=${open} say=${say} />
    <${Columns} left=${[why, spread, seen]} right=${[help, order, past]} narrow=${[why, help, spread, order, seen, past]} />
    ${dialog?.kind === "acknowledge" && html`<${Acknowledge} what="incidents" id=${id} name=${incident.causes[0]?.entity ?? titleOf(incident)} close=${() => open(null)} done=${whole.reload} />`}
    ${dialog?.kind === "silence" && html`<${SilenceForm} choices=${silenceChoices(incident)} close=${() => open(null)} done=${whole.reload} />`}
    ${dialog?.kind === "feedback" && html`<${Feedback} what="incidents" id=${id} ...${dialog} close=${() => open(null)} done=${whole.reload} />`}
  </article>`;
}

/** What of an incident may be silenced: who it touches, or its likely cause alone. */
function silenceChoices(incident) {
  const { matchers, covered } = matchersOf(incident.entities);
  const all = incident.entities.length;
  const choices = [
    [covered === all ? `All ${many(all, "entity", "entities")} it touches` : `The first ${count(covered)} of ${count(all)} entities`, matchers],
  ];
  const cause = incident.causes[0]?.entity;
  if (cause && (all > 1 || cause !== incident.entities[0]))
    choices.push([`Its likely cause alone, ${cause}`, matchersOf([cause]).matchers]);
  return choices;
}

function Top({ incident: i, alerts, state, open, say }) {
  const cause = i.causes[0];
  const limits = alerts.map(limitAt).filter(Boolean);
  const limit = limits.length > 0 ? Math.min(...limits) : null;
  const done = allAcknowledged(state);
  const { by, assigned } = whoOf(alerts);
  return html`<header class="incident-head">
    <p class="over"><a href=${link("now")}>Now</a><span aria-hidden="true">/</span>
        <${Sign} state=${i.state === "open" ? i.severity : "resolved"} />
      ${i.state === "open" ? `${i.severity}, open for ${duration(now() - i.started)}` : `over since ${distance(i.ended ?? i.updated, now())}, lasted ${duration((i.ended ?? i.updated) - i.started)}`}</p>
    <h1>${mergedInto(i) ? html`Merged into <a href=${link("incident", mergedInto(i))}>another incident</a>` : titleOf(i)}</h1>
    <dl class="facts">
      <${Fact} name=${cause && i.abstained ? "Most likely, though none stands out" : "Likely cause"}>
          ${cause ? html`<${Entity} id=${cause.entity} /> <span class="quiet">${words(cause.fault_class)}
          </span>` : i.state === "open" ? "being looked for" : "none was found"}</${Fact}>
      <${Fact} name="Probability">${cause ? html`<${Sure} p=${cause.probability} />` : "–"}</${Fact}>
      <${Fact} name="Began"><${At} ts=${i.started} zone /></${Fact}>
      ${limit && html`<${Fact} name="Time to limit">
          ${limitText(limit, now())}</${Fact}>`}
      ${by.length > 0 && !(done && i.state === "open") && html`<${Fact} name="Acknowledged">by ${by.join(", ")}</${Fact}>`}
      ${assigned.length > 0 && html`<${Fact} name="Looks after it">${assigned.join(", ")}</${Fact}>`}
      <${Fact} name="Touches">${many(i.entities.length, "entity", "entities")}, ${many(i.alerts.length, "alert")}</${Fact}>
    </dl>
    <div class="row">
      ${
        i.state === "open" &&
        (done
          ? html`<span class="chip">
              <${Sign} state="ok" size="14" quiet /> acknowledged${by.length > 0 ? ` by ${by.join(", ")}` : ""}</span>`
          : html`<${Act} class="main" data-key="a" onClick=${() => open({ kind: "acknowledge" })}>Acknowledge</${Act}>`)
      }
      ${state.silenced.length > 0 && html`<${Silenced} by=${state.silenced[0].silenced_by} part=${state.silenced.length < state.firing ? `${state.silenced.length} of ${many(state.firing, "alert")}` : ""} />`}
      ${i.state === "open" && i.entities.length > 0 && html`<${Act} data-key="s" onClick=${() => open({ kind: "silence" })}>Silence</${Act}>`}
      ${mayAct() && html`<div class="row asked"><span class="quiet small">${cause ? "Was the cause right?" : "Was it right?"}</span>
          <${Act} onClick=${() => say({ verdict: "right", cause: cause?.entity, text: cause ? `The cause was ${cause.entity}, as said.` : "It was a fault." })}>Right</${Act}>
          <${Act} onClick=${() => say({ verdict: "partly", cause: null, text: "Part of it is right: say in the comment what is not." })}>Partly</${Act}>
          <${Act} onClick=${() => say({ verdict: "wrong", cause: null, text: "The cause was another one, or there was no fault. If you know it, name it at the cause below, or in the comment." })}>Wrong</${Act}></div>`}
    </div>
  </header>`;
}

function Spread({ incident, topology }) {
  if (topology.error) return html`<p class="quiet">${topology.error.message}</p>`;
  if (!topology.value) return html`<${Waiting} />`;
  const graph = incidentGraph(incident, topology.value);
  if (graph.nodes.length === 0) return html`<p class="quiet">No entity is known for it yet.</p>`;
  if (graph.nodes.length === 1) {
    return html`<p class="quiet">It is <${Entity} id=${graph.nodes[0].id} /> alone, as far as dependencies are known.</p>`;
  }
  const cause = incident.abstained ? "" : (incident.causes[0]?.entity ?? "");
  const label = `${graph.nodes.length} entities and ${graph.edges.length} dependencies${cause ? `; from ${cause} the trouble goes to who depends on it` : ""}`;
  return html`<${Graph} graph=${graph} label=${label} pick=${(id) => {
    if (id) location.hash = link("entity", id);
  }} />
    <p class="legend"><span><${Sign} state="critical" quiet /> critical</span><span>
        <${Sign} state="warning" quiet /> warning</span><span><${Sign} state="ok" quiet /> all right now</span>
      ${cause && html`<span>ringed: the likely cause</span><span>thick: the way of the trouble</span>`}</p>
    ${graph.edges.length === 0 && graph.nodes.length > 1 && html`<p class="quiet small">No dependency between them is known. <code>edge</code> events, spans (with a peer, or one within another), or <code>faultline topology add</code> tell of one.</p>`}`;
}

function Charts({ incident, alerts, turn }) {
  const charts = chartsOf(incident, alerts);
  if (charts.length === 0)
    return html`<p class="quiet">No metric stands behind it${alerts.some(isPosted) ? ": its alerts were posted by others, and measured there" : ""}.</p>`;
  return html`<div class="charts">${charts.map((c) => {
    const own = alerts
      .filter((a) => a.entity === c.entity)
      .flatMap((a) => [
        { ts: a.started, state: a.severity },
        ...(a.ended ? [{ ts: a.ended, state: "resolved" }] : []),
      ]);
    const marks = own.length > 0 ? own : [{ ts: incident.started, state: "onset" }];
    return html`<figure key=${`${c.entity}\n${c.metric}`} style=${{ margin: 0 }}>
      <figcaption class="chart-title"><a href=${link("entity", c.entity, { metric: c.metric })}><code>${c.metric}</code>
          </a> <${Entity} id=${c.entity} plain /> <span class="quiet">
          ${c.why}${own.length > 0 ? html`, from <${At} ts=${c.onset} short />` : html`; the line is where the incident began`}</span></figcaption>
      <${MetricChart} entity=${c.entity} metric=${c.metric} marks=${marks} turn=${`${incident.updated} ${turn}`} /></figure>`;
  })}</div>`;
}

function Related({ related }) {
  if (related.length === 0) return html`<p class="quiet">Nothing like it was seen before.</p>`;
  return html`<ul class="related">${related.map(
    (
      r,
    ) => html`<li key=${r.id}><a href=${link("incident", r.id)}>
        ${r.cause ? `${r.cause.entity}${r.cause.fault_class ? `, ${words(r.cause.fault_class)}` : ""}` : titleOf(r)}</a>
    <p><${At} ts=${r.started} />, ${many(r.entities, "entity", "entities")}${r.cause ? `, ${percent(r.cause.probability)}` : ""}${r.ended ? `, lasted ${duration(r.ended - r.started)}` : ""}</p></li>`,
  )}</ul>`;
}
