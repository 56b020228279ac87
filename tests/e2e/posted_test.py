# SPDX-License-Identifier: Apache-2.0
"""Alerts that others post, and silences that are planned: what was answered with 200 is what happens."""

import datetime
import json
import subprocess
import time
import unittest

from support import BIN, Publisher, Server
from wire import eventually


def stamp(seconds):
    at = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def millis(seconds):
    return round(seconds * 1000)


class PostedTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server("processing: {tick: 1s}\n").start()

    @classmethod
    def tearDownClass(cls):
        cls.server.close()

    def post(self, *alerts, status=200):
        got, body = self.server.request("POST", "/api/v2/alerts", list(alerts))
        self.assertEqual(got, status, body)
        return body

    def alert(self, name, service, **times):
        return {"labels": {"alertname": name, "service": service},
                **{key: stamp(at) for key, at in times.items()}}

    def alerts(self, service, state):
        return [a for a in self.server.api(f"/api/v1/alerts?state={state}")["alerts"]
                if a["entity"] == "service/" + service]

    def silence(self, **word):
        status, body = self.server.request("POST", "/api/v1/silences", {
            "matchers": [{"name": "service", "value": "planned"}], "created_by": "ann", **word})
        self.assertEqual(status, 200, body)
        return json.loads(body)["id"]

    def silenced(self, comment):
        """The silence with this comment, once there is one."""
        return eventually(lambda: [s for s in self.server.api("/api/v1/silences")["silences"]
                                   if s["comment"] == comment], what=comment)[0]

    def test_an_alert_ends_at_the_end_that_was_said_last(self):
        now = round(time.time(), 3)
        self.post(self.alert("Longer", "ends", endsAt=now + 30), self.alert("Shorter", "ends", endsAt=now + 600))
        self.post(self.alert("Longer", "ends", endsAt=now + 45), self.alert("Shorter", "ends", endsAt=now + 20))
        ended = eventually(lambda: len(found := self.alerts("ends", "resolved")) == 2 and found, what="the ends")
        self.assertEqual({a["metric"]: a["ended"] for a in ended},
                         {"Longer": millis(now + 45), "Shorter": millis(now + 20)})

    def test_an_alert_about_an_entity_that_was_retired_fires_anew_when_it_is_posted_again(self):
        publisher = Publisher(self.server.router, "p")
        self.addCleanup(publisher.close)
        publisher.reply_to(publisher.send([{"entity": "service/gone", "values": {"requests": 1.0}}]))
        self.post(self.alert("Slow", "gone"))
        first = eventually(lambda: self.alerts("gone", "firing"), what="the alert")
        eventually(lambda: self.server.request("DELETE", "/api/v1/entities/service%2Fgone")[0] == 202, what="retirement")
        eventually(lambda: not self.alerts("gone", "firing"), what="its end")
        self.post(self.alert("Slow", "gone"))
        again = eventually(lambda: self.alerts("gone", "firing"), what="the alert, posted again")
        self.assertNotEqual(again[0]["id"], first[0]["id"])

    def test_an_orderly_end_records_the_end_that_was_said_last(self):
        server = Server("processing: {tick: 1s}\n")
        self.addCleanup(server.close)
        server.start()
        now = round(time.time(), 3)
        for ends in (now + 240, now + 245):  # good for as long as before: not recorded when it is said
            status, body = server.request("POST", "/api/v2/alerts", [self.alert("Slow", "rolls", endsAt=ends)])
            self.assertEqual(status, 200, body)
        self.assertEqual(server.stop(), 0)
        dump = subprocess.run([BIN / "faultline", "store", "dump", server.directory / "store", "--what", "decisions"],
                              capture_output=True, text=True, timeout=60)
        said = [json.loads(line).get("command", {}) for line in dump.stdout.splitlines()]
        again = [c["payload"] for c in said if c.get("name") == "posted_again"]
        self.assertEqual(len(again), 1, dump.stdout + dump.stderr)
        self.assertIn(str(millis(now + 245)), json.dumps(again))

    def test_of_a_list_all_are_taken_but_those_that_begin_after_their_end(self):
        body = self.post(self.alert("Good", "list"), self.alert("Late", "list", startsAt=time.time() + 3600), status=400)
        self.assertEqual(json.loads(body), "1 of 2 alerts were not taken: an alert ends before it starts")
        found = eventually(lambda: self.alerts("list", "firing"), what="the good one")
        self.assertEqual([a["metric"] for a in found], ["Good"])

    def test_a_planned_silence_that_is_changed_begins_as_planned_unless_another_start_is_said(self):
        begins = millis(time.time() + 3600)
        planned = self.silence(starts=begins, duration_s=600, comment="planned")
        self.silenced("planned")
        self.assertEqual(self.silence(id=planned, duration_s=1200, comment="longer"), planned)
        changed = self.silenced("longer")
        self.assertEqual((changed["state"], changed["starts"], changed["ends"]),
                         ("pending", begins, begins + 1200_000))
        other = [{"name": "service", "value": "other"}]
        moved = self.silence(id=planned, duration_s=60, comment="other", matchers=other)
        self.assertNotEqual(moved, planned)
        self.assertEqual(self.silenced("other")["starts"], begins)
        self.silence(id=moved, starts=begins + 1000, duration_s=60, comment="later", matchers=other)
        self.assertEqual(self.silenced("later")["starts"], begins + 1000)


if __name__ == "__main__":
    unittest.main()
