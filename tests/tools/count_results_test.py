#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What tests/run.sh counts, against small sets of result files."""

import importlib.util
import os
import pathlib
import tempfile
import unittest

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
_spec = importlib.util.spec_from_file_location(
    "count_results", REPOSITORY / "tests" / "count_results.py")
count_results = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(count_results)


def ctest(**programs):
    cases = "".join(f'<testcase name="{n}" classname="{n}" status="{s}"/>'
                    for n, s in programs.items())
    return f"<testsuite>{cases}</testsuite>"


def gtest(*cases):
    return f"<testsuites><testsuite>{''.join(cases)}</testsuite></testsuites>"


def case(name, status="run", result="completed", inside=""):
    return (f'<testcase name="{name}" classname="Suite" status="{status}" result="{result}">'
            f"{inside}</testcase>")


class CountResultsTest(unittest.TestCase):
    def count(self, **files):
        with tempfile.TemporaryDirectory() as directory:
            for name, text in files.items():
                with open(os.path.join(directory, name + ".xml"), "w", encoding="utf-8") as out:
                    out.write(text)
            return count_results.count(directory)

    def test_counts_the_tests_inside_a_program(self):
        self.assertEqual(self.count(ctest=ctest(a="run"), a=gtest(case("X"), case("Y"))),
                         (2, 0, []))

    def test_a_script_is_one_test(self):
        self.assertEqual(self.count(ctest=ctest(a="run", b="fail")), (1, 1, ["b"]))

    def test_names_the_test_that_failed(self):
        self.assertEqual(
            self.count(ctest=ctest(a="fail"),
                       a=gtest(case("X"), case("Y", inside='<failure message="no"/>'))),
            (1, 1, ["a: Suite.Y"]))

    def test_a_program_that_died_is_one_failure(self):
        self.assertEqual(self.count(ctest=ctest(a="fail")), (0, 1, ["a"]))
        self.assertEqual(self.count(ctest=ctest(a="fail"), a="<testsuites><tes"), (0, 1, ["a"]))

    def test_a_leak_after_passing_tests_is_a_failure(self):
        passed, failed, names = self.count(ctest=ctest(a="fail"), a=gtest(case("X")))
        self.assertEqual((passed, failed), (1, 1))
        self.assertIn("failed as a whole", names[0])

    def test_skipped_and_disabled_tests_are_failures(self):
        self.assertEqual(
            self.count(ctest=ctest(a="run"), a=gtest(case("X", result="skipped"),
                                                     case("Y", "notrun", "suppressed")))[:2],
            (0, 2))

    def test_no_results_are_a_failure(self):
        self.assertEqual(self.count()[:2], (0, 1))


if __name__ == "__main__":
    unittest.main()
