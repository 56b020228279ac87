// SPDX-License-Identifier: Apache-2.0
// Begins, and shows the page that the address names.
import { html, render, useEffect, useErrorBoundary, useState } from "./lib/html.js";
import { isTyping } from "./lib/hooks.js";
import { live, start, unlock, useLive } from "./lib/live.js";
import { prefs, setPref, usePrefs } from "./lib/prefs.js";
import { link, pages, readRoute } from "./lib/route.js";
import { titleOf } from "./lib/story.js";
import Now from "./pages/now.js";
import { Trouble, Waiting } from "./parts/bits.js";
import { KeyHelp, TokenForm } from "./parts/dialogs.js";
import { nextTheme, Shell } from "./parts/shell.js";

// Pages beyond the first come when they are asked for.
const loaders = {
  incident: () => import("./pages/incident.js"),
  entity: () => import("./pages/entity.js"),
  topology: () => import("./pages/topology.js"),
  alerts: () => import("./pages/alerts.js"),
  quality: () => import("./pages/quality.js"),
  system: () => import("./pages/system.js"),
};
const loaded = { now: Now };

function Page({ route }) {
  const [, look] = useState({});
  const [error, fail] = useState(null);
  const Known = loaded[route.page];
  useEffect(() => {
    fail(null);
    if (loaded[route.page]) return;
    loaders[route.page]().then(
      (module) => {
        loaded[route.page] = module.default;
        look({});
      },
      () =>
        fail({
          status: 500,
          message:
            "This part of the page could not be loaded: the server may have been updated. Load the page anew.",
        }),
    );
  }, [route.page]);
  if (error) return html`<${Trouble} error=${error} again=${() => location.reload()} />`;
  const key = `${route.page}/${route.id}`;
  return Known
    ? html`<${Guard} key=${key}><${Known} key=${key} id=${route.id} query=${route.query} /></${Guard}>`
    : html`<${Waiting} />`;
}

/** What cannot be shown is said, and the rest of the page goes on. */
function Guard({ children }) {
  const [error, again] = useErrorBoundary((why) => console.error(why));
  if (!error) return children;
  const message = `What the server said cannot be shown here (${error.message}). It may be of another version: load the page anew.`;
  return html`<${Trouble} error=${{ status: 500, message }} again=${again} />`;
}

/** The next (or the one before) of what can be opened in a list. */
function step(by) {
  const all = [...document.querySelectorAll("main a.cover, main .rows a.line-link")];
  if (all.length === 0) return;
  const at = all.indexOf(document.activeElement);
  all[Math.max(0, Math.min(all.length - 1, at < 0 ? 0 : at + by))].focus();
}

/** Into the search of the page; from one that has none, into that for an entity, once it is there. */
function search(tries = 30) {
  const box = document.querySelector("main input[type=search]");
  if (box) return box.focus();
  if (tries === 30) location.hash = link("topology");
  if (tries > 0) setTimeout(() => search(tries - 1), 100);
}

function onKey(event, help) {
  if (
    event.ctrlKey ||
    event.metaKey ||
    event.altKey ||
    isTyping(event.target) ||
    document.querySelector("dialog[open]")
  )
    return;
  const acts = {
    "?": help,
    j: () => step(1),
    k: () => step(-1),
    t: () => setPref("theme", nextTheme(prefs.theme)),
    z: () => setPref("zone", prefs.zone === "UTC" ? "local" : "UTC"),
    a: () => document.querySelector("main [data-key=a]")?.click(),
    s: () => document.querySelector("main [data-key=s]")?.click(),
    "/": () => search(),
    Escape: () =>
      history.length > 1 && ["incident", "entity"].includes(readRoute(location.hash).page) && history.back(),
  };
  pages.forEach((name, n) => {
    acts[String(n + 1)] = () => {
      location.hash = link(name);
    };
  });
  if (!acts[event.key]) return;
  event.preventDefault();
  acts[event.key]();
}

function App() {
  const [route, go] = useState(readRoute(location.hash));
  const [helping, help] = useState(false);
  const { link: state, refused } = useLive();
  usePrefs();
  useEffect(() => {
    let at = readRoute(location.hash);
    const moved = () => {
      const to = readRoute(location.hash);
      const other = to.page !== at.page || to.id !== at.id;
      at = to;
      go(to);
      if (other) document.getElementById("main")?.focus({ preventScroll: true }); // reading goes on there, not in what is gone
      document.getElementById("main")?.scrollTo(0, 0);
      scrollTo(0, 0);
    };
    const keyed = (event) => onKey(event, () => help(true));
    addEventListener("hashchange", moved);
    addEventListener("keydown", keyed);
    return () => {
      removeEventListener("hashchange", moved);
      removeEventListener("keydown", keyed);
    };
  }, []);
  useEffect(() => {
    document.title = windowTitle(route);
  });
  if (state === "locked") return html`<${TokenForm} refused=${refused} given=${unlock} />`;
  return html`<${Shell} page=${route.page} help=${() => help(true)}>
    <${Page} route=${route} />${helping && html`<${KeyHelp} close=${() => help(false)} />`}</${Shell}>`;
}

function windowTitle(route) {
  const open = live.overview?.open ?? 0;
  const page = route.page[0].toUpperCase() + route.page.slice(1);
  const of = route.page === "incident" && live.overview?.incidents.find((i) => i.id === route.id);
  const name = of ? (of.cause?.entity ?? titleOf(of)) : route.page === "entity" ? route.id : page;
  return `${open > 0 ? `(${open}) ` : ""}${name} · faultline`;
}

render(html`<${App} />`, document.getElementById("page"));
start();
