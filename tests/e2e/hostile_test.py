# SPDX-License-Identifier: Apache-2.0
"""Hostile payloads over the real socket: each refused with its own reason, and the server still serves."""

import json
import struct
import unittest

import msgpack

from support import Publisher, Server

NOW = 1_750_000_000_000


def event(**more):
    base = {"entity": "host/x", "ts": NOW, "values": {"cpu": 1.0}}
    base.update(more)
    return {k: v for k, v in base.items() if v is not ...}


def packed(**more):
    return msgpack.packb(event(**more))


# (what it is, payload, the reason a person reads in reply or dead letters)
WHOLE = [
    ("empty", b"", "empty_payload"),
    ("no known first byte", b"\x01\x02", "unknown_format"),
    ("never used msgpack byte inside", b"\x81\xa6entity\xc1", "malformed_msgpack"),
    ("truncated map", packed()[:-3], "malformed_msgpack"),
    ("bytes after the value", packed() + b"\x00", "malformed_msgpack"),
    ("array bomb", b"\xdd\xff\xff\xff\xff", "unknown_format|malformed_msgpack|too_many_events"),
    ("array of 65,535 that are not there", b"\xdc\xff\xff", "too_many_events|malformed_msgpack"),
    ("map bomb", b"\xde\xff\xff", "malformed_msgpack"),
    ("string longer than the payload", b"\x81\xdb\xff\xff\xff\xff", "malformed_msgpack"),
    ("ext type", b"\x81\xa1x\xd4\x01\x00" + b"", "malformed_msgpack"),
    ("depth", b"\x81\xa1x" + b"\x91" * 100_000 + b"\xc0", "malformed_msgpack"),
    ("more than 4,096 events", msgpack.packb([event()] * 4097), "too_many_events"),
    ("cut JSON", b'{"entity": "host/x", "values": {"cpu": ', "malformed_json"),
    ("JSON that is NaN", b'{"entity": "host/x", "values": {"cpu": NaN}}', "malformed_json"),
    ("deep JSON", b"[" * 100_000, "malformed_json"),
    ("JSON then more", b'{"entity":"host/x","values":{"a":1}} {}', "malformed_json"),
    ("syslog without its bracket", b"<1345 x y", "malformed_syslog|unknown_format"),
]
SINGLE = [
    ("not a map", msgpack.packb([1]), "event_not_a_map"),
    ("no entity", packed(entity=...), "missing_entity"),
    ("empty entity", packed(entity=""), "bad_entity"),
    ("entity of 257 bytes", packed(entity="h" * 257), "bad_entity"),
    ("control character in the entity", packed(entity="host/\x1b[2J"), "bad_entity"),
    ("entity that is no UTF-8", b"\x82\xa6entity\xa3\xff\xfe\xfd\xa6values\x81\xa1a\x01", "bad_entity|bad_utf8"),
    ("entity that is a number", packed(entity=7), "wrong_field_type"),
    ("seconds", packed(ts=1_750_000_000), "ts_unit"),
    ("microseconds", packed(ts=NOW * 1000), "ts_unit"),
    ("nanoseconds", packed(ts=NOW * 1_000_000), "ts_unit"),
    ("ts that is text", packed(ts="now"), "bad_ts"),
    ("far future", packed(ts=4_000_000_000_000), "ts_in_future"),
    ("unknown type", packed(type="metrics"), "unknown_type"),
    ("no values", packed(values=...), "no_values"),
    ("empty values", packed(values={}), "no_values"),
    ("257 values", packed(values={f"m{i}": 1 for i in range(257)}), "too_many_values"),
    ("metric name of 129 bytes", packed(values={"m" * 129: 1}), "bad_metric_name"),
    ("only NaN", packed(values={"a": float("nan"), "b": float("inf")}), "non_finite_value"),
    ("values that are a list", packed(values=[1, 2]), "wrong_field_type"),
    ("33 attributes", packed(attrs={f"k{i}": "v" for i in range(33)}), "too_many_attributes"),
    ("attribute that is a number", packed(attrs={"k": 1}), "bad_attribute|wrong_field_type"),
    ("bad severity", packed(type="log", body="x", severity="loud"), "bad_severity"),
    ("span without trace", packed(type="span", operation="GET"), "bad_span"),
    ("edge to nobody", packed(type="edge", depends_on=[]), "bad_edge"),
    ("edge of a strange kind", packed(type="edge", depends_on=["a/b"], kind="likes"), "bad_edge"),
    ("change of a strange kind", packed(type="change", kind="oops", summary="x"), "bad_change"),
]


class Hostile(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server("processing: {accept_past: true}\n").start()

    @classmethod
    def tearDownClass(cls):
        cls.server.close()

    def reasons(self):
        return self.server.api("/api/v1/dead-letters?limit=1")["by_reason"]

    def refuse(self, cases, indexed):
        p = Publisher(self.server.router, "hostile-" + str(indexed))
        self.addCleanup(p.close)
        for what, payload, expected in cases:
            with self.subTest(what):
                before = self.reasons()
                reply = p.reply_to(p.send_raw(payload))
                self.assertEqual(reply.get("accepted"), 0, reply)
                self.assertEqual(len(reply["rejected"]), 1, reply)
                self.assertEqual(reply["rejected"][0]["index"] is not None, indexed)
                self.assertTrue(reply["rejected"][0]["error"])
                after = self.reasons()
                grown = [r for r in after if after[r] > before.get(r, 0)]
                self.assertEqual(len(grown), 1, grown)
                self.assertIn(grown[0], expected.split("|"))

    def test_payloads_that_cannot_be_read(self):
        self.refuse(WHOLE, False)

    def test_events_that_break_a_rule(self):
        self.refuse(SINGLE, True)

    def test_headers_that_cannot_be_read(self):
        p = Publisher(self.server.router, "headers")
        self.addCleanup(p.close)
        for header in (b"", b"\xc1", b"{}", b'{"publisher": ""}', b'{"publisher": "p", "seq": 0}',
                       b'{"publisher": "p", "seq": -1}', b'{"publisher": "p", "seq": "1"}',
                       msgpack.packb({"publisher": "p" * 129, "seq": 1}),
                       msgpack.packb({"publisher": "p", "seq": 1, "epoch": "e" * 65})):
            with self.subTest(header[:40]):
                p.socket.send_multipart([header, packed()])
                self.assertTrue(p.socket.poll(5000))
                frame = p.socket.recv_multipart()[-1]
                reply = json.loads(frame) if frame[:1] == b"{" else msgpack.unpackb(frame)
                self.assertIn("error", reply)
                self.assertIn("code", reply)

    def test_too_many_frames_are_answered(self):
        p = Publisher(self.server.router, "frames")
        self.addCleanup(p.close)
        p.socket.send_multipart([p.header(seq=1), packed(), b"more", b"frames"])
        self.assertTrue(p.socket.poll(5000))
        self.assertIn("error", msgpack.unpackb(p.socket.recv()))

    def test_a_payload_over_one_mebibyte_is_too_large(self):
        p = Publisher(self.server.router, "large")
        self.addCleanup(p.close)
        reply = p.reply_to(p.send_raw(packed(values={"a": 1}) + b"x" * (1024 * 1024)))
        self.assertEqual(reply["code"], "too_large")

    def test_good_values_beside_bad_ones_count(self):
        p = Publisher(self.server.router, "partly")
        self.addCleanup(p.close)
        reply = p.reply_to(p.send_raw(packed(entity="host/partly", values={"a": float("nan"), "b": 2.0})))
        self.assertEqual(reply["accepted"], 1)

    def test_z_still_serves(self):
        p = Publisher(self.server.router, "after")
        self.addCleanup(p.close)
        self.assertEqual(p.reply_to(p.send([event(entity="host/after")]))["accepted"], 1)
        self.assertEqual(self.server.get("/-/healthy")[0], 200)
        raw = struct.pack("B", 0x80)
        self.assertEqual(p.reply_to(p.send_raw(raw))["accepted"], 0)


if __name__ == "__main__":
    unittest.main()
