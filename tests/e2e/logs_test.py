# SPDX-License-Identifier: Apache-2.0
"""Log templates: their accuracy, as docs/evaluation.md prints it, and their ids over kill -9.

The first reads loghub-dev under ../shared/data (or FAULTLINE_DATA); where it is not there nothing is measured, and that is said.
"""

import collections
import csv
import gzip
import io
import os
import pathlib
import random
import re
import subprocess
import tempfile
import unittest

from support import BIN, ROOT, Publisher, Server
from wire import entity_of

LOGS = pathlib.Path(os.environ.get("FAULTLINE_DATA", ROOT / "../shared/data")) / "loghub-dev"


def rows_of(path):
    raw = path.read_bytes()
    text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode(errors="replace")
    return {int(r[0]): r[1] for r in csv.reader(io.StringIO(text)) if r and r[0].isdigit()}


def groups_of(by_line):
    groups = collections.defaultdict(set)
    for line, group in by_line.items():
        groups[group].add(line)
    return {frozenset(lines) for lines in groups.values()}


def accuracy(truth, found):
    """Grouping accuracy: the share of lines whose group is exactly that of their event; FGA: F1 of such groups. What was
    not found is a group of its own."""
    events = groups_of(truth)
    groups = groups_of({line: found.get(line, ("alone", line)) for line in truth})
    exact = events & groups
    precision, recall = len(exact) / len(groups), len(exact) / len(events)
    return sum(map(len, exact)) / len(truth), 2 * precision * recall / (precision + recall) if exact else 0.0


def printed():
    """The rows of the table of docs/evaluation.md: system to its figures, as they stand there."""
    text = (ROOT / "docs/evaluation.md").read_text().split("## Log templates")[1]
    rows = re.findall(r"^\| (\w+) \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \|$", text, re.MULTILINE)
    return {name: tuple(map(float, figures)) for name, *figures in rows}


class ScorerTest(unittest.TestCase):
    def test_a_group_counts_only_when_it_has_exactly_the_lines_of_its_event(self):
        truth = {1: "a", 2: "a", 3: "b", 4: "b"}
        self.assertEqual(accuracy(truth, {1: "x", 2: "x", 3: "y", 4: "y"}), (1, 1))
        self.assertEqual(accuracy(truth, {1: "x", 2: "x", 3: "y", 4: "z"}), (0.5, 0.4))
        self.assertEqual(accuracy(truth, {1: "x", 2: "x", 3: "x", 4: "x"}), (0, 0))
        self.assertEqual(accuracy(truth, {}), (0, 0))


@unittest.skipUnless(LOGS.is_dir(), f"there are no labelled logs at {LOGS}: nothing was measured")
class AllEightSystemsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.figures = {}
        with tempfile.TemporaryDirectory() as directory:
            for system in sorted(LOGS.iterdir()):
                truth = rows_of(system / "truth.csv.gz")
                both = [accuracy(truth, cls.found(system / f"{part}.txt.gz", directory)) for part in ("content", "lines")]
                cls.figures[system.name] = (*both[0], both[1][0])

    @staticmethod
    def found(file, directory):
        out = pathlib.Path(directory) / "out.csv"
        subprocess.run([BIN / "faultline", "evaluate", "logs", file, "--out", out], check=True, timeout=60,
                       stdout=subprocess.DEVNULL)
        return rows_of(out)

    def mean(self, which):
        return sum(f[which] for f in self.figures.values()) / len(self.figures)

    def test_the_message_parts_of_eight_systems_are_grouped_as_well_as_was_asked_for(self):
        self.assertEqual(len(self.figures), 8)
        self.assertGreaterEqual(self.mean(0), 0.88, "grouping accuracy")
        self.assertGreaterEqual(self.mean(1), 0.75, "FGA")

    def test_the_figures_are_those_that_the_documents_print(self):
        told = printed()
        measured = {**self.figures, "mean": tuple(map(self.mean, range(3)))}
        self.assertEqual({name: tuple(f"{f:.3f}" for f in row) for name, row in measured.items()},
                         {name: tuple(f"{f:.3f}" for f in row) for name, row in told.items()})


class IdsTest(unittest.TestCase):
    """The same lines through one life, and through some that were killed."""

    START = 1_750_000_000_000
    STATEMENTS = ("login of user {0} from {1}", "GET /items/{1} took {1} ms", "pool {0} has {1} of {1} connections", "link {0} is up",
                  "cannot reach {0} at 10.0.0.{1}: timeout", "moved {0} to shelf {1}", "state of {0} is ready")
    ENTITIES = [f"service/{name}" for name in ("web", "cart", "pay")]

    def events(self, count, seed):
        dice = random.Random(seed)
        names = ["".join(dice.choices("abcdefghij", k=6)) for _ in range(40)]
        for n in range(count):
            text = dice.choice(self.STATEMENTS).format(dice.choice(names), dice.randrange(1000))
            if dice.random() < 0.2:  # of its own, so that templates are dropped for room
                text = " ".join("".join(dice.choices("klmnopqrst", k=7)) for _ in range(dice.randrange(2, 7)))
            yield {"type": "log", "entity": dice.choice(self.ENTITIES), "ts": self.START + n * 250, "body": text,
                   "severity": dice.choice(("info", "warn", "error"))}

    def lives(self, payloads, kill_at=()):
        """@returns what the API says of every entity's templates after all @p payloads."""
        server = Server("processing: {accept_past: true, tick: 1s}\n").start()
        self.addCleanup(server.close)
        publisher = Publisher(server.router, "logs")
        self.addCleanup(publisher.close)
        for n, payload in enumerate(payloads):
            seq = publisher.send(payload)
            if n in kill_at:  # with the request under way
                server.kill()
                server.start()
            publisher.reply_to(seq)
        server.wait_applied()
        return {entity: entity_of(server, entity)["logs"] for entity in self.ENTITIES}

    def test_templates_have_the_same_ids_texts_and_counts_whenever_the_server_was_killed(self):
        events = list(self.events(9000, seed=7))
        payloads = [events[at:at + 150] for at in range(0, len(events), 150)]
        undisturbed = self.lives(payloads)
        killed = self.lives(payloads, kill_at=(3, 21, 22, 58))
        for entity in self.ENTITIES:
            self.assertGreater(len(undisturbed[entity]), 20)
            self.assertIn("login of user <*> from <*>", [t["template"] for t in undisturbed[entity]])
            self.assertEqual(killed[entity], undisturbed[entity])


if __name__ == "__main__":
    unittest.main()
