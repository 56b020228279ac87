// SPDX-License-Identifier: Apache-2.0
// The line between a browser and a server, which a test can cut, hold and mend.
import { connect, createServer } from "node:net";

/**
 * A line to the server at @p target: {url, cut, hold, mend, close}. Cut, it breaks and nobody gets through; held, it
 * looks as it did and nothing comes any more, as where a machine lost its power.
 */
export async function openLine(target) {
  const { hostname, port } = new URL(target);
  const pairs = new Set();
  let state = "open";
  const end = (pair) => {
    pairs.delete(pair);
    for (const socket of pair) socket.destroy();
  };
  const door = createServer((near) => {
    if (state === "cut") return near.destroy();
    const far = connect(Number(port), hostname);
    const pair = [near, far];
    pairs.add(pair);
    for (const [from, to] of [[near, far], [far, near]]) {
      from.on("data", (bytes) => state === "open" && to.write(bytes));
      from.on("error", () => end(pair));
      from.on("close", () => state !== "held" && end(pair));
    }
  });
  await new Promise((listening) => door.listen(0, "127.0.0.1", listening));
  const drop = () => { for (const pair of [...pairs]) end(pair); };
  return {
    url: `http://127.0.0.1:${door.address().port}`,
    cut: () => { state = "cut"; drop(); },
    hold: () => { state = "held"; },
    mend: () => { drop(); state = "open"; },
    close: () => { state = "cut"; drop(); door.close(); },
  };
}
