// SPDX-License-Identifier: Apache-2.0
// What an entity logs: the templates of its lines, how often, and one line of each.
import { html, useState } from "../lib/html.js";
import { count, many } from "../lib/format.js";
import { byWorst, pieces } from "../lib/logs.js";
import { Ago } from "./bits.js";

const shownFirst = 6;

export function Logs({ logs }) {
  const [all, more] = useState(false);
  if (logs.length === 0)
    return html`<p class="quiet">It has written no line that came here. Send <code>log</code> events, or OTLP to <code>/v1/logs</code>: lines are gathered into templates, and one that is new or far more often than usual is judged like a metric.</p>`;
  const shown = byWorst(logs).slice(0, all ? undefined : shownFirst);
  return html`<ul class="logs">${shown.map(
    (l) => html`<li key=${l.id} class=${`log log-${l.severity}`}><details><summary>
        <code>${pieces(l.template).map((p, n) => (p.hole ? html`<i key=${n} title="differs from line to line">…</i>` : p.text))}</code>
        <span class="quiet small">${l.severity}, ${many(l.lines, "line")}, last <${Ago} ts=${l.last_ts} /></span></summary>
        <p class="small"><code>${l.example}</code></p></details></li>`,
  )}</ul>
  ${logs.length > shownFirst && html`<button type="button" class="plain" onClick=${() => more(!all)}>${all ? "Fewer" : `All ${count(logs.length)} templates`}</button>`}`;
}
