# SPDX-License-Identifier: Apache-2.0
"""simulate, inject and evaluate as commands: what they write, and what they refuse."""

import gzip
import json
import os
import pathlib
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
FAULTLINE = pathlib.Path(os.environ.get("FAULTLINE_BIN", ROOT / "build/release/bin")) / "faultline"


class LabCommands(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="faultline-lab-commands-")
        self.addCleanup(folder.cleanup)
        self.dir = pathlib.Path(folder.name)

    def run_ok(self, *command):
        done = subprocess.run([str(FAULTLINE), *map(str, command)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, timeout=110)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def refused(self, *command):
        done = subprocess.run([str(FAULTLINE), *map(str, command)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, timeout=110)
        self.assertEqual(done.returncode, 2, done.stdout + done.stderr)

    def simulated(self, name, *more):
        self.run_ok("simulate", "--out", self.dir / name, *more)
        return json.loads((self.dir / name / "recording.json").read_text())

    def test_edition_2_writes_logs_spans_and_what_can_be_seen(self):
        truth = self.simulated("s", "--split", "test", "--seed", "4", "--duration", "1d", "--interval", "60s", "--logs", "--spans")
        self.assertEqual(len(truth["faults"]), 1)
        for key in ("visible", "impact", "form", "ramp_end"):
            self.assertIn(key, truth["faults"][0])
        self.assertGreaterEqual(len(truth["benign"]), 5)
        for table in ("logs.csv.gz", "spans.csv.gz"):
            self.assertGreater(len(gzip.open(self.dir / "s" / table, "rt").readlines()), 100)

    def test_a_named_fault_of_every_type_can_be_asked_for(self):
        for fault in ("lock_convoy", "dns", "noisy_neighbour"):
            truth = self.simulated(fault, "--fault", fault, "--shape", "abrupt", "--duration", "1h")
            self.assertEqual(truth["faults"][0]["type"], fault)

    def test_causes_are_ranked_beside_baselines(self):
        self.simulated("s/one", "--seed", "3", "--duration", "2h")
        told = self.run_ok("evaluate", "causes", self.dir / "s/one", "--no-lstm", "--no-ranker", "--quiet", "2", "--out", self.dir / "c")
        self.assertIn("### s: 1 faults", told)
        figures = json.loads((self.dir / "c/causes.json").read_text())["sets"]["s"]
        self.assertEqual([row["method"] for row in figures[2:]], ["N-Sigma", "robust (BARO-like)", "traversal", "random walk"])
        self.assertEqual((self.dir / "c/causes.md").read_text(), told)

    def test_a_fault_has_one_line_however_often_its_recording_is_named(self):
        self.simulated("one", "--seed", "3", "--duration", "1h")
        done = subprocess.run([str(FAULTLINE), "evaluate", "rca", str(self.dir / "one"), str(self.dir / "one"), "--no-lstm", "--no-ranker",
                               "--out", str(self.dir / "c.jsonl")], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=110)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("have a line already and are left out", done.stderr)
        self.assertEqual(len((self.dir / "c.jsonl").read_text().splitlines()), 1)

    def test_nonsense_is_refused(self):
        out = self.dir / "x"
        self.refused("evaluate", "causes", "--out", out)
        self.refused("simulate", "--out", out, "--edition", "3")
        self.refused("simulate", "--out", out, "--services", "51")
        self.refused("simulate", "--out", out, "--split", "exam")
        self.refused("simulate", "--out", out, "--split", "test", "--edition", "1")
        self.refused("simulate", "--out", out, "--fault", "gremlin")
        self.refused("inject", self.dir, "--out", out, "--types", "gremlin")
        self.refused("evaluate", "report", self.dir, "--out", out, "--without-view", "gremlin")
        self.refused("evaluate", "headline", "--out", out, "--systems", "0")
        self.refused("simulate", "--out", out, "--duration", "1h", "--interval", "1500ms")  # it would be a second
        self.assertFalse(out.exists())

    def renamed(self, name, ids):
        """What edition 1 simulates, a copy for each of @ids in one recording."""
        truth = self.simulated(name, "--quiet", "--services", "5", "--duration", "2d", "--interval", "300s")
        truth["entities"] = [{"id": i, "metrics": truth["entities"][0]["metrics"]} for i in ids]
        truth["edges"], truth["runs_on"] = [], []
        (self.dir / name / "recording.json").write_text(json.dumps(truth))

    def test_inject_split_stays_in_its_directory_and_writes_over_nothing(self):
        self.renamed("odd", ["..", "host/a", "host-a"])
        inject = ("inject", self.dir / "odd", "--out", self.dir / "out" / "split", "--split", "--quiet-hours", "4")
        self.run_ok(*inject)
        self.assertEqual([f.name for f in (self.dir / "out").iterdir()], ["split"])
        written = {f.parent.name: f.read_bytes() for f in (self.dir / "out" / "split").glob("*/recording.json")}
        self.assertEqual(sorted(json.loads(text)["entities"][0]["id"] for text in written.values()), ["..", "host-a", "host/a"])
        self.refused(*inject, "--seed", "2")
        self.assertEqual(written, {f.parent.name: f.read_bytes() for f in (self.dir / "out" / "split").glob("*/recording.json")})
        self.run_ok(*inject, "--force")

    def test_a_name_of_a_directory_that_is_no_utf_8_is_told_all_the_same(self):
        out = os.fsencode(self.dir / "name-") + b"\xff"
        done = subprocess.run([str(FAULTLINE), "-o", "json", "simulate", "--duration", "1h", "--out", out],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=110)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue(json.loads(done.stdout)["recording"].endswith("name-\ufffd"))

    def test_a_recording_that_could_not_be_written_over_whole_is_none(self):
        self.simulated("old", "--duration", "1h")
        table = next((self.dir / "old" / "metrics").iterdir())
        table.unlink()
        table.mkdir()  # cannot be written
        done = subprocess.run([str(FAULTLINE), "simulate", "--seed", "7", "--duration", "1h", "--out", str(self.dir / "old"), "--force"],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=110)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertFalse((self.dir / "old" / "recording.json").exists(), "it describes tables of another seed")

    def test_inject_and_report_work_on_a_recording(self):
        self.simulated("plain", "--quiet", "--edition", "2", "--services", "5", "--duration", "6d", "--interval", "300s",
                       "--train-share", "0.3")
        before = (self.dir / "plain" / "recording.json").read_bytes()
        self.run_ok("inject", self.dir / "plain", "--out", self.dir / "faulty", "--seed", "2", "--types", "memory_leak", "dns")
        self.assertEqual(before, (self.dir / "plain" / "recording.json").read_bytes())
        truth = json.loads((self.dir / "faulty" / "recording.json").read_text())
        self.assertTrue(truth["faults"])
        self.assertLessEqual({fault["type"] for fault in truth["faults"]}, {"memory_leak", "dns"})
        self.refused("inject", self.dir / "plain", "--out", self.dir / "faulty")  # it is there already
        text = self.run_ok("evaluate", "report", self.dir / "faulty", "--no-lstm", "--out", self.dir / "report")
        self.assertIn("limits per entity, oracle", text)
        self.assertNotIn("The forecaster's head", text)
        self.assertNotIn("fault_head", json.loads((self.dir / "report" / "report.json").read_text()))
        for name in ("report.md", "report.json", "detection.svg", "lead.svg", "reliability.svg"):
            self.assertTrue((self.dir / "report" / name).stat().st_size > 200, name)

    def test_a_report_says_how_good_the_head_for_faults_that_build_up_is(self):
        self.simulated("s/leak", "--edition", "2", "--services", "5", "--duration", "12h", "--interval", "60s", "--fault", "memory_leak",
                       "--shape", "linear", "--ramp", "90m", "--onset", "9h", "--fault-duration", "2h")
        text = self.run_ok("evaluate", "report", self.dir / "s/leak", "--budgets", "30", "--out", self.dir / "report")
        self.assertIn("The forecaster's head for faults that build up", text)
        head = json.loads((self.dir / "report" / "report.json").read_text())["fault_head"]["s"]
        self.assertEqual(head["ramps"], 1)
        self.assertGreaterEqual(head["ticks_before_full_effect"], 14)
        self.assertGreater(head["ticks"], 1000)

    def test_headline_says_for_each_bar_whether_it_holds(self):
        text = self.run_ok("evaluate", "headline", "--simulated-only", "--no-lstm", "--systems", "1", "--days", "4", "--faults", "2",
                           "--out", self.dir / "headline")
        self.assertIn("| measure | bar | measured | holds |", text)
        self.assertTrue((self.dir / "headline" / "bars.md").exists())


if __name__ == "__main__":
    unittest.main()
