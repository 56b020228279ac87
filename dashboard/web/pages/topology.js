// SPDX-License-Identifier: Apache-2.0
// Who depends on whom, and how each is.
import { html, useEffect, useMemo, useRef, useState } from "../lib/html.js";
import { api } from "../lib/api.js";
import { count, many, percent } from "../lib/format.js";
import { useFeed, useLoaded } from "../lib/hooks.js";
import { place, subset } from "../lib/layout.js";
import { link, readRoute } from "../lib/route.js";
import { Ago, Empty, Entity, Head, Trouble, Waiting } from "../parts/bits.js";
import { Finder } from "../parts/finder.js";
import { Graph } from "../parts/graph.js";
import { Icon, Sign, stateName } from "../parts/signs.js";

const standing = { width: 4, aspect: 0.7 }; // of a phone

/** Puts the filter into the address, which is what the page goes by; no step of its own to go back. */
function set({ text, state, kind }) {
  history.replaceState(null, "", link("topology", "", { find: text, state, kind }));
  dispatchEvent(new HashChangeEvent("hashchange"));
}

function filterIn(query) {
  return { text: query.find ?? "", state: query.state ?? "", kind: query.kind ?? "" };
}

/** As the address has it now: another part of it may have changed since the page was drawn. */
function filterNow() {
  return filterIn(readRoute(location.hash).query);
}

export default function Topology({ query }) {
  const { value, error, reload } = useLoaded((signal) => api.topology(signal), []);
  const filter = filterIn(query);
  const [chosen, choose] = useState("");
  const drawing = useRef(null);
  useFeed((r) => r.kind === "alert" || (r.kind === "notice" && r.what === "edge"), reload, 2000);
  const graph = useMemo(() => {
    if (!value) return null;
    const part = subset(value, filter);
    const spots = place(part.nodes, part.edges, innerWidth < 720 ? standing : {});
    return { nodes: part.nodes.map((n) => ({ ...n, position: spots.get(n.id) })), edges: part.edges };
  }, [value, filter.text, filter.state, filter.kind]);
  if (error && !value) return html`<${Trouble} error=${error} again=${reload} />`;
  if (!value) return html`<${Waiting} />`;
  if (value.nodes.length === 0) {
    return html`<${Head} title="Topology" /><${Filters} topology=${value} filter=${filter} />
    <${Empty} title="No dependency is known yet">
        <p>They come from <code>edge</code> events, from spans that name a <code>peer</code> or lie within one of another entity, from <code>edges</code> in the configuration,
      or from you: <code>faultline topology add service/cart db/orders --by you</code>. With them, alerts of one fault become one incident.</p></${Empty}><${Known} />`;
  }
  const trouble = value.nodes.filter((n) => n.state === "critical" || n.state === "warning").length;
  const show = (id) => {
    choose(id);
    const cy = drawing.current;
    if (!cy) return;
    cy.elements().removeClass("dim found");
    if (!id) return;
    const node = cy.getElementById(id);
    node.addClass("found");
    if (node.nonempty()) cy.elements().not(node.closedNeighborhood()).addClass("dim");
  };
  const find = (id) => {
    show(id);
    const node = drawing.current?.getElementById(id);
    if (node?.nonempty())
      drawing.current.animate(
        { center: { eles: node }, zoom: Math.max(1, drawing.current.zoom()) },
        { duration: matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 150 },
      );
  };
  return html`<${Head} title="Topology"><span class="quiet">
      ${many(value.nodes.length, "entity", "entities")}, ${many(value.edges.length, "dependency", "dependencies")}${trouble > 0 ? `, ${count(trouble)} in trouble` : ""}</span></${Head}>
    <${Filters} topology=${value} filter=${filter} find=${find} />
    ${
      graph.nodes.length === 0
        ? html`<${Empty} title="None fits">
            <button type="button" onClick=${() => set({ text: "", state: "", kind: "" })}>Show all</button></${Empty}>`
        : html`<div style=${{ position: "relative" }}><${Graph} graph=${graph} tall pick=${show} hold=${(
            cy,
          ) => {
            drawing.current = cy;
            if (graph.nodes.some((n) => n.id === query.find)) find(query.find);
          }} label=${`${graph.nodes.length} entities, ${trouble} in trouble; the list beside the search names them`} />
          ${chosen && html`<${Peek} id=${chosen} topology=${value} close=${() => show("")} />`}</div>`
    }
    <p class="legend"><span><${Sign} state="critical" quiet /> critical</span><span>
        <${Sign} state="warning" quiet /> warning</span><span><${Sign} state="ok" quiet /> all right</span>
        <span><${Sign} state="unknown" quiet /> never heard</span><span>solid: calls, dashed: runs on</span><span>drag to move, wheel to come nearer</span></p>`;
}

function Filters({ topology, filter, find }) {
  const kinds = [...new Set(topology.nodes.map((n) => n.id.split("/")[0]))].sort().slice(0, 30);
  return html`<div class="filters" role="search">
    <${Finder} nodes=${topology.nodes} text=${filter.text} write=${(text) => set({ ...filterNow(), text })} show=${find} />
    ${topology.nodes.length > 0 && html`<div class="group" role="group" aria-label="State">${[
      ["", "All"],
      ["trouble", "In trouble"],
    ].map(
      ([state, name]) =>
        html`<button type="button" class=${filter.state === state ? "on" : ""} aria-pressed=${filter.state === state} onClick=${() => set({ ...filterNow(), state })}>${name}</button>`,
    )}</div>
    <select aria-label="Kind" value=${filter.kind} onChange=${(e) => set({ ...filterNow(), kind: e.target.value })}>
        <option value="">every kind</option>${kinds.map((k) => html`<option key=${k} value=${k}>${k}</option>`)}
        </select>`}</div>`;
}

/** Where nothing is drawn: who is known all the same, page by page. */
function Known() {
  const [pages, keep] = useState([]);
  const next = pages.at(-1)?.next ?? null;
  const [error, fail] = useState(null);
  const load = (after) =>
    api.entities({ limit: 50, ...(after ? { next: after } : {}) }).then((page) => keep((all) => [...all, page]), fail);
  useEffect(() => {
    load("");
  }, []);
  const entities = pages.flatMap((page) => page.entities);
  if (error) return html`<p class="quiet">${error.message}</p>`;
  if (entities.length === 0) return null;
  return html`<section class="panel" aria-label="Entities"><h2>Who is known</h2><ul class="neighbours">${entities.map(
    (e) => html`<li key=${e.id}><${Sign} state=${e.state} /><${Entity} id=${e.id} /> <span class="quiet small">${many(e.observations, "event")}, last <${Ago} ts=${e.last_ts} /></span></li>`,
  )}</ul>${next !== null && html`<p><button type="button" class="plain" onClick=${() => load(next)}>More</button></p>`}</section>`;
}

function Peek({ id, topology, close }) {
  const node = topology.nodes.find((n) => n.id === id);
  const uses = topology.edges.filter((e) => e.from === id).length;
  const used = topology.edges.filter((e) => e.to === id).length;
  const unsure = topology.edges.filter((e) => (e.from === id || e.to === id) && e.confidence < 0.5).length;
  return html`<div class="peek" role="status"><div class="row"><${Sign} state=${node?.state} />
      <strong style=${{ flex: 1 }}><${Entity} id=${id} /></strong>
      <button type="button" class="plain small" aria-label="Close" onClick=${close}><${Icon} name="close" size="16" />
      </button></div>
    <p class="quiet">
        ${stateName(node?.state ?? "unknown")}; depends on ${count(uses)}, ${count(used)} depend on it${unsure > 0 ? `; ${count(unsure)} of them seen too seldom to be sure` : ""}.</p></div>`;
}
