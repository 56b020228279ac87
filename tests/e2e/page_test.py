# SPDX-License-Identifier: Apache-2.0
"""The page in a real browser before a real server: a recorded fault up to the middle of its effect, then hostile strings.

What the browser does and sees stands in tests/dashboard/page_test.mjs.
"""

import csv
import gzip
import io
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import unittest

from support import BIN, ROOT, Publisher, Server
from wire import eventually, feed_is_quiet

PAGE = ROOT / "tests/dashboard"
sys.path.insert(0, str(PAGE))
import hostile  # noqa: E402

CONFIG = (
    "processing: {tick: 10s, accept_past: true}\n"
    "limits: [{entity: '*', metric: '*evil', above: 90, severity: critical}]\n"
    "silences: {max_entities: 9}\n"
    "maintenance: [{name: nightly, entities: [backup/nobody], at: '02:00', duration: 1h, ends: '2097-03-01T12:00:00Z', comment: backups}]\n"
)


def recording_until_the_middle_of_its_effect(directory):
    subprocess.run([BIN / "faultline", "simulate", "--seed", "7", "--shape", "linear", "--out", directory], check=True, timeout=60,
                   stdout=subprocess.DEVNULL)
    told = json.loads((directory / "recording.json").read_text())
    end = told["faults"][0]["full_effect"] + 360_000
    for file in (directory / "metrics").iterdir():
        with gzip.open(file, "rt") as stream:
            head, *rows = csv.reader(stream)
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([head] + [r for r in rows if int(r[0]) <= end])
        with gzip.open(file, "wt") as stream:
            stream.write(text.getvalue())
    return told["faults"][0], end


def replay(server, files):
    subprocess.run([BIN / "faultline", "replay", files, "--keep-time", "--fast", "--batch", "30", "--window", "2",
                    "--endpoint", f"tcp://127.0.0.1:{server.router}"], check=True, timeout=120, stdout=subprocess.DEVNULL)
    feed_is_quiet(server)


def worst_of(server):
    return max(server.api("/api/v1/incidents?state=open")["incidents"], key=lambda i: len(i["alerts"]))


def tell_of_the_cause(server, end):
    """A change and some log lines of who the fault began at. @returns who."""
    cause = eventually(lambda: worst_of(server)["causes"], what="a cause")[0]["entity"]
    publisher = Publisher(server.router, "deployer")
    publisher.send([{"type": "change", "entity": cause, "ts": end - 600_000, "kind": "deploy", "summary": "version 2.1 rolled out"}]
                   + [{"type": "log", "entity": cause, "ts": end + n, "severity": severity, "body": body.format(n)}
                      for n in range(20) for severity, body in (("info", "session {} opened"), ("error", "connection {} refused: too many"))])
    publisher.flush()
    publisher.close()
    feed_is_quiet(server)
    return cause


def libraries():
    """playwright-core, as tests/dashboard/package-lock.json pins it."""
    if not (PAGE / "node_modules/playwright-core").is_dir():
        subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], cwd=PAGE, check=True, timeout=300)


def browse(test, file, server, pattern, **more):
    """Runs the tests of @p file that @p pattern names, in a browser before @p server."""
    environment = {**os.environ, "PAGE_URL": f"http://127.0.0.1:{server.http}", **more}
    done = subprocess.run(["node", "--test", "--test-reporter=tap", f"--test-name-pattern={pattern}", str(PAGE / file)], cwd=ROOT, env=environment,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=400)
    test.assertEqual(done.returncode, 0, done.stdout[-8000:])
    test.assertIn("# fail 0", done.stdout)
    test.assertNotIn("# pass 0", done.stdout)


def server_with_tokens(test, *roles):
    """@returns a server that asks for tokens, and one token of each of @p roles, which is called like its role."""
    server = Server()
    test.addCleanup(server.remove)  # what it counted is told to who has a token
    file = server.directory / "tokens"
    create = lambda role: subprocess.run([BIN / "faultline", "token", "create", role, "--role", role, "--file", file], check=True, timeout=60,
                                         stdout=subprocess.PIPE, text=True).stdout.strip()
    tokens = {role: create(role) for role in roles}
    server.config.write_text(server.config.read_text().replace("web: {", f"web: {{tokens: {file}, "))
    return server.start(), tokens


class OnOneServer:
    """For a TestCase whose tests read the page of one server; @c file has what the browser does."""

    CONFIG = "processing: {tick: 1s}\ncorrelation: {settle: 1s}\n"
    file = None

    @classmethod
    def setUpClass(cls):
        libraries()
        cls.server = Server(cls.CONFIG).start()

    @classmethod
    def tearDownClass(cls):
        cls.server.close()

    def browse(self, pattern, **more):
        browse(self, self.file, self.server, pattern, **more)


class Page(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        libraries()
        cls.files = pathlib.Path(tempfile.mkdtemp(prefix="faultline-page-"))
        cls.fault, cls.end = recording_until_the_middle_of_its_effect(cls.files)
        # Three hours pass in seconds: no entity may run far ahead of another.
        cls.server = Server(CONFIG, ingest="max_lag_records: 150, retry_after_ms: 2").start()
        replay(cls.server, cls.files)
        cls.cause = tell_of_the_cause(cls.server, cls.end)

    @classmethod
    def tearDownClass(cls):
        cls.server.close()
        shutil.rmtree(cls.files, ignore_errors=True)

    def browse(self, pattern, **more):
        browse(self, "page_test.mjs", self.server, pattern, **more)

    def words(self, incident):
        return [i for i in self.server.api(f"/api/v1/incidents/{incident}/story")["items"] if i["kind"] == "word"]

    # Complaint: why-anomalous, acknowledge
    def test_1_an_operator_reads_the_cause_acknowledges_and_answers_and_another_sees_it(self):
        worst = worst_of(self.server)
        self.browse("an operator (reads the cause|works|is told)", PAGE_INCIDENT=worst["id"], PAGE_CAUSE=worst["causes"][0]["entity"])
        said = [(w["state"], w["by"], w["text"]) for w in self.words(worst["id"])]
        self.assertIn(("acknowledge", "ann", "assigned to bob: looking into it"), said)
        self.assertIn(("right", "ann", f"cause {worst['causes'][0]['entity']}: as said"), said)
        self.assertTrue(any(text.endswith(": after the second step") for _, _, text in said), said)  # begins with the remedy
        quality = self.server.api("/api/v1/quality")
        self.assertEqual(quality["incident_verdicts"].get("right"), 1)

    # Complaint: broad-silences
    def test_1_a_silence_is_seen_before_it_is_made_and_changed_and_ended_and_another_sees_it(self):
        worst = worst_of(self.server)
        self.browse("an operator silences", PAGE_INCIDENT=worst["id"], PAGE_CAUSE=worst["causes"][0]["entity"])
        silences = self.server.api("/api/v1/silences")["silences"]
        self.assertEqual({s["state"] for s in silences}, {"expired"})
        self.assertEqual({(s["created_by"], s["comment"]) for s in silences}, {("bea", "nearly done"), ("ann", "known"), ("ann", "everything")})

    # Complaint: recurring-tasks, planned-change
    def test_1_work_is_planned_and_what_it_covers_is_marked_until_it_is_removed(self):
        self.browse("an operator plans work", PAGE_CAUSE=self.cause)
        windows = self.server.api("/api/v1/maintenance")["windows"]
        self.assertEqual([w["name"] for w in windows], ["nightly"])

    # Complaint: cold-start
    def test_1_the_page_of_an_entity_tells_what_it_logs_what_was_done_to_it_and_what_is_believed(self):
        self.browse("an operator reads of an entity", PAGE_CAUSE=self.cause)

    def test_2_quality_and_system_say_how_well_it_does_and_how_it_is(self):
        self.browse("quality and system", PAGE_CAUSE=self.cause)

    def test_2_the_page_goes_on_after_the_server_was_killed(self):
        incident = worst_of(self.server)["id"]
        self.server.request("POST", f"/api/v1/incidents/{incident}/acknowledge", {"by": "ann", "acknowledged": False})  # whatever was said before
        eventually(lambda: all(i["acknowledged"] == 0 for i in self.server.api("/api/v1/overview")["incidents"]), what="an incident nobody works on")
        sign = self.files / "sign"

        def kill_and_say():
            eventually(sign.exists, 120, "that the page is open")
            self.server.kill()
            self.server.start()
            self.server.request("POST", f"/api/v1/incidents/{incident}/acknowledge", {"by": "bea", "acknowledged": True})
        other = threading.Thread(target=kill_and_say)
        other.start()
        try:
            self.browse("a page whose server was killed", PAGE_INCIDENT=incident, PAGE_SIGN=str(sign))
        finally:
            other.join()

    def all_fire(self):
        firing = self.server.api("/api/v1/alerts?state=firing&text=evil&limit=1000")["alerts"]
        return firing if len({a["entity"] for a in firing}) == len(hostile.STRINGS) else None

    def silence_with_hostile_words(self):
        for s in hostile.BASES:
            word = {"matchers": [{"name": "entity", "value": "service/" + s}], "duration_s": 3600, "created_by": s, "comment": s}
            status, body = self.server.request("POST", "/api/v1/silences", word)
            self.assertEqual(status, 200, body)

    def watch_them_fire(self, sign):
        self.watched = "not all of them"
        self.browse("a page that is open", PAGE_SIGN=str(sign))
        self.watched = "all of them"

    def test_3_three_hundred_hostile_strings_run_nothing_and_break_no_policy(self):
        publisher = Publisher(self.server.router, hostile.STRINGS[0][:120])
        sign = self.files / "fire"
        watching = threading.Thread(target=self.watch_them_fire, args=(sign,))
        watching.start()
        eventually(sign.exists, 120, "that the page is open")
        for batch in hostile.events(self.end + 10_000, 8):
            publisher.send(batch)
            publisher.flush()  # told to wait, a later tick would come before an earlier one
        publisher.close()
        feed_is_quiet(self.server)
        firing = eventually(self.all_fire, 60, "that all of them fire")
        watching.join()
        self.assertEqual(self.watched, "all of them")
        incident = max(self.server.api("/api/v1/incidents?limit=100")["incidents"], key=lambda i: len(set(i["alerts"]) & {a["id"] for a in firing}))
        self.silence_with_hostile_words()
        self.browse("hostile", PAGE_INCIDENT=incident["id"], PAGE_ENTITIES=json.dumps([a["entity"] for a in firing]))


class Past(unittest.TestCase):
    """Incidents that are over."""

    def setUp(self):
        libraries()
        self.server = Server("processing: {tick: 1s}\ncorrelation: {settle: 1s}\n").start()
        self.addCleanup(self.server.close)

    # Complaint: no-history
    def test_incidents_that_are_over_are_found_from_the_first_page(self):
        alerts = [{"labels": {"alertname": "Slow", "service": f"past-{n}"}} for n in range(30)]
        self.server.request("POST", "/api/v2/alerts", alerts)
        count = lambda state: len(self.server.api(f"/api/v1/incidents?state={state}&limit=100")["incidents"])
        eventually(lambda: count("open") == 30, 60, "that 30 are open")
        self.server.request("POST", "/api/v2/alerts", [{**a, "endsAt": "2026-01-01T00:00:00Z"} for a in alerts])
        eventually(lambda: count("resolved") == 30, 60, "that all are over")
        browse(self, "page_test.mjs", self.server, "an operator finds incidents that are over")


if __name__ == "__main__":
    unittest.main()
