# SPDX-License-Identifier: Apache-2.0
"""The machine's clock leaps: an hour ahead, and back. The server under test is faultlined with a clock that a file
sets (tests/e2e/deadly).
"""

import os
import pathlib
import struct
import tempfile
import time
import unittest
import urllib.parse

from support import Publisher, Server
from wire import connect, receive
import zmq

HOUR = 3_600_000


class Clock(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="faultline-clock-")
        self.addCleanup(folder.cleanup)
        self.file = pathlib.Path(folder.name) / "ahead"
        self.file.write_bytes(struct.pack("=q", 0))
        os.environ["FAULTLINE_TEST_CLOCK"] = str(self.file)
        self.addCleanup(os.environ.pop, "FAULTLINE_TEST_CLOCK")
        self.server = Server("processing: {tick: 10s}\n", program="deadly_faultlined").start()
        self.addCleanup(self.server.close)
        self.publisher = Publisher(self.server.router, "clock")
        self.addCleanup(self.publisher.close)
        self.sent = 0

    def set_ahead(self, ms):
        with self.file.open("r+b", buffering=0) as f:
            f.write(struct.pack("=q", ms))

    def send_for(self, seconds):
        """Single values of one host at their true time, as agents send them."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            now = time.time_ns() // 1_000_000
            self.publisher.reply_to(self.publisher.send(
                [{"entity": "host/a", "ts": now, "values": {name: 0.5}} for name in ("cpu", "memory")]))
            self.sent += 2
            time.sleep(0.1)

    def eventually(self, is_so, seconds=90):
        end = time.monotonic() + seconds
        while not is_so():
            self.assertLess(time.monotonic(), end, self.server.tail())
            time.sleep(0.05)

    def applied(self, how):
        return self.server.metrics()['faultline_events_applied_total{as="%s"}' % how]

    def test_a_leap_ahead_and_back_makes_no_event_late(self):
        feed = connect(zmq.SUB, self.server.publish, b"notice/clock_leap/node")
        self.addCleanup(feed.close)
        self.send_for(2)
        self.set_ahead(HOUR)
        self.eventually(lambda: self.server.metric("faultline_clock_held_off_seconds") > 3500)
        self.send_for(3)
        self.set_ahead(0)
        self.eventually(lambda: self.server.metric("faultline_clock_held_off_seconds") == 0)
        self.send_for(2)
        self.eventually(lambda: self.applied("taken") == self.sent)
        self.assertEqual(self.applied("late"), 0)
        self.assertEqual(self.server.metric("faultline_clock_leaps_total"), 1)
        for word in (b"begin: ", b"end: "):
            topic, payload = receive(feed)
            self.assertEqual(topic, b"notice/clock_leap/node")
            self.assertIn(word, payload)


if __name__ == "__main__":
    unittest.main()
