// SPDX-License-Identifier: Apache-2.0
// Small pieces that every page is made of.
import { html, useState } from "../lib/html.js";
import { clock, distance, entityParts, moment, percent, zoneName } from "../lib/format.js";
import { useMedia } from "../lib/hooks.js";
import { mayAct, now, useLive } from "../lib/live.js";
import { prefs } from "../lib/prefs.js";
import { link } from "../lib/route.js";

/** An instant; what it says is how long ago, its title when. */
export function Ago({ ts, prefix = "" }) {
  if (!ts) return null;
  return html`<time dateTime=${new Date(ts).toISOString()} title=${`${moment(ts, prefs.zone, now())} ${zoneName(prefs.zone, ts)}`}>${prefix}${distance(Math.min(ts, now()), now())}</time>`;
}

/** An instant; its title is the zone it is in, with @p zone its text says that, too. */
export function At({ ts, short = false, zone = false }) {
  if (!ts) return null;
  const text = short ? clock(ts, prefs.zone) : moment(ts, prefs.zone, now());
  const name = zoneName(prefs.zone, ts);
  return html`<time dateTime=${new Date(ts).toISOString()} title=${name}>${text}${zone && html` <span class="zone">${name}</span>`}</time>`;
}

/** Words of others; where they are many the first @p most letters, and the rest on demand. */
export function Long({ text, most = 360 }) {
  const [all, more] = useState(false);
  const words = String(text ?? "");
  if (all || words.length < 1.3 * most) return words;
  return html`${words.slice(0, most).replace(/[\ud800-\udbff]$/, "")}… <button type="button" class="plain small more" onClick=${() => more(true)}>all of it</button>`;
}

/** The name of an entity as a link to it; its kind stands back. */
export function Entity({ id, plain = false }) {
  const [kind, name] = entityParts(id);
  const text = html`${kind && html`<span class="kind">${kind}/</span>`}<bdi>${name}</bdi>`;
  if (plain) return html`<span class="entity">${text}</span>`;
  return html`<a class="entity" href=${link("entity", id)}>${text}</a>`;
}

/** How sure: the number, and a bar as long. */
export function Sure({ p, label = "probability" }) {
  return html`<span class="sure" role="img" aria-label=${`${label} ${percent(p)}`}>
    <svg class="bar" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">
      <rect class="bar-back" width="100" height="6" rx="3" />
          <rect class="bar-front" width=${Math.max(1, Math.min(100, (p ?? 0) * 100))} height="6" rx="3" />
    </svg><span aria-hidden="true">${percent(p)}</span></span>`;
}

export function Empty({ title, children }) {
  return html`<div class="empty"><h2>${title}</h2><div>${children}</div></div>`;
}

/** What went wrong, and what to do. */
export function Trouble({ error, again }) {
  const advice =
    error.status === 0 ? "Is faultlined running? This page tries again by itself." : error.message;
  return html`<div class="empty" role="alert"><h2>${error.status === 404 ? "Not found" : "That did not work"}</h2>
    <p>${advice}</p>${again && html`<button type="button" onClick=${again}>Try again</button>`}</div>`;
}

export function Waiting() {
  return html`<div class="waiting" role="status" aria-label="loading"><i></i><i></i><i></i></div>`;
}

/** A button for what is not for who may only read. */
export function Act({ children, ...more }) {
  useLive();
  return mayAct() ? html`<button type="button" ...${more}>${children}</button>` : null;
}

export function Fact({ name, children }) {
  return html`<div class="fact"><dt>${name}</dt><dd>${children}</dd></div>`;
}

export function Panel({ name, title, children }) {
  return html`<section class="panel" aria-label=${name}><h2>${title}</h2>${children}</section>`;
}

/** Panels in two columns; where there is room for one, in the order of @p narrow, which is that of who needs them now. */
export function Columns({ left, right, narrow }) {
  const one = useMedia("(max-width: 1080px)"); // as incident.css has it
  return html`<div class="columns">${one ? html`<div class="stack">${narrow}</div>` : html`<div class="stack">${left}</div><div class="stack">${right}</div>`}</div>`;
}

/** A page's head: what it is, and what can be done here. */
export function Head({ title, before, children }) {
  return html`<header class="head">${before}<h1>${title}</h1><div class="tools">${children}</div></header>`;
}
