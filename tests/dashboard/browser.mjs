// SPDX-License-Identifier: Apache-2.0
// Debian's Chromium, driven by playwright-core; what the page must never do is noted as it happens.
import { existsSync } from "node:fs";
import { chromium } from "playwright-core";

const program = process.env.CHROMIUM ?? ["/usr/bin/chromium", "/usr/bin/chromium-browser"].find(existsSync);

export async function launch() {
  if (!program) throw new Error("there is no chromium: apt-get install chromium");
  // Tests run as root in containers, where Chromium has no sandbox of its own; what it opens is ours.
  return chromium.launch({ executablePath: program, args: ["--no-sandbox", "--disable-dev-shm-usage"] });
}

/** A page that notes errors of scripts, reports of the content security policy, and dialogs, in page.wrongs. */
export async function openPage(browser, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, ...options });
  const page = await context.newPage();
  page.wrongs = [];
  page.on("pageerror", (error) => page.wrongs.push(`error: ${error.message}`));
  page.on("dialog", (dialog) => { page.wrongs.push(`dialog: ${dialog.message()}`); dialog.dismiss(); });
  page.on("console", (message) => {
    if (/Content.Security.Policy|TrustedHTML|TrustedScript/i.test(message.text())) page.wrongs.push(`policy: ${message.text()}`);
  });
  await page.addInitScript(() => {
    window.policyReports = [];
    document.addEventListener("securitypolicyviolation", (e) => window.policyReports.push(`${e.violatedDirective} ${e.blockedURI} ${e.sample}`));
  });
  return page;
}

/** Everything that was noted; an empty list is what a test wants. */
export async function wrongsOf(page) {
  return [...page.wrongs, ...await page.evaluate(() => window.policyReports)];
}
