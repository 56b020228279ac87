# SPDX-License-Identifier: Apache-2.0
"""One voice for one fault, at the sockets: what another alert says better, and what comes and goes."""

import subprocess
import time
import unittest

from notify_test import Sink
from support import BIN, Server
from wire import wait_for

CONFIG = """processing: {tick: 1s}
inhibit:
  - {source: ['severity="critical"'], target: ['severity="warning"'], equal: [service]}
notifications:
  receivers:
    - {name: team, kind: webhook, url: URL, max_per_minute: 1000}
  routes:
    - {receiver: team, group_by: [alertname, service], group_wait: 0s}
"""


def stamp(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))


class InhibitionTest(unittest.TestCase):
    def setUp(self):
        self.sink = Sink()
        self.addCleanup(self.sink.close)
        self.server = Server(CONFIG.replace("URL", self.sink.url)).start()
        self.addCleanup(self.server.close)

    def post(self, name, service, severity="warning", ended=False):
        """Answered when it is a decision of the log."""
        status, body = self.server.request("POST", "/api/v2/alerts", [
            {"labels": {"alertname": name, "service": service, "severity": severity},
             "endsAt": stamp(-1 if ended else 3600)}])
        self.assertEqual(status, 200, body)

    def alert(self, name, service):
        """As it is listed now; None while it is not."""
        listed = self.server.api(f"/api/v1/alerts?state=firing&entity=service/{service}")["alerts"]
        return next((a for a in listed if a["labels"]["alertname"] == name), None)

    def messages(self):
        """Each once: what was under way at a kill comes again under its key."""
        with self.sink.lock:
            return list({h["Idempotency-Key"]: body for h, (_, body) in zip(self.sink.headers, self.sink.got)}.values())

    def told(self, name, service):
        return sum(a["labels"]["alertname"] == name and a["labels"]["service"] == service and a["status"] == "firing"
                   for b in self.messages() for a in b["alerts"])

    def passes(self, service):
        """Whatever was to be told before this has been: notifications follow the feed in order."""
        self.post("Marker", service)
        self.assertTrue(wait_for(lambda: self.told("Marker", service)), self.sink.bodies())

    # Complaint: inhibited-at-restart
    def test_an_inhibited_alert_is_not_told_by_a_restart_but_when_the_other_ends(self):
        self.post("Down", "cart", "critical")
        self.post("Slow", "cart")
        slow = wait_for(lambda: self.alert("Slow", "cart"))
        down = wait_for(lambda: self.alert("Down", "cart"))
        self.assertEqual(slow["inhibited_by"], [down["id"]])
        told = {a["labels"]["alertname"]: a for a in self.server.api("/api/v2/alerts")}
        states = {name: a["status"] for name, a in told.items()}
        self.assertEqual((states["Slow"]["state"], states["Slow"]["inhibitedBy"]), ("suppressed", [told["Down"]["fingerprint"]]))
        self.assertEqual(states["Down"]["state"], "active")
        self.assertTrue(wait_for(lambda: self.told("Down", "cart")))
        for life in ("first", "second"):
            self.server.kill()
            self.server.start()
            self.assertEqual(wait_for(lambda: self.alert("Slow", "cart"))["inhibited_by"], [down["id"]])
            self.passes(life)
            self.assertEqual((self.told("Slow", "cart"), self.told("Down", "cart")), (0, 1), life)
        self.post("Down", "cart", "critical", ended=True)
        self.assertTrue(wait_for(lambda: self.told("Slow", "cart")), self.sink.bodies())
        self.assertNotIn("inhibited_by", self.alert("Slow", "cart"))

    def test_a_rule_that_cannot_be_read_is_refused_by_name_wherever_it_is_said(self):
        text = self.server.config.read_text()
        run = lambda *words: subprocess.run([str(BIN / "faultline"), "--server", f"http://127.0.0.1:{self.server.http}", *words],
                                            capture_output=True, text=True, timeout=30)
        self.server.config.write_text(text.replace("equal: [service]}", "equal: [service]}\n  - {source: ['a=~('], target: [b=c]}"))
        for words in (["reload"], ["check-config", str(self.server.config)]):
            done = run(*words)
            self.assertEqual(done.returncode, 1, words)
            self.assertIn("inhibit[1].source", done.stdout + done.stderr)
        self.server.kill()
        self.server.start(wait=False)
        self.assertNotEqual(self.server.process.wait(timeout=60), 0)
        self.assertIn("inhibit[1].source", self.server.tail())
        self.server.config.write_text(text)
        self.assertEqual(run("check-config", str(self.server.config)).returncode, 0)

    # Complaint: flapping
    def test_what_comes_and_goes_says_so_and_is_one_message(self):
        for episode in range(8):
            self.post("Slow", "pay")
            told = wait_for(lambda: self.alert("Slow", "pay"))
            self.assertEqual(told.get("flapping", False), episode >= 4, told)
            self.post("Slow", "pay", ended=True)
            self.assertTrue(wait_for(lambda: self.alert("Slow", "pay") is None))
        self.post("Slow", "pay")
        self.passes("marker")
        grouped = [b["groupLabels"].get("incident", "") for b in self.messages()
                   if any(a["labels"]["alertname"] == "Slow" for a in b["alerts"])]
        self.assertEqual(sum(g.startswith("flapping/service/pay/Slow") for g in grouped), 1, grouped)


if __name__ == "__main__":
    unittest.main()
