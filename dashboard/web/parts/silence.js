// SPDX-License-Identifier: Apache-2.0
// Silences: asked for with a look at what they would cover, listed, changed, ended.
import { html, useEffect, useState } from "../lib/html.js";
import { api } from "../lib/api.js";
import { count, distance, duration, many, zoneName } from "../lib/format.js";
import { useFeed, useLoaded, useTick } from "../lib/hooks.js";
import { now } from "../lib/live.js";
import { prefs } from "../lib/prefs.js";
import { readMatchers, textOf } from "../lib/matchers.js";
import { Act, At, Empty, Entity, Head, Long, Trouble, Waiting } from "./bits.js";
import { WordForm } from "./dialogs.js";
import { Sign } from "./signs.js";

const lengths = [
  [1800, "30 minutes"],
  [3600, "1 hour"],
  [7200, "2 hours"],
  [28800, "8 hours"],
  [86400, "1 day"],
  [604800, "1 week"],
];
const asItIs = 0; // of the lengths: the end that a silence has
const settleMs = 250; // after the last key, before the server is asked

/**
 * Silences what @p choices ([name, matchers]) offer and the operator may change; says first what that
 * covers. With @p silence it changes that one.
 */
export function SilenceForm({ choices = [], silence = null, close, done }) {
  const [text, write] = useState(silence ? textOf(silence.matchers) : textOf(choices[0]?.[1] ?? []));
  const [seconds, last] = useState(silence ? asItIs : 3600);
  const [anyway, insist] = useState(false);
  const { matchers, error } = readMatchers(text);
  const starts = silence?.state === "pending" ? silence.starts : null;
  const send = async ({ by, comment }) => {
    if (error) throw new Error(error);
    const word = { matchers, created_by: by, comment, force: anyway };
    if (seconds === asItIs) word.ends = silence.ends;
    else word.duration_s = seconds;
    if (starts) word.starts = starts;
    if (silence) word.id = silence.id;
    await api.silence(word);
    done?.();
  };
  const title = silence ? "Change the silence" : "Silence";
  const ends = seconds === asItIs ? silence.ends : Math.max(starts ?? 0, now()) + seconds * 1000;
  return html`<${WordForm} title=${title} action=${title} comment=${silence?.comment ?? ""} needed send=${send} close=${close}
    text="Nobody is told of what it covers, and it opens no incident. It is detected and kept all the same.">
    ${choices.length > 1 && html`<label>What<select name="choice" onChange=${(e) => write(textOf(choices[e.target.value][1]))}>
        ${choices.map(([name], n) => html`<option key=${name} value=${n}>${name}</option>`)}</select></label>`}
    <label>Labels that must match, one a line<textarea name="matchers" class="code" rows=${Math.max(3, Math.min(6, linesOf(text)))} spellcheck="false"
        placeholder=${'entity="service/cart"\nentity=~"host/web-.*"'} value=${text} onInput=${(e) => write(e.target.value)}></textarea></label>
    <${Reach} text=${text} matchers=${matchers} wrong=${error} insist=${insist} anyway=${anyway} />
    <label>For<select name="seconds" value=${seconds} onChange=${(e) => last(Number(e.target.value))}>
      ${silence && html`<option value=${asItIs}>As it is</option>`}
      ${lengths.map(([s, name]) => html`<option key=${s} value=${s}>${name}${starts ? " from its start" : silence ? " from now" : ""}</option>`)}</select>
      <span class="quiet small"> ${starts && html`from <${At} ts=${starts} /> `}until <${At} ts=${ends} zone /></span></label>
  </${WordForm}>`;
}

/** Lines that @p text takes, about, in the width of the form. */
function linesOf(text) {
  return text.split("\n").reduce((n, line) => n + 1 + Math.floor(line.length / 50), 0);
}

/** What it would cover, once the text stands still. */
function Reach({ text, matchers, wrong, insist, anyway }) {
  const [asked, ask] = useState(text);
  useEffect(() => {
    const timer = setTimeout(() => ask(text), settleMs);
    return () => clearTimeout(timer);
  }, [text]);
  const reach = useLoaded(
    (signal) => (wrong ? Promise.resolve(null) : api.previewSilence(matchers, signal)),
    [asked],
  );
  if (wrong) return html`<p class="quiet small">${wrong}</p>`;
  if (reach.error) return html`<p class="wrong" role="alert">${reach.error.message}</p>`;
  if (!reach.value) return html`<p class="quiet small" aria-busy="true">Looking what it covers…</p>`;
  const { alert_count: alerts, entity_count: entities, known_entities: known, refused } = reach.value;
  const names = reach.value.entities.slice(0, 8);
  return html`<div class="reach" role="status">
    <p>Covers <strong>${many(alerts, "alert")}</strong> that ${alerts === 1 ? "fires" : "fire"} now, and whatever${" "}
      <strong>${many(entities, "entity", "entities")}</strong> of ${count(known)} may raise.</p>
    ${names.length > 0 && html`<p class="names small">${names.map((e) => html`<${Entity} key=${e} id=${e} plain />`)}${entities > names.length && html`
        <span>and ${count(entities - names.length)} more</span>`}</p>`}
    ${refused && html`<p class="wrong">It is too broad: ${refused}.</p>
      <label class="tick"><input type="checkbox" name="force" checked=${anyway} onChange=${(e) => insist(e.target.checked)} /> Silence them all the same</label>`}
  </div>`;
}

/** Of an alert or an incident: that it is silenced, or @p part of it, and by whom. */
export function Silenced({ by, part = "" }) {
  return html`<span class="chip chip-still"><${Sign} state="quarantined" size="14" quiet /> ${part && `${part} `}silenced${by && ` by ${by}`}</span>`;
}

/** Those that hold or will, and those that ended; each can be changed or ended. */
export function Silences({ filters }) {
  const { value, error, reload } = useLoaded((signal) => api.silences(signal), []);
  const [dialog, open] = useState(null);
  useTick(5000);
  useFeed((r) => r.kind === "notice" && ["silenced", "unsilenced"].includes(r.what), reload, 300);
  useEffect(() => {
    const timer = setInterval(reload, 30000); // one that is to begin later is told when it does
    return () => clearInterval(timer);
  }, []);
  const all = value?.silences ?? [];
  const held = all.filter((s) => s.state !== "expired");
  const over = all.filter((s) => s.state === "expired");
  return html`<${Head} title="Alerts"><${Act} class="main" onClick=${() => open({ kind: "new" })}>New silence</${Act}></${Head}>
    ${filters}
    ${error && !value ? html`<${Trouble} error=${error} again=${reload} />` : !value ? html`<${Waiting} />` : ""}
    ${value && held.length === 0 && html`<${Empty} title="Nothing is silenced"><p>Silence what is known and worked on: with the button of an incident or an alert, with the one above,
      with <code>faultline silence add</code> or Alertmanager's <code>amtool</code>.</p></${Empty}>`}
    ${held.length > 0 && html`<${Table} rows=${held} open=${open} />`}
    ${over.length > 0 && html`<details class="ended"><summary>Ended in the last five days <span class="quiet">${count(over.length)}</span></summary>
      <${Table} rows=${over} open=${null} /></details>`}
    ${dialog?.kind === "new" && html`<${SilenceForm} close=${() => open(null)} done=${reload} />`}
    ${dialog?.kind === "change" && html`<${SilenceForm} silence=${dialog.silence} close=${() => open(null)} done=${reload} />`}
    ${dialog?.kind === "end" && html`<${WordForm} title="End the silence" action="End it now" comment=${null} close=${() => open(null)}
      text=${`${dialog.silence.text}: what still fires opens its incident, and is told.`}
      send=${async ({ by }) => {
        await api.endSilence(dialog.silence.id, by);
        reload();
      }} />`}`;
}

function Table({ rows, open }) {
  return html`<div class="panel scroll silences"><table>
    <thead><tr><th>What</th><th>${open ? "Ends" : "Ended"}, ${zoneName(prefs.zone, now())}</th><th>By</th><th>Why</th>${open && html`<th><span class="unseen">Actions</span></th>`}</tr></thead>
    <tbody>${rows.map((s) => html`<tr key=${s.id} data-silence=${s.id}>
      <td><code>${s.text}</code>${s.state === "pending" && html` <span class="tag">from <${At} ts=${s.starts} /></span>`}</td>
      <td><${At} ts=${s.ends} /><p class="quiet small">${open ? `${duration(s.ends - now())} left` : distance(s.ends, now())}</p></td>
      <td>${s.created_by}</td><td class="why"><${Long} text=${s.comment} /></td>
      ${open && html`<td><div class="row end"><${Act} class="small" onClick=${() => open({ kind: "change", silence: s })}>Change</${Act}>
        <${Act} class="small" onClick=${() => open({ kind: "end", silence: s })}>End</${Act}></div></td>`}</tr>`)}</tbody>
  </table></div>`;
}
