# SPDX-License-Identifier: Apache-2.0
"""The contract of the feed and its replay, row by row, with real alerts and incidents.

One server for all: operator limits make warnings, criticals and resolves; a dependency and a change give the incident
its causes.
"""

import json
import math
import time
import unittest

import msgpack
import zmq

from support import Publisher, Server
from wire import answers_to, ask, connect, eventually, exchange, feed_is_quiet, receive, replay_all

START = 1_750_000_000_000
CONFIG = (
    "processing: {tick: 1s, accept_past: true}\n"
    "detection: {learning: 1m}\n"
    "correlation: {settle: 5s}\n"
    "limits:\n"
    "  - {entity: 'soft/*', metric: level, above: 90, severity: warning}\n"
    "  - {entity: 'soft/*', metric: flood, above: 90, severity: critical}\n"
    "  - {entity: 'hard/*', metric: level, above: 90, severity: critical}\n"
)
ALERT_KEYS = {
    "id": str, "state": str, "severity": str, "entity": str, "metric": str, "contributors": list, "started": int,
    "updated": int, "score": float, "lead_time_s": (float, type(None)), "detectors": dict, "explanation": str,
    "model": str, "acknowledged": bool, "silenced": bool, "labels": dict, "transition": int, "degraded": bool,
    "learning": bool, "seq": int, "ts": int, "published": int, "kind": str,
}
INCIDENT_KEYS = {
    "id": str, "state": str, "started": int, "updated": int, "severity": str, "alerts": list, "entities": list,
    "summary": str, "abstained": bool, "unobserved": float, "causes": list, "seq": int, "ts": int, "published": int,
    "kind": str,
}
CAUSE_KEYS = {"entity": str, "metric": str, "probability": float, "evidence": list, "counter_evidence": list,
              "remediation": list}
REMEDIATION_KEYS = {"title": str, "steps": list, "runbook": str, "worked": int, "tried": int}


def level(n, kind):
    """soft/a: warning, then critical, then well; hard/b and hard/c: critical, then well."""
    quiet = 40.0 + math.sin(n) + n % 3 * 0.1
    if kind == "soft":
        return {"level": 95.0 if 120 <= n < 240 else quiet, "flood": 95.0 if 160 <= n < 240 else quiet}
    return {"level": 97.0 if 130 <= n < 240 else quiet, "flood": quiet}


def rows(n):
    batch = [{"entity": e, "ts": START + n * 1000, "values": level(n, e.split("/")[0]), "attrs": {"team": "storage"}}
             for e in ("soft/a", "hard/b", "hard/c")]
    if n == 5:
        batch.append({"type": "edge", "entity": "hard/b", "ts": START, "depends_on": ["hard/c"]})
    if n == 125:
        batch.append({"type": "change", "entity": "hard/c", "ts": START + n * 1000, "kind": "deploy", "summary": "c 2"})
    return batch


class Listener:
    """A SUB socket that keeps all it gets."""

    def __init__(self, port, *prefixes):
        self.socket = connect(zmq.SUB, port, *prefixes)
        self.messages = []

    def drain(self, milliseconds=0):
        while self.socket.poll(milliseconds):
            topic, payload = self.socket.recv_multipart()
            self.messages.append((topic.decode(), payload))

    def until_seq(self, last, seconds=90):
        """Reads until a heartbeat says that @p last is out: what was published before it has come."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.drain(200)
            for topic, payload in self.messages:
                if topic.endswith("feed/heartbeat") and self.read(topic, payload)["seq"] >= last:
                    return
        raise AssertionError("no heartbeat with seq %d" % last)

    @staticmethod
    def read(topic, payload):
        return json.loads(payload) if topic.startswith("json/") else msgpack.unpackb(payload)

    def records(self):
        return [(t, self.read(t, p)) for t, p in self.messages if not t.endswith("feed/heartbeat")]


class Feed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(CONFIG).start()
        port = cls.server.publish
        cls.all = Listener(port, b"")
        cls.json = Listener(port, b"json/")
        cls.json_critical = Listener(port, b"json/alert/critical", b"json/feed/heartbeat")
        cls.warning = Listener(port, b"alert/warning/", b"feed/heartbeat")
        cls.listeners = (cls.all, cls.json, cls.json_critical, cls.warning)
        for listener in cls.listeners:
            listener.until_seq(0)
        publisher = Publisher(cls.server.router, "feed")
        for n in range(960):
            if n == 200:  # sixteen minutes pass in seconds: the cause is looked for before all is well again
                publisher.flush()
                eventually(lambda: any(i["causes"] for i in cls.server.api("/api/v1/incidents")["incidents"]), what="a cause")
            publisher.send(rows(n))
            while len(publisher.waiting) > 8:
                publisher.pump(20)
        publisher.flush()
        publisher.close()
        last = feed_is_quiet(cls.server)
        for listener in cls.listeners:
            listener.until_seq(last)
        cls.last = last
        cls.replayed = replay_all(cls.server.replay)

    @classmethod
    def tearDownClass(cls):
        for listener in cls.listeners:
            listener.socket.close()
        cls.server.close()

    def alerts(self, entity=None):
        return [p for _, p in self.replayed if p["kind"] == "alert" and (entity is None or p["entity"] == entity)]

    # ---- feed

    def test_topics_name_severity_and_entity_or_incident(self):
        for topic, p in self.replayed:
            if p["kind"] == "alert":
                self.assertEqual(topic, f"alert/{p['severity']}/{p['entity']}")
            elif p["kind"] == "incident":
                self.assertEqual(topic, "incident/" + p["id"])
            else:
                self.assertEqual(topic, f"notice/{p['what']}/{p['subject']}")
        self.assertTrue(any(t.startswith("incident/") for t, _ in self.replayed))

    def test_the_heartbeat_comes_every_second_with_the_last_seq(self):
        listener = Listener(self.server.publish, b"feed/heartbeat")
        self.addCleanup(listener.socket.close)
        beats = [msgpack.unpackb(receive(listener.socket)[1]) for _ in range(3)]
        for beat in beats:
            self.assertEqual(beat["kind"], "heartbeat")
            self.assertEqual(beat["seq"], self.server.api("/api/v1/status")["feed"]["seq"])
            self.assertIsInstance(beat["ts"], int)
            self.assertIsInstance(beat["published"], int)
        times = [beat["published"] for beat in beats]
        self.assertEqual(times, sorted(times))

    def test_who_subscribes_to_all_topics_sees_every_seq(self):
        seqs = [p["seq"] for t, p in self.all.records() if not t.startswith("json/")]
        self.assertEqual(sorted(set(seqs)), list(range(1, self.last + 1)))
        self.assertEqual(seqs, sorted(seqs))

    def test_every_payload_has_seq_ts_published_and_kind(self):
        for _, p in self.all.records():
            self.assertIn(p["kind"], ("alert", "incident", "notice"))
            for key in ("seq", "ts", "published"):
                self.assertIsInstance(p[key], int)
            if p["kind"] != "notice" or p["what"] != "overload":  # what the server says of itself has its own time
                self.assertTrue(START <= p["ts"] <= START + 1_000_000, p)
            self.assertLess(abs(p["published"] - time.time() * 1000), 600_000)

    def test_json_topics_carry_the_same_records_in_json(self):
        want = {(("json/" + t), p["seq"]): p for t, p in self.all.records() if not t.startswith("json/")}
        got = {(t, p["seq"]): p for t, p in self.json.records()}
        self.assertEqual(got, want)
        critical = {key: p for key, p in want.items() if key[0].startswith("json/alert/critical")}
        self.assertTrue(critical)
        self.assertEqual({(t, p["seq"]): p for t, p in self.json_critical.records()}, critical)

    def test_a_rise_keeps_the_episode_and_its_id_and_the_resolve_goes_to_every_topic_used(self):
        episode = self.alerts("soft/a")
        self.assertEqual(len({p["id"] for p in episode}), 1)
        self.assertEqual([p["transition"] for p in episode], list(range(1, len(episode) + 1)))
        self.assertEqual([p["severity"] for p in episode], ["warning", "critical", "critical"])
        self.assertEqual([p["state"] for p in episode], ["firing", "firing", "resolved"])
        resolve = episode[-1]
        topics = sorted(t for t, p in self.all.records() if p["seq"] == resolve["seq"] and not t.startswith("json/"))
        self.assertEqual(topics, ["alert/critical/soft/a", "alert/warning/soft/a"])
        # Who listens to warnings alone sees it begin and end, live and replayed.
        self.assertEqual([(p["seq"], p["state"]) for t, p in self.warning.records() if t.endswith("soft/a")],
                         [(episode[0]["seq"], "firing"), (resolve["seq"], "resolved")])
        replayed = [(t, p["seq"]) for t, p in replay_all(self.server.replay, "alert/warning/soft/a")]
        self.assertEqual(replayed, [("alert/warning/soft/a", episode[0]["seq"]),
                                    ("alert/warning/soft/a", resolve["seq"])])

    def test_a_record_is_the_same_live_and_replayed(self):
        live = {(t, p["seq"]): p for t, p in self.all.records() if not t.startswith("json/")}
        self.assertEqual(len(self.replayed), self.last)
        for topic, p in self.replayed:
            self.assertEqual(live[(topic, p["seq"])], p)

    # ---- records

    def check_keys(self, record, keys):
        for key, kind in keys.items():
            self.assertIn(key, record)
            self.assertIsInstance(record[key], kind, f"{key} of {record['id'] if 'id' in record else record}")

    # Complaint: why-anomalous
    def test_alert_records_have_their_keys(self):
        for p in self.alerts():
            self.check_keys(p, ALERT_KEYS)
            self.assertIn(p["state"], ("firing", "resolved"))
            self.assertIn(p["severity"], ("warning", "critical"))
            self.assertEqual("ended" in p, p["state"] == "resolved")
            self.assertTrue(0 <= p["score"] <= 1)
            self.assertTrue(p["started"] <= p["updated"] <= p.get("ended", p["updated"]))
            for c in p["contributors"]:
                self.assertEqual(set(c), {"metric", "unit", "actual", "expected", "lower", "upper", "score"})
            self.assertEqual(p["metric"], p["contributors"][0]["metric"])
            for key, value in (("entity", p["entity"]), ("severity", p["severity"]), ("team", "storage")):
                self.assertEqual(p["labels"][key], value)
            self.assertIn("alertname", p["labels"])
            self.assertTrue(all(isinstance(v, str) for v in p["labels"].values()))
            self.assertTrue(all(isinstance(v, float) for v in p["detectors"].values()))
            self.assertIn(" ", p["model"])
            self.assertTrue(p["explanation"])
        keys = [(p["id"], p["transition"]) for p in self.alerts()]
        self.assertEqual(len(keys), len(set(keys)))

    def test_incident_records_have_their_keys_and_probabilities_that_add_up(self):
        incidents = [p for _, p in self.replayed if p["kind"] == "incident"]
        self.assertTrue(incidents)
        causes = 0
        for p in incidents:
            self.check_keys(p, INCIDENT_KEYS)
            self.assertIn(p["state"], ("open", "resolved"))
            self.assertEqual("ended" in p, p["state"] == "resolved")
            ids = {a["id"] for a in self.alerts()}
            self.assertTrue(set(p["alerts"]) <= ids)
            self.assertTrue(set(p["entities"]) <= {"soft/a", "hard/b", "hard/c"})
            total = p["unobserved"] + sum(c["probability"] for c in p["causes"])
            if p["causes"]:
                self.assertAlmostEqual(total, 1.0, places=5)
            ranks = [c["probability"] for c in p["causes"]]
            self.assertEqual(ranks, sorted(ranks, reverse=True))
            for cause in p["causes"]:
                causes += 1
                self.check_keys(cause, CAUSE_KEYS)
                for item in cause["evidence"] + cause["counter_evidence"]:
                    self.assertEqual(set(item), {"kind", "text", "weight"})
                for item in cause["remediation"]:
                    self.check_keys(item, REMEDIATION_KEYS)
        self.assertGreater(causes, 0)
        self.assertTrue(any(p["state"] == "resolved" for p in incidents))

    # ---- replay and snapshot

    def test_replay_goes_in_order_from_seq_with_limit(self):
        page = ask(self.server.replay, {"op": "replay", "from": 2, "limit": 2})
        self.assertEqual([r["payload"]["seq"] for r in page["records"]], [2, 3])
        self.assertEqual({k: page[k] for k in ("next", "oldest", "last")}, {"next": 4, "oldest": 1, "last": self.last})
        self.assertEqual([set(r) for r in page["records"]], [{"topic", "payload"}] * 2)

    def test_replay_in_json_is_the_same(self):
        request = {"op": "replay", "from": 1, "limit": 5}
        self.assertEqual(ask(self.server.replay, request, "json"), ask(self.server.replay, request))

    def test_replay_beyond_the_last_and_below_the_oldest(self):
        for at in (self.last + 1, self.last + 1000, 2**63):
            page = ask(self.server.replay, {"op": "replay", "from": at, "limit": 10})
            self.assertEqual(page["records"], [])
            self.assertGreater(page["next"], page["last"])
        for at in (0, 1):
            page = ask(self.server.replay, {"op": "replay", "from": at, "limit": 1})
            self.assertEqual(page["records"][0]["payload"]["seq"], page["oldest"])

    def test_a_limit_above_1000_is_1000_and_one_left_out_too(self):
        for request in ({"op": "replay", "from": 1, "limit": 5000}, {"op": "replay", "from": 1}, {"op": "replay"}):
            page = ask(self.server.replay, request)
            self.assertEqual(len(page["records"]), min(self.last, 1000))

    def test_replay_with_a_prefix_of_the_topic(self):
        for prefix in ("alert/", "alert/critical/hard/b", "incident/", "inc", "notice/", "nothing/"):
            want = [p["seq"] for t, p in self.replayed if t.startswith(prefix)]
            self.assertEqual([p["seq"] for _, p in replay_all(self.server.replay, prefix)], want, prefix)

    def test_req_and_dealer_with_their_delimiter_mirrored(self):
        request = msgpack.packb({"op": "snapshot"})
        self.assertIn("as_of", msgpack.unpackb(exchange(self.server.replay, [request], zmq.REQ)[0]))
        empty, answer = exchange(self.server.replay, [b"", request])
        self.assertEqual(empty, b"")
        self.assertIn("as_of", msgpack.unpackb(answer))

    def test_thousands_of_questions_at_once_are_all_answered(self):
        lost = self.server.metric("faultline_door_replies_unroutable_total")
        self.assertEqual(len(answers_to(self.server.replay, [[msgpack.packb({"op": "snapshot"})]] * 2000)), 2000)
        self.assertEqual(self.server.metric("faultline_door_replies_unroutable_total"), lost)

    def test_bad_requests_are_answered_in_their_encoding(self):
        for wrong in ({}, {"op": "x"}, {"op": 1}, {"op": "replay", "from": -1}, {"op": "replay", "from": "1"},
                      {"op": "replay", "limit": 0}, {"op": "replay", "limit": -5}, {"op": "replay", "limit": "x"},
                      {"op": "replay", "prefix": 7}, {"op": "replay", "from": 1.5}):
            for encoding in ("msgpack", "json"):
                self.assertEqual(ask(self.server.replay, wrong, encoding)["code"], "bad_request", wrong)
        for junk in (b"", b"\xc1", b"snapshot", b"[]", b"\x90", b"{", b"\x81\xa2op", b"x" * 5000):
            answer = exchange(self.server.replay, [junk])
            self.assertEqual(len(answer), 1)
            answer = answer[0]
            reply = json.loads(answer) if answer[:1] == b"{" else msgpack.unpackb(answer)
            self.assertEqual(reply["code"], "bad_request", junk)
        several = exchange(self.server.replay, [msgpack.packb({"op": "snapshot"}), b"x", b"y"])[0]
        reply = json.loads(several) if several[:1] == b"{" else msgpack.unpackb(several)
        self.assertEqual(reply["code"], "bad_request")

    def test_the_snapshot_holds_what_is_firing_or_open(self):
        snapshot = ask(self.server.replay, {"op": "snapshot"})
        self.assertEqual(set(snapshot), {"as_of", "alerts", "incidents"})
        self.assertEqual(snapshot["as_of"], self.last)
        self.assertEqual([a["id"] for a in snapshot["alerts"] if a["state"] != "firing"], [])
        newest = {}
        for _, p in self.replayed:
            if "id" in p:
                newest[p["kind"], p["id"]] = p
        for key, kind, state in (("alerts", "alert", "firing"), ("incidents", "incident", "open")):
            self.assertEqual({p["id"]: p for p in snapshot[key]},
                             {i: p for (k, i), p in newest.items() if k == kind and p["state"] == state},
                             "as they stand in a replay, seq and published with them")
        self.assertEqual(ask(self.server.replay, {"op": "snapshot"}, "json"), snapshot)


class Restart(unittest.TestCase):
    """seq goes on, and what was numbered stays what it was."""

    def start_with_a_question(self, server, before):
        """The first reply after a start, to who asked while there was nobody: whole, and not before it is."""
        asker = connect(zmq.DEALER, server.replay)
        self.addCleanup(asker.close)
        asker.send(msgpack.packb({"op": "snapshot"}))
        server.start()
        first = msgpack.unpackb(receive(asker)[0])
        for key in ("alerts", "incidents"):
            self.assertEqual({r["id"] for r in first[key]}, {r["id"] for r in before[key]})
        self.assertGreaterEqual(first["as_of"], before["as_of"])

    # Complaint: lost-at-restart
    def test_records_are_the_same_after_kill_and_after_sigterm_which_ends_with_0(self):
        server = Server(CONFIG).start()
        self.addCleanup(server.close)
        publisher = Publisher(server.router, "restart")
        self.addCleanup(publisher.close)
        for n in range(170):
            publisher.send(rows(n))
        publisher.flush()
        last = feed_is_quiet(server)
        before = replay_all(server.replay)
        self.assertGreater(len(before), 3)
        snapshot = ask(server.replay, {"op": "snapshot"})
        self.assertEqual({a["entity"] for a in snapshot["alerts"]}, {"soft/a", "hard/b", "hard/c"})
        self.assertTrue(snapshot["incidents"])
        server.kill()
        self.start_with_a_question(server, snapshot)
        self.assertEqual(replay_all(server.replay)[:len(before)], before)
        recovered = eventually(lambda: replay_all(server.replay, "notice/recovered/"))
        self.assertEqual([(t, p["kind"], p["what"], p["subject"]) for t, p in recovered],
                         [("notice/recovered/node", "notice", "recovered", "node")])
        self.assertEqual([p for t, p in before if t.startswith("notice/recovered/")], [])  # a new store recovers nothing
        self.assertEqual(server.stop(), 0)
        self.start_with_a_question(server, snapshot)
        self.assertEqual(replay_all(server.replay)[:len(before)], before)
        publisher.connect()
        for n in range(170, 960):
            publisher.send(rows(n))
        publisher.flush()
        self.assertGreater(feed_is_quiet(server), last)
        seqs = [p["seq"] for _, p in replay_all(server.replay)]
        self.assertEqual(seqs, list(range(1, len(seqs) + 1)))
        self.assertEqual(server.stop(), 0)


if __name__ == "__main__":
    unittest.main()
