# SPDX-License-Identifier: Apache-2.0
"""The short version of kill.py: thirty kills, twenty power failures, and that each would notice.

FAULTLINE_SEED chooses when.
"""

import os
import pathlib
import sys
import tempfile
import types
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import kill  # noqa: E402

SEED = int(os.environ.get("FAULTLINE_SEED", "1"))


def wanted(kills, how):
    return types.SimpleNamespace(kills=kills, seed=SEED, entities=200, how=how, rate=4000, life=0.25, verify=1000)


class Kill(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="faultline-kill-")
        self.addCleanup(scratch.cleanup)
        self.directory = os.path.join(scratch.name, "campaign")

    def test_thirty_kills_at_any_time_and_at_named_points_break_no_invariant(self):
        self.assertTrue(kill.run(self.directory, wanted(30, "all")))
        self.assertTrue(kill.report([self.directory]))

    def test_twenty_power_failures_break_no_invariant(self):
        self.assertTrue(kill.run(self.directory, wanted(20, "power")))

    def test_a_disk_that_lies_and_events_that_nobody_sent_or_that_come_twice_are_found_out(self):
        self.assertTrue(kill.control(self.directory, SEED, "all"))

    def test_a_store_that_does_not_sync_is_found_out(self):
        self.assertTrue(kill.control(self.directory, SEED, "power"))


if __name__ == "__main__":
    unittest.main()
