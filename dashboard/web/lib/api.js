// SPDX-License-Identifier: Apache-2.0
// The server's API. Paths are relative, so that a proxy may put the page below any path.
import { prefs, setPref } from "./prefs.js";

const answerWithin = 30000;
const credentials = "same-origin"; // none of ours: a proxy before the server may have a cookie of its own, or Basic authentication

export class ApiError extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** Whether what failed so may go well a little later. */
export function passes(error) {
  return error.status === 0 || error.status >= 500;
}

function headers(more = {}) {
  const all = { Accept: "application/json", ...more };
  if (prefs.token !== "") all.Authorization = `Bearer ${prefs.token}`;
  return all;
}

/** A signal that says so after @p ms, or when @p signal does; `done` ends the wait. */
function within(ms, signal) {
  const end = new AbortController();
  const timer = setTimeout(() => end.abort(new DOMException("no answer", "TimeoutError")), ms);
  const pass = () => end.abort(signal.reason);
  if (signal?.aborted) pass();
  signal?.addEventListener("abort", pass, { once: true });
  return { signal: end.signal, done: () => clearTimeout(timer) };
}

/** What @p path says, which is an object, or nothing to what was told; with @p plain its text. */
async function call(method, path, { body, signal, plain = false } = {}) {
  const until = within(answerWithin, signal);
  const { token } = prefs;
  const options = { method, signal: until.signal, headers: headers(), cache: "no-store", credentials };
  if (body !== undefined) {
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  let answer;
  let text;
  try {
    answer = await fetch(path, options);
    text = await answer.text();
  } catch (why) {
    if (why.name === "AbortError") throw why;
    throw new ApiError(0, "unreachable", "the server does not answer");
  } finally {
    until.done();
  }
  if (answer.ok && plain) return text;
  const value = valueOf(text);
  if (!answer.ok) throw refusal(answer.status, value, token);
  if (value !== null || (method !== "GET" && text === "")) return value;
  throw new ApiError(answer.status, "garbled", "what answers is not faultline; something may stand in between");
}

/** The object that @p text is, or null. */
function valueOf(text) {
  try {
    const value = JSON.parse(text);
    return typeof value === "object" && !Array.isArray(value) ? value : null;
  } catch {
    return null;
  }
}

/** @p token: what was asked with. Where another has been given since, its refusal says nothing of that one: `stale`. */
function refusal(status, value, token) {
  const stale = token !== prefs.token;
  if (status === 401 && !stale) setPref("token", "");
  const why = new ApiError(status, value?.error?.code ?? "error", value?.error?.message ?? `status ${status}`);
  why.stale = stale;
  return why;
}

/** The body of the feed, from after @p after. */
async function stream(after, signal) {
  const { token } = prefs;
  const answer = await fetch("api/v1/stream?brief=true", {
    signal,
    cache: "no-store",
    credentials,
    headers: headers({ Accept: "text/event-stream", ...(after ? { "Last-Event-ID": String(after) } : {}) }),
  });
  if (!answer.ok) throw refusal(answer.status, valueOf(await answer.text()), token);
  return answer.body;
}

const part = encodeURIComponent;

export const api = {
  get: (path, signal) => call("GET", `api/v1/${path}`, { signal }),
  text: (path, signal) => call("GET", path, { signal, plain: true }),
  overview: (signal) => api.get("overview", signal),
  status: (signal) => api.get("status", signal),
  incident: (id, signal) => api.get(`incidents/${part(id)}`, signal),
  story: (id, signal) => api.get(`incidents/${part(id)}/story`, signal),
  entities: (query, signal) => api.get(`entities?${new URLSearchParams(query)}`, signal),
  entity: (id, signal) => api.get(`entities/${part(id)}`, signal),
  entityStory: (id, signal) => api.get(`entities/${part(id)}/story`, signal),
  window: (id, metric, signal) => api.get(`entities/${part(id)}/window?metric=${part(metric)}`, signal),
  topology: (signal) => api.get("topology", signal),
  incidents: (query, signal) => api.get(`incidents?${new URLSearchParams(query)}`, signal),
  alert: (id, signal) => api.get(`alerts/${part(id)}`, signal),
  alerts: (query, signal) => api.get(`alerts?${new URLSearchParams(query)}`, signal),
  acknowledge: (what, id, words) => call("POST", `api/v1/${what}/${part(id)}/acknowledge`, { body: words }),
  feedback: (what, id, words) => call("POST", `api/v1/${what}/${part(id)}/feedback`, { body: words }),
  silences: (signal) => api.get("silences", signal),
  previewSilence: (matchers, signal) => call("POST", "api/v1/silences/preview", { body: { matchers }, signal }),
  silence: (word) => call("POST", "api/v1/silences", { body: word }),
  endSilence: (id, by) => call("DELETE", `api/v1/silences/${part(id)}?by=${part(by)}`),
  windows: (signal) => api.get("maintenance", signal),
  setWindow: (word) => call("POST", "api/v1/maintenance", { body: word }),
  removeWindow: (name, by) => call("DELETE", `api/v1/maintenance/${part(name)}?by=${part(by)}`),
  stream,
};
