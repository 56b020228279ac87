# SPDX-License-Identifier: Apache-2.0
"""Hostile bytes over every socket: each refused with its own reason or answered, and the server still serves.

WHOLE and SINGLE go over both ingest sockets, REQUESTS over the replay socket, CONNECTIONS to every ZeroMQ port, HTTP to
the HTTP port. Afterwards the server has lost nothing, holds no more memory than before, and ends in order.
"""

import json
import os
import pathlib
import random
import socket
import struct
import time
import unittest

import msgpack
import zmq

from support import Publisher, Server
from wire import ask, connect, eventually, exchange, receive

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
    ("JSON that is nan", b'{"entity": "host/x", "values": {"cpu": nan}}', "malformed_json"),
    ("deep JSON", b"[" * 100_000, "malformed_json"),
    ("JSON then more", b'{"entity":"host/x","values":{"a":1}} {}', "malformed_json"),
    ("syslog without its bracket", b"<1345 x y", "malformed_syslog|unknown_format"),
    ("one NUL", b"\x00", "unknown_format"),
    ("text", b"hello", "unknown_format"),
    ("a msgpack string", msgpack.packb("x" * 40), "unknown_format"),
    ("a msgpack integer", b"\xcf" + b"\xff" * 8, "unknown_format"),
    ("msgpack nil", b"\xc0", "unknown_format"),
    ("msgpack ext first", b"\xc7\x01\x01x", "unknown_format"),
    ("msgpack bin first", b"\xc4\x01x", "unknown_format"),
    ("UTF-16 JSON", '{"entity": "x"}'.encode("utf-16"), "unknown_format"),
    ("JSON after a byte order mark", b"\xef\xbb\xbf{}", "unknown_format"),
    ("JSON after a space", b" {}", "unknown_format"),
    ("a JSON string", b'"x"', "unknown_format"),
    ("gzip", b"\x1f\x8b\x08\x00", "unknown_format"),
    ("one byte of a map32", b"\xdf", "malformed_msgpack"),
    ("map32 bomb", b"\xdf\xff\xff\xff\xff", "malformed_msgpack"),
    ("map of arrays of arrays", b"\x81\xa1x" + b"\xdd\xff\xff\xff\xff" * 6, "malformed_msgpack"),
    ("bin longer than the payload", b"\x81\xa1x\xc6\xff\xff\xff\xff", "malformed_msgpack"),
    ("ext longer than the payload", b"\x81\xa1x\xc9\xff\xff\xff\xff\x01", "malformed_msgpack"),
    ("fixext 16", b"\x81\xa1x\xd8\x05" + b"e" * 16, "malformed_msgpack"),
    ("ext as a key", b"\x81\xd4\x01\x00\x01", "malformed_msgpack"),
    ("a timestamp ext", b"\x81\xa2ts\xd6\xff\x68\x4e\xe1\x80", "malformed_msgpack"),
    ("a map as a key", b"\x81\x81\xa1a\x01\x01", "malformed_msgpack"),
    ("an array as a key", b"\x81\x91\x01\x01", "malformed_msgpack"),
    ("key without a value", b"\x82\xa6entity\xa6host/x\xa6values", "malformed_msgpack"),
    ("nine maps deep", b"\x81\xa1x" * 9 + b"\xc0", "malformed_msgpack"),
    ("arrays in an array, deep", b"\x91" * 1000, "malformed_msgpack"),
    ("two documents", packed() + packed(), "malformed_msgpack"),
    ("batch that breaks off", msgpack.packb([event()] * 3)[:-1], "malformed_msgpack"),
    ("4,097 nils", b"\xdc\x10\x01" + b"\xc0" * 4097, "too_many_events"),
    ("4,097 JSON numbers", b"[" + b",".join([b"1"] * 4097) + b"]", "too_many_events"),
    ("JSON with a NUL", b'{"entity": "a\x00b"}', "malformed_json"),
    ("JSON with a lone surrogate", b'{"entity": "\\ud800", "values": {"a": 1}}', "malformed_json"),
    ("JSON with broken UTF-8", b'{"entity": "\xc3\x28", "values": {"a": 1}}', "malformed_json"),
    ("JSON with overlong UTF-8", b'{"entity": "\xc0\xaf", "values": {"a": 1}}', "malformed_json"),
    ("JSON with a comment", b'{"entity": "x" /* y */}', "malformed_json"),
    ("JSON with a trailing comma", b'[{"entity": "x"},]', "malformed_json"),
    ("JSON in single quotes", b"{'entity': 'x'}", "malformed_json"),
    ("JSON with a leading zero", b'{"entity": "x", "values": {"a": 01}}', "malformed_json"),
    ("JSON with a raw newline in a string", b'{"entity": "x\ny"}', "malformed_json"),
    ("deep JSON maps", b'{"a":' * 50_000, "malformed_json"),
    ("only brackets", b"[]]", "malformed_json"),
    ("syslog PRI 192", b"<192>1 - h a - - - x", "malformed_syslog"),
    ("syslog PRI of four digits", b"<0001>Oct 11 22:14:15 h x", "malformed_syslog"),
    ("syslog without a host", b"<13>1 - - a - - - x", "malformed_syslog"),
    ("syslog with an open element", b"<13>1 - h a - - [x y=\"", "malformed_syslog"),
    ("syslog of the 13th month", b"<13>1 2025-13-01T00:00:00Z h a - - - x", "malformed_syslog"),
    ("syslog without a time", b"<13>hello", "malformed_syslog"),
    ("syslog that ends after PRI", b"<13>", "malformed_syslog"),
    ("syslog PRI of a megabyte", b"<" + b"1" * 1_000_000, "malformed_syslog"),
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
    ("only NaN in JSON", b'{"entity": "host/x", "values": {"cpu": NaN, "b": -Infinity}}', "non_finite_value"),
    ("JSON with Infinity", b'{"entity": "x", "values": {"a": Infinity}}', "non_finite_value"),
    ("JSON number over a double", b'{"entity": "x", "values": {"a": 1e999}}', "non_finite_value"),
    ("values that are a list", packed(values=[1, 2]), "wrong_field_type"),
    ("33 attributes", packed(attrs={f"k{i}": "v" for i in range(33)}), "too_many_attributes"),
    ("attribute that is a number", packed(attrs={"k": 1}), "bad_attribute|wrong_field_type"),
    ("bad severity", packed(type="log", body="x", severity="loud"), "bad_severity"),
    ("span without trace", packed(type="span", operation="GET"), "bad_span"),
    ("edge to nobody", packed(type="edge", depends_on=[]), "bad_edge"),
    ("edge of a strange kind", packed(type="edge", depends_on=["a/b"], kind="likes"), "bad_edge"),
    ("change of a strange kind", packed(type="change", kind="oops", summary="x"), "bad_change"),
    ("an event that is nil", b"\x91\xc0", "event_not_a_map"),
    ("an event that is a string", msgpack.packb(["host/x"]), "event_not_a_map"),
    ("an event that is an array", msgpack.packb([[event()]]), "event_not_a_map"),
    ("a JSON event that is a number", b"[1]", "event_not_a_map"),
    ("empty map", b"\x80", "missing_entity"),
    ("empty JSON object", b"{}", "missing_entity"),
    ("entity that is nil", packed(entity=None), "wrong_field_type"),
    ("entity that is a map", packed(entity={"a": "b"}), "wrong_field_type"),
    ("entity with a newline", packed(entity="host/a\nhost/b"), "bad_entity"),
    ("entity with a NUL", packed(entity="host/\x00"), "bad_entity"),
    ("entity with DEL", packed(entity="host/\x7f"), "bad_entity"),
    ("entity with a C1 control", packed(entity="host/\u0085"), "bad_entity"),
    ("entity of a megabyte", packed(entity="e" * 1_000_000), "bad_entity"),
    ("entity that is bytes", packed(entity=b"host/x"), "wrong_field_type"),
    ("ts of 2**64 - 1", packed(ts=2**64 - 1), "ts_unit"),
    ("ts of -2**63", packed(ts=-(2**63)), "ts_unit"),
    ("ts that is a float", packed(ts=float(NOW)), "bad_ts"),
    ("ts that is NaN", packed(ts=float("nan")), "bad_ts"),
    ("ts that is a list", packed(ts=[NOW]), "bad_ts"),
    ("type that is a number", packed(type=1), "wrong_field_type"),
    ("type of a megabyte", packed(type="t" * 1_000_000), "unknown_type"),
    ("metric name that is empty", packed(values={"": 1}), "bad_metric_name"),
    ("metric name with an escape", packed(values={"\x1b[31m": 1}), "bad_metric_name"),
    ("metric name that is a number", packed(values={5: 1}), "bad_metric_name"),
    ("value that is text", packed(values={"a": "1"}), "wrong_field_type"),
    ("value that is a map", packed(values={"a": {}}), "wrong_field_type"),
    ("60,000 values", packed(values={f"m{i}": i for i in range(60_000)}), "too_many_values"),
    ("counters that are text", packed(values=..., counters="many"), "wrong_field_type"),
    ("1,000 attributes", packed(attrs={f"k{i}": "v" for i in range(1000)}), "too_many_attributes"),
    ("attribute key with a newline", packed(attrs={"a\nb": "v"}), "bad_attribute"),
    ("attribute key of 257 bytes", packed(attrs={"k" * 257: "v"}), "bad_attribute"),
    ("attribute that is no UTF-8", b"\x83\xa6entity\xa1x\xa6values\x81\xa1a\x01\xa5attrs\x81\xa1k\xa2\xc3\x28", "bad_utf8"),
    ("log without a body", packed(type="log"), "wrong_field_type"),
    ("log body that is no UTF-8", b"\x83\xa4type\xa3log\xa6entity\xa1x\xa4body\xa2\xc3\x28", "bad_utf8"),
    ("span whose trace is no hex", packed(type="span", trace="zz", span="1", operation="x"), "bad_span"),
    ("span with a trace of 65 digits", packed(type="span", trace="a" * 65, span="1", operation="x"), "bad_span"),
    ("span of negative length", packed(type="span", trace="1", span="1", operation="x", duration_us=-1), "bad_span"),
    ("span that failed oddly", packed(type="span", trace="1", span="1", operation="x", status="meh"), "bad_status"),
    ("edge to 1,025", packed(type="edge", depends_on=[f"h/{i}" for i in range(1025)]), "bad_edge"),
    ("edge to a number", packed(type="edge", depends_on=[1]), "wrong_field_type"),
    ("edge removed oddly", packed(type="edge", depends_on=["a"], remove=1), "wrong_field_type"),
    ("change of nothing", packed(type="change"), "bad_change"),
    ("syslog of a host that is too long", b"<13>1 - " + b"h" * 300 + b" a - - - x", "bad_entity"),
    ("syslog with a control character in its host", b"<13>1 - h\x07h a - - - x", "bad_entity"),
    ("syslog that is no UTF-8", b"<13>Oct 11 22:14:15 h app: \xc3\x28", "bad_utf8"),
    ("syslog of 1970", b"<13>1 1970-01-01T00:00:00Z h a - - - x", "ts_unit"),
]

# What the replay socket answers bad_request to.
REQUESTS = [
    b"", b"\x00", b"\xc1", b"\xc0", b"snapshot", b"{", b"{}", b"[]", b"\x80", b"\x90", b"null", b'"snapshot"',
    b"\x81\xa2op", b"\x81\xa2op\xa8snapsho", b'{"op": "snapshot"} x', b'{"op": "snapshot"}{"op": "snapshot"}',
    msgpack.packb({"op": "snapshot"}) + b"\x00", msgpack.packb(["snapshot"]), msgpack.packb({"op": None}),
    msgpack.packb({"op": b"snapshot"}), msgpack.packb({"op": ["replay"]}), msgpack.packb({"op": "REPLAY"}),
    msgpack.packb({"op": "drop"}), msgpack.packb({b"op": b"replay"}), msgpack.packb({1: "replay"}),
    msgpack.packb({"op": "replay", "from": -1}), msgpack.packb({"op": "replay", "from": 1.0}),
    msgpack.packb({"op": "replay", "from": None}), msgpack.packb({"op": "replay", "from": "1"}),
    msgpack.packb({"op": "replay", "limit": 0}), msgpack.packb({"op": "replay", "limit": -(2**63)}),
    msgpack.packb({"op": "replay", "limit": float("nan")}), msgpack.packb({"op": "replay", "limit": [1]}),
    msgpack.packb({"op": "replay", "prefix": 1}), msgpack.packb({"op": "replay", "prefix": "a\nb"}),
    msgpack.packb({"op": "replay", "prefix": "p" * 60_000}), b'{"op": "replay", "from": 1e999}', b"x" * 60_000,
    b'{"op": "replay", "from": NaN}', b"[" * 2000, b'{"a":' * 400, b"\x81\xa1x" + b"\x91" * 2000,
    b"\xdf\xff\xff\xff\xff", b"\xdd\xff\xff\xff\xff", b"\x81\xa2op\xdb\xff\xff\xff\xff", b"\x81\xc7\xff\x01",
    b'{"op": "replay", "prefix": "\\ud800"}', b'{"op": "\xc3\x28"}',
]

GREETING = b"\xff\x00\x00\x00\x00\x00\x00\x00\x01\x7f\x03\x00"
NULL = GREETING + b"NULL".ljust(20, b"\x00") + b"\x00" + b"\x00" * 31
READY = b"\x04\x19\x05READY\x0bSocket-Type\x00\x00\x00\x03SUB"
# What a peer that is none of ours may say to a ZeroMQ port.
CONNECTIONS = [
    ("nothing", b""),
    ("HTTP", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    ("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"r" * 500),
    ("SSH", b"SSH-2.0-OpenSSH_9.2\r\n"),
    ("zeros", b"\x00" * 5000),
    ("ones", b"\xff" * 5000),
    ("half a greeting", NULL[:20]),
    ("a greeting and no more", NULL),
    ("another mechanism", GREETING + b"CURVE".ljust(20, b"\x00") + b"\x00" * 32 + b"\x04\xc8\x05HELLO" + b"c" * 194),
    ("no mechanism", GREETING + b"\xff" * 52),
    ("version 2 of the protocol", b"\xff\x00\x00\x00\x00\x00\x00\x00\x01\x7f\x01\x07"),
    ("version 1 of the protocol", b"\x01\x00\x01\x00"),
    ("version 99 of the protocol", b"\xff\x00\x00\x00\x00\x00\x00\x00\x01\x7f\x63\x00" + NULL[12:]),
    ("a READY that lies about its length", NULL + b"\x06\xff\xff\xff\xff\xff\xff\xff\xff\x05READY"),
    ("a READY of garbage", NULL + b"\x04\x20\x05READY" + b"\xff" * 26),
    ("a READY of another socket type", NULL + b"\x04\x19\x05READY\x0bSocket-Type\x00\x00\x00\x04PAIR"),
    ("a READY of no socket type", NULL + b"\x04\x1a\x05READY\x0bSocket-Type\x00\x00\x00\x05\xff\xfe\xfd\xfc\xfb"),
    ("an ERROR", NULL + b"\x04\x0a\x05ERROR\x03no!"),
    ("a command nobody knows", NULL + b"\x04\x08\x07UNKNOWN"),
    ("a message before READY", NULL + b"\x00\x05hello"),
    ("a frame of 2**63 bytes", NULL + b"\x02\x80" + b"\x00" * 7),
    ("flags that are reserved", NULL + b"\xf8\x05hello"),
]

HTTP = [
    ("no request", b"\r\n\r\n"),
    ("TLS", b"\x16\x03\x01\x02\x00\x01"),
    ("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    ("both lengths", b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ("two lengths", b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"),
    ("length as a list", b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1, 1\r\n\r\na"),
    ("length with a sign", b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: +1\r\n\r\na"),
    ("length over 2**64", b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999999999\r\n\r\n"),
    ("coding in disguise", b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
    ("two codings", b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n"),
    ("a chunk of 2**64 bytes", b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n"),
    ("a chunk of negative length", b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n"),
    ("an endless chunk extension", b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n1;" + b"e" * 200_000),
    ("space before the colon", b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length : 1\r\n\r\na"),
    ("NUL in a header", b"GET / HTTP/1.1\r\nHost: localhost\r\nX: a\x00b\r\n\r\n"),
    ("NUL in the target", b"GET /\x00 HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    ("no host", b"GET / HTTP/1.1\r\n\r\n"),
    ("a long header", b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 20_000 + b"\r\n\r\n"),
    ("many headers", b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"A: b\r\n" * 20_000),
    ("an endless target", b"GET /" + b"a" * 200_000),
    ("out of the root", b"GET /../../etc/passwd HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"),
    ("out of the root, encoded", b"GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"),
    ("a method of a kilobyte", b"M" * 1024 + b" / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"),
    ("another site's change", b"DELETE /api/v1/entities/x HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil\r\nConnection: close\r\n\r\n"),
    ("a JSON bomb", b"POST /api/v1/alerts/x/feedback HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 60000\r\n\r\n"
     + b"[" * 60_000),
]


def talk(port, data, seconds=10, half_close=False):
    """Sends @p data over plain TCP; what comes back until the peer closes, or b"" and no close within @p seconds."""
    with socket.create_connection(("127.0.0.1", port), 5) as s:
        got = b""
        try:
            s.sendall(data)
            if half_close:
                s.shutdown(socket.SHUT_WR)
            s.settimeout(seconds)
            while part := s.recv(65536):
                got += part
        except (ConnectionError, TimeoutError):
            pass
        return got


class Hostile(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server("processing: {accept_past: true}\n").start()
        p = Publisher(cls.server.router, "before")
        p.reply_to(p.send([event(entity="host/before")]))
        p.close()
        cls.memory_before = cls.anonymous()

    @classmethod
    def tearDownClass(cls):
        cls.server.close()

    @classmethod
    def anonymous(cls):
        """Anonymous memory of the server, bytes."""
        for line in pathlib.Path(f"/proc/{cls.server.process.pid}/status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) * 1024
        raise RuntimeError("no RssAnon")

    def reasons(self):
        return self.server.api("/api/v1/dead-letters?limit=1")["by_reason"]

    def grown(self, before):
        return {r: n - before.get(r, 0) for r, n in self.reasons().items() if n > before.get(r, 0)}

    def serves(self, name="still"):
        p = Publisher(self.server.router, name, epoch=str(time.monotonic_ns()))
        self.addCleanup(p.close)
        self.assertEqual(p.reply_to(p.send([event(entity="host/after")]))["accepted"], 1)
        self.assertIn("as_of", ask(self.server.replay, {"op": "snapshot"}))
        self.assertEqual(self.server.get("/-/healthy")[0], 200)

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
                grown = self.grown(before)
                self.assertEqual(len(grown), 1, grown)
                self.assertIn(next(iter(grown)), expected.split("|"))

    def refuse_pushed(self, cases):
        """The same over the socket that answers nobody: a message one after the other, each counted."""
        s = connect(zmq.PUSH, self.server.pull)
        self.addCleanup(s.close)
        for what, payload, expected in cases:
            with self.subTest(what):
                before = self.reasons()
                s.send(payload)
                grown = eventually(lambda: self.grown(before), what=what)
                self.assertEqual(list(grown.values()), [1], grown)
                self.assertIn(next(iter(grown)), expected.split("|"))

    def test_there_are_more_than_a_hundred_and_all_differ(self):
        payloads = [payload for _, payload, _ in WHOLE + SINGLE]
        self.assertGreaterEqual(len(payloads), 130)
        self.assertEqual(len(set(payloads)), len(payloads))
        self.assertEqual(len(set(REQUESTS)), len(REQUESTS))

    def test_payloads_that_cannot_be_read_pushed(self):
        self.refuse_pushed(WHOLE)

    def test_events_that_break_a_rule_pushed(self):
        self.refuse_pushed(SINGLE)

    def test_requests_to_the_replay_socket(self):
        s = connect(zmq.DEALER, self.server.replay)
        self.addCleanup(s.close)
        for request in REQUESTS:
            with self.subTest(request[:40]):
                s.send(request)
                frames = receive(s)
                self.assertEqual(len(frames), 1)
                reply = json.loads(frames[0]) if frames[0][:1] == b"{" else msgpack.unpackb(frames[0])
                self.assertEqual(reply["code"], "bad_request")
                self.assertTrue(reply["error"])

    def test_a_replay_request_over_its_limit_cuts_the_peer(self):
        s = connect(zmq.DEALER, self.server.replay)
        watch = s.get_monitor_socket(zmq.EVENT_DISCONNECTED)
        self.addCleanup(s.close)
        self.addCleanup(watch.close)
        s.send(b"x" * 70_000)
        self.assertTrue(watch.poll(30_000), "the peer was not cut")
        self.assertIn("as_of", ask(self.server.replay, {"op": "snapshot"}))

    def test_messages_of_many_frames(self):
        before = self.reasons().get("bad_frames", 0)
        many = [b"x" * 100] * 50_000
        s = connect(zmq.PUSH, self.server.pull)
        self.addCleanup(s.close)
        s.send_multipart(many)
        eventually(lambda: self.reasons().get("bad_frames", 0) == before + 1)
        head = msgpack.packb({"publisher": "many", "seq": 1})
        self.assertEqual(msgpack.unpackb(exchange(self.server.router, [head] + many)[0])["code"], "bad_frames")
        reply = exchange(self.server.replay, many)[0]
        self.assertEqual(json.loads(reply)["code"], "bad_request")
        self.assertEqual(self.reasons()["bad_frames"], before + 2)

    def test_bytes_that_are_no_zmtp_and_handshakes_that_stop_half_way(self):
        ports = (self.server.pull, self.server.router, self.server.publish, self.server.replay)
        noise = random.Random(7)
        cases = CONNECTIONS + [(f"noise {n}", noise.randbytes(noise.randint(1, 300))) for n in range(20)]
        waiting = []
        for port in ports:
            for what, data in cases:
                s = socket.create_connection(("127.0.0.1", port), 5)
                self.addCleanup(s.close)
                try:
                    s.sendall(data)
                except ConnectionError:
                    continue
                waiting.append((what, port, s))
        self.serves("among-strangers")  # with all of them open
        for what, port, s in waiting:
            with self.subTest(f"{what} to {port}"):
                s.settimeout(20)
                try:
                    while s.recv(4096):
                        pass
                except ConnectionError:
                    pass  # cut

    def test_a_thousand_half_open_connections_keep_nobody_out(self):
        crowd = []
        for port in (self.server.pull, self.server.router, self.server.publish, self.server.replay):
            for n in range(250):
                s = socket.create_connection(("127.0.0.1", port), 5)
                self.addCleanup(s.close)
                s.sendall(NULL[:n % 64])
                crowd.append(s)
        self.serves("in-the-crowd")
        sub = connect(zmq.SUB, self.server.publish, b"feed/heartbeat")
        self.addCleanup(sub.close)
        receive(sub)

    def test_nobody_ends_what_another_subscribes_to(self):
        sub = connect(zmq.SUB, self.server.publish, b"json/feed/heartbeat")
        self.addCleanup(sub.close)
        receive(sub)
        with socket.create_connection(("127.0.0.1", self.server.publish), 30) as s:
            heard = bytearray()

            def hear(what):
                while what not in heard:
                    part = s.recv(4096)
                    self.assertTrue(part, "the peer was cut")
                    heard.extend(part)

            s.sendall(NULL + READY)
            hear(b"XPUB")
            # No socket of ZeroMQ's ends what it did not begin. Its own subscription shows that this was read.
            for what in (b"\x00json/feed/heartbeat", b"\x01feed/heartbeat"):
                s.sendall(b"\x00" + bytes([len(what)]) + what)
            hear(b"feed/heartbeat")
        while sub.poll(0):
            sub.recv_multipart()
        for _ in range(2):
            receive(sub)

    def test_http_requests_that_break_a_rule(self):
        for what, data in HTTP:
            with self.subTest(what):
                got = talk(self.server.http, data, half_close=True)
                if got:
                    self.assertRegex(got, rb"^HTTP/1\.1 (400|403|404|405|413|431) ")
                    self.assertNotIn(b"root:", got)
                    self.assertEqual(got.count(b"HTTP/1.1 "), 1)
                self.assertEqual(self.server.get("/-/healthy")[0], 200)

    def test_subscriptions_of_every_kind(self):
        s = connect(zmq.XSUB, self.server.publish)
        self.addCleanup(s.close)
        for frame in [b"", b"\x01" + b"a" * 3000, b"\x02x", b"\xff", b"nothing"] + \
                [b"\x01json/" + str(n).encode() for n in range(6000)] + [b"\x00never"]:
            s.send(frame)
        sub = connect(zmq.SUB, self.server.publish, b"feed/heartbeat")
        self.addCleanup(sub.close)
        receive(sub)

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
                self.assertTrue(p.socket.poll(30_000))
                frame = p.socket.recv_multipart()[-1]
                reply = json.loads(frame) if frame[:1] == b"{" else msgpack.unpackb(frame)
                self.assertIn("error", reply)
                self.assertIn("code", reply)

    def test_too_many_frames_are_answered(self):
        p = Publisher(self.server.router, "frames")
        self.addCleanup(p.close)
        p.socket.send_multipart([p.header(seq=1), packed(), b"more", b"frames"])
        self.assertTrue(p.socket.poll(30_000))
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

    def test_z_still_serves_within_its_memory_and_ends_in_order(self):
        self.serves("last")
        raw = struct.pack("B", 0x80)
        p = Publisher(self.server.router, "raw")
        self.addCleanup(p.close)
        self.assertEqual(p.reply_to(p.send_raw(raw))["accepted"], 0)
        self.server.wait_applied()
        eventually(lambda: self.anonymous() - self.memory_before < 128 * 1024 * 1024, what="memory given back")
        self.assertEqual(self.server.stop(), 0)


class Subscriptions(unittest.TestCase):
    def test_without_number_are_cut_and_the_feed_goes_on(self):
        server = Server().start()
        self.addCleanup(server.close)
        greedy = zmq.Context.instance().socket(zmq.XSUB)
        self.addCleanup(greedy.close, linger=0)
        greedy.setsockopt(zmq.SNDHWM, 0)
        greedy.connect(f"tcp://127.0.0.1:{server.publish}")
        patient = connect(zmq.SUB, server.publish, b"feed/heartbeat")
        self.addCleanup(patient.close)
        receive(patient)
        for _ in range(30_000):
            greedy.send(b"\x01" + os.urandom(200))
        eventually(lambda: server.metric("faultline_feed_rebound_total") >= 1, what="cut")
        greedy.close(linger=0)
        end = time.monotonic() + 3
        while time.monotonic() < end:  # of what was there before
            receive(patient)
        receive(patient)
        self.assertIn("all are cut", server.tail())
        self.assertEqual(server.stop(), 0)


if __name__ == "__main__":
    unittest.main()
