# SPDX-License-Identifier: Apache-2.0
"""Debian's amtool and prometheus work against us as if we were Alertmanager (0.25), unchanged."""

import json
import subprocess
import unittest

from integrations import Case, at, block
from support import Server, free_ports
from wire import eventually, wait_for


def amtool(port, *arguments):
    return subprocess.run(["amtool", f"--alertmanager.url=http://127.0.0.1:{port}", *arguments],
                          capture_output=True, text=True, timeout=30)


class AlertmanagerTest(unittest.TestCase):
    def server(self, config=""):
        server = Server("processing: {tick: 1s}\n" + config).start()
        self.addCleanup(server.close)
        return server

    def amtool(self, server, *arguments, status=0):
        done = amtool(server.http, *arguments)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        if not status:
            self.assertEqual(done.stderr, "", "not even a warning about versions")
        return done.stdout + done.stderr

    def silences(self, server):
        return json.loads(self.amtool(server, "-o", "json", "silence", "query"))

    def alerts(self, server, *matchers):
        return json.loads(self.amtool(server, "-o", "json", "alert", "query", *matchers))

    def test_amtool_adds_and_finds_alerts(self):
        server = self.server()
        self.amtool(server, "alert", "add", "Slow", "service=cart", "severity=critical",
                    "--annotation=summary=cart is slow")
        self.amtool(server, "alert", "add", "Full", "instance=db-1:9100")
        found = wait_for(lambda: len(self.alerts(server)) == 2 and self.alerts(server))
        self.assertEqual({a["labels"]["alertname"] for a in found}, {"Slow", "Full"})
        self.assertIn("Slow", self.amtool(server, "alert", "query", "service=cart"))
        self.assertEqual(self.alerts(server, "alertname=~Sl.*")[0]["annotations"]["summary"], "cart is slow")
        self.assertEqual(self.alerts(server, "service!=cart")[0]["labels"]["alertname"], "Full")
        self.assertEqual(self.alerts(server, "alertname=Other"), [])
        both = {"service/cart", "host/db-1"}
        own = wait_for(lambda: (o := {a["entity"]: a for a in server.api("/api/v1/alerts")["alerts"]}).keys() >= both and o)
        self.assertEqual(set(own), both)
        self.assertEqual(own["service/cart"]["source"], "alertmanager")
        incidents = wait_for(lambda: len(found := server.api("/api/v1/incidents")["incidents"]) >= 2 and found)
        self.assertEqual(sorted(e for i in incidents for e in i["entities"]), ["host/db-1", "service/cart"])
        self.assertEqual(server.get("/api/v2/alerts?filter=service%3D~%28")[0], 400)

    def test_amtool_silences_finds_and_ends(self):
        server = self.server()
        self.amtool(server, "alert", "add", "Slow", "service=cart")
        self.assertTrue(wait_for(lambda: self.alerts(server)))
        silence = self.amtool(server, "silence", "add", "alertname=Slow", "service=~ca.+", "--comment=known",
                              "--author=ann", "--duration=2h").strip()
        rows = wait_for(lambda: self.silences(server))
        self.assertEqual([r["id"] for r in rows], [silence])
        self.assertEqual((rows[0]["createdBy"], rows[0]["comment"], rows[0]["status"]["state"]),
                         ("ann", "known", "active"))
        self.assertTrue(wait_for(lambda: not self.alerts(server)), "a silenced alert is not active")
        listed = json.loads(self.amtool(server, "-o", "json", "alert", "query", "--silenced"))
        self.assertEqual(listed[0]["status"], {"inhibitedBy": [], "silencedBy": [silence], "state": "suppressed"})
        self.assertIn(silence, self.amtool(server, "silence", "query", "service=~ca.+"))
        self.assertEqual(json.loads(self.amtool(server, "-o", "json", "silence", "query", "service=x")), [])
        self.amtool(server, "silence", "update", "--duration=3h", "--comment=still", silence)
        server.kill()
        server.start()
        wait_for(lambda: any(r["comment"] == "still" for r in self.silences(server)))
        rows = self.silences(server)
        self.assertEqual([(r["id"], r["comment"]) for r in rows], [(silence, "still")])
        self.amtool(server, "silence", "expire", silence)
        self.assertTrue(wait_for(lambda: self.alerts(server)), "what is silenced no more is active")
        self.assertEqual(self.silences(server), [])
        self.assertIn(silence, self.amtool(server, "silence", "query", "--expired", "--within=1h"))
        self.amtool(server, "silence", "expire", silence)  # again, as scripts do
        self.amtool(server, "silence", "expire", "00000000-0000-4000-8000-000000000000", status=1)
        said = self.amtool(server, "silence", "add", "alertname=~.*", "--comment=all", status=1)
        self.assertIn("must not match an empty label", said)
        self.assertIn("receiver: feed", self.amtool(server, "config", "show"))

    def test_a_query_for_silences_finds_those_with_that_matcher_and_not_those_of_all_others(self):
        server = self.server()
        add = lambda *matchers: self.amtool(server, "silence", "add", *matchers, "--comment=known").strip()
        cart, others = add("service=cart"), add("service!=cart", "alertname=Slow")
        found = lambda matcher: self.amtool(server, "silence", "query", "-q", matcher).split()
        wait_for(lambda: len(self.silences(server)) == 2)
        self.assertEqual(found("service=cart"), [cart])
        self.assertEqual(found("service!=cart"), [others])
        self.assertEqual(found("alertname!=Slow"), [])
        self.assertEqual(server.command("silence", "query", "-q", "service=cart").split(), [cart])

    def test_a_posted_alert_is_about_whom_the_metrics_of_its_target_are_about(self):
        server = self.server("naming: {entities: [{label: app, kind: service}]}\n")
        self.amtool(server, "alert", "add", "Slow", "app=shop", "instance=web-1:8080")
        self.amtool(server, "alert", "add", "Slow", "instance=[::1]:9100")
        entities = lambda: sorted(a["entity"] for a in server.api("/api/v1/alerts")["alerts"])
        self.assertTrue(wait_for(lambda: len(entities()) == 2))
        self.assertEqual(entities(), ["host/::1", "service/shop"])

    # Complaint: broad-silences
    def test_a_silence_that_covers_too_much_is_refused_without_force(self):
        server = self.server("silences: {max_entities: 2, longest: 1d}\n")
        for name in ("a", "b", "c"):
            self.amtool(server, "alert", "add", "Slow", f"service={name}")
        self.assertTrue(wait_for(lambda: len(self.alerts(server)) == 3))
        said = self.amtool(server, "silence", "add", "alertname=Slow", "--comment=storm", status=1)
        self.assertIn("covers alerts of 3 entities", said)
        said = self.amtool(server, "silence", "add", "service=a", "--comment=x", "--duration=2d", status=1)
        self.assertIn("silences.longest", said)
        status, body = server.request("POST", "/api/v1/silences/preview",
                                      {"matchers": [{"name": "alertname", "value": "Slow"}]})
        reach = json.loads(body)
        self.assertEqual((status, reach["alert_count"], reach["entities"]),
                         (200, 3, ["service/a", "service/b", "service/c"]))
        status, body = server.request("POST", "/api/v1/silences", {
            "matchers": [{"name": "alertname", "value": "Slow"}], "duration_s": 60, "created_by": "ann",
            "comment": "storm", "force": True})
        self.assertEqual(status, 200, body)
        self.assertTrue(wait_for(lambda: not self.alerts(server)))

    def test_our_own_command_has_the_habits_of_amtool(self):
        server = self.server("silences: {max_entities: 2}\n")
        for name in ("a", "b", "c"):
            self.amtool(server, "alert", "add", "Slow", f"service={name}")
        self.assertTrue(wait_for(lambda: len(self.alerts(server)) == 3))
        said = server.command("silence", "preview", "Slow", status=1)
        self.assertIn("3 alerts that fire, 3 entities (0 are watched)", said)
        self.assertIn("say force", said)
        server.command("silence", "add", "Slow", "-c", "storm", "-a", "ann", status=1)
        server.command("silence", "add", "Slow", status=2)
        server.command("silence", "add", "-c", "nothing", status=2)
        silence = server.command("silence", "add", "service=~a|b", "-c", "known", "-a", "ann",
                                 "-d", "2h").strip()
        rows = wait_for(lambda: json.loads(server.command("-o", "json", "silence", "query", "service=~.*"))["silences"])
        self.assertEqual([(r["id"], r["text"], r["created_by"]) for r in rows],
                         [(silence, '{service=~"a|b"}', "ann")])
        self.assertEqual(server.command("silence", "query", "-q").strip(), silence)
        server.command("silence", "expire", silence, "-a", "bob")
        self.assertTrue(wait_for(lambda: not server.command("silence", "query", "-q").strip()))
        self.assertIn(silence, server.command("silence", "query", "--expired"))
        server.command("silence", "expire", silence, status=1)


class PageTest(Case):
    """docs/integrations/alertmanager.md, with Debian's prometheus, prometheus-alertmanager and amtool."""

    RULE = ("groups: [{name: g, rules: [{alert: Always, expr: 'vector(1) > %d', labels: {service: cart,"
            " severity: page}, annotations: {summary: 'always {{ $value }}'}}]}]\n")

    def alertmanager(self):
        port = free_ports(1)[0]
        config = "route: {receiver: nobody, group_wait: 1s}\nreceivers: [{name: nobody}]\n"
        tool = self.tool(["/usr/bin/prometheus-alertmanager", "--config.file=DIR/alertmanager.yml", "--storage.path=DIR/data",
                          f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address="],
                         {"alertmanager.yml": config}).start()
        eventually(lambda: amtool(port, "alert", "query").returncode == 0, what="alertmanager")
        return port, tool

    def prometheus(self, server, alertmanager):
        web = free_ports(1)[0]
        config = ("global: {evaluation_interval: 1s}\nrule_files: [rules.yml]\n"
                  + at(block("alertmanager.md", "prometheus.yml"), {7800: server.http, 9093: alertmanager}))
        return self.tool(["/usr/bin/prometheus", "--config.file=DIR/prometheus.yml", "--storage.tsdb.path=DIR/data",
                          f"--web.listen-address=127.0.0.1:{web}"],
                         {"prometheus.yml": config, "rules.yml": self.RULE % 0}).start()

    def alerts(self, port):
        return json.loads(amtool(port, "-o", "json", "alert", "query").stdout)

    def test_prometheus_tells_both_and_what_we_tell_an_alertmanager_is_the_same_alert(self):
        theirs, _ = self.alertmanager()
        told = at(block("alertmanager.md", "faultline.yaml"), {9093: theirs}).replace("group_wait: 10s", "group_wait: 0s")
        server = self.serve(config="processing: {tick: 1s}\n" + told)
        prometheus = self.prometheus(server, theirs)
        found = eventually(lambda: self.alerts(server.http), what="Prometheus' alert here")
        self.assertEqual(found[0]["labels"], {"alertname": "Always", "service": "cart", "severity": "page"})
        self.assertEqual(found[0]["annotations"]["summary"], "always 1")
        eventually(lambda: server.metric('faultline_notifications_total{outcome="sent",receiver="alertmanager"}') > 0, what="told")
        self.assertEqual([a["labels"]["alertname"] for a in self.alerts(theirs)], ["Always"])
        own = server.api("/api/v1/alerts?state=firing")["alerts"]
        server.kill()
        server.start()
        self.assertEqual([a["id"] for a in server.api("/api/v1/alerts?state=firing")["alerts"]], [a["id"] for a in own])
        (prometheus.directory / "rules.yml").write_text(self.RULE % 1)
        prometheus.process.send_signal(1)  # SIGHUP: read the rules again
        ended = eventually(lambda: server.api("/api/v1/alerts?state=resolved")["alerts"], what="the end")
        self.assertEqual([(a["id"], a["severity"]) for a in ended], [(own[0]["id"], "critical")],
                         "told by Prometheus, not by a timer")
        eventually(lambda: not self.alerts(theirs), what="the end there")

    def test_the_lines_for_amtool_work(self):
        server = self.serve()
        for line in at(block("alertmanager.md", "line.sh"), {7800: server.http}).strip().splitlines():
            done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=30)
            self.assertEqual((done.returncode, done.stderr), (0, ""), line)
            eventually(lambda: server.api("/api/v1/alerts")["alerts"], what="alert")
        listed = eventually(lambda: json.loads(amtool(server.http, "-o", "json", "alert", "query", "--silenced").stdout), what="silenced")
        self.assertEqual((listed[0]["labels"]["service"], listed[0]["status"]["state"]), ("cart", "suppressed"))

    def test_off_alerts_are_refused_and_the_rest_of_the_api_stays(self):
        server = self.serve("alertmanager: false")
        done = amtool(server.http, "alert", "add", "Slow", "service=cart")
        self.assertNotEqual(done.returncode, 0)
        status, body = server.request("POST", "/api/v2/alerts", [{"labels": {"alertname": "Slow"}}])
        self.assertEqual((status, json.loads(body)["error"]["message"]), (405, "posted alerts are off: ingest.alertmanager"))
        self.assertEqual(self.alerts(server.http), [])
        self.assertEqual(amtool(server.http, "silence", "add", "service=cart", "--comment=x", "--author=ann").returncode, 0)
        self.assertEqual(server.api("/api/v1/alerts")["alerts"], [])


if __name__ == "__main__":
    unittest.main()
