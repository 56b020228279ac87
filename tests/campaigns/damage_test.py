# SPDX-License-Identifier: Apache-2.0
"""The short version of damage.py: thirty places, and that records which differ in whole files are noticed.

FAULTLINE_SEED chooses which.
"""

import os
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import damage  # noqa: E402

SEED = int(os.environ.get("FAULTLINE_SEED", "1"))


class Damage(unittest.TestCase):
    def test_damage_in_thirty_places_is_refused_told_or_harmless(self):
        self.assertTrue(damage.run(30, SEED))

    def test_other_records_in_whole_files_are_noticed(self):
        self.assertTrue(damage.run(6, SEED, control=True))


if __name__ == "__main__":
    unittest.main()
