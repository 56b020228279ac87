// SPDX-License-Identifier: Apache-2.0
// What happened, in the order in which it did.
import { html, useState } from "../lib/html.js";
import { day, words, zoneName } from "../lib/format.js";
import { now } from "../lib/live.js";
import { usePrefs } from "../lib/prefs.js";
import { itemsOf } from "../lib/story.js";
import { At, Entity, Long } from "./bits.js";
import { Sign } from "./signs.js";

const shownAtEnds = 7; // how it began, and what was last; what is between on demand

export function Story({ incident, story }) {
  const [all, more] = useState(false);
  const { zone } = usePrefs();
  const items = itemsOf(story);
  if (items.length === 0) return html`<p class="quiet">Nothing is kept of it any more.</p>`;
  const hidden = all ? 0 : Math.max(0, items.length - 2 * shownAtEnds);
  const dayOf = (item) => item && day(item.ts, zone, now());
  const list = (items, before = null) =>
    html`<ol class="story">${items.map((item, n) => html`
      ${dayOf(item) !== dayOf(items[n - 1] ?? before) && html`<li key=${`day ${n}`} class="day">${dayOf(item)} <span class="quiet">${zoneName(zone, item.ts)}</span></li>`}
      <${Item} key=${n} item=${item} incident=${incident} />`)}</ol>`;
  if (hidden === 0) return html`${list(items)}${cut(story)}`;
  return html`${list(items.slice(0, shownAtEnds))}
    <p class="between"><button type="button" class="plain small" onClick=${() => more(true)}>
        ${hidden} more between</button></p>
    ${list(items.slice(-shownAtEnds), items[shownAtEnds - 1])}${cut(story)}`;
}

function cut(story) {
  return html`
    ${story.cut && html`<p class="quiet small">There is more than is told here: <code>faultline store dump</code> has all of it.</p>`}`;
}

function Item({ item, incident }) {
  return html`<li><${At} ts=${item.ts} short /><span class="mark">${mark(item)}</span><div>
      ${title(item, incident)}${item.text && html`<p><${Long} text=${item.text} /></p>`}</div></li>`;
}

function mark(item) {
  if (item.kind === "alert") return html`<${Sign} state=${item.state} />`;
  return { change: "△", cause: "?", word: "”", notice: "i" }[item.kind] ?? "·";
}

function title(item, incident) {
  switch (item.kind) {
    case "alert":
      return html`<${Entity} id=${item.subject} />${item.state === "resolved" ? " is all right again" : ""}`;
    case "change":
      return html`<strong>${words(item.state)}</strong> of <${Entity} id=${item.subject} />`;
    case "cause":
      return item.subject && item.state !== "none"
        ? html`<strong>Cause</strong> <${Entity} id=${item.subject} />`
        : html`<strong>Cause</strong>`;
    case "word":
      return html`<strong>${item.by || "An operator"}
          </strong> ${said(item)}${item.subject === incident.id ? "" : " of an alert"}`;
    default:
      return html`<strong>${words(item.state)}</strong>`;
  }
}

function said(item) {
  return (
    {
      acknowledge: "acknowledged",
      unacknowledge: "took back the acknowledgement",
      right: "says: right",
      wrong: "says: wrong",
      partly: "says: partly right",
      true: "says: a true alarm",
      false: "says: a false alarm",
      expected: "says: expected",
    }[item.state] ?? words(item.state)
  );
}
