// SPDX-License-Identifier: Apache-2.0
// Addresses within the page: "#/incident/i42?metric=cpu". Pure.

export const pages = ["now", "topology", "alerts", "quality", "system"];

/** {page, id, query} of a location's hash; unknown pages are "now". */
export function readRoute(hash) {
  const [path, search = ""] = String(hash).replace(/^#\/?/, "").split("?");
  const [name = "", ...rest] = path.split("/");
  const known = [...pages, "incident", "entity"].includes(name);
  const query = Object.fromEntries(new URLSearchParams(search));
  const id = decode(rest.join("/"));
  if (!known || ((name === "incident" || name === "entity") && id === "")) {
    return { page: "now", id: "", query: {} };
  }
  return { page: name, id, query };
}

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}

/** The hash of a page; readRoute() reads it back. */
export function link(page, id = "", query = {}) {
  const search = new URLSearchParams(
    Object.entries(query).filter(([, value]) => value !== "" && value !== undefined && value !== null),
  );
  const tail = String(search);
  return `#/${page}${id === "" ? "" : `/${encodeURIComponent(id)}`}${tail === "" ? "" : `?${tail}`}`;
}
