# SPDX-License-Identifier: Apache-2.0
"""Who is notified of what: every kind of receiver, storms, and what a kill must not repeat or lose."""

import http.server
import json
import os
import pathlib
import socket
import socketserver
import ssl
import subprocess
import tempfile
import threading
import time
import unittest

from support import Server, free_ports
from wire import eventually, wait_for

# The figures of the promise by command: FAULTLINE_NOTIFY_ALERTS=500; a tenth of them here.
ALERTS = int(os.environ.get("FAULTLINE_NOTIFY_ALERTS", "50"))
SILENCES = ALERTS // 10
ACKNOWLEDGED = ALERTS // 25


class Sink:
    """An HTTP server that keeps what is posted, and answers as it is told."""

    def __init__(self):
        self.got, self.headers, self.times, self.status, self.lock = [], [], [], 200, threading.Lock()
        sink = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with sink.lock:
                    if sink.status == 200:
                        sink.got.append((self.path, json.loads(body)))
                        sink.headers.append(dict(self.headers))
                        sink.times.append(time.monotonic())
                    self.send_response(sink.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.port = free_ports(1)[0]
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.port}"

    def bodies(self):
        with self.lock:
            return [body for _, body in self.got]

    def alerts(self, status):
        """Entities of the alerts of all messages, as often as they were told."""
        return [a["labels"]["service"] for b in self.bodies() for a in b["alerts"] if a["status"] == status]

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Mailbox:
    """The least of an SMTP server."""

    def __init__(self, certificate=None):
        self.mails = []
        self.recipients = []  # of each mail
        self.answer = "250 taken"
        self.refuses = {}  # what is said instead to whom
        box = self

        class Handler(socketserver.StreamRequestHandler):
            def say(self, text):
                self.wfile.write(text.encode() + b"\r\n")

            def handle(self):
                self.say("220 here")
                taken = []
                while True:
                    line = self.rfile.readline().decode().strip()
                    if not line or line.upper() == "QUIT":
                        return
                    if certificate and line.upper().startswith("EHLO"):
                        self.say("250-here\r\n250 STARTTLS")
                        continue
                    if certificate and line.upper() == "STARTTLS":
                        self.say("220 go on")
                        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                        context.load_cert_chain(certificate)
                        try:
                            context.wrap_socket(self.connection, server_side=True)
                        except OSError:
                            pass  # a certificate of its own making is not believed
                        return
                    if line.upper() != "DATA":
                        named = line[line.find("<") + 1:line.find(">")] if line.upper().startswith("RCPT") else ""
                        self.say(box.refuses.get(named, "250 fine"))
                        taken += [named] if named and named not in box.refuses else []
                        continue
                    self.say("354 go on")
                    mail = []
                    while (part := self.rfile.readline()) != b".\r\n":
                        mail.append(part.decode())
                    box.recipients.append(taken)
                    taken = []
                    box.mails.append("".join(mail))
                    self.say(box.answer)

        self.port = free_ports(1)[0]
        self.server = socketserver.ThreadingTCPServer(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class NotifyTest(unittest.TestCase):
    def sink(self):
        sink = Sink()
        self.addCleanup(sink.close)
        return sink

    def server(self, receivers, routes, config="", web=""):
        text = "processing: {tick: 1s}\nnotifications:\n  external_url: http://page.example/\n"
        text += "  receivers:\n" + "".join(f"    - {r}\n" for r in receivers)
        text += "  routes:\n" + "".join(f"    - {r}\n" for r in routes) + config
        server = Server(text)
        server.config.write_text(server.config.read_text().replace("web: {", f"web: {{{web}, " if web else "web: {"))
        server.start()
        self.addCleanup(server.close)
        return server

    def post(self, server, names, ended=False, **labels):
        now = time.time()
        stamp = lambda t: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(t))
        alerts = [{"labels": {"alertname": "Slow", "service": n, **labels},
                   "annotations": {"summary": f"{n} is slow"},
                   "endsAt": stamp(now - 1 if ended else now + 3600)} for n in names]
        for at in range(0, len(alerts), 256):
            status, body = server.request("POST", "/api/v2/alerts", alerts[at:at + 256])
            self.assertEqual(status, 200, body)

    def receivers(self, server):
        return {r["name"]: r for r in server.api("/api/v1/receivers")["receivers"]}

    def test_every_kind_of_receiver_is_told_and_secrets_stay_in_their_files(self):
        sink, mail = self.sink(), Mailbox()
        self.addCleanup(mail.close)
        secret = pathlib.Path(tempfile.mkdtemp()) / "secret"
        secret.write_text("s3cr3t-token\n")
        secret.chmod(0o600)
        address = secret.with_name("url")
        address.write_text(f"{sink.url}/s3cr3t-path\n")
        address.chmod(0o600)
        server = self.server(
            [f"{{name: hook, kind: webhook, url_file: {address}, secret_file: {secret}}}",
             f"{{name: own, kind: plain, url: '{sink.url}/plain', title: 'T {{{{ severity }}}}'}}",
             f"{{name: pager, kind: pagerduty, url: '{sink.url}/pager', secret_file: {secret}}}",
             f"{{name: am, kind: alertmanager, url: '{sink.url}/am/'}}",
             f"{{name: mail, kind: email, url: 'smtp://127.0.0.1:{mail.port}', from: fl@example.org,"
             " to: [ops@example.org]}"],
            [f"{{receiver: {n}, group_wait: 0s, continue: true}}" for n in ("hook", "own", "pager", "am", "mail")])
        self.post(server, ["cart"], severity="critical")
        paths = {"/s3cr3t-path", "/plain", "/pager", "/am/api/v2/alerts"}
        self.assertTrue(wait_for(lambda: {p for p, _ in sink.got} == paths and mail.mails), sink.got)
        told = dict(sink.got)
        self.assertEqual(told["/s3cr3t-path"]["alerts"][0]["labels"]["service"], "cart")
        self.assertEqual((told["/plain"]["title"], told["/plain"]["incident"]["entities"]),
                         ("T critical", ["service/cart"]))
        self.assertEqual((told["/pager"]["event_action"], told["/pager"]["routing_key"]),
                         ("trigger", "s3cr3t-token"))
        self.assertEqual(told["/am/api/v2/alerts"][0]["labels"]["alertname"], "Slow")
        self.assertTrue(told["/plain"]["url"].startswith("http://page.example/#/"), told["/plain"]["url"])
        self.assertIn("To: ops@example.org", mail.mails[0])
        self.assertIn("cart is slow", mail.mails[0])
        self.assertIn("Bearer s3cr3t-token", [h.get("Authorization") for h in sink.headers])
        for name in ("hook", "mail"):
            server.command("notify", "test", name)
        self.assertTrue(wait_for(lambda: len(mail.mails) == 2))
        server.command("notify", "test", "nobody", status=1)
        sink.status = 500
        self.assertIn("answered 500", server.command("notify", "test", "hook", status=1))
        self.assertIn("hook", server.command("notify", "list"))
        mail.answer = "554 no spam"
        self.assertIn("answered 554", server.command("notify", "test", "mail", status=1))
        log = (server.directory / "faultlined.log").read_text()
        everything = log + server.get("/metrics")[1] + server.get("/api/v1/receivers")[1]
        self.assertNotIn("s3cr3t", everything)

    def test_a_recipient_that_is_refused_keeps_the_mail_from_nobody_else_and_is_told(self):
        mail = Mailbox()
        self.addCleanup(mail.close)
        mail.refuses = {"gone@example.org": "550-no such\r\n550 user", "away@example.org": "551 not here"}
        server = self.server([f"{{name: mail, kind: email, url: 'smtp://127.0.0.1:{mail.port}', from: fl@example.org,"
                              " to: [gone@example.org, ops@example.org, away@example.org, own@example.org]}"], ["{receiver: mail, group_wait: 0s}"])
        refused = "refuses gone@example.org (550), away@example.org (551); the others have it"
        self.assertIn(refused, server.command("notify", "test", "mail", status=1))
        self.assertEqual(len(mail.mails), 1)
        self.post(server, ["cart"])
        self.assertTrue(wait_for(lambda: len(mail.mails) == 2 and self.receivers(server)["mail"]["last_error"]), mail.mails)
        self.assertIn(refused, self.receivers(server)["mail"]["last_error"])
        self.assertTrue(wait_for(lambda: server.metric('faultline_notifications_total{outcome="refused",receiver="mail"}') == 1),
                        [line for line in server.get("/metrics")[1].splitlines() if "notific" in line])
        mail.refuses = dict.fromkeys(("gone@example.org", "ops@example.org", "away@example.org", "own@example.org"), "550 nobody")
        self.assertIn("answered 550", server.command("notify", "test", "mail", status=1))

    def test_a_recipient_that_is_refused_for_now_has_the_mail_later_and_nobody_else_twice(self):
        mail = Mailbox()
        self.addCleanup(mail.close)
        mail.refuses = {"grey@example.org": "451 greylisted", "full@example.org": "452 full"}
        server = self.server([f"{{name: mail, kind: email, url: 'smtp://127.0.0.1:{mail.port}', from: fl@example.org,"
                              " to: [ops@example.org, grey@example.org, full@example.org]}"],
                             ["{receiver: mail, group_by: [service], group_wait: 0s}"])
        self.post(server, ["cart"])
        self.post(server, ["orders"])
        self.assertTrue(wait_for(lambda: mail.recipients == [["ops@example.org"]] * 2), mail.recipients)
        self.assertIn("grey@example.org (451)", self.receivers(server)["mail"]["last_error"])
        # For who has it it is told: neither the group nor its receiver waits.
        self.assertTrue(wait_for(lambda: server.metric('faultline_notifications_total{outcome="sent",receiver="mail"}') == 2))
        mail.refuses = {"full@example.org": "550 gone for good"}
        self.assertTrue(wait_for(lambda: len(mail.recipients) == 4), mail.recipients)
        self.assertEqual(mail.recipients[2:], [["grey@example.org"]] * 2)
        mail.refuses = {}
        self.assertEqual(server.metric('faultline_notifications_total{outcome="failed",receiver="mail"}'), 0)
        self.assertEqual(sum("ops@example.org" in to for to in mail.recipients), 2)

    def test_a_test_of_a_receiver_that_does_not_answer_says_so(self):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            server = self.server([f"{{name: silent, url: 'http://127.0.0.1:{silent.getsockname()[1]}'}}"], ["{receiver: silent}"])
            said = server.command("notify", "test", "silent", status=1)
        self.assertIn("silent was not reached: ", said)
        self.assertNotIn("the server refused", said)

    def test_a_test_ends_before_the_answer_to_who_asked_for_it_is_given_up(self):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            server = self.server([f"{{name: silent, url: 'http://127.0.0.1:{silent.getsockname()[1]}'}}"], ["{receiver: silent}"],
                                 web="answer_timeout: 2s")
            said = server.command("notify", "test", "silent", status=1)
        self.assertIn("silent was not reached: ", said)

    def test_a_mail_server_of_this_machine_needs_no_certificate_that_anybody_believes(self):
        made = pathlib.Path(tempfile.mkdtemp()) / "own.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                        "-subj", "/CN=debian", "-keyout", made.with_name("key"), "-out", made], check=True, capture_output=True)
        made.write_text(made.read_text() + made.with_name("key").read_text())
        mail = Mailbox(made)
        self.addCleanup(mail.close)
        server = self.server([f"{{name: mail, kind: email, url: 'smtp://localhost:{mail.port}', from: fl@example.org, to: [ops@example.org]}}"],
                             ["{receiver: mail}"])
        server.command("notify", "test", "mail")
        self.assertTrue(wait_for(lambda: mail.mails))

    def test_a_receiver_whose_secret_cannot_be_read_is_known_before_there_is_something_to_tell(self):
        secret = pathlib.Path(tempfile.mkdtemp()) / "key"
        secret.write_text("s3cr3t\n")
        secret.chmod(0o640)
        server = self.server([f"{{name: pager, kind: pagerduty, url: 'http://127.0.0.1:9', secret_file: {secret}}}",
                              "{name: other, url: 'http://127.0.0.1:9'}"], ["{receiver: pager}"])
        told = self.receivers(server)
        self.assertIn(str(secret), told["pager"]["last_error"])
        self.assertFalse(told["other"]["last_error"])
        self.assertIn("cannot be told", (server.directory / "faultlined.log").read_text())

    def test_a_receiver_that_is_away_is_told_once_it_is_back_and_holds_up_nobody(self):
        away, here, picky = self.sink(), self.sink(), self.sink()
        away.status, picky.status = 503, 400
        server = self.server(
            [f"{{name: {n}, url: '{s.url}'}}" for n, s in (("away", away), ("picky", picky), ("here", here))],
            ["{receiver: away, group_wait: 0s, continue: true}", "{receiver: picky, group_wait: 0s, continue: true}",
             "{receiver: here, group_wait: 0s}"])
        self.post(server, ["cart"])
        self.assertTrue(wait_for(lambda: here.got))
        self.assertTrue(wait_for(lambda: self.receivers(server)["away"]["failed"]))
        self.assertEqual(self.receivers(server)["away"]["last_error"], "answered 503")
        away.status = 200
        self.assertTrue(wait_for(lambda: away.got), "after five seconds it is tried again")
        self.assertEqual(away.alerts("firing"), ["cart"])
        self.assertTrue(wait_for(lambda: self.receivers(server)["away"]["sent"] == 1))
        metrics = server.get("/metrics")[1]
        for told in ('outcome="sent",receiver="away"} 1', 'outcome="refused",receiver="picky"} 1',
                     'outcome="failed",receiver="picky"} 0'):
            self.assertIn("faultline_notifications_total{" + told, metrics, "what is refused is not repeated")

    def test_a_kill_repeats_nothing_and_loses_nothing(self):
        sink = self.sink()
        server = self.server(
            [f"{{name: team, url: '{sink.url}', max_per_minute: 60000}}"],
            ["{receiver: team, group_by: [service], group_wait: 1s, group_interval: 1s, repeat_interval: 4h}"])
        names = [f"s{n}" for n in range(ALERTS)]
        silent, known = names[:SILENCES], names[SILENCES:SILENCES + ACKNOWLEDGED]
        for name in silent:
            status, body = server.request("POST", "/api/v1/silences", {
                "matchers": [{"name": "service", "value": name}], "duration_s": 3600, "created_by": "ann",
                "comment": "known"})
            self.assertEqual(status, 200, body)
        self.post(server, names)
        loud = set(names) - set(silent)
        half = len(loud) // 2
        self.assertTrue(wait_for(lambda: len(sink.alerts("firing")) >= half), len(sink.alerts("firing")))
        server.kill()  # in the middle of telling
        server.start()
        self.assertTrue(wait_for(lambda: set(sink.alerts("firing")) == loud), "none is missing")
        listed = {a["entity"]: a["id"] for a in self.all_alerts(server)}
        for name in known:
            status, body = server.request("POST", f"/api/v1/alerts/{listed['service/' + name]}/acknowledge",
                                          {"by": "ann"})
            self.assertEqual(status, 202, body)
        before = sorted(sink.alerts("firing"))
        # At most the message that was under way when the process died is sent twice, with the same id.
        self.assertLessEqual(len(before), len(loud) + 1)
        ids = [h["Idempotency-Key"] for h in sink.headers]
        self.assertEqual(len(set(ids)), len(loud))
        for _ in range(2):
            server.kill()
            server.start()
            self.post(server, names)  # as Prometheus does all the time
        self.post(server, ["last"])
        self.assertTrue(wait_for(lambda: "last" in sink.alerts("firing")))
        # What was under way at the first kill may have come again since: under its key, and it alone.
        after = sink.alerts("firing")
        self.assertEqual(set(after), loud | {"last"})
        self.assertLessEqual(len(after), len(loud) + 2, "nothing was told again")
        self.assertEqual(len({h["Idempotency-Key"] for h in sink.headers}), len(loud) + 1, "nothing was told anew")
        acknowledged = [a["entity"] for a in self.all_alerts(server) if a["acknowledged"]]
        self.assertEqual(len(acknowledged), ACKNOWLEDGED)
        active = [s for s in server.api("/api/v1/silences?state=active")["silences"]]
        self.assertEqual(len(active), SILENCES)
        self.assertEqual(sink.alerts("resolved"), [])
        if ALERTS < 500:
            return  # a group is told of once a minute: an end takes longer than a test should
        server.kill()
        server.start()
        self.post(server, [names[-1]], ended=True)
        self.assertTrue(wait_for(lambda: sink.alerts("resolved"), 90), "an end is told, a minute after its begin")
        self.assertEqual(sink.alerts("resolved"), [names[-1]])

    def all_alerts(self, server):
        found, at = [], ""
        while at is not None:
            page = server.api(f"/api/v1/alerts?state=firing&limit=1000&next={at}")
            found, at = found + page["alerts"], page["next"]
        return found

    def test_a_storm_of_one_incident_is_one_message(self):
        sink = self.sink()
        server = self.server([f"{{name: team, url: '{sink.url}'}}"],
                             ["{receiver: team, group_wait: 3s, group_interval: 0s}"],
                             config="entities: {max_new_per_second: 100000}\n")
        names = [f"s{n}" for n in range(ALERTS * 4)]
        edges = [{"type": "edge", "entity": f"service/{n}", "depends_on": ["db/root"]} for n in names]
        self.publish(server, edges)
        self.assertTrue(wait_for(lambda: len(server.api("/api/v1/topology")["edges"]) == len(names), 60))
        self.post(server, names)
        self.assertTrue(wait_for(lambda: sink.got, 60))
        self.assertEqual(len(server.api("/api/v1/incidents?state=open")["incidents"]), 1)
        told = lambda: [len(b["alerts"]) + b["truncatedAlerts"] for b in sink.bodies()]
        if len(names) > 2000:  # they are still being posted when the group has waited
            self.assertTrue(wait_for(lambda: told()[-1] == len(names), 150), told())
        self.assertEqual(told()[-1], len(names))
        self.assertGreaterEqual(min((b - a for a, b in zip(sink.times, sink.times[1:])), default=60), 55)  # once a minute, and a message may come late
        self.assertTrue(wait_for(lambda: self.receivers(server)["team"]["sent"] == len(sink.got)))
        self.assertEqual(len(server.api("/api/v1/incidents?state=open")["incidents"]), 1)

    def publish(self, server, events):
        from support import Publisher
        publisher = Publisher(server.router, "notify", resend_s=0.5)
        publisher.publish(events, 1000)
        publisher.close()

    def test_a_receiver_that_no_route_names_is_known_at_the_start(self):
        for routes in ("", ", routes: [{receiver: b}]"):
            receivers = "receivers: [{name: a, url: 'http://127.0.0.1:9/'}, {name: b, url: 'http://127.0.0.1:9/'}]"
            server = Server(f"notifications: {{{receivers}{routes}}}\n").start()
            try:
                eventually(lambda: 'receiver="a" is told of nothing but tests' in server.tail(), what="the word of receiver a")
                if routes:
                    self.assertNotIn('receiver="b" is told of nothing', server.tail())
                else:
                    eventually(lambda: 'receiver="b" is told of nothing' in server.tail(), what="the word of receiver b")
            finally:
                server.close()

    def test_a_route_to_nobody_is_refused_at_the_start(self):
        server = Server("notifications: {receivers: [{name: a, url: 'http://x'}], routes: [{receiver: b}]}\n")
        self.addCleanup(server.close)
        server.start(wait=False)
        self.assertNotEqual(server.process.wait(timeout=30), 0)
        self.assertIn('no receiver "b"', server.tail())


if __name__ == "__main__":
    unittest.main()
