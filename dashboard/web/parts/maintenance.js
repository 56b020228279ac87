// SPDX-License-Identifier: Apache-2.0
// Planned work: windows in which nobody is told of some entities, and nothing is learned from them.
import { html, useEffect, useState } from "../lib/html.js";
import { api } from "../lib/api.js";
import { duration } from "../lib/format.js";
import { useFeed, useLoaded, useTick } from "../lib/hooks.js";
import { now } from "../lib/live.js";
import { usePrefs } from "../lib/prefs.js";
import { days, instantOf, scheduleOf } from "../lib/windows.js";
import { Act, At, Empty, Head, Long, Trouble, Waiting } from "./bits.js";
import { WordForm } from "./dialogs.js";

const lengths = [
  [900, "15 minutes"],
  [1800, "30 minutes"],
  [3600, "1 hour"],
  [7200, "2 hours"],
  [14400, "4 hours"],
  [28800, "8 hours"],
  [86400, "1 day"],
];
const kinds = [
  ["now", "From now on"],
  ["once", "Once"],
  ["again", "Again and again"],
];
const zoneHere = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";

/** Of an alert: the windows that cover it. */
export function Planned({ windows }) {
  return html`<span class="chip chip-still">planned work: ${windows.join(", ")}</span>`;
}

/** A window for @p entities (patterns); one of that name is replaced. */
export function WindowForm({ entities = [], close, done }) {
  const { zone } = usePrefs();
  const [word, set] = useState({ name: "", entities: entities.join("\n"), dependents: false, kind: "now", seconds: 3600,
    starts: "", ends: "", days: [], at: "02:00", zone: zoneHere });
  const [broad, setBroad] = useState(false);
  const change = (key, read = (e) => e.target.value) => (e) => set((w) => ({ ...w, [key]: read(e) }));
  const send = async ({ by, comment }) => {
    const names = word.entities.split("\n").map((e) => e.trim()).filter(Boolean);
    if (names.length === 0) throw new Error("Say which entities, one a line.");
    const body = { name: word.name.trim(), entities: names, dependents: word.dependents, by, comment, force: word.force === true };
    try {
      await api.setWindow({ ...body, ...whenOf(word, zone) });
    } catch (why) {
      if (/force/.test(why.message)) setBroad(true);
      throw why;
    }
    done?.();
  };
  return html`<${WordForm} title="Plan work" action="Plan it" needed send=${send} close=${close}
    text="While it is open, alerts of these entities open no incident, nobody is told of them, and nothing is learned.">
    <label>Name of the window<input name="window" required maxLength="200" value=${word.name} onInput=${change("name")} /></label>
    <label>Entities, one a line<textarea name="entities" class="code" rows="3" spellcheck="false" required placeholder=${"host/web-1\ndb/*"}
        value=${word.entities} onInput=${change("entities")}></textarea></label>
    <label class="tick"><input type="checkbox" name="dependents" checked=${word.dependents} onChange=${change("dependents", (e) => e.target.checked)} />
      And what depends on them</label>
    <label>When<select name="kind" value=${word.kind} onChange=${change("kind")}>
      ${kinds.map(([kind, name]) => html`<option key=${kind} value=${kind}>${name}</option>`)}</select></label>
    ${word.kind === "once" && html`<${Once} word=${word} change=${change} zone=${zone} />`}
    ${word.kind === "again" && html`<${Again} word=${word} change=${change} />`}
    ${word.kind !== "once" && html`<label>For<select name="seconds" value=${word.seconds} onChange=${change("seconds", (e) => Number(e.target.value))}>
      ${lengths.map(([s, name]) => html`<option key=${s} value=${s}>${name}</option>`)}</select></label>`}
    ${broad && html`<label class="tick"><input type="checkbox" name="force" checked=${word.force} onChange=${change("force", (e) => e.target.checked)} />
      Plan it all the same</label>`}
  </${WordForm}>`;
}

/** The part of the API's word that says when. */
function whenOf(word, zone) {
  if (word.kind === "again") return { days: word.days, at: word.at, duration_s: word.seconds, zone: word.zone.trim() };
  if (word.kind === "now") return { starts: new Date(now()).toISOString(), duration_s: word.seconds };
  const [starts, ends] = [instantOf(word.starts, zone), instantOf(word.ends, zone)];
  if (!(ends > starts)) throw new Error("It must end after it begins.");
  return { starts: new Date(starts).toISOString(), ends: new Date(ends).toISOString() };
}

function Once({ word, change, zone }) {
  const name = zone === "local" ? "your time" : zone;
  return html`<div class="row"><label>From (${name})<input type="datetime-local" name="starts" required value=${word.starts} onInput=${change("starts")} /></label>
    <label>Until<input type="datetime-local" name="ends" required value=${word.ends} onInput=${change("ends")} /></label></div>`;
}

function Again({ word, change }) {
  const toggle = (day) => (e) => (e.target.checked ? [...word.days, day] : word.days.filter((d) => d !== day));
  return html`<fieldset class="row"><legend>On (none: every day)</legend>
      ${days.map(([day, name]) => html`<label key=${day} class="tick"><input type="checkbox" name=${day} checked=${word.days.includes(day)}
        onChange=${change("days", toggle(day))} /> ${name}</label>`)}</fieldset>
    <div class="row"><label>At<input type="time" name="at" required value=${word.at} onInput=${change("at")} /></label>
      <label>Time zone<input name="zone" required spellcheck="false" value=${word.zone} onInput=${change("zone")} /></label></div>`;
}

/** The windows of the configuration and of operators; those of operators can be removed. */
export function Windows({ filters }) {
  const { value, error, reload } = useLoaded((signal) => api.windows(signal), []);
  const [dialog, open] = useState(null);
  useTick(30_000);
  useFeed((r) => r.kind === "notice" && r.what === "configuration", reload, 300);
  useEffect(() => {
    const timer = setInterval(reload, 30_000); // they open and close by themselves
    return () => clearInterval(timer);
  }, []);
  const all = value?.windows ?? [];
  return html`<${Head} title="Alerts"><${Act} class="main" onClick=${() => open({ kind: "new" })}>Plan work</${Act}></${Head}>
    ${filters}
    ${error && !value ? html`<${Trouble} error=${error} again=${reload} />` : !value ? html`<${Waiting} />` : ""}
    ${value && all.length === 0 && html`<${Empty} title="No work is planned"><p>A backup every night, a release tonight: say it with the button above, with
      <code>faultline maintenance add</code>, or under <code>maintenance:</code> in the configuration.</p></${Empty}>`}
    ${all.length > 0 && html`<${Table} rows=${all} open=${open} />`}
    ${dialog?.kind === "new" && html`<${WindowForm} close=${() => open(null)} done=${reload} />`}
    ${dialog?.kind === "remove" && html`<${WordForm} title=${`Remove ${dialog.window.name}`} action="Remove it now" comment=${null} close=${() => open(null)}
      text=${dialog.window.open ? "It is open: what still fires is told then." : "It will not open again."}
      send=${async ({ by }) => {
        await api.removeWindow(dialog.window.name, by);
        reload();
      }} />`}`;
}

/** From when on and until when one that recurs does so. */
function Bounds({ window: w }) {
  return html`${w.starts && html`, from <${At} ts=${Date.parse(w.starts)} />`}${w.ends && html`, until <${At} ts=${Date.parse(w.ends)} />`}`;
}

function Table({ rows, open }) {
  return html`<div class="panel scroll silences"><table>
    <thead><tr><th>What</th><th>When</th><th>By</th><th>Why</th><th><span class="unseen">Actions</span></th></tr></thead>
    <tbody>${rows.map((w) => html`<tr key=${w.name} data-window=${w.name}>
      <td><strong>${w.name}</strong>${w.open && html` <span class="tag">open</span>`}<p class="small"><code>${w.entities.join(" ")}</code>
        ${w.dependents && html`<span class="quiet"> and what depends on them</span>`}</p></td>
      <td>${scheduleOf(w)}${w.at && html`<${Bounds} window=${w} />`}<p class="quiet small">${w.next_change === null ? "it is over" : html`${w.open ? "closes" : "opens"}${" "}
        <${At} ts=${w.next_change} />${` (${duration(w.next_change - now())})`}`}</p></td>
      <td>${w.configured ? "the configuration" : w.by}</td><td class="why"><${Long} text=${w.comment} /></td>
      <td><div class="row end">${!w.configured && html`<${Act} class="small" onClick=${() => open({ kind: "remove", window: w })}>Remove</${Act}>`}</div></td>
    </tr>`)}</tbody></table></div>`;
}
