// SPDX-License-Identifier: Apache-2.0
// What is around every page: where one can go, whether it is live, zone and theme.
import { html } from "../lib/html.js";
import { count, zoneName } from "../lib/format.js";
import { leave, now, useLive } from "../lib/live.js";
import { setPref, usePrefs } from "../lib/prefs.js";
import { link, pages } from "../lib/route.js";
import { Icon } from "./signs.js";

const titles = { now: "Now", topology: "Topology", alerts: "Alerts", quality: "Quality", system: "System" };
const themes = ["", "light", "dark"];

export function nextTheme(theme) {
  return themes[(themes.indexOf(theme) + 1) % themes.length];
}

function Nav({ page }) {
  const { overview } = useLive();
  const of = { incident: "now", entity: "topology" }[page] ?? page;
  return html`<nav class="nav" aria-label="Pages">${pages.map(
    (name) => html`
    <a key=${name} href=${link(name)} class=${name === of ? "here" : ""} aria-current=${name === of ? "page" : null}>
      <${Icon} name=${name} /><span>${titles[name]}</span>
      ${name === "now" && overview?.open > 0 && html`<b class="badge" aria-label=${`${overview.open} open`}>
          ${count(overview.open)}</b>`}
    </a>`,
  )}</nav>`;
}

const linkText = { live: "Live", starting: "Connecting", lost: "Reconnecting", locked: "Locked" };

function Link() {
  const { link: state, offset } = useLive();
  const past = Math.abs(offset) > 3600e3;
  return html`<span class=${`link link-${state}`} role="status"><i></i><span>
      ${linkText[state]}${past && state === "live" ? ", replaying the past" : ""}</span></span>`;
}

/** Whose token is held, what it may do, and how to part with it. */
function Who() {
  const { user, role } = useLive();
  if (!user) return null;
  return html`<div class="who"><span><strong>${user}</strong>${role === "viewer" ? ", may only read" : ""}</span>
    <button type="button" class="plain small" aria-label="Leave: forget the token" onClick=${leave}>Leave</button></div>`;
}

export function Shell({ page, help, children }) {
  const prefs = usePrefs();
  const { outdated, trouble, turnedAway } = useLive();
  const stale = trouble || turnedAway;
  const zone = prefs.zone === "UTC" ? "local" : "UTC";
  return html`<div class="shell">
    <a class="skip" href="#main" onClick=${(e) => {
      e.preventDefault();
      document.getElementById("main").focus();
    }}>Skip to the content</a>
    <aside class="side">
      <a class="brand" href=${link("now")}><svg viewBox="0 0 32 32" width="26" height="26" aria-hidden="true">
          <path d="M3 19h8l3-10 4 14 3-8h8" /></svg>faultline</a>
      <${Nav} page=${page} />
      <div class="foot">
        <${Link} />
        <${Who} />
        <div class="row">
          <button type="button" class="plain small" title="Time zone (z)" onClick=${() => setPref("zone", zone)}>
              ${prefs.zone === "UTC" ? "UTC" : zoneName("local", now())}</button>
          <button type="button" class="plain small" aria-label=${`Theme: ${prefs.theme || "as the system"}`} title="Theme (t)" onClick=${() => setPref("theme", nextTheme(prefs.theme))}>
            <${Icon} name=${{ light: "sun", dark: "moon" }[prefs.theme] ?? "auto"} size="18" /></button>
          <button type="button" class="plain small" aria-label="Keys" title="Keys (?)" onClick=${help}>
              <${Icon} name="keys" size="18" /></button>
        </div>
      </div>
    </aside>
    <main id="main" tabIndex="-1" class="content">
      ${outdated && html`<p class="note" role="status">The server has been updated. <button type="button" class="plain" onClick=${() => location.reload()}>Load the page anew</button></p>`}
      ${stale && html`<p class="note" role="status">Not up to date: ${stale}. It is tried again by itself.</p>`}
      ${children}
    </main>
  </div>`;
}
