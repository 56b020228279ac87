#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""docs/rules.md: every row names tests that exist, and no rule or part of the wire contract is left out."""

import pathlib
import re
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
# What must have a row: the rules by number, and the parts of the wire contract.
RULES = [str(n) for n in range(1, 16)]
CONTRACT = ["sockets", "payload", "entity", "ts", "attrs", "metric", "log", "span", "edge", "change", "refused events",
            "request", "ack", "duplicate", "conflict", "too_old", "retry", "error", "op last", "topics", "json topics",
            "seq", "heartbeat", "snapshot", "replay", "alert record", "incident record", "configuration", "http", "errors",
            "signals"]
COLUMNS = 3


def rows_of(text):
    """The rows of all tables: (first cell, what holds, tests), without heads and rulers."""
    rows = []
    for line in text.splitlines():
        if not line.startswith("|"):
            continue
        cells = [c.strip() for c in line.strip().strip("|").split("|")]
        if set("".join(cells)) <= set("-: ") or cells[-1] == "tests":
            continue
        rows.append(cells)
    return rows


def named_tests(cell):
    """(file, name) of every test in "file: name, name; file: name"."""
    found = []
    for part in filter(None, (p.strip() for p in cell.split(";"))):
        file, colon, names = part.partition(":")
        found += [(file.strip(), name.strip()) for name in (names.split(",") if colon else [""])]
    return found


def exists(root, file, name):
    """Whether @p file defines the test @p name: Suite.Name in C++, a function or Class.function in Python."""
    path = root / file
    if not path.is_file() or not name:
        return False
    text = path.read_text()
    if file.endswith(".cpp"):
        suite, _, case = name.partition(".")
        return re.search(rf"TEST(_F|_P)?\(\s*{re.escape(suite)},\s*{re.escape(case)}\s*\)", text) is not None
    return re.search(rf"^\s*def {re.escape(name.split('.')[-1])}\(", text, re.MULTILINE) is not None


def problems(root, text):
    """Everything that is wrong with the table, a line each."""
    wrong = []
    labels = set()
    for cells in rows_of(text):
        if len(cells) != COLUMNS:
            wrong.append(f"not {COLUMNS} columns: {cells}")
            continue
        labels.add(cells[0])
        tests = named_tests(cells[2])
        if not tests:
            wrong.append(f"no test: {cells[0]}: {cells[1]}")
        wrong += [f"{cells[0]}: no test {name!r} in {file}" for file, name in tests if not exists(root, file, name)]
    wrong += [f"no row for {label!r}" for label in RULES + CONTRACT if label not in labels]
    return wrong


class RulesTest(unittest.TestCase):
    def test_every_row_names_tests_that_exist_and_none_is_left_out(self):
        self.assertEqual(problems(ROOT, (ROOT / "docs" / "rules.md").read_text()), [])

    def test_what_is_missing_is_named(self):
        table = "| rule | what holds | tests |\n|---|---|---|\n| 1 | x | tests/none_test.cpp: A.B |\n| 2 | y | |\n"
        wrong = "\n".join(problems(ROOT, table))
        for expected in ("no test 'A.B' in tests/none_test.cpp", "no test: 2: y", "no row for '3'", "no row for 'retry'"):
            self.assertIn(expected, wrong)

    def test_names_are_looked_for_as_tests_not_as_text(self):
        this = "tests/tools/rules_test.py"
        self.assertTrue(exists(ROOT, this, "RulesTest.test_what_is_missing_is_named"))
        self.assertFalse(exists(ROOT, this, "test_what_is_missing"))
        self.assertFalse(exists(ROOT, "tests/storage/feed_contract_test.cpp", "FeedContract.Numbers"))
        self.assertTrue(exists(ROOT, "tests/storage/feed_contract_test.cpp", "FeedContract.AnEmptyFeedBeginsAtOne"))


if __name__ == "__main__":
    unittest.main()
