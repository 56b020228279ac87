# SPDX-License-Identifier: Apache-2.0
"""What the documents show runs: every ```python block of them, against a real server, as it stands there."""

import os
import pathlib
import re
import subprocess
import unittest

from support import ROOT, Server

DOCUMENTS = ("README.md", "docs/wire-protocol.md")
COMMAND = re.compile(r"^(?:\w+=\S+ )*((?:deploy|tests|tools)/[\w/.-]+)", re.MULTILINE)
SHELL = re.compile(r"^```(?:sh|bash)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# Where the code says a notice: its name, or one of two, and its subject where that is a literal.
NOTICE = re.compile(r"(?:\btell\(|\bsay_notice\(|\bnotice\{|\.notice = \{)\s*([^;,]*\"[^;,]*),\s*(\"\")?")
DEADLINE_S = 60


def blocks_of(document):
    """(first line, text) of every Python block."""
    text = (ROOT / document).read_text()
    return [(text.count("\n", 0, m.start(1)) + 1, m.group(1)) for m in BLOCK.finditer(text)]


class Documents(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server().start()

    @classmethod
    def tearDownClass(cls):
        cls.server.close()

    def here(self, text):
        """The block with the ports of this server in place of the documented ones."""
        s = self.server
        ports = {"7800": s.http, "7801": s.pull, "7802": s.router, "7803": s.publish, "7804": s.replay}
        return re.sub(r"127\.0\.0\.1:(780[0-4])\b", lambda m: f"127.0.0.1:{ports[m.group(1)]}", text)

    def run_block(self, text, seconds=DEADLINE_S):
        return subprocess.run(["/usr/bin/python3", "-c", text], cwd=ROOT, timeout=seconds,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def test_every_block_runs(self):
        for document in DOCUMENTS:
            blocks = blocks_of(document)
            self.assertTrue(blocks, f"{document} has no Python block")
            for line, text in blocks:
                with self.subTest(f"{document}:{line}"):
                    done = self.run_block(self.here(text))
                    self.assertEqual(done.returncode, 0, done.stdout)

    def test_a_block_that_fails_is_seen(self):
        self.assertNotEqual(self.run_block("assert False").returncode, 0)

    def test_every_program_of_the_repository_that_a_block_calls_can_be_run(self):
        called = {name for document in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
                  for block in SHELL.findall(document.read_text()) for name in COMMAND.findall(block)}
        self.assertIn("tests/run.sh", called)
        self.assertEqual([name for name in sorted(called) if not os.access(ROOT / name, os.X_OK)], [])

    def test_no_block_puts_a_token_among_the_arguments_of_a_program(self):
        for document in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]:
            with self.subTest(document.name):
                self.assertNotRegex(document.read_text(), r"Bearer ['\"]*\$")

    def test_links_lead_somewhere(self):
        for document in DOCUMENTS + ("docs/guide.md", "docs/performance.md"):
            for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", (ROOT / document).read_text()):
                with self.subTest(f"{document}: {target}"):
                    self.assertTrue((pathlib.Path(ROOT / document).parent / target).exists())


class Notices(unittest.TestCase):
    def test_those_of_the_code_are_those_of_the_contract(self):
        said, without_subject = set(), []
        for source in sorted(path for room in ("actors", "judgement", "server") for path in (ROOT / room).glob("*.cpp")):
            for what, nobody in NOTICE.findall(source.read_text()):
                names = re.findall(r'"([a-z_]+)"', what)
                said.update(names)
                if names and nobody:
                    without_subject.append(f"{source.name}: {names}")
        page = (ROOT / "docs/wire-protocol.md").read_text()
        listed = re.search(r"^`notice` topics of this version: (.*)$", page, re.MULTILINE).group(1)
        names = re.findall(r"`([a-z_]+)(?:/[^`]*)?`", re.sub(r"\([^()]*\)", "", listed))
        self.assertEqual(sorted(names), sorted(said))
        self.assertEqual(without_subject, [], "a topic is notice/<what>/<subject>")


if __name__ == "__main__":
    unittest.main()
