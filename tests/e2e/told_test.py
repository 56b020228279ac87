# SPDX-License-Identifier: Apache-2.0
"""Trouble that no metric shows: a service that begins to write errors, a service whose calls become slow, is paged, and
the alert quotes what is new. Two days are replayed in seconds."""

import random
import subprocess
import unittest

from support import BIN, Publisher, Server
from wire import eventually

MINUTE = 60_000
START = 1_750_000_000_000 // MINUTE * MINUTE
DAYS = 2
TROUBLE = START + DAYS * 1440 * MINUTE
CONFIG = ("processing: {tick: 1m, accept_past: true}\n"
          "detection: {false_pages_per_entity_month: 12, learning: 6h}\n")
SERVICES = [f"service/{name}" for name in ("web", "cart", "pay", "stock")]
USUAL = ("GET /items took {} ms", "session {:x} opened", "cache refreshed in {} ms", "request {:x} failed: timeout")
NEW = "cannot allocate buffer of {} bytes: pool exhausted"


def times(dice, begin, end, a_minute):
    at = begin
    while (at := at + dice.expovariate(a_minute / MINUTE)) < end:
        yield int(at)


def line(entity, ts, text, severity):
    return {"type": "log", "entity": entity, "ts": ts, "severity": severity, "body": text}


def usual_lines(dice, entity, begin, end):
    for ts in times(dice, begin, end, 1):
        n = dice.choices(range(len(USUAL)), (60, 25, 12, 3))[0]
        yield line(entity, ts, USUAL[n].format(dice.randrange(1, 1 << 20)), "error" if n == 3 else "info")


def usual_spans(dice, entity, begin, end, slower=1):
    for ts in times(dice, begin, end, 3):
        took = int(dice.lognormvariate(9.2, 0.4) * slower)
        yield {"type": "span", "entity": entity, "ts": ts, "trace": f"{dice.getrandbits(64):016x}",
               "span": f"{dice.getrandbits(64):016x}", "operation": "GET /", "duration_us": took,
               "status": "error" if dice.random() < 0.01 else "ok"}


class ToldTest(unittest.TestCase):
    def setUp(self):
        self.server = Server(CONFIG).start()
        self.addCleanup(self.server.close)

    def replay(self, events):
        events.sort(key=lambda e: e["ts"])
        publisher = Publisher(self.server.router, "replay")
        self.addCleanup(publisher.close)
        publisher.publish(events)
        self.server.wait_applied(60)

    def alerts(self):
        return self.server.api("/api/v1/alerts?limit=1000")["alerts"]

    def show(self, entity):
        where = f"http://127.0.0.1:{self.server.http}"
        return subprocess.run([str(BIN / "faultline"), "--server", where, "entity", "show", entity],
                              capture_output=True, text=True, timeout=60).stdout

    def test_a_service_that_begins_to_write_errors_is_paged_and_its_line_is_quoted(self):
        dice, end = random.Random(7), TROUBLE + 60 * MINUTE
        events = [e for s in SERVICES for e in usual_lines(dice, s, START, end)]
        events += [line("service/pay", ts, NEW.format(dice.randrange(1 << 30)), "error")
                   for ts in times(dice, TROUBLE, end, 3)]
        self.replay(events)
        eventually(lambda: any(a["started"] >= TROUBLE for a in self.alerts()))
        of_trouble = [a for a in self.alerts() if a["started"] >= TROUBLE - 10 * MINUTE]
        self.assertEqual({a["entity"] for a in of_trouble}, {"service/pay"}, of_trouble)
        told = of_trouble[0]
        self.assertTrue(told["metric"].startswith("log."), told)
        self.assertLess(told["started"], TROUBLE + 20 * MINUTE)
        self.assertIn("pool exhausted", told["explanation"])
        self.assertIn("cannot allocate buffer of", self.show("service/pay"))
        self.assertNotIn("cannot allocate", self.show("service/cart"))

    def test_a_service_whose_calls_become_slow_is_paged(self):
        dice, end = random.Random(8), TROUBLE + 60 * MINUTE
        events = []
        for s in SERVICES:
            slower = 6 if s == "service/pay" else 1
            events += usual_spans(dice, s, START, TROUBLE)
            events += usual_spans(dice, s, TROUBLE, end, slower)
        self.replay(events)
        eventually(lambda: any(a["started"] >= TROUBLE for a in self.alerts()))
        of_trouble = [a for a in self.alerts() if a["started"] >= TROUBLE - 10 * MINUTE]
        self.assertEqual({a["entity"] for a in of_trouble}, {"service/pay"}, of_trouble)
        self.assertTrue(of_trouble[0]["metric"].startswith("span."), of_trouble[0])
        self.assertLess(of_trouble[0]["started"], TROUBLE + 20 * MINUTE)


if __name__ == "__main__":
    unittest.main(verbosity=2)
