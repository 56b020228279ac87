// SPDX-License-Identifier: Apache-2.0
// Marks that say by their shape what their colour says: a diamond is critical, a triangle a warning,
// a disc all right, a ring not known.
import { html } from "../lib/html.js";

const names = {
  critical: "critical",
  warning: "warning",
  ok: "all right",
  learning: "learning",
  stale: "silent",
  quarantined: "in quarantine",
  restarting: "restarting",
  resolved: "over",
  change: "changed",
  note: "told",
  unknown: "not known",
};

export function stateName(state) {
  return names[state] ?? String(state);
}

/** A shape for a state; named for those who do not see it, unless the name stands beside it. */
export function Sign({ state, size = 16, quiet = false }) {
  const label = quiet ? { "aria-hidden": "true" } : { role: "img", "aria-label": stateName(state) };
  return html`<svg class=${`sign sign-${names[state] ? state : "unknown"}`} width=${size} height=${size}
    viewBox="0 0 16 16" ...${label}>${shape(state)}</svg>`;
}

function shape(state) {
  switch (state) {
    case "critical":
      return html`<path d="M8 .8 15.2 8 8 15.2.8 8Z" /><path class="cut" d="M8 4.6v4.2M8 11.2v.1" />`;
    case "warning":
      return html`<path d="M8 1.6 15 14.2H1Z" /><path class="cut" d="M8 6.2v4M8 12.2v.1" />`;
    case "stale":
      return html`<path class="line" d="M3 3l10 10M13 3 3 13" />`;
    case "ok":
    case "resolved":
      return html`<circle cx="8" cy="8" r="6.2" /><path class="cut" d="m5.2 8.2 2 2 3.6-4" />`;
    case "quarantined":
      return html`<rect x="2" y="2" width="12" height="12" rx="2" /><path class="cut" d="M5 8h6" />`;
    case "change":
      return html`<path class="line" d="M8 2.5 14 13H2Z" />`;
    case "note":
      return html`<path class="line" d="M3 5h10M3 9h6" />`;
    default:
      return html`<circle class="line" cx="8" cy="8" r="5.4" />`;
  }
}

const icons = {
  now: "M3 13.5h4l2.5-8 4 13 2.5-9 1.5 4H21",
  topology:
    "M12 5.5v4M12 9.5 6 15M12 9.5l6 5.5M12 3.5a1 1 0 1 0 0 2 1 1 0 0 0 0-2ZM5.5 15a2 2 0 1 0 0 4 2 2 0 0 0 0-4ZM18.5 15a2 2 0 1 0 0 4 2 2 0 0 0 0-4Z",
  alerts: "M5 6.5h14M5 12h14M5 17.5h9",
  quality: "M4.5 19.5V11M10 19.5v-14M15.5 19.5V9M21 19.5v-5",
  system: "M4 5.5h16v5H4ZM4 13.5h16v5H4ZM7 8h.1M7 16h.1",
  sun: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8ZM12 3v2M12 19v2M3 12h2M19 12h2M5.6 5.6 7 7M17 17l1.4 1.4M5.6 18.4 7 17M17 7l1.4-1.4",
  moon: "M19.5 14.5A8 8 0 0 1 9.5 4.5a8 8 0 1 0 10 10Z",
  auto: "M12 4a8 8 0 1 0 0 16ZM12 4a8 8 0 0 1 0 16",
  search: "M10.5 4.5a6 6 0 1 0 0 12 6 6 0 0 0 0-12ZM15 15l5 5",
  arrow: "M5 12h13M13 6.5l5.5 5.5-5.5 5.5",
  close: "M6 6l12 12M18 6 6 18",
  tick: "m5 12.5 4.5 4.5L19 7.5",
  keys: "M3.5 7h17v10h-17ZM7 10.5h.1M10.5 10.5h.1M14 10.5h.1M17 10.5h.1M8 14h8",
};

export function Icon({ name, size = 20 }) {
  return html`<svg class="icon" width=${size} height=${size} viewBox="0 0 24 24" aria-hidden="true">
      <path d=${icons[name] ?? ""} /></svg>`;
}
