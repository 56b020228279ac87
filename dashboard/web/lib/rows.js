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

/** Rows after an alert of the feed: changed in place, or new ones first. Rows that no longer fit the filter go. */
export function withAlert(rows, alert, fits) {
  const at = rows.findIndex((row) => row.id === alert.id);
  const row = briefOf(alert);
  if (at >= 0) {
    const copy = rows.slice();
    if (fits(row, alert)) copy[at] = row;
    else copy.splice(at, 1);
    return copy;
  }
  return fits(row, alert) ? [row, ...rows] : rows;
}

/** Rows after @p alerts of the feed, each as it was told last; where there are too many, the newest @p most. */
export function withAlerts(rows, alerts, fits, most = 500) {
  const last = new Map(alerts.map((a) => [a.id, a]));
  return [...last.values()].slice(-most).reduce((all, a) => withAlert(all, a, fits), rows);
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
