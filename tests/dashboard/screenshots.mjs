// SPDX-License-Identifier: Apache-2.0
// What tests/dashboard/screenshots.py asks of a browser:
//   node screenshots.mjs URL DIRECTORY [NAME...]    every page of a running server, or those named
//   node screenshots.mjs URL --readme FILE          its largest incident
import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { launch, openPage, wrongsOf } from "./browser.mjs";

const [base, directory, ...only] = process.argv.slice(2);
if (!directory) {
  console.error("screenshots.mjs URL DIRECTORY [NAME...] | URL --readme FILE");
  process.exit(2);
}
const read = async (path) => (await fetch(`${base}/api/v1/${path}`)).json();
const incidents = (await read("incidents?limit=20")).incidents;
const most = [...incidents].sort((a, b) => b.alerts.length - a.alerts.length)[0];
const entity = most?.causes[0]?.entity ?? (await read("entities?limit=1")).entities[0]?.id;
const places = {
  now: "#/now",
  incident: most && `#/incident/${most.id}`,
  entity: entity && `#/entity/${encodeURIComponent(entity)}`,
  topology: "#/topology",
  alerts: "#/alerts?state=all",
  past: "#/alerts?state=incidents",
  silences: "#/alerts?state=silences",
  planned: "#/alerts?state=planned",
  quality: "#/quality",
  system: "#/system",
};
const phone = { colorScheme: "light", viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, hasTouch: true };
const views = [["light", { colorScheme: "light" }], ["dark", { colorScheme: "dark" }], ["phone", phone]];
const browser = await launch();
const wrongs = [];

async function show(page, hash) {
  await page.goto(`${base}/${hash}`);
  await page.waitForFunction(
    () => document.querySelector("main h1, main h2") && !document.querySelector("main .waiting, main [aria-busy=true]"));
  await page.waitForFunction(() => !document.querySelector(".link-starting"));
  await page.waitForFunction(() => [...document.querySelectorAll("main .chart")].every((chart) => chart.querySelector("canvas")));
  await page.waitForTimeout(600); // drawings settle
}

async function take(view, options) {
  const page = await openPage(browser, options);
  for (const [name, hash] of Object.entries(places)) {
    if (!hash || (only.length > 0 && !only.includes(name))) continue;
    await show(page, hash);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    if (wide > 0) wrongs.push(`${name}: ${wide} px too wide`);
    await page.screenshot({ path: `${directory}/${name}-${view}.png`, fullPage: name !== "alerts" });
  }
  if (most && (only.length === 0 || only.includes("silence"))) {
    await show(page, places.incident);
    await page.getByRole("button", { name: "Silence", exact: true }).click();
    await page.locator("dialog .reach").waitFor();
    await page.screenshot({ path: `${directory}/silence-${view}.png` });
  }
  wrongs.push(...(await wrongsOf(page)).map((wrong) => `${view} ${wrong}`));
  await page.context().close();
}

if (directory === "--readme") {
  mkdirSync(dirname(only[0]), { recursive: true });
  const page = await openPage(browser, { viewport: { width: 1560, height: 1440 } });
  await show(page, places.incident);
  await page.screenshot({ path: only[0] });
  wrongs.push(...await wrongsOf(page));
} else {
  mkdirSync(directory, { recursive: true });
  for (const [view, options] of views) await take(view, options);
}
await browser.close();
for (const wrong of wrongs) console.log(wrong);
console.log(`screenshots: ${directory === "--readme" ? only[0] : directory}`);
process.exit(wrongs.length > 0 ? 1 : 0);
