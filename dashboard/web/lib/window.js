// SPDX-License-Identifier: Apache-2.0
// What stands in the live window of a metric. Pure.

/** Places of values with none beside them, which a line does not show: of a metric that comes less often than others of its entity. */
export function alone(values) {
  const places = [];
  for (let i = 0; i < values.length; ++i) if (values[i] != null && values[i - 1] == null && values[i + 1] == null) places.push(i);
  return places;
}

/** The newest value that is there. */
export function latest(values) {
  return values.findLast((v) => v != null) ?? null;
}

/** From when to when a chart of @p ts goes, in seconds, where else it would go from @p min to @p max: around a lone tick a minute to either side. */
export function span(ts, min, max) {
  return ts.length === 1 ? [ts[0] - 60, ts[0] + 60] : [min, max];
}
