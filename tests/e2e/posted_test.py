# SPDX-License-Identifier: Apache-2.0
"""What was answered with 200 is what happens."""

import json
import time
import unittest

from support import Server
from wire import eventually


def millis(seconds):
    return round(seconds * 1000)


class PostedTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server("processing: {tick: 1s}\n").start()

    @classmethod
    def tearDownClass(cls):
        cls.server.close()

    def silence(self, **word):
        status, body = self.server.request("POST", "/api/v1/silences", {
            "matchers": [{"name": "service", "value": "planned"}], "created_by": "ann", **word})
        self.assertEqual(status, 200, body)
        return json.loads(body)["id"]

    def silenced(self, comment):
        """The silence with this comment, once there is one."""
        return eventually(lambda: [s for s in self.server.api("/api/v1/silences")["silences"]
                                   if s["comment"] == comment], what=comment)[0]

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
