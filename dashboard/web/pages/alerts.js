// SPDX-License-Identifier: Apache-2.0
// All alerts: what fires, and what did. Only the rows that are seen are drawn, and only pages that are
// scrolled to are loaded; an open page holds little more, however much comes.
import { html, useEffect, useRef, useState } from "../lib/html.js";
import { api, passes } from "../lib/api.js";
import { briefMoment, duration, limitAt, limitText, many, moment, percent, zoneName } from "../lib/format.js";
import { onFeed, now, useLive } from "../lib/live.js";
import { retries, useFeed, useMedia, useTick, useTyped } from "../lib/hooks.js";
import { usePrefs } from "../lib/prefs.js";
import { link, readRoute } from "../lib/route.js";
import { filterOf, seen, wantsMore, withAlerts } from "../lib/rows.js";
import { Empty, Entity, Head, Trouble, Waiting } from "../parts/bits.js";
import { Sign, stateName } from "../parts/signs.js";
import { AlertPanel } from "../parts/alert.js";
import { Windows } from "../parts/maintenance.js";
import { PastIncidents } from "../parts/past.js";
import { Silences } from "../parts/silence.js";

const rowHeights = { wide: 44, narrow: 62 }; // px; narrow: of two lines
const pageSize = 200;
const mostAtOnce = 1000; // that the server gives
const mostBeyond = 2 * pageSize; // rows that are held behind those that are looked at
const mostPages = 8; // that are asked for without being told to: what fits may lie behind a long history, or nowhere
const states = [
  ["firing", "Firing"],
  ["resolved", "Over"],
  ["all", "All"],
  ["incidents", "Past incidents"],
  ["silences", "Silences"],
  ["planned", "Planned"],
];

// far: the pages that were asked for last held nothing, and there are more.
const nothing = { rows: [], next: "", far: false, loading: true, error: null };

function queryOf(filter, after, size) {
  const query = { brief: "true", limit: size };
  if (filter.state && filter.state !== "all") query.state = filter.state;
  if (filter.severity) query.severity = filter.severity;
  if (filter.text) query.text = filter.text;
  if (after) query.next = after;
  return query;
}

/**
 * Rows from behind @p after on, @p wanted of them where there are so many: a page may be short, even empty, before the end.
 * After so many pages it is for who looks to say whether to go on.
 */
async function rowsFrom(filter, after, wanted, signal) {
  const rows = [];
  let next = after;
  let pages = 0;
  do {
    const size = Math.min(mostAtOnce, Math.max(pageSize, wanted - rows.length));
    const page = await api.alerts(queryOf(filter, next, size), signal);
    rows.push(...page.alerts);
    ({ next } = page);
  } while (next && rows.length < wanted && ++pages < mostPages);
  return { rows, next };
}

/** Rows of a filter: loaded page by page, kept up to date by the feed. */
function useAlerts(filter) {
  const [state, show] = useState(nothing);
  const held = useRef(nothing); // what is shown, or will be at the next frame
  const looked = useRef(0); // rows that are looked at, from the first on
  const tries = useRef(null);
  tries.current ??= retries();
  const set = (part) => {
    held.current = { ...held.current, ...part };
    show(held.current);
  };
  // The question under way: {abort, after, heard, again, more}, heard the alerts of the feed since it was asked, more: the
  // next page was wanted meanwhile.
  const asked = useRef(null);
  const key = JSON.stringify(filter);
  const load = async (after) => {
    if (asked.current) {
      asked.current.again ||= !after;
      asked.current.more ||= Boolean(after) && !asked.current.after;
      return;
    }
    if (after && after !== held.current.next) return; // the list has been loaded anew since
    const mine = { abort: new AbortController(), after, heard: [], again: false, more: false };
    let next = null;
    let again = false; // in a while
    asked.current = mine;
    try {
      // Asked anew, it is as long as what is looked at: who has scrolled keeps the place.
      const wanted = Math.max(1, looked.current - (after ? held.current.rows.length : 0));
      const page = await rowsFrom(filter, after, wanted, mine.abort.signal);
      if (asked.current !== mine) return;
      const before = after ? held.current.rows : [];
      const known = new Set(before.map((r) => r.id));
      const all = [...before, ...page.rows.filter((r) => !known.has(r.id))];
      ({ next } = page);
      set({ rows: withAlerts(all, mine.heard, filterOf(filter), next !== null), next, far: next !== null && page.rows.length === 0, loading: false, error: null });
      tries.current.went();
    } catch (error) {
      if (asked.current === mine) set({ loading: false, error });
      again = passes(error);
    }
    if (asked.current !== mine) return; // another filter asks now
    asked.current = null;
    if (mine.again) load("");
    else if (mine.more && next) load(next);
    else if (again) tries.current.later(() => load(after));
  };
  useEffect(() => {
    looked.current = 0;
    set(nothing);
    load("");
    return () => {
      asked.current?.abort.abort();
      asked.current = null;
      tries.current.went();
    };
  }, [key]);
  useEffect(() => {
    // A storm brings thousands a second: they are put in together, a few times a second.
    let waiting = [];
    let timer = 0;
    const fits = filterOf(filter);
    const put = () => {
      timer = 0;
      const batch = waiting;
      waiting = [];
      const more = Boolean(held.current.next);
      const some = held.current.rows.length > 0;
      const rows = withAlerts(held.current.rows, batch, fits, more);
      set({ rows });
      const tooMany = rows.length > looked.current + mostBeyond;
      if (!asked.current && (tooMany || (more && some && rows.length === 0))) load("");
    };
    const stop = onFeed((record) => {
      if (record.kind !== "alert") return;
      asked.current?.heard.push(record);
      waiting.push(record);
      timer = timer || setTimeout(put, 100);
    });
    return () => {
      stop();
      clearTimeout(timer);
    };
  }, [key]);
  useFeed(() => false, () => load(""), 1000);
  const look = (n) => {
    looked.current = n;
  };
  const further = () => {
    set({ far: false, loading: state.rows.length === 0 });
    load(state.next);
  };
  return { ...state, look, more: () => state.next && load(state.next), further, again: () => load("") };
}

function filterIn(query) {
  return { state: query.state || "firing", severity: query.severity || "", text: query.text || "" };
}

/** Changes the filter in the address, which is what the page goes by; no step of its own to go back. */
function go(change) {
  history.replaceState(null, "", link("alerts", "", { ...filterIn(readRoute(location.hash).query), ...change }));
  dispatchEvent(new HashChangeEvent("hashchange"));
}

export default function Alerts({ query }) {
  const filter = filterIn(query);
  const bare = html`<${Filters} filter=${filter} bare />`;
  if (filter.state === "silences") return html`<${Silences} filters=${bare} />`;
  if (filter.state === "incidents") return html`<${PastIncidents} filters=${bare} />`;
  if (filter.state === "planned") return html`<${Windows} filters=${bare} />`;
  return html`<${AlertList} filter=${filter} query=${query} />`;
}

/** Closes the panel of an alert: back to the list it was opened from, or, where a link led straight to it, to the list behind it. */
function usePanelEnd(shown) {
  const opened = useRef(false); // from the list, which is a step back
  if (!shown) opened.current = true;
  return () => (opened.current ? history.back() : go({}));
}

function AlertList({ filter, query }) {
  const list = useAlerts(filter);
  const close = usePanelEnd(Boolean(query.alert));
  const { overview } = useLive();
  const total = totalOf(filter, list, overview);
  const shown = Math.max(total ?? 0, list.rows.length);
  return html`<${Head} title="Alerts"><span class="quiet">${list.loading ? "" : `${many(total ?? shown, "alert")}${total === null ? " so far" : ""}`}</span></${Head}>
    <${Filters} filter=${filter} />
    ${
      list.error && list.rows.length === 0
        ? html`<${Trouble} error=${list.error} again=${list.again} />`
        : list.rows.length === 0 && list.loading
          ? html`<${Waiting} />`
          : list.rows.length === 0 && list.next
            ? html`<${Empty} title="No alert fits so far"><p>Those further back were not looked at.</p><${Further} list=${list} /></${Empty}>`
            : list.rows.length === 0
              ? html`<${Nothing} filter=${filter} />`
              : html`<${Rows} list=${list} total=${shown} />${list.far && html`<${Further} list=${list} />`}`
    }
    ${query.alert && html`<${AlertPanel} id=${query.alert} close=${close} />`}`;
}

function Further({ list }) {
  return html`<p class="quiet"><button type="button" onClick=${list.further}>Look further back</button></p>`;
}

/** How many there are: of what fires the server says so; null where more than what is loaded are not counted. */
function totalOf(filter, list, overview) {
  if (list.next === null) return list.rows.length;
  if (filter.state !== "firing" || filter.text || !overview) return null;
  const { critical, warning } = overview.firing;
  return filter.severity ? overview.firing[filter.severity] : critical + warning;
}

/** @p bare: the choice of what is shown alone, without what narrows alerts down. */
function Filters({ filter, bare = false }) {
  const [text, type] = useTyped(filter.text, (text) => go({ text }));
  return html`<div class="filters" role="search">
    ${!bare && html`<input type="search" aria-label="Part of an entity, a metric or an explanation" placeholder="Entity, metric, words" value=${text} onInput=${(e) => type(e.target.value)} />`}
    <div class="group" role="group" aria-label="State">
        ${states.map(([state, name]) => html`<button type="button" class=${filter.state === state ? "on" : ""} aria-pressed=${filter.state === state} onClick=${() => go({ state })}>${name}</button>`)}</div>
    ${!bare && html`<div class="group" role="group" aria-label="Severity">${["critical", "warning"].map(
      (
        severity,
      ) => html`<button type="button" class=${filter.severity === severity ? "on" : ""} aria-pressed=${filter.severity === severity}
      onClick=${() => go({ severity: filter.severity === severity ? "" : severity })}>
          <${Sign} state=${severity} quiet size="13" /> ${severity}</button>`,
    )}</div>`}</div>`;
}

function Nothing({ filter }) {
  if (filter.text || filter.severity)
    return html`<${Empty} title="No alert fits">
        <p>Take something from the filter, or look at <a href=${link("alerts", "", { state: "all", text: filter.text })}>all of them, those that are over too</a>.</p></${Empty}>`;
  if (filter.state === "firing")
    return html`<${Empty} title="Nothing fires">
        <p>Alerts that are over are <a href=${link("alerts", "", { state: "resolved" })}>here</a>. A new entity only learns for the first hour (<code>detection.learning</code>); limits of your own (<code>limits</code>) hold from the first value.</p></${Empty}>`;
  return html`<${Empty} title="No alert yet">
      <p>When something deviates, its whole history is kept here for as long as the feed (<code>retention.feed</code>).</p></${Empty}>`;
}

function Rows({ list, total }) {
  const view = useRef(null);
  const [at, move] = useState({ top: 0, height: 900 });
  const { zone } = usePrefs();
  const rowHeight = rowHeights[useMedia("(max-width: 900px)") ? "narrow" : "wide"];
  useTick(5000);
  useEffect(() => {
    const box = view.current;
    const look = () => move({ top: box.scrollTop, height: box.clientHeight });
    const size = new ResizeObserver(look);
    box.addEventListener("scroll", look, { passive: true });
    size.observe(box);
    return () => {
      box.removeEventListener("scroll", look);
      size.disconnect();
    };
  }, []);
  const { first, last } = seen(at.top, at.height, rowHeight, total);
  list.look(last);
  useEffect(() => {
    if (!list.far && wantsMore(last, list.rows.length, list.next)) list.more();
  }, [last, list.rows.length, list.next]);
  const drawn = [];
  for (let n = first; n < last; ++n)
    drawn.push(list.rows[n] ? html`<${Line} key=${list.rows[n].id} row=${list.rows[n]} n=${n} height=${rowHeight} zone=${zone} />` : null);
  return html`<div class="rows" role="table" aria-rowcount=${total} aria-label="Alerts">
    <div class="rows-head" role="row"><span role="columnheader"><span class="unseen">State</span></span><span role="columnheader">Entity</span>
        <span role="columnheader">Metric</span><span role="columnheader">Score</span>
        <span role="columnheader">Began, ${zoneName(zone, now())}</span><span role="columnheader">Lasts</span><span role="columnheader"><span class="unseen">Note</span></span></div>
    <div class="view" ref=${view} tabIndex="0" role="rowgroup">
        <div class="fill" style=${{ height: `${total * rowHeight}px` }}>${drawn}</div></div></div>`;
}

function Line({ row, n, height, zone }) {
  const over = row.state === "resolved";
  const query = {
    ...Object.fromEntries(new URLSearchParams(location.hash.split("?")[1] ?? "")),
    alert: row.id,
    entity: row.entity,
  };
  const note = noteOf(row);
  const began = `${moment(row.started, zone, now())} ${zoneName(zone, row.started)}`;
  return html`<div class=${note ? "line noted" : "line"} role="row" aria-rowindex=${n + 1} style=${{ height: `${height}px`, transform: `translateY(${n * height}px)` }}>
    <span role="cell"><${Sign} state=${over ? "resolved" : row.severity} /></span>
    <span role="cell" class="who"><a class="line-link" href=${link("alerts", "", query)} aria-label=${`${row.entity}, ${over ? "over" : stateName(row.severity)}`}><${Entity} id=${row.entity} plain /></a></span>
    <code role="cell">${row.metric}</code><span role="cell" class="num">${percent(row.score)}</span>
    <span role="cell" class="began"><time dateTime=${new Date(row.started).toISOString()} title=${began}>${briefMoment(row.started, zone, now())}</time></span>
    <span role="cell" class="over-time">${duration((row.ended ?? now()) - row.started)}</span>
    <span role="cell" class="note-of quiet small" title=${note}>${note}</span></div>`;
}

/** What is to be known of a row beside its figures: that somebody has it in hand, else how long there is. */
function noteOf(row) {
  if (row.maintenance) return `planned work: ${row.maintenance.join(", ")}`;
  if (row.silenced !== undefined) return `silenced${row.silenced && ` by ${row.silenced}`}`;
  if (row.acknowledged !== undefined)
    return `acknowledged${row.acknowledged && ` by ${row.acknowledged}`}${row.assigned_to ? `, ${row.assigned_to} looks after it` : ""}`;
  const limit = limitAt(row);
  if (!limit) return "";
  return limit > now() ? `limit in ${limitText(limit, now())}` : `limit ${limitText(limit, now())}`;
}
