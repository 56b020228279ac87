// SPDX-License-Identifier: Apache-2.0
// Which palette holds: the reader's choice, or the system's. No module, so that it has run before the first paint.
"use strict";
globalThis.applyTheme = (choice) => {
  const system = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  document.documentElement.dataset.theme = choice || system;
};
try {
  globalThis.applyTheme(localStorage.getItem("faultline.theme"));
} catch {
  globalThis.applyTheme(""); // storage may be forbidden
}
