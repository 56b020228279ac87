#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Counts the single tests of a ctest run.

Usage: tests/count_results.py DIRECTORY

DIRECTORY holds ctest.xml (one entry per program, written by ctest) and <program>.xml (one
entry per test, written by GoogleTest). Prints "PASSED FAILED" to stdout and names what failed
on stderr. A program that failed without a failing test of its own (it crashed, leaked or ran
out of time) is one failure, and so is a test that was skipped or disabled: a test that does not
run proves nothing.
"""

import os
import sys
import xml.etree.ElementTree as ElementTree


def parse(path):
    """The root element, or None when the file is not there or was cut off."""
    try:
        return ElementTree.parse(path).getroot()
    except (OSError, ElementTree.ParseError):
        return None


def single_tests(root):
    """(name, passed) for each test in a GoogleTest result."""
    for case in root.iter("testcase"):
        ran = case.get("status") == "run" and case.get("result") == "completed"
        yield f"{case.get('classname')}.{case.get('name')}", ran and case.find("failure") is None


def count(directory):
    """Numbers passed and failed, and the names of the failed."""
    programs = parse(os.path.join(directory, "ctest.xml"))
    if programs is None:
        return 0, 1, ["ctest wrote no results"]
    passed, failures = 0, []
    for program in programs.iter("testcase"):
        name, good = program.get("name"), program.get("status") == "run"
        root = parse(os.path.join(directory, name + ".xml"))
        tests = list(single_tests(root)) if root is not None else [(name, good)]
        own_failures = [f"{name}: {test}" if test != name else name
                        for test, ok in tests if not ok]
        passed += len(tests) - len(own_failures)
        if not good and not own_failures:
            own_failures = [f"{name}: failed as a whole (crash, leak or time-out)"]
        failures += own_failures
    return passed, len(failures), failures


def main(arguments):
    if len(arguments) != 1:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    passed, failed, names = count(arguments[0])
    for name in names:
        print(f"FAILED {name}", file=sys.stderr)
    print(passed, failed)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
