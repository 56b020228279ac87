// SPDX-License-Identifier: Apache-2.0
// node tests/dashboard/measure.mjs URL ALERTS UPDATES [DIRECTORY]: what tests/campaigns/page.py asks of a browser.
import { mkdirSync } from "node:fs";
import { createInterface } from "node:readline";
import { launch, openPage } from "./browser.mjs";

const [base, alerts, updates, directory] = process.argv.slice(2);
const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const browser = await launch();

/** Opens @p hash in a fresh context: first paint, when the page is whole, bytes that came over the wire. */
async function visit(name, hash, ready, move) {
  const page = await openPage(browser);
  const wire = await page.context().newCDPSession(page);
  await wire.send("Network.enable");
  let bytes = 0;
  let requests = 0;
  wire.on("Network.loadingFinished", (e) => { bytes += e.encodedDataLength; });
  wire.on("Network.dataReceived", (e) => { if (streams.has(e.requestId)) bytes += e.encodedDataLength; });
  const streams = new Set();
  wire.on("Network.responseReceived", (e) => { requests += 1; if (e.response.mimeType === "text/event-stream") streams.add(e.requestId); });
  await page.addInitScript(() => {
    window.tasks = [];
    new PerformanceObserver((list) => { for (const e of list.getEntries()) window.tasks.push({ at: e.startTime, ms: e.duration }); }).observe({ type: "longtask", buffered: true });
  });
  const begun = Date.now();
  await page.goto(`${base}/${hash}`);
  await page.waitForFunction(ready);
  const whole = Date.now() - begun;
  const paint = await page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? Infinity);
  await page.waitForTimeout(500);
  const transferred = bytes; // of the page as it opens; what scrolling loads comes on top
  const from = await page.evaluate(() => performance.now());
  if (move) await move(page);
  await page.waitForTimeout(300);
  const longest = await page.evaluate((t) => Math.max(0, ...window.tasks.filter((x) => x.at >= t).map((x) => x.ms)), from);
  if (directory) {
    mkdirSync(directory, { recursive: true });
    await page.screenshot({ path: `${directory}/storm-${name}.png` });
  }
  await page.context().close();
  return { first_paint_ms: paint, whole_ms: whole, transferred_bytes: transferred, with_moving_bytes: bytes, requests, longest_task_ms: longest };
}

async function scroll(page) {
  const view = page.locator(".view");
  const box = await view.boundingBox();
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
  for (let n = 0; n < 120; ++n) {
    await page.mouse.wheel(0, n < 60 ? 1500 : 8000);
    await page.waitForTimeout(25);
  }
}

async function drag(page) {
  const box = await page.locator(".graph").boundingBox();
  const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
  for (const by of [-120, -120, 120]) { await page.mouse.move(x, y); await page.mouse.wheel(0, by); await page.waitForTimeout(80); }
  await page.mouse.move(box.x + 12, box.y + 12);
  await page.mouse.down();
  for (let n = 0; n < 60; ++n) { await page.mouse.move(box.x + 12 + n * 6, box.y + 12 + n * 3); await page.waitForTimeout(16); }
  await page.mouse.up();
}

async function wheel(page) {
  await page.mouse.move(700, 500);
  for (let n = 0; n < 60; ++n) { await page.mouse.wheel(0, 400); await page.waitForTimeout(25); }
}

const incidents = (await (await fetch(`${base}/api/v1/incidents?limit=5`)).json()).incidents;
const largest = incidents.sort((a, b) => b.alerts.length - a.alerts.length)[0];
const pages = {
  now: await visit("now", "", () => document.querySelector(".headline"), wheel),
  alerts: await visit("alerts", "#/alerts", () => document.querySelectorAll(".line").length > 5, scroll),
  topology: await visit("topology", "#/topology", () => document.querySelector(".graph canvas"), drag),
};
if (largest) pages.incident = await visit("incident", `#/incident/${largest.id}`, () => document.querySelector(".chart canvas"), wheel);
pages.entity = await visit("entity", `#/entity/${encodeURIComponent("service/s1")}`, () => document.querySelector(".chart canvas"), wheel);

// An update: asked for, sent by the other side, seen here.
const page = await openPage(browser);
await page.goto(`${base}/#/alerts`);
await page.waitForSelector(".line");
const taken = [];
for (let n = 0; n < Number(updates); ++n) {
  const entity = `service/s${Number(alerts) + n}`;
  const seen = page.evaluate((name) => new Promise((done) => {
    const there = () => [...document.querySelectorAll(".line .entity")].some((e) => e.textContent === name);
    const watch = new MutationObserver(() => { if (there()) { watch.disconnect(); requestAnimationFrame(() => done(Date.now())); } });
    watch.observe(document.body, { childList: true, subtree: true, characterData: true });
  }), entity);
  console.log(`cross ${Number(alerts) + n}`);
  const sent = Number((await answers.next()).value);
  taken.push(await seen - sent);
  await page.waitForTimeout(400);
}
await browser.close();
console.log(`figures ${JSON.stringify({ pages, updates_ms: taken })}`);
process.exit(0);
