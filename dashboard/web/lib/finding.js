// SPDX-License-Identifier: Apache-2.0
// Entities by the beginning of their name, with or without its kind. Pure: what is asked of the server is handed in.

const mostKinds = 16;
const behind = "0"; // comes after "/": the next name behind "host0" is of another kind

/** Kinds of entities that there are ("host", "service"); @p ask gives {entities, next} of a query, in the order of names. */
export async function kindsOf(ask) {
  const kinds = [];
  let next = "";
  while (kinds.length < mostKinds) {
    const [first] = (await ask({ limit: 1, ...(next ? { next } : {}) })).entities;
    if (!first) break;
    const at = first.id.indexOf("/");
    if (at > 0) kinds.push(first.id.slice(0, at));
    next = at > 0 ? first.id.slice(0, at) + behind : first.id;
  }
  return kinds;
}

/** At most @p most entities whose name begins with @p text, or whose name within its kind does; each once. */
export async function entitiesLike(ask, text, kinds, most = 12) {
  const prefixes = text.includes("/") ? [text] : [text, ...kinds.map((kind) => `${kind}/${text}`)];
  const pages = await Promise.all(prefixes.map((prefix) => ask({ prefix, limit: most })));
  const found = new Map(pages.flatMap((page) => page.entities).map((e) => [e.id, e]));
  return [...found.values()].slice(0, most);
}

/** What a search shows: first @p known whose name holds @p text, then @p others that are not among them. */
export function foundOf(known, others, text, most = 12) {
  const part = text.toLowerCase();
  if (part === "") return [];
  const held = known.filter((n) => n.id.toLowerCase().includes(part)).slice(0, most);
  const ids = new Set(held.map((n) => n.id));
  return [...held, ...others.filter((e) => !ids.has(e.id))].slice(0, most);
}
