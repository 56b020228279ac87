// SPDX-License-Identifier: Apache-2.0
// Verdicts of operators as figures. Pure.

const month = 30.44 * 86400e3;

/** What was promised over the time that was read, and what operators called false. */
export function promise(q) {
  const span = Math.max(0, q.until - q.since);
  const verdicts = q.alert_verdicts ?? {};
  const entityMonths = (q.entities * span) / month;
  return {
    days: span / 86400e3,
    rate: entityMonths > 0 ? (verdicts.false ?? 0) / entityMonths : null,
    promised: q.promised_per_entity_month * entityMonths,
    calledFalse: verdicts.false ?? 0,
    judged: Object.values(verdicts).reduce((a, b) => a + b, 0),
  };
}

/** Counts and shares of @p names among verdicts. */
export function judged(verdicts, names) {
  const result = { total: 0, share: {} };
  for (const name of names) {
    result[name] = verdicts?.[name] ?? 0;
    result.total += result[name];
  }
  for (const name of names) result.share[name] = result.total === 0 ? null : result[name] / result.total;
  return result;
}

/** Samples of Prometheus' text format: [{name, labels, value}]. */
export function readMetrics(text) {
  const samples = [];
  for (const line of String(text).split("\n")) {
    const match = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)/.exec(line);
    if (!match || line.startsWith("#")) continue;
    const labels = Object.fromEntries(
      [...(match[2] ?? "").matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, k, v]) => [k, v]),
    );
    samples.push({ name: match[1], labels, value: Number(match[3]) });
  }
  return samples;
}

/** Sum of a metric's samples whose labels are @p labels. */
export function total(samples, name, labels = {}) {
  return samples
    .filter((s) => s.name === name && Object.entries(labels).every(([k, v]) => s.labels[k] === v))
    .reduce((sum, s) => sum + s.value, 0);
}
