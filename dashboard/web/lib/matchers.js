// SPDX-License-Identifier: Apache-2.0
// Matchers of silences, as the API and Alertmanager have them, and as people write them. Pure.

const mostBytes = 4096; // of one value, see docs/wire-protocol.md
const bytes = (text) => new TextEncoder().encode(text).length;

/** One matcher for exactly @p entities, or for the first of them that fit: {matchers, covered}. */
export function matchersOf(entities) {
  if (entities.length === 1) return { matchers: [{ name: "entity", op: "=", value: entities[0] }], covered: 1 };
  const parts = [];
  let size = -1;
  for (const entity of entities) {
    size += bytes(literal(entity)) + 1;
    if (size > mostBytes) break;
    parts.push(literal(entity));
  }
  return { matchers: [{ name: "entity", op: "=~", value: parts.join("|") }], covered: parts.length };
}

/** @p text for a regular expression that means it as it stands. */
export function literal(text) {
  return String(text).replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}

/** Matchers as lines that readMatchers() reads back. */
export function textOf(matchers) {
  const quoted = (value) => `"${value.replace(/["\\]/g, "\\$&").replace(/\n/g, "\\n")}"`;
  return matchers.map((m) => `${m.name}${m.op}${quoted(m.value)}`).join("\n");
}

const oneLine = /^\s*([^\s",{}=!~]+)\s*(=~|!~|!=|=)\s*(.*?)\s*$/s;

/** {matchers, error} of lines: name="value", also != =~ !~, quotes may be left out; as the server reads them. */
export function readMatchers(text) {
  const matchers = [];
  for (const line of String(text).split("\n")) {
    if (line.trim() === "") continue;
    const found = oneLine.exec(line);
    const value = found && unquoted(found[3]);
    if (!found || value === null) return { matchers: [], error: `“${line.trim()}” is not name="value"` };
    matchers.push({ name: found[1], op: found[2], value });
  }
  if (matchers.length === 0) return { matchers, error: "Say what it is about: entity=\"service/cart\"" };
  return { matchers, error: "" };
}

/** What stands between quotes; a backslash before what needs none stays, for an expression may hold \d. Null: the quotes do not match. */
function unquoted(text) {
  if (!text.startsWith('"')) return text.includes('"') ? null : text;
  const found = /^"((?:[^"\\]|\\.)*)"$/s.exec(text);
  return found && found[1].replace(/\\(["\\n])/g, (_, c) => (c === "n" ? "\n" : c));
}
