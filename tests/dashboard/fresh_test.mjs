// SPDX-License-Identifier: Apache-2.0
// What the page shows is what is, and stays so; tests/e2e/page_fresh_test.py starts the server and says where it is.
import assert from "node:assert/strict";
import test, { after, before } from "node:test";
import { launch, openPage, wrongsOf } from "./browser.mjs";
import { openLine } from "./line.mjs";
import { alertOf, ask, base, eventually, patience } from "./server.mjs";

let browser;
before(async () => { browser = await launch(); });
after(async () => { await browser?.close(); });

/** The page at @p place, through a line that the test has in its hand. */
async function openThrough(t, place, prepare = async () => {}) {
  const line = await openLine(base);
  t.after(() => line.close());
  const page = await openPage(browser);
  await prepare(page);
  await page.goto(`${line.url}/${place}`);
  await page.locator(".link-live").waitFor(patience);
  return { line, page };
}

const row = (page, name) => page.locator(".line-link", { hasText: name });

test("a list has what came while the line was cut, though nothing had come before", async (t) => {
  await alertOf("before-the-cut");
  const { line, page } = await openThrough(t, "#/alerts");
  await row(page, "before-the-cut").waitFor(patience);
  line.cut();
  await page.locator(".link-lost").waitFor(patience);
  await alertOf("meanwhile");
  line.mend();
  await row(page, "meanwhile").waitFor(patience);
  assert.deepEqual(await wrongsOf(page), []);
});

test("a line that has died without a word is found dead, and another one taken", async (t) => {
  const { line, page } = await openThrough(t, "#/alerts", (page) => page.clock.install());
  line.hold();
  await page.clock.fastForward(30_000);
  await page.locator(".link-lost").waitFor(patience);
  await alertOf("after-the-silence");
  line.mend();
  await page.locator(".link-live").waitFor(patience);
  await row(page, "after-the-silence").waitFor(patience);
  assert.deepEqual(await wrongsOf(page), []);
});

test("a long list is what is, also after more came than is told one by one", async () => {
  const alerts = Array.from({ length: 600 }, (_, n) => ({ labels: { alertname: "Slow", service: `flood-${n}` } }));
  await ask("/api/v2/alerts", alerts);
  const firing = async () => (await ask("/api/v1/alerts?state=firing&text=flood-&limit=1000")).alerts.length;
  await eventually(async () => (await firing()) === 600, "that all of them fire");
  const page = await openPage(browser);
  await page.goto(`${base}/#/alerts?text=flood-`);
  await page.getByText("200 alerts so far").waitFor(patience);
  const list = page.getByRole("table", { name: "Alerts" });
  await eventually(async () => {
    await list.locator(".view").evaluate((view) => view.scrollTo(0, view.scrollHeight));
    return (await list.getAttribute("aria-rowcount")) === "600";
  }, "that all pages are loaded");
  await page.getByText("600 alerts", { exact: true }).waitFor(patience);
  await ask("/api/v2/alerts", alerts.map((a) => ({ ...a, endsAt: "2026-01-01T00:00:00Z" })));
  await page.getByText("No alert fits").waitFor(patience);
  assert.deepEqual(await wrongsOf(page), []);
});

/** A made alert, the @p n th. */
const madeAlert = (n, more = {}) => ({ id: `made-${n}`, entity: `service/made-${n}`, metric: "m", severity: "warning", state: "resolved", started: 1000 * n,
  updated: 1000 * n, ended: 1000 * n + 1, score: 0.9, ...more });

test("an open list does not grow without end, whatever the feed brings", async () => {
  const page = await openPage(browser);
  const rows = Array.from({ length: 200 }, (_, n) => madeAlert(4000 - n));
  await page.route("**/api/v1/alerts?*", (route) => route.fulfill({ json: { alerts: rows, next: "further" } }));
  const told = Array.from({ length: 2000 }, (_, n) => `id: ${n + 1}\nevent: alert\ndata: ${JSON.stringify({ kind: "alert", ...madeAlert(5000 + n) })}\n\n`);
  let asked = 0;
  await page.route("**/api/v1/stream*", (route) => {
    const first = asked++ === 0;
    return route.fulfill({ contentType: "text/event-stream", body: `event: hello\ndata: {}\n\n${first ? told.join("") : ""}` });
  });
  const reloaded = page.waitForRequest((r) => r.url().includes("/api/v1/alerts?") && asked > 1, patience);
  await page.goto(`${base}/#/alerts?state=all`);
  await reloaded;
  await page.getByText("200 alerts so far").waitFor(patience);
  assert.deepEqual(await wrongsOf(page), []);
});

test("a search that takes the server several pages goes on until it has found something", async () => {
  const page = await openPage(browser);
  await page.route("**/api/v1/alerts?*", (route) => {
    const next = new URL(route.request().url()).searchParams.get("next");
    return route.fulfill({ json: next === "further" ? { alerts: [madeAlert(1, { state: "firing" })], next: null } : { alerts: [], next: "further" } });
  });
  await page.goto(`${base}/#/alerts`);
  await row(page, "made-1").waitFor(patience);
  await page.getByText("1 alert", { exact: true }).waitFor(patience);
  assert.deepEqual(await wrongsOf(page), []);
});

test("a search asks for so many pages, and goes on when it is told to", async () => {
  for (const found of [[], [madeAlert(9, { state: "firing" })]]) {
    const page = await openPage(browser);
    let asked = 0;
    await page.route("**/api/v1/alerts?*", (route) => route.fulfill({ json: { alerts: asked === 0 ? found : [], next: `page-${++asked}` } }));
    await page.goto(`${base}/#/alerts?text=made`);
    const on = page.getByRole("button", { name: "Look further back" });
    await on.waitFor(patience);
    const first = asked;
    assert.ok(first < 20, `${first} pages`);
    await on.click();
    await eventually(() => asked >= first + 8, "that it goes on");
    await on.waitFor(patience);
    assert.ok(asked < 40, `${asked} pages`);
    assert.equal(await page.locator(".line-link").count(), found.length);
    assert.deepEqual(await wrongsOf(page), []);
  }
});

test("what could not be loaded once is asked for again, though nothing else happens", async () => {
  const alert = await alertOf("has-it-in-hand");
  const page = await openPage(browser);
  let failing = 1;
  const fail = (route) => failing-- > 0
    ? route.fulfill({ status: 503, contentType: "application/json", body: JSON.stringify({ error: { code: "overloaded", message: "later" } }) })
    : route.continue();
  await page.route("**/api/v1/alerts?*", fail);
  await page.goto(`${base}/#/alerts?text=has-it-in-hand`);
  await row(page, "has-it-in-hand").click();
  const panel = page.getByRole("dialog");
  await panel.getByRole("button", { name: "Acknowledge" }).waitFor(patience);
  await page.route("**/api/v1/alerts/*", fail);
  failing = 1;
  await ask(`/api/v1/alerts/${alert.id}/acknowledge`, { by: "ann", acknowledged: true });
  await panel.getByText("acknowledged by ann").waitFor(patience);
  assert.ok(failing < 0, "it failed, and then it went");
  assert.deepEqual(await wrongsOf(page), []);
});

test("what is drawn of an incident has the cause once it is found", async () => {
  const alert = await alertOf("wakes-the-page");
  const cause = { entity: "db/drawn", metric: "m", fault_class: "disk", probability: 0.9, evidence: [], counter_evidence: [], remediation: [] };
  const incident = { id: "a-made-one", state: "open", severity: "warning", started: Date.now(), updated: Date.now(), alerts: [alert.id], entities: ["db/drawn", "service/drawn"],
    summary: "made", abstained: true, unobserved: 0.1, causes: [] };
  const topology = { nodes: incident.entities.map((id) => ({ id, state: "warning" })), edges: [{ from: "service/drawn", to: "db/drawn", kind: "calls", confidence: 1 }] };
  const page = await openPage(browser);
  await page.route("**/api/v1/topology", (route) => route.fulfill({ json: topology }));
  await page.route("**/api/v1/incidents/a-made-one", (route) => route.fulfill({ json: incident }));
  await page.route("**/api/v1/incidents/a-made-one/story", (route) => route.fulfill({ json: { items: [], cut: false, alerts: [], related: [] } }));
  await page.goto(`${base}/#/incident/a-made-one`);
  const drawn = () => page.evaluate(() => {
    const { cy } = document.querySelector(".graph")._cyreg;
    return [cy.nodes("[?cause]").map((n) => n.id()), cy.edges("[?path]").map((e) => e.source().id())];
  });
  await page.locator(".graph canvas").first().waitFor(patience);
  assert.deepEqual(await drawn(), [[], []]);
  Object.assign(incident, { abstained: false, causes: [cause] });
  await ask(`/api/v1/alerts/${alert.id}/acknowledge`, { by: "ann", acknowledged: true });
  await page.getByText("ringed: the likely cause").waitFor(patience);
  assert.deepEqual(await drawn(), [["db/drawn"], ["service/drawn"]]);
  assert.deepEqual(await wrongsOf(page), []);
});

test("what stands in a search is what is searched for, also when the address changes", async () => {
  await alertOf("is-searched-for");
  const page = await openPage(browser);
  await page.goto(`${base}/#/alerts`);
  await row(page, "is-searched-for").waitFor(patience);
  const box = page.getByRole("searchbox");
  await box.fill("nobody is called so");
  await page.getByText("No alert fits").waitFor(patience);
  await page.getByRole("link", { name: "Alerts", exact: true }).click();
  await row(page, "is-searched-for").waitFor(patience);
  assert.equal(await box.inputValue(), "");
  // Two parts of the filter in one moment: neither is lost.
  await page.evaluate(() => {
    const input = document.querySelector("main input[type=search]");
    input.value = "searched";
    input.dispatchEvent(new Event("input", { bubbles: true }));
    [...document.querySelectorAll("main .filters button")].find((b) => b.textContent === "All").click();
  });
  await page.waitForFunction(() => location.hash.includes("text=searched"), undefined, patience);
  assert.equal(new URL(page.url()).hash, "#/alerts?state=all&text=searched");
  await page.goto(`${base}/#/topology?find=first`);
  await page.waitForFunction(() => document.querySelector("main input[type=search]")?.value === "first", undefined, patience);
  await page.getByRole("link", { name: "Topology", exact: true }).click();
  await page.waitForFunction(() => document.querySelector("main input[type=search]").value === "", undefined, patience);
  assert.deepEqual(await wrongsOf(page), []);
});

test("a page that is looked at again is live when it is, and not before", async (t) => {
  const { line, page } = await openThrough(t, "#/now", (page) => page.clock.install());
  const look = (state) => page.evaluate((state) => {
    Object.defineProperty(document, "visibilityState", { configurable: true, get: () => state });
    document.dispatchEvent(new Event("visibilitychange"));
  }, state);
  await look("hidden");
  await page.clock.fastForward(61_000);
  line.hold();
  await look("visible");
  await page.locator(".link-starting").waitFor(patience);
  line.mend();
  await page.locator(".link-live").waitFor(patience);
  assert.deepEqual(await wrongsOf(page), []);
});

test("work that is planned from now on begins now, whatever the clock of who plans it says", async () => {
  const page = await openPage(browser);
  await page.clock.install({ time: Date.now() + 7_200_000 });
  await page.goto(`${base}/#/alerts?state=planned`);
  await page.locator(".link-live").waitFor(patience);
  await page.getByRole("button", { name: "Plan work" }).click();
  const form = page.getByRole("dialog");
  await form.getByLabel("Name of the window").fill("two hours ahead");
  await form.getByLabel("Entities, one a line").fill("host/planned");
  await form.getByLabel("Your name").fill("ann");
  await form.getByLabel("Comment").fill("now");
  await form.getByRole("button", { name: "Plan it" }).click();
  await form.waitFor({ state: "detached", ...patience });
  await eventually(async () => (await ask("/api/v1/maintenance")).windows.find((w) => w.name === "two hours ahead")?.open, "that it is open");
  await ask("/api/v1/silences", { matchers: [{ name: "entity", op: "=", value: "service/for-hours" }], created_by: "ann", comment: "c", duration_s: 14_000 });
  await page.getByRole("button", { name: "Silences" }).click();
  await page.locator("[data-silence]", { hasText: "for-hours" }).getByText(/^3 h 5\d min left$/).waitFor(patience);
  assert.deepEqual(await wrongsOf(page), []);
});

test("an entity that is retired while it is looked at is said to be gone", async () => {
  const entity = "host/retires";
  const known = async () => (await ask(`/api/v1/entities?prefix=${entity}`)).entities.length > 0;
  await eventually(async () => {
    await fetch(`${base}/write`, { method: "POST", body: "load,host=retires level=3" });
    return known();
  }, "the entity");
  const page = await openPage(browser);
  await page.goto(`${base}/#/entity/${encodeURIComponent(entity)}`);
  await page.locator("section[aria-label=Metrics]").getByText("now 3,").waitFor(patience);
  assert.equal((await fetch(`${base}/api/v1/entities/${encodeURIComponent(entity)}`, { method: "DELETE" })).status, 202);
  await page.getByText(/is not known here|It has sent no event/).waitFor(patience);
  assert.deepEqual(await wrongsOf(page), []);
});

test("rows of a filter that was left while they were asked for are not shown under the next", async () => {
  await alertOf("still-firing");
  await alertOf("long-over");
  await alertOf("long-over", "resolved");
  const page = await openPage(browser);
  let first = true;
  let release;
  const held = new Promise((go) => { release = go; });
  await page.route("**/api/v1/alerts?*", async (route) => {
    if (first) {
      first = false;
      await held;
    }
    await route.continue().catch(() => {}); // nobody may wait for it any more
  });
  const asked = page.waitForRequest("**/api/v1/alerts?*");
  await page.goto(`${base}/#/alerts`);
  await asked;
  await page.getByRole("button", { name: "Over", exact: true }).click();
  await page.locator("button[aria-pressed=true]", { hasText: "Over" }).waitFor(patience);
  release();
  await row(page, "long-over").waitFor(patience);
  assert.equal(await row(page, "still-firing").count(), 0);
  assert.deepEqual(await wrongsOf(page), []);
});

test("the panel of an alert that a notification links to is closed to the list behind it", async () => {
  const alert = await alertOf("told-by-pager");
  const page = await openPage(browser);
  await page.goto(`${base}/#/alerts?alert=${alert.id}`);
  const panel = page.getByRole("dialog");
  await panel.getByRole("link", { name: "service/told-by-pager", exact: true }).waitFor(patience);
  await panel.getByRole("button", { name: "Close", exact: true }).click();
  await panel.waitFor({ state: "detached", ...patience });
  assert.equal(new URL(page.url()).hash, "#/alerts?state=firing");
  // One that was opened from the list is a step back to it, and the step before that is where one came from.
  await page.goto(`${base}/#/system`);
  await page.getByRole("heading", { name: "System", exact: true }).waitFor(patience);
  await page.keyboard.press("3");
  await row(page, "told-by-pager").click();
  await panel.getByRole("link", { name: "service/told-by-pager", exact: true }).waitFor(patience);
  await page.keyboard.press("Escape");
  await panel.waitFor({ state: "detached", ...patience });
  await page.waitForFunction(() => location.hash === "#/alerts", undefined, patience);
  await page.goBack();
  await page.getByRole("heading", { name: "System", exact: true }).waitFor(patience);
  assert.deepEqual(await wrongsOf(page), []);
});

test("a silence that is to begin later begins then, whatever else of it is changed", async () => {
  const starts = Math.floor(Date.now() / 1000) * 1000 + 3_600_000;
  const ends = starts + 7_200_000;
  const word = { matchers: [{ name: "entity", op: "=", value: "service/moves-tonight" }], created_by: "ann", comment: "the move", starts, ends };
  await ask("/api/v1/silences", word);
  const page = await openPage(browser);
  await page.goto(`${base}/#/alerts?state=silences`);
  const held = page.locator("[data-silence]", { hasText: "moves-tonight" });
  const change = async (comment, more = async () => {}) => {
    await held.getByRole("button", { name: "Change", exact: true }).click();
    const form = page.getByRole("dialog");
    await more(form);
    await form.getByLabel("Your name").fill("bea");
    await form.getByLabel("Comment").fill(comment);
    await form.locator("button.main").click();
    await form.waitFor({ state: "detached", ...patience });
    await held.getByText(comment, { exact: true }).waitFor(patience);
    const all = (await ask("/api/v1/silences")).silences.filter((s) => s.text.includes("moves-tonight"));
    return all.map((s) => [s.state, s.starts, s.ends, s.comment]);
  };
  assert.deepEqual(await change("the move, by two of us"), [["pending", starts, ends, "the move, by two of us"]]);
  const shorter = (form) => form.locator("select[name=seconds]").selectOption("1800");
  assert.deepEqual(await change("only the begin of it", shorter), [["pending", starts, starts + 1_800_000, "only the begin of it"]]);
  assert.deepEqual(await wrongsOf(page), []);
});

test("an overview that fails is told of and asked for again until it comes", async () => {
  const page = await openPage(browser);
  let failing = true;
  await page.route("**/api/v1/overview", (route) => failing
    ? route.fulfill({ status: 500, contentType: "application/json", body: JSON.stringify({ error: { code: "internal", message: "it is out of paper" } }) })
    : route.continue());
  await page.goto(`${base}/#/now`);
  await page.getByText("Not up to date: it is out of paper").waitFor(patience);
  failing = false;
  await page.locator(".headline").waitFor(patience);
  await page.getByText("Not up to date").waitFor({ state: "detached", ...patience });
  assert.deepEqual(await wrongsOf(page), []);
});

test("an open page holds what it shows, and not the incidents of yesterday", async () => {
  const page = await openPage(browser);
  const outline = (n) => ({ id: `made-${n}`, state: "open", severity: "warning", summary: "made", started: n, updated: n, ended: null, abstained: false, unobserved: 0,
    cause: { entity: `db/made-${n}`, metric: "m", fault_class: "disk", probability: 0.9 }, entities: 2, alerts: 1, firing: 1, acknowledged: 0, silenced: 0,
    first_entities: ["a", "b"], limit_at: null });
  let day = 0; // of 40 incidents each half go on the next day
  const firing = { critical: 0, warning: 40, acknowledged: 0, silenced: 0 };
  await page.route("**/api/v1/overview", (route) => route.fulfill({ json: { open: 40, firing, feed: { seq: 1e9 }, now: Date.now(),
    incidents: Array.from({ length: 40 }, (_, n) => outline(20 * day + n)) } }));
  await page.goto(`${base}/#/now`);
  const probe = await page.context().newCDPSession(page);
  const heldAfter = async (last) => {
    for (; day < last; ++day) {
      await page.locator(`[data-incident=made-${20 * day + 39}]`).waitFor(patience);
      await page.evaluate(async (file) => (await import(file)).refresh(), await page.evaluate(() => document.querySelector("script[type=module]").src.replace("main.js", "lib/live.js")));
    }
    await page.locator(`[data-incident=made-${20 * day + 39}]`).waitFor(patience);
    await probe.send("HeapProfiler.collectGarbage");
    return (await probe.send("Memory.getDOMCounters")).nodes;
  };
  const first = await heldAfter(2);
  const later = await heldAfter(10);
  assert.ok(later < 1.1 * first, `${first} nodes, then ${later}`);
  assert.deepEqual(await wrongsOf(page), []);
});

test("an overview that is older than what was heard is asked for again", async () => {
  const alert = await alertOf("heard-of-before");
  const page = await openPage(browser);
  let old = null; // what the server says once more to who asks right after another
  await page.route("**/api/v1/overview", async (route) => {
    const json = old ?? await ask("/api/v1/overview");
    old = null;
    await route.fulfill({ json });
  });
  await page.goto(`${base}/#/now`);
  await page.locator(".headline").waitFor(patience);
  const inHand = (n) => page.locator(".headline").getByText(`${n} acknowledged`).waitFor(patience);
  const before = await ask("/api/v1/overview");
  await new Promise((go) => setTimeout(go, 1500)); // what the page has begun is done
  old = before;
  await ask(`/api/v1/alerts/${alert.id}/acknowledge`, { by: "ann", acknowledged: true });
  await inHand(before.firing.acknowledged + 1);
  assert.equal(old, null, "it was told what is over");
  assert.deepEqual(await wrongsOf(page), []);
});

test("a token that does not do is told why, and another can be given", async () => {
  const page = await openPage(browser);
  await page.goto(base);
  const give = async (token) => {
    await page.getByLabel("Token").fill(token);
    await page.getByRole("button", { name: "Go on" }).click();
  };
  await page.getByLabel("Token").waitFor(patience);
  assert.equal(await page.getByRole("alert").count(), 0, "nothing was given yet");
  await give("flt_nobody");
  await page.getByText("does not know this token").waitFor(patience);
  await give(process.env.PAGE_PUBLISHER);
  await page.getByText("The server refuses this token: this takes the role viewer").waitFor(patience);
  await give(process.env.PAGE_VIEWER);
  await page.locator(".headline").waitFor(patience);
  await page.locator(".link-live").waitFor(patience);
  assert.deepEqual(await wrongsOf(page), []);
});

test("values of an entity go on without an alert", async () => {
  const entity = "host/drifts";
  const metric = "load.level";
  const send = async (value) => {
    const answer = await fetch(`${base}/write`, { method: "POST", body: `load,host=drifts level=${value}` });
    assert.equal(answer.status, 204);
    const known = (await ask("/api/v1/entities?prefix=host/drifts")).entities.length > 0;
    return known && (await ask(`/api/v1/entities/${encodeURIComponent(entity)}`)).metrics.some((m) => m.name === metric && m.last === value);
  };
  await eventually(() => send(3), "its first value");
  const page = await openPage(browser);
  await page.goto(`${base}/#/entity/${encodeURIComponent(entity)}`);
  await page.locator("section[aria-label=Metrics]").getByText("now 3,").waitFor(patience);
  await page.locator(".chart[aria-label^='load.level: now 3']").waitFor(patience);
  await eventually(() => send(4), "its next value");
  await page.locator("section[aria-label=Metrics]").getByText("now 4,").waitFor(patience);
  await page.locator(".chart[aria-label^='load.level: now 4']").waitFor(patience);
  assert.deepEqual(await wrongsOf(page), []);
});

test("a value with none beside it is seen, and where it stands in time", async () => {
  const entity = "host/sparse";
  await eventually(async () => {
    await fetch(`${base}/write`, { method: "POST", body: "load,host=sparse level=5" });
    return (await ask(`/api/v1/entities?prefix=${entity}`)).entities.length > 0;
  }, "its first value");
  const at = Date.now() - 3_600_000;
  const nothing = [null, null, null];
  const windowOf = (values) => ({ ts: values.map((_, n) => at + 10_000 * n), values, expected: nothing, lower: nothing, upper: nothing });
  const page = await openPage(browser, { colorScheme: "light", timezoneId: "UTC" });
  const dark = () => page.evaluate(() => {
    const canvas = document.querySelector(".chart canvas");
    const bytes = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
    let n = 0;
    for (let i = 0; i < bytes.length; i += 4) n += bytes[i + 3] > 200 && bytes[i] < 60 && bytes[i + 1] < 60 && bytes[i + 2] < 60 ? 1 : 0;
    return n;
  });
  for (const values of [[null, 5, null], [5]]) {
    await page.route("**/window?metric=*", (route) => route.fulfill({ json: windowOf(values) }));
    await page.goto(`${base}/?${values.length}#/entity/${encodeURIComponent(entity)}`);
    await page.locator(".chart[aria-label*=' 5, expected'] canvas").waitFor(patience);
    await eventually(async () => (await dark()) > 8, `a dot for ${JSON.stringify(values)}`);
    const label = await page.locator(".chart").first().getAttribute("aria-label");
    assert.match(label, values.length === 1 ? /now 5/ : /last 5/);
  }
  assert.deepEqual(await wrongsOf(page), []);
});

test("how long it is to a limit is as of now, and not of when it was told", async () => {
  const told = { id: "a-made-one", entity: "host/fills-up", metric: "disk.used", severity: "warning", state: "firing", started: Date.now() - 7_200_000,
    updated: Date.now() - 3_600_000, score: 0.9, lead_time_s: 7200, source: "made", model: "" };
  const page = await openPage(browser);
  await page.route("**/api/v1/alerts?*", (route) => route.fulfill({ json: { alerts: [told], next: null } }));
  await page.route("**/api/v1/alerts/*", (route) => route.fulfill({ json: told }));
  await page.goto(`${base}/#/alerts`);
  await page.locator(".line").getByText(/limit in [45]\d min/).waitFor(patience);
  await row(page, "fills-up").click();
  await page.locator("dialog .fact", { hasText: "Time to limit" }).getByText(/[45]\d min/).waitFor(patience);
  assert.deepEqual(await wrongsOf(page), []);
});

test("on a phone of 360 pixels nothing stands beyond the edge", async () => {
  const alert = await alertOf("on-the-phone-with-quite-a-long-name-of-its-own");
  const ofIt = async () => (await ask("/api/v1/incidents?state=open")).incidents.find((i) => i.alerts.includes(alert.id));
  const incident = await eventually(ofIt, "its incident");
  await ask("/api/v1/silences", { matchers: [{ name: "entity", op: "=", value: "service/small-and-silent" }], created_by: "ann", comment: "all day", duration_s: 3600 });
  const page = await openPage(browser, { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true });
  const places = ["#/now", "#/topology", "#/alerts", `#/alerts?alert=${alert.id}`, "#/alerts?state=silences", "#/alerts?state=planned", "#/alerts?state=incidents",
    "#/quality", "#/system", `#/incident/${incident.id}`, `#/entity/${encodeURIComponent(alert.entity)}`];
  const beyond = {};
  for (const place of places) {
    await page.goto(`${base}/${place}`);
    await page.locator("main h1, main h2").first().waitFor(patience);
    await page.waitForFunction(() => !document.querySelector(".waiting"), undefined, patience);
    const found = await page.evaluate(() => {
      const within = (e, how) => e && (how.test(getComputedStyle(e).overflowX) || within(e.parentElement, how));
      const used = (e) => e.matches("button, input, select, textarea"); // text may end in dots, these are whole
      const outside = (e) => {
        const { left, right, width } = e.getBoundingClientRect();
        return width > 0 && (right > 361 || left < -1) && !within(e.parentElement, used(e) ? /auto|scroll/ : /auto|scroll|hidden/);
      };
      const hidden = "canvas, svg *, .link-live span"; // the last is for who hears the page
      return [...document.querySelectorAll("main *, dialog *, .side *")].filter((e) => !e.matches(hidden) && outside(e)).map((e) => e.outerHTML.slice(0, 120));
    });
    if (found.length > 0) beyond[place] = found;
  }
  assert.deepEqual(beyond, {});
  assert.deepEqual(await wrongsOf(page), []);
});

test("who hears the page comes to what was opened, and reads the rows of alerts as a table of links", async () => {
  const alert = await alertOf("is-heard-of");
  const page = await openPage(browser);
  await page.goto(`${base}/#/now`);
  await page.locator(".headline").waitFor(patience);
  await page.getByRole("link", { name: "Alerts", exact: true }).click();
  await page.waitForFunction(() => document.activeElement?.id === "main", undefined, patience);
  const line = page.getByRole("table", { name: "Alerts" }).getByRole("row", { name: "is-heard-of" });
  await line.getByRole("cell").getByRole("link", { name: alert.entity }).waitFor(patience);
  assert.equal(await line.getByRole("cell").count(), await page.getByRole("columnheader").count());
  await page.getByRole("searchbox").fill("heard");
  await page.waitForFunction(() => location.hash.includes("text=heard"), undefined, patience);
  assert.equal(await page.evaluate(() => document.activeElement.type), "search", "who types goes on typing");
  assert.deepEqual(await wrongsOf(page), []);
});
