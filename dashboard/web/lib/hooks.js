// SPDX-License-Identifier: Apache-2.0
import { useEffect, useRef, useState } from "../vendor/htm.js";
import { onFeed } from "./live.js";

/** The time, every @p ms, so that "5 min ago" stays true. */
export function useTick(ms = 1000) {
  const [, tick] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => tick((n) => n + 1), ms);
    return () => clearInterval(timer);
  }, [ms]);
}

/**
 * Loads when @p keys change: {value, error, loading, reload}. What was there stays until something
 * new is; an answer that comes late is dropped.
 */
export function useLoaded(load, keys) {
  const [state, set] = useState({ value: null, error: null, loading: true });
  const [turn, again] = useState(0);
  const of = useRef(null);
  useEffect(() => {
    const abort = new AbortController();
    const key = JSON.stringify(keys);
    const same = of.current === key;
    of.current = key;
    set((s) => ({ value: same ? s.value : null, error: null, loading: true }));
    load(abort.signal).then(
      (value) => !abort.signal.aborted && set({ value, error: null, loading: false }),
      (error) => !abort.signal.aborted && set((s) => ({ value: s.value, error, loading: false })),
    );
    return () => abort.abort();
  }, [...keys, turn]);
  return { ...state, reload: () => again((n) => n + 1) };
}

/** Calls @p run when a message of the feed passes @p test, or too many came, at most every @p ms. */
export function useFeed(test, run, ms = 1000) {
  const last = useRef({ at: 0, timer: 0 });
  const latest = useRef({ test, run });
  latest.current = { test, run };
  useEffect(() => {
    const stop = onFeed((record) => {
      if (last.current.timer || !(record.kind === "many" || latest.current.test(record))) return;
      const wait = Math.max(0, last.current.at + ms - performance.now());
      last.current.timer = setTimeout(() => {
        last.current = { at: performance.now(), timer: 0 };
        latest.current.run();
      }, wait);
    });
    return () => {
      stop();
      clearTimeout(last.current.timer);
    };
  }, []);
}

/** Whether @p text is typed into: then keys are letters. */
export function isTyping(target) {
  return target instanceof Element && target.closest("input, textarea, select, [contenteditable]") !== null;
}
