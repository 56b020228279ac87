# SPDX-License-Identifier: Apache-2.0
"""faultline what-if: the log of a real server judged again with other limits, beside the running server."""

import json
import pathlib
import subprocess
import tempfile
import unittest

from support import BIN, ROOT, Publisher, Server

START = 1_750_000_000_000
CONFIG = (
    "processing: {tick: 10s, accept_past: true}\n"
    "detection: {learning: 10m}\n"
    "limits: [{entity: 'host/*', metric: disk.used, above: 90}]\n"
)
SAME, DIFFERS, TROUBLE = 0, 1, 2


def at(n):
    return START + n * 10_000


def rows(n):
    """Ten hosts; two fill up to 95, and two more to 70, in the second hour."""
    for e in range(10):
        level = 95 if e < 2 and 400 <= n < 420 else 70 if 2 <= e < 4 and 440 <= n < 460 else 50
        yield {"entity": f"host/h{e}", "ts": at(n), "values": {"disk.used": level + n % 2, "cpu": 0.3 + 0.01 * (n % 5)}}


class WhatIf(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.files = tempfile.TemporaryDirectory(prefix="faultline-what-if-")
        cls.server = Server(CONFIG).start()
        publisher = Publisher(cls.server.router, "what-if")
        for n in range(540):
            publisher.send(list(rows(n)))
            while len(publisher.waiting) > 8:
                publisher.pump(20)
        publisher.flush()
        publisher.close()
        cls.server.wait_applied()

    @classmethod
    def tearDownClass(cls):
        cls.server.close()
        cls.files.cleanup()

    def limits(self, text):
        file = pathlib.Path(self.files.name) / "limits.yaml"
        file.write_text(text)
        return str(file)

    def what_if(self, limits, *more, start=at(360), store=None):
        store = store or f"{self.server.directory}/store"
        return subprocess.run(
            [str(BIN / "faultline"), "what-if", "--store", str(store), "--limits", limits, "--from", str(start), *more],
            cwd=ROOT, timeout=120, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def test_the_same_limits_make_no_difference_and_the_replay_tells_what_the_server_told(self):
        done = self.what_if(self.limits("limits: [{entity: 'host/*', metric: disk.used, above: 90}]"), "-o", "json")
        self.assertEqual(done.returncode, SAME, done.stdout + done.stderr)
        told = json.loads(done.stdout)
        self.assertFalse(told["differs"])
        alerts = [a for a in self.server.api("/api/v1/alerts?limit=1000")["alerts"] if a["started"] >= at(360)]
        self.assertGreaterEqual(len(alerts), 2)
        self.assertEqual(told["before"]["alerts"], len(alerts))
        incidents = [i for i in self.server.api("/api/v1/incidents?limit=1000")["incidents"]
                     if i["started"] >= at(360)]
        self.assertEqual(told["before"]["incidents"], len(incidents))
        self.assertEqual(told["entities"], 10)
        self.assertEqual(done.stderr, "", "every model was found")

    def test_a_lower_limit_adds_alerts_from_its_time_on(self):
        limits = self.limits("limits: [{entity: 'host/*', metric: disk.used, above: 60}]")
        done = self.what_if(limits, "-o", "json")
        self.assertEqual(done.returncode, DIFFERS, done.stdout + done.stderr)
        told = json.loads(done.stdout)
        found = {a["entity"] for a in told["only_after"]} | {p["entity"] for p in told["changed"] + told["moved"]}
        self.assertLessEqual({"host/h2", "host/h3"}, found, done.stdout)
        self.assertTrue(all(a["started"] >= at(360) for a in told["only_after"]))
        self.assertGreaterEqual(told["after"]["alerts"], told["before"]["alerts"])
        text = self.what_if(limits).stdout
        for part in ("host/h2", "before: ", "after:  ", "pages per entity and month"):
            self.assertIn(part, text)
        done = self.what_if(limits, "--to", str(at(430)), "-o", "json")
        self.assertNotIn("host/h2", json.dumps(json.loads(done.stdout)["only_after"]), "that comes later")

    def test_no_limits_take_alerts_away(self):
        done = self.what_if(self.limits("limits: []"), "-o", "json")
        self.assertEqual(done.returncode, DIFFERS, done.stdout + done.stderr)
        told = json.loads(done.stdout)
        gone = {a["entity"] for a in told["only_before"] if a["alertname"] == "LimitCrossed"}
        self.assertEqual(gone, {"host/h0", "host/h1"}, done.stdout)

    def test_what_makes_no_sense_is_trouble_and_says_why(self):
        good = self.limits("limits: []")
        empty = Server(CONFIG).start()
        self.addCleanup(empty.close)
        cases = [
            (self.what_if(good, start=at(10_000)), "after the end of the log"),
            (self.what_if(good, start="yesterday"), "yesterday"),
            (self.what_if(good, "--to", str(at(1))), "--to"),
            (self.what_if(good, store=f"{empty.directory}/store"), "empty"),
            (self.what_if(good, store=f"{self.files.name}/none"), "none"),
            (self.what_if(f"{self.files.name}/nothing.yaml"), "nothing.yaml"),
        ]
        for text, part in (("limits: [{entity: 'host/*'}]", "neither above nor below"), ("limts: []", "limts"),
                           ("limits: []\ndetection: {learning: 1h}", "detection"), ("{}", "limits"), ("[", "limits.yaml")):
            cases.append((self.what_if(self.limits(text)), part))
        for done, part in cases:
            self.assertEqual(done.returncode, TROUBLE, f"{part}: {done.stdout}{done.stderr}")
            self.assertIn(part, done.stderr)
        self.assertEqual(self.server.get("/-/ready")[0], 200)


if __name__ == "__main__":
    unittest.main()
