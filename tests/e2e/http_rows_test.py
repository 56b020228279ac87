# SPDX-License-Identifier: Apache-2.0
"""The contract of HTTP and of the configuration, row by row, black box."""

import base64
import json
import math
import signal
import subprocess
import time
import unittest

from support import BIN, ROOT, Publisher, Server, free_ports
from wire import entity_of, eventually, feed_is_quiet, push, quoted, replay_all

START = 1_750_000_000_000
CONFIG = (
    "processing: {tick: 1s, accept_past: true}\n"
    "detection: {learning: 1m, false_pages_per_entity_month: 2}\n"
    "limits: [{entity: 'db/*', metric: 'disk*', above: 90, severity: critical}]\n"
    "retention: {log: 24h, log_bytes: 20GiB, feed: 30d, dead_letters: 7d}\n"
    "entities: {retire_after: 7d, max_new_per_second: 1000}\n"
)
ODD = "dé/x y?#%2F+&"


def rows(n):
    high = 95.0 if n >= 110 else 40.0 + math.sin(n)
    return [{"entity": e, "ts": START + n * 1000, "values": {"disk.used": high, "cpu": 1.0 + n % 5}}
            for e in ("db/one", "db/two", "db/three")]


def content(record):
    """A record without what says when it was told."""
    return {k: v for k, v in record.items() if k not in ("seq", "published")}


class Http(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(CONFIG).start()
        p = Publisher(cls.server.router, "http")
        for n in range(170):
            p.send(rows(n))
        p.send([{"entity": ODD, "ts": START, "values": {"a/b c": 1.0}},
                {"type": "log", "entity": "logs/only", "ts": START, "body": "x"},
                {"type": "edge", "entity": "db/one", "ts": START, "depends_on": ["db/two", "ghost/x"]},
                {"entity": ""}, 5])
        p.send_raw(b"\xc1\x00junk", 200)
        p.flush()
        p.reply_to(200)
        p.close()
        feed_is_quiet(cls.server)

    @classmethod
    def tearDownClass(cls):
        cls.server.close()

    def api(self, path):
        return self.server.api("/api/v1/" + path)

    def refused(self, method, path, status, body=None):
        got, text = self.server.request(method, path, body)
        self.assertEqual(got, status, f"{method} {path}: {text}")
        error = json.loads(text)
        self.assertEqual(set(error), {"error"})
        self.assertEqual(set(error["error"]), {"code", "message"})
        self.assertTrue(error["error"]["message"])
        return error["error"]["code"]

    def pages(self, path, name, limit):
        """All items of a list, page by page."""
        items, after = [], ""
        while True:
            page = self.api(f"{path}{'&' if '?' in path else '?'}limit={limit}{after}")
            self.assertLessEqual(len(page[name]), limit)
            items += page[name]
            if page["next"] is None:
                return items
            after = "&next=" + quoted(page["next"])

    def test_ready_healthy_metrics(self):
        self.assertEqual(self.server.get("/-/ready")[0], 200)
        self.assertEqual(self.server.get("/-/healthy")[0], 200)
        status, text = self.server.get("/metrics")
        self.assertEqual(status, 200)
        self.assertIn("faultline_dead_letters_total{reason=", text)

    def test_status(self):
        s = self.api("status")
        for key, kind in (("version", str), ("uptime_s", float), ("entities", int), ("observations", int),
                          ("dead_letters", int), ("feed", dict), ("partitions", int), ("overload", str)):
            self.assertIsInstance(s[key], kind, key)
        self.assertEqual((s["observations"], s["dead_letters"], s["partitions"]), (170 * 3 + 3, 3, 64))
        self.assertEqual(s["entities"], 5)
        self.assertEqual(s["feed"]["seq"], len(replay_all(self.server.replay)))

    def test_entities_with_prefix_limit_and_next(self):
        every = sorted(["db/one", "db/two", "db/three", ODD, "logs/only"])
        for limit in (1, 2, 5, 1000):
            self.assertEqual([e["id"] for e in self.pages("entities", "entities", limit)], every)
        self.assertEqual([e["id"] for e in self.pages("entities?prefix=db%2Ft", "entities", 1)], ["db/three", "db/two"])
        self.assertEqual(self.api("entities?prefix=nobody"), {"entities": [], "next": None})
        row = self.api("entities?prefix=db%2Fone")["entities"][0]
        self.assertEqual(set(row), {"id", "state", "observations", "last_ts"})
        self.assertEqual((row["observations"], row["last_ts"]), (171, START + 169_000))

    def shown(self, *words):
        return subprocess.run([str(BIN / "faultline"), "--server", f"http://127.0.0.1:{self.server.http}", "entity", "show", *words],
                              cwd=ROOT, timeout=60, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def test_entity_show_draws_the_metric_that_is_farthest_off_or_the_one_that_is_named(self):
        e = self.api("entities/db%2Fone")
        farthest = max(e["metrics"], key=lambda m: m["off"])["name"]
        for words, drawn in ((["db/one"], farthest), (["db/one", "--metric", "cpu"], "cpu"),
                             (["db/one", "--metric", "disk.used"], "disk.used")):
            done = self.shown(*words)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("2 false pages a month", done.stdout)
            table, _, chart = done.stdout.partition(f"\n{drawn}\n")
            self.assertIn("USUAL RANGE", table)
            self.assertIn("\u2588", chart, done.stdout)
        self.assertEqual(self.shown("logs/only").returncode, 0)
        self.assertEqual(self.shown("db/one", "--metric", "nobody").returncode, 1)
        self.assertEqual(self.shown("nobody").returncode, 1)

    def test_one_entity_by_its_percent_encoded_id(self):
        e = self.api("entities/db%2Fone")
        self.assertEqual(set(e), {"id", "state", "observations", "first_ts", "last_ts", "metrics", "left_out", "alerts", "belief", "logs",
                                  "operations", "calls_left_out"})
        self.assertEqual((e["logs"], e["operations"], e["calls_left_out"]), ([], [], 0))
        said = self.api("entities/logs%2Fonly")["logs"]
        self.assertEqual([(l["template"], l["lines"], l["severity"], l["example"], l["last_ts"]) for l in said],
                         [("x", 1, "info", "x", START)])
        self.assertEqual((e["id"], e["state"], e["observations"]), ("db/one", "critical", 171))
        self.assertEqual((e["first_ts"], e["last_ts"]), (START, START + 169_000))
        self.assertEqual({m["name"] for m in e["metrics"]}, {"disk.used", "cpu"})
        for m in e["metrics"]:
            self.assertEqual(set(m), {"name", "role", "kind", "unit", "last", "expected", "lower", "upper", "off", "profile_weight"})
            self.assertEqual(m["kind"], "gauge")
            self.assertTrue(m["lower"] <= m["expected"] <= m["upper"], m)
        self.assertEqual(len(e["alerts"]), 1)
        belief = e["belief"]
        self.assertEqual((belief["false_pages_per_month"], belief["pages"]), (2, 1))
        self.assertTrue(0 <= belief["probability"] <= 1, belief)
        self.assertTrue(belief["soon"] is None or 0 <= belief["soon"] <= 1, belief)
        self.assertIn(belief["forecaster"], ("absent", "listening", "heard", "unheard"))
        self.assertEqual(self.api("entities/" + quoted(ODD))["id"], ODD)
        self.assertEqual(self.refused("GET", "/api/v1/entities/nobody", 404), "not_found")
        for bad in ("%", "%zz", "%0a", "x" * 257):
            self.assertEqual(self.refused("GET", "/api/v1/entities/" + bad, 400), "invalid")

    def test_the_window_has_five_series_of_one_length(self):
        w = self.api("entities/db%2Fone/window?metric=disk.used")
        self.assertEqual(set(w), {"ts", "values", "expected", "lower", "upper"})
        self.assertEqual({len(w[k]) for k in w}, {len(w["ts"])})
        self.assertTrue(160 <= len(w["ts"]) <= 512)
        self.assertEqual(w["ts"], sorted(w["ts"]))
        self.assertEqual(len([v for v in w["values"] if v is not None and v > 90]), 60)

    def test_the_window_of_a_known_metric_is_empty_before_its_first_tick(self):
        window = self.api(f"entities/{quoted(ODD)}/window?metric={quoted('a/b c')}")
        self.assertEqual(window, {"ts": [], "values": [], "expected": [], "lower": [], "upper": []})
        self.refused("GET", f"/api/v1/entities/{quoted(ODD)}/window?metric=other", 404)
        self.refused("GET", "/api/v1/entities/db%2Fone/window?metric=nothing", 404)
        self.refused("GET", "/api/v1/entities/nobody/window?metric=cpu", 404)
        self.refused("GET", "/api/v1/entities/logs%2Fonly/window?metric=cpu", 404)
        self.refused("GET", "/api/v1/entities/db%2Fone/window", 400)

    # Complaint: no-history
    def test_alerts_by_state_and_entity_in_pages(self):
        records = {p["id"]: p for _, p in replay_all(self.server.replay, "alert/")}
        for limit in (1, 2, 100):
            self.assertEqual({a["id"] for a in self.pages("alerts?state=firing", "alerts", limit)}, set(records))
        self.assertEqual(self.api("alerts?state=resolved"), {"alerts": [], "next": None})
        one = self.api("alerts?entity=db%2Fone")["alerts"]
        self.assertEqual([a["entity"] for a in one], ["db/one"])
        self.assertEqual(content(one[0]), content(records[one[0]["id"]]))
        self.refused("GET", "/api/v1/alerts?state=loud", 400)

    def test_incidents_and_one_incident(self):
        newest = {}
        for _, p in replay_all(self.server.replay, "incident/"):
            newest[p["id"]] = content(p)
        listed = self.pages("incidents", "incidents", 1)
        self.assertEqual({i["id"]: content(i) for i in listed}, newest)
        for one, record in newest.items():
            self.assertEqual(content(self.api("incidents/" + one)), record)
        self.assertEqual(len(self.api("incidents?state=open")["incidents"]) +
                         len(self.api("incidents?state=resolved")["incidents"]), len(newest))
        def touches(record, entity):
            return entity in record["entities"] or bool(record["causes"] and record["causes"][0]["entity"] == entity)

        for entity in ("db/one", "db/two", "nobody/x"):
            touched = {i for i, r in newest.items() if touches(r, entity)}
            listed = self.pages("incidents?entity=" + quoted(entity), "incidents", 1)
            self.assertEqual({i["id"] for i in listed}, touched, entity)
        self.assertTrue(self.api("incidents?entity=db%2Fone")["incidents"])
        self.assertEqual(self.api("incidents?entity=nobody%2Fx"), {"incidents": [], "next": None})
        for state in ("open", "resolved"):
            self.assertEqual({i["id"] for i in self.api(f"incidents?entity=db%2Fone&state={state}")["incidents"]},
                             {i for i, r in newest.items() if r["state"] == state and touches(r, "db/one")})
        whole = self.api(f"incidents?limit={len(newest)}")
        self.assertEqual((len(whole["incidents"]), whole["next"]), (len(newest), None), "nothing comes after the last")
        self.refused("GET", "/api/v1/incidents/nothing", 404)
        self.refused("GET", "/api/v1/incidents?state=firing", 400)

    def test_dead_letters_with_reason_source_and_payload(self):
        d = self.api("dead-letters?limit=10")
        self.assertEqual((d["total"], d["by_reason"]),
                         (3, {"bad_entity": 1, "event_not_a_map": 1, "unknown_format": 1}))
        self.assertEqual(len(d["letters"]), 3)
        for letter in d["letters"]:
            for key in ("reason", "ts", "source", "payload_base64"):
                self.assertIn(key, letter)
            self.assertLess(abs(letter["ts"] - time.time() * 1000), 600_000)
            self.assertIn("http", letter["source"])
        self.assertEqual(base64.b64decode(d["letters"][0]["payload_base64"]), b"\xc1\x00junk")
        self.assertEqual(len(self.api("dead-letters?limit=1")["letters"]), 1)

    def test_feedback_is_202_and_what_breaks_a_rule_is_400(self):
        alert = self.api("alerts?entity=db%2Fone")["alerts"][0]["id"]
        incident = self.api("incidents")["incidents"][0]["id"]
        for verdict in ("true", "false", "expected"):
            self.assertEqual(self.server.request("POST", f"/api/v1/alerts/{alert}/feedback",
                                                 {"verdict": verdict, "comment": "c", "by": "ann"})[0], 202)
        for body in ({"cause": "db/one", "verdict": "right", "comment": "", "by": "ann"},
                     {"cause": None, "verdict": "wrong", "by": "ann"}, {"verdict": "partly"}):
            self.assertEqual(self.server.request("POST", f"/api/v1/incidents/{incident}/feedback", body)[0], 202)
        for path, bodies in ((f"/api/v1/alerts/{alert}/feedback", ({}, {"verdict": "right"}, [], {"verdict": 1},
                                                                    {"verdict": "true", "comment": 5})),
                             (f"/api/v1/incidents/{incident}/feedback", ({}, {"verdict": "true"}, "x",
                                                                          {"verdict": "right", "cause": 7}))):
            for body in bodies:
                self.refused("POST", path, 400, body)
        self.refused("POST", "/api/v1/alerts/none/feedback", 404, {"verdict": "true"})
        self.refused("POST", "/api/v1/incidents/none/feedback", 404, {"verdict": "right"})

    def test_topology(self):
        t = self.api("topology")
        edge = [e for e in t["edges"] if (e["from"], e["to"]) == ("db/one", "db/two")][0]
        self.assertEqual(set(edge), {"from", "to", "kind", "source", "confidence", "last_seen"})
        self.assertEqual((edge["kind"], edge["source"], edge["last_seen"]), ("calls", "event", START))
        nodes = {n["id"]: n["state"] for n in t["nodes"]}
        self.assertEqual(nodes["db/one"], "critical")
        self.assertEqual(nodes["ghost/x"], "unknown", "no event of it ever came")

    # Complaint: wrong-topology
    def test_an_operators_word_on_a_dependency_stands_whatever_is_seen(self):
        def word(**said):
            return self.server.request("POST", "/api/v1/topology/edges", {"by": "ann", **said})[0]

        def edges():
            return {(e["from"], e["to"]): e["source"] for e in self.api("topology")["edges"]}

        self.assertEqual(word(**{"from": "svc/billing", "to": "db/ledger"}, action="add"), 202)
        eventually(lambda: edges().get(("svc/billing", "db/ledger")) == "operator")
        self.assertEqual(word(**{"from": "svc/billing", "to": "db/ledger"}, action="remove"), 202)
        gone = {"from": "svc/billing", "to": "db/ledger", "kind": "calls"}
        eventually(lambda: gone in self.api("topology")["taken_away"])
        self.assertNotIn(("svc/billing", "db/ledger"), edges())
        self.assertEqual(word(**{"from": "svc/billing", "to": "db/ledger"}, action="reset"), 202)
        eventually(lambda: not self.api("topology")["taken_away"])
        for body in ({}, {"from": "a", "to": "a", "action": "add"}, {"from": "a", "to": "b", "action": "drop"}):
            self.refused("POST", "/api/v1/topology/edges", 400, body)

    def test_errors_have_one_shape_and_the_fitting_status(self):
        for path in ("/api/v1/nothing", "/api/v2/nothing", "/api/v1/entities/a/b", "/x"):
            self.assertEqual(self.refused("GET", path, 404), "not_found")
        for method, path in (("POST", "/api/v1/status"), ("DELETE", "/api/v1/alerts"), ("PUT", "/api/v1/entities/x"),
                             ("GET", "/api/v1/alerts/x/feedback"), ("PATCH", "/-/ready")):
            self.assertEqual(self.refused(method, path, 405), "method_not_allowed")
        for limit in ("0", "-1", "1001", "x", "1.5", "99999999999999999999"):
            for path in ("entities", "alerts", "incidents", "dead-letters"):
                self.assertEqual(self.refused("GET", f"/api/v1/{path}?limit={limit}", 400), "invalid")
        self.assertEqual(self.refused("POST", "/api/v1/alerts/x/feedback", 413, {"comment": "x" * 70_000}), "too_large")


class Retire(unittest.TestCase):
    def test_a_retired_entity_is_forgotten_and_its_next_event_starts_it_afresh(self):
        server = Server(CONFIG).start()
        self.addCleanup(server.close)
        p = Publisher(server.router, "retire")
        self.addCleanup(p.close)
        for n in range(3):
            p.send(rows(n))
        p.flush()
        eventually(lambda: entity_of(server, "db/one")["observations"] == 3)
        self.assertEqual(server.request("DELETE", "/api/v1/entities/db%2Fone")[0], 202)
        eventually(lambda: entity_of(server, "db/one") == {})
        self.assertEqual(server.request("DELETE", "/api/v1/entities/db%2Fone")[0], 404)
        server.kill()
        server.start()
        self.assertEqual(entity_of(server, "db/one"), {})
        self.assertEqual(entity_of(server, "db/two")["observations"], 3)
        p.connect()
        p.send(rows(9))
        p.flush()
        eventually(lambda: entity_of(server, "db/one")["observations"] == 1)
        self.assertEqual(entity_of(server, "db/one")["first_ts"], START + 9000)
        self.assertEqual(server.api("/api/v1/status")["observations"], 12)


class Settings(unittest.TestCase):
    """The YAML keys that checks from outside rely on, and the two flags that win over them."""

    def test_flags_win_over_the_file_and_every_key_of_the_contract_is_read(self):
        text = (
            "storage: {path: /nonexistent/faultline}\n"
            "web: {listen_address: 127.0.0.1:1}\n"
            "ingest:\n  pull: ['tcp://127.0.0.1:{pull}', 'tcp://127.0.0.1:{second}']\n"
            "  router: ['tcp://127.0.0.1:{router}']\n  subscribe: []\n"
            "feed:\n  publish: 'tcp://127.0.0.1:{publish}'\n  replay: 'tcp://127.0.0.1:{replay}'\n"
            "processing: {tick: 10s, max_late: 1h, accept_past: false}\n"
            "detection: {false_pages_per_entity_month: 1, learning: 1h}\n"
            "limits: [{entity: 'a/*', metric: '*', above: 5, below: 1, severity: warning}]\n"
            "retention: {log: 24h, log_bytes: 20GiB, feed: 30d, dead_letters: 7d}\n"
            "entities: {retire_after: 7d, max_new_per_second: 1000}\n"
        )
        server = Server()
        self.addCleanup(server.close)
        second = free_ports(1)[0]
        for name, value in (("pull", server.pull), ("second", second), ("router", server.router),
                            ("publish", server.publish), ("replay", server.replay)):
            text = text.replace("{" + name + "}", str(value))
        server.config.write_text(text)
        server.process = subprocess.Popen(
            [str(BIN / "faultlined"), "--config.file", str(server.config), "--storage.path",
             str(server.directory / "store"), "--web.listen-address", f"127.0.0.1:{server.http}"],
            cwd=ROOT, stdout=server.log, stderr=server.log)
        server.wait_ready()
        for port in (server.pull, second):
            push(port, b'{"entity": "two/doors", "values": {"a": 1}}')
        eventually(lambda: entity_of(server, "two/doors")["observations"] == 2)
        self.assertTrue((server.directory / "store").is_dir())
        # SIGHUP reads the file again and the server goes on.
        server.process.send_signal(signal.SIGHUP)
        push(server.pull, b'{"entity": "two/doors", "values": {"a": 1}}')
        eventually(lambda: entity_of(server, "two/doors")["observations"] == 3)
        self.assertEqual(server.stop(), 0)


class Recovery(unittest.TestCase):
    """Doors are open before /-/ready says 200."""

    def test_ready_is_503_or_200_and_events_are_taken_from_the_first_second(self):
        server = Server(CONFIG).start()
        self.addCleanup(server.close)
        p = Publisher(server.router, "early", resend_s=0.2)
        self.addCleanup(p.close)
        for n in range(60):
            p.send([{"entity": f"host/{i}", "ts": START + n * 1000, "values": {"a": n % 3}} for i in range(200)])
        p.flush()
        server.kill()
        server.start(wait=False)
        p.connect()
        p.send([{"entity": "host/0", "ts": START + 61_000, "values": {"a": 1}}])
        seen = set()

        def up():
            try:
                seen.add(server.get("/-/ready")[0])
            except OSError:
                pass
            return 200 in seen
        eventually(up, 60)
        self.assertTrue(seen <= {200, 503}, seen)
        p.flush()
        server.wait_applied()
        self.assertEqual(entity_of(server, "host/0")["observations"], 61)


if __name__ == "__main__":
    unittest.main()
