// SPDX-License-Identifier: Apache-2.0
// Words and numbers for people. Pure: time and zone are handed in.

const unit = [
  ["d", 86400],
  ["h", 3600],
  ["min", 60],
  ["s", 1],
];

/** "2 h 5 min" of milliseconds, its two largest units; never negative. */
export function duration(ms) {
  let left = Math.max(0, Math.round(ms / 1000));
  if (left === 0) return "0 s";
  const words = [];
  for (const [name, size] of unit) {
    const n = Math.floor(left / size);
    if (n === 0) {
      if (words.length > 0) break;
      continue;
    }
    words.push(`${n} ${name}`);
    left -= n * size;
    if (words.length === 2) break;
  }
  return words.join(" ");
}

/** "5 min ago", "in 2 h", "now" of an instant. */
export function distance(ts, now) {
  const off = ts - now;
  if (Math.abs(off) < 1000) return "now";
  return off < 0 ? `${duration(-off)} ago` : `in ${duration(off)}`;
}

/** When the metric of an alert meets its limit, as was told last; null where none is in sight, or the alert is over. */
export function limitAt(alert) {
  return alert.lead_time_s && alert.state === "firing" ? alert.updated + alert.lead_time_s * 1000 : null;
}

/** "12 min", or "crossed 3 min ago", of the instant of a limit. */
export function limitText(at, now) {
  return at > now ? duration(at - now) : `crossed ${distance(at, now)}`;
}

const formats = new Map();
function formatOf(zone, options) {
  const key = zone + JSON.stringify(options);
  if (!formats.has(key)) {
    const more = { hourCycle: "h23", ...options };
    if (zone !== "local") more.timeZone = zone;
    formats.set(key, new Intl.DateTimeFormat("en-GB", more));
  }
  return formats.get(key);
}

/** "14:05:09" in @p zone: "local" or a name of the IANA list. */
export function clock(ts, zone) {
  return formatOf(zone, { hour: "2-digit", minute: "2-digit", second: "2-digit" }).format(ts);
}

/** "Mon 8 Jan", with the year when it is not that of @p now. */
export function day(ts, zone, now) {
  const year = (t) => formatOf(zone, { year: "numeric" }).format(t);
  const date = { weekday: "short", day: "numeric", month: "short" };
  if (year(ts) !== year(now)) date.year = "numeric";
  return formatOf(zone, date).format(ts).replace(",", "");
}

/** "Mon 8 Jan 14:05:09", with the year when it is not that of @p now. */
export function moment(ts, zone, now) {
  return `${day(ts, zone, now)} ${clock(ts, zone)}`;
}

/** "14:05:09" of the day of @p now, of another one "8 Jan 14:05". */
export function briefMoment(ts, zone, now) {
  const date = day(ts, zone, now);
  return date === day(now, zone, now) ? clock(ts, zone) : `${date.replace(/^\S+ /, "")} ${clock(ts, zone).slice(0, 5)}`;
}

/** "08:00–08:12 UTC+1"-like name of a zone at an instant. */
export function zoneName(zone, ts) {
  const parts = formatOf(zone, { timeZoneName: "short", hour: "2-digit" }).formatToParts(ts);
  return parts.find((p) => p.type === "timeZoneName")?.value ?? zone;
}

/** A value as short as its size allows: 1234567 is "1.23M", 0.00042 is "4.2e-4". */
export function number(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (size === 0) return "0";
  for (const [name, scale] of [
    ["T", 1e12],
    ["G", 1e9],
    ["M", 1e6],
    ["k", 1e4],
  ]) {
    if (size >= scale) return `${precise(value / (name === "k" ? 1e3 : scale))}${name}`;
  }
  if (size < 1e-3) return value.toExponential(1);
  return precise(value);
}

const short = { seconds: "s", milliseconds: "ms", microseconds: "µs", nanoseconds: "ns", percent: "%" };

/** "1.2k bytes", "3.4 ms": @p value with its unit, where it is known and says something. */
export function measured(value, unit) {
  const text = number(value);
  return unit && unit !== "ratio" && text !== "–" ? `${text} ${short[unit] ?? unit}` : text;
}

/** The unit of the values of @p metric, a metric of an entity: of a counter they are that per second. */
export function unitOf(metric) {
  return metric.unit && metric.kind === "counter" ? `${metric.unit} per second` : (metric.unit ?? "");
}

function precise(value) {
  const size = Math.abs(value);
  const digits = size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3;
  return String(Number(value.toFixed(digits)));
}

/** Bytes in the unit that fits: "7.4 MiB". */
export function bytes(n) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let at = 0;
  let size = n ?? 0;
  for (; size >= 1024 && at + 1 < units.length; ++at) size /= 1024;
  return `${precise(size)} ${units[at]}`;
}

/** Thousands apart: 12 345. */
export function count(n) {
  return String(Math.round(n ?? 0)).replace(/\B(?=(\d{3})+(?!\d))/g, "\u202f");
}

/** "73 %"; what is not nothing is at least "<1 %", and what is not all at most ">99 %". */
export function percent(p) {
  if (p === null || p === undefined || !Number.isFinite(p)) return "–";
  if (p > 0 && p < 0.01) return "<1 %";
  if (p < 1 && p > 0.99) return ">99 %";
  return `${Math.round(p * 100)} %`;
}

/** "memory_leak" in words. */
export function words(name) {
  return String(name ?? "")
    .replace(/[_.]+/g, " ")
    .trim();
}

/** "one alert", "2 alerts". */
export function many(n, one, more = `${one}s`) {
  return n === 1 ? `1 ${one}` : `${count(n)} ${more}`;
}

/** Kind and name of an entity: "service/cart" -> ["service", "cart"]. */
export function entityParts(id) {
  const text = String(id ?? "");
  const at = text.indexOf("/");
  return at > 0 && at < text.length - 1 ? [text.slice(0, at), text.slice(at + 1)] : ["", text];
}

/** The value at share @p q of a sorted list, or null. */
export function quantile(sorted, q) {
  if (!sorted || sorted.length === 0) return null;
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))];
}
