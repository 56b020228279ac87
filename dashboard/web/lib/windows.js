// SPDX-License-Identifier: Apache-2.0
// Maintenance windows as the API has them, for people. Pure.
import { duration } from "./format.js";

export const days = [
  ["mon", "Mon"],
  ["tue", "Tue"],
  ["wed", "Wed"],
  ["thu", "Thu"],
  ["fri", "Fri"],
  ["sat", "Sat"],
  ["sun", "Sun"],
];

/** The instant (ms) of what an input of date and time holds, in @p zone: "local" or "UTC". NaN for none. */
export function instantOf(text, zone) {
  return text === "" ? Number.NaN : Date.parse(zone === "local" ? text : `${text}Z`);
}

/** "every day at 02:00 Europe/Berlin, for 1 h 30 min", or "once, for 3 h". */
export function scheduleOf(w) {
  const lasts = duration(w.duration_s * 1000);
  if (!w.at) return `once, for ${lasts}`;
  return `${!w.days || w.days.length === 7 ? "every day" : w.days.join(", ")} at ${w.at} ${w.zone ?? "UTC"}, for ${lasts}`;
}
