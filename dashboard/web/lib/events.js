// SPDX-License-Identifier: Apache-2.0
// Reads server-sent events from pieces of text. Pure.

const mostBytes = 8 * 1024 * 1024;

/** push(text) gives the events that are whole: [{id, event, data}]. */
export function eventReader() {
  let rest = "";
  let id = "";
  return {
    push(text) {
      rest += text;
      if (rest.length > mostBytes) throw new Error("an event is over 8 MiB");
      const found = [];
      for (;;) {
        const at = rest.indexOf("\n\n");
        if (at < 0) return found;
        const block = rest.slice(0, at);
        rest = rest.slice(at + 2);
        const one = readBlock(block, id);
        id = one.id;
        if (one.data !== null) found.push({ id: one.id, event: one.event, data: one.data });
      }
    },
  };
}

function readBlock(block, before) {
  let id = before;
  let event = "message";
  const data = [];
  for (const line of block.split("\n")) {
    const colon = line.indexOf(":");
    if (colon === 0) continue; // a comment
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "id") id = value;
    else if (field === "event") event = value;
    else if (field === "data") data.push(value);
  }
  return { id, event, data: data.length > 0 ? data.join("\n") : null };
}

/**
 * Calls @p end once nothing was spoke() of for @p quiet ms of @p clock. The clock is looked at every second, for a timer
 * stands still while the machine sleeps, and the time slept would come on top. stop() ends it.
 */
export function quietWatch(quiet, end, clock = Date.now) {
  let last = clock();
  const timer = setInterval(() => {
    if (clock() - last <= quiet) return;
    clearInterval(timer);
    end();
  }, 1000);
  return {
    spoke() {
      last = clock();
    },
    stop: () => clearInterval(timer),
  };
}

/** Milliseconds to wait before try number @p n (from 0): doubled, at most 15 s, spread by @p random in 0..1. */
export function backOff(n, random) {
  return Math.min(15000, 500 * 2 ** n) * (0.5 + random / 2);
}
