# SPDX-License-Identifier: Apache-2.0
"""The Python client and the shell example, against a server that runs."""

import os
import subprocess
import sys
import threading
import unittest

import msgpack
import zmq

from keys_test import House
from support import BIN, ROOT, Server, free_ports
from wire import wait_for

sys.path.insert(0, str(ROOT / "tools/clients/python"))
import faultline  # noqa: E402


class ClientsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server("processing: {tick: 1s}\n").start()
        cls.api = faultline.Api(f"http://127.0.0.1:{cls.server.http}")

    @classmethod
    def tearDownClass(cls):
        cls.server.close()

    def feed(self, **more):
        feed = faultline.Feed(f"tcp://127.0.0.1:{self.server.publish}", f"tcp://127.0.0.1:{self.server.replay}",
                              timeout_s=30, **more)
        self.addCleanup(feed.close)
        return feed

    def post(self, name):
        self.api.post("/api/v2/alerts", [{"labels": {"alertname": "Slow", "service": name}}])

    def test_what_is_published_is_durable_and_counted_once(self):
        before = self.api.get("/api/v1/status")["observations"]
        with faultline.Publisher(f"tcp://127.0.0.1:{self.server.router}", "client-test") as p:
            for n in range(100):
                p.publish([{"entity": f"host/c-{n % 5}", "values": {"cpu": n / 100}}])
            p.publish([{"entity": "", "values": {"cpu": 1}}])
        self.assertEqual([(r["seq"], r["index"]) for r in p.rejected], [(101, 0)])
        self.assertEqual(self.api.get("/api/v1/status")["observations"], before + 100)

    def test_what_the_server_puts_off_overtakes_nothing(self):
        """A server that answers one `retry`, says nothing to another request, and doubles an answer."""
        socket = zmq.Context.instance().socket(zmq.ROUTER)
        self.addCleanup(socket.close, 0)
        port = free_ports(1)[0]
        socket.bind(f"tcp://127.0.0.1:{port}")
        arrived = []

        def serve():
            while len(arrived) < 8:
                if not socket.poll(20_000):
                    return
                who, header, payload = socket.recv_multipart()
                seq = msgpack.unpackb(header)["seq"]
                arrived.append((seq, msgpack.unpackb(payload)[0]["values"]["n"]))
                answers = [{"ack": seq, "accepted": 1, "rejected": []}]
                if len(arrived) == 2:
                    answers = [{"retry": seq, "after_ms": 30, "reason": "overload"}]
                elif len(arrived) == 4:
                    answers = []
                elif len(arrived) == 6:
                    answers *= 2
                for answer in answers:
                    socket.send_multipart([who, msgpack.packb(answer)])

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        with faultline.Publisher(f"tcp://127.0.0.1:{port}", "order", window=4, resend_s=0.3) as p:
            for n in range(1, 7):
                p.publish([{"entity": "a", "values": {"n": n}}])
            p.flush(20)
        thread.join(20)
        self.assertEqual(arrived, [(n, n) for n in (1, 2, 2, 3, 3, 4, 5, 6)])

    def test_a_request_that_is_wrong_for_ever_is_an_error_and_the_next_ones_go_on(self):
        with faultline.Publisher(f"tcp://127.0.0.1:{self.server.router}", "big") as p:
            before = self.api.get("/api/v1/status")["observations"]
            p.publish([{"entity": "a", "values": {"n": 1}, "attributes": {"x": "y" * 1_100_000}}])
            p.publish([{"entity": "host/big", "values": {"cpu": 1}}])
            with self.assertRaises(faultline.Rejected) as refused:
                p.flush(20)
            self.assertEqual(refused.exception.code, "too_large")
            self.assertEqual(self.api.get("/api/v1/status")["observations"], before + 1)
            p.flush(1)

    def test_a_request_that_the_doors_would_hang_up_on_is_not_queued_before_others(self):
        with faultline.Publisher(f"tcp://127.0.0.1:{self.server.router}", "huge") as p:
            with self.assertRaises(ValueError):
                p.publish([{"entity": "a", "values": {"n": 1}, "attributes": {"x": "y" * 5_000_000}}])
            p.publish([{"entity": "host/huge", "values": {"cpu": 1}}])
            p.flush(20)

    def test_nothing_is_lost_twice_or_waited_for_in_vain_over_a_kill(self):
        server = Server("processing: {tick: 1s}\n").start()
        self.addCleanup(server.close)
        with faultline.Publisher(f"tcp://127.0.0.1:{server.router}", "killed", window=64) as p:
            for n in range(40):
                p.publish([{"entity": "host/k", "values": {"cpu": n}}])
                if n == 20:
                    server.kill()
            with self.assertRaises(TimeoutError):
                p.flush(0.2)
            server.start()
            p.flush(60)
        self.assertEqual(server.api("/api/v1/status")["observations"], 40)

    def test_a_server_that_is_away_is_an_error_after_a_time_and_what_waits_is_kept(self):
        p = faultline.Publisher(f"tcp://127.0.0.1:{free_ports(1)[0]}", "away", window=2)
        self.addCleanup(p.close)
        self.assertTrue(p.timeout_s, "nobody waits for ever who did not ask for it")
        p.timeout_s = 0.3
        for n in range(2):
            p.publish([{"entity": "host/a", "values": {"cpu": n}}])
        for call in (lambda: p.publish([{"entity": "host/a", "values": {"cpu": 3}}]), p.flush):
            with self.assertRaises(TimeoutError):
                call()
        self.assertEqual([seq for seq, _ in p.waiting], [1, 2])

    def test_the_feed_has_every_record_once_also_those_it_was_away_for(self):
        feed = self.feed(prefix="alert/")
        names = [f"feed{n}" for n in range(20)]
        for name in names[:10]:
            self.post(name)
        mine = lambda records: (r for r in records if r.get("entity") in [f"service/{n}" for n in names])
        records = mine(iter(feed))
        found = [next(records) for _ in range(10)]
        last = found[-1]["seq"]
        feed.close()
        for name in names[10:]:
            self.post(name)
        records = mine(iter(self.feed(prefix="alert/", after=last)))
        found += [next(records) for _ in range(10)]
        self.assertEqual([r["entity"] for r in found], [f"service/{n}" for n in names])
        self.assertEqual(sorted({r["seq"] for r in found}), [r["seq"] for r in found])
        self.assertIn("alerts", feed_snapshot := self.feed().snapshot())
        self.assertGreaterEqual(feed_snapshot["as_of"], last)

    def test_what_the_feed_does_not_keep_any_more_is_told(self):
        """A server whose oldest record is 5."""
        context = zmq.Context.instance()
        replay, publish = context.socket(zmq.ROUTER), context.socket(zmq.XPUB)
        ports = free_ports(2)
        for socket, port in ((replay, ports[0]), (publish, ports[1])):
            self.addCleanup(socket.close, 0)
            socket.bind(f"tcp://127.0.0.1:{port}")
        asked = []

        def serve():
            while len(asked) < 1:
                if not replay.poll(20_000):
                    return
                *envelope, request = replay.recv_multipart()
                asked.append(msgpack.unpackb(request)["from"])
                records = [{"topic": "alert/x", "payload": {"kind": "alert", "seq": n}} for n in (5, 6)]
                replay.send_multipart([*envelope, msgpack.packb({"records": records, "next": 7, "oldest": 5, "last": 6})])

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        with faultline.Feed(f"tcp://127.0.0.1:{ports[1]}", f"tcp://127.0.0.1:{ports[0]}", after=2, timeout_s=20) as feed:
            records = iter(feed)
            told = [next(records) for _ in range(3)]
        thread.join(20)
        self.assertEqual(asked, [3])
        self.assertEqual(told[0], {"kind": "gap", "first": 3, "last": 4, "seq": 4})
        self.assertEqual([r["seq"] for r in told[1:]], [5, 6])

    def test_the_feed_of_everything_takes_each_once_where_others_ask_for_json(self):
        other = zmq.Context.instance().socket(zmq.SUB)
        self.addCleanup(other.close, 0)
        other.connect(f"tcp://127.0.0.1:{self.server.publish}")
        other.subscribe(b"json/")
        feed = self.feed()
        records = iter(feed)
        for name in ("json1", "json2"):
            self.post(name)
        found = []
        while sum(r["kind"] == "alert" and r["entity"] in ("service/json1", "service/json2") for r in found) < 2:
            found.append(next(records))
        self.assertTrue(other.poll(20_000))
        self.assertEqual([r["seq"] for r in found], list(range(found[0]["seq"], found[0]["seq"] + len(found))))

    def test_a_feed_that_has_begun_anew_is_told(self):
        self.post("anew")
        with self.feed(after=10**9) as feed:
            records = iter(feed)
            self.assertEqual(next(records), {"kind": "anew", "seq": 0})
            self.assertEqual(next(records)["seq"], 1)

    def test_keys_are_used_where_the_server_asks_for_them(self):
        house = House()
        self.addCleanup(house.close)
        house.client("agent", "--allow", "ingest", "feed")
        house.server.start()
        keys = (house.keys / "server.pub", house.keys / "agent.secret")
        with faultline.Publisher(f"tcp://127.0.0.1:{house.server.router}", "keyed", keys=keys) as p:
            p.publish([{"entity": "host/keyed", "values": {"cpu": 1}}])
            p.flush(20)
        with faultline.Feed(f"tcp://127.0.0.1:{house.server.publish}", f"tcp://127.0.0.1:{house.server.replay}",
                            after=0, timeout_s=20, keys=keys) as feed:
            self.assertEqual(feed.snapshot()["alerts"], [])

    def test_who_is_refused_at_first_is_served_when_its_key_is_known(self):
        house = House()
        self.addCleanup(house.close)
        house.client("agent", "--allow", "ingest", "feed")
        house.server.start()
        keys = (house.keys / "server.pub", house.keys / "agent.secret")
        known, away = house.clients / "agent.pub", house.keys / "agent.pub"
        with faultline.Feed(f"tcp://127.0.0.1:{house.server.publish}", f"tcp://127.0.0.1:{house.server.replay}",
                            timeout_s=100, keys=keys) as feed, \
                faultline.Publisher(f"tcp://127.0.0.1:{house.server.router}", "late", keys=keys) as p:
            feed._hear()
            known.rename(away)
            self.assertEqual(house.reload()[0], 200)
            self.assertTrue(wait_for(lambda: house.handshakes("feed", "unknown_key") > 0))
            away.rename(known)
            self.assertEqual(house.reload()[0], 200)
            while feed.live.poll(0):  # what came before
                feed.live.recv_multipart()
            feed._hear()
            p.publish([{"entity": "host/late", "values": {"cpu": 1}}])
            p.flush(100)
        away.write_text(known.read_text())
        known.unlink()
        self.assertEqual(house.reload()[0], 200)
        before = house.handshakes("ingest", "unknown_key")
        with faultline.Publisher(f"tcp://127.0.0.1:{house.server.router}", "later", keys=keys) as p:
            self.assertTrue(wait_for(lambda: house.handshakes("ingest", "unknown_key") > before))
            away.rename(known)
            self.assertEqual(house.reload()[0], 200)
            p.publish([{"entity": "host/late", "values": {"cpu": 1}}])
            p.flush(100)

    def test_the_api_is_asked_told_and_refuses(self):
        self.post("api")
        mine = wait_for(lambda: [a for a in self.api.alerts(state="firing", limit=2) if a["entity"] == "service/api"])
        silence = self.api.silence({"service": "api"}, by="ann", comment="known", hours=0.5)
        self.api.acknowledge(mine[0]["id"], by="ann")
        self.api.expire_silence(silence, by="bob")
        with self.assertRaises(faultline.Rejected) as refused:
            self.api.silence({"service": ""}, by="ann", comment="all")
        self.assertEqual(refused.exception.code, "invalid")
        with self.assertRaises(faultline.Rejected) as refused:
            self.api.get("/api/v1/alerts/unknown")
        self.assertEqual(refused.exception.code, "not_found")
        self.assertIn("faultline_", self.api.get("/metrics"))

    def test_the_shell_example_says_what_happens(self):
        environment = dict(os.environ, PATH=f"{BIN}:{os.environ['PATH']}")
        seq = self.api.get("/api/v1/status")["feed"]["seq"]
        self.api.post("/api/v2/alerts", [{"labels": {"alertname": "Slow", "service": "shell"},
                                          "annotations": {"summary": "a\x1b]0;title\x07b"}}])
        done = subprocess.run(
            ["bash", str(ROOT / "tools/clients/feed.sh"), "--endpoint", f"tcp://127.0.0.1:{self.server.publish}",
             "--replay-endpoint", f"tcp://127.0.0.1:{self.server.replay}", "--count", "1", "--timeout", "30s",
             "--from", str(seq + 1)], capture_output=True, text=True, env=environment, timeout=60)
        self.assertIn("firing warning service/shell: a?]0;title?b\n", done.stdout, done.stderr)


if __name__ == "__main__":
    unittest.main()
