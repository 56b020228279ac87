# SPDX-License-Identifier: Apache-2.0
"""Influx lines and collectd's write_http: the real tools by the pages of docs/integrations, and bodies that should not come."""

import gzip
import json
import subprocess
import time
import unittest

from integrations import Case, at, block
from posts import kill_under_load, post
from support import Server
from wire import entity_of, eventually
from witness import collectd_events


class CollectdTest(Case):
    def test_write_http_arrives_under_its_hostname(self):
        server = self.serve()
        witness = self.witness(server)
        config = ('Hostname "col-1"\nFQDNLookup false\nInterval 1\nBaseDir "DIRECTORY"\nPIDFile "DIRECTORY/pid"\nTypesDB "/usr/share/collectd/types.db"\n'
                  "LoadPlugin load\nLoadPlugin cpu\n" + at(block("collectd.md", "collectd.conf"), {7800: witness.port}).replace(
                      "StoreRates false", "StoreRates false\n    BufferSize 1024"))
        collectd = self.tool(["/usr/sbin/collectd", "-f", "-C", "DIR/collectd.conf"])
        (collectd.directory / "collectd.conf").write_text(config.replace("DIRECTORY", str(collectd.directory)))
        collectd.start()
        self.arrives(server, "host/col-1", more_than=2, tool=collectd)
        eventually(lambda: "load.shortterm" in self.metrics_of(server, "host/col-1"), what="load")
        eventually(lambda: self.metrics_of(server, "host/col-1")["cpu.0.idle"]["kind"] == "counter", what="cpu")
        self.goes_on_after_kill(server, witness, "host/col-1", collectd_events, collectd)
        before = self.observations(server, "host/col-1")
        collectd.stop()
        collectd.start()
        self.arrives(server, "host/col-1", more_than=before, tool=collectd)
        self.holds_what_it_acknowledged(server, witness, "host/col-1", collectd_events)


class PlainHttpRestartTest(Case):
    def test_what_was_answered_is_there_once_after_kill_9(self):
        server = self.serve()
        self.each_once(server, "host/in-", kill_under_load(server, "/write", lambda name: f"a,host=in-{name} value=1\n"))
        self.each_once(server, "host/col-", kill_under_load(server, "/collectd", lambda name: json.dumps(
            [{"values": [1.5], "dstypes": ["gauge"], "dsnames": ["value"], "time": time.time(), "interval": 10,
              "host": f"col-{name}", "plugin": "load", "plugin_instance": "", "type": "load", "type_instance": ""}])))


class NamesTest(unittest.TestCase):
    def test_after_kill_9_the_same_series_are_watched_whoever_comes_first(self):
        server = Server("naming: {max_metrics: 4, max_series_per_metric: 3}\n").start()
        self.addCleanup(server.close)

        def write(*devices):
            lines = "".join(f"disk,host=names,dev={d} value=1\n" for d in devices)
            return post(server.http, "/write", lines.encode())[0]

        def names():
            return {m["name"] for m in entity_of(server, "host/names").get("metrics", [])}
        watched = {f"disk{{dev={d}}}" for d in "abc"}
        self.assertEqual(write("a", "b", "c"), 204)
        self.assertEqual(write("d"), 400)
        eventually(lambda: names() == watched, what="the first three")
        for _ in range(2):
            server.kill()
            server.start()
            self.assertEqual(write("e", "d"), 400)
            self.assertEqual(write("c", "b", "a"), 204)
            server.wait_applied()
            self.assertEqual(names(), watched)
        self.assertEqual(server.stop(), 0)
        server.start()
        self.assertEqual(write("d"), 400)
        self.assertEqual(write("a"), 204)


class PlainHttpTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(ingest="http_body: 2MiB, http_unpacked: 4MiB").start()

    @classmethod
    def tearDownClass(cls):
        cls.server.close()

    def send(self, path, body, headers=()):
        return post(self.server.http, path, body, headers)

    def metrics(self, entity):
        return {m["name"]: m["last"] for m in entity_of(self.server, entity).get("metrics", [])}

    def posts(self, receiver, outcome):
        return self.server.metric(f'faultline_posts_total{{outcome="{outcome}",receiver="{receiver}"}}')

    def test_a_line_of_influx_from_a_shell_arrives(self):
        done = subprocess.run(["bash", "-c", at(block("influx.md", "line.sh"), {7800: self.server.http})], capture_output=True, text=True, timeout=30)
        self.assertEqual(done.returncode, 0, done.stderr)
        eventually(lambda: self.metrics("host/web-7") == {"cpu.idle": 91.5, "cpu.user": 3}, what="line")
        self.assertIn('urls = ["http://127.0.0.1:7800"]', block("influx.md", "telegraf.conf"))

    def test_lines_that_cannot_be_read_are_told_and_the_others_are_there(self):
        status, _, answer = self.send("/write", b"good,host=in-1 value=1\nbad\ngood,host=in-2 value=nan\nlast,host=in-1 value=2\n")
        self.assertEqual((status, json.loads(answer)["error"]["code"]), (400, "partial_write"))
        eventually(lambda: self.metrics("host/in-1") == {"good": 1, "last": 2}, what="the others")
        before = self.posts("influx", "malformed")
        status, _, answer = self.send("/write", b"cpu idle=91.5\n")
        refused = json.loads(answer)["error"]
        self.assertEqual((status, refused["code"]), (400, "refused"), "nothing of it was taken")
        self.assertIn("no_entity", refused["message"])
        self.assertIn("no_entity", json.loads(self.send(
            "/write", b"good,host=in-1 value=3\ncpu idle=91.5\n")[2])["error"]["message"])
        self.assertEqual(self.send("/write", b"garbage")[0], 400)
        self.assertEqual(self.send("/api/v2/write?precision=fortnight", b"a,host=in-1 value=1")[0], 400)
        self.assertEqual(self.posts("influx", "malformed"), before + 2)
        self.assertEqual(self.send("/api/v2/write?precision=s", f"v2,host=in-1 value=3 {int(time.time())}".encode())[0], 204)
        eventually(lambda: self.metrics("host/in-1").get("v2") == 3, what="the next")

    def test_a_bomb_of_gzip_and_a_line_without_end_are_refused(self):
        bomb = gzip.compress(b"a,host=bomb value=1\n" * (1 << 20))
        self.assertEqual(self.send("/write", bomb, {"Content-Encoding": "gzip"})[0], 413)
        self.assertEqual(self.posts("influx", "too_large"), 1)
        self.assertEqual(self.send("/write", b"a,host=endless " + b"x" * (1 << 20))[0], 400)
        quotes = b'a,host=quotes v="' + b'\n"' * (500 << 10)  # every line could be the inside of a text
        began = time.monotonic()
        self.assertIn(self.send("/write", quotes)[0], (204, 400))
        self.assertLess(time.monotonic() - began, 10)
        self.assertEqual(entity_of(self.server, "host/bomb"), {})

    def test_deep_json_and_what_is_no_list_of_values_are_refused(self):
        self.assertEqual(self.send("/collectd", b"[" * 100_000)[0], 413)
        self.assertEqual(self.send("/collectd", b"[" + b"1," * 1_040_000 + b"1]")[0], 413)
        self.assertEqual(self.posts("collectd", "too_large"), 2)
        for bad in [b"", b"{}", b"[1]", b"\xff", b'[{"values": 3}]']:
            self.assertEqual(self.send("/collectd", bad)[0], 400, bad)
        self.assertEqual(self.posts("collectd", "malformed"), 5)
        status, _, answer = self.send("/collectd", b'[{"values": [1], "plugin": "load", "host": "two\\nlines"}]')
        self.assertEqual((status, json.loads(answer)["error"]["code"]), (400, "refused"), "nothing of it was taken")
        self.assertIn(b"no_entity", answer)
        good = [{"values": [1.5], "dstypes": ["gauge"], "dsnames": ["value"], "time": time.time(), "interval": 10, "host": "col-2",
                 "plugin": "load", "plugin_instance": "", "type": "load", "type_instance": ""}, {"values": "odd"}]
        self.assertEqual(self.send("/collectd", json.dumps(good))[0], 204)
        eventually(lambda: self.metrics("host/col-2") == {"load": 1.5}, what="the good one")
        self.assertEqual(self.server.metric('faultline_samples_left_out_total{reason="malformed",receiver="collectd"}'), 1)


if __name__ == "__main__":
    unittest.main()
