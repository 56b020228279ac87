// SPDX-License-Identifier: Apache-2.0
// What comes first, and how a message of the feed changes what is open. Pure.

const weight = { critical: 2, warning: 1 };

/** Most urgent first: critical, then not acknowledged, then the nearest limit, then the newest. */
export function byUrgency(a, b) {
  const severity = (weight[b.severity] ?? 0) - (weight[a.severity] ?? 0);
  if (severity !== 0) return severity;
  const done = Number(allAcknowledged(a)) - Number(allAcknowledged(b));
  if (done !== 0) return done;
  const limit = (a.limit_at ?? Infinity) - (b.limit_at ?? Infinity);
  if (Number.isFinite(limit) && limit !== 0) return limit;
  if ((a.limit_at ?? null) !== (b.limit_at ?? null)) return a.limit_at ? -1 : 1;
  return b.started - a.started || (a.id < b.id ? -1 : 1);
}

export function allAcknowledged(incident) {
  return incident.firing > 0 && incident.acknowledged >= incident.firing;
}

/** An outline as /api/v1/overview gives it, of an incident as the feed tells it. */
export function outlineOf(record, before = null) {
  const first = record.causes?.[0];
  return {
    id: record.id,
    state: record.state,
    severity: record.severity,
    summary: record.summary,
    started: record.started,
    updated: record.updated,
    ended: record.ended ?? null,
    abstained: record.abstained,
    unobserved: record.unobserved,
    cause: first
      ? {
          entity: first.entity,
          metric: first.metric,
          fault_class: first.fault_class,
          probability: first.probability,
        }
      : null,
    entities: record.entities_total ?? record.entities?.length ?? 0,
    alerts: record.alerts_total ?? record.alerts?.length ?? 0,
    first_entities: (record.entities ?? []).slice(0, 6),
    firing: before?.firing ?? record.alerts_total ?? record.alerts?.length ?? 0,
    acknowledged: before?.acknowledged ?? 0,
    silenced: before?.silenced ?? 0,
    limit_at: before?.limit_at ?? null,
  };
}

/** The list of open incidents after @p record, sorted. */
export function withIncident(list, record) {
  const before = list.find((i) => i.id === record.id) ?? null;
  const rest = list.filter((i) => i.id !== record.id);
  if (record.state === "open") rest.push(outlineOf(record, before));
  return rest.sort(byUrgency);
}

/** The cause in words: what to look at, and how sure. */
export function causeText(outline) {
  if (!outline.cause) return { title: "", sure: null };
  return { title: outline.cause.entity, sure: outline.cause.probability };
}
