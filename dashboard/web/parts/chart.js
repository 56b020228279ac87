// SPDX-License-Identifier: Apache-2.0
// A metric over its live window: what was, what was expected, and the band of what is usual.
import { html, useEffect, useRef, useState } from "../lib/html.js";
import uPlot from "../vendor/uplot.js";
import { api } from "../lib/api.js";
import { clock, day, measured, number, zoneName } from "../lib/format.js";
import { isDark, usePrefs } from "../lib/prefs.js";
import { useLoaded } from "../lib/hooks.js";
import { alone, latest, span } from "../lib/window.js";

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** Marks are {ts, state}: a line for each, of the colour and with the shape of its state at its top. */
function markPlugin(marks) {
  return {
    hooks: {
      draw: (plot) => {
        const { ctx, bbox } = plot;
        ctx.save();
        for (const mark of marks) {
          const x = Math.round(plot.valToPos(mark.ts / 1000, "x", true));
          if (x < bbox.left || x > bbox.left + bbox.width) continue;
          ctx.strokeStyle = ctx.fillStyle = colour(
            { critical: "--critical", warning: "--warning-fill", change: "--accent" }[mark.state] ?? "--soft",
          );
          ctx.lineWidth = devicePixelRatio;
          ctx.setLineDash([4 * devicePixelRatio, 3 * devicePixelRatio]);
          ctx.beginPath();
          ctx.moveTo(x, bbox.top);
          ctx.lineTo(x, bbox.top + bbox.height);
          ctx.stroke();
          drawShape(ctx, mark.state, x, bbox.top + 6 * devicePixelRatio, 5 * devicePixelRatio);
        }
        ctx.restore();
      },
      setCursor: (plot) => plot.root.classList.toggle("pointed", plot.cursor.idx !== null), // at a value: its words are shown
    },
  };
}

function drawShape(ctx, state, x, y, r) {
  ctx.setLineDash([]);
  ctx.beginPath();
  if (state === "critical")
    for (const [dx, dy] of [
      [0, -r],
      [r, 0],
      [0, r],
      [-r, 0],
    ])
      ctx.lineTo(x + dx, y + dy);
  else if (state === "warning" || state === "change")
    for (const [dx, dy] of [
      [0, -r],
      [r, r * 0.8],
      [-r, r * 0.8],
    ])
      ctx.lineTo(x + dx, y + dy);
  else ctx.arc(x, y, r * 0.6, 0, 7);
  ctx.closePath();
  if (state === "change") ctx.stroke();
  else ctx.fill();
}

/** Clock times of ticks, in seconds where they are closer than a minute; where a day begins, that day. */
function tickTexts(ticks, zone) {
  const fine = ticks.length > 1 && ticks[1] - ticks[0] < 60;
  const date = (s) => day(s * 1000, zone, s * 1000).replace(/^\S+ /, "");
  return ticks.map((s, n) => {
    const text = clock(s * 1000, zone);
    if (n > 0 && date(s) !== date(ticks[n - 1])) return date(s);
    return fine ? text : text.slice(0, 5);
  });
}

function optionsOf(width, height, zone, marks, unit) {
  const soft = colour("--faint");
  const axis = {
    stroke: soft,
    grid: { stroke: colour("--line"), width: 1 },
    ticks: { show: false },
    font: "12px system-ui, sans-serif",
  };
  return {
    width,
    height,
    padding: [8, 8, 0, 0],
    cursor: { points: { size: 6 }, drag: { x: true, y: false } },
    legend: { live: true, markers: { width: 0 } },
    tzDate: (s) => (zone === "UTC" ? uPlot.tzDate(new Date(s * 1000), "UTC") : new Date(s * 1000)),
    scales: {
      x: { range: (plot, min, max) => span(plot.data[0], min, max) },
      y: {
        range: (_, min, max) => (min === max ? [min - 1, max + 1] : uPlot.rangeNum(min, max, 0.08, true)),
      },
    },
    axes: [
      { ...axis, space: 80, size: 30, values: (_, ticks) => tickTexts(ticks, zone) },
      { ...axis, size: 56, values: (_, ticks) => ticks.map(number) },
    ],
    series: [
      { label: "Time", value: (_, s) => (s ? `${clock(s * 1000, zone)} ${zoneName(zone, s * 1000)}` : "–") },
      {
        label: "Value",
        stroke: colour("--text"),
        width: 1.6,
        points: { show: false, filter: (plot, series) => alone(plot.data[series]), size: 4, width: 0, fill: colour("--text") },
        value: (_, v) => measured(v, unit),
      },
      {
        label: "expected",
        stroke: colour("--accent"),
        width: 1.2,
        dash: [5, 4],
        points: { show: false },
        value: (_, v) => number(v),
      },
      {
        label: "usual",
        stroke: "transparent",
        points: { show: false },
        value: (plot, v, _, at) => `${number(v)} to ${number(plot.data[4][at])}`,
      },
      { label: "upper", stroke: "transparent", points: { show: false } }, // told with the lower end
    ],
    bands: [{ series: [4, 3], fill: colour("--band") }],
    plugins: [markPlugin(marks)],
  };
}

function columnsOf(data) {
  return [data.ts.map((t) => t / 1000), data.values, data.expected, data.lower, data.upper];
}

/** Whether all of its data is in sight, and not a part that was drawn up. */
function isWhole(plot) {
  const [ts] = plot.data;
  const { min, max } = plot.scales.x;
  return min <= ts[0] && max >= ts[ts.length - 1];
}

/** With the line below it for what the pointer is at; kept while it loads, so that nothing jumps. */
function roomOf(height) {
  return { minHeight: `${height + 19}px` };
}

/** Draws @p data ({ts, values, expected, lower, upper}), of @p unit, with @p marks. */
export function Chart({ data, unit = "", marks = [], height = 170, label }) {
  const box = useRef(null);
  const [width, resize] = useState(0);
  const { zone, theme } = usePrefs();
  useEffect(() => {
    const watch = new ResizeObserver(([entry]) => resize(Math.floor(entry.contentRect.width)));
    watch.observe(box.current);
    return () => watch.disconnect();
  }, []);
  const dark = isDark();
  const plot = useRef(null);
  const drawn = useRef(null); // the data that is in the plot
  useEffect(() => {
    if (width < 60) return;
    drawn.current = data;
    plot.current = new uPlot(optionsOf(width, height, zone, marks, unit), columnsOf(data), box.current);
    return () => {
      plot.current.destroy();
      plot.current = null;
    };
  }, [unit, width, height, zone, theme, dark, JSON.stringify(marks)]);
  useEffect(() => {
    if (!plot.current || drawn.current === data) return;
    const whole = isWhole(plot.current);
    drawn.current = data;
    plot.current.setData(columnsOf(data), whole);
    if (!whole) plot.current.redraw(); // who looks closer at a part goes on doing so
  }, [data]);
  return html`<div class="chart" ref=${box} role="img" aria-label=${label} style=${roomOf(height)}></div>`;
}

/** What a chart shows, in a sentence for those who do not see it. */
export function chartText(metric, data, unit = "") {
  const last = data.values.length - 1;
  return `${metric}: ${data.values[last] == null ? "last" : "now"} ${measured(latest(data.values), unit)}, expected ${number(data.expected[last])}, usual from ${number(data.lower[last])} to ${number(data.upper[last])}`;
}

/** Loads the window of a metric and draws it; anew when @p turn changes. */
export function MetricChart({ entity, metric, unit = "", marks, turn = 0, height = 170 }) {
  const { value, error } = useLoaded((signal) => api.window(entity, metric, signal), [entity, metric], turn);
  if (error && (!value || error.status === 404))
    return html`<p class="quiet small">${error.status === 404 ? "Its window is not kept any more." : error.message}</p>`;
  if (!value) return html`<div class="chart" aria-busy="true" style=${roomOf(height)}></div>`;
  if (value.ts.length === 0)
    return html`<p class="quiet small">No tick has closed yet: a value comes with the next.</p>`;
  return html`<${Chart} data=${value} unit=${unit} marks=${marks} height=${height} label=${chartText(metric, value, unit)} />`;
}
