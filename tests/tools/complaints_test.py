#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""docs/complaints.md: none of the twenty is left out, and every row names tests that exist and name the row."""

import pathlib
import re
import unittest

from rules_test import exists, named_tests, rows_of

ROOT = pathlib.Path(__file__).resolve().parents[2]
COMPLAINTS = ["lost-at-restart", "timers-reset", "restart-floods", "pair-doubles", "inhibited-at-restart", "flapping", "cron-at-six",
              "recurring-tasks", "planned-change", "poisoned-baseline", "cold-start", "why-anomalous", "flat-at-100", "silent-host",
              "no-history", "acknowledge", "broad-silences", "storms", "unbounded-queue", "wrong-topology"]
HELD, OPEN = 4, 3  # columns of the two tables


def names_row(root, file, name, key):
    """Whether "Complaint: ..., key, ..." stands right before the test @p name."""
    text = (root / file).read_text()
    if file.endswith(".cpp"):
        suite, _, case = name.partition(".")
        test = rf"TEST(?:_F|_P)?\(\s*{re.escape(suite)},\s*{re.escape(case)}\s*\)"
    else:
        test = rf"def {re.escape(name)}\("
    found = re.search(rf"^\s*(?://|#) Complaint: (.*)\n\s*{test}", text, re.MULTILINE)
    return found is not None and key in found.group(1).split(", ")


def problems(root, text):
    """Everything that is wrong with the tables, a line each."""
    wrong, keys = [], []
    for cells in rows_of(text):
        if cells[-1] == "why not":
            continue
        keys.append(cells[0])
        if len(cells) not in (HELD, OPEN):
            wrong.append(f"not {HELD} or {OPEN} columns: {cells}")
        if len(cells) != HELD:
            continue
        tests = named_tests(cells[-1])
        if not tests:
            wrong.append(f"no test: {cells[0]}")
        for file, name in tests:
            if not exists(root, file, name):
                wrong.append(f"{cells[0]}: no test {name!r} in {file}")
            elif not names_row(root, file, name, cells[0]):
                wrong.append(f"{cells[0]}: {name!r} in {file} does not name it")
    wrong += [f"no row for {key!r}" for key in COMPLAINTS if key not in keys]
    wrong += [f"{key!r} is none of the twenty, or stands twice" for key in set(keys) if keys.count(key) > 1 or key not in COMPLAINTS]
    return wrong


class ComplaintsTest(unittest.TestCase):
    def test_every_complaint_has_a_row_whose_tests_exist_and_name_it(self):
        self.assertEqual(problems(ROOT, (ROOT / "docs" / "complaints.md").read_text()), [])

    def test_what_is_missing_is_named(self):
        table = ("| complaint | elsewhere | here | tests |\n|---|---|---|---|\n| storms | x | y | tests/none_test.cpp: A.B |\n| acknowledge | x | y | |\n"
                 "| flapping | x | y | tests/tools/complaints_test.py: test_what_is_missing_is_named |\n| storms | x | y |\n")
        wrong = "\n".join(problems(ROOT, table))
        for expected in ("storms: no test 'A.B' in tests/none_test.cpp", "no test: acknowledge", "'test_what_is_missing_is_named' in tests/tools/complaints_test.py does not name it",
                         "no row for 'no-history'", "'storms' is none of the twenty, or stands twice"):
            self.assertIn(expected, wrong)


if __name__ == "__main__":
    unittest.main()
