# SPDX-License-Identifier: Apache-2.0
"""Maintenance windows of a running server: said by API and command, kept over kill and reload."""

import json
import time
import unittest
import urllib.parse

from support import Publisher, Server
from wire import wait_for


class MaintenanceTest(unittest.TestCase):
    FILE = ("processing: {tick: 1s}\nmaintenance:\n"
            "  - {name: backup, entities: ['db/*'], days: [sat, sun], at: '02:00', duration: 90m,"
            " zone: Europe/Berlin}\n")

    def server(self, config=FILE):
        server = Server(config).start()
        self.addCleanup(server.close)
        return server

    def windows(self, server):
        return {w["name"]: w for w in server.api("/api/v1/maintenance")["windows"]}

    def firing(self, server, entity):
        return server.api(f"/api/v1/alerts?state=firing&entity={entity}")["alerts"]

    def post(self, server, service):
        status, body = server.request("POST", "/api/v2/alerts", [
            {"labels": {"alertname": "Slow", "service": service},
             "endsAt": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))}])
        self.assertEqual(status, 200, body)

    # Complaint: planned-change
    def test_a_window_keeps_alerts_from_being_incidents_until_it_is_taken_away(self):
        server = self.server()
        server.command("maintenance", "add", "deploy", "--entity", "service/c*", "-d", "1h", "-a", "ann",
                     "-c", "release")
        self.post(server, "cart")
        told = wait_for(lambda: self.firing(server, "service/cart"))
        self.assertEqual(told[0]["maintenance"], ["deploy"])
        self.assertEqual(server.api("/api/v1/incidents?state=open")["incidents"], [])
        v2 = server.api("/api/v2/alerts")
        self.assertEqual((v2[0]["status"]["state"], v2[0]["status"]["inhibitedBy"]), ("suppressed", ["deploy"]))
        server.kill()
        server.start()
        kept = self.windows(server)
        self.assertTrue(kept["deploy"]["open"])
        self.assertEqual((kept["backup"]["days"], kept["backup"]["at"], kept["backup"]["zone"]),
                         (["sat", "sun"], "02:00", "Europe/Berlin"))
        self.assertIn("release", server.command("maintenance", "list"))
        server.command("maintenance", "add", "nights", "--entity", "a", "--at", "02:00", "-d", "1h", "--start", "2097-03-01",
                       "--end", "2097-04-01", "-c", "a month")
        self.assertIn("daily 02:00 for 1h (UTC), from 2097-03-01T00:00:00Z, until 2097-04-01T00:00:00Z",
                      server.command("maintenance", "list"))
        server.command("maintenance", "remove", "deploy")
        self.assertTrue(wait_for(lambda: server.api("/api/v1/incidents?state=open")["incidents"]))
        self.assertNotIn("maintenance", self.firing(server, "service/cart")[0])

    def test_windows_of_the_file_change_with_a_reload_and_not_by_command(self):
        server = self.server()
        server.command("maintenance", "remove", "backup", status=1)
        server.command("maintenance", "remove", "nothing", status=1)
        server.command("maintenance", "add", "x", "--entity", "a", "--at", "25:00", "-d", "1h", "-c", "y", status=1)
        server.command("maintenance", "add", "x", "--entity", "a", "--at", "02:00", "-d", "1h", "--zone",
                     "Mars/Olympus", "-c", "y", status=1)
        server.command("maintenance", "add", "night", "--entity", "a", "--at", "02:00", "-d", "1h", "-a", "ann", "-c", "dump")
        text = server.config.read_text()
        server.config.write_text(text.replace("name: backup", "name: weekly"))
        self.assertIn("maintenance", server.command("reload"))
        self.assertEqual(set(self.windows(server)), {"weekly", "night"})
        server.config.write_text(text.replace("Europe/Berlin", "Mars/Olympus"))
        self.assertIn("time zone", server.command("reload", status=1))
        self.assertEqual(set(self.windows(server)), {"weekly", "night"})
        self.assertIn("time zone", server.command("check-config", str(server.config), status=1))

    def test_one_that_is_over_is_listed_until_the_next_change_and_can_be_removed(self):
        server = self.server()
        once = {"entities": ["a"], "starts": "2026-01-01T00:00:00Z", "duration_s": 60, "by": "ann", "comment": "c"}
        for name in ("old", "older"):
            self.assertEqual(server.request("POST", "/api/v1/maintenance", {**once, "name": name})[0], 202)
        self.assertIn("older", self.windows(server))
        past = ("maintenance", "add", "past", "--entity", "a", "--start", "2026-01-01", "--end", "1767312000000", "-a", "ann",
                "-c", "c")
        self.assertIn("it is over already", server.command(*past, status=2))
        server.command(*past, "--force")
        self.assertEqual([self.windows(server)["past"][k] for k in ("starts", "ends")],
                         ["2026-01-01T00:00:00.000Z", "2026-01-02T00:00:00.000Z"])
        self.assertEqual(set(self.windows(server)), {"backup", "past"}, "the next change")
        server.command("maintenance", "remove", "past")
        self.assertEqual(set(self.windows(server)), {"backup"})

    def test_who_ends_one_writes_no_lines_into_the_log(self):
        server = self.server()
        forged = "ann%22%0Ats=2026-01-01T00:00:00.000Z%20level=info%20audit%20user=root"
        for path in (f"/api/v1/maintenance/x?by={forged}", f"/api/v1/silences/x?by={forged}"):
            status, answer = server.request("DELETE", path)
            self.assertEqual((status, json.loads(answer)["error"]["code"]), (400, "invalid"), path)
        name = "a\nts=2026-01-01T00:00:00.000Z level=info audit user=root"
        server.request("POST", "/api/v1/maintenance", {"name": name, "entities": ["a"], "starts": "2026-01-01T00:00:00Z",
                                                       "duration_s": 60, "by": name, "comment": name})
        server.request("DELETE", "/api/v1/maintenance/" + urllib.parse.quote(name, safe=""))
        log = (server.directory / "faultlined.log").read_text()
        self.assertNotIn("\nts=2026-01-01", log)

    def test_one_that_is_too_broad_or_too_long_is_refused_without_force(self):
        server = self.server("processing: {tick: 1s}\nsilences: {max_entities: 2, longest: 1d}\n")
        publisher = Publisher(server.router, "broad")
        self.addCleanup(publisher.close)
        publisher.send([{"entity": f"service/{name}", "ts": int(time.time() * 1000), "values": {"cpu": 1}}
                        for name in "ab"])
        publisher.flush()
        server.wait_applied()
        self.post(server, "c")
        self.assertTrue(wait_for(lambda: self.firing(server, "service/c")))
        add = ("maintenance", "add", "all", "--entity", "service/*", "-a", "ann")
        server.command(*add, "-d", "1h", status=2)
        body = {"name": "all", "entities": ["service/*"], "starts": "2026-01-01T00:00:00Z", "duration_s": 60, "by": "ann"}
        status, answer = server.request("POST", "/api/v1/maintenance", body)
        self.assertEqual(status, 400)
        self.assertIn("comment", json.loads(answer)["error"]["message"])
        self.assertIn("max_entities (2)", server.command(*add, "-d", "1h", "-c", "move", status=1))
        server.command("maintenance", "add", "two", "--entity", "service/a", "--entity", "service/c", "-a", "ann",
                     "-c", "move", "-d", "1h")
        self.assertIn("silences.longest", server.command("maintenance", "add", "long", "--entity", "service/a", "-a",
                                                       "ann", "-c", "move", "-d", "2d", status=1))
        server.command(*add, "-c", "move", "-d", "2d", "--force")
        self.assertEqual(set(self.windows(server)), {"all", "two"})


if __name__ == "__main__":
    unittest.main()
