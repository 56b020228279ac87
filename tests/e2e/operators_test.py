# SPDX-License-Identifier: Apache-2.0
"""What operators look up and say, and the description of the API held against a server that runs."""

import copy
import json
import subprocess
import sys
import unittest

import jsonschema

from support import BIN, ROOT, Server
from wire import wait_for

sys.path.insert(0, str(ROOT / "tools/clients/python"))
import faultline  # noqa: E402

CONFIG = """processing: {tick: 1s}
notifications:
  receivers: [{name: team, kind: webhook, url: 'http://127.0.0.1:9/'}]
  routes: [{receiver: team, matchers: [severity=nobody]}]
"""


class OperatorsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(CONFIG).start()
        cls.api = faultline.Api(f"http://127.0.0.1:{cls.server.http}")

    @classmethod
    def tearDownClass(cls):
        cls.server.close()

    def post(self, name):
        self.api.post("/api/v2/alerts", [{"labels": {"alertname": "Slow", "service": name}}])

    def incident_of(self, name):
        self.post(name)
        found = wait_for(lambda: [i for i in self.api.incidents(state="open") if f"service/{name}" in i["entities"]])
        self.assertTrue(found)
        return found[0]

    def faultline(self, *words):
        done = subprocess.run([str(BIN / "faultline"), "--server", self.api.address, *words],
                              capture_output=True, text=True, timeout=30)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def test_operators_assign_incidents_and_search_the_past(self):
        incident = self.incident_of("ops")
        alert = incident["alerts"][0]
        self.faultline("incident", "ack", incident["id"], "--assign", "bob", "--by", "ann")
        told = wait_for(lambda: (a := self.api.get(f"/api/v1/alerts/{alert}")).get("assigned_to") and a)
        self.assertEqual((told["assigned_to"], told["acknowledged_by"]), ("bob", "ann"))
        for query in ({"text": "SERVICE/OPS"}, {"matchers": ['service="ops"']}, {"matchers": ["entity=service/ops"]},
                      {"matchers": ["alertname=Slow", "service=~op."]}):
            self.assertEqual([a["entity"] for a in self.api.history(**query)], ["service/ops"], query)
        self.assertEqual(list(self.api.history(text="ops", until=1000)), [])
        for words in (["alert", "show", alert], ["alert", "search", "ops"],
                      ["alert", "search", "--matcher", "service=ops", "--matcher", "alertname=Slow"],
                      ["alert", "search", "--matcher", "service=ops", "slow"]):
            self.assertIn("service/ops", self.faultline(*words))
        self.assertIn("bob", self.faultline("alert", "show", alert))
        self.assertIn("no alerts", self.faultline("alert", "search", "nothing-of-the-kind"))
        self.faultline("incident", "ack", incident["id"], "--undo")
        self.assertTrue(wait_for(lambda: not self.api.get(f"/api/v1/alerts/{alert}")["acknowledged"]))
        self.assertNotIn("assigned_to", self.api.get(f"/api/v1/alerts/{alert}"))
        said = [(i["state"], i["text"]) for i in self.api.get(f"/api/v1/incidents/{incident['id']}/story")["items"]
                if i["kind"] == "word"]
        self.assertEqual(said, [("acknowledge", "assigned to bob"), ("unacknowledge", "")])

    def test_the_past_is_paged_without_gap_or_double(self):
        names = [f"page{n}" for n in range(7)]
        for name in names:
            self.post(name)
        self.assertTrue(wait_for(lambda: len(list(self.api.history(text="service/page"))) == 7))
        paged = [a["entity"] for a in self.api.history(text="service/page", limit=2)]
        self.assertEqual(sorted(paged), sorted(f"service/{n}" for n in names))
        listed = self.faultline("-o", "json", "alert", "search", "service/page", "--limit", "5")
        first = json.loads(listed)
        self.assertEqual((len(first["alerts"]), bool(first["next"])), (5, True))
        # A last page that is full leads nowhere; what is asked before a time begins there.
        for path in ("/api/v1/history", "/api/v1/alerts"):
            whole = self.api.get(path, text="service/page", limit=7)
            self.assertEqual((len(whole["alerts"]), whole["next"]), (7, None), path)
        newest = max(a["started"] for a in whole["alerts"])
        older = [a["started"] for a in whole["alerts"] if a["started"] < newest]
        self.assertEqual([a["started"] for a in self.api.history(text="service/page", until=newest)], older)
        self.assertEqual(len(list(self.api.history(text="service/page", until=newest + 1, limit=2))), 7)


def checkable(value):
    """The description as JSON Schema: `nullable` is OpenAPI's, and what is not described is wrong."""
    if isinstance(value, list):
        return [checkable(v) for v in value]
    if not isinstance(value, dict):
        return value
    made = {k: checkable(v) for k, v in value.items() if k != "nullable"}
    if "properties" in made and isinstance(made["properties"], dict) and made.get("type") == "object":
        made.setdefault("additionalProperties", False)
    return {"anyOf": [made, {"type": "null"}]} if value.get("nullable") is True else made


class DescriptionTest(unittest.TestCase):
    """GET /api/v1/openapi.json: every operation of it is asked of a server, and the answer held against it."""

    def setUp(self):
        self.server = Server(CONFIG).start()
        self.addCleanup(self.server.close)
        self.whole = self.server.api("/api/v1/openapi.json")
        self.strict = checkable(copy.deepcopy(self.whole))
        self.resolver = jsonschema.RefResolver("", self.strict)
        self.asked = set()

    def hold(self, value, schema, what):
        try:
            jsonschema.Draft7Validator(schema, resolver=self.resolver).validate(value)
        except jsonschema.ValidationError as e:
            self.fail(f"{what}: {e.message} at {list(e.absolute_path)}")

    def ask(self, method, path, id="", query="", body=None, wanted=(200, 202)):
        operation = self.strict["paths"][path][method.lower()]
        what = f"{method} {path}"
        if body is not None:
            self.hold(body, operation["requestBody"]["content"]["application/json"]["schema"], what + ", the request")
        names = [p["name"] for p in operation["parameters"] if p["in"] == "query"]
        for part in query.split("&") if query else ():
            self.assertIn(part.split("=")[0], names, what)
        url = path.replace("{id}", id.replace("/", "%2F")) + ("?" + query if query else "")
        status, text = self.server.request(method, url, body)
        self.assertIn(status, wanted, f"{what}: {text}")
        kind = "2XX" if status < 300 else "default"
        content = operation["responses"][kind]["content"]
        if status < 300:
            self.asked.add((method, path))
        if "application/json" not in content:
            return text
        self.hold(json.loads(text), content["application/json"]["schema"], what)
        return json.loads(text)

    def prepare(self):
        """An incident with an acknowledged alert, a dead letter, an entity with a window and a template."""
        with faultline.Publisher(f"tcp://127.0.0.1:{self.server.router}", "described") as p:
            for n in range(3):
                p.publish([{"entity": "host/c-0", "values": {"cpu": n / 10}},
                           {"entity": "host/c-0", "type": "log", "severity": "error", "body": "disk is full"},
                           {"entity": "service/cart", "values": {"cpu": 1}},
                           {"entity": "", "values": {"cpu": 1}}])
            p.publish([{"entity": "service/cart", "type": "edge", "depends_on": ["host/c-0"], "kind": "runs_on"},
                       {"entity": "service/cart", "type": "change", "kind": "deploy", "summary": "v2"}])
        self.server.wait_applied()
        faultline.Api(f"http://127.0.0.1:{self.server.http}").post(
            "/api/v2/alerts", [{"labels": {"alertname": "Slow", "service": "cart", "severity": "critical"}}])
        self.assertTrue(wait_for(lambda: self.server.api("/api/v1/incidents")["incidents"]))

    def read_all(self, ids):
        for path in ("/api/v1", "/-/healthy", "/-/ready", "/api/v1/status", "/api/v1/overview", "/api/v1/quality", "/api/v1/topology",
                     "/api/v1/rules", "/api/v1/model", "/api/v1/backup", "/api/v1/receivers", "/api/v1/maintenance",
                     "/api/v1/publishers", "/api/v1/openapi.json"):
            self.ask("GET", path)
        for path, query in (("/api/v1/entities", "prefix=host&limit=10"), ("/api/v1/dead-letters", "limit=2"),
                            ("/api/v1/alerts", "state=firing"), ("/api/v1/alerts", "brief=true"),
                            ("/api/v1/incidents", "state=open"),
                            ("/api/v1/incidents", "entity=service%2Fcart"), ("/api/v1/silences", "state=active"),
                            ("/api/v1/history", "text=cart&matcher=service%3Dcart&from=1")):
            self.assertTrue(next(v for v in self.ask("GET", path, query=query).values() if isinstance(v, list)), path)
        for path, id in ids.items():
            for one in (path, path + "/story"):
                if one in self.strict["paths"] and "get" in self.strict["paths"][one]:
                    self.ask("GET", one, id)
                    if one != "/api/v1/entities/{id}/story":
                        self.ask("GET", one, "nothing-of-that-name", wanted=(404,))
        self.ask("GET", "/api/v1/entities/{id}/window", "host/c-0", "metric=cpu")
        self.ask("GET", "/api/v1/alerts", query="limit=0", wanted=(400,))

    def change_all(self, ids):
        alert, incident = ids["/api/v1/alerts/{id}"], ids["/api/v1/incidents/{id}"]
        word = {"by": "ann", "comment": "mine", "assign": "bob"}
        for kind, id in (("alerts", alert), ("incidents", incident)):
            self.ask("POST", f"/api/v1/{kind}/{{id}}/acknowledge", id, body=word)
            self.ask("GET", f"/api/v1/{kind}/{{id}}", id)
            self.ask("POST", f"/api/v1/{kind}/{{id}}/acknowledge", "none", body=word, wanted=(404,))
            self.ask("DELETE", f"/api/v1/{kind}/{{id}}/acknowledge", id)
        self.ask("POST", "/api/v1/alerts/{id}/feedback", alert, body={"verdict": "true", "by": "ann"})
        self.ask("POST", "/api/v1/incidents/{id}/feedback", incident,
                 body={"verdict": "right", "cause": "host/c-0", "remediation": "restart it", "worked": True})
        self.ask("POST", "/api/v1/topology/edges", body={"from": "service/cart", "to": "db/x", "action": "add", "by": "ann"})
        self.ask("POST", "/api/v1/topology/edges", body={"from": "service/cart", "to": "host/c-0", "kind": "runs_on",
                                                         "action": "remove"})
        self.assertTrue(wait_for(lambda: self.ask("GET", "/api/v1/topology")["taken_away"]))
        self.ask("POST", "/api/v1/silences/preview", body={"matchers": [{"name": "service", "value": "cart"}]})
        self.ask("POST", "/api/v1/receivers/{id}/test", "team")
        self.ask("POST", "/-/reload")
        self.ask("POST", "/api/v1/backup")
        self.ask("DELETE", "/api/v1/backup")
        model = self.ask("GET", "/api/v1/model")
        self.ask("POST", "/api/v1/model", body={"sha256": model["sha256"]})
        self.ask("POST", "/api/v1/model", body={"sha256": "0" * 64}, wanted=(400, 404))
        self.ask("POST", "/api/v1/entities/{id}/release", "host/c-0", wanted=(400,))

    def end_all(self, ids):
        self.ask("DELETE", "/api/v1/silences/{id}", ids["/api/v1/silences/{id}"], "by=ann")
        self.ask("DELETE", "/api/v1/maintenance/{id}", "night", "by=ann")
        self.ask("DELETE", "/api/v1/entities/{id}", "host/c-0")
        self.ask("DELETE", "/api/v1/silences/{id}", "none", wanted=(404,))

    def test_every_operation_does_what_is_described(self):
        self.prepare()
        silence = self.ask("POST", "/api/v1/silences", body={
            "matchers": [{"name": "service", "op": "=~", "value": "x.*"}], "duration_s": 600, "created_by": "ann",
            "comment": "known"})
        self.ask("POST", "/api/v1/maintenance", body={"name": "night", "entities": ["host/x"], "at": "02:00",
                                                      "duration_s": 3600, "by": "ann", "comment": "dump"})
        self.ask("POST", "/api/v1/maintenance", body={"name": "x", "entities": [], "comment": ""}, wanted=(400,))
        ids = {"/api/v1/entities/{id}": "host/c-0",
               "/api/v1/alerts/{id}": self.server.api("/api/v1/alerts")["alerts"][0]["id"],
               "/api/v1/incidents/{id}": self.server.api("/api/v1/incidents")["incidents"][0]["id"],
               "/api/v1/dead-letters/{id}": self.server.api("/api/v1/dead-letters")["letters"][0]["id"],
               "/api/v1/silences/{id}": silence["id"]}
        self.read_all(ids)
        self.change_all(ids)
        self.read_all(ids)
        self.end_all(ids)
        operations = {(m.upper(), path) for path, methods in self.whole["paths"].items() for m in methods}
        # The stream does not end, nothing is in quarantine here, and what others write has tests of its own.
        self.assertEqual(operations - self.asked, {("GET", "/api/v1/stream"), ("POST", "/api/v1/write"),
                                                   ("POST", "/api/v1/entities/{id}/release")})


if __name__ == "__main__":
    unittest.main()
