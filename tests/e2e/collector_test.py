# SPDX-License-Identifier: Apache-2.0
"""One who sends for many goes away: what the operator gets is one incident and one message, which say so."""

import time
import unittest

from notify_test import Sink
from support import Publisher, Server
from wire import wait_for

ENTITIES = 120
TICK_MS = 10_000


class CollectorTest(unittest.TestCase):
    def setUp(self):
        self.sink = Sink()
        self.addCleanup(self.sink.close)
        self.server = Server(
            "processing: {tick: 10s, accept_past: true}\ndetection: {learning: 5m}\n"
            f"notifications:\n  receivers: [{{name: team, kind: webhook, url: '{self.sink.url}/'}}]\n"
            "  routes: [{receiver: team, group_wait: 2s, group_interval: 1s}]\n").start()
        self.addCleanup(self.server.close)
        self.collector = Publisher(self.server.router, "collector")
        self.other = Publisher(self.server.router, "other")
        self.addCleanup(self.collector.close)
        self.addCleanup(self.other.close)
        self.at = int(time.time() * 1000) - 3_600_000

    def ticks(self, count, sends):
        for n in range(count):
            self.at += TICK_MS
            for publisher, name, number in ((self.collector, "service/s", ENTITIES), (self.other, "host/h", 5)):
                if publisher is self.other or sends:
                    publisher.publish([{"entity": f"{name}{i}", "ts": self.at, "values": {"cpu.utilization": 0.4 + 0.01 * ((n + i) % 5)}}
                                       for i in range(number)])

    def incidents(self):
        return self.server.api("/api/v1/incidents")["incidents"]

    def test_who_sends_for_many_and_stops_is_one_incident_and_one_message(self):
        self.ticks(45, sends=True)
        self.ticks(30, sends=False)
        wait_for(lambda: len(self.server.api("/api/v1/alerts?state=firing&limit=1000")["alerts"]) == ENTITIES)
        told = self.incidents()
        self.assertEqual([(len(i["entities"]), i["state"]) for i in told], [(ENTITIES, "open")])
        self.assertIn(f"silence of {ENTITIES} entities that stopped at once", told[0]["summary"])
        wait_for(lambda: sum(b["status"] == "firing" and len(b["alerts"]) == ENTITIES for b in self.sink.bodies()) == 1)
        listed = self.server.command("publisher", "list")
        self.assertIn("SILENT FOR", listed)

        self.ticks(5, sends=True)
        self.ticks(30, sends=True)
        wait_for(lambda: [i["state"] for i in self.incidents()] == ["resolved"])
        self.assertEqual(len(self.sink.bodies()), 1, "an end before the minute is over that one group rests")


if __name__ == "__main__":
    unittest.main()
