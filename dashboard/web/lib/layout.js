// SPDX-License-Identifier: Apache-2.0
// Places of a large graph, quickly and always the same: layers by dependency, each layer in the order of
// its neighbours. Pure.

/** Layer of each node: who nobody depends on is in layer 0; circles are cut where they close. */
export function layersOf(nodes, edges) {
  const next = new Map(nodes.map((n) => [n.id, []]));
  const degree = new Map(nodes.map((n) => [n.id, 0]));
  for (const e of edges) {
    if (!next.has(e.from) || !next.has(e.to) || e.from === e.to) continue;
    next.get(e.from).push(e.to);
    degree.set(e.to, degree.get(e.to) + 1);
  }
  const layer = new Map();
  let queue = nodes.filter((n) => degree.get(n.id) === 0).map((n) => n.id);
  const left = new Set(nodes.map((n) => n.id));
  for (const id of queue) layer.set(id, 0);
  while (left.size > 0) {
    if (queue.length === 0) {
      const first = left.values().next().value; // a circle: begin somewhere in it
      queue = [first];
      layer.set(first, layer.get(first) ?? 0);
    }
    const id = queue.shift();
    if (!left.delete(id)) continue;
    for (const to of next.get(id)) {
      if (!left.has(to)) continue;
      layer.set(to, Math.max(layer.get(to) ?? 0, layer.get(id) + 1));
      degree.set(to, degree.get(to) - 1);
      if (degree.get(to) === 0) queue.push(to);
    }
  }
  return layer;
}

/**
 * {x, y} of each node, layers from top to bottom, layers of more than @p width in several rows; for a screen
 * that is @p aspect times as wide as high.
 */
export function place(nodes, edges, { gap = 90, width = 24, aspect = 1.6 } = {}) {
  const layer = layersOf(nodes, edges);
  const rows = [];
  for (const n of nodes) (rows[layer.get(n.id)] ??= []).push(n.id);
  const beside = new Map(nodes.map((n) => [n.id, []]));
  for (const e of edges) {
    if (!beside.has(e.from) || !beside.has(e.to)) continue;
    beside.get(e.to).push(e.from);
    beside.get(e.from).push(e.to);
  }
  const spot = new Map();
  let y = 0;
  for (const row of rows.filter(Boolean)) {
    const wish = new Map(
      row.map((id, n) => {
        const known = beside
          .get(id)
          .filter((o) => spot.has(o))
          .map((o) => spot.get(o).x);
        return [id, known.length > 0 ? known.reduce((a, b) => a + b, 0) / known.length : n * gap];
      }),
    );
    row.sort((a, b) => wish.get(a) - wish.get(b) || (a < b ? -1 : 1));
    const lines = Math.ceil(row.length / width);
    const across = Math.ceil(row.length / lines);
    row.forEach((id, n) => {
      // Neighbours in a row stand one below the other, so that order across is kept.
      const column = Math.floor(n / lines);
      spot.set(id, {
        x: (column - (across - 1) / 2) * gap + (n % lines) * gap * 0.25,
        y: y + (n % lines) * gap * 0.75,
      });
    });
    y += lines * gap * 0.75 + gap * 0.9;
  }
  return widened(spot, y * aspect);
}

/** What is narrower than @p room is drawn apart, up to three times. */
function widened(spot, room) {
  const across = [...spot.values()].map((p) => p.x);
  const wide = Math.max(...across) - Math.min(...across);
  const by = wide > 0 ? Math.min(3, Math.max(1, room / wide)) : 1;
  for (const p of spot.values()) p.x *= by;
  return spot;
}

/** Nodes and edges whose ids hold @p text, have @p state, or stand beside one that does. */
export function subset(topology, { text = "", state = "", kind = "" }) {
  const part = text.toLowerCase();
  const fits = (n) =>
    (part === "" || n.id.toLowerCase().includes(part)) &&
    (kind === "" || n.id.startsWith(`${kind}/`)) &&
    (state === "" ||
      (state === "trouble" ? n.state === "critical" || n.state === "warning" : n.state === state));
  if (part === "" && state === "" && kind === "") return topology;
  const chosen = new Set(topology.nodes.filter(fits).map((n) => n.id));
  const kept = new Set(chosen);
  for (const e of topology.edges) {
    if (chosen.has(e.from)) kept.add(e.to);
    if (chosen.has(e.to)) kept.add(e.from);
  }
  return {
    nodes: topology.nodes.filter((n) => kept.has(n.id)).map((n) => ({ ...n, touched: chosen.has(n.id) })),
    edges: topology.edges.filter((e) => kept.has(e.from) && kept.has(e.to)),
  };
}
