// SPDX-License-Identifier: Apache-2.0
// What an entity is asked for and what it asks of others, by its spans: how often, how many fail, how long they take.
import { html } from "../lib/html.js";
import { number, percent } from "../lib/format.js";
import { Entity } from "./bits.js";

export function Operations({ operations, leftOut }) {
  if (operations.length === 0)
    return html`<p class="quiet">It has sent no span. Send <code>span</code> events, or OTLP to <code>/v1/traces</code>: each operation is held against its own past, also one of few requests.</p>`;
  return html`<div class="scroll" role="region" tabIndex="0" aria-label="Operations, a table"><table><thead><tr><th>Operation</th><th>A second</th><th>Failed</th><th>p50 ms</th><th>p95 ms</th>
        <th>usually</th><th>p99 ms</th></tr></thead><tbody>${operations.map(
          (o) => html`<tr key=${`${o.operation} ${o.peer}`}><td class="words">${o.operation === "" ? html`<i>${o.peer === "" ? "all others" : "calls seen"}</i>` : html`<code>${o.operation}</code>`}
          ${o.peer !== "" && html` at <${Entity} id=${o.peer} />`}</td><td>${number(o.rate)}</td><td>${percent(o.error_share)}</td>
          <td>${number(o.p50_ms)}</td><td>${number(o.p95_ms)}</td><td>${number(o.usual_p95_ms)}</td><td>${number(o.p99_ms)}</td></tr>`,
        )}</tbody></table></div>
    ${leftOut > 0 && html`<p class="quiet small">${number(leftOut)} calls of peers beyond the first are no evidence for causes.</p>`}`;
}
