# SPDX-License-Identifier: Apache-2.0
"""`faultline backup create`, `verify` and `restore` against a server that takes events all the while; what was restored is
held against what was sent and acknowledged by the verifier of the campaigns (tests/campaigns/verifier.py).
"""

import fcntl
import hashlib
import http.server
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "campaigns"))
from support import BIN, Server  # noqa: E402
from wire import feed_is_quiet  # noqa: E402
import verifier  # noqa: E402
from kill import CONFIG  # noqa: E402
from ledger import Source  # noqa: E402

SOURCES = 2
ENTITIES = 100


class BackupTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = pathlib.Path(tempfile.mkdtemp(prefix="faultline-backup-"))
        cls.server = Server(CONFIG).start()
        cls.sources = [Source(f"backup-{n}", list(range(n, ENTITIES, SOURCES)), rate=2000) for n in range(SOURCES)]
        for source in cls.sources:
            source.connect(cls.server.router)
        cls.acknowledged = cls.back_up(cls)

    @classmethod
    def tearDownClass(cls):
        for source in cls.sources:
            source.close()
        cls.server.close()
        shutil.rmtree(cls.scratch, ignore_errors=True)

    def back_up(self):
        """Before, during and after it events come. @returns by source, what was not acknowledged before it began."""
        def pump(holds):
            while holds():
                for source in self.sources:
                    source.pump()
                time.sleep(0.001)

        pump(lambda: any(source.sent - len(source.waiting) < 40 for source in self.sources))
        open_before = [set(source.waiting) for source in self.sources]
        sent_before = [source.sent for source in self.sources]
        create = subprocess.Popen(
            [str(BIN / "faultline"), "backup", "create", str(self.scratch / "kept"), "-o", "json",
             "--server", f"http://127.0.0.1:{self.server.http}"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        pump(lambda: create.poll() is None)
        out, err = create.communicate()
        if create.returncode != 0:
            raise RuntimeError(err)
        self.made = json.loads(out)
        return [(before, sent) for before, sent in zip(open_before, sent_before)]

    def faultline(self, *arguments):
        done = subprocess.run([str(BIN / "faultline"), "backup", *map(str, arguments)], capture_output=True, text=True,
                              timeout=120)
        return done.returncode, done.stdout + done.stderr

    def copy(self, name):
        target = self.scratch / name
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(self.scratch / "kept", target)
        return target

    def test_a_restored_store_holds_what_was_acknowledged_before_it_and_nothing_that_was_not_sent(self):
        status, said = self.faultline("verify", self.scratch / "kept")
        self.assertEqual(status, 0, said)
        status, said = self.faultline("restore", self.scratch / "kept", self.scratch / "restored")
        self.assertEqual(status, 0, said)
        second = Server(CONFIG, store=self.scratch / "restored").start()
        try:
            feed_is_quiet(second)
            self.assertEqual(second.stop(), 0)
        finally:
            second.remove()
        known = []
        for source, (waiting, sent) in zip(self.sources, self.acknowledged):
            # What came later may be there, or not.
            late = range(sent + 1, source.sent + 1)
            known.append(Source(source.name, source.entities, source.sent, waiting | set(late)))
        found, report = verifier.verify(self.scratch / "restored" / "store", known, CONFIG, self.scratch / "replay", None, {})
        self.assertFalse(found, "\n".join(found.lines()))
        self.assertGreaterEqual(report["events"], 40 * ENTITIES)

    def test_the_server_keeps_no_copy_and_serves_on(self):
        self.assertEqual(self.server.api("/api/v1/backup")["state"], "none")
        self.assertFalse((self.server.directory / "store" / "backup").exists())
        self.assertEqual(self.server.get("/-/ready")[0], 200)
        self.assertEqual(self.made["partitions"], 64)

    def test_a_copy_that_somebody_takes_away_is_not_replaced(self):
        self.assertEqual(self.server.request("POST", "/api/v1/backup")[0], 200)
        held = os.open(self.server.directory / "store" / "backup", os.O_RDONLY)
        try:
            fcntl.flock(held, fcntl.LOCK_SH)  # as `backup create` does while it copies
            before = sorted((self.server.directory / "store" / "backup").rglob("*"))
            status, said = self.faultline("create", self.scratch / "second", "--server",
                                          f"http://127.0.0.1:{self.server.http}")
            self.assertEqual(status, 1, said)
            self.assertIn("is being taken away", said)
            self.assertEqual(sorted((self.server.directory / "store" / "backup").rglob("*")), before)
        finally:
            os.close(held)  # as when it is killed
        status, said = self.faultline("create", self.scratch / "second", "--server",
                                      f"http://127.0.0.1:{self.server.http}")
        self.assertEqual(status, 0, said)

    def test_a_copy_that_cannot_be_read_here_is_not_left_with_the_server(self):
        asked = []

        class Elsewhere(http.server.BaseHTTPRequestHandler):
            """A server on another machine: its copy is made, and is at no place of this one."""

            def answer(self):
                asked.append(self.command)
                body = json.dumps({"state": "made", "path": "/nowhere/backup", "reason": ""}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_DELETE = answer

            def log_message(self, *_):
                pass

        with http.server.HTTPServer(("127.0.0.1", 0), Elsewhere) as elsewhere:
            threading.Thread(target=elsewhere.serve_forever, daemon=True).start()
            status, said = self.faultline("create", self.scratch / "far", "--server",
                                          f"http://127.0.0.1:{elsewhere.server_port}")
            elsewhere.shutdown()
        self.assertEqual(status, 1, said)
        self.assertIn("/nowhere/backup, cannot be read here", said)
        self.assertEqual(asked, ["POST", "DELETE"])
        self.assertFalse((self.scratch / "far").exists())

    def test_one_that_is_interrupted_leaves_nothing_here_and_no_copy_with_the_server(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            self.server.process.send_signal(signal.SIGSTOP)
            try:
                create = subprocess.Popen([BIN / "faultline", "backup", "create", self.scratch / "interrupted",
                                           "--server", f"http://127.0.0.1:{self.server.http}"], stderr=subprocess.PIPE, text=True)
                status = pathlib.Path(f"/proc/{create.pid}/status")
                end = time.monotonic() + 30
                while not int(status.read_text().split("SigCgt:")[1].split()[0], 16) >> (number - 1) & 1:
                    self.assertLess(time.monotonic(), end, "it never takes the signal")
                    time.sleep(0.01)
                create.send_signal(number)
            finally:
                self.server.process.send_signal(signal.SIGCONT)
            _, said = create.communicate(timeout=60)
            self.assertEqual(create.returncode, 1, said)
            self.assertIn("interrupted: there is no backup in", said)
            self.assertEqual(self.server.api("/api/v1/backup")["state"], "none")
            self.assertFalse(list(self.scratch.glob("interrupted*")))

    def test_a_place_in_the_servers_own_store_is_refused_by_name(self):
        own = self.server.directory / "store"
        for inside in ("backup", "backup/mine", "store/mine", "backup/../store/mine"):
            status, said = self.faultline("create", own / inside, "--server", f"http://127.0.0.1:{self.server.http}")
            self.assertEqual(status, 2, said)
            self.assertIn("lies in the server's store", said)
            self.assertFalse((own / "store" / "mine").exists())
            self.assertFalse((own / "backup").exists(), "a copy is left")
        self.assertEqual(self.server.get("/-/ready")[0], 200)

    def test_a_directory_of_somebody_else_in_the_place_of_the_copy_stays(self):
        second = Server(CONFIG)
        theirs = second.directory / "store" / "backup"
        (theirs / "store").mkdir(parents=True)
        (theirs / "store" / "000004.sst").write_text("copied by hand")
        second.start()
        try:
            status, said = self.faultline("create", self.scratch / "third", "--server", f"http://127.0.0.1:{second.http}")
            self.assertEqual(status, 1, said)
            self.assertIn("was not made by this server", said)
            self.assertEqual(second.request("DELETE", "/api/v1/backup")[0], 400)
            self.assertEqual(second.stop(), 0)
            self.assertEqual((theirs / "store" / "000004.sst").read_text(), "copied by hand")
            theirs.rename(second.directory / "copied")
            second.start()
            status, said = self.faultline("create", self.scratch / "third", "--server", f"http://127.0.0.1:{second.http}")
            self.assertEqual(status, 0, said)
            self.assertEqual(sorted(f.name for f in (self.scratch / "third").iterdir()), ["BACKUP", "models", "store"])
            self.assertEqual(second.request("POST", "/api/v1/backup")[0], 200)
            second.kill()  # what it leaves is its own
            second.start()
            self.assertFalse(theirs.exists())
        finally:
            second.remove()

    def test_a_damaged_backup_is_refused_by_the_file_and_leaves_nothing(self):
        for pattern in ("store/*.sst", "store/MANIFEST-*", "store/CURRENT", "BACKUP"):
            damaged = self.copy("damaged")
            file = sorted(damaged.glob(pattern))[0]
            content = bytearray(file.read_bytes())
            content[len(content) // 2] ^= 1
            file.write_bytes(content)
            for command in (["verify", damaged], ["restore", damaged, self.scratch / "nowhere"]):
                status, said = self.faultline(*command)
                self.assertEqual(status, 1, said)
                self.assertIn(file.name, said)
            self.assertFalse((self.scratch / "nowhere").exists())

    def test_a_backup_of_a_newer_build_is_refused(self):
        newer = self.copy("newer")
        card = json.loads((newer / "BACKUP").read_text())
        card["format"] += 1
        del card["sha256"]
        card["sha256"] = hashlib.sha256(json.dumps(card, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
        (newer / "BACKUP").write_text(json.dumps(card))
        status, said = self.faultline("restore", newer, self.scratch / "nowhere")
        self.assertEqual(status, 1)
        self.assertIn("written by a newer build", said)
        self.assertFalse((self.scratch / "nowhere").exists())

    def test_nothing_is_restored_over_something_and_nothing_is_no_backup(self):
        busy = self.scratch / "busy"
        busy.mkdir()
        (busy / "x").write_text("x")
        status, said = self.faultline("restore", self.scratch / "kept", busy)
        self.assertEqual(status, 2)
        self.assertIn("holds something already", said)
        self.assertEqual((busy / "x").read_text(), "x")
        status, said = self.faultline("verify", busy)
        self.assertEqual(status, 1)
        self.assertIn("holds no backup", said)
        for words in (["create", "", "--server", f"http://127.0.0.1:{self.server.http}"], ["restore", self.scratch / "kept", ""]):
            status, said = self.faultline(*words)  # "$DIRECTORY", which is not set
            self.assertEqual(status, 2, said)
            self.assertIn("is empty", said)
        self.assertEqual(self.server.api("/api/v1/backup")["state"], "none")


if __name__ == "__main__":
    unittest.main(verbosity=2)
