// SPDX-License-Identifier: Apache-2.0
// node tests/dashboard/screenshots.mjs URL DIRECTORY [NAME...]: every page of a running server, light and
// dark, on a desk and on a phone (390 px); with NAMEs only those.
import { mkdirSync } from "node:fs";
import { launch, openPage, wrongsOf } from "./browser.mjs";

const [base, directory, ...only] = process.argv.slice(2);
if (!directory) {
  console.error("screenshots.mjs URL DIRECTORY [NAME...]");
  process.exit(2);
}
mkdirSync(directory, { recursive: true });
const read = async (path) => (await fetch(`${base}/api/v1/${path}`)).json();
const overview = await read("overview");
const incidents = (await read("incidents?limit=20")).incidents;
const most = [...incidents].sort((a, b) => b.alerts.length - a.alerts.length)[0];
const entity = most?.causes[0]?.entity ?? (await read("entities?limit=1")).entities[0]?.id;
const places = {
  now: "#/now", incident: most ? `#/incident/${most.id}` : null, entity: entity ? `#/entity/${encodeURIComponent(entity)}` : null,
  topology: "#/topology", alerts: "#/alerts?state=all", quality: "#/quality", system: "#/system",
};
const views = [
  ["light", { colorScheme: "light" }], ["dark", { colorScheme: "dark" }],
  ["phone", { colorScheme: "light", viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, hasTouch: true }],
];
const browser = await launch();
let failed = false;
for (const [view, options] of views) {
  const page = await openPage(browser, options);
  for (const [name, hash] of Object.entries(places)) {
    if (!hash || (only.length > 0 && !only.includes(name))) continue;
    await page.goto(`${base}/${hash}`);
    await page.waitForSelector("main h1, main h2");
    await page.waitForLoadState("load");
    await page.waitForFunction(() => !document.querySelector("main .waiting, main [aria-busy=true]"));
    await page.waitForTimeout(400); // drawings settle
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    if (wide > 0) console.log(`${view} ${name}: ${wide} px too wide`);
    await page.screenshot({ path: `${directory}/${name}-${view}.png`, fullPage: name !== "alerts" });
  }
  const wrongs = await wrongsOf(page);
  if (wrongs.length > 0) failed = true;
  for (const wrong of wrongs) console.log(`${view}: ${wrong}`);
  await page.context().close();
}
await browser.close();
console.log(`${overview.open} open incidents; screenshots are in ${directory}`);
process.exit(failed ? 1 : 0);
