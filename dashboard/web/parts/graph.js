// SPDX-License-Identifier: Apache-2.0
// A dependency graph. States have colours and shapes; what is on the way of the trouble is thick.
import { html, useEffect, useRef } from "../lib/html.js";
import cytoscape from "../vendor/cytoscape.mjs";
import { entityParts } from "../lib/format.js";
import { isDark, usePrefs } from "../lib/prefs.js";

const shapes = { critical: "diamond", warning: "triangle", ok: "ellipse", stale: "rectangle" };

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function styleOf(many) {
  const fill = { critical: "--critical", warning: "--warning-fill", ok: "--ok", stale: "--faint" };
  const states = Object.entries(shapes).map(([state, shape]) => ({
    selector: `node[state="${state}"]`,
    style: { shape, "background-color": colour(fill[state]) },
  }));
  return [
    {
      selector: "node",
      style: {
        width: 18,
        height: 18,
        shape: "ellipse",
        "background-color": colour("--faint"),
        label: "data(name)",
        color: colour("--text"),
        "font-size": 11,
        "font-family": "system-ui, sans-serif",
        "text-valign": "bottom",
        "text-margin-y": 4,
        "text-max-width": 110,
        "text-wrap": many ? "none" : "ellipsis",
        "min-zoomed-font-size": many ? 9 : 6,
        "text-background-color": colour("--sunken"),
        "text-background-opacity": many ? 0 : 0.75,
        "text-background-padding": 1,
      },
    },
    ...states,
    { selector: 'node[state="critical"], node[state="warning"]', style: { width: 26, height: 26 } },
    {
      selector: "node[?cause]",
      style: {
        width: 36,
        height: 36,
        "border-width": 4,
        "border-color": colour("--accent"),
        "border-opacity": 1,
        "font-weight": "bold",
        "font-size": 13,
      },
    },
    { selector: "node[!touched]", style: { "background-opacity": 0.55 } },
    {
      selector: "edge",
      style: {
        width: 1.2,
        "line-color": colour(many ? "--line-strong" : "--faint"),
        "curve-style": many ? "haystack" : "bezier",
        "target-arrow-shape": many ? "none" : "triangle",
        "target-arrow-color": colour("--faint"),
        "arrow-scale": 0.8,
        opacity: many ? 1 : 0.55,
      },
    },
    { selector: 'edge[kind="runs_on"]', style: { "line-style": "dashed" } },
    {
      selector: "edge[?path]",
      style: {
        width: 3.5,
        "line-color": colour("--critical"),
        "target-arrow-color": colour("--critical"),
        opacity: 1,
      },
    },
    { selector: ".dim", style: { opacity: 0.12 } },
    {
      selector: "node:selected, .found",
      style: { "border-width": 4, "border-color": colour("--accent"), "border-opacity": 1 },
    },
  ];
}

function elementsOf(graph) {
  const known = new Set(graph.nodes.map((n) => n.id));
  return [
    ...graph.nodes.map((n) => ({
      data: { ...n, name: entityParts(n.id)[1], touched: n.touched ?? true },
      position: n.position,
    })),
    ...graph.edges
      .filter((e) => known.has(e.from) && known.has(e.to))
      .map((e, i) => ({
        data: { id: `e${i}`, source: e.from, target: e.to, kind: e.kind, path: e.path ?? false },
      })),
  ];
}

/** Who is drawn, and which ways between them: where that stays, what is said of them changes in place. */
function shapeOf(graph) {
  return [...graph.nodes.map((n) => n.id), ...graph.edges.map((e) => `${e.from}\n${e.to}\n${e.kind}`)].join("\n\n");
}

/**
 * Draws {nodes: [{id, state, touched, cause, position}], edges: [{from, to, kind, path}]}. @p pick gets
 * the id that was chosen; @p hold gets the drawing, to search in it.
 */
export function Graph({ graph, pick, hold, tall = false, label }) {
  const box = useRef(null);
  const chosen = useRef(pick);
  chosen.current = pick;
  const { theme } = usePrefs();
  const dark = isDark();
  const placed = graph.nodes.every((n) => n.position);
  const shape = shapeOf(graph);
  const drawing = useRef(null);
  useEffect(() => {
    const many = graph.nodes.length > 150;
    const cy = cytoscape({
      container: box.current,
      elements: elementsOf(graph),
      style: styleOf(many),
      minZoom: 0.08,
      maxZoom: 3,
      textureOnViewport: false,
      hideEdgesOnViewport: many,
      pixelRatio: many ? 1 : "auto",
      layout: placed
        ? { name: "preset", fit: true, padding: 30 }
        : {
            name: "breadthfirst",
            directed: true,
            padding: 30,
            spacingFactor: 1.1,
            avoidOverlap: true,
            roots: rootsOf(graph),
          },
    });
    cy.on("tap", "node", (event) => chosen.current?.(event.target.id()));
    cy.on("tap", (event) => event.target === cy && chosen.current?.(""));
    drawing.current = cy;
    hold?.(cy);
    return () => cy.destroy();
  }, [shape, theme, dark]);
  useEffect(() => {
    const cy = drawing.current;
    cy.batch(() => {
      for (const { data } of elementsOf(graph)) {
        const drawn = cy.getElementById(data.id);
        for (const key of ["state", "touched", "cause", "path"])
          if (drawn.data(key) !== data[key]) drawn.data(key, data[key]);
      }
    });
  }, [graph]);
  return html`<div class=${tall ? "graph tall" : "graph"} ref=${box} role="img" aria-label=${label}></div>`;
}

/** Who nobody in the picture depends on stands at the top. */
function rootsOf(graph) {
  const used = new Set(graph.edges.map((e) => e.to));
  const roots = graph.nodes.filter((n) => !used.has(n.id)).map((n) => n.id);
  return roots.length > 0 ? roots : undefined;
}
