# SPDX-License-Identifier: Apache-2.0
"""What the tests of docs/integrations share: the blocks of the pages, the tools themselves, and how one sees that data arrived."""

import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import unittest

from support import ROOT, Server
from wire import entity_of, eventually
from witness import Witness

PAGES = ROOT / "docs/integrations"
BLOCK = re.compile(r"^```(\w+) ([\w.]+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def block(page, name):
    found = [text for _, title, text in BLOCK.findall((PAGES / page).read_text()) if title == name]
    if len(found) != 1:
        raise AssertionError(f"{page} has {len(found)} blocks called {name}")
    return found[0]


def at(text, ports):
    """@p text with other ports on loopback: {7800: ours}."""
    return re.sub(r"127\.0\.0\.1([:/\s]+(?:--port )?)(\d{4,5})\b",
                  lambda m: f"127.0.0.1{m.group(1)}{ports.get(int(m.group(2)), m.group(2))}", text)


def ingest_of(page):
    """What the page's faultline.yaml says under ingest, for the Server of these tests."""
    lines = block(page, "faultline.yaml").splitlines()
    return " ".join(line.strip() for line in lines[1:])


class Tool:
    """A program with a directory of its own, ended by its own process id."""

    def __init__(self, command, files=(), environment=None):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="faultline-tool-"))
        for name, text in dict(files).items():
            (self.directory / name).write_text(text)
        self.command = [c.replace("DIR", str(self.directory)) for c in command]
        self.environment = environment
        self.log = open(self.directory / "log", "ab")
        self.process = None

    def start(self):
        self.process = subprocess.Popen(self.command, cwd=self.directory, stdout=self.log, stderr=self.log, env=self.environment)
        return self

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(timeout=15)

    def tail(self):
        return (self.directory / "log").read_text(errors="replace")[-2000:]

    def close(self):
        self.stop()
        self.log.close()
        shutil.rmtree(self.directory, ignore_errors=True)


class Case(unittest.TestCase):
    def serve(self, ingest="", config=""):
        server = Server(config, ingest=ingest).start()
        self.addCleanup(server.close)
        return server

    def tool(self, *arguments, **more):
        t = Tool(*arguments, **more)
        self.addCleanup(t.close)
        return t

    def observations(self, server, entity):
        return entity_of(server, entity).get("observations", 0)

    def arrives(self, server, entity, more_than=0, tool=None):
        try:
            eventually(lambda: self.observations(server, entity) > more_than, seconds=120, what=entity)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{tool.tail() if tool else ''}\n{server.tail()}") from None

    def each_once(self, server, prefix, names):
        """What kill_under_load() tells: who was acknowledged is there once, who was not at most once."""
        taken, in_doubt = names
        self.assertEqual({n: self.observations(server, prefix + n) for n in taken}, dict.fromkeys(taken, 1))
        for name in in_doubt:
            self.assertLessEqual(self.observations(server, prefix + name), 1, name)

    def metrics_of(self, server, entity):
        return {m["name"]: m for m in entity_of(server, entity).get("metrics", [])}

    def witness(self, server):
        w = Witness(server.http)
        self.addCleanup(w.close)
        return w

    def holds_what_it_acknowledged(self, server, witness, entity, events_of):
        """Exactly that. Of what was under way when the server was killed it may have some: those it could not answer any
        more, which their sender repeats or gives up. The witness lets nobody on until it is told to."""
        witness.hold()
        server.wait_applied()
        has, acknowledged = self.observations(server, entity), witness.counted(events_of)[entity]
        in_doubt = witness.in_doubt(events_of)[entity]
        self.assertGreaterEqual(has, acknowledged, "lost")
        self.assertLessEqual(has, acknowledged + in_doubt, "counted twice")
        return has

    def goes_on_after_kill(self, server, witness, entity, events_of, tool=None):
        """Killed while nothing is under way, and while the tool sends: what was acknowledged is there once, and the tool
        finds the server again."""
        before = self.holds_what_it_acknowledged(server, witness, entity, events_of)
        self.assertEqual(before, witness.counted(events_of)[entity])
        server.kill()
        server.start()
        server.wait_applied()
        self.assertEqual(self.observations(server, entity), before)
        witness.go_on()
        self.arrives(server, entity, more_than=before, tool=tool)
        server.kill()
        server.start()
        self.arrives(server, entity, more_than=before + 1, tool=tool)
        self.holds_what_it_acknowledged(server, witness, entity, events_of)
        witness.go_on()
