// SPDX-License-Identifier: Apache-2.0
#include "dashboard/internal/openapi_shapes.hpp"

namespace faultline {

const std::vector<named_shape>& named_shapes() {
  static const std::vector<named_shape> all{
      {"Accepted", "accepted: boolean"},
      {"Contributor",
       "metric: string, unit: string, actual: number, expected: number, lower: number, "
       "upper: number, score: number"},
      {"Alert",
       "kind: alert, id: string, transition: integer, state: firing|resolved, "
       "severity: warning|critical, entity: string, metric: string, contributors: [Contributor], "
       "started: integer, updated: integer, ended?: integer, score: number, lead_time_s: number?, "
       "detectors: {number}, explanation: string, model: string, acknowledged: boolean, "
       "acknowledged_by?: string, assigned_to?: string, silenced: boolean, silenced_by?: string, "
       "silences?: [string], by?: string, labels: {string}, degraded: boolean, learning: boolean, "
       "ts: integer, source: string, annotations?: {string}, generator?: string, "
       "inhibited_by?: [string], maintenance?: [string], flapping?: boolean, seq?: integer, "
       "published?: integer"},
      {"BriefAlert",
       "id: string, entity: string, metric: string, severity: warning|critical, "
       "state: firing|resolved, started: integer, updated: integer, ended?: integer, "
       "score: number, lead_time_s?: number, acknowledged?: string, assigned_to?: string, "
       "silenced?: string, maintenance?: [string]"},
      {"Evidence", "kind: string, text: string, weight: number"},
      {"Remediation",
       "title: string, steps: [string], runbook: string, worked: integer, tried: integer"},
      {"Cause",
       "entity: string, metric: string, fault_class: string, probability: number, "
       "evidence: [Evidence], counter_evidence: [Evidence], remediation: [Remediation]"},
      {"Incident",
       "kind: incident, id: string, transition: integer, state: open|resolved, started: integer, "
       "updated: integer, ended?: integer, severity: warning|critical, alerts: [string], "
       "entities: [string], summary: string, abstained: boolean, unobserved: number, "
       "causes: [Cause], ts: integer, seq?: integer, published?: integer"},
      {"OutlineCause", "entity: string, metric: string, fault_class: string, probability: number"},
      {"Outline",
       "id: string, state: open|resolved, severity: warning|critical, summary: string, "
       "started: integer, updated: integer, ended: integer?, abstained: boolean, "
       "unobserved: number, cause: OutlineCause?, entities: integer, alerts: integer, "
       "firing: integer, acknowledged: integer, silenced: integer, first_entities: [string], "
       "limit_at: integer?"},
      {"StoryItem",
       "ts: integer, kind: string, subject: string, state: string, text: string, by: string"},
      {"FeedPlace", "seq: integer"},
      {"EntityRow", "id: string, state: string, observations: integer, last_ts: integer"},
      {"Metric",
       "name: string, role: string, kind: string, unit: string, last: number?, expected: number?, "
       "lower: "
       "number?, "
       "upper: number?, off: number?, profile_weight: number?"},
      {"Template",
       "id: string, template: string, severity: string, lines: integer, first_ts: integer, "
       "last_ts: integer, example: string"},
      {"Operation",
       "operation: string, peer: string, rate: number?, error_share: number?, p50_ms: number?, "
       "p95_ms: number?, p99_ms: number?, usual_p95_ms: number?, usual_error_share: number?, "
       "last_ts: integer"},
      {"Belief",
       "probability: number?, excess: number?, soon: number?, false_pages_per_month: number?, "
       "accepted_by_now: number?, pages: integer, stricter: number?, half_hours: number?, "
       "weekdays: integer, weekend_days: integer, forecaster: string"},
      {"Node", "id: string, state: string"},
      {"Edge",
       "from: string, to: string, kind: calls|runs_on, source: string, confidence: number, "
       "last_seen: integer"},
      {"EdgeAway", "from: string, to: string, kind: calls|runs_on"},
      {"DeadLetter",
       "id: string, reason: string, text: string, ts: integer, source: string, content: string, "
       "payload_bytes: integer, truncated: boolean, payload_base64: string"},
      {"PublisherRow",
       "publisher: string, door: string, last_seen: integer, accepted: integer, "
       "rejected: integer, shed: integer, retried: integer, skew_ms: integer?"},
      {"Model", "name: string, version: string, sha256: string, since: integer, changed: boolean"},
      {"Backup", "state: string, path: string, reason: string"},
      {"Matcher", "name: string, op?: string, value: string"},
      {"Silence",
       "id: string, state: pending|active|expired, matchers: [Matcher], text: string, "
       "starts: integer, ends: integer, created_by: string, comment: string, updated: integer"},
      {"Window",
       "name: string, entities: [string], dependents: boolean, starts: string?, ends: string?, "
       "days: [string]?, at: string?, duration_s: integer, zone: string?, by: string, "
       "comment: string, configured: boolean, open: boolean, next_change: integer?"},
      {"Receiver",
       "name: string, kind: string, sent: integer, failed: integer, last_error: string?, "
       "last_sent: integer?"},
      {"Firing", "critical: integer, warning: integer, acknowledged: integer, silenced: integer"},
      {"Day", "ts: integer, episodes: integer, called_false: integer"},
  };
  return all;
}

const std::vector<operation_shape>& operation_shapes() {
  constexpr const char* acknowledgement =
      "by?: string, comment?: string, acknowledged?: boolean, assign?: string";
  static const std::vector<operation_shape> all{
      {"GET", "/-/healthy", "healthy: boolean"},
      {"GET", "/-/ready", "ready: boolean"},
      {"POST", "/-/reload", "applied: [string], restart: [string]"},
      {"GET", "/api/v1", "text/html"},
      {"GET", "/api/v1/status",
       "version: string, uptime_s: number, entities: integer, observations: integer, "
       "dead_letters: integer, feed: FeedPlace, partitions: integer, overload: string, "
       "ready: boolean"},
      {"GET", "/api/v1/entities", "entities: [EntityRow], next: string?"},
      {"GET", "/api/v1/entities/*",
       "id: string, state: string, observations: integer, first_ts: integer, last_ts: integer, "
       "metrics: [Metric], left_out: integer, alerts: [string], belief: Belief, logs: [Template], "
       "operations: [Operation], calls_left_out: integer"},
      {"DELETE", "/api/v1/entities/*", "Accepted"},
      {"GET", "/api/v1/entities/*/window",
       "ts: [integer], values: [number?], expected: [number?], lower: [number?], "
       "upper: [number?]"},
      {"GET", "/api/v1/entities/*/story", "items: [StoryItem], cut: boolean, incidents: [Outline]"},
      {"POST", "/api/v1/entities/*/release", "Accepted"},
      {"GET", "/api/v1/overview",
       "open: integer, incidents: [Outline], firing: Firing, feed: FeedPlace, now: integer"},
      {"GET", "/api/v1/stream", "text/event-stream"},
      {"GET", "/api/v1/quality",
       "since: integer, until: integer, promised_per_entity_month: number, entities: integer, "
       "episodes: integer, critical: integer, critical_at_once: integer, "
       "alert_verdicts: {integer}, incidents: integer, incident_verdicts: {integer}, "
       "lead_s: [number], days: [Day]"},
      {"GET", "/api/v1/alerts", "alerts: [Alert|BriefAlert], next: string?"},
      {"GET", "/api/v1/alerts/*", "Alert"},
      {"GET", "/api/v1/history", "alerts: [Alert], next: string?"},
      {"POST", "/api/v1/alerts/*/feedback", "Accepted",
       "verdict: true|false|expected, comment?: string, by?: string"},
      {"POST", "/api/v1/alerts/*/acknowledge", "Accepted", acknowledgement},
      {"DELETE", "/api/v1/alerts/*/acknowledge", "Accepted"},
      {"GET", "/api/v1/incidents", "incidents: [Incident], next: string?"},
      {"GET", "/api/v1/incidents/*", "Incident"},
      {"GET", "/api/v1/incidents/*/story",
       "items: [StoryItem], cut: boolean, alerts: [Alert], related: [Outline]"},
      {"POST", "/api/v1/incidents/*/acknowledge", "Accepted", acknowledgement},
      {"DELETE", "/api/v1/incidents/*/acknowledge", "Accepted"},
      {"POST", "/api/v1/incidents/*/feedback", "Accepted",
       "verdict: right|wrong|partly, cause?: string?, comment?: string, by?: string, "
       "remediation?: string?, worked?: boolean?"},
      {"GET", "/api/v1/topology", "nodes: [Node], edges: [Edge], taken_away: [EdgeAway]"},
      {"POST", "/api/v1/topology/edges", "Accepted",
       "from: string, to: string, kind?: calls|runs_on, action: add|remove|reset, by?: string, "
       "comment?: string"},
      {"GET", "/api/v1/dead-letters",
       "total: integer, kept: integer, by_reason: {integer}, letters: [DeadLetter], "
       "next: string?"},
      {"GET", "/api/v1/dead-letters/*", "DeadLetter"},
      {"GET", "/api/v1/publishers", "total: integer, publishers: [PublisherRow]"},
      {"GET", "/api/v1/rules", "since: integer, rules: {any}"},
      {"GET", "/api/v1/model", "Model"},
      {"POST", "/api/v1/model", "Model", "sha256: string"},
      {"GET", "/api/v1/backup", "Backup"},
      {"POST", "/api/v1/backup", "Backup"},
      {"DELETE", "/api/v1/backup", "Backup"},
      {"GET", "/api/v1/silences", "silences: [Silence]"},
      {"GET", "/api/v1/silences/*", "Silence"},
      {"POST", "/api/v1/silences", "id: string",
       "matchers: [Matcher], starts?: integer, ends?: integer, duration_s?: integer, "
       "created_by?: string, comment: string, force?: boolean, id?: string"},
      {"POST", "/api/v1/silences/preview",
       "alerts: [Alert], alert_count: integer, entities: [string], entity_count: integer, "
       "known_entities: integer, refused: string?",
       "matchers: [Matcher]"},
      {"DELETE", "/api/v1/silences/*", "Accepted"},
      {"GET", "/api/v1/receivers", "receivers: [Receiver], waiting: integer, behind: integer"},
      {"POST", "/api/v1/receivers/*/test", "sent: boolean, error: string?"},
      {"GET", "/api/v1/maintenance", "windows: [Window]"},
      {"POST", "/api/v1/maintenance", "Accepted",
       "name: string, entities: [string], dependents?: boolean, starts?: string, ends?: string, "
       "days?: [string], at?: string, duration_s?: integer, zone?: string, by?: string, "
       "comment: string, force?: boolean"},
      {"DELETE", "/api/v1/maintenance/*", "Accepted"},
      {"GET", "/api/v1/openapi.json", "{any}"},
  };
  return all;
}

}  // namespace faultline
