# SPDX-License-Identifier: Apache-2.0
"""Overload, quotas and clocks, on a real server. The campaigns of tests/campaigns/ in short, and what they need not show."""

import pathlib
import subprocess
import sys
import time
import unittest

import msgpack
import zmq

from support import BIN, Publisher, Server, broken_sums
from wire import eventually

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "campaigns"))
import new_names  # noqa: E402
import overload  # noqa: E402


class Campaigns(unittest.TestCase):
    # Complaint: unbounded-queue
    def test_ten_times_overload_is_shed_fairly_and_exactly_and_is_over_soon(self):
        overload.run(seconds=6, short=True)

    def test_new_names_without_end_cost_known_entities_nothing(self):
        new_names.run(100_000)


class Sums(unittest.TestCase):
    """The check itself must fail when an event is in no counter or in two."""

    GOOD = {
        "faultline_door_requests_total": 3, "faultline_door_event_messages_total": 2, "faultline_requests_total": 3,
        "faultline_messages_total": 2, "faultline_events_offered_total": 10, "faultline_events_admitted_total": 7,
        "faultline_events_rejected_total": 1, "faultline_events_shed_total": 2, "faultline_events_accepted_at_start": 5,
        'faultline_events_total{as="accepted"}': 12, "faultline_events_read_total": 9,
        'faultline_events_read_total{from="log"}': 7, "faultline_events_applied_total": 9,
    }

    def test_hold_for_counters_that_add_up(self):
        self.assertEqual(broken_sums(self.GOOD), [])

    def test_break_with_any_counter_that_is_off_by_one(self):
        for name in self.GOOD:
            self.assertNotEqual(broken_sums({**self.GOOD, name: self.GOOD[name] + 1}), [], name)
        self.assertNotEqual(broken_sums({**self.GOOD, "faultline_events_in_flight": 1}), [])


class Clocks(unittest.TestCase):
    def test_a_publisher_whose_clock_is_off_is_listed_measured_and_told_of(self):
        server = Server(ingest="skew_limit: 30s").start()
        self.addCleanup(server.close)
        for name, off_ms in (("right", 0), ("behind", -90_000), ("ahead", 120_000)):
            now = time.time_ns() // 1_000_000
            p = Publisher(server.router, name)
            self.addCleanup(p.close)
            p.reply_to(p.send([{"entity": "host/" + name, "ts": now + off_ms, "values": {"cpu": 1.0}}]))
        push = zmq.Context.instance().socket(zmq.PUSH)
        self.addCleanup(push.close, 0)
        push.connect(f"tcp://127.0.0.1:{server.pull}")
        push.send(msgpack.packb({"entity": "host/push", "values": {"cpu": 1.0}}))
        rows = self.publishers(server, 4)
        self.assertLess(abs(rows["right"]["skew_ms"]), 10_000)
        self.assertLess(abs(rows["behind"]["skew_ms"] - 90_000), 10_000)
        self.assertLess(abs(rows["ahead"]["skew_ms"] + 120_000), 10_000)
        self.assertEqual(rows["behind"]["accepted"], 1)
        self.assertEqual(rows["behind"]["door"], "router")
        pushed = [r for r in rows.values() if r["door"] == "pull"]
        self.assertEqual([(r["accepted"], r["skew_ms"]) for r in pushed], [(1, None)])
        self.assertTrue(pushed[0]["publisher"].startswith("127.0.0.1:"))
        page = server.get("/metrics")[1]
        self.assertIn('faultline_publisher_skew_seconds{door="router",publisher="ahead"} -1', page)
        listed = subprocess.run([str(BIN / "faultline"), "--server", f"http://127.0.0.1:{server.http}",
                                 "publisher", "list"], capture_output=True, text=True, timeout=30, check=True).stdout
        self.assertIn("behind", listed)
        self.assertEqual(self.told(server, 2), {"ahead", "behind"})

    def publishers(self, server, count, seconds=90):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            rows = server.api("/api/v1/publishers")["publishers"]
            if len(rows) == count:
                return {r["publisher"]: r for r in rows}
            time.sleep(0.05)
        self.fail(f"there are not {count} publishers")
        return {}

    def told(self, server, count, seconds=90):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            subjects = {s for s, text in overload.notices(server, "notice/clock_skew/") if text == "begin"}
            if len(subjects) >= count:
                return subjects
            time.sleep(0.1)
        self.fail("no notice of a clock")
        return set()


class Degrade(unittest.TestCase):
    INGEST = "max_lag_records: 40000, degrade_lag_records: 1000, retry_after_ms: 20"

    def test_a_long_queue_is_scored_without_the_forecaster_and_says_so(self):
        server = Server("processing: {tick: 1s}\n", ingest=self.INGEST).start()
        self.addCleanup(server.close)
        p = Publisher(server.router, "p")
        self.addCleanup(p.close)
        rows = [{"entity": f"host/d-{n}", "values": {"cpu": 0.5, "disk.used": 40.0}} for n in range(400)]

        def degraded():  # begun, and a tick has ended meanwhile
            return ("degraded", "begin") in overload.notices(server) and \
                server.metric("faultline_ticks_degraded_total") > 0

        end = time.monotonic() + 30
        while time.monotonic() < end and not degraded():
            for _ in range(50):
                p.send(rows)
            p.flush()
        self.assertIn(("degraded", "begin"), overload.notices(server))
        self.assertIsNotNone(overload.settle(server, 60), "overload did not end")
        begun = overload.notices(server).count(("degraded", "begin"))
        eventually(lambda: overload.notices(server).count(("degraded", "end")) == begun, what="the end of degraded")
        self.assertGreater(server.metric("faultline_ticks_degraded_total"), 0)
        scored = server.metric("faultline_ticks_scored_total")
        end = time.monotonic() + 60  # the forecaster scores again
        while time.monotonic() < end and server.metric("faultline_ticks_scored_total") <= scored:
            p.reply_to(p.send(rows))
            time.sleep(0.5)
        server.wait_applied()
        self.assertGreater(server.metric("faultline_ticks_scored_total"), scored)


if __name__ == "__main__":
    unittest.main()
