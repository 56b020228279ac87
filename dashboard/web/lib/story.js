// SPDX-License-Identifier: Apache-2.0
// What an incident is made of, put into order. Pure.

/** The part of the graph an incident is about: its entities, its causes, and the ways between them. */
export function incidentGraph(incident, topology) {
  const touched = new Set(incident.entities ?? []);
  const causes = new Set((incident.causes ?? []).slice(0, 3).map((c) => c.entity));
  const cause = incident.abstained ? "" : (incident.causes?.[0]?.entity ?? "");
  const wanted = new Set([...touched, ...causes]);
  const path = propagation(cause, touched, topology.edges);
  for (const id of path.nodes) wanted.add(id);
  const states = new Map(topology.nodes.map((n) => [n.id, n.state]));
  const nodes = [...wanted].slice(0, 120).map((id) => ({
    id,
    state: states.get(id) ?? "unknown",
    touched: touched.has(id),
    cause: id === cause,
  }));
  const kept = new Set(nodes.map((n) => n.id));
  const edges = topology.edges
    .filter((e) => kept.has(e.from) && kept.has(e.to))
    .map((e) => ({ from: e.from, to: e.to, kind: e.kind, path: path.edges.has(`${e.from}\n${e.to}`) }));
  return { nodes, edges };
}

const clockOf = /( since \d\d:\d\d| from \d\d:\d\d to \d\d:\d\d)(; no cause stands out|; likely cause: .*)?( \(split from [^()]*\))?$/s;

/** The summary of an incident without what stands beside it as a fact: its cause, and when it was, which the server's summary says in UTC. */
export function titleOf(incident) {
  return String(incident.summary).replace(clockOf, "$3");
}

const merged = "merged into ";

/** The id of the incident that goes on in place of @p incident, or nothing. */
export function mergedInto(incident) {
  const summary = String(incident.summary);
  return summary.startsWith(merged) ? summary.slice(merged.length) : "";
}

/** Trouble goes from what is depended on to who depends: the shortest ways from the cause to each touched entity. */
export function propagation(cause, touched, edges) {
  const found = { nodes: new Set(), edges: new Set() };
  if (cause === "") return found;
  const dependents = new Map();
  for (const e of edges) {
    if (!dependents.has(e.to)) dependents.set(e.to, []);
    dependents.get(e.to).push(e.from);
  }
  const came = new Map([[cause, null]]);
  const queue = [cause];
  for (let at = 0; at < queue.length && came.size < 5000; ++at) {
    for (const next of dependents.get(queue[at]) ?? []) {
      if (came.has(next)) continue;
      came.set(next, queue[at]);
      queue.push(next);
    }
  }
  for (const id of touched) {
    for (let at = id; came.has(at); at = came.get(at)) {
      found.nodes.add(at);
      if (came.get(at) === null) break;
      found.edges.add(`${at}\n${came.get(at)}`);
    }
  }
  return found;
}

/** Whether somebody else raised it: then its name is no metric of ours. */
export function isPosted(alert) {
  return Boolean(alert.source) && alert.source !== "detector";
}

/** The metrics worth a chart, at most @p most: the causes' first, then what the alerts contribute, farthest off first. */
export function chartsOf(incident, alerts, most = 6) {
  const charts = [];
  const add = (entity, metric, onset, why) => {
    if (!entity || !metric || charts.length >= most) return;
    if (charts.some((c) => c.entity === entity && c.metric === metric)) return;
    charts.push({ entity, metric, onset, why });
  };
  const onsetOf = (entity) =>
    alerts.filter((a) => a.entity === entity).reduce((t, a) => Math.min(t, a.started), Infinity);
  const posted = new Set(alerts.filter(isPosted).map((a) => `${a.entity}\n${a.metric}`));
  for (const cause of (incident.causes ?? []).slice(0, 2)) {
    if (posted.has(`${cause.entity}\n${cause.metric}`)) continue;
    const onset = onsetOf(cause.entity);
    add(cause.entity, cause.metric, Number.isFinite(onset) ? onset : incident.started, "a likely cause");
  }
  // What others posted has a name, and no metric of ours.
  const own = alerts.filter((a) => !isPosted(a));
  const rest = own.flatMap((a) =>
    (a.contributors?.length ? a.contributors : [{ metric: a.metric, score: 0 }]).map((c) => ({
      entity: a.entity,
      metric: c.metric,
      onset: a.started,
      score: Math.abs(c.score ?? 0),
    })),
  );
  rest.sort((a, b) => b.score - a.score);
  for (const c of rest) add(c.entity, c.metric, c.onset, "contributes");
  return charts;
}

/** What happened, with the begin and the end of alerts that others posted: of these the server's story has no decision. */
export function itemsOf(story) {
  const told = new Set(story.items.filter((i) => i.kind === "alert").map((i) => `${i.subject}\n${i.ts}`));
  const posted = story.alerts.filter(isPosted).flatMap((a) => [
    { ts: a.started, kind: "alert", subject: a.entity, state: a.severity, text: a.explanation },
    ...(a.ended ? [{ ts: a.ended, kind: "alert", subject: a.entity, state: "resolved", text: a.metric }] : []),
  ]);
  const more = posted.filter((i) => !told.has(`${i.subject}\n${i.ts}`));
  return more.length === 0 ? story.items : [...story.items, ...more].sort((a, b) => a.ts - b.ts);
}

/** Who has acknowledged alerts, and who is to look after them; each name once. */
export function whoOf(alerts) {
  const names = (key) => [...new Set(alerts.map((a) => a[key]).filter(Boolean))];
  return { by: names("acknowledged_by"), assigned: names("assigned_to") };
}

/** All remedies of the causes, each title once, with the cause it is for. */
export function remediesOf(incident) {
  const found = new Map();
  for (const cause of incident.causes ?? []) {
    for (const remedy of cause.remediation ?? []) {
      if (!found.has(remedy.title)) found.set(remedy.title, { ...remedy, cause: cause.entity });
    }
  }
  return [...found.values()];
}

/** A link that may be followed: http and https alone. */
export function safeLink(text) {
  try {
    const url = new URL(text);
    return url.protocol === "https:" || url.protocol === "http:" ? url.href : "";
  } catch {
    return "";
  }
}
