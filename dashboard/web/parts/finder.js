// SPDX-License-Identifier: Apache-2.0
// A search for an entity: among those that are drawn, and among all that the server knows.
import { html, useEffect, useRef, useState } from "../lib/html.js";
import { api } from "../lib/api.js";
import { entitiesLike, foundOf, kindsOf } from "../lib/finding.js";
import { useLoaded, useTyped } from "../lib/hooks.js";
import { link } from "../lib/route.js";
import { Sign } from "./signs.js";

const settleMs = 250; // after the last key, before the server is asked

/** @p nodes: those that are drawn, which @p show gets when one of them is chosen; @p write gets what is typed once it stands still. */
export function Finder({ nodes, text: first, write, show }) {
  const [text, type] = useTyped(first, write, settleMs);
  const [asked, ask] = useState(first);
  const [open, set] = useState(false);
  const box = useRef(null);
  const kinds = useRef(null);
  useEffect(() => {
    const timer = setTimeout(() => ask(text), settleMs);
    return () => clearTimeout(timer);
  }, [text]);
  const more = useLoaded(async (signal) => {
    const get = (query) => api.entities(query, signal);
    if (asked === "" || !open) return [];
    kinds.current ??= await kindsOf(get);
    return entitiesLike(get, asked, kinds.current);
  }, [asked, open]);
  const drawn = new Set(nodes.map((n) => n.id));
  const found = foundOf(nodes, more.value ?? [], text);
  const move = (event) => {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.key === "Escape") set(false);
    if (!by) return;
    event.preventDefault();
    set(true);
    const stops = [...box.current.querySelectorAll("input, a")];
    stops[Math.max(0, Math.min(stops.length - 1, stops.indexOf(document.activeElement) + by))]?.focus();
  };
  const leave = (e) => !e.currentTarget.contains(e.relatedTarget) && set(false);
  const choose = (id) => (event) => {
    set(false);
    if (!drawn.has(id) || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    show(id);
  };
  return html`<div class="finder" ref=${box} onFocusOut=${leave} onKeyDown=${move}>
    <input type="search" placeholder="Find an entity" aria-label="Find an entity" value=${text} onFocus=${() => set(true)} onInput=${(e) => {
      type(e.target.value);
      set(true);
    }} />
    ${open && text !== "" && html`<div class="found" role="status">
      ${found.map((n) => html`<a key=${n.id} href=${link("entity", n.id)} onClick=${choose(n.id)}><${Sign} state=${n.state} /><span>${n.id}</span></a>`)}
      ${found.length === 0 && html`<p class="quiet small">${more.loading || asked !== text ? "Looking…" : more.error ? more.error.message : html`No entity here has a name that begins so. <a href=${link("alerts", "", { state: "all", text })}>Look among alerts</a>`}</p>`}</div>`}
  </div>`;
}
