# SPDX-License-Identifier: Apache-2.0
"""Tokens, roles, TLS and the audit lines of the HTTP API, against the real programs."""

import http.client
import json
import os
import pathlib
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import unittest

from support import BIN, Server
from wire import eventually


def certificate(directory):
    """A certificate of 127.0.0.1 and its key, as PEM files."""
    pem, key = directory / "web.pem", directory / "web.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(pem)],
        check=True, capture_output=True, timeout=60)
    key.chmod(0o600)
    return pem, key


class House:
    """A server with TLS and tokens."""

    def __init__(self, more=""):
        self.files = pathlib.Path(tempfile.mkdtemp(prefix="faultline-web-"))
        self.pem, self.key = certificate(self.files)
        self.tokens = {role: self.token(role, role) for role in ["viewer", "operator", "admin"]}
        self.server = Server(more)
        text = self.server.config.read_text()
        self.server.config.write_text(text.replace(
            "web: {", f"web: {{tls_certificate: {self.pem}, tls_key: {self.key}, tokens: {self.files / 'tokens'}, "))
        self.trust = ssl.create_default_context(cafile=str(self.pem))

    def token(self, name, role):
        done = subprocess.run([str(BIN / "faultline"), "token", "create", name, "--role", role,
                               "--file", str(self.files / "tokens")], capture_output=True, text=True, timeout=30)
        if done.returncode != 0:
            raise RuntimeError(done.stderr)
        token = done.stdout.strip()
        file = self.files / f"{name}.token"
        file.write_text(token + "\n")
        file.chmod(0o600)
        return token

    def start(self):
        self.server.start(wait=False)
        eventually(lambda: self.ready(), seconds=60, what="ready")
        return self

    def ready(self):
        try:
            return self.ask("GET", "/-/ready")[0] == 200
        except OSError:
            return False

    def ask(self, method, path, token=None, body=None, headers=()):
        c = http.client.HTTPSConnection("127.0.0.1", self.server.http, context=self.trust, timeout=20)
        try:
            sent = {"Content-Type": "application/json", **dict(headers)}
            if token:
                sent["Authorization"] = f"Bearer {token}"
            c.request(method, path, body=None if body is None else json.dumps(body), headers=sent)
            answer = c.getresponse()
            return answer.status, answer.read().decode()
        finally:
            c.close()

    def cli(self, name, *arguments):
        return subprocess.run(
            [str(BIN / "faultline"), *arguments, "--server", f"https://127.0.0.1:{self.server.http}",
             "--ca-file", str(self.pem), "--token-file", str(self.files / f"{name}.token")],
            capture_output=True, text=True, timeout=60)

    def log(self):
        return (self.server.directory / "faultlined.log").read_text(errors="replace")

    def close(self):
        self.server.remove()
        shutil.rmtree(self.files, ignore_errors=True)


class QuietLogTest(unittest.TestCase):
    def test_the_audit_lines_are_there_when_the_log_tells_errors_alone(self):
        house = House("log: {level: error}\n")
        self.addCleanup(house.close)
        house.start()
        wanted = "user=admin role=admin address=127.0.0.1 method=POST path=/-/reload status=200"
        for told in [1, 2]:  # a reload sets the level again
            self.assertEqual(house.ask("POST", "/-/reload", house.tokens["admin"])[0], 200)
            lines = house.log().splitlines()
            self.assertEqual(sum(" level=info audit " in line and wanted in line for line in lines), told, lines)
        self.assertFalse([line for line in lines if " level=info " in line and " audit " not in line])


class WebKeysTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.house = House().start()

    @classmethod
    def tearDownClass(cls):
        cls.house.close()

    def status(self, *arguments, **more):
        return self.house.ask(*arguments, **more)[0]

    def test_who_has_no_token_reads_nothing_but_health(self):
        self.assertEqual(self.status("GET", "/"), 200)  # the page's files hold nothing of the server's
        self.assertEqual(self.status("GET", "/assets/x/main.js"), 404)
        for path in ["/api/v1", "/api/v1/stream", "/metrics", "/api/v1/status", "/api/v1/entities", "/api/v1/nothing"]:
            self.assertEqual(self.status("GET", path), 401, path)
        self.assertEqual(self.status("POST", "/-/reload"), 401)
        for token in ["flt_x", self.house.tokens["viewer"][:-1], self.house.tokens["viewer"] + "A"]:
            self.assertEqual(self.status("GET", "/metrics", token), 401)
        for path in ["/-/healthy", "/-/ready"]:
            self.assertEqual(self.status("GET", path), 200)

    def test_who_sends_all_of_a_body_before_it_reads_hears_that_a_token_is_asked_for(self):
        self.assertEqual(self.status("POST", "/api/v1/write", body="x" * 3_000_000), 401)

    def test_a_stream_under_tls_goes_on_until_the_tokens_are_read_again(self):
        c = http.client.HTTPSConnection("127.0.0.1", self.house.server.http, context=self.house.trust, timeout=20)
        c.request("GET", "/api/v1/stream?after=0", headers={"Authorization": f"Bearer {self.house.tokens['viewer']}"})
        answer = c.getresponse()
        self.assertEqual((answer.status, answer.getheader("Content-Type")), (200, "text/event-stream"))
        self.assertEqual(answer.readline(), b"retry: 1000\n")
        self.assertEqual(answer.readline(), b"event: hello\n")
        hello = json.loads(answer.readline().removeprefix(b"data: "))
        self.assertEqual((hello["role"], hello["user"]), ("viewer", "viewer"))
        self.assertEqual(self.status("POST", "/-/reload", self.house.tokens["admin"]), 200)
        try:
            rest = answer.read()
        except ssl.SSLError:  # cut without a word
            rest = b""
        self.assertNotIn(b"event: hello", rest)
        c.close()

    def test_each_role_may_do_what_it_may_and_no_more(self):
        t = self.house.tokens
        for role, reads, speaks, reloads in [("viewer", 200, 403, 403), ("operator", 200, 404, 403),
                                             ("admin", 200, 404, 200)]:
            self.assertEqual(self.status("GET", "/api/v1/status", t[role]), reads, role)
            self.assertEqual(self.status("POST", "/api/v1/entities/host%2Fnone/release", t[role]), speaks, role)
            self.assertEqual(self.status("POST", "/-/reload", t[role]), reloads, role)

    # Complaint: no-history
    def test_every_change_is_in_the_log_with_who_asked_and_what_came_of_it(self):
        self.status("POST", "/-/reload", self.house.tokens["viewer"])
        self.status("POST", "/-/reload", self.house.tokens["admin"])
        self.status("DELETE", "/api/v1/entities/host%2F%0Aforged", self.house.tokens["operator"])
        self.status("POST", "/api/v1/silences", "nobodys")
        self.status("POST", "/v1/logs", "nobodys")
        lines = [line for line in self.house.log().splitlines() if " audit " in line]
        for wanted in ["user=viewer role=viewer address=127.0.0.1 method=POST path=/-/reload status=403",
                       "user=admin role=admin address=127.0.0.1 method=POST path=/-/reload status=200",
                       "user=- role=- address=127.0.0.1 method=POST path=/api/v1/silences status=401",
                       "user=operator role=operator address=127.0.0.1 method=DELETE "
                       "path=/api/v1/entities/host%2F%0Aforged status=400"]:
            self.assertTrue(any(wanted in line for line in lines), wanted)
        self.assertFalse([line for line in lines if "/v1/logs" in line], "events are no changes")

    def test_our_own_command_takes_a_token(self):
        done = self.house.cli("viewer", "status")
        self.assertEqual(done.returncode, 0, done.stderr)
        done = self.house.cli("viewer", "reload")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("admin", done.stderr)
        self.assertEqual(self.house.cli("admin", "reload").returncode, 0)

    def test_a_reload_takes_a_token_away(self):
        fresh = self.house.token("fresh", "viewer")
        self.assertEqual(self.status("GET", "/api/v1/status", fresh), 401)
        self.assertEqual(self.status("POST", "/-/reload", self.house.tokens["admin"]), 200)
        self.assertEqual(self.status("GET", "/api/v1/status", fresh), 200)
        file = self.house.files / "tokens"
        file.write_text("".join(line for line in file.read_text().splitlines(True) if not line.startswith("fresh ")))
        self.assertEqual(self.status("POST", "/-/reload", self.house.tokens["admin"]), 200)
        self.assertEqual(self.status("GET", "/api/v1/status", fresh), 401)
        self.assertIn(f"{file} is not what was sealed", self.house.log(), "told, for it may be damage")
        done = subprocess.run([str(BIN / "faultline"), "seal", str(file)], capture_output=True, text=True, timeout=30)
        self.assertIn("3 tokens", done.stdout, done.stderr)
        told = self.house.log().count("is not what was sealed")
        self.assertEqual(self.status("POST", "/-/reload", self.house.tokens["admin"]), 200)
        self.assertEqual(self.house.log().count("is not what was sealed"), told)

    def test_no_token_is_in_the_log(self):
        for token in self.house.tokens.values():
            self.status("GET", "/api/v1/status", token)
            self.status("POST", "/api/v1/model", token, body={"sha256": "x"})
        for token in self.house.tokens.values():
            self.assertNotIn(token, self.house.log())
            self.assertNotIn(token, (self.house.files / "tokens").read_text())


class StartTest(unittest.TestCase):
    def test_an_address_of_a_network_without_tokens_ends_the_start(self):
        server = Server()
        text = server.config.read_text().replace(f"127.0.0.1:{server.http}", f"0.0.0.0:{server.http}")
        server.config.write_text(text)
        server.start(wait=False)
        try:
            self.assertEqual(server.process.wait(timeout=60), 2)
            self.assertIn("is open to a network", server.tail())
        finally:
            server.remove()


class SlowTest(unittest.TestCase):
    """A thousand connections that never finish what they began, and honest requests between them."""

    BEGINNINGS = [
        b"",
        b"G",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 60000\r\n\r\n{",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n",
    ]
    SLOW = 1000

    def test_honest_requests_are_answered_among_a_thousand_slow_ones(self):
        server = Server().start()
        self.addCleanup(server.close)
        slow, ended, rounds = [], threading.Event(), []

        def one(i):
            s = socket.create_connection(("127.0.0.1", server.http), timeout=10)
            s.sendall(self.BEGINNINGS[i % len(self.BEGINNINGS)])
            return s

        def keep_on():
            """A byte more of each, and a new one for each that was closed."""
            while not ended.wait(0.05):
                rounds.append(len(rounds))
                for i, s in enumerate(slow):
                    try:
                        s.sendall(b"x")
                    except OSError:
                        s.close()
                        slow[i] = one(i)
                    if ended.is_set():
                        return

        slow.extend(one(i) for i in range(self.SLOW))
        attacker = threading.Thread(target=keep_on)
        attacker.start()
        try:
            answered, at_once, times = 0, 0, []
            while attacker.is_alive() and (len(times) < 200 or len(rounds) < 5):
                begin = time.monotonic()
                for more in range(3):  # who is held up for 50 ms before its first word looks like the others, and is cut
                    try:
                        good = server.get("/-/healthy")[0] == 200
                    except OSError:
                        continue
                    answered += good
                    at_once += good and not more
                    break
                times.append(time.monotonic() - begin)
        finally:
            ended.set()
            attacker.join()
            for s in slow:
                s.close()
        times.sort()
        n = len(times)
        print(f"\n{answered} of {n} answered, {at_once} at once, p50 {times[n // 2] * 1000:.1f} ms, "
              f"p99 {times[n * 99 // 100] * 1000:.1f} ms, worst {times[-1] * 1000:.1f} ms")
        self.assertEqual(answered, n)
        self.assertGreaterEqual(at_once, n * 19 // 20)
        self.assertGreater(server.metric("faultline_http_evicted_total"), 0)
        self.assertEqual(server.metrics()['faultline_http_refused_connections_total{reason="full"}'], 0)


if __name__ == "__main__":
    os.umask(0o077)
    unittest.main(verbosity=2)
