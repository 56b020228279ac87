// SPDX-License-Identifier: Apache-2.0
// Ranked causes with what speaks for and against each, and what may help.
import { html, useState } from "../lib/html.js";
import { count, number, percent, words } from "../lib/format.js";
import { safeLink } from "../lib/story.js";
import { Act, Entity, Sure } from "./bits.js";

export function Causes({ incident, say }) {
  const [all, more] = useState(false);
  if (incident.causes.length === 0) {
    return html`<p class="quiet">${incident.state === "open"
      ? "The causes have not been looked for yet: its neighbours are asked for their windows, which takes a few seconds."
      : "It ended before a cause was found."}</p>`;
  }
  const shown = all ? incident.causes : incident.causes.slice(0, 4);
  return html`${incident.abstained && html`<p class="quiet">No cause stands out. These are the likeliest, with what is known.</p>`}
    <ol class="causes">${shown.map((cause, n) => html`<li key=${cause.entity + cause.metric}>
        <${Cause} cause=${cause} first=${n === 0} say=${say} /></li>`)}
      <li class="cause"><div class="cause-head"><span class="name">Something that is not observed here</span>
          <${Sure} p=${incident.unobserved} /></div></li></ol>
    ${incident.causes.length > 4 && html`<button type="button" class="plain" onClick=${() => more(!all)}>
        ${all ? "Fewer" : `All ${count(incident.causes.length)}`}</button>`}`;
}

function Cause({ cause, first, say }) {
  return html`<details class="cause" open=${first}>
    <summary><span class="name"><${Entity} id=${cause.entity} plain /></span>
      <span class="quiet">${words(cause.fault_class)}${cause.metric && html` <code>${cause.metric}</code>`}</span>
          <${Sure} p=${cause.probability} label=${`probability of ${cause.entity}`} /></summary>
    <ul class="evidence">
      ${cause.evidence.map((e) => html`<li><span class="pro" aria-label="speaks for it">+</span><span>${e.text}</span>
          <span class="num" title="natural log units">${number(e.weight)}</span></li>`)}
      ${cause.counter_evidence.map((e) => html`<li><span class="con" aria-label="speaks against it">−</span><span>
          ${e.text}</span><span class="num" title="natural log units">${number(e.weight)}</span></li>`)}
      ${cause.evidence.length + cause.counter_evidence.length === 0 && html`<li><span></span>
          <span class="quiet">Nothing speaks for it but that it is near.</span></li>`}
    </ul>
    <p class="row end">
        <${Act} class="plain small" onClick=${() => say({ verdict: first ? "right" : "wrong", cause: cause.entity, text: `The cause was ${cause.entity}.` })}>This was it</${Act}></p>
  </details>`;
}

export function Remedies({ remedies, say }) {
  if (remedies.length === 0) {
    return html`<p class="quiet">No runbook fits. <code>config/runbooks.yaml</code> holds steps by kind of entity and class of fault; add yours there.</p>`;
  }
  return html`<div class="remedies">
      ${remedies.slice(0, 5).map((r, n) => html`<${Remedy} key=${r.title} remedy=${r} first=${n === 0} say=${say} />`)}
      </div>`;
}

function Remedy({ remedy: r, first, say }) {
  const runbook = safeLink(r.runbook);
  const tell = (worked) =>
    say({
      verdict: worked ? "right" : "partly",
      cause: r.cause,
      more: { remediation: r.title, worked },
      text: `“${r.title}” ${worked ? "worked" : "did not work"}. What helps comes first the next time.`,
    });
  return html`<details class="remedy" open=${first}><summary><h3>${r.title}</h3><span class="small">
      ${r.tried > 0 ? `worked ${r.worked} of ${r.tried} times` : "not tried yet"}</span></summary>
    ${r.steps.length > 0 && html`<ol>${r.steps.map((s) => html`<li>${s}</li>`)}</ol>`}
    ${runbook && html`<p class="small"><a href=${runbook} rel="noreferrer noopener" target="_blank">Runbook</a></p>`}
    <p class="row"><${Act} class="small" onClick=${() => tell(true)}>Worked</${Act}>
        <${Act} class="small" onClick=${() => tell(false)}>Did not</${Act}></p></details>`;
}
