// SPDX-License-Identifier: Apache-2.0
// Incidents that are over, the newest first, page by page.
import { html, useEffect, useRef, useState } from "../lib/html.js";
import { api } from "../lib/api.js";
import { duration, many, percent, words, zoneName } from "../lib/format.js";
import { useFeed } from "../lib/hooks.js";
import { now } from "../lib/live.js";
import { prefs } from "../lib/prefs.js";
import { link } from "../lib/route.js";
import { mergedInto, titleOf } from "../lib/story.js";
import { At, Empty, Head, Trouble, Waiting } from "./bits.js";
import { Sign } from "./signs.js";

const pageSize = 25; // each comes with its causes and their evidence

function usePast() {
  const [state, set] = useState({ rows: [], next: null, loading: true, error: null });
  const latest = useRef(state);
  latest.current = state;
  const busy = useRef(false);
  const missed = useRef(false); // something ended while a page was under way
  const load = async (after) => {
    if (busy.current) {
      missed.current ||= !after;
      return;
    }
    busy.current = true;
    set((s) => ({ ...s, loading: true }));
    try {
      const page = await api.incidents({ state: "resolved", limit: pageSize, ...(after ? { next: after } : {}) });
      const before = after ? latest.current.rows : [];
      const known = new Set(before.map((i) => i.id));
      set({ rows: [...before, ...page.incidents.filter((i) => !known.has(i.id))], next: page.next, loading: false, error: null });
    } catch (error) {
      set((s) => ({ ...s, loading: false, error }));
    } finally {
      busy.current = false;
      if (missed.current && latest.current.rows.length <= pageSize) load("");
      missed.current = false;
    }
  };
  useEffect(() => {
    load("");
  }, []);
  // Who has gone back keeps the place.
  useFeed(
    (r) => r.kind === "incident" && latest.current.rows.length <= pageSize,
    () => load(""),
    2000,
  );
  return { ...state, more: () => load(state.next), again: () => load("") };
}

export function PastIncidents({ filters }) {
  const list = usePast();
  return html`<${Head} title="Alerts"><span class="quiet">${list.rows.length > 0 && `${many(list.rows.length, "incident")}${list.next === null ? "" : " so far"}`}</span></${Head}>
    ${filters}
    ${
      list.error && list.rows.length === 0
        ? html`<${Trouble} error=${list.error} again=${list.again} />`
        : list.loading && list.rows.length === 0
          ? html`<${Waiting} />`
          : list.rows.length === 0 && list.next === null
            ? html`<${Empty} title="No incident is over yet"><p>What is open stands on <a href=${link("now")}>Now</a>. Incidents are kept as long as the feed (<code>retention.feed</code>).</p></${Empty}>`
            : html`<div class="scroll panel past"><table><thead><tr><th><span class="unseen">Severity</span></th><th>Likely cause</th><th class="num">Probability</th><th>Began, ${zoneName(prefs.zone, now())}</th><th>Lasted</th><th>Touched</th></tr></thead>
                <tbody>${list.rows.map((i) => html`<${Row} key=${i.id} incident=${i} />`)}</tbody></table></div>`
    }
    ${list.error && list.rows.length > 0 && html`<${Trouble} error=${list.error} again=${list.next !== null ? list.more : list.again} />`}
    ${list.next !== null && html`<p><button type="button" class="plain" disabled=${list.loading} onClick=${list.more}>Older ones</button></p>`}`;
}

function Row({ incident: i }) {
  const cause = i.abstained ? null : i.causes[0];
  return html`<tr data-incident=${i.id}><td><${Sign} state=${i.severity} /></td>
    <td class="words"><a href=${link("incident", i.id)}>${cause ? html`<bdi>${cause.entity}</bdi>` : titleOf(i)}</a>
      ${cause?.fault_class && html` <span class="quiet">${words(cause.fault_class)}</span>`}
      ${mergedInto(i) && html` <span class="quiet">merged into <a href=${link("incident", mergedInto(i))}>another</a></span>`}</td>
    <td class="num">${cause ? percent(cause.probability) : "–"}</td><td><${At} ts=${i.started} /></td>
    <td>${duration((i.ended ?? i.updated) - i.started)}</td>
    <td>${many(i.entities.length, "entity", "entities")}, ${many(i.alerts.length, "alert")}</td></tr>`;
}
