// SPDX-License-Identifier: Apache-2.0
// The page's pure functions: node --test tests/dashboard/pure_test.mjs
import assert from "node:assert/strict";
import test from "node:test";
import { backOff, eventReader, quietWatch } from "../../dashboard/web/lib/events.js";
import { briefMoment, bytes, clock, count, day, distance, duration, entityParts, limitAt, limitText, many, measured, moment, number, percent, quantile, unitOf, words } from "../../dashboard/web/lib/format.js";
import { entitiesLike, foundOf, kindsOf } from "../../dashboard/web/lib/finding.js";
import { judged, promise, readMetrics, total } from "../../dashboard/web/lib/judged.js";
import { layersOf, place, subset } from "../../dashboard/web/lib/layout.js";
import { literal, matchersOf, readMatchers, textOf } from "../../dashboard/web/lib/matchers.js";
import { byWorst, pieces } from "../../dashboard/web/lib/logs.js";
import { link, readRoute } from "../../dashboard/web/lib/route.js";
import { briefOf, filterOf, seen, wantsMore, withAlerts } from "../../dashboard/web/lib/rows.js";
import { chartsOf, incidentGraph, isPosted, itemsOf, mergedInto, propagation, remediesOf, safeLink, titleOf, whoOf } from "../../dashboard/web/lib/story.js";
import { allAcknowledged, byUrgency, outlineOf, withIncident } from "../../dashboard/web/lib/urgency.js";
import { alone, latest, span } from "../../dashboard/web/lib/window.js";
import { instantOf, scheduleOf } from "../../dashboard/web/lib/windows.js";

test("a stream is given up by the clock, which goes on while a machine sleeps and timers do not", async () => {
  let clock = 0;
  let ended = 0;
  const watch = quietWatch(25_000, () => ++ended, () => clock);
  const look = () => new Promise((go) => setTimeout(go, 1100));
  clock = 24_000;
  await look();
  assert.equal(ended, 0);
  watch.spoke();
  clock = 48_000;
  await look();
  assert.equal(ended, 0, "it spoke meanwhile");
  clock = 8 * 3_600_000; // a night
  await look();
  assert.equal(ended, 1);
  clock *= 2;
  await look();
  assert.equal(ended, 1, "once");
});

test("a maintenance window says in words when it is open", () => {
  const once = { at: null, days: null, zone: null, duration_s: 10_800 };
  assert.equal(scheduleOf(once), "once, for 3 h");
  const nightly = { at: "02:00", days: ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], zone: "Europe/Berlin", duration_s: 5400 };
  assert.equal(scheduleOf(nightly), "every day at 02:00 Europe/Berlin, for 1 h 30 min");
  assert.equal(scheduleOf({ ...nightly, days: ["sat", "sun"], zone: null }), "sat, sun at 02:00 UTC, for 1 h 30 min");
});

test("what a form says of a time is an instant of the zone that the page shows", () => {
  assert.equal(instantOf("2026-12-01T20:00", "UTC"), Date.UTC(2026, 11, 1, 20));
  assert.equal(instantOf("2026-12-01T20:00", "local"), new Date(2026, 11, 1, 20).getTime());
  assert.ok(Number.isNaN(instantOf("", "UTC")), "nothing said");
});

test("durations have two units and are never negative", () => {
  assert.equal(duration(0), "0 s");
  assert.equal(duration(-5000), "0 s");
  assert.equal(duration(59_400), "59 s");
  assert.equal(duration(3_600_000), "1 h");
  assert.equal(duration(3_661_000), "1 h 1 min");
  assert.equal(duration(90_061_000), "1 d 1 h");
  assert.equal(duration(86_400_000 + 5000), "1 d", "no unit is left out in between");
});

test("distances say which way", () => {
  assert.equal(distance(1000, 61_000), "1 min ago");
  assert.equal(distance(61_000, 1000), "in 1 min");
  assert.equal(distance(1000, 1500), "now");
});

test("the time to a limit is as of when it was told, and runs down", () => {
  const alert = { state: "firing", updated: 60_000, lead_time_s: 720 };
  assert.equal(limitAt(alert), 780_000);
  assert.equal(limitText(limitAt(alert), 60_000), "12 min");
  assert.equal(limitText(limitAt(alert), 360_000), "7 min");
  assert.equal(limitText(limitAt(alert), 840_000), "crossed 1 min ago");
  for (const none of [{ ...alert, state: "resolved" }, { ...alert, lead_time_s: undefined }, { ...alert, lead_time_s: null }]) assert.equal(limitAt(none), null);
});

test("a time of today is a clock's, of another day it has the date, of another year the year", () => {
  const ts = Date.UTC(2026, 0, 5, 23, 4, 5);
  assert.equal(briefMoment(ts, "UTC", ts + 3_000_000), "23:04:05");
  assert.equal(briefMoment(ts, "UTC", ts + 3_600_000), "5 Jan 23:04");
  assert.equal(briefMoment(ts, "Europe/Paris", ts + 3_600_000), "00:04:05", "the day is that of the zone");
  assert.equal(briefMoment(ts, "UTC", Date.UTC(2027, 5, 1)), "5 Jan 2026 23:04");
  assert.equal(day(Date.UTC(2026, 11, 31, 23), "Europe/Paris", Date.UTC(2026, 5, 1)), "Fri 1 Jan 2027", "the year is that of the zone, too");
});

test("the title of an incident leaves out what stands beside it as a fact, and nothing of its names", () => {
  const titled = (summary) => titleOf({ summary });
  assert.equal(titled("load of db/a and 2 others since 14:03; likely cause: disk in db/a (99 %)"), "load of db/a and 2 others");
  assert.equal(titled("load of db/a from 14:03 to 15:10; no cause stands out"), "load of db/a");
  assert.equal(titled("load of db/a since 14:03 (split from 0a1b)"), "load of db/a (split from 0a1b)");
  assert.equal(titled("x since 11:11 of db/from 01:02 to 03:04 y since 14:03"), "x since 11:11 of db/from 01:02 to 03:04 y");
  assert.equal(titled("merged into 0a1b"), "merged into 0a1b");
  assert.equal(mergedInto({ summary: "merged into 0a1b" }), "0a1b");
  assert.equal(mergedInto({ summary: "load of db/merged into 0a1b" }), "");
});

test("numbers are short and keep their size", () => {
  for (const [value, text] of [[0, "0"], [0.00042, "4.2e-4"], [0.1234, "0.123"], [12.345, "12.3"], [123.4, "123"], [9999, "9999"],
    [12_345, "12.3k"], [1_234_567, "1.23M"], [-5e9, "-5G"], [NaN, "–"], [null, "–"], [undefined, "–"], [Infinity, "–"]]) assert.equal(number(value), text);
});

test("a value has its unit behind it where there is one, and what is counted is per second", () => {
  for (const [value, unit, text] of [[0.25, "seconds", "0.25 s"], [3, "percent", "3 %"], [1_234_567, "bytes per second", "1.23M bytes per second"],
    [0.5, "ratio", "0.5"], [3, "", "3"], [3, undefined, "3"], [null, "seconds", "–"]]) assert.equal(measured(value, unit), text);
  for (const [metric, text] of [[{ kind: "gauge", unit: "bytes" }, "bytes"], [{ kind: "counter", unit: "bytes" }, "bytes per second"],
    [{ kind: "counter", unit: "" }, ""], [{ kind: "gauge" }, ""]]) assert.equal(unitOf(metric), text);
});

test("percentages never say nothing or all of what is neither", () => {
  assert.equal(percent(0), "0 %");
  assert.equal(percent(0.001), "<1 %");
  assert.equal(percent(0.734), "73 %");
  assert.equal(percent(0.999), ">99 %");
  assert.equal(percent(1), "100 %");
  assert.equal(percent(null), "–");
});

test("counts, words and parts of names", () => {
  assert.equal(count(1234567), "1\u202f234\u202f567");
  assert.equal(many(1, "entity", "entities"), "1 entity");
  assert.equal(many(0, "alert"), "0 alerts");
  assert.equal(words("memory_leak"), "memory leak");
  assert.equal(words(null), "");
  assert.deepEqual(entityParts("service/cart/v2"), ["service", "cart/v2"]);
  for (const odd of ["cart", "/cart", "cart/"]) assert.deepEqual(entityParts(odd), ["", odd]);
  assert.equal(quantile([1, 2, 3, 4], 0.5), 3);
  assert.equal(quantile([], 0.5), null);
});

test("instants are told in the zone that was chosen", () => {
  const ts = Date.UTC(2026, 0, 5, 23, 4, 5);
  assert.equal(clock(ts, "UTC"), "23:04:05");
  assert.equal(clock(ts, "Europe/Paris"), "00:04:05");
  assert.equal(moment(ts, "UTC", ts), "Mon 5 Jan 23:04:05");
  assert.equal(moment(ts, "Europe/Paris", ts), "Tue 6 Jan 00:04:05");
  assert.match(moment(ts, "UTC", Date.UTC(2027, 5, 1)), /2026/);
});

test("an address leads back to what it was made of, whatever the id", () => {
  for (const id of ["i42", "service/cart", "a?b#c&d", "é 100%", "<script>"]) {
    assert.deepEqual(readRoute(link("entity", id, { metric: "cpu & more" })), { page: "entity", id, query: { metric: "cpu & more" } });
  }
  assert.deepEqual(readRoute(""), { page: "now", id: "", query: {} });
  for (const odd of ["#/nothing", "#/incident", "#/incident/%E0%A4%A", "#/../x", "#/__proto__/x", "#/constructor"]) assert.equal(readRoute(odd).page, "now", odd);
});

test("events are read from any pieces", () => {
  const text = 'retry: 1000\nevent: hello\ndata: {}\n\nid: 7\nevent: alert\ndata: {"a":1}\n\n: a comment\n\nid: 8\nevent: alert\ndata: x\ndata: y\n\n';
  for (const size of [1, 3, 1000]) {
    const reader = eventReader();
    const all = [];
    for (let at = 0; at < text.length; at += size) all.push(...reader.push(text.slice(at, at + size)));
    assert.deepEqual(all, [{ id: "", event: "hello", data: "{}" }, { id: "7", event: "alert", data: '{"a":1}' }, { id: "8", event: "alert", data: "x\ny" }]);
  }
  assert.throws(() => eventReader().push("x".repeat(9 * 1024 * 1024)), "what never ends is not kept");
});

test("tries become rarer, up to a quarter of a minute", () => {
  assert.equal(backOff(0, 1), 500);
  assert.equal(backOff(3, 0), 2000);
  assert.equal(backOff(20, 1), 15_000);
});

const incident = (id, more = {}) => ({ id, severity: "warning", started: 0, firing: 1, acknowledged: 0, limit_at: null, ...more });

test("the most urgent comes first", () => {
  const list = [incident("old", { started: 1 }), incident("new", { started: 9 }), incident("soon", { limit_at: 50 }), incident("later", { limit_at: 90 }),
    incident("done", { severity: "critical", acknowledged: 1 }), incident("worst", { severity: "critical" })];
  assert.deepEqual(list.sort(byUrgency).map((i) => i.id), ["worst", "done", "soon", "later", "new", "old"]);
  assert.equal(allAcknowledged({ firing: 0, acknowledged: 0 }), false, "nothing that fires is nothing to acknowledge");
});

test("a message of the feed adds, changes and takes away an incident", () => {
  const record = { id: "a", state: "open", severity: "warning", started: 5, updated: 6, alerts: ["x", "y"], entities: ["e/1"], abstained: false, unobserved: 0.1,
    causes: [{ entity: "db/x", metric: "m", fault_class: "disk", probability: 0.7, evidence: [] }] };
  let list = withIncident([], record);
  assert.deepEqual(list[0].cause, { entity: "db/x", metric: "m", fault_class: "disk", probability: 0.7 });
  assert.equal(list[0].alerts, 2);
  list[0].limit_at = 77;
  list = withIncident(list, { ...record, severity: "critical", causes: [] });
  assert.equal(list.length, 1);
  assert.equal(list[0].limit_at, 77, "what a message does not say stays");
  assert.equal(list[0].cause, null);
  assert.equal(outlineOf({ ...record, alerts_total: 5000, entities_total: 4000 }).alerts, 5000);
  assert.deepEqual(withIncident(list, { ...record, state: "resolved" }), []);
});

const graph = { nodes: ["front", "cart", "db", "host", "other"].map((id) => ({ id, state: "ok" })),
  edges: [["front", "cart"], ["cart", "db"], ["db", "host"], ["other", "host"]].map(([from, to]) => ({ from, to, kind: "calls" })) };

test("trouble goes from the cause to who depends on it", () => {
  const path = propagation("db", new Set(["front", "cart"]), graph.edges);
  assert.deepEqual([...path.edges].sort(), ["cart\ndb", "front\ncart"]);
  assert.deepEqual([...path.nodes].sort(), ["cart", "db", "front"]);
  assert.equal(propagation("", new Set(["front"]), graph.edges).edges.size, 0);
  assert.equal(propagation("front", new Set(["db"]), graph.edges).edges.size, 0, "not to what it depends on");
});

test("the picture of an incident has its entities, its cause and the way between", () => {
  const picture = incidentGraph({ entities: ["front"], causes: [{ entity: "db" }], abstained: false }, graph);
  assert.deepEqual(picture.nodes.map((n) => n.id).sort(), ["cart", "db", "front"]);
  assert.equal(picture.nodes.find((n) => n.cause).id, "db");
  assert.equal(picture.edges.filter((e) => e.path).length, 2);
  const unsure = incidentGraph({ entities: ["front"], causes: [{ entity: "db" }], abstained: true }, graph);
  assert.equal(unsure.nodes.some((n) => n.cause), false, "where no cause stands out none is marked");
});

test("charts are of the causes first and each metric once", () => {
  const alerts = [{ entity: "a", metric: "x", started: 5, contributors: [{ metric: "x", score: 1 }, { metric: "y", score: -9 }] }];
  const charts = chartsOf({ started: 1, causes: [{ entity: "db", metric: "disk" }, { entity: "a", metric: "x" }] }, alerts);
  assert.deepEqual(charts.map((c) => `${c.entity} ${c.metric} ${c.onset}`), ["db disk 1", "a x 5", "a y 5"]);
  assert.equal(chartsOf({ causes: [] }, []).length, 0);
});

test("what others posted is known as such, and each name of who works on it stands once", () => {
  assert.ok(isPosted({ source: "alertmanager" }));
  assert.ok(!isPosted({ source: "detector" }));
  const charts = chartsOf({ started: 1, causes: [{ entity: "a", metric: "Slow" }] }, [{ entity: "a", metric: "Slow", source: "alertmanager", started: 1 }]);
  assert.deepEqual(charts, []);
  assert.deepEqual(whoOf([{ acknowledged_by: "ann" }, { acknowledged_by: "ann", assigned_to: "bob" }, {}]), { by: ["ann"], assigned: ["bob"] });
});

test("alerts that were posted stand in the order of what happened, once", () => {
  const posted = { source: "alertmanager", entity: "a", severity: "warning", started: 5, ended: 9, explanation: "slow", metric: "Slow" };
  const cause = { ts: 7, kind: "cause", subject: "a" };
  const made = itemsOf({ items: [cause], alerts: [posted, { source: "detector", entity: "b", started: 1 }] });
  assert.deepEqual(made.map((i) => [i.ts, i.kind, i.state]), [[5, "alert", "warning"], [7, "cause", undefined], [9, "alert", "resolved"]]);
  assert.equal(itemsOf({ items: made, alerts: [posted] }).length, 3);
});

test("a remedy stands once; only links of the web are followed", () => {
  const remedies = remediesOf({ causes: [{ entity: "a", remediation: [{ title: "t" }] }, { entity: "b", remediation: [{ title: "t" }, { title: "u" }] }] });
  assert.deepEqual(remedies.map((r) => [r.title, r.cause]), [["t", "a"], ["u", "b"]]);
  assert.equal(safeLink("https://example.org/x"), "https://example.org/x");
  for (const bad of ["javascript:alert(1)", "data:text/html,x", " java\nscript:alert(1)", "//example.org", "", null, "file:///etc/passwd"]) assert.equal(safeLink(bad), "", String(bad));
});

test("only the rows that are seen are drawn, and more are asked for in time", () => {
  assert.deepEqual(seen(0, 440, 44, 10_000), { first: 0, last: 18 });
  assert.deepEqual(seen(44_000, 440, 44, 10_000), { first: 992, last: 1018 });
  assert.deepEqual(seen(1e9, 440, 44, 100), { first: 100, last: 100 });
  assert.equal(wantsMore(120, 200, "n"), true);
  assert.equal(wantsMore(20, 200, "n"), false);
  assert.equal(wantsMore(200, 200, null), false);
});

test("rows follow the feed within their filter", () => {
  const alert = { id: "a", entity: "service/cart", metric: "cpu", severity: "warning", state: "firing", started: 1, updated: 2, score: 0.9, explanation: "CPU is high", acknowledged: true, acknowledged_by: "ann", assigned_to: "bob" };
  const fits = filterOf({ state: "firing", severity: "", text: "CART" });
  let rows = withAlerts([], [alert], fits);
  assert.deepEqual([rows[0].acknowledged, rows[0].assigned_to], ["ann", "bob"]);
  rows = withAlerts(rows, [{ ...alert, severity: "critical" }], fits);
  assert.equal(rows.length, 1);
  assert.equal(rows[0].severity, "critical");
  assert.deepEqual(withAlerts(rows, [{ ...alert, state: "resolved" }], fits), []);
  assert.deepEqual(withAlerts([], [{ ...alert, entity: "db/x" }], fits), []);
  assert.equal(withAlerts([], [alert], filterOf({ state: "all", text: "is high" })).length, 1);
  const told = [alert, { ...alert, id: "other" }, { ...alert, severity: "critical" }];
  assert.deepEqual(withAlerts([], told, fits).map((r) => [r.id, r.severity]), [[alert.id, "critical"], ["other", alert.severity]]);
  assert.equal(briefOf({ id: "a" }).silenced, undefined);
});

test("rows stand where the server lists them, and what is behind the last one comes with its page", () => {
  const fits = filterOf({ state: "all" });
  const alert = (id, started) => ({ id, started, state: "firing", entity: "e", metric: "m" });
  const rows = withAlerts([], [alert("b", 20), alert("d", 40)], fits);
  const ids = (told, more) => withAlerts(rows, told, fits, more).map((r) => r.id);
  assert.deepEqual(ids([alert("a", 10), alert("c", 30), alert("e", 50)], false), ["e", "d", "c", "b", "a"]);
  assert.deepEqual(ids([alert("a", 10), alert("c", 30), alert("e", 50)], true), ["e", "d", "c", "b"]);
  assert.deepEqual(ids([alert("a2", 20), alert("c", 20)], true), ["d", "a2", "b"], "of one time by id");
});

test("layers follow dependencies and circles end", () => {
  const layer = layersOf(graph.nodes, graph.edges);
  assert.deepEqual(["front", "cart", "db", "host", "other"].map((id) => layer.get(id)), [0, 1, 2, 3, 0]);
  const circle = layersOf([{ id: "a" }, { id: "b" }], [{ from: "a", to: "b" }, { from: "b", to: "a" }, { from: "a", to: "a" }, { from: "a", to: "gone" }]);
  assert.equal(circle.size, 2);
});

test("every node of a large graph has a place of its own, the same each time", () => {
  const nodes = Array.from({ length: 1000 }, (_, n) => ({ id: `n${n}`, state: "ok" }));
  const edges = nodes.slice(1).map((n, i) => ({ from: `n${Math.floor(i / 3)}`, to: n.id }));
  const spots = place(nodes, edges);
  assert.equal(new Set([...spots.values()].map((p) => `${Math.round(p.x)},${Math.round(p.y)}`)).size, 1000);
  assert.deepEqual([...place(nodes, edges)], [...spots]);
  const aspect = (options) => {
    const all = [...place(nodes.slice(0, 40), edges, options).values()];
    const span = (key) => Math.max(...all.map((p) => p[key])) - Math.min(...all.map((p) => p[key]));
    return span("x") / span("y");
  };
  assert.ok(aspect({}) > 1.4, "screens are wide");
  assert.ok(aspect({ width: 4, aspect: 0.7 }) < 1, "phones are not");
});

test("a part of the topology is what fits with what stands beside it", () => {
  const part = subset(graph, { text: "DB" });
  assert.deepEqual(part.nodes.map((n) => [n.id, n.touched]), [["cart", false], ["db", true], ["host", false]]);
  assert.equal(subset(graph, {}), graph);
  assert.equal(subset(graph, { text: "nobody" }).nodes.length, 0);
});

test("promises and verdicts are figures", () => {
  const p = promise({ since: 0, until: 30.44 * 86400e3, promised_per_entity_month: 2, entities: 10, alert_verdicts: { false: 3, true: 4 } });
  assert.ok(Math.abs(p.promised - 20) < 1e-9);
  assert.equal(p.calledFalse, 3);
  assert.equal(p.judged, 7);
  assert.ok(Math.abs(p.rate - 0.3) < 1e-9, "realised, as promised: false ones an entity and month");
  assert.equal(promise({ since: 5, until: 5, promised_per_entity_month: 1, entities: 10 }).rate, null);
  assert.equal(judged({ right: 3, wrong: 1 }, ["right", "partly", "wrong"]).share.right, 0.75);
  assert.equal(judged({}, ["right"]).share.right, null);
});

test("metrics are read and summed", () => {
  const samples = readMetrics('# HELP x y\nfaultline_x{a="b",c="d \\"e\\""} 3\nfaultline_x{a="z"} 4\nfaultline_y 1.5e3\nnonsense\n');
  assert.equal(total(samples, "faultline_x"), 7);
  assert.equal(total(samples, "faultline_x", { a: "b" }), 3);
  assert.equal(total(samples, "faultline_y"), 1500);
  assert.equal(total(samples, "none"), 0);
});

test("a silence of entities is a matcher that means them as they stand", () => {
  assert.deepEqual(matchersOf(["service/cart"]), { matchers: [{ name: "entity", op: "=", value: "service/cart" }], covered: 1 });
  const odd = ["host/web-1.example", "service/a|b", "service/(x)+[y]{2}^$\\*?"];
  const { matchers, covered } = matchersOf(odd);
  assert.equal(covered, 3);
  const whole = new RegExp(`^(?:${matchers[0].value})$`);
  for (const name of odd) assert.ok(whole.test(name), name);
  for (const other of ["host/web-1xexample", "service/a", "b", "host/web-1.example/2"]) assert.ok(!whole.test(other), other);
  assert.equal(literal("a.b"), "a\\.b");
});

test("a silence of more entities than a matcher holds says how many it covers", () => {
  const many = Array.from({ length: 1000 }, (_, n) => `service/é${n}`);
  const { matchers, covered } = matchersOf(many);
  assert.ok(covered > 200 && covered < 1000, String(covered));
  assert.equal(matchers[0].value.split("|").length, covered);
  const bytes = new TextEncoder().encode(matchers[0].value).length;
  assert.ok(bytes <= 4096 && bytes > 4080, String(bytes));
});

test("matchers are read as people write them, and back", () => {
  const all = [{ name: "entity", op: "=~", value: 'a"b\\\nc|d' }, { name: "severity", op: "!=", value: "" }, { name: "alertname", op: "!~", value: "x.*" }, { name: "entity", op: "=", value: "~a" }];
  assert.deepEqual(readMatchers(textOf(all)), { matchers: all, error: "" });
  assert.deepEqual(readMatchers("  entity = service/cart \n\nk8s.pod=~ web-.* ").matchers,
    [{ name: "entity", op: "=", value: "service/cart" }, { name: "k8s.pod", op: "=~", value: "web-.*" }]);
  const odd = [{ name: "app.kubernetes.io/name", op: "=", value: "cart" }, { name: "deploy-id", op: "=~", value: "web-\\d+" }];
  assert.deepEqual(readMatchers('app.kubernetes.io/name=cart\ndeploy-id=~"web-\\d+"').matchers, odd, "names of attributes are any, and \\d is no mistake");
  assert.deepEqual(readMatchers(textOf(odd)), { matchers: odd, error: "" });
  for (const wrong of ["", "  \n", "entity", "=x", 'a=x"y', 'entity="x', 'entity="x" y']) assert.notEqual(readMatchers(wrong).error, "", wrong);
});

test("bytes have the unit that fits", () => {
  for (const [n, text] of [[0, "0 B"], [97, "97 B"], [1536, "1.5 KiB"], [7_759_462, "7.4 MiB"], [2 ** 40, "1 TiB"], [2 ** 60, "1048576 TiB"]]) assert.equal(bytes(n), text);
});

test("templates are told worst first, and where lines differ", () => {
  const logs = [{ id: "a", severity: "info", last_ts: 9 }, { id: "b", severity: "error", last_ts: 1 }, { id: "c", severity: "error", last_ts: 2 }, { id: "d", severity: "fatal", last_ts: 0 }];
  assert.deepEqual(byWorst(logs).map((l) => l.id), ["d", "c", "b", "a"]);
  assert.deepEqual(pieces("opened <*> for <b><*>"), [{ text: "opened " }, { hole: true }, { text: " for <b>" }, { hole: true }]);
  assert.deepEqual(pieces(""), []);
});

/** Asks of a list of ids in order, as the server does. */
const asksOf = (ids) => async ({ prefix = "", next = "", limit }) => {
  const all = ids.filter((id) => id.startsWith(prefix) && id > next);
  return { entities: all.slice(0, limit).map((id) => ({ id })), next: all.length > limit ? all[limit - 1] : null };
};

test("an entity is found by the beginning of its name, whatever its kind, and what is drawn comes first", async () => {
  const ask = asksOf(["bare", "db/web", "host/web-1", "host/web-2", "service/cart", "service/web"].sort());
  const kinds = await kindsOf(ask);
  assert.deepEqual(kinds, ["db", "host", "service"]);
  const ids = async (...with_) => (await entitiesLike(ask, ...with_)).map((e) => e.id);
  assert.deepEqual(await ids("web", kinds), ["db/web", "host/web-1", "host/web-2", "service/web"]);
  assert.deepEqual(await ids("host/web-2", kinds), ["host/web-2"]);
  assert.deepEqual(await ids("ba", kinds), ["bare"]);
  assert.deepEqual(await ids("web", kinds, 2), ["db/web", "host/web-1"]);
  assert.deepEqual(await kindsOf(asksOf([])), []);
  assert.equal((await kindsOf(asksOf(Array.from({ length: 40 }, (_, n) => `k${n + 10}/a`)))).length, 16, "as many kinds as are asked for");
  const found = foundOf([{ id: "host/web-2" }, { id: "db/x" }], [{ id: "host/web-1" }, { id: "host/web-2" }], "WEB");
  assert.deepEqual(found.map((e) => e.id), ["host/web-2", "host/web-1"]);
  assert.deepEqual(foundOf([{ id: "a" }], [], ""), []);
});

test("values that a line does not show are found, the newest of a window, and a lone tick has room", () => {
  assert.deepEqual(alone([1, null, 2, 3, null, null, 4]), [0, 6]);
  assert.deepEqual(alone([0]), [0]);
  assert.deepEqual(alone([1, 2]), []);
  assert.equal(latest([1, 0, null]), 0);
  assert.equal(latest([null]), null);
  assert.deepEqual(span([100], 100, 86_400_100), [40, 160]);
  assert.deepEqual(span([100, 110], 100, 110), [100, 110]);
  assert.deepEqual(span([], null, null), [null, null]);
});
