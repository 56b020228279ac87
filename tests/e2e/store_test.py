# SPDX-License-Identifier: Apache-2.0
"""`faultline store check` and `dump` on the store of a real server: running, stopped, damaged."""

import json
import pathlib
import subprocess
import unittest

from support import BIN, Publisher, Server

CONFIG = "processing: {tick: 1s, accept_past: true}\nlimits: [{entity: 'host/*', metric: disk.used, above: 90}]\n"
START = 1_750_000_000_000


class Store(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(CONFIG).start()
        p = Publisher(cls.server.router, "filler", epoch="e1")
        for n in range(200):
            p.send([{"entity": f"host/{e}", "ts": START + n * 1000,
                     "values": {"disk.used": 95.0 if n > 150 else 50.0, "cpu": float(n % 7)}} for e in range(5)])
        p.send([{"entity": "host/1"}])
        p.send([{"type": "edge", "entity": "service/a", "ts": START, "depends_on": ["host/1"]}])
        p.flush()
        cls.server.wait_applied()
        p.close()
        cls.path = str(cls.server.directory / "store")

    @classmethod
    def tearDownClass(cls):
        cls.server.close()

    def faultline(self, *arguments):
        done = subprocess.run([str(BIN / "faultline"), "store", *arguments], capture_output=True, text=True, timeout=120)
        return done.returncode, done.stdout, done.stderr

    def check(self, path=None):
        status, out, err = self.faultline("check", path or self.path, "-o", "json")
        return status, json.loads(out) if out else err

    def dump(self, what, *more):
        status, out, err = self.faultline("dump", self.path, "--what", what, *more)
        self.assertEqual(status, 0, err)
        return [json.loads(line) for line in out.splitlines()]

    def test_1_the_store_of_a_running_server_is_clean_and_readable(self):
        files = sorted(f.name for f in pathlib.Path(self.path, "store").iterdir())
        status, report = self.check()
        self.assertEqual((status, report["problems"]), (0, []))
        self.assertTrue(report["in_use"])
        self.assertEqual((report["format"], report["partitions"]), (3, 64))
        counts = {k["kind"]: k["count"] for k in report["kinds"]}
        self.assertGreater(counts["records in the log"], 1000)
        self.assertEqual(counts["dead letters"], 1)
        self.assertEqual(sorted(f.name for f in pathlib.Path(self.path, "store").iterdir()), files)
        self.assertEqual(self.server.get("/-/ready")[0], 200)

        events = [r for r in self.dump("log") if r["kind"] == "event"]
        self.assertEqual(len(events), 1001)
        self.assertEqual({e["event"]["entity"] for e in events}, {f"host/{n}" for n in range(5)} | {"service/a"})
        one = events[0]["partition"]
        self.assertEqual({e["partition"] for e in self.dump("log", "--partition", str(one))}, {one})
        last = self.dump("log", "--partition", str(one))[-1]["position"]
        later = self.dump("log", "--partition", str(one), "--from", str(last), "--limit", "2")
        self.assertEqual({r["position"] for r in later}, {last})
        self.assertEqual(len(self.dump("log", "--limit", "3")), 3)
        publisher = [p for p in self.dump("publishers") if p["publisher"] == "filler"][0]
        self.assertEqual((publisher["epoch"], publisher["last"], publisher["missing"]), ("e1", 202, []))
        letter = self.dump("letters")[0]
        self.assertEqual((letter["reason"], letter["content"]), ("no_values", "event"))
        self.assertEqual(self.dump("settings")[0]["counters"]["accepted"], 1001)

    def test_2_a_stopped_store_has_snapshots_decisions_and_feed_as_json(self):
        self.assertEqual(self.server.stop(), 0)
        status, report = self.check()
        self.assertEqual((status, report["problems"], report["in_use"]), (0, [], False))
        alerts = [d for d in self.dump("outbox") if d["kind"] == "alert"]
        self.assertTrue(alerts)
        self.assertEqual(alerts[0]["alert"]["state"], "firing")
        decisions = self.dump("decisions")
        self.assertEqual([d["seq"] for d in decisions], list(range(1, len(decisions) + 1)))
        feed = self.dump("feed")
        self.assertEqual([m["seq"] for m in feed], [m["payload"]["seq"] for m in feed])
        self.assertTrue([m for m in feed if m["topic"].startswith("alert/critical/host/")])
        snapshots = {s["entity"]: s for s in self.dump("snapshots")}
        self.assertEqual(snapshots["host/1"]["observations"], 200)
        self.assertEqual(sorted(snapshots["host/1"]["metrics"]), ["cpu", "disk.used"])
        self.assertTrue(snapshots["host/1"]["alerts"])

    def test_3_one_flipped_byte_is_found_and_named(self):
        tables = sorted(pathlib.Path(self.path, "store").glob("*.sst"), key=lambda f: f.stat().st_size)
        table = tables[-1]
        whole = table.read_bytes()
        broken = bytearray(whole)
        broken[len(broken) // 4] ^= 0x40
        table.write_bytes(broken)
        status, report = self.check()
        self.assertEqual(status, 1)
        self.assertIn(str(table), [p["where"] for p in report["problems"]])
        status, out, _ = self.faultline("check", self.path)
        self.assertEqual(status, 1)
        self.assertIn(table.name, out)
        table.write_bytes(whole)
        self.assertEqual(self.check()[0], 0)

    def test_4_wrong_usage_and_no_store_end_with_2(self):
        self.assertEqual(self.faultline("check", "/nonexistent")[0], 2)
        self.assertEqual(self.faultline("dump", self.path)[0], 2)
        self.assertEqual(self.faultline("dump", self.path, "--what", "everything")[0], 2)
        self.assertEqual(self.faultline("dump", self.path, "--what", "log", "--partition", "64")[0], 2)


if __name__ == "__main__":
    unittest.main()
