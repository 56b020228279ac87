// SPDX-License-Identifier: Apache-2.0
// What is going on now: the overview, kept up to date by the stream, for all parts of the page.
import { useEffect, useState } from "./html.js";
import { api } from "./api.js";
import { backOff, eventReader, quietWatch } from "./events.js";
import { prefs, setPref } from "./prefs.js";
import { byUrgency, withIncident } from "./urgency.js";

const edition = document.querySelector("meta[name=faultline-edition]")?.content ?? "";
const refreshEvery = 1000;
const mostShown = 200; // open incidents, as many as the server outlines
const hiddenFor = 60000; // a page that nobody sees gives its place on the server back
const quietFor = 25000; // without a byte; the server says something every 10 s

export const live = {
  link: "starting", // starting, live, lost, locked (a token is asked for)
  refused: "", // locked: why the token that was given does not do
  trouble: "", // why the overview is not up to date
  turnedAway: "", // why the server does not let this page follow
  role: "", // what the token that is held may do; empty until it is known
  user: "", // whose it is; empty where no tokens are asked for
  outdated: false, // the server has another page than this
  overview: null,
  offset: 0, // of the server's time from this clock; where the past is replayed it is the past's
  seq: 0,
};
const lookers = new Set();
const listeners = new Set();
let drawn = false;

function changed() {
  if (drawn) return;
  drawn = true;
  requestAnimationFrame(() => {
    drawn = false;
    for (const look of lookers) look({});
  });
}

/** live, and a new look at it after each change, once a frame. */
export function useLive() {
  const [, look] = useState({});
  useEffect(() => {
    lookers.add(look);
    return () => lookers.delete(look);
  }, []);
  return live;
}

/**
 * Calls @p heard with each record of the feed, and with {kind: "many"} where too many came or some may have been missed;
 * gives a function that ends it.
 */
export function onFeed(heard) {
  listeners.add(heard);
  return () => listeners.delete(heard);
}

function tell(record) {
  for (const heard of listeners) heard(record);
}

let refreshing = false;
let again = 0;
let last = 0;
let failures = 0; // of the overview, one after the other

/** Asks for the overview, at most once a second. */
export function refresh() {
  if (refreshing || again) {
    again = again || setTimeout(retry, refreshEvery);
    return;
  }
  const wait = last + refreshEvery - performance.now();
  if (wait > 0) {
    again = setTimeout(retry, wait);
    return;
  }
  load();
}

/** As refresh(), whatever had failed before. */
function refreshNow() {
  clearTimeout(again);
  again = 0;
  failures = 0;
  refresh();
}

function retry() {
  again = 0;
  if (running) refresh();
}

async function load() {
  refreshing = true;
  last = performance.now();
  let behind = false; // what others asked for a moment ago is answered again, without what came since
  try {
    const overview = await api.overview();
    if (!Array.isArray(overview.incidents) || !overview.firing) throw new Error("the server's answer is no overview");
    overview.incidents.sort(byUrgency);
    live.overview = overview;
    live.offset = (overview.now || Date.now()) - Date.now();
    live.trouble = "";
    failures = 0;
    behind = overview.feed?.seq < live.seq;
  } catch (why) {
    if (!lockedBy(why)) failed(why);
  } finally {
    refreshing = false;
    changed();
  }
  if (behind && running) refresh();
}

function failed(why) {
  live.trouble = why.message;
  clearTimeout(again);
  again = setTimeout(retry, backOff(failures++, Math.random()));
}

let entered = prefs.token !== ""; // a token was given

/** Asks for a token where @p why says that this one does not do; @returns whether it says that. */
function lockedBy(why) {
  if (why.stale || (why.status !== 401 && why.status !== 403)) return false;
  stop();
  live.link = "locked";
  if (why.status === 403) live.refused = `The server refuses ${entered ? "this token" : "this page"}: ${why.message}.`;
  else if (entered) live.refused = "The server does not know this token. It may have ended, or was taken away.";
  setPref("token", "");
  changed();
  return true;
}

/** Goes on with @p token. */
export function unlock(token) {
  setPref("token", token);
  entered = true;
  live.refused = "";
  live.link = "starting";
  start();
}

/** Forgets the token, and what was read with it. */
export function leave() {
  stop();
  setPref("token", "");
  entered = false;
  Object.assign(live, { link: "locked", refused: "", role: "", user: "", overview: null, seq: 0 });
  changed();
}

/** Whether who looks may say anything, too; as long as that is not known the server has the last word. */
export function mayAct() {
  return live.role !== "viewer";
}

/** The time it is for what is watched. */
export function now() {
  return Date.now() + live.offset;
}

let away = false; // something may have come that this page was not told of

function greeted(hello) {
  live.outdated = edition !== "" && hello.edition !== edition;
  live.role = hello.role ?? "";
  live.user = hello.user ?? "";
  live.link = "live";
  live.turnedAway = "";
  refreshNow();
  if (away) tell({ kind: "many" });
  away = false;
  changed();
}

function recordOf(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function take(event) {
  if (event.id) live.seq = Number(event.id) || 0; // 0: of a store that is new
  if (event.event === "hello") return greeted(recordOf(event.data) ?? {});
  if (event.event === "heartbeat") return;
  const record = recordOf(event.data);
  if (event.event === "gap" || event.event === "many" || record === null) {
    // More happened than is told one by one, or can be read: lists are loaded anew.
    refresh();
    return tell({ kind: "many" });
  }
  if (record.kind === "incident" && live.overview) {
    live.overview = { ...live.overview, incidents: withIncident(live.overview.incidents, record).slice(0, mostShown) };
    live.overview.open = Math.max(live.overview.incidents.length, live.overview.open);
    changed();
  }
  if (record.kind !== "notice") refresh();
  tell(record);
}

/** Takes what the stream says until it ends, is aborted, or says nothing for too long: a dead connection may look open for hours. */
async function follow(connection) {
  const watch = quietWatch(quietFor, () => connection.abort());
  try {
    const body = await api.stream(live.seq, connection.signal);
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    const events = eventReader();
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      watch.spoke();
      for (const event of events.push(value)) take(event);
    }
  } catch (why) {
    if (why.status && !lockedBy(why)) live.turnedAway = why.message;
  } finally {
    watch.stop();
    connection.abort();
  }
}

let running = null; // {connection} of the run that is going on

/** Follows the feed for as long as the page is there. */
export async function start() {
  if (running) return;
  const mine = { connection: new AbortController() };
  running = mine;
  live.link = "starting"; // it may have been live before it was stopped
  changed();
  refreshNow();
  for (let tries = 0; running === mine; ++tries) {
    const begun = Date.now();
    mine.connection = new AbortController();
    await follow(mine.connection);
    away = true;
    if (running !== mine) return;
    live.link = "lost";
    changed();
    if (Date.now() - begun > 5000) tries = 0;
    await new Promise((go) => setTimeout(go, backOff(tries, Math.random())));
  }
}

export function stop() {
  running?.connection.abort();
  running = null;
}

let hiding = 0;
document.addEventListener("visibilitychange", () => {
  clearTimeout(hiding);
  if (document.visibilityState === "hidden") hiding = setTimeout(stop, hiddenFor);
  else if (!running && live.link !== "locked") start();
});
