// SPDX-License-Identifier: Apache-2.0
import { useEffect, useRef, useState } from "./html.js";
import { passes } from "./api.js";
import { backOff } from "./events.js";
import { onFeed } from "./live.js";

/** The time, every @p ms, so that "5 min ago" stays true. */
export function useTick(ms = 1000) {
  const [, tick] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => tick((n) => n + 1), ms);
    return () => clearInterval(timer);
  }, [ms]);
}

/** Whether the media @p query holds. */
export function useMedia(query) {
  const [holds, set] = useState(() => matchMedia(query).matches);
  useEffect(() => {
    const media = matchMedia(query);
    const look = () => set(media.matches);
    look();
    media.addEventListener("change", look);
    return () => media.removeEventListener("change", look);
  }, [query]);
  return holds;
}

/** Calls @p run every @p ms while the page is seen. */
export function useEvery(ms, run) {
  const latest = useRef(run);
  latest.current = run;
  useEffect(() => {
    const timer = setInterval(() => document.visibilityState === "visible" && latest.current(), ms);
    return () => clearInterval(timer);
  }, [ms]);
}

/** Tries again, more and more rarely: {later(again), went()}; `went` ends it, whatever was to come. */
export function retries() {
  let failures = 0;
  let timer = 0;
  return {
    later(again) {
      clearTimeout(timer);
      timer = setTimeout(again, backOff(failures++, Math.random()));
    },
    went() {
      clearTimeout(timer);
      failures = 0;
    },
  };
}

/**
 * Loads when @p keys change, and anew when @p turn does: {value, error, loading, reload}. What was there stays until
 * something new is; an answer to other keys is dropped, and what is asked for anew waits for the answer under way. What
 * failed, and may pass, is asked for again until it comes.
 */
export function useLoaded(load, keys, turn = 0) {
  const [state, set] = useState({ value: null, error: null, loading: true });
  const [asks, ask] = useState(0);
  const latest = useRef(load);
  latest.current = load;
  const of = useRef(null);
  const asked = useRef(null); // {abort, again} of what is under way
  const tries = useRef(null);
  tries.current ??= retries();
  const begin = () => {
    const mine = { abort: new AbortController(), again: false };
    asked.current = mine;
    const end = (next, error = null) => {
      if (asked.current !== mine) return;
      asked.current = null;
      set(next);
      if (!error) tries.current.went();
      if (mine.again) begin();
      else if (error && passes(error)) tries.current.later(() => asked.current || begin());
    };
    latest.current(mine.abort.signal).then(
      (value) => end({ value, error: null, loading: false }),
      (error) => end((s) => ({ value: s.value, error, loading: false }), error),
    );
  };
  useEffect(
    () => () => {
      asked.current?.abort.abort();
      asked.current = null;
      tries.current.went();
    },
    keys,
  );
  useEffect(() => {
    const key = JSON.stringify(keys);
    const same = of.current === key;
    of.current = key;
    if (asked.current) {
      asked.current.again = true;
      return;
    }
    set((s) => (same ? { ...s, loading: true } : { value: null, error: null, loading: true }));
    begin();
  }, [...keys, turn, asks]);
  return { ...state, reload: () => ask((n) => n + 1) };
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

/**
 * [text, type] of a field whose text stands in the address, as @p told: @p write gets what is typed once it stands still,
 * and what the address says otherwise is in the field.
 */
export function useTyped(told, write, ms = 250) {
  const [text, type] = useState(told);
  const written = useRef(told);
  const latest = useRef(write);
  latest.current = write;
  useEffect(() => {
    if (told === written.current) return;
    written.current = told;
    type(told);
  }, [told]);
  useEffect(() => {
    if (text === written.current) return undefined;
    const timer = setTimeout(() => {
      written.current = text;
      latest.current(text);
    }, ms);
    return () => clearTimeout(timer);
  }, [text]);
  return [text, type];
}

/** Whether @p text is typed into: then keys are letters. */
export function isTyping(target) {
  return target instanceof Element && target.closest("input, textarea, select, [contenteditable]") !== null;
}
