# SPDX-License-Identifier: Apache-2.0
"""bench generate and ingest with real servers: what they say they sent is what is counted; what they refuse."""

import json
import pathlib
import subprocess
import tempfile
import unittest

from support import BIN, Server, check_sums, free_ports
from wire import eventually

FAULTLINE = BIN / "faultline"


def run(*words):
    return subprocess.run([str(FAULTLINE), "bench", *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, timeout=110)


class Generate(unittest.TestCase):
    def test_every_publisher_sends_what_it_says_and_the_server_counts_it(self):
        port = free_ports(1)[0]
        server = Server("entities: {max_new_per_second: 1000000}\n",
                        ingest=f"subscribe: ['tcp://127.0.0.1:{port}']").start()
        self.addCleanup(server.close)
        done = run("generate", "--json", "--publishers", 2, "--router", f"tcp://127.0.0.1:{server.router}",
                   "--push", 2, "--pull", f"tcp://127.0.0.1:{server.pull}", "--bind", f"tcp://127.0.0.1:{port}",
                   "--seconds", 1, "--rate", 5000, "--batch", 50, "--entities", 200, "--metrics", 2)
        self.assertEqual(done.returncode, 0, done.stderr)
        said = json.loads(done.stdout)
        self.assertTrue(0 < said["sent"] <= 6000, said)
        asked = said["acknowledged"]
        self.assertEqual(asked["accepted"], asked["events"])
        for kind in ("pushed", "published"):
            self.assertEqual(said[kind]["events"], said[kind]["messages"] * 50)
        # What was pushed may lie in the buffers of TCP still.
        eventually(lambda: server.metric("faultline_events_offered_total") >= said["sent"], what="all that was sent")
        server.wait_applied()
        counted = check_sums(server)

        def of(door):
            return counted[f'faultline_events_admitted_total{{door="{door}"}}']

        self.assertEqual(of("router"), asked["events"])
        self.assertEqual(of("pull"), said["pushed"]["events"])
        self.assertEqual(of("subscribe"), said["published"]["events"])

    def test_nonsense_is_refused_with_a_sentence(self):
        for words, says in (
                (["--publishers", "0"], "nobody sends"),
                ([], "--router"),
                (["--publishers", "0", "--push", "1"], "--pull"),
                (["--router", "tcp://127.0.0.1:1", "--batch", "4097"], "--batch"),
                (["--router", "tcp://127.0.0.1:1", "--batch", "4096", "--metrics", "64"], "1 MiB"),
                (["--router", "tcp://127.0.0.1:1", "--rate", "-1"], "--rate"),
                (["--router", "tcp://127.0.0.1:1", "--zipf", "five"], "--zipf"),
                (["--router", "tcp://127.0.0.1:1", "--entities", "0"], "--entities")):
            done = run("generate", *words)
            self.assertEqual(done.returncode, 2, words)
            self.assertIn(says, done.stderr, words)


class Ingest(unittest.TestCase):
    def test_a_mixed_run_loses_nothing_and_says_how_long_decisions_took(self):
        with tempfile.TemporaryDirectory(prefix="faultline-plot-") as plots:
            done = run("ingest", "--entities", 200, "--metrics", 2, "--batch", 50, "--seconds", 3, "--rate", 2000,
                       "--publishers", 1, "--push", 1, "--pub", 1, "--warm-up", 3, "--json", "--plot", plots)
            self.assertEqual(done.returncode, 0, done.stderr)
            said = json.loads(done.stdout)
            self.assertEqual((said["lost"], said["duplicated"], said["rejected"]), (0, 0, 0))
            self.assertGreater(said["sent"], said["accepted"], "some was not to be acknowledged")
            self.assertGreater(said["decisions"], 0)
            self.assertGreater(said["latency_ms"]["p50"], 0)
            self.assertGreaterEqual(said["latency_ms"]["p999"], said["latency_ms"]["p50"])
            self.assertGreater(said["acknowledged_ms"]["p50"], 0)
            for name in ("rate.svg", "latency.svg"):
                self.assertTrue((pathlib.Path(plots) / name).read_text().startswith("<svg"))

    def test_nonsense_is_refused_with_a_sentence(self):
        for words, says in ((["--publishers", "0"], "nobody sends"),
                            (["--batch", "4096", "--metrics", "64"], "smaller --batch"),
                            (["--batch", "1,5000"], "--batch"),
                            (["--entities", "0"], "--entities"),
                            (["--metrics", "257"], "--metrics"),
                            (["--rate", "0"], "--rate"),
                            (["--zipf", "9"], "--zipf"),
                            (["--push", "-1"], "--push"),
                            (["--config", "/nowhere"], "--config")):
            done = run("ingest", *words)
            self.assertEqual(done.returncode, 2, words)
            self.assertIn(says, done.stderr, words)


class Rca(unittest.TestCase):
    def test_says_how_long_a_question_takes_and_where_the_cause_stands(self):
        done = run("rca", "--entities", "2,30", "--seconds", "0.05", "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        sizes = json.loads(done.stdout)["sizes"]
        self.assertEqual([s["entities"] for s in sizes], [2, 30])
        for size in sizes:
            self.assertGreater(size["questions"], 0)
            self.assertGreaterEqual(size["ms_per_question_p99"], size["ms_per_question"])
            self.assertGreater(size["ms_per_question"], 0)
            self.assertEqual(size["rank_of_cause"], 1)

    def test_nonsense_is_refused_with_a_sentence(self):
        for words, status, says in ((["--entities", "1"], 2, "--entities"),
                                    (["--seconds", "0"], 2, "--seconds"),
                                    (["--model", "/nowhere"], 1, "/nowhere")):
            done = run("rca", *words)
            self.assertEqual(done.returncode, status, words)
            self.assertIn(says, done.stderr, words)


if __name__ == "__main__":
    unittest.main()
