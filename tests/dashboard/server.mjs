// SPDX-License-Identifier: Apache-2.0
// The server that a test in a browser stands before: what is asked of it, and alerts for it.
import assert from "node:assert/strict";

export const base = process.env.PAGE_URL;
const token = process.env.PAGE_TOKEN ? { Authorization: `Bearer ${process.env.PAGE_TOKEN}` } : {};
export const patience = { timeout: 60_000 };

/** What the server says at @p path; with @p body that is posted. */
export async function ask(path, body) {
  const post = { method: "POST", headers: { "Content-Type": "application/json", ...token }, body: JSON.stringify(body) };
  const answer = await fetch(`${base}${path}`, body === undefined ? { headers: token } : post);
  assert.ok(answer.ok, `${path}: ${answer.status}`);
  const text = await answer.text();
  return text === "" ? null : JSON.parse(text);
}

/** What @p look gives, once that is something. */
export async function eventually(look, what) {
  for (let n = 0; n < 600; ++n) {
    const found = await look();
    if (found) return found;
    await new Promise((go) => setTimeout(go, 100));
  }
  throw new Error(`in vain for a minute: ${what}`);
}

/** Raises an alert of service/@p name, or ends it. @returns it as the server tells it. */
export async function alertOf(name, state = "firing", more = {}) {
  await ask("/api/v2/alerts", [{ labels: { alertname: "Slow", service: name }, ...more, ...(state === "firing" ? {} : { endsAt: "2026-01-01T00:00:00Z" }) }]);
  const ofIt = async () => (await ask(`/api/v1/alerts?state=${state}&entity=${encodeURIComponent(`service/${name}`)}`)).alerts[0];
  return eventually(ofIt, `service/${name} is ${state}`);
}
