# SPDX-License-Identifier: Apache-2.0
"""The contract of the ingest sockets, row by row: payload, fields and their limits, requests and replies.

Each test names the row of docs/wire-protocol.md it holds the server to. One server takes the past (the event times of
these tests are fixed), one has the defaults.
"""

import json
import math
import time
import unittest

import msgpack
import zmq

from posts import post
from support import Publisher, Server
from wire import answers_to, connect, entity_of, eventually, exchange, feed_is_quiet, push, receive, replay_all

START = 1_750_000_000_000
PAST = ("processing: {tick: 1s, accept_past: true}\n"
        "detection: {learning: 1m}\n"
        "limits: [{entity: 'topic/*', metric: level, above: 90}]\n")


def row(entity, n, **values):
    return {"entity": entity, "ts": START + n * 1000, "values": values}


def header(publisher, seq, **more):
    return {"publisher": publisher, "seq": seq, **more}


class Rows(unittest.TestCase):
    config = PAST

    @classmethod
    def setUpClass(cls):
        cls.server = Server(cls.config).start()

    @classmethod
    def tearDownClass(cls):
        cls.server.close()

    def publisher(self, name, **more):
        p = Publisher(self.server.router, name, **more)
        self.addCleanup(p.close)
        return p

    def once(self, payload, name=None, encoding="msgpack"):
        """The reply to one payload of a new publisher."""
        p = self.publisher(name or self.id().rsplit(".", 1)[1], epoch=str(time.monotonic_ns()), encoding=encoding)
        return p.reply_to(p.send_raw(payload if isinstance(payload, bytes) else p.pack(payload)))

    def takes(self, event, encoding="msgpack"):
        reply = self.once(event, encoding=encoding)
        self.assertEqual((reply["accepted"], reply["rejected"]), (1, []), event)

    def refuses(self, event, reason, text=None):
        reply = self.once(event)
        self.assertEqual(reply["accepted"], 0, event)
        self.assertEqual(reply["rejected"][0]["index"], 0)
        self.assertEqual(reply["rejected"][0]["error"].split(":")[0], reason)
        if text:
            self.assertIn(text, reply["rejected"][0]["error"])

    def metrics_of(self, entity, count):
        found = eventually(lambda: entity_of(self.server, entity).get("observations", 0) >= count
                           and entity_of(self.server, entity), what=entity)
        return {m["name"]: m for m in found["metrics"]}

    def reasons(self):
        return self.server.api("/api/v1/dead-letters?limit=1")["by_reason"]


class Payload(Rows):
    def test_msgpack_and_json_maps_and_arrays(self):
        one = row("rows/forms", 1, a=1.0)
        for payload in (msgpack.packb(one), msgpack.packb([one]), json.dumps(one).encode(), json.dumps([one]).encode()):
            self.takes(payload)
        # The longer forms of a map and an array are the same map and array.
        body = msgpack.packb(one)[1:]
        self.takes(b"\xde\x00\x03" + body)
        self.takes(b"\xdf\x00\x00\x00\x03" + body)
        self.takes(b"\xdc\x00\x01" + msgpack.packb(one))
        self.takes(b"\xdd\x00\x00\x00\x01" + msgpack.packb(one))

    def test_the_encoding_of_the_payload_is_its_own(self):
        p = self.publisher("mixed-encodings")
        self.assertEqual(p.reply_to(p.send_raw(json.dumps(row("rows/mixed", 1, a=1.0)).encode()))["accepted"], 1)
        p = self.publisher("mixed-encodings-2", encoding="json")
        self.assertEqual(p.reply_to(p.send_raw(msgpack.packb(row("rows/mixed", 2, a=1.0))))["accepted"], 1)

    def test_syslog_lines_of_both_kinds(self):
        for n, (host, line) in enumerate((
                ("rows-5424", b"<34>1 2025-06-15T15:06:40.003Z rows-5424 su 12 ID47 [x@1 a=\"]\"] \xef\xbb\xbfroot failed"),
                ("rows-3164", b"<34>Oct 11 22:14:15 rows-3164 su[12]: 'su root' failed for lonvick"),
                ("rows-5424", b"<0>1 - rows-5424 - - - -"))):
            self.takes(line)
            eventually(lambda: entity_of(self.server, "host/" + host)["observations"] >= 1)
        self.assertEqual(eventually(lambda: entity_of(self.server, "host/rows-5424")["observations"] == 2), True)

    def test_the_topic_is_ignored_but_kept_as_an_attribute(self):
        s = connect(zmq.PUSH, self.server.pull)  # one connection keeps the order
        self.addCleanup(s.close)
        for n in range(40):
            for entity, frames in (("topic/a", [b"fleet/7"]), ("topic/b", []), ("topic/c", [b"\xff\xfe\x00"])):
                s.send_multipart(frames + [msgpack.packb(row(entity, n, level=50.0 if n < 30 else 99.0))])
        def labels(entity):
            alerts = self.server.api("/api/v1/alerts?entity=" + entity)["alerts"]
            return alerts[0]["labels"]
        self.assertEqual(eventually(lambda: labels("topic/a"))["zmq.topic"], "fleet/7")
        self.assertNotIn("zmq.topic", eventually(lambda: labels("topic/b")))
        self.assertNotIn("zmq.topic", eventually(lambda: labels("topic/c")))  # bytes that are no text

    def test_a_payload_of_one_mebibyte_is_taken_and_one_byte_more_is_not(self):
        exact = b"\x84" + msgpack.packb(row("rows/size", 1, a=1.0))[1:] + b"\xa4fill" + b"\xdb"
        exact += (1024 * 1024 - len(exact) - 4).to_bytes(4, "big")
        exact += b"x" * (1024 * 1024 - len(exact))
        self.assertEqual(len(exact), 1024 * 1024)
        self.takes(exact)
        p = self.publisher("too-large")
        reply = p.reply_to(p.send_raw(exact + b"x", 1))
        self.assertEqual((reply["code"], reply["seq"]), ("too_large", 1))
        del p.replies[1]
        self.assertEqual(p.reply_to(p.send_raw(p.pack(row("rows/size", 2, a=1.0)), 1))["accepted"], 1)  # seq not taken
        before = self.reasons().get("payload_too_large", 0)
        push(self.server.pull, exact + b"x")
        eventually(lambda: self.reasons().get("payload_too_large", 0) > before)

    def test_4096_events_are_taken_and_4097_are_not(self):
        events = [{"entity": "rows/many", "values": {"a": 1}}] * 4096
        self.assertEqual(self.once(events)["accepted"], 4096)
        p = self.publisher("many")
        payload = p.pack(events + events[:1])
        reply = p.reply_to(p.send_raw(payload))
        self.assertEqual(reply["accepted"], 0)
        self.assertEqual(len(reply["rejected"]), 1)
        self.assertIsNone(reply["rejected"][0]["index"])
        self.assertTrue(reply["rejected"][0]["error"].startswith("too_many_events"))
        del p.replies[1]
        self.assertTrue(p.reply_to(p.send_raw(payload, 1))["duplicate"])  # the seq counts as taken

    def test_a_message_over_four_mebibytes_cuts_the_peer_and_nobody_else(self):
        other = self.publisher("bystander")
        other.reply_to(other.send([row("rows/bystander", 1, a=1.0)]))
        for port, kind in ((self.server.router, zmq.DEALER), (self.server.pull, zmq.PUSH)):
            s = connect(kind, port)
            watch = s.get_monitor_socket(zmq.EVENT_DISCONNECTED)
            self.addCleanup(watch.close)
            s.send_multipart([msgpack.packb(header("huge", 1)), b"\x80" * (4 * 1024 * 1024 + 1)]
                             if kind == zmq.DEALER else [b"\x80" * (4 * 1024 * 1024 + 1)])
            self.assertTrue(watch.poll(30_000), "the peer was not cut")
            s.disable_monitor()
            s.close()
        other.reply_to(other.send([row("rows/bystander", 2, a=1.0)]))

    def test_an_undecodable_payload_is_one_dead_letter_on_both_sockets(self):
        before = self.reasons().get("malformed_json", 0)
        p = self.publisher("junk")
        reply = p.reply_to(p.send_raw(b'{"entity": '))
        self.assertEqual(reply["accepted"], 0)
        self.assertEqual([r["index"] for r in reply["rejected"]], [None])
        push(self.server.pull, b'[{"entity": ')
        eventually(lambda: self.reasons().get("malformed_json", 0) == before + 2)
        letters = self.server.api("/api/v1/dead-letters?limit=1")["letters"]
        self.assertTrue(letters[0]["source"].startswith("pull"), letters[0])

    def test_other_frame_counts_are_one_dead_letter(self):
        before = self.reasons().get("bad_frames", 0)
        push(self.server.pull, b"a", b"b", msgpack.packb(row("rows/frames", 1, a=1.0)))
        push(self.server.pull, *([b"x"] * 20_000))
        eventually(lambda: self.reasons().get("bad_frames", 0) == before + 2)
        letters = self.server.api("/api/v1/dead-letters?reason=bad_frames&limit=2")["letters"]
        self.assertEqual([letter["source"] for letter in letters], ["pull", "pull"])

    def test_bytes_after_the_value_and_nesting_are_refused_and_unknown_keys_are_not(self):
        self.takes({**row("rows/unknown", 1, a=1.0), "note": {"deep": [1, {"er": None}]}, "n": 2**63})
        for payload, reason in ((msgpack.packb(row("rows/x", 1, a=1)) + b"\xc0", "malformed_msgpack"),
                                (json.dumps(row("rows/x", 1, a=1)).encode() + b" []", "malformed_json"),
                                (b"\x81\xa1x" + b"\x91" * 9 + b"\xc0", "malformed_msgpack"),
                                (b'{"x": ' + b"[" * 9 + b"]" * 9 + b"}", "malformed_json")):
            reply = self.once(payload)
            self.assertTrue(reply["rejected"][0]["error"].startswith(reason), reply)

    def test_of_a_key_that_comes_twice_the_last_counts(self):
        self.takes(b'{"entity": "rows/no", "entity": "rows/twice", "values": {"a": 1, "a": 2},'
                   b' "ts": 1750000009000, "ts": 1750000001000}')
        self.assertEqual(self.metrics_of("rows/twice", 1)["a"]["last"], 2)
        self.assertEqual(entity_of(self.server, "rows/no"), {})


class Fields(Rows):
    def test_entity_is_1_to_256_bytes_of_utf_8_without_control_characters(self):
        self.takes(row("e", 1, a=1.0))
        self.takes(row("é" * 128, 1, a=1.0))
        self.takes(row("röws/Zürich ☃ %2F?#", 1, a=1.0))
        self.assertEqual(eventually(lambda: entity_of(self.server, "röws/Zürich ☃ %2F?#")["observations"]), 1)
        for bad in ("", "e" * 257, "é" * 129, "rows/\n", "rows/\x7f", "rows/\x00", "rows/\u0085"):
            self.refuses(row(bad, 1, a=1.0), "bad_entity")
        self.refuses(b"\x82\xa6entity\xa2\xc3\x28\xa6values\x81\xa1a\x01", "bad_entity")
        self.refuses(b"\x82\xa6entity\xa3\xed\xa0\x80\xa6values\x81\xa1a\x01", "bad_entity")  # a surrogate
        self.refuses({"values": {"a": 1}}, "missing_entity")
        self.refuses({"entity": ["x"], "values": {"a": 1}}, "wrong_field_type")

    def test_ts_is_unix_milliseconds_and_other_units_are_named(self):
        self.takes(row("rows/ts", 1, a=1.0))
        for ts, unit in ((1_750_000_000, "seconds"), (START * 1000, "microseconds"), (START * 10**6, "nanoseconds"),
                         (631_151_999_999, "1990..2100"), (4_102_444_800_000, "1990..2100"), (0, "1990..2100"),
                         (-1, "1990..2100"), (2**63, "1990..2100"), (2**64 - 1, "1990..2100")):
            self.refuses({"entity": "rows/ts", "ts": ts, "values": {"a": 1}}, "ts_unit", unit)
        for ts in (1.75e12, "1750000000000", None, True, [START]):
            self.refuses({"entity": "rows/ts", "ts": ts, "values": {"a": 1}}, "bad_ts")

    def test_ts_left_out_is_the_time_of_arrival(self):
        before = int(time.time() * 1000)
        self.takes({"entity": "rows/no-ts", "values": {"a": 1}})
        last = eventually(lambda: entity_of(self.server, "rows/no-ts")["last_ts"])
        self.assertTrue(before - 1 <= last <= int(time.time() * 1000) + 1, last)

    def test_the_past_is_taken_where_the_configuration_says_so_but_not_the_future(self):
        self.takes({"entity": "rows/old", "ts": 631_152_000_000, "values": {"a": 1}})
        self.refuses({"entity": "rows/new", "ts": int(time.time() * 1000) + 600_000, "values": {"a": 1}}, "ts_in_future")
        self.takes({"entity": "rows/new", "ts": int(time.time() * 1000) + 120_000, "values": {"a": 1}})

    def test_attrs_are_at_most_32_texts(self):
        self.takes({**row("rows/attrs", 1, a=1.0), "attrs": {f"k{i}": "v" for i in range(32)}})
        self.refuses({**row("rows/attrs", 1, a=1.0), "attrs": {f"k{i}": "v" for i in range(33)}}, "too_many_attributes")
        for attrs in ({"k": 1}, {"k": None}, {"k": {"x": "y"}}, {1: "v"}, {"": "v"}, {"a\nb": "v"}):
            self.refuses(msgpack.packb({**row("rows/attrs", 1, a=1.0), "attrs": attrs}), "bad_attribute")
        self.refuses({**row("rows/attrs", 1, a=1.0), "attrs": ["k"]}, "wrong_field_type")

    def test_an_unknown_type_is_refused_and_none_is_a_metric(self):
        self.takes({"type": "metric", **row("rows/type", 1, a=1.0)})
        for kind in ("metrics", "", "Metric", "METRIC", "trace"):
            self.refuses({"type": kind, **row("rows/type", 1, a=1.0)}, "unknown_type")
        self.refuses({"type": 1, **row("rows/type", 1, a=1.0)}, "wrong_field_type")

    def test_metric_values_and_counters_are_at_most_256_names_of_1_to_128_bytes(self):
        many = {f"m{i}": i for i in range(256)}
        self.takes({"entity": "rows/wide", "ts": START, "values": many})
        self.refuses({"entity": "rows/wide", "ts": START, "values": {**many, "one": 1}}, "too_many_values")
        self.refuses({"entity": "rows/wide", "ts": START, "values": many, "counters": {"one": 1}}, "too_many_values")
        self.takes(row("rows/name", 1, **{"n" * 128: 1.0}))
        for name in ("", "n" * 129, "a\x01b", "é" * 65):
            self.refuses(row("rows/name", 1, **{name: 1.0}), "bad_metric_name")
        self.refuses({"entity": "rows/name", "ts": START}, "no_values")
        self.refuses({"entity": "rows/name", "ts": START, "values": {}, "counters": {}}, "no_values")
        for values in ([1], 1, "a", None, {"a": "1"}, {"a": None}, {"a": True}, {"a": {"b": 1}}, {"a": [1]}):
            self.refuses({"entity": "rows/name", "ts": START, "values": values}, "wrong_field_type")

    def test_nan_and_infinities_are_refused_value_by_value(self):
        counted = 'faultline_values_refused_total{reason="not_finite"}'
        before = self.server.metric(counted)
        for encoding in ("msgpack", "json"):
            p = self.publisher("finite " + encoding, encoding=encoding)
            reply = p.reply_to(p.send([row("rows/finite/" + encoding, 1, a=math.nan, b=math.inf, c=-math.inf, d=4.0)]))
            self.assertEqual((reply["accepted"], reply["rejected"]), (1, []))
            self.assertEqual(set(self.metrics_of("rows/finite/" + encoding, 1)), {"d"})
        self.assertEqual(self.server.metric(counted), before + 6)
        self.refuses(row("rows/finite", 2, a=math.nan, b=math.inf), "non_finite_value")
        self.takes(b"\x82\xa6entity\xa9rows/f32x\xa6values\x82\xa1a\xca\x7f\xc0\x00\x00\xa1b\xca\x3f\x80\x00\x00")
        self.assertEqual(set(self.metrics_of("rows/f32x", 1)), {"b"})
        self.refuses(b'{"entity": "rows/finite", "values": {"a": NaN, "b": 1e999}}', "non_finite_value")
        self.assertTrue(self.once(b'{"entity": "rows/finite", "values": {"a": nan, "b": 1}}')["rejected"][0]["error"]
                        .startswith("malformed_json"))

    def test_the_257th_metric_of_an_entity_is_left_out_counted_and_told_once(self):
        before = self.server.metric('faultline_values_refused_total{reason="too_many"}')
        for part in range(3):
            self.takes({"entity": "rows/full", "ts": START + part, "values": {f"m{part}.{i}": i for i in range(100)}})
        for n in range(3):
            self.takes(row("rows/full", n + 1, more=1.0, **{"m0.1": 2.0}))
        self.assertEqual(len(self.metrics_of("rows/full", 6)), 256)
        self.assertEqual(entity_of(self.server, "rows/full")["left_out"], 44 + 3)
        eventually(lambda: self.server.metric('faultline_values_refused_total{reason="too_many"}') == before + 47)
        feed_is_quiet(self.server)
        told = [p for topic, p in replay_all(self.server.replay, "notice/too_many_metrics/rows/full")]
        self.assertEqual(len(told), 1)
        self.assertIn("m2.56", told[0]["text"])
        self.assertEqual(entity_of(self.server, "rows/wide").get("left_out", 0), 0)

    def test_numbers_at_the_edges_are_kept(self):
        edges = {"zero": -0.0, "tiny": 5e-324, "big": 2**53 + 1, "u64": 2**64 - 1, "i64": -2**63, "max": 1.7e308}
        for encoding in ("msgpack", "json"):
            self.takes({"entity": "rows/edges-" + encoding, "ts": START, "values": edges}, encoding=encoding)
            got = self.metrics_of("rows/edges-" + encoding, 1)
            self.assertEqual(set(got), set(edges))
            self.assertEqual(got["big"]["last"], float(2**53 + 1))
        self.refuses(b'{"entity": "rows/e", "values": {"a": 1e999}}', "non_finite_value")

    def test_counters_become_rates_and_resets_are_handled(self):
        p = self.publisher("counters")
        total = 0
        for n in range(40):
            total = 0 if n == 20 else total + 500
            p.send([{"entity": "rows/counter", "ts": START + n * 1000, "counters": {"bytes": total}}])
        p.flush()
        eventually(lambda: entity_of(self.server, "rows/counter")["observations"] == 40)
        path = "/api/v1/entities/rows%2Fcounter/window?metric=bytes"
        eventually(lambda: self.server.get(path)[0] == 200 and len(self.server.api(path)["values"]) >= 36)
        values = [v for v in self.server.api(path)["values"] if v is not None]
        self.assertTrue(values and all(0 <= v <= 500.001 for v in values), values)
        self.assertGreater(sum(abs(v - 500) < 1e-3 for v in values), 30)

    def test_log_events(self):
        for severity in ("trace", "debug", "info", "warn", "error", "fatal"):
            self.takes({"type": "log", "entity": "rows/log", "ts": START, "body": "x", "severity": severity})
        self.takes({"type": "log", "entity": "rows/log", "ts": START, "body": ""})
        self.takes({"type": "log", "entity": "rows/log", "ts": START, "body": "é" * 20_000})  # cut, not refused
        self.refuses({"type": "log", "entity": "rows/log", "ts": START}, "wrong_field_type", "body")
        self.refuses({"type": "log", "entity": "rows/log", "ts": START, "body": 7}, "wrong_field_type")
        for severity in ("warning", "INFO", "", "critical"):
            self.refuses({"type": "log", "entity": "rows/log", "ts": START, "body": "x", "severity": severity},
                         "bad_severity")
        eventually(lambda: entity_of(self.server, "rows/log")["observations"] == 8)

    def test_span_events(self):
        span = {"type": "span", "entity": "rows/span", "ts": START, "trace": "4bf92f3577b34da6a3ce929d0e0e4736",
                "span": "00f067aa0ba902b7", "operation": "GET /cart", "duration_us": 1200, "status": "ok"}
        for more in ({}, {"parent": None, "peer": None}, {"parent": "53995c3f42cd8ad8", "peer": "db/rows"},
                     {"status": "error"}, {"duration_us": 0}):
            self.takes({**span, **more})
        eventually(lambda: any(e["from"] == "rows/span" and e["to"] == "db/rows" and e["source"] == "span"
                               for e in self.server.api("/api/v1/topology")["edges"]))
        for key in ("trace", "span", "operation"):
            self.refuses({k: v for k, v in span.items() if k != key}, "bad_span", key)
        for more in ({"trace": "xyz"}, {"trace": ""}, {"span": "g"}, {"parent": "?"}, {"peer": ""}, {"peer": "a\nb"},
                     {"duration_us": -1}, {"operation": ""}):
            self.refuses({**span, **more}, "bad_span")
        self.refuses({**span, "status": "fine"}, "bad_status")
        for more in ({"trace": 1}, {"duration_us": "1"}, {"duration_us": 1.5}, {"peer": 1}, {"parent": 1}):
            self.refuses({**span, **more}, "wrong_field_type")

    def test_edge_events_add_and_take_away(self):
        edge = {"type": "edge", "entity": "rows/front", "ts": START, "depends_on": ["rows/back", "rows/db"]}
        self.takes(edge)
        self.takes({**edge, "entity": "rows/back", "depends_on": ["rows/host"], "kind": "runs_on"})

        def edges():
            return {(e["from"], e["to"], e["kind"]) for e in self.server.api("/api/v1/topology")["edges"]}
        eventually(lambda: {("rows/front", "rows/back", "calls"), ("rows/front", "rows/db", "calls"),
                            ("rows/back", "rows/host", "runs_on")} <= edges())
        self.takes({**edge, "ts": START + 1000, "depends_on": ["rows/db"], "remove": True})
        eventually(lambda: ("rows/front", "rows/db", "calls") not in edges())
        self.assertIn(("rows/front", "rows/back", "calls"), edges())
        for more in ({"depends_on": []}, {"depends_on": [""]}, {"depends_on": ["a\x00b"]}, {"kind": "likes"}):
            self.refuses({**edge, **more}, "bad_edge")
        self.refuses({k: v for k, v in edge.items() if k != "depends_on"}, "bad_edge")
        for more in ({"depends_on": "rows/db"}, {"depends_on": [1]}, {"remove": "yes"}, {"kind": 1}):
            self.refuses({**edge, **more}, "wrong_field_type")

    def test_change_events(self):
        change = {"type": "change", "entity": "rows/change", "ts": START, "summary": "cart 2.7.1"}
        for kind in ("deploy", "config", "scale", "flag", "other"):
            self.takes({**change, "kind": kind})
        self.takes(change)
        self.refuses({**change, "kind": "oops"}, "bad_change")
        self.refuses({"type": "change", "entity": "rows/change", "ts": START}, "bad_change")
        self.refuses({**change, "summary": 1}, "wrong_field_type")

    def test_an_event_that_breaks_a_rule_is_counted_kept_and_disturbs_nobody(self):
        before = self.reasons()
        reply = self.once([row("rows/batch", 1, a=1.0), 7, {"entity": ""}, row("rows/batch", 2, a=1.0),
                           {"entity": "rows/batch", "ts": 1}, row("rows/batch", 3, a=1.0)])
        self.assertEqual(reply["accepted"], 3)
        self.assertEqual([(r["index"], r["error"].split(":")[0]) for r in reply["rejected"]],
                         [(1, "event_not_a_map"), (2, "bad_entity"), (4, "ts_unit")])
        after = self.reasons()
        for reason in ("event_not_a_map", "bad_entity", "ts_unit"):
            self.assertEqual(after[reason], before.get(reason, 0) + 1)
        eventually(lambda: entity_of(self.server, "rows/batch")["observations"] == 3)


class Requests(Rows):
    def test_req_and_dealer_are_answered_with_their_delimiter_mirrored(self):
        for encode, decode in ((msgpack.packb, msgpack.unpackb), (lambda v: json.dumps(v).encode(), json.loads)):
            kind = "m" if encode is msgpack.packb else "j"
            event = encode(row("rows/req", 1, a=1.0))
            answer = exchange(self.server.router, [encode(header("req-" + kind, 1)), event], zmq.REQ)
            self.assertEqual([decode(f) for f in answer], [{"ack": 1, "accepted": 1, "rejected": []}])
            answer = exchange(self.server.router, [encode(header("dealer-" + kind, 1)), event])
            self.assertEqual([decode(f) for f in answer], [{"ack": 1, "accepted": 1, "rejected": []}])
            answer = exchange(self.server.router, [b"", encode(header("dealer-" + kind, 2)), event])
            self.assertEqual(answer[0], b"")
            self.assertEqual([decode(f) for f in answer[1:]], [{"ack": 2, "accepted": 1, "rejected": []}])

    def test_a_header_that_breaks_a_rule_is_answered_in_its_encoding(self):
        good = header("rules", 1)
        for wrong in ({}, {"publisher": "p"}, {**good, "publisher": ""}, {**good, "publisher": "p" * 129},
                      {**good, "publisher": 5}, {**good, "seq": 0}, {**good, "seq": -1}, {**good, "seq": "1"},
                      {**good, "seq": 1.5}, {**good, "seq": None}, {**good, "epoch": "e" * 65}, {**good, "epoch": 1},
                      {"publisher": "p", "op": "first"}, {**good, "publisher": "a\nb"}):
            for encode, decode in ((msgpack.packb, msgpack.unpackb), (lambda v: json.dumps(v).encode(), json.loads)):
                answer = exchange(self.server.router, [encode(wrong), b"\x80"])
                reply = decode(answer[0])
                self.assertEqual(reply["code"], "bad_header", wrong)
                self.assertTrue(reply["error"])

    def test_a_header_that_cannot_be_read_is_answered_in_json(self):
        for wrong in (b"\xc1", b"header", b"\x01", b'{"publisher"', b"\x82\xa9publisher", b"[1]", b"x" * 3000, b"\xff" * 64):
            answer = exchange(self.server.router, [wrong, b"\x80"])
            reply = json.loads(answer[0])
            self.assertEqual(reply["code"], "bad_header", wrong)

    def test_other_frame_counts_are_answered(self):
        head = msgpack.packb(header("frames", 1))
        for frames in ([head, b"\x80", b"\x80"], [head] + [b"x"] * 20_000):
            self.assertEqual(msgpack.unpackb(exchange(self.server.router, frames)[0])["code"], "bad_frames")
        answer = exchange(self.server.router, [b"", head, b"\x80", b"\x80"])
        self.assertEqual((answer[0], msgpack.unpackb(answer[1])["code"]), (b"", "bad_frames"))

    def test_the_longest_names_are_taken(self):
        p = self.publisher("p" * 128, epoch="é" * 32)
        self.assertEqual(p.reply_to(p.send([row("rows/names", 1, a=1.0)]))["accepted"], 1)

    def test_pipelined_requests_are_all_answered_and_applied_once(self):
        p = self.publisher("pipeline")
        for n in range(300):
            p.send([row(f"rows/pipe-{n % 7}", n, a=1.0)])
        p.flush()
        self.assertEqual(sum(r["accepted"] for r in p.replies.values()), 300)

    def test_thousands_in_flight_at_once_are_all_answered(self):
        payload = msgpack.packb([row("rows/burst", 1, a=1.0)])
        lost = self.server.metric("faultline_door_replies_unroutable_total")
        answers = answers_to(self.server.router, [[msgpack.packb({"publisher": "burst", "seq": n + 1}), payload]
                                                  for n in range(5000)])
        self.assertEqual(len(answers), 5000)
        self.assertEqual(self.server.metric("faultline_door_replies_unroutable_total"), lost)

    def test_seqs_may_come_out_of_order_and_last_names_what_is_missing(self):
        p = self.publisher("order")
        for seq in (3, 1, 7, 2):
            self.assertEqual(p.reply_to(p.send_raw(p.pack([row("rows/order", seq, a=1.0)]), seq))["accepted"], 1)
        for encoding in ("msgpack", "json"):
            q = self.publisher("order", encoding=encoding)
            for frames in ([q.header(op="last"), b""], [q.header(op="last")]):
                self.assertEqual(q.unpack(exchange(self.server.router, frames)[0]), {"last": 7, "missing": [4, 5, 6]})
        self.assertEqual(p.reply_to(p.send_raw(p.pack([row("rows/order", 4, a=1.0)]), 4))["accepted"], 1)
        nobody = self.publisher("never-seen")
        self.assertEqual(nobody.unpack(exchange(self.server.router, [nobody.header(op="last"), b""])[0]),
                         {"last": 0, "missing": []})

    def test_an_epoch_begins_anew(self):
        for epoch in ("", "a", "b"):
            p = self.publisher("epochs", epoch=epoch)
            self.assertEqual(p.reply_to(p.send([row("rows/epoch", 1, a=1.0)]))["accepted"], 1)
        self.assertEqual(p.unpack(exchange(self.server.router, [p.header(op="last"), b""])[0])["last"], 1)

    def test_a_seq_with_other_content_is_a_conflict(self):
        p = self.publisher("conflict")
        p.reply_to(p.send_raw(p.pack([row("rows/conflict", 1, a=1.0)]), 1))
        del p.replies[1]
        reply = p.reply_to(p.send_raw(p.pack([row("rows/conflict", 1, a=2.0)]), 1))
        self.assertEqual((reply["code"], reply["seq"]), ("conflict", 1))
        self.assertTrue(reply["error"])

    def test_below_the_window_of_1024_is_too_old_never_duplicate(self):
        p = self.publisher("old")
        payload = p.pack([row("rows/oldest", 1, a=1.0)])
        p.reply_to(p.send_raw(payload, 1))
        p.reply_to(p.send_raw(payload, 1024))
        for seq, expected in ((1, "duplicate"), (1025, "ack"), (1, "too_old"), (2, "ack"), (3000, "ack"), (1025, "too_old")):
            p.replies.pop(seq, None)
            reply = p.reply_to(p.send_raw(payload, seq))
            if expected == "too_old":
                self.assertEqual((reply["code"], reply["seq"]), ("too_old", seq))
            else:
                self.assertEqual(reply.get("duplicate", False), expected == "duplicate", (seq, reply))
        last = p.unpack(exchange(self.server.router, [p.header(op="last"), b""])[0])
        self.assertEqual((last["last"], len(last["missing"])), (3000, 1023))
        self.assertEqual(min(last["missing"]), 3000 - 1023)

    def test_the_largest_seq_is_a_seq(self):
        p = self.publisher("largest")
        payload = p.pack([row("rows/largest", 1, a=1.0)])
        for seq in (2**63, 2**64 - 1):
            self.assertEqual(p.reply_to(p.send_raw(payload, seq))["accepted"], 1)
        del p.replies[2**64 - 1]
        self.assertTrue(p.reply_to(p.send_raw(payload, 2**64 - 1))["duplicate"])
        self.assertEqual(p.unpack(exchange(self.server.router, [p.header(op="last"), b""])[0])["last"], 2**64 - 1)

    def test_an_empty_batch_is_taken(self):
        self.assertEqual(self.once([]), {"ack": 1, "accepted": 0, "rejected": []})


class Defaults(Rows):
    """Time as it is checked without accept_past."""
    config = ""

    def test_older_than_max_late_is_refused_and_younger_is_taken(self):
        now = int(time.time() * 1000)
        self.takes({"entity": "rows/late", "ts": now - 3_500_000, "values": {"a": 1}})
        self.refuses({"entity": "rows/late", "ts": now - 3_700_000, "values": {"a": 1}}, "ts_too_old")

    def test_later_than_arrival_plus_five_minutes_is_refused(self):
        now = int(time.time() * 1000)
        self.takes({"entity": "rows/early", "ts": now + 200_000, "values": {"a": 1}})
        self.refuses({"entity": "rows/early", "ts": now + 400_000, "values": {"a": 1}}, "ts_in_future")


class NoRoom(unittest.TestCase):
    """`retry`: nothing was taken, and the same request is taken later."""

    def test_a_request_that_finds_no_room_is_told_when_to_come_again(self):
        server = Server(PAST)
        self.addCleanup(server.close)
        text = server.config.read_text()
        server.config.write_text(text.replace("ingest: {", "ingest: {max_lag_records: 1, retry_after_ms: 70, "))
        server.start()
        s = connect(zmq.DEALER, server.router)
        self.addCleanup(s.close)
        requests = {seq: [msgpack.packb(header("retry", seq)),
                          msgpack.packb([row(f"rows/retry-{i}", seq, a=1.0) for i in range(1000)])] for seq in range(1, 61)}
        for frames in requests.values():
            s.send_multipart(frames)
        told, acked, again = 0, set(), []
        while len(acked) < len(requests):
            if again and not s.poll(70):  # after_ms: later
                for seq in again:
                    s.send_multipart(requests[seq])
                again = []
            reply = msgpack.unpackb(receive(s, 30)[0])
            if "retry" not in reply:
                self.assertEqual(reply, {"ack": reply["ack"], "accepted": 1000, "rejected": []})  # never half, never twice
                acked.add(reply["ack"])
                continue
            self.assertEqual(set(reply), {"retry", "after_ms", "reason"})
            self.assertEqual(reply["after_ms"], 70)
            self.assertIsInstance(reply["reason"], str)
            again.append(reply["retry"])
            told += 1
        self.assertGreater(told, 0, "nothing was refused")
        self.assertEqual(server.api("/api/v1/status")["observations"], 60_000)


class Durable(unittest.TestCase):
    """What was acknowledged stays acknowledged: over kill -9 and over an orderly restart."""

    def test_duplicate_conflict_and_last_hold_across_kill_and_restart(self):
        server = Server(PAST).start()
        self.addCleanup(server.close)
        p = Publisher(server.router, "durable")
        self.addCleanup(p.close)
        payloads = {seq: p.pack([row("rows/durable", seq, a=1.0), {"entity": ""}]) for seq in (1, 2, 4)}
        for seq, payload in payloads.items():
            self.assertEqual(p.reply_to(p.send_raw(payload, seq))["accepted"], 1)
        p.reply_to(p.send_raw(b"\xc1", 5))  # cannot be decoded: the seq counts as taken
        payloads[5] = b"\xc1"
        for again in ("kill", "stop"):
            if again == "kill":
                server.kill()
            else:
                self.assertEqual(server.stop(), 0)
            server.start()
            p.connect()
            p.replies.clear()
            for seq, payload in payloads.items():
                p.send_raw(payload, seq)
                self.assertEqual(p.reply_to(seq), {"ack": seq, "duplicate": True})
            p.replies.clear()
            p.send_raw(b"\x80", 4)
            self.assertEqual(p.reply_to(4)["code"], "conflict")
            self.assertEqual(p.unpack(exchange(server.router, [p.header(op="last"), b""])[0]),
                             {"last": 5, "missing": [3]})
            server.wait_applied()
            self.assertEqual(entity_of(server, "rows/durable")["observations"], 3)
            self.assertEqual(server.api("/api/v1/status")["observations"], 3)


class Aliases(unittest.TestCase):
    """`naming.aliases`: what the door decides is what the record holds."""

    def test_one_thing_is_one_entity_whatever_it_is_called_and_by_whatever_door(self):
        server = Server("naming: {aliases: {host/10.0.0.7: host/web-1, remote/ledger: db/orders}}\n").start()
        self.addCleanup(server.close)
        p = Publisher(server.router, "aliases")
        self.addCleanup(p.close)
        other, span = "host/10.0.0.7", {"type": "span", "trace": "0a", "span": "0b", "operation": "GET"}
        reply = p.reply_to(p.send([{"entity": other, "values": {"cpu": 1}}, {"entity": "host/web-1", "values": {"cpu": 2}},
                                   {"type": "edge", "entity": "service/cart", "depends_on": [other], "kind": "runs_on"},
                                   {**span, "entity": "service/cart", "peer": "remote/ledger"}]))
        self.assertEqual(reply["accepted"], 4)
        push(server.pull, json.dumps({"entity": other, "values": {"cpu": 3}}).encode())
        push(server.pull, b"<11>1 - 10.0.0.7 app - - - failed")
        self.assertEqual(post(server.http, "/write", b"load,host=10.0.0.7 value=1")[0], 204)
        self.assertEqual(server.request("POST", "/api/v2/alerts", [{"labels": {"alertname": "Slow", "instance": "10.0.0.7:9100"}}])[0], 200)

        def holds():
            self.assertEqual(entity_of(server, "host/web-1")["observations"], 5)
            edges = {(e["from"], e["to"]) for e in server.api("/api/v1/topology")["edges"]}
            self.assertEqual(edges, {("service/cart", "host/web-1"), ("service/cart", "db/orders")})
            self.assertEqual([a["entity"] for a in server.api("/api/v1/alerts")["alerts"]], ["host/web-1"])
            self.assertEqual({e["id"] for e in server.api("/api/v1/entities")["entities"]}, {"host/web-1", "service/cart"})
        eventually(lambda: entity_of(server, "host/web-1")["observations"] == 5
                   and len(server.api("/api/v1/topology")["edges"]) == 2 and server.api("/api/v1/alerts")["alerts"])
        holds()
        server.kill()
        server.config.write_text(server.config.read_text().replace("naming:", "naming: {} #"))
        server.start()  # what was decided at the door stands in the log
        server.wait_applied()
        holds()


if __name__ == "__main__":
    unittest.main()
