// SPDX-License-Identifier: Apache-2.0
// One alert: why it fires, and what operators say of it.
import { html, useState } from "../lib/html.js";
import { api } from "../lib/api.js";
import { duration, limitAt, limitText, measured, number, percent, words } from "../lib/format.js";
import { useFeed, useLoaded, useTick } from "../lib/hooks.js";
import { mayAct, now } from "../lib/live.js";
import { link } from "../lib/route.js";
import { isPosted, safeLink, titleOf } from "../lib/story.js";
import { Act, At, Entity, Fact, Long, Trouble, Waiting } from "./bits.js";
import { MetricChart } from "./chart.js";
import { Acknowledge, Dialog, Feedback } from "./dialogs.js";
import { Sign } from "./signs.js";
import { Planned } from "./maintenance.js";
import { Silenced, SilenceForm } from "./silence.js";

const verdicts = {
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
  return html`<${Dialog} title="Alert" close=${close} read>
    ${error && !value ? html`<${Trouble} error=${error} />` : !value ? html`<${Waiting} />` : html`<${Body} alert=${value} open=${open} />`}
    <div class="row acts">${value?.state === "firing" && html`<${Acts} alert=${value} open=${open} />`}
      <button type="button" class="plain" onClick=${close}>Close</button></div></${Dialog}>`;
}

/** What of an alert may be silenced: its entity, or this kind of alert of it. */
function silenceChoices(alert) {
  const entity = { name: "entity", op: "=", value: alert.entity };
  const choices = [[`Every alert of ${alert.entity}`, [entity]]];
  const name = alert.labels?.alertname;
  if (name) choices.push([`Only ${name} of it`, [entity, { name: "alertname", op: "=", value: name }]]);
  return choices;
}

/** What can be done about one that fires, or who does it. */
function Acts({ alert: a, open }) {
  return html`${a.acknowledged ? html`<span class="chip"><${Sign} state="ok" size="14" quiet /> acknowledged${a.acknowledged_by ? ` by ${a.acknowledged_by}` : ""}</span>` : html`<${Act} class="main" onClick=${() => open({ kind: "acknowledge" })}>Acknowledge</${Act}>`}
    ${a.maintenance && html`<${Planned} windows=${a.maintenance} />`}
    ${a.silenced ? html`<${Silenced} by=${a.silenced_by} />` : html`<${Act} onClick=${() => open({ kind: "silence" })}>Silence</${Act}>`}`;
}

function Body({ alert: a, open }) {
  useTick();
  const limit = limitAt(a);
  const marks = [
    { ts: a.started, state: a.severity },
    ...(a.ended ? [{ ts: a.ended, state: "resolved" }] : []),
  ];
  return html`<div class="alert">
    <p class="alert-name"><${Sign} state=${a.state === "firing" ? a.severity : "resolved"} /> <strong>
      <${Entity} id=${a.entity} /></strong> <code>${a.metric}</code></p>
    <p><${Long} text=${wholeOf(a)} /></p>
    ${isPosted(a) ? html`<${Posted} alert=${a} />` : html`<${MetricChart} entity=${a.entity} metric=${a.metric} unit=${a.contributors?.find((c) => c.metric === a.metric)?.unit ?? ""} marks=${marks} height=${150} />`}
    <dl class="facts"><${Fact} name="Began"><${At} ts=${a.started} zone /></${Fact}>
      <${Fact} name=${a.ended ? "Lasted" : "Lasts"}>${duration((a.ended ?? now()) - a.started)}</${Fact}>
      ${limit && html`<${Fact} name="Time to limit"><strong>${limitText(limit, now())}</strong></${Fact}>`}
      ${!isPosted(a) && html`<${Fact} name="Probability of a fault">${percent(a.score)}</${Fact}>`}
      ${a.assigned_to && html`<${Fact} name="Looks after it">${a.assigned_to}</${Fact}>`}
      ${a.model && html`<${Fact} name="Model">${a.model}${a.degraded ? ", degraded" : ""}${a.learning ? ", still learning" : ""}</${Fact}>`}
      <${Within} alert=${a} /></dl>
    ${a.contributors?.length > 0 && html`<${Contributors} of=${a.contributors} />`}
    ${mayAct() && html`<div class="row"><span class="quiet small">Was it right to say so?</span>
      ${Object.entries(verdicts).map(([verdict, text]) => html`<${Act} class="small" onClick=${() => open({ verdict, text })}>${{ true: "A true alarm", false: "False", expected: "Expected" }[verdict]}</${Act}>`)}</div>`}</div>`;
}

/** Why it fires; of a posted alert that is an annotation, and may be cut. */
function wholeOf(a) {
  const explanation = a.explanation ?? "";
  const beginning = explanation.slice(0, 200);
  const whole = Object.values(a.annotations ?? {}).find((text) => beginning !== "" && text.startsWith(beginning));
  return whole && whole.length > explanation.length ? whole : explanation;
}

/** The incident it is in, where there is one. */
function Within({ alert }) {
  const { value } = useLoaded((signal) => api.incidents({ entity: alert.entity, limit: 20 }, signal), [alert.id, alert.state]);
  const incident = value?.incidents.find((i) => i.alerts.includes(alert.id));
  return incident && html`<${Fact} name="Incident"><a href=${link("incident", incident.id)}>${titleOf(incident)}</a></${Fact}>`;
}

/** What moved: now, and what was to be expected. */
function Contributors({ of }) {
  return html`<table class="contributors"><thead><tr><th>Metric</th><th class="num">Now</th><th class="num">Expected</th><th class="num">Usual</th></tr></thead>
    <tbody>${of.map((c) => html`<tr key=${c.metric}><td class="name"><code>${c.metric}</code></td><td class="num" data-name="now">${measured(c.actual, c.unit)}</td>
      <td class="num" data-name="expected">${number(c.expected)}</td><td class="num" data-name="usual">${number(c.lower)} to ${number(c.upper)}</td></tr>`)}</tbody></table>`;
}

const linked = new Set(["runbook_url", "runbook"]);

/** What another program said when it posted the alert: where its runbook is, where it was seen, and by which labels. */
function Posted({ alert: a }) {
  const notes = a.annotations ?? {};
  const runbook = safeLink(notes.runbook_url ?? notes.runbook ?? "");
  const seen = safeLink(a.generator ?? "");
  const out = (url, name) => url && html`<a href=${url} rel="noreferrer noopener" target="_blank">${name}</a>`;
  const more = Object.entries(notes).filter(([name, text]) => !linked.has(name) && text !== wholeOf(a));
  return html`${more.map(([name, text]) => html`<p key=${name}><span class="quiet">${words(name)}:</span> <${Long} text=${text} /></p>`)}
    <p class="row">${out(runbook, "Runbook")}${out(seen, "Where it was measured")}<span class="quiet small">posted by ${a.source}</span></p>
    <p class="labels">${Object.entries(a.labels ?? {}).map(([name, value]) => html`<code key=${name} class="tag">${name}=${value}</code>`)}</p>`;
}
