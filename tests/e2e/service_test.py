# SPDX-License-Identifier: Apache-2.0
"""The server under a service manager: what it tells, and what becomes of one whose actors do not answer."""

import http.client
import json
import os
import pathlib
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

from support import BIN, Publisher, Server
from wire import eventually

START = 1_750_000_000_000
QUESTIONS = ("/api/v1/entities?limit=1000", "/api/v1/entities/host%2Fh3", "/api/v1/topology", "/api/v1/alerts",
             "/api/v2/alerts", "/api/v2/silences", "/metrics")


class Manager:
    """The socket of a systemd, in a directory of its own."""

    def __init__(self, watchdog_ms):
        self.directory = tempfile.TemporaryDirectory(prefix="faultline-notify-")
        self.path = str(pathlib.Path(self.directory.name) / "socket")
        self.watchdog_ms = watchdog_ms
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)

    def environment(self):
        return {**os.environ, "NOTIFY_SOCKET": self.path, "WATCHDOG_USEC": str(self.watchdog_ms * 1000)}

    def hear(self, seconds):
        """The lines of the next message; nothing when none comes in time."""
        self.socket.settimeout(seconds)
        try:
            return self.socket.recv(4096).decode().splitlines()
        except (socket.timeout, BlockingIOError):
            return []

    def hears(self, line, seconds=60):
        """Whether a message with @line comes; those without it are passed over."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if line in self.hear(max(0.01, end - time.monotonic())):
                return True
        return False

    def waits_in_vain(self, seconds=60):
        """As systemd does: until no sign of life came for the whole time it gives."""
        end = time.monotonic() + seconds
        last = time.monotonic()
        while time.monotonic() < end:
            if "WATCHDOG=1" in self.hear(0.05):
                last = time.monotonic()
            if time.monotonic() - last > self.watchdog_ms / 1000:
                return True
        return False

    def close(self):
        self.socket.close()
        self.directory.cleanup()


class ServiceTest(unittest.TestCase):
    def start(self, watchdog_ms, program="faultlined", config=""):
        self.manager = Manager(watchdog_ms)
        self.addCleanup(self.manager.close)
        self.server = Server(config, program=program)
        self.addCleanup(self.server.remove)
        self.server.start(environment=self.manager.environment())

    def said(self):
        """How often the log says that somebody does not answer."""
        return (self.server.directory / "faultlined.log").read_text(errors="replace").count("actors do not answer")

    def test_it_says_that_it_is_ready_alive_reloading_and_stopping(self):
        self.start(watchdog_ms=3000)
        self.assertTrue(self.manager.hears("READY=1"), "ready")
        for _ in range(3):
            self.assertTrue(self.manager.hears("WATCHDOG=1"), "alive")
        self.server.process.send_signal(signal.SIGHUP)
        self.assertTrue(self.manager.hears("RELOADING=1"), "reloading")
        self.assertTrue(self.manager.hears("READY=1"), "reloaded")
        self.assertGreater(self.server.metrics()['faultline_actor_pulses_total{outcome="answered"}'], 0)
        self.server.process.send_signal(signal.SIGTERM)
        self.assertTrue(self.manager.hears("STOPPING=1"), "stopping")
        self.assertEqual(self.server.process.wait(timeout=60), 0)

    def test_a_hangup_at_any_time_of_the_start_ends_nothing_where_it_was_ignored_before(self):
        """As the guide says: until the libraries are loaded a signal does what it did before."""
        server = Server("")
        self.addCleanup(server.close)
        server.process = subprocess.Popen([str(BIN / "faultlined"), "--config.file", str(server.config)], stdout=server.log,
                                          stderr=server.log, preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
        end = time.monotonic() + 60
        while not server.is_ready():
            self.assertIsNone(server.process.poll(), server.tail())
            self.assertLess(time.monotonic(), end, server.tail())
            server.process.send_signal(signal.SIGHUP)
            time.sleep(0.005)
        server.process.send_signal(signal.SIGHUP)
        end = time.monotonic() + 60
        while "reload: nothing has changed" not in server.tail():
            self.assertLess(time.monotonic(), end, server.tail())
            time.sleep(0.05)

    def test_it_ends_while_questions_are_under_way(self):
        self.start(watchdog_ms=10000)
        publisher = Publisher(self.server.router, "agent")
        self.addCleanup(publisher.close)
        publisher.send([{"type": "metric", "entity": f"host/h{e}", "ts": START, "name": "cpu", "value": 0.1}
                        for e in range(300)])
        publisher.flush()
        ended = threading.Event()

        def keep_asking(path):
            while not ended.is_set():
                try:
                    self.server.get(path)
                except (OSError, http.client.HTTPException):  # it is about to end
                    ended.wait(0.001)

        askers = [threading.Thread(target=keep_asking, args=(path,)) for path in QUESTIONS]
        for a in askers:
            a.start()
        try:
            eventually(lambda: self.server.metric("faultline_http_answers_total") > 100)
            self.assertEqual(self.server.stop(sums=False), 0)
        finally:
            ended.set()
            for a in askers:
                a.join()

    def test_a_server_whose_actors_are_stuck_is_ended_by_its_manager_and_serves_again(self):
        """The record that sticks is skipped after the second time, as one that kills is."""
        self.start(2000, "deadly_faultlined", "processing: {accept_past: true}\n")
        publisher = Publisher(self.server.router, "service")
        self.addCleanup(publisher.close)
        self.assertTrue(self.manager.hears("WATCHDOG=1"), "alive before it is stuck")
        publisher.send([{"type": "change", "entity": "host/a", "ts": START, "kind": "deploy",
                         "summary": "test.deadly.stuck"}])
        for life in range(2):
            said = self.said() if life else 0
            eventually(lambda: self.said() > said, seconds=60, what=f"life {life}: a line of the log")
            self.assertTrue(self.manager.waits_in_vain(), f"life {life}: nobody noticed")
            self.assertIn("correlator", self.server.tail())
            self.server.process.send_signal(signal.SIGABRT)
            self.assertEqual(self.server.process.wait(timeout=60), -signal.SIGABRT)
            # Ready is who knows what it had told: not while the record sticks.
            self.server.start(wait=life == 1, environment=self.manager.environment())
        for _ in range(5):
            self.assertTrue(self.manager.hears("WATCHDOG=1"), "alive for good")
        self.assertIn("killed the process 2 times", str(self.server.api("/api/v1/dead-letters")))


class LogTest(unittest.TestCase):
    def test_every_line_is_json_whatever_it_says(self):
        server = Server("log: {format: json}\n")
        self.addCleanup(server.close)
        server.start()
        server.kill()
        server.start()
        eventually(lambda: "recovered" in server.tail())
        lines = (server.directory / "faultlined.log").read_text().splitlines()
        said = [json.loads(line) for line in lines]
        self.assertTrue(any('what=recovered subject="node"' in line["msg"] for line in said), lines)

    def test_logfmt_is_the_format_of_text(self):
        server = Server("log: {format: logfmt}\n")
        self.addCleanup(server.close)
        server.start()
        self.assertTrue(server.tail().startswith("ts="), server.tail())
        done = subprocess.run([BIN / "faultlined", "--log.format=logfmt", "--config.file", "/nowhere"],
                              capture_output=True, text=True, timeout=60)
        self.assertIn(" level=error configuration: /nowhere", done.stderr)

    def test_words_for_the_log_that_mean_nothing_are_a_wrong_command_line(self):
        for flags in (("--log.level", "loud"), ("--log.format", "xml")):
            done = subprocess.run([BIN / "faultlined", *flags], capture_output=True, text=True, timeout=60)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn(flags[1], done.stderr + done.stdout)


class PlacementTest(unittest.TestCase):
    NAMED = {"fl-forecaster", "fl-storage", "fl-log", "rocksdb:low", "fl-doors", "ZMQbg/IO/0"}

    def start(self, placement):
        server = Server(placement)
        self.addCleanup(server.close)
        return server.start()

    def threads(self, server):
        """(name, cores) of every thread."""
        found = []
        for task in pathlib.Path(f"/proc/{server.process.pid}/task").iterdir():
            said = dict(line.split(":\t", 1) for line in (task / "status").read_text().splitlines() if ":\t" in line)
            found.append((said["Name"], said["Cpus_allowed_list"].strip()))
        return found

    def test_threads_run_on_the_cores_that_are_named_and_others_on_all(self):
        one = str(max(os.sched_getaffinity(0)))
        anywhere = {cores for _, cores in self.threads(self.start(""))}
        self.assertEqual(len(anywhere), 1, anywhere)
        threads = self.threads(self.start(f"placement: {{inference: '{one}', storage: '{one}', doors: '{one}'}}\n"))
        self.assertLessEqual(self.NAMED, {name for name, _ in threads})
        for name, cores in threads:
            with self.subTest(thread=name):
                if name in self.NAMED:
                    self.assertEqual(cores, one)
                elif name in ("caf.clock", "faultlined"):
                    self.assertIn(cores, anywhere)

    def test_a_core_that_the_process_may_not_use_is_named_at_start(self):
        absent = max(os.sched_getaffinity(0)) + 1
        server = Server(f"placement: {{storage: '{absent}'}}\n")
        self.addCleanup(server.close)
        with self.assertRaisesRegex(RuntimeError, f"placement.storage: the process may not run on core {absent}"):
            server.start()


if __name__ == "__main__":
    unittest.main(verbosity=2)
