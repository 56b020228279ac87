#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the pages name is there: files, links and their headings, keys of the configuration, options, tests, identifiers."""

import os
import pathlib
import re
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SOURCES = {".cpp", ".hpp", ".py", ".mjs", ".js", ".sh", ".yaml", ".txt", ".cmake", ".proto"}
LEFT_OUT = {"build", ".git", "tests/fuzz/corpus", "tests/dashboard/node_modules"}
# Not ours: of other programs, of files that a command writes, examples, and the data beside the repository.
FOREIGN = {"room/file.hpp", "_test.cpp", "Suite.Case", "bars.md", "report.md", "exporter.mjs", "nosync.yaml",
           "shared/eval/score_logs.py", "shared/eval/BASELINES.md", "shared/eval/BASELINES-RCA.md",
           "--health-cmd", "--gtest_filter", "--collapsed",
           "http_request_seconds", "bytes_per_second_sum", "partial_success", "retry_on_http_429", "write_relabel_configs",
           "target_clones", "avoid_flush_during_recovery", "tcache_max"}
FILE = re.compile(r"(?<![\w.-])[\w./-]*\w\.(?:cpp|hpp|py|sh|mjs|yaml|md)\b")
OPTION = re.compile(r"(?<![\w-])--[a-z][\w-]*")
KEY = re.compile(r"[a-z_]+(?:\.[a-z_0-9]+)+")
TEST = re.compile(r"([A-Z]\w*[a-z]\w*)\.([A-Z]\w*[a-z]\w*)")
IDENTIFIER = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)+(?:\(\))?")
LINK = re.compile(r"\]\((?!\w+:)([^)#\s]*)(?:#([^)\s]*))?\)")


def tree(root):
    """Every file of the repository, by its path from the root."""
    files = {}
    for folder, below, names in os.walk(root):
        at = pathlib.Path(folder)
        below[:] = [name for name in below if str((at / name).relative_to(root)) not in LEFT_OUT]
        files.update({str((at / name).relative_to(root)): at / name for name in names})
    return files


def headings(text):
    """What a link may name behind its #."""
    return {re.sub(r"[^\w\- ]", "", line.lower()).replace(" ", "-") for line in re.findall(r"^#+ (.*)$", text, re.MULTILINE)}


def keys_of(yaml):
    """Keys of a configuration file with their sections, those that are commented out among them."""
    keys, above = set(), []
    for line in yaml.splitlines():
        found = re.match(r"( *)(?:# )?([a-z_0-9]+):", line)
        if not found:
            continue
        above = [(depth, name) for depth, name in above if depth < len(found[1])] + [(len(found[1]), found[2])]
        keys.add(".".join(name for _, name in above))
    return keys


class Tree:
    """What there is to be named."""

    def __init__(self, root):
        self.root = root
        self.files = tree(root)
        self.endings = {name[at:] for name in self.files for at in [0, *(m.end() for m in re.finditer("/", name))]}
        self.text = "\n".join(path.read_text(errors="replace") for name, path in self.files.items()
                              if path.suffix in SOURCES and name != "tests/tools/pages_test.py")
        self.words = set(re.findall(r"\w+", self.text)) | {pathlib.PurePath(name).stem for name in self.files}
        shown = keys_of((root / "config/faultline.yaml").read_text())
        self.sections = {key.split(".")[0] for key in shown}
        self.keys = shown | set(re.findall(rf'"({KEY.pattern})"', self.text))
        self.tests = set(re.findall(r"TEST\w*\(\s*(\w+),\s*(\w+)\s*\)", self.text))

    def knows(self, word):
        """As a word of the sources, the name of a file, or a test that is made of one (`e2e_kill` of kill_test.py)."""
        return word in self.words or word.partition("_")[2] + "_test" in self.words

    def missing(self, code):
        """Names in a piece of code on a page that nothing has."""
        names = [name for name in FILE.findall(code) if name.lstrip("./") not in self.endings]
        names += [name for name in OPTION.findall(code) if name not in self.text]
        if FILE.fullmatch(code):
            pass
        elif KEY.fullmatch(code):
            names += [code] if code.split(".")[0] in self.sections and code not in self.keys else []
        elif found := TEST.fullmatch(code):
            names += [] if found.groups() in self.tests else [code]
        elif IDENTIFIER.fullmatch(code):
            names += [] if self.knows(code.rstrip("()")) else [code]
        return [name for name in names if name.lstrip("./") not in FOREIGN]


def problems(there, page, text):
    """Everything that the page names and that is not there, with its line."""
    wrong = []
    for number, line in enumerate(text.splitlines(), 1):
        wrong += [f"{page}:{number}: no {name}" for code in re.findall(r"`([^`]+)`", line) for name in there.missing(code)]
        for target, heading in LINK.findall(line):
            path = (there.root / page).parent / target
            if target and not path.exists():
                wrong.append(f"{page}:{number}: no {target}")
            elif heading and heading not in headings(path.read_text() if target else text):
                wrong.append(f"{page}:{number}: no heading {target}#{heading}")
    return wrong


class PagesTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.there = Tree(ROOT)

    def test_what_a_page_names_is_there(self):
        pages = [name for name in self.there.files if name.endswith(".md") and name != "CHANGELOG.md"]
        self.assertIn("docs/guide.md", pages)
        for page in sorted(pages):
            with self.subTest(page):
                self.assertEqual(problems(self.there, page, (ROOT / page).read_text()), [])

    def test_what_is_missing_is_named(self):
        text = ("`server/gone.cpp`, `gone_too.py`, `faultline bench --gone`, `ingest.gone`, `Gone.SaysSo`, `gone_for_good`\n"
                "[a](gone.md), [b](#gone), [c](../README.md#gone)\n")
        wrong = [line.split(": no ")[1] for line in problems(self.there, "docs/page.md", text)]
        self.assertEqual(wrong, ["server/gone.cpp", "gone_too.py", "--gone", "ingest.gone", "Gone.SaysSo", "gone_for_good",
                                 "gone.md", "heading #gone", "heading ../README.md#gone"])

    def test_what_is_there_is_not(self):
        text = ("# A page\n`server/main.cpp`, `node.cpp`, `./tests/run.sh`, `faultline bench ingest --entities 10`, `ingest.pull`,\n"
                "`NodeFlow.DecidesWhatTheRunnerDecides`, `group_commit`\n"
                "[a](guide.md#metrics), [b](#a-page), [c](https://example.com/gone.md)\n")
        self.assertEqual(problems(self.there, "docs/page.md", text), [])


if __name__ == "__main__":
    unittest.main()
