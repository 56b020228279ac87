// SPDX-License-Identifier: Apache-2.0
// One alert: why it fires, and what operators say of it.
import { html, useState } from "../vendor/htm.js";
import { api } from "../lib/api.js";
import { duration, limitAt, limitText, measured, number, percent } from "../lib/format.js";
import { useFeed, useLoaded, useTick } from "../lib/hooks.js";
import { now } from "../lib/live.js";
import { isPosted } from "../lib/story.js";
import { At, Entity, Fact, Trouble, Waiting } from "./bits.js";
import { MetricChart } from "./chart.js";
import { Acknowledge, Dialog, Feedback } from "./dialogs.js";
import { Sign } from "./signs.js";
import { Planned } from "./maintenance.js";
import { Silenced, SilenceForm } from "./silence.js";

const words = {
  true: "It was a fault, and right to say so.",
  false: "Nothing was wrong.",
  expected: "It was so, but known and expected (a backup, a deployment).",
};

export function AlertPanel({ id, close }) {
  const { value, error, reload } = useLoaded((signal) => api.alert(id, signal), [id]);
  const [dialog, open] = useState(null);
  useFeed((r) => r.kind === "alert" && r.id === id, reload, 500);
  if (dialog?.kind === "acknowledge")
    return html`<${Acknowledge} what="alerts" id=${id} name=${value.entity} close=${() => open(null)} done=${reload} />`;
  if (dialog?.kind === "silence")
    return html`<${SilenceForm} choices=${silenceChoices(value)} close=${() => open(null)} done=${reload} />`;
  if (dialog)
    return html`<${Feedback} what="alerts" id=${id} ...${dialog} close=${() => open(null)} done=${reload} />`;
  return html`<${Dialog} title="Alert" close=${close}>
    ${error ? html`<${Trouble} error=${error} />` : !value ? html`<${Waiting} />` : html`<${Body} alert=${value} open=${open} />`}
    <div class="row end"><button type="button" class="plain" onClick=${close}>Close</button></div></${Dialog}>`;
}

/** What of an alert may be silenced: its entity, or this kind of alert of it. */
function silenceChoices(alert) {
  const entity = { name: "entity", op: "=", value: alert.entity };
  const choices = [[`Every alert of ${alert.entity}`, [entity]]];
  const name = alert.labels?.alertname;
  if (name) choices.push([`Only ${name} of it`, [entity, { name: "alertname", op: "=", value: name }]]);
  return choices;
}

function Body({ alert: a, open }) {
  useTick();
  const limit = limitAt(a);
  const marks = [
    { ts: a.started, state: a.severity },
    ...(a.ended ? [{ ts: a.ended, state: "resolved" }] : []),
  ];
  return html`<p><${Sign} state=${a.state === "firing" ? a.severity : "resolved"} /> <strong>
      <${Entity} id=${a.entity} /></strong> <code>${a.metric}</code></p>
    <p class="quiet">${a.explanation}</p>
    ${isPosted(a) ? html`<p class="quiet small">Posted by ${a.source}: its value is measured there.</p>` : html`<${MetricChart} entity=${a.entity} metric=${a.metric} unit=${a.contributors?.find((c) => c.metric === a.metric)?.unit ?? ""} marks=${marks} height=${140} />`}
    <dl class="facts"><${Fact} name="Began"><${At} ts=${a.started} zone /></${Fact}>
      ${a.ended && html`<${Fact} name="Lasted">${duration(a.ended - a.started)}</${Fact}>`}
      <${Fact} name="Score">${percent(a.score)}</${Fact}>
      ${a.acknowledged && html`<${Fact} name="Acknowledged">${a.acknowledged_by ? `by ${a.acknowledged_by}` : "yes"}</${Fact}>`}
      ${a.assigned_to && html`<${Fact} name="Looks after it">${a.assigned_to}</${Fact}>`}
      ${limit && html`<${Fact} name="Time to limit">${limitText(limit, now())}</${Fact}>`}
      <${Fact} name="Model">${a.model || "none"}${a.degraded ? ", degraded" : ""}${a.learning ? ", still learning" : ""}
          </${Fact}></dl>
    ${
      a.contributors?.length > 0 &&
      html`<div class="scroll"><table><thead><tr><th>Metric</th><th class="num">Now</th><th class="num">Expected</th>
          <th class="num">Usual</th></tr></thead>
      <tbody>${a.contributors.map((c) => html`<tr key=${c.metric}><td><code>${c.metric}</code></td><td class="num">
          ${measured(c.actual, c.unit)}</td><td class="num">${number(c.expected)}</td><td class="num">
          ${number(c.lower)} to ${number(c.upper)}</td></tr>`)}</tbody></table></div>`
    }
    <p class="row">
        ${a.state === "firing" && !a.acknowledged && html`<button type="button" class="main" onClick=${() => open({ kind: "acknowledge" })}>Acknowledge</button>`}
        ${a.state === "firing" && a.maintenance && html`<${Planned} windows=${a.maintenance} />`}
        ${a.state === "firing" && (a.silenced ? html`<${Silenced} by=${a.silenced_by} />` : html`<button type="button" onClick=${() => open({ kind: "silence" })}>Silence</button>`)}
      ${Object.entries(words).map(([verdict, text]) => html`<button type="button" class="small" onClick=${() => open({ verdict, text })}>${{ true: "A true alarm", false: "False", expected: "Expected" }[verdict]}</button>`)}</p>`;
}
