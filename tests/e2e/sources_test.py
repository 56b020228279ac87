# SPDX-License-Identifier: Apache-2.0
"""Publishers that are not ours: PUB sockets the server connects to, and rsyslog's omczmq as PUSH and as PUB.

rsyslogd runs with a configuration and files of its own on free loopback ports, and is ended by its process id.
"""

import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

import msgpack
import zmq

from support import Server, free_ports
from wire import entity_of, eventually

START = 1_750_000_000_000
RSYSLOGD = "/usr/sbin/rsyslogd"


def server_that_subscribes(*ports, more="processing: {tick: 1s, accept_past: true}\n"
                           "detection: {learning: 1m}\nlimits: [{entity: 'pub/*', metric: level, above: 90}]\n"):
    server = Server(more)
    text = server.config.read_text()
    endpoints = ", ".join(f"'tcp://127.0.0.1:{p}'" for p in ports)
    server.config.write_text(text.replace("ingest: {", "ingest: {subscribe: [" + endpoints + "], "))
    return server.start()


class PubSocket:
    """A PUB socket that binds. PUB loses what nobody reads yet: send() repeats until @p arrived says it is there."""

    def __init__(self, port):
        self.socket = zmq.Context.instance().socket(zmq.PUB)
        self.socket.setsockopt(zmq.LINGER, 0)
        eventually(lambda: self.bound(port), what=f"port {port} free")

    def bound(self, port):
        try:
            self.socket.bind(f"tcp://127.0.0.1:{port}")
            return True
        except zmq.ZMQError:
            return False

    def send_until(self, frames, arrived):
        def once():
            self.socket.send_multipart(frames)
            return arrived()
        eventually(once)

    def close(self):
        self.socket.close(linger=0)


class Subscribe(unittest.TestCase):
    """`ingest.subscribe`: the server connects SUB sockets to publishers that bind PUB."""

    @classmethod
    def setUpClass(cls):
        cls.ports = free_ports(2)
        cls.server = server_that_subscribes(*cls.ports)  # before any publisher is there

    @classmethod
    def tearDownClass(cls):
        cls.server.close()

    def count(self, entity):
        return entity_of(self.server, entity).get("observations", 0)

    def test_connects_to_every_publisher_when_it_appears_and_again_when_it_restarts(self):
        for generation in range(3):
            publishers = [PubSocket(port) for port in self.ports]
            for n, publisher in enumerate(publishers):
                entity = f"sub/{n}-{generation}"
                event = msgpack.packb({"entity": entity, "ts": START, "values": {"a": 1.0}})
                publisher.send_until([event], lambda: self.count(entity) > 0)
            for publisher in publishers:
                publisher.close()

    def test_takes_one_frame_or_a_topic_in_front_which_becomes_an_attribute(self):
        publisher = PubSocket(self.ports[0])
        self.addCleanup(publisher.close)
        hello = msgpack.packb({"entity": "sub/hello", "ts": START, "values": {"a": 1.0}})
        publisher.send_until([hello], lambda: self.count("sub/hello") > 0)
        for n in range(60):  # connected now: PUB keeps the order and drops nothing this small
            publisher.socket.send_multipart([b"rack/9", msgpack.packb(
                {"entity": "pub/topic", "ts": START + n * 1000, "values": {"level": 50.0 if n < 40 else 99.0}})])
        alert = eventually(lambda: self.server.api("/api/v1/alerts?entity=pub%2Ftopic")["alerts"])[0]
        self.assertEqual(alert["labels"]["zmq.topic"], "rack/9")

    def test_what_is_refused_is_a_dead_letter_with_its_source(self):
        publisher = PubSocket(self.ports[1])
        self.addCleanup(publisher.close)

        def letters(reason):
            return [x for x in self.server.api("/api/v1/dead-letters?limit=1000")["letters"]
                    if x["reason"] == reason and x["source"].startswith("sub")]
        publisher.send_until([b"topic", b"\xc1"], lambda: letters("unknown_format"))
        publisher.send_until([b"{}"], lambda: letters("missing_entity"))


class Rsyslog:
    """rsyslogd with one input (imtcp on loopback) and the given actions; nothing of the system's configuration."""

    def __init__(self, actions):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="faultline-rsyslog-"))
        self.port = free_ports(1)[0]
        self.process = None
        self.log = open(self.directory / "rsyslogd.log", "ab")
        self.config = self.directory / "rsyslog.conf"
        self.config.write_text(
            f'global(workDirectory="{self.directory}" preserveFQDN="on")\n'
            'module(load="imtcp")\nmodule(load="omczmq")\n'
            f'input(type="imtcp" address="127.0.0.1" port="{self.port}" ruleset="out")\n'
            'ruleset(name="out") {\n' + actions + "}\n")

    def start(self):
        self.process = subprocess.Popen(
            [RSYSLOGD, "-n", "-f", str(self.config), "-i", str(self.directory / "rsyslogd.pid")],
            stdout=self.log, stderr=self.log)
        eventually(self.listens, what="rsyslogd")
        return self

    def listens(self):
        if self.process.poll() is not None:
            raise RuntimeError("rsyslogd ended: " + (self.directory / "rsyslogd.log").read_text())
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True
        except OSError:
            return False

    def send(self, *lines):
        with socket.create_connection(("127.0.0.1", self.port), 5) as s:
            s.sendall("".join(line + "\n" for line in lines).encode())

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(timeout=20)

    def close(self):
        self.stop()
        self.log.close()
        shutil.rmtree(self.directory, ignore_errors=True)


def now_3164():
    t = time.localtime()
    return time.strftime("%b ", t) + f"{t.tm_mday:2d}" + time.strftime(" %H:%M:%S", t)


def now_5424():
    return time.strftime("%Y-%m-%dT%H:%M:%S.123456Z", time.gmtime())


class RsyslogSources(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.pub = free_ports(1)[0]
        cls.server = server_that_subscribes(cls.pub, more="")  # live time, as a log has it

    @classmethod
    def tearDownClass(cls):
        cls.server.close()

    def rsyslog(self, actions):
        r = Rsyslog(actions)
        self.addCleanup(r.close)
        return r.start()

    def action(self, kind, endpoint, template, more=""):
        return f'  action(type="omczmq" socktype="{kind}" endpoints="{endpoint}" template="{template}" {more})\n'

    def count(self, host):
        return entity_of(self.server, "host/" + host).get("observations", 0)

    def letters(self):
        return self.server.api("/api/v1/dead-letters?limit=1")["by_reason"]

    def test_push_feeds_the_server_in_both_formats_every_line_once(self):
        before = self.letters()
        for template, kind in (("RSYSLOG_SyslogProtocol23Format", "5424"), ("RSYSLOG_TraditionalForwardFormat", "3164"),
                               ("RSYSLOG_ForwardFormat", "iso")):
            r = self.rsyslog(self.action("PUSH", f">tcp://127.0.0.1:{self.server.pull}", template))
            hosts = [f"push-{kind}-{n}" for n in range(3)]
            for n in range(20):
                r.send(*(f"<{8 * (n % 20) + n % 8}>{now_3164()} {h} app[{n}]: line {n} of {h}: ünïcode ☃"
                         for h in hosts))
            r.send(f"<165>1 {now_5424()} {hosts[0]} app 7 ID47 [x@32473 a=\"1\"] a line in RFC 5424")
            eventually(lambda: [self.count(h) for h in hosts] == [21, 20, 20], 30, what=f"lines of {template}")
            r.stop()
        self.assertEqual(self.letters(), before)

    def test_a_server_that_was_away_gets_what_rsyslog_kept(self):
        server = Server().start()
        self.addCleanup(server.close)
        r = self.rsyslog(self.action("PUSH", f">tcp://127.0.0.1:{server.pull}", "RSYSLOG_TraditionalForwardFormat"))
        r.send(f"<13>{now_3164()} away app: one")
        eventually(lambda: entity_of(server, "host/away")["observations"] == 1)
        self.assertEqual(server.stop(), 0)
        r.send(f"<13>{now_3164()} away app: two", f"<13>{now_3164()} away app: three")
        server.start()
        eventually(lambda: entity_of(server, "host/away")["observations"] == 3, 30)

    def test_lines_that_were_there_are_there_once_after_kill_9_and_those_rsyslog_kept_come(self):
        """PUSH acknowledges nothing. What came is in the log when it is counted; what rsyslog's socket holds while nobody
        listens is sent when somebody does."""
        server = Server().start()
        self.addCleanup(server.close)
        r = self.rsyslog(self.action("PUSH", f">tcp://127.0.0.1:{server.pull}", "RSYSLOG_SyslogProtocol23Format"))

        def there(lines):
            return {n: entity_of(server, f"host/z-{n}").get("observations", 0) for n in lines}

        def send(lines):
            r.send(*(f"<13>1 {now_5424()} z-{n} app - - - line {n}" for n in lines))
        first, second = range(50), range(50, 100)
        send(first)
        eventually(lambda: there(first) == dict.fromkeys(first, 1), 30, what="all lines")
        server.kill()
        send(second)
        server.start()
        eventually(lambda: there(second) == dict.fromkeys(second, 1), 30, what="what rsyslog kept")
        self.assertEqual(there(first), dict.fromkeys(first, 1))
        r.stop()
        r.start()
        send([100])
        eventually(lambda: there([100]) == {100: 1}, 30, what="rsyslog started again")
        self.assertEqual(there([*first, *second]), dict.fromkeys([*first, *second], 1))

    def test_pub_feeds_the_server_that_subscribes_with_and_without_topic(self):
        for kind, more in (("plain", ""), ("topic", 'topics="logs" topicframe="on"')):
            r = self.rsyslog(self.action("PUB", f"@tcp://127.0.0.1:{self.pub}", "RSYSLOG_TraditionalForwardFormat", more))

            def arrived():
                r.send(f"<11>{now_3164()} pub-{kind} app: hello")
                return self.count("pub-" + kind) > 0
            eventually(arrived, 30, what="rsyslog PUB " + kind)
            # Connected: PUB loses nothing this small any more.
            r.send(*(f"<11>{now_3164()} pub-{kind}-2 app: line {n}" for n in range(50)))
            eventually(lambda: self.count(f"pub-{kind}-2") == 50, 30)
            r.stop()


if __name__ == "__main__":
    unittest.main()
