// SPDX-License-Identifier: Apache-2.0
// Templates of log lines. Pure.

const weight = { fatal: 5, error: 4, warning: 3, warn: 3, info: 2, debug: 1, trace: 0 };

/** The worst first; of the same, those seen last. */
export function byWorst(logs) {
  const of = (l) => weight[l.severity] ?? 2;
  return [...logs].sort((a, b) => of(b) - of(a) || b.last_ts - a.last_ts);
}

/** A template in pieces: [{text}] and [{hole: true}] where lines differ. */
export function pieces(template) {
  return String(template)
    .split(/(<\*>)/)
    .filter((text) => text !== "")
    .map((text) => (text === "<*>" ? { hole: true } : { text }));
}
