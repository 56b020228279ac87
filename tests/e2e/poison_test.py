# SPDX-License-Identifier: Apache-2.0
"""Records that kill: an entity, or the whole process. The server under test is faultlined with a bug
built in (tests/e2e/deadly): three metrics abort, fault or throw where a tick is built, changes and incidents of some
names where decisions are folded and causes looked for.
"""

import time
import unittest
import urllib.parse

from support import Publisher, Server

CONFIG = ("processing: {accept_past: true}\n"
          "detection: {learning: 1m}\n"
          "correlation: {false_incidents_per_entity_month: 0}\n"  # each incident asks once: no weak signs
          "limits: [{entity: 'test/*', metric: disk.used, above: 90}]\n")
START = 1_750_000_000_000


def row(entity, n, **values):
    return {"entity": entity, "ts": START + n * 10_000, "values": values or {"cpu": 0.5}}


def path_of(entity):
    return "/api/v1/entities/" + urllib.parse.quote(entity, safe="")


class Poison(unittest.TestCase):
    def setUp(self):
        self.server = Server(CONFIG, program="deadly_faultlined").start()
        self.addCleanup(self.server.close)
        self.publisher = Publisher(self.server.router, "poison")
        self.addCleanup(self.publisher.close)

    def send(self, *rows):
        self.publisher.reply_to(self.publisher.send(list(rows)))

    def dies(self):
        return self.server.process.wait(timeout=60)

    def start_again(self, wait=True):
        self.server.start(wait=wait)
        self.publisher.connect()

    def dies_twice(self, status):
        """And comes up after that; the publisher sends again what was not answered."""
        self.assertEqual(self.dies(), status)
        self.start_again(wait=False)
        self.assertEqual(self.dies(), status, "once is no proof: it is tried again")
        self.start_again()
        self.publisher.resend()
        self.publisher.flush()

    def eventually(self, is_so, seconds=90):
        end = time.monotonic() + seconds
        while not is_so():
            self.assertLess(time.monotonic(), end, self.server.tail())
            time.sleep(0.05)

    def observations(self, entity):
        status, body = self.server.get(path_of(entity))
        return self.server.api(path_of(entity))["observations"] if status == 200 else 0

    def letters(self, reason):
        return self.server.api("/api/v1/dead-letters").get("by_reason", {}).get(reason, 0)

    def killed_twice(self, metric, status):
        self.send(row("host/good", 0), row("host/other", 0))
        self.publisher.send([row("host/good", 1), row("host/bad", 1, **{metric: 1.0}),
                             row("host/good", 2)])
        self.dies_twice(status)
        self.eventually(lambda: self.observations("host/good") == 3)
        self.assertEqual(self.letters("poison"), 1)
        letter = [l for l in self.server.api("/api/v1/dead-letters")["letters"]
                  if l["reason"] == "poison"][0]
        self.assertIn("killed the process 2 times", letter["text"])
        self.send(row("host/bad", 3), row("host/good", 3))
        self.eventually(lambda: self.observations("host/bad") == 1)
        self.server.kill()
        self.start_again()
        self.assertEqual(self.letters("poison"), 1, "named once")
        self.eventually(lambda: self.observations("host/good") == 4)

    def test_a_record_that_aborted_the_process_twice_is_skipped_and_named(self):
        self.killed_twice("test.deadly.abort", -6)

    def test_a_record_that_faulted_the_process_twice_is_skipped_and_named(self):
        self.killed_twice("test.deadly.segfault", -11)

    def test_a_record_whose_row_killed_the_process_twice_is_skipped_and_named(self):
        """In a pass of the lane with many others: which it was shows when each goes alone."""
        hosts = [f"host/{n}" for n in range(40)]
        self.send(*[row(h, 0) for h in hosts])
        deadly = row("host/7", 1, cpu=0.5, memory=0.5, disk_used=0.5, errors=1.0)
        self.publisher.send([row(h, 1) for h in hosts if h != "host/7"] + [deadly]
                            + [row(h, 2) for h in hosts])
        self.dies_twice(-6)
        self.eventually(lambda: self.observations("host/1") == 3)
        self.eventually(lambda: self.observations("host/7") == 2)
        letters = [l for l in self.server.api("/api/v1/dead-letters")["letters"]
                   if l["reason"] == "poison"]
        self.assertEqual(len(letters), 1)
        self.assertIn("killed the process 2 times", letters[0]["text"])
        self.send(*[row(h, n) for n in (3, 4) for h in hosts])
        self.eventually(lambda: self.observations("host/7") == 4)

    def test_kill_9_makes_no_record_a_suspect(self):
        for n in range(4):
            for k in range(20):
                self.publisher.send([row(f"host/{i}", n * 20 + k) for i in range(50)])
            self.server.kill()
            self.start_again()
            self.publisher.resend()
            self.publisher.flush()
        self.server.wait_applied()
        self.assertEqual(self.letters("poison"), 0)
        self.assertNotIn("died applying", self.server.tail())

    def test_an_entity_that_dies_rests_and_comes_back_and_the_others_go_on(self):
        self.send(row("host/a", 0), row("host/b", 0))
        self.send(row("host/a", 1, **{"test.deadly.throw": 1.0}), row("host/b", 1))
        self.send(row("host/a", 2), row("host/b", 2))
        self.eventually(lambda: self.observations("host/b") == 3)
        self.eventually(lambda: self.observations("host/a") == 2)
        self.eventually(lambda: self.letters("poison") == 1)

    def test_an_entity_that_dies_of_a_clock_loses_no_event(self):
        self.send(*[row("host/a", n, **{"cpu": 0.5, "test.deadly.clock": 1.0}) for n in range(3)])
        self.eventually(lambda: self.observations("host/a") == 3)
        self.send(*[row("host/b", n) for n in range(6)])  # clocks that host/a has no event with
        self.eventually(lambda: self.letters("poison") == 1)
        self.send(row("host/a", 7, **{"cpu": 0.5, "test.deadly.clock": 1.0}))
        self.eventually(lambda: self.observations("host/a") == 4)
        self.server.wait_applied()
        self.assertEqual(self.server.metrics()['faultline_events_applied_total{as="poison"}'], 0)
        self.assertEqual(self.server.metric("faultline_entity_restarts_total"), 1)

    def test_a_record_that_killed_its_partitions_owner_twice_is_skipped_and_named(self):
        name = "test.deadly.owner"
        self.send(row(name, 0), row("host/good", 0))
        self.eventually(lambda: self.observations(name) == 1)
        status, _ = self.server.request("DELETE", path_of(name))
        self.assertEqual(status, 202)
        self.eventually(lambda: self.letters("poison") == 1)
        self.eventually(lambda: self.server.get("/-/ready")[0] == 200)
        letter = self.server.api("/api/v1/dead-letters")["letters"][0]
        self.assertIn("killed its owner twice", letter["text"])
        self.assertEqual(self.server.metric("faultline_partition_restarts_total"), 2)
        self.send(row(name, 1), row("host/good", 1))
        self.eventually(lambda: self.observations(name) == 2)  # it was not retired
        self.eventually(lambda: self.observations("host/good") == 2)
        self.server.kill()
        self.start_again()
        self.eventually(lambda: self.observations(name) == 2)
        self.assertEqual(self.server.metric("faultline_partition_restarts_total"), 0)
        self.assertEqual(self.letters("poison"), 1, "named once")

    def poison_letter(self):
        letters = [l for l in self.server.api("/api/v1/dead-letters")["letters"] if l["reason"] == "poison"]
        self.assertEqual(len(letters), 1)
        return letters[0]["text"]

    def change(self, n, summary):
        return {"type": "change", "entity": "host/a", "ts": START + n * 10_000, "kind": "deploy", "summary": summary}

    def crossing(self, entity, begin):
        return [row(entity, begin + n, **{"disk.used": 95.0 if n >= 60 else 40.0 + n % 3}) for n in range(70)]

    def firing(self):
        return {a["entity"] for a in self.server.api("/api/v1/alerts")["alerts"] if a["state"] == "firing"}

    def causes(self):
        """Of every incident whose question has been answered, in whatever way."""
        return [i["causes"] for i in self.server.api("/api/v1/incidents")["incidents"] if i["transition"] > 1]

    def test_a_decision_that_aborted_the_process_twice_is_skipped_and_named(self):
        self.send(row("host/a", 0))
        self.publisher.send([self.change(1, "test.deadly.abort"), *self.crossing("test/b", 0)])
        self.dies_twice(-6)
        self.assertRegex(self.poison_letter(), r"^decision \d+ killed the process 2 times$")
        self.eventually(lambda: self.firing() == {"test/b"})
        self.server.kill()
        self.start_again()
        self.eventually(lambda: self.firing() == {"test/b"})
        self.assertEqual(self.letters("poison"), 1, "named once")

    def test_a_decision_that_threw_twice_is_skipped_and_named_and_the_server_goes_on(self):
        self.send(row("host/a", 0), self.change(1, "test.deadly.throw"), *self.crossing("test/b", 0))
        self.eventually(lambda: self.firing() == {"test/b"})
        self.assertRegex(self.poison_letter(), r"^decision \d+ threw twice: a bug$")
        self.server.kill()
        self.start_again()
        self.eventually(lambda: self.firing() == {"test/b"})
        self.assertEqual(self.letters("poison"), 1, "named once")

    def test_a_question_that_aborted_the_process_twice_is_not_answered_again(self):
        self.publisher.send(self.crossing("test/abort", 0))
        self.dies_twice(-6)
        self.assertIn("the cause of the incident", self.poison_letter())
        self.eventually(lambda: self.causes() == [[]], 60)
        self.send(*self.crossing("test/b", 100))
        self.eventually(lambda: self.firing() == {"test/abort", "test/b"})

    def test_a_question_that_throws_finds_no_cause_and_the_server_goes_on(self):
        self.send(*self.crossing("test/throw", 0))
        self.eventually(lambda: self.causes() == [[]])
        self.assertEqual(self.firing(), {"test/throw"})

    def test_quarantine_outlives_restarts_and_ends_with_a_release(self):
        self.send(row("host/a", 0))
        for n in range(1, 6):
            self.send(row("host/a", n, **{"test.deadly.throw": 1.0}))
            self.eventually(lambda: self.server.metric("faultline_entity_restarts_total") == n)
        self.eventually(lambda: self.server.api(path_of("host/a"))["state"] == "quarantined")
        self.send(row("host/a", 7))
        self.assertEqual(self.server.stop(), 0)  # nothing outside says when a quarantine is on the disk
        self.start_again()
        self.assertEqual(self.server.api(path_of("host/a"))["state"], "quarantined")
        self.assertEqual(self.server.metric("faultline_entities_quarantined"), 1)
        status, _ = self.server.request("POST", path_of("host/none") + "/release")
        self.assertEqual(status, 404)
        self.server.command("entity", "release", "host/a")
        self.eventually(lambda: self.server.api(path_of("host/a"))["state"] != "quarantined")
        self.send(row("host/a", 8))
        self.eventually(lambda: self.observations("host/a") >= 1)
        status, _ = self.server.request("POST", path_of("host/a") + "/release")
        self.assertEqual(status, 400, "it is not in quarantine any more")
        self.server.command("entity", "retire", "host/a")
        self.eventually(lambda: self.server.get(path_of("host/a"))[0] == 404)


if __name__ == "__main__":
    unittest.main()
