// SPDX-License-Identifier: Apache-2.0
// What the page is written in: preact, and its elements as html`...`. The html of preact's own package keeps the parts
// that never change from one drawing to the next; they hold the tree that they were first drawn in, and by way of what
// was drawn beside it all that came later: an open page grew with every incident. Here nothing is kept.
import { h } from "../vendor/htm.js";
import htm from "../vendor/template.js";

const notKept = 3; // in htm's words: it differs, and so do the parts that it is made of

export * from "../vendor/htm.js";
export const html = htm.bind(function element(...what) {
  this[0] = notKept;
  return h(...what);
});
