# SPDX-License-Identifier: Apache-2.0
"""Keys on the ZeroMQ sockets, against the real programs: who is let in, and who is refused and counted."""

import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import unittest

import msgpack
import zmq

from support import BIN, Publisher, Server, free_ports
from wire import eventually


def keygen(directory, name, *options):
    done = subprocess.run([str(BIN / "faultline"), "keygen", name, "--out", str(directory), *options],
                          capture_output=True, text=True, timeout=30)
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    return done


def key_of(file, name):
    for line in pathlib.Path(file).read_text().splitlines():
        if line.strip().startswith(name + " ="):
            return line.split('"')[1].encode()
    raise KeyError(name)


class House:
    """A server on loopback that asks for keys, and a folder of them."""

    def __init__(self, more=""):
        self.keys = pathlib.Path(tempfile.mkdtemp(prefix="faultline-keys-"))
        self.clients = self.keys / "clients.d"
        self.clients.mkdir()
        keygen(self.keys, "server")
        self.server = Server(
            f"security: {{key: {self.keys / 'server.secret'}, clients: {self.clients}, curve: always}}\n"
            "log: {level: debug}\n" + more)

    def client(self, name, *options):
        keygen(self.keys, name, *options)
        (self.keys / f"{name}.pub").rename(self.clients / f"{name}.pub")
        return self.secrets(name)

    def secrets(self, name, server="server"):
        file = self.keys / f"{name}.secret"
        return (key_of(file, "public-key"), key_of(file, "secret-key"),
                key_of(self.keys / f"{server}.pub", "public-key"))

    def options(self, name):
        return ["--key-file", str(self.keys / f"{name}.secret"),
                "--server-key-file", str(self.keys / "server.pub")]

    def reload(self):
        status, body = self.server.request("POST", "/-/reload")
        return status, body

    def handshakes(self, domain, outcome):
        return self.server.metrics().get(
            f'faultline_handshakes_total{{domain="{domain}",outcome="{outcome}"}}', 0)

    def close(self):
        try:
            self.server.close()
        finally:
            shutil.rmtree(self.keys, ignore_errors=True)


def connect(kind, port, keys=None, *subscriptions):
    s = zmq.Context.instance().socket(kind)
    s.linger = 0
    if keys:
        s.curve_publickey, s.curve_secretkey, s.curve_serverkey = keys
    for prefix in subscriptions:
        s.subscribe(prefix)
    s.connect(f"tcp://127.0.0.1:{port}")
    return s


def event(entity, **more):
    return {"entity": entity, "values": {"cpu": 1.0}, **more}


def publish(house, keys, seq, events, seconds=30, name="p"):
    """The answer to one request; None when there is none."""
    s = connect(zmq.DEALER, house.server.router, keys)
    try:
        s.send_multipart([msgpack.packb({"publisher": name, "seq": seq}), msgpack.packb(events)])
        return msgpack.unpackb(s.recv()) if s.poll(seconds * 1000) else None
    finally:
        s.close()


class KeysTest(unittest.TestCase):
    def house(self, **more):
        house = House(**more)
        self.addCleanup(house.close)
        return house

    def test_a_key_sends_what_it_may_and_the_rest_is_refused_by_name(self):
        house = self.house()
        probe = house.client("probe", "--allow", "ingest", "--entity", "host/")
        house.server.start()
        reply = publish(house, probe, 1, [event("host/a"), event("db/a")])
        self.assertEqual(reply["accepted"], 1)
        self.assertEqual(reply["rejected"][0]["index"], 1)
        self.assertTrue(reply["rejected"][0]["error"].startswith("not_allowed"))
        self.assertEqual(house.server.metric('faultline_events_rejected_total{reason="not_allowed"}'), 1)

    def test_whoever_has_no_key_is_refused_on_every_socket_and_counted(self):
        house = self.house()
        house.client("probe", "--allow", "ingest", "feed")
        keygen(house.keys, "stranger")
        keygen(house.keys, "elsewhere")
        house.server.start()
        s = house.server
        strangers = [house.secrets("stranger"), house.secrets("probe", "elsewhere"), None]
        sockets, garbage = [], []
        # A client without keys goes as soon as it has seen what is spoken: this one says so and stays.
        greeting = b"\xff\0\0\0\0\0\0\0\x01\x7f\x03\0NULL".ljust(64, b"\0")
        for port in [s.pull, s.router, s.publish, s.replay]:
            g = socket.create_connection(("127.0.0.1", port))
            g.sendall(greeting)
            garbage.append(g)
        for keys in strangers:
            for kind, port in [(zmq.PUSH, s.pull), (zmq.DEALER, s.router), (zmq.SUB, s.publish),
                               (zmq.DEALER, s.replay)]:
                c = connect(kind, port, keys, *([""] if kind == zmq.SUB else []))
                sockets.append(c)
                try:
                    if kind != zmq.SUB:
                        c.send(msgpack.packb(event("host/a")), zmq.DONTWAIT)
                except zmq.Again:
                    pass  # refused already
        for port in [s.pull, s.router, s.publish, s.replay]:
            g = socket.create_connection(("127.0.0.1", port))
            g.sendall(b"GET / HTTP/1.1\r\n\r\n")
            garbage.append(g)
        for domain in ["ingest", "feed"]:
            for outcome in ["unknown_key", "wrong_server_key", "no_keys", "not_zmtp"]:
                eventually(lambda: house.handshakes(domain, outcome) >= 2, what=f"{domain} {outcome}")
            self.assertEqual(house.handshakes(domain, "accepted"), 0)
        for c in sockets:
            self.assertEqual(c.poll(0, zmq.POLLIN), 0)
            c.close()
        for g in garbage:
            g.close()
        self.assertEqual(s.metric("faultline_door_requests_total"), 0)
        self.assertEqual(s.metric("faultline_door_event_messages_total"), 0)
        self.assertEqual(house.handshakes("ingest", "canary"), 2)

    def test_sighup_cuts_sessions_of_a_key_that_is_gone(self):
        house = self.house()
        probe = house.client("probe", "--allow", "ingest", "feed")
        stays = house.client("stays", "--allow", "feed")
        house.server.start()
        session = connect(zmq.DEALER, house.server.router, probe)
        goes_on = connect(zmq.SUB, house.server.publish, stays, "")
        feed = connect(zmq.SUB, house.server.publish, probe, "")
        self.addCleanup(session.close)
        self.addCleanup(goes_on.close)
        self.addCleanup(feed.close)

        def ask(seq):
            session.send_multipart([msgpack.packb({"publisher": "p", "seq": seq}),
                                    msgpack.packb([event("host/a")])])
            self.assertTrue(session.poll(10000))
            return msgpack.unpackb(session.recv())

        self.assertEqual(ask(1)["accepted"], 1)
        self.assertTrue(feed.poll(10000))  # a heartbeat
        (house.clients / "probe.pub").unlink()
        house.server.process.send_signal(signal.SIGHUP)
        eventually(lambda: ask(2).get("code") == "not_allowed", what="refusal")
        eventually(lambda: house.handshakes("feed", "unknown_key") >= 1, what="cut subscription")
        while feed.poll(0):
            feed.recv_multipart()
        while goes_on.poll(0):
            goes_on.recv_multipart()
        for _ in range(2):  # heartbeats, one a second
            self.assertTrue(goes_on.poll(10000))
            goes_on.recv_multipart()
        self.assertEqual(feed.poll(0), 0)
        self.assertIn("client removed name=probe", house.server.tail())

    def test_a_reload_lets_a_new_key_in_and_a_bad_file_changes_nothing(self):
        house = self.house()
        house.server.start()
        probe = house.client("probe", "--allow", "ingest")
        status, body = house.reload()
        self.assertEqual(status, 200, body)
        self.assertIn("probe added", body)
        self.assertEqual(publish(house, probe, 1, [event("host/a")])["accepted"], 1)
        (house.clients / "bad.pub").write_text("nonsense\n")
        (house.clients / "probe.pub").unlink()
        status, body = house.reload()
        self.assertNotEqual(status, 200)
        self.assertIn("bad.pub", body)
        self.assertEqual(publish(house, probe, 2, [event("host/a")])["accepted"], 1)

    def test_our_own_command_takes_keys(self):
        house = self.house()
        house.client("probe", "--allow", "ingest", "feed")
        house.server.start()
        lines = '{"entity":"host/a","values":{"cpu":1}}\n'
        done = subprocess.run(
            [str(BIN / "faultline"), "publish", "-", "--endpoint", f"tcp://127.0.0.1:{house.server.router}",
             *house.options("probe")], input=lines, capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        done = subprocess.run(
            [str(BIN / "faultline"), "tail", "--timeout", "15s",
             "--endpoint", f"tcp://127.0.0.1:{house.server.publish}",
             "--replay-endpoint", f"tcp://127.0.0.1:{house.server.replay}", *house.options("probe")],
            capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        done = subprocess.run(
            [str(BIN / "faultline"), "publish", "-", "--endpoint", f"tcp://127.0.0.1:{house.server.router}",
             "--key-file", str(house.keys / "probe.secret")], input=lines, capture_output=True, text=True,
            timeout=60)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("go together", done.stderr)

    def test_our_own_command_says_that_its_key_is_refused_and_comes_in_once_it_is_not(self):
        house = self.house()
        keygen(house.keys, "late", "--allow", "ingest")
        house.server.start()
        lines = '{"entity":"host/a","values":{"cpu":1}}\n'
        ways = ([f"tcp://127.0.0.1:{house.server.router}"], [f"tcp://127.0.0.1:{house.server.pull}", "--fire-and-forget"])
        for way in ways:
            for keys, why in ((house.options("late"), "refuses this key"), ([], "asks for keys")):
                done = subprocess.run(
                    [str(BIN / "faultline"), "publish", "-", "--timeout", "3s", "--endpoint", *way, *keys],
                    input=lines, capture_output=True, text=True, timeout=60)
                self.assertNotEqual(done.returncode, 0)
                self.assertIn(why, done.stderr)
        waits = [subprocess.Popen(
            [str(BIN / "faultline"), "publish", "-", "--timeout", "50s", "--endpoint", *way, *house.options("late")],
            stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for way in ways]
        before = house.handshakes("ingest", "unknown_key")
        for one in waits:
            one.stdin.write(lines)
            one.stdin.close()
        eventually(lambda: house.handshakes("ingest", "unknown_key") >= before + 2, what="refusals")
        (house.keys / "late.pub").rename(house.clients / "late.pub")
        self.assertEqual(house.reload()[0], 200)
        for one in waits:
            self.assertEqual(one.wait(60), 0, one.stderr.read())
            one.stderr.close()
        eventually(lambda: house.server.api("/api/v1/status")["observations"] == 2, what="both events")

    def test_no_secret_is_in_the_log_the_answers_or_the_command_line(self):
        house = self.house()
        probe = house.client("probe", "--allow", "ingest", "feed")
        house.server.start()
        publish(house, probe, 1, [event("host/a")])
        house.reload()
        seen = (house.server.directory / "faultlined.log").read_bytes()
        seen += pathlib.Path(f"/proc/{house.server.process.pid}/cmdline").read_bytes()
        for path in ["/metrics", "/api/v1/status", "/api/v1/publishers"]:
            seen += house.server.get(path)[1].encode()
        for file in ["server.secret", "probe.secret"]:
            self.assertNotIn(key_of(house.keys / file, "secret-key"), seen)
        self.assertEqual(house.server.stop(), 0)


class StartTest(unittest.TestCase):
    """Starts that must not come to be."""

    def refused(self, house):
        """What a server that does not start says."""
        house.server.start(wait=False)
        try:
            self.assertEqual(house.server.process.wait(timeout=60), 1)
            return house.server.tail()
        finally:
            house.close()

    def test_a_socket_of_a_network_without_a_key_ends_the_start(self):
        server = Server()
        port = free_ports(1)[0]
        text = server.config.read_text().replace(f"tcp://127.0.0.1:{server.router}", f"tcp://0.0.0.0:{port}")
        server.config.write_text(text)
        server.start(wait=False)
        try:
            self.assertEqual(server.process.wait(timeout=60), 2)
            self.assertIn("is open to a network", server.tail())
            self.assertIn("faultline keygen", server.tail())
        finally:
            server.remove()

    def test_a_subscription_over_a_network_without_a_key_of_ours_is_told_by_check_config(self):
        server = Server(ingest="subscribe: ['tcp://10.0.0.7:5556']")
        self.addCleanup(server.remove)
        clients = server.directory / "clients"
        clients.mkdir()
        server.config.write_text(server.config.read_text() + f"security: {{clients: {clients}}}\n")
        done = subprocess.run([str(BIN / "faultline"), "check-config", str(server.config)], capture_output=True, text=True,
                              timeout=30)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertIn("security.key names no key", done.stdout + done.stderr)

    def test_a_key_that_others_may_read_ends_the_start(self):
        house = House()
        os.chmod(house.keys / "server.secret", 0o644)
        self.assertIn("chmod 600", self.refused(house))

    def test_a_key_behind_a_link_ends_the_start(self):
        house = House()
        (house.keys / "server.secret").rename(house.keys / "real")
        (house.keys / "server.secret").symlink_to(house.keys / "real")
        self.assertIn("symbolic link", self.refused(house))

    def test_a_client_with_a_misspelt_limit_ends_the_start(self):
        house = House()
        house.client("probe", "--allow", "ingest", "--entity", "host/")
        file = house.clients / "probe.pub"
        file.write_text(file.read_text().replace("entity", "entites"))
        self.assertIn("entites is not known", self.refused(house))


if __name__ == "__main__":
    unittest.main(verbosity=2)
