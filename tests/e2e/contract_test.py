# SPDX-License-Identifier: Apache-2.0
"""The wire contract, black box: four sockets and the HTTP API, from a publisher that knows only the contract."""

import base64
import json
import threading
import time
import unittest
import urllib.parse

import msgpack
import zmq

from support import Publisher, Server

CONFIG = "processing: {tick: 1s, accept_past: true}\nlimits: [{entity: 'host/*', metric: disk.used, above: 90}]\n"
START = 1_750_000_000_000


def row(entity, n, **values):
    return {"entity": entity, "ts": START + n * 1000, "values": values}


class Contract(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(CONFIG).start()

    @classmethod
    def tearDownClass(cls):
        cls.server.close()

    def publisher(self, name, **more):
        p = Publisher(self.server.router, name, **more)
        self.addCleanup(p.close)
        return p

    def test_acknowledges_msgpack_and_json_alike(self):
        for encoding in ("msgpack", "json"):
            p = self.publisher("enc-" + encoding, encoding=encoding)
            reply = p.reply_to(p.send([row("host/enc", 1, cpu=1.0), row("host/enc", 2, cpu=2.0)]))
            self.assertEqual(reply["accepted"], 2)
            self.assertEqual(reply["rejected"], [])

    # Complaint: pair-doubles
    def test_takes_a_request_once(self):
        p = self.publisher("once")
        payload = p.pack([row("host/once", 1, cpu=1.0)])
        p.reply_to(p.send_raw(payload, 1))
        del p.replies[1]
        p.send_raw(payload, 1)
        self.assertTrue(p.reply_to(1)["duplicate"])
        del p.replies[1]
        p.send_raw(p.pack([row("host/once", 1, cpu=9.0)]), 1)
        self.assertEqual(p.reply_to(1)["code"], "conflict")

    def test_tells_last_and_missing(self):
        p = self.publisher("last")
        for seq in (1, 2, 5):
            p.send_raw(p.pack([row("host/last", seq, cpu=1.0)]), seq)
            p.reply_to(seq)
        p.socket.send_multipart([p.header(op="last"), b""])
        self.assertTrue(p.socket.poll(30_000))
        answer = p.unpack(p.socket.recv())
        self.assertEqual(answer, {"last": 5, "missing": [3, 4]})

    def test_answers_a_req_client_after_its_delimiter(self):
        context = zmq.Context.instance()
        s = context.socket(zmq.REQ)
        s.setsockopt(zmq.LINGER, 0)
        self.addCleanup(s.close)
        s.connect(f"tcp://127.0.0.1:{self.server.router}")
        s.send_multipart([json.dumps({"publisher": "req", "seq": 1}).encode(),
                          json.dumps(row("host/req", 1, cpu=1.0)).encode()])
        self.assertTrue(s.poll(30_000))
        self.assertEqual(json.loads(s.recv())["accepted"], 1)

    def test_answers_req_clients_that_number_their_requests_and_those_behind_a_proxy(self):
        context = zmq.Context.instance()

        def ask(endpoint, frames, correlate):
            s = context.socket(zmq.REQ)
            s.setsockopt(zmq.LINGER, 0)
            s.setsockopt(zmq.REQ_CORRELATE, correlate)
            self.addCleanup(s.close)
            s.connect(endpoint)
            s.send_multipart([json.dumps(f).encode() for f in frames])
            self.assertTrue(s.poll(30_000), "no answer")
            return json.loads(s.recv())

        def proxy_to(port):
            front, back, control = context.socket(zmq.ROUTER), context.socket(zmq.DEALER), context.socket(zmq.PAIR)
            steer = context.socket(zmq.PAIR)
            at = front.bind_to_random_port("tcp://127.0.0.1")
            back.connect(f"tcp://127.0.0.1:{port}")
            steer.bind(f"inproc://steer-{port}")
            control.connect(f"inproc://steer-{port}")
            thread = threading.Thread(target=zmq.proxy_steerable, args=(front, back, None, control))
            thread.start()

            def end():
                steer.send(b"TERMINATE")
                thread.join()
                for s in (front, back, control, steer):
                    s.close(linger=0)

            self.addCleanup(end)
            return f"tcp://127.0.0.1:{at}"

        for seq, (router, replay) in enumerate([
                (f"tcp://127.0.0.1:{self.server.router}", f"tcp://127.0.0.1:{self.server.replay}"),
                (proxy_to(self.server.router), proxy_to(self.server.replay))], 1):
            for correlate in (0, 1):
                header = {"publisher": f"numbered-{correlate}", "seq": seq}
                answer = ask(router, [header, row("host/numbered", seq, cpu=1.0)], correlate)
                self.assertEqual(answer, {"ack": seq, "accepted": 1, "rejected": []})
                self.assertIn("as_of", ask(replay, [{"op": "snapshot"}], correlate))

    def test_names_the_bad_event_and_takes_the_others(self):
        p = self.publisher("mixed")
        reply = p.reply_to(p.send([row("host/mixed", 1, cpu=1.0), {"entity": "host/mixed"},
                                   row("host/mixed", 2, cpu=1.0)]))
        self.assertEqual(reply["accepted"], 2)
        self.assertEqual([r["index"] for r in reply["rejected"]], [1])

    def test_takes_fire_and_forget_events_with_and_without_topic(self):
        context = zmq.Context.instance()
        s = context.socket(zmq.PUSH)
        s.setsockopt(zmq.LINGER, 0)
        self.addCleanup(s.close)
        s.connect(f"tcp://127.0.0.1:{self.server.pull}")
        s.send(msgpack.packb(row("host/push", 1, cpu=1.0)))
        s.send_multipart([b"some/topic", msgpack.packb([row("host/push", 2, cpu=1.0)])])
        s.send(b"<13>1 2025-06-15T15:06:40Z web-1 app 12 - - hello")
        self.eventually(lambda: self.entity("host/push")["observations"] == 2)
        self.eventually(lambda: self.entity("host/web-1")["observations"] == 1)

    def test_counts_and_keeps_an_undecodable_payload(self):
        before = self.server.api("/api/v1/dead-letters?limit=1")["total"]
        p = self.publisher("junk")
        reply = p.reply_to(p.send_raw(b"\xc1junk"))
        self.assertEqual(reply["accepted"], 0)
        self.assertIsNone(reply["rejected"][0]["index"])
        letters = self.server.api("/api/v1/dead-letters?limit=1")
        self.assertEqual(letters["total"], before + 1)
        self.assertEqual(base64.b64decode(letters["letters"][0]["payload_base64"]), b"\xc1junk")

    def test_shows_an_entity_with_its_metrics_and_window(self):
        p = self.publisher("window")
        for n in range(30):
            p.send([row("host/window", n, cpu=10.0 + n % 3, mem=50.0)])
        p.flush()
        self.eventually(lambda: self.entity("host/window").get("observations") == 30)
        details = self.entity("host/window")
        self.assertEqual({m["name"] for m in details["metrics"]}, {"cpu", "mem"})
        self.assertEqual(details["last_ts"], START + 29_000)
        path = "/api/v1/entities/host%2Fwindow/window?metric=cpu"
        self.eventually(lambda: self.server.get(path)[0] == 200 and len(self.server.api(path)["ts"]) >= 28)
        window = self.server.api(path)
        self.assertEqual(len(window["ts"]), len(window["values"]))
        self.assertEqual(len(window["ts"]), len(window["upper"]))

    def test_draws_the_topology_from_edge_events(self):
        p = self.publisher("edges")
        p.reply_to(p.send([{"type": "edge", "entity": "service/front", "ts": START,
                            "depends_on": ["service/cart", "db/orders"]}]))
        self.eventually(lambda: any(
            e["from"] == "service/front" and e["to"] == "db/orders" and e["kind"] == "calls"
            for e in self.server.api("/api/v1/topology")["edges"]))

    def test_an_operator_limit_crossed_is_an_alert_on_feed_replay_snapshot_and_api(self):
        context = zmq.Context.instance()
        sub = context.socket(zmq.SUB)
        sub.setsockopt(zmq.LINGER, 0)
        self.addCleanup(sub.close)
        sub.connect(f"tcp://127.0.0.1:{self.server.publish}")
        sub.subscribe(b"")
        self.assertTrue(sub.poll(30_000), "no heartbeat")
        p = self.publisher("limit")
        for n in range(60):
            p.send([row("host/full", n, **{"disk.used": 50.0 + (n % 2)})])
        for n in range(60, 80):
            p.send([row("host/full", n, **{"disk.used": 97.0 + (n % 2)})])
        p.flush()
        record = None
        end = time.monotonic() + 90
        while record is None and time.monotonic() < end:
            if sub.poll(200):
                topic, payload = sub.recv_multipart()
                if topic.startswith(b"alert/") and topic.endswith(b"/host/full"):
                    record = msgpack.unpackb(payload)
        self.assertIsNotNone(record, "no alert on the feed")
        for key in ("id", "state", "severity", "entity", "metric", "contributors", "started", "updated",
                    "score", "lead_time_s", "detectors", "explanation", "model", "acknowledged",
                    "silenced", "labels", "transition", "degraded", "learning", "seq", "ts",
                    "published", "kind"):
            self.assertIn(key, record)
        self.assertEqual(record["metric"], "disk.used")
        ask = context.socket(zmq.DEALER)
        ask.setsockopt(zmq.LINGER, 0)
        self.addCleanup(ask.close)
        ask.connect(f"tcp://127.0.0.1:{self.server.replay}")
        ask.send(msgpack.packb({"op": "replay", "from": record["seq"], "limit": 10}))
        self.assertTrue(ask.poll(30_000))
        replay = msgpack.unpackb(ask.recv())
        self.assertEqual(replay["records"][0]["payload"], record)
        ask.send(json.dumps({"op": "snapshot"}).encode())
        self.assertTrue(ask.poll(30_000))
        snapshot = json.loads(ask.recv())
        firing = {a["id"]: a for a in snapshot["alerts"]}[record["id"]]
        ask.send(msgpack.packb({"op": "replay", "from": firing["seq"], "limit": 1}))
        self.assertTrue(ask.poll(30_000))
        self.assertEqual(msgpack.unpackb(ask.recv())["records"][0]["payload"], firing, "as it was told, seq and all")
        self.assertGreaterEqual(snapshot["as_of"], record["seq"])
        listed = self.server.api("/api/v1/alerts?state=firing&entity=" + urllib.parse.quote("host/full"))
        self.assertEqual([a["id"] for a in listed["alerts"]], [record["id"]])
        status, _ = self.server.request("POST", f"/api/v1/alerts/{record['id']}/feedback",
                                        {"verdict": "true", "comment": "disk was full", "by": "ann"})
        self.assertEqual(status, 202)
        status, body = self.server.request("POST", f"/api/v1/alerts/{record['id']}/feedback",
                                           {"verdict": "maybe", "by": "ann"})
        self.assertEqual(status, 400, body)

    def test_json_subscribers_get_json(self):
        context = zmq.Context.instance()
        sub = context.socket(zmq.SUB)
        sub.setsockopt(zmq.LINGER, 0)
        self.addCleanup(sub.close)
        sub.connect(f"tcp://127.0.0.1:{self.server.publish}")
        sub.subscribe(b"json/feed/heartbeat")
        self.assertTrue(sub.poll(30_000))
        topic, payload = sub.recv_multipart()
        self.assertEqual(topic, b"json/feed/heartbeat")
        self.assertEqual(json.loads(payload)["kind"], "heartbeat")

    def test_retires_an_entity(self):
        p = self.publisher("retire")
        p.reply_to(p.send([row("host/retire", 1, cpu=1.0)]))
        self.eventually(lambda: self.entity("host/retire").get("observations") == 1)
        status, _ = self.server.request("DELETE", "/api/v1/entities/host%2Fretire")
        self.assertEqual(status, 202)
        self.eventually(lambda: self.entity("host/retire") == {})
        p.reply_to(p.send([row("host/retire", 5, cpu=1.0)]))
        self.eventually(lambda: self.entity("host/retire").get("observations") == 1)

    def test_answers_errors_in_one_shape(self):
        for path, code in (("/api/v1/entities/host%2Fnobody", 404), ("/api/v1/nothing", 404),
                           ("/api/v1/entities?limit=0", 400), ("/api/v1/incidents/none", 404)):
            status, body = self.server.get(path)
            self.assertEqual(status, code, path)
            self.assertEqual(set(json.loads(body)["error"]), {"code", "message"})

    def test_status_counts_what_was_accepted(self):
        before = self.server.api("/api/v1/status")
        p = self.publisher("status")
        p.reply_to(p.send([row("host/status", n, cpu=1.0) for n in range(10)]))
        after = self.server.api("/api/v1/status")
        self.assertEqual(after["observations"] - before["observations"], 10)
        for key in ("version", "uptime_s", "entities", "dead_letters", "feed", "partitions", "overload"):
            self.assertIn(key, after)

    def entity(self, name):
        status, body = self.server.get("/api/v1/entities/" + urllib.parse.quote(name, safe=""))
        return json.loads(body) if status == 200 else {}

    def eventually(self, holds, seconds=90):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                if holds():
                    return
            except (KeyError, OSError):
                pass
            time.sleep(0.05)
        self.fail("did not come true in time")


class Lifecycle(unittest.TestCase):
    def test_ends_with_status_0_on_sigterm_and_remembers_everything(self):
        server = Server(CONFIG).start()
        self.addCleanup(server.close)
        p = Publisher(server.router, "life")
        for n in range(50):
            p.send([row(f"host/life-{n % 5}", n // 5, cpu=1.0 + n % 3)])
        p.flush()
        self.assertEqual(server.stop(), 0)
        server.start()
        self.assertEqual(server.api("/api/v1/status")["observations"], 50)
        details = server.api("/api/v1/entities/host%2Flife-0")
        self.assertEqual(details["observations"], 10)
        p.connect()
        p.replies.clear()
        p.send_raw(p.pack([row("host/life-4", 9, cpu=1.0 + 49 % 3)]), 50)
        self.assertTrue(p.reply_to(50)["duplicate"])
        p.close()

    def test_refuses_a_configuration_it_does_not_understand(self):
        server = Server("procesing: {tick: 1s}\n")
        self.addCleanup(server.close)
        server.start(wait=False)
        self.assertNotEqual(server.process.wait(timeout=30), 0)
        self.assertIn("procesing", server.tail())


if __name__ == "__main__":
    unittest.main()
