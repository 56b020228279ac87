// SPDX-License-Identifier: Apache-2.0
// Who depends on whom, and how each is.
import { html, useEffect, useMemo, useRef, useState } from "../vendor/htm.js";
import { api } from "../lib/api.js";
import { count, many, percent } from "../lib/format.js";
import { useFeed, useLoaded } from "../lib/hooks.js";
import { place, subset } from "../lib/layout.js";
import { link } from "../lib/route.js";
import { Empty, Entity, Head, Trouble, Waiting } from "../parts/bits.js";
import { Graph } from "../parts/graph.js";
import { Icon, Sign, stateName } from "../parts/signs.js";

const standing = { width: 4, aspect: 0.7 }; // of a phone

export default function Topology({ query }) {
  const { value, error, reload } = useLoaded((signal) => api.topology(signal), []);
  const [filter, set] = useState({ text: query.find ?? "", state: "", kind: "" });
  const [chosen, choose] = useState("");
  const drawing = useRef(null);
  useFeed((r) => r.kind === "alert" || (r.kind === "notice" && r.what === "edge"), reload, 2000);
  const graph = useMemo(() => {
    if (!value) return null;
    const part = subset(value, filter);
    const spots = place(part.nodes, part.edges, innerWidth < 720 ? standing : {});
    return { nodes: part.nodes.map((n) => ({ ...n, position: spots.get(n.id) })), edges: part.edges };
  }, [value, filter]);
  if (error && !value) return html`<${Trouble} error=${error} again=${reload} />`;
  if (!value) return html`<${Waiting} />`;
  if (value.nodes.length === 0) {
    return html`<${Head} title="Topology" /><${Empty} title="No dependency is known yet">
        <p>They come from <code>edge</code> events, from spans that name a <code>peer</code> or lie within one of another entity, from <code>edges</code> in the configuration,
      or from you: <code>faultline topology add service/cart db/orders --by you</code>. With them, alerts of one fault become one incident.</p></${Empty}>`;
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
        { duration: 150 },
      );
  };
  return html`<${Head} title="Topology"><span class="quiet">
      ${many(value.nodes.length, "entity", "entities")}, ${many(value.edges.length, "dependency", "dependencies")}${trouble > 0 ? `, ${count(trouble)} in trouble` : ""}</span></${Head}>
    <${Filters} topology=${value} filter=${filter} set=${set} find=${find} />
    ${
      graph.nodes.length === 0
        ? html`<${Empty} title="None fits">
            <button type="button" onClick=${() => set({ text: "", state: "", kind: "" })}>Show all</button></${Empty}>`
        : html`<div style=${{ position: "relative" }}><${Graph} graph=${graph} tall pick=${show} hold=${(
            cy,
          ) => {
            drawing.current = cy;
            if (query.find) find(query.find);
          }} label=${`${graph.nodes.length} entities, ${trouble} in trouble; the list beside the search names them`} />
          ${chosen && html`<${Peek} id=${chosen} topology=${value} close=${() => show("")} />`}</div>`
    }
    <p class="legend"><span><${Sign} state="critical" quiet /> critical</span><span>
        <${Sign} state="warning" quiet /> warning</span><span><${Sign} state="ok" quiet /> all right</span>
        <span><${Sign} state="unknown" quiet /> never heard</span><span>solid: calls, dashed: runs on</span><span>drag to move, wheel to come nearer</span></p>`;
}

function Filters({ topology, filter, set, find }) {
  const [text, type] = useState(filter.text);
  const [open, show] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => text !== filter.text && set({ ...filter, text }), 300);
    return () => clearTimeout(timer);
  }, [text]);
  const kinds = [...new Set(topology.nodes.map((n) => n.id.split("/")[0]))].sort().slice(0, 30);
  const part = text.toLowerCase();
  const found =
    part === "" ? [] : topology.nodes.filter((n) => n.id.toLowerCase().includes(part)).slice(0, 12);
  return html`<div class="filters" role="search">
      <div class="finder" onFocusOut=${(e) => !e.currentTarget.contains(e.relatedTarget) && show(false)}>
      <input type="search" placeholder="Find an entity" aria-label="Find an entity" value=${text} onFocus=${() => show(true)} onInput=${(
        e,
      ) => {
        type(e.target.value);
        show(true);
      }} />
      ${
        open &&
        found.length > 0 &&
        html`<ul class="found">${found.map(
          (n) =>
            html`<li key=${n.id}><a href=${link("entity", n.id)} onClick=${(e) => {
              if (e.ctrlKey || e.metaKey) return;
              e.preventDefault();
              show(false);
              find(n.id);
            }}><${Sign} state=${n.state} /><span>${n.id}</span></a></li>`,
        )}</ul>`
      }</div>
    <div class="group" role="group" aria-label="State">${[
      ["", "All"],
      ["trouble", "In trouble"],
    ].map(
      ([state, name]) =>
        html`<button type="button" class=${filter.state === state ? "on" : ""} aria-pressed=${filter.state === state} onClick=${() => set({ ...filter, state })}>${name}</button>`,
    )}</div>
    <select aria-label="Kind" value=${filter.kind} onChange=${(e) => set({ ...filter, kind: e.target.value })}>
        <option value="">every kind</option>${kinds.map((k) => html`<option key=${k} value=${k}>${k}</option>`)}
        </select></div>`;
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
