// SPDX-License-Identifier: Apache-2.0
// What is read on the page is whole, and says one thing; tests/e2e/page_read_test.py starts the server and says where it is.
import assert from "node:assert/strict";
import { createServer, request } from "node:http";
import test, { after, before } from "node:test";
import { launch, openPage, wrongsOf } from "./browser.mjs";
import { alertOf, ask, base, eventually, patience } from "./server.mjs";

const phone = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true };
let browser;
before(async () => { browser = await launch(); });
after(async () => { await browser?.close(); });

/** The open incident that @p alert is in. */
const incidentOf = (alert) => eventually(async () => (await ask("/api/v1/incidents?state=open&limit=100")).incidents.find((i) => i.alerts.includes(alert.id)),
  `the incident of ${alert.entity}`);

test("all times of a page are in the zone that it names, and the day stands where it changes", async () => {
  const alert = await alertOf("in-kathmandu");
  const incident = await incidentOf(alert);
  const page = await openPage(browser, { timezoneId: "Asia/Kathmandu", locale: "en-GB" });
  const here = new Intl.DateTimeFormat("en-GB", { timeZone: "Asia/Kathmandu", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" }).format(alert.started);
  await page.goto(`${base}/#/incident/${incident.id}`);
  const began = page.locator(".incident-head .fact", { hasText: "Began" });
  await began.getByText(here).waitFor(patience);
  assert.match(await began.innerText(), /GMT\+5:45/);
  assert.doesNotMatch(await page.locator("h1").innerText(), /\d\d:\d\d/, "the summary's time is UTC");
  assert.match(await page.locator(".story .day").first().innerText(), /^\w+ \d+ \w+ GMT\+5:45/);
  // Words of the next day stand under that.
  const told = await ask(`/api/v1/incidents/${incident.id}/story`);
  const word = { ts: alert.started + 86_400_000, kind: "word", state: "right", subject: incident.id, by: "ann", text: "the day after" };
  await page.route("**/story", (route) => route.fulfill({ json: { ...told, items: [...told.items, word] } }));
  await page.reload();
  await page.locator(".story li", { hasText: "the day after" }).waitFor(patience);
  assert.equal(await page.locator(".story .day").count(), 2);
  await page.goto(`${base}/#/alerts?text=in-kathmandu`);
  await page.getByRole("columnheader", { name: "Began, GMT+5:45" }).waitFor(patience);
  await page.locator(".line .began").getByText(here).waitFor(patience);
  assert.deepEqual(await wrongsOf(page), []);
});

test("on a phone a row of an alert says what it is about, since when, and who has it in hand", async () => {
  const alert = await alertOf("in-a-pocket");
  const page = await openPage(browser, phone);
  await page.goto(`${base}/#/alerts?text=in-a-pocket`);
  const row = page.locator(".line");
  for (const words of [alert.entity, alert.metric]) await row.getByText(words).waitFor(patience);
  await row.locator("time").waitFor(patience);
  await row.locator(".over-time").waitFor(patience);
  await ask(`/api/v1/alerts/${alert.id}/acknowledge`, { by: "ann", acknowledged: true });
  await row.getByText("acknowledged by ann").waitFor(patience);
  assert.deepEqual(await wrongsOf(page), []);
});

test("the panel of an alert begins at its top, says all that was posted, and leads to its incident and its runbook", async () => {
  const said = {
    summary: "s".repeat(4000),
    description: "the pod restarts again and again",
    runbook_url: "https://runbooks.example.org/pay",
    dashboard: "javascript:window.hacked=1",
  };
  const alert = await alertOf("pays", "firing", { annotations: said, generatorURL: "javascript:window.hacked=1",
    labels: { alertname: "Restarts", service: "pays", zone: "eu-1", severity: "critical" } });
  const incident = await incidentOf(alert);
  const page = await openPage(browser, phone);
  await page.goto(`${base}/#/alerts?text=pays`);
  const row = page.locator(".line-link");
  await row.focus();
  await page.keyboard.press("Enter");
  const panel = page.getByRole("dialog");
  await panel.getByText("zone=eu-1").waitFor(patience);
  assert.equal(await page.evaluate(() => document.activeElement.tagName), "DIALOG");
  assert.equal(await panel.evaluate((box) => box.scrollTop), 0);
  assert.equal(await panel.evaluate((box) => box.scrollWidth - box.clientWidth), 0, "nothing stands beyond its edge");
  const { y, height } = await panel.getByRole("button", { name: "Acknowledge" }).boundingBox();
  assert.ok(y + height <= phone.viewport.height, "what can be done is in sight");
  await panel.getByText("the pod restarts again and again").waitFor(patience);
  assert.equal(await panel.getByRole("link", { name: "Runbook" }).getAttribute("href"), said.runbook_url);
  assert.deepEqual(await panel.getByRole("link").evaluateAll((all) => all.map((a) => a.protocol).filter((p) => p === "javascript:")), []);
  assert.equal(await panel.getByText("s".repeat(1000)).count(), 0, "what is long is cut");
  await panel.getByRole("button", { name: "all of it" }).click();
  await panel.getByText("s".repeat(4000).slice(0, 2000)).waitFor(patience);
  await page.keyboard.press("Escape");
  await panel.waitFor({ state: "detached", ...patience });
  assert.equal(await row.evaluate((a) => document.activeElement === a), true, "who reads on goes on there");
  await row.click();
  await panel.locator(".fact", { hasText: "Incident" }).getByRole("link").click();
  await page.waitForFunction((id) => location.hash === `#/incident/${id}`, incident.id, patience);
  assert.deepEqual(await wrongsOf(page), []);
});

test("an entity that nothing connects is found by its name, and one that was only posted of has a page", async () => {
  const write = (host) => fetch(`${base}/write`, { method: "POST", body: `load,host=${host} level=3` });
  for (const host of ["lonely-1", "lonely-2"]) assert.equal((await write(host)).status, 204);
  await eventually(async () => (await ask("/api/v1/entities?prefix=host/lonely-2")).entities.length > 0, "the lonely ones");
  const page = await openPage(browser);
  await page.goto(`${base}/#/topology`);
  await page.locator("section[aria-label=Entities]").getByText("lonely-1").waitFor(patience);
  await page.keyboard.press("5");
  await page.getByRole("heading", { name: "System", exact: true }).waitFor(patience);
  await page.keyboard.press("/");
  await page.waitForFunction(() => document.activeElement?.type === "search", undefined, patience);
  await page.keyboard.type("lonely");
  await page.locator(".found a").nth(1).waitFor(patience);
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.querySelector("main h1")?.textContent === "host/lonely-2", undefined, patience);
  assert.deepEqual(await wrongsOf(page), []);

  const alert = await alertOf("only-posted-of");
  const incident = await incidentOf(alert);
  await page.goto(`${base}/#/entity/${encodeURIComponent(alert.entity)}`);
  await page.getByText("known by what others post").waitFor(patience);
  await page.locator(`section[aria-label=Incidents] a[href="#/incident/${incident.id}"]`).waitFor(patience);
  await page.locator("section[aria-label=Alerts] a").first().click();
  await page.getByRole("dialog").getByText("posted by alertmanager").waitFor(patience);
  assert.deepEqual(await wrongsOf(page), []);
});

test("an entity of which others posted an alert is not all right, though nothing of its own is unusual", async () => {
  const entity = "service/posted-of";
  await eventually(async () => {
    await fetch(`${base}/write`, { method: "POST", body: "load,service=posted-of level=3" });
    return (await ask(`/api/v1/entities?prefix=${entity}`)).entities.length > 0;
  }, "the entity");
  await alertOf("posted-of");
  const page = await openPage(browser);
  await page.goto(`${base}/#/entity/${encodeURIComponent(entity)}`);
  await page.locator(".incident-head .over", { hasText: "warning" }).waitFor(patience);
  await alertOf("posted-of", "resolved");
  await page.locator(".incident-head .over", { hasText: "learning" }).waitFor(patience);
  assert.deepEqual(await wrongsOf(page), []);
});

test("who comes to an incident that was merged is led to the one that goes on", async () => {
  const [gone, stays] = [await incidentOf(await alertOf("merged")), await incidentOf(await alertOf("goes-on"))];
  const page = await openPage(browser);
  const told = { ...gone, state: "resolved", ended: gone.updated, causes: [], summary: `merged into ${stays.id}` };
  await page.route(`**/api/v1/incidents/${gone.id}`, (route) => route.fulfill({ json: told }));
  await page.goto(`${base}/#/incident/${gone.id}`);
  await page.locator("h1", { hasText: "Merged into another incident" }).waitFor(patience);
  assert.equal(await page.getByText("being looked for").count(), 0, "nobody looks for the cause of what is over");
  await page.locator("h1 a").click();
  await page.waitForFunction((id) => location.hash === `#/incident/${id}`, stays.id, patience);
  await page.locator("h1", { hasText: "goes-on" }).waitFor(patience);
  assert.deepEqual(await wrongsOf(page), []);
});

test("what of the topology is shown stands in the address, and is shown again to who gets it", async () => {
  for (const [from, to] of [["service/shop", "db/shop"], ["service/shop", "cache/shop"], ["service/blog", "db/blog"]]) await ask("/api/v1/topology/edges", { from, to, action: "add", by: "ann" });
  await eventually(async () => (await ask("/api/v1/topology")).edges.length >= 3, "three dependencies");
  const page = await openPage(browser);
  await page.goto(`${base}/#/topology`);
  await page.getByLabel("Kind").selectOption("cache");
  await page.getByRole("searchbox").fill("sho");
  await page.waitForFunction(() => location.hash === "#/topology?find=sho&kind=cache", undefined, patience);
  const other = await openPage(browser);
  await other.goto(page.url());
  await other.getByRole("img", { name: /^2 entities,/ }).waitFor(patience);
  assert.equal(await other.getByLabel("Kind").inputValue(), "cache");
  assert.equal(await other.getByRole("searchbox").inputValue(), "sho");
  assert.equal(await other.locator(".peek").count(), 0, "no entity is called so");
  await other.goto(`${base}/#/topology?find=${encodeURIComponent("db/blog")}`);
  await other.locator(".peek").getByRole("link", { name: "db/blog" }).waitFor(patience);
  for (const window of [page, other]) assert.deepEqual(await wrongsOf(window), []);
});

test("of an entity whose alerts were not all looked at it is not said that it has had none", async () => {
  const entity = "host/has-a-past";
  await eventually(async () => {
    await fetch(`${base}/write`, { method: "POST", body: "load,host=has-a-past level=3" });
    return (await ask(`/api/v1/entities?prefix=${entity}`)).entities.length > 0;
  }, "the entity");
  const page = await openPage(browser);
  const fired = page.locator("section[aria-label=Alerts]");
  await page.goto(`${base}/#/entity/${encodeURIComponent(entity)}`);
  await fired.getByText("It has had none.").waitFor(patience);
  await page.route("**/api/v1/alerts?*", (route) => route.fulfill({ json: { alerts: [], next: "further" } }));
  await page.reload();
  await fired.getByText("None of the newest alerts is of it.").waitFor(patience);
  assert.deepEqual(await wrongsOf(page), []);
});

test("who comes through a proxy with a sign-in of its own is known to it by each question, and may say something", async () => {
  const alert = await alertOf("behind-a-proxy");
  const { port } = new URL(base);
  const strangers = [];
  const proxy = createServer((near, answer) => { // asks for another host, as proxies do where nobody tells them not to
    if (near.url !== "/" && !near.headers.cookie?.includes("signed_in=yes")) strangers.push(near.url);
    const far = request({ port, method: near.method, path: near.url, headers: { ...near.headers, host: `127.0.0.1:${port}` } }, (said) => {
      answer.writeHead(said.statusCode, said.headers);
      said.pipe(answer);
    });
    far.on("error", () => answer.destroy());
    answer.on("close", () => far.destroy());
    near.pipe(far);
  });
  await new Promise((listening) => proxy.listen(0, "127.0.0.1", listening));
  try {
    const url = `http://localhost:${proxy.address().port}`;
    const page = await openPage(browser);
    await page.context().addCookies([{ name: "signed_in", value: "yes", url }]);
    await page.goto(`${url}/#/alerts?alert=${alert.id}`);
    await page.locator(".link-live").waitFor(patience);
    const panel = page.getByRole("dialog");
    await panel.getByRole("button", { name: "Acknowledge" }).click();
    await panel.getByLabel("Your name").fill("ann");
    await panel.getByRole("button", { name: "Acknowledge" }).click();
    await panel.getByText("acknowledged by ann").waitFor(patience);
    assert.deepEqual(strangers, []);
    assert.deepEqual(await wrongsOf(page), []);
    await page.context().close();
  } finally {
    proxy.closeAllConnections();
    proxy.close();
  }
});

test("an answer that cannot be read is told of, and the rest of the page goes on", async () => {
  const page = await openPage(browser);
  const answers = async (answer) => {
    await page.unroute("**/api/v1/quality");
    if (answer) await page.route("**/api/v1/quality", (route) => route.fulfill(answer));
  };
  const alert = page.getByRole("alert");
  await page.goto(`${base}/#/system`);
  await page.getByRole("heading", { name: "System", exact: true }).waitFor(patience);
  await answers({ status: 200, contentType: "text/html", body: "<h1>502 Bad Gateway</h1>" });
  await page.keyboard.press("4");
  await alert.getByText("what answers is not faultline").waitFor(patience);
  await answers(null);
  await alert.getByRole("button", { name: "Try again" }).click();
  await page.getByRole("heading", { name: "Quality", exact: true }).waitFor(patience);
  await answers({ json: { of: "another version" } });
  await page.reload();
  await alert.getByText("cannot be shown here").waitFor(patience);
  await page.keyboard.press("5");
  await page.getByRole("heading", { name: "System", exact: true }).waitFor(patience);
  await answers(null);
  await page.keyboard.press("4");
  await page.getByRole("heading", { name: "Quality", exact: true }).waitFor(patience);
  assert.deepEqual(await wrongsOf(page), []);
});

/** Texts that are seen and have less than 4.5 to 1 (large ones 3) to what they lie on, in the page. */
function faintTexts() {
  const parts = (colour) => {
    const [r, g, b, a = 1] = colour.match(/[\d.]+/g).map(Number);
    return { rgb: [r, g, b], a };
  };
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((v) => (v / 255 <= 0.03928 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const paper = (e) => {
    if (!e) return [255, 255, 255];
    const { rgb, a } = parts(getComputedStyle(e).backgroundColor);
    return a === 1 ? rgb : paper(e.parentElement).map((v, n) => v * (1 - a) + rgb[n] * a);
  };
  const faint = [];
  for (const e of document.querySelectorAll("#page *")) {
    const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim() !== "");
    const { color, fontSize, fontWeight, visibility } = getComputedStyle(e);
    if (!own || e.closest("svg, canvas, :disabled, .uplot") || visibility === "hidden" || e.getClientRects().length === 0) continue;
    const [a, b] = [light(parts(color).rgb), light(paper(e))].sort((x, y) => y - x);
    const size = parseFloat(fontSize);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < (size >= 24 || (size >= 18.6 && fontWeight >= 700) ? 3 : 4.5)) faint.push(`${e.outerHTML.slice(0, 80)}: ${ratio.toFixed(2)}`);
  }
  return faint;
}

test("every text stands out from what it lies on, by day and by night, and what is scrolled is reached by keys", async () => {
  const alert = await alertOf("is-read-at-night");
  const incident = await incidentOf(alert);
  await ask("/api/v1/silences", { matchers: [{ name: "entity", op: "=", value: "service/quiet" }], created_by: "ann", comment: "known", duration_s: 3600 });
  const places = ["#/now", "#/topology", "#/alerts?state=all", `#/alerts?alert=${alert.id}`, "#/alerts?state=silences", "#/alerts?state=planned",
    "#/quality", "#/system", `#/incident/${incident.id}`, `#/entity/${encodeURIComponent(alert.entity)}`];
  const found = {};
  for (const colorScheme of ["light", "dark"]) {
    const page = await openPage(browser, { colorScheme });
    for (const place of places) {
      await page.goto(`${base}/${place}`);
      await page.waitForFunction(() => document.querySelector("main h1, main h2") && !document.querySelector(".waiting"), undefined, patience);
      const wrong = await page.evaluate(faintTexts);
      wrong.push(...await page.evaluate(() => [...document.querySelectorAll("th, [role=columnheader]")].filter((e) => e.textContent.trim() === "").map((e) => `no name: ${e.outerHTML}`)));
      wrong.push(...await page.evaluate(() => [...document.querySelectorAll("main .scroll")].filter((e) => e.scrollWidth > e.clientWidth && e.tabIndex < 0 && !e.querySelector("a, button")).map((e) => `no key: ${e.outerHTML.slice(0, 80)}`)));
      if (wrong.length > 0) found[`${colorScheme} ${place}`] = wrong;
    }
    assert.deepEqual(await wrongsOf(page), []);
  }
  assert.deepEqual(found, {});
});

test("why something was refused is in sight on a screen of any width", async () => {
  const far = Date.now() + 7_200_000;
  const refused = await fetch(`${base}/write?precision=ms`, { method: "POST", body: `load,host=ahead level=1 ${far}` });
  assert.equal(refused.status, 400);
  for (const width of [1100, 1280, 1440, 1920]) {
    const page = await openPage(browser, { viewport: { width, height: 900 } });
    await page.goto(`${base}/#/system`);
    const letters = page.getByRole("region", { name: "Dead letters, a table" });
    await letters.getByText("ts_in_future").first().waitFor(patience);
    assert.equal(await letters.evaluate((box) => box.scrollWidth - box.clientWidth), 0, `at ${width} nothing stands beyond its edge`);
    await page.context().close();
  }
});

test("on a phone what may help stands before the charts, and the window is called by what is looked at", async () => {
  const alert = await alertOf("ails");
  const incident = await incidentOf(alert);
  const page = await openPage(browser, phone);
  await page.goto(`${base}/#/incident/${incident.id}`);
  await page.getByRole("heading", { name: "Why" }).waitFor(patience);
  const titles = (await page.getByRole("heading", { level: 2 }).allInnerTexts());
  assert.deepEqual(titles, ["Why", "What may help", "How it spread", "In order", "What was seen", "Before"]);
  await page.waitForFunction((id) => document.title.includes("ails") && !document.title.includes(id), incident.id, patience);
  await page.setViewportSize({ width: 1440, height: 900 });
  await page.waitForFunction(() => document.querySelectorAll("main h2")[1]?.textContent === "How it spread", undefined, patience);
  assert.deepEqual(await wrongsOf(page), []);
});

test("of many open incidents the most urgent stands first and large, and the others have a line each", async () => {
  for (let n = 0; n < 9; ++n) await incidentOf(await alertOf(`one-of-many-${n}`));
  const page = await openPage(browser);
  await page.goto(`${base}/#/now`);
  await page.locator(".card-small").nth(7).waitFor(patience);
  assert.equal(await page.locator(".card").first().evaluate((e) => e.classList.contains("card-small")), false);
  const whole = await page.locator(".card").evaluateAll((all) => all.filter((e) => e.getBoundingClientRect().bottom <= innerHeight).length);
  assert.ok(whole >= 5, `${whole} of them are seen at once`);
  const small = page.locator(".card-small").first();
  await small.getByRole("button", { name: "Acknowledge" }).waitFor(patience);
  const { height } = await small.boundingBox();
  assert.ok(height < 120, `${height} pixels are more than a line`);
  await small.locator("a.cover").click();
  await page.getByRole("heading", { name: "Why" }).waitFor(patience);
  assert.deepEqual(await wrongsOf(page), []);
});

test("who may only read is offered nothing to say, who may say it does so by the token's name, and who leaves is asked anew", async () => {
  const alert = await alertOf("guarded");
  const incident = await incidentOf(alert);
  await ask("/api/v1/silences", { matchers: [{ name: "entity", op: "=", value: "service/quiet" }], created_by: "", comment: "known", duration_s: 3600 });
  const page = await openPage(browser);
  const enter = async (token) => {
    await page.getByLabel("Token").fill(token);
    await page.getByRole("button", { name: "Go on" }).click();
    await page.locator(".link-live").waitFor(patience);
  };
  const places = ["#/now", `#/incident/${incident.id}`, `#/entity/${encodeURIComponent(alert.entity)}`, `#/alerts?alert=${alert.id}`, "#/alerts?state=silences", "#/alerts?state=planned"];
  const says = /^(Acknowledge|Silence|Right|Partly|Wrong|This was it|Worked|A true alarm|False|Expected|New silence|Change|End|Plan work)$/;
  const offered = async () => {
    const all = [];
    for (const place of places) {
      await page.goto(`${base}/${place}`);
      await page.waitForFunction(() => document.querySelector("main h1, main h2") && !document.querySelector(".waiting, .link-starting"), undefined, patience);
      all.push(...(await page.getByRole("button", { name: says }).allInnerTexts()).map((name) => `${place}: ${name}`));
    }
    return all;
  };
  await page.goto(base);
  await enter(process.env.PAGE_VIEWER);
  await page.getByText("viewer, may only read").waitFor(patience);
  assert.deepEqual(await offered(), []);
  await page.keyboard.press("Escape");
  await page.goto(`${base}/#/now`);
  await page.getByRole("button", { name: "Leave: forget the token" }).click();
  await enter(process.env.PAGE_TOKEN);
  assert.ok((await offered()).length >= 10);
  await page.goto(`${base}/#/incident/${incident.id}`);
  await page.getByRole("button", { name: "Acknowledge", exact: true }).click();
  const form = page.getByRole("dialog");
  assert.equal(await form.getByLabel("Your name").count(), 0);
  await form.locator("button.main").click();
  await page.getByText("acknowledged by operator").waitFor(patience);
  assert.deepEqual(await wrongsOf(page), []);
});
