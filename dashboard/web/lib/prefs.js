// SPDX-License-Identifier: Apache-2.0
// What the reader chose, kept by the browser: theme, zone, name. The token lasts as long as the tab.
import { useEffect, useState } from "./html.js";

const listeners = new Set();

function read(store, key) {
  try {
    return store.getItem(`faultline.${key}`) ?? "";
  } catch {
    return ""; // storage may be forbidden
  }
}

function write(store, key, value) {
  try {
    if (value === "") store.removeItem(`faultline.${key}`);
    else store.setItem(`faultline.${key}`, value);
  } catch {
    // it lasts until the page is left
  }
}

export const prefs = {
  theme: read(localStorage, "theme"), // "", "light", "dark"
  zone: read(localStorage, "zone") || "local",
  name: read(localStorage, "name"),
  token: read(sessionStorage, "token"),
};

const { applyTheme } = globalThis; // of theme.js

export function setPref(key, value) {
  prefs[key] = value;
  write(key === "token" ? sessionStorage : localStorage, key, value);
  if (key === "theme") applyTheme(value);
  for (const tell of listeners) tell({});
}

/** The preferences, and a new look at them when one changes. */
export function usePrefs() {
  const [, tell] = useState({});
  useEffect(() => {
    listeners.add(tell);
    return () => listeners.delete(tell);
  }, []);
  return prefs;
}

export function isDark() {
  return document.documentElement.dataset.theme === "dark";
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  applyTheme(prefs.theme);
  for (const tell of listeners) tell({});
});
