// SPDX-License-Identifier: Apache-2.0
// A list that is longer than what is loaded and far longer than what is drawn. Pure.

/** Which rows are drawn: a few more than are seen. */
export function seen(top, height, rowHeight, total, spare = 8) {
  const first = Math.max(0, Math.floor(top / rowHeight) - spare);
  const last = Math.min(total, Math.ceil((top + height) / rowHeight) + spare);
  return { first: Math.min(first, last), last };
}

/** Whether more is to be loaded: what is drawn comes near the end of what is loaded. */
export function wantsMore(last, loaded, next, ahead = 100) {
  return next !== null && last + ahead >= loaded;
}

/** The newest first, as the server lists them. */
function inOrder(a, b) {
  return b.started - a.started || (a.id < b.id ? -1 : 1);
}

/**
 * Rows after @p alerts of the feed, each as it was told last, where the server would list it. Rows that no longer fit the
 * filter go. With @p more to be loaded, what comes behind the last row is left to that.
 */
export function withAlerts(rows, alerts, fits, more = false) {
  const all = new Map(rows.map((row) => [row.id, row]));
  const end = more ? rows.at(-1) : undefined;
  for (const alert of alerts) {
    const row = briefOf(alert);
    if (!fits(row, alert)) all.delete(row.id);
    else if (all.has(row.id) || !end || inOrder(row, end) < 0) all.set(row.id, row);
  }
  return [...all.values()].sort(inOrder);
}

/** What the list shows of an alert. */
export function briefOf(a) {
  return {
    id: a.id,
    entity: a.entity,
    metric: a.metric,
    severity: a.severity,
    state: a.state,
    started: a.started,
    updated: a.updated,
    ended: a.ended ?? undefined,
    score: a.score,
    lead_time_s: a.lead_time_s ?? undefined,
    acknowledged: a.acknowledged ? (a.acknowledged_by ?? "") : undefined,
    assigned_to: a.assigned_to || undefined,
    silenced: a.silenced ? (a.silenced_by ?? "") : undefined,
    maintenance: a.maintenance ?? undefined,
  };
}

/** A test for rows as the server applies it: state, severity, text in entity, metric or explanation. */
export function filterOf({ state, severity, text }) {
  const part = (text ?? "").toLowerCase();
  return (row, alert) =>
    (!state || state === "all" || row.state === state) &&
    (!severity || row.severity === severity) &&
    (part === "" ||
      [row.entity, row.metric, alert?.explanation].some((t) =>
        String(t ?? "")
          .toLowerCase()
          .includes(part),
      ));
}
