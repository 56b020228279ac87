# SPDX-License-Identifier: Apache-2.0
"""The short version of slow_subscriber.py: few entities, and the subscriber stands still until thousands of records passed."""

import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import slow_subscriber  # noqa: E402


class SlowSubscriber(unittest.TestCase):
    def test_a_stopped_subscriber_hurts_nobody_and_misses_nothing(self):
        # The warm-up is too short to fill the store's buffers: what they grow by is not the subscriber's.
        result = slow_subscriber.run(rate=2000, seconds=0, warm_up=3, entities=500, records=15_000, budget=256 << 20)
        self.assertEqual(result["wrong"], [], result)


if __name__ == "__main__":
    unittest.main()
