# SPDX-License-Identifier: Apache-2.0
"""OTLP/HTTP against the real server: both encodings, what is refused, tokens, and what was answered survives kill -9."""

import gzip
import json
import subprocess
import time
import unittest
import urllib.parse

from integrations import Case
from posts import kill_under_load, now_ns, number, otlp_gauge, otlp_request, otlp_span, post, text
from support import BIN, ROOT, Server
from wire import entity_of, eventually

PROTOBUF = {"Content-Type": "application/x-protobuf"}
JSON = {"Content-Type": "application/json"}


def metrics_json(service, name="queue.size", value=3.5, at_ns=None):
    return json.dumps({"resourceMetrics": [{
        "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": service}}]},
        "scopeMetrics": [{"metrics": [{"name": name, "gauge": {"dataPoints": [
            {"asDouble": value, "timeUnixNano": str(at_ns or now_ns())}]}}]}]}]})


class OtlpTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(ingest="http_body: 256KiB, http_unpacked: 1MiB").start()

    @classmethod
    def tearDownClass(cls):
        cls.server.close()

    def send(self, path, body, headers):
        return post(self.server.http, path, body, headers)

    def observations(self, entity):
        return entity_of(self.server, entity).get("observations", 0)

    def arrives(self, entity, count=1):
        eventually(lambda: self.observations(entity) >= count, what=entity)

    def letters(self, reason):
        return [x for x in self.server.api("/api/v1/dead-letters?limit=1000")["letters"] if x["reason"] == reason]

    def posts(self, receiver, outcome):
        return self.server.metric(f'faultline_posts_total{{outcome="{outcome}",receiver="{receiver}"}}')

    def test_metrics_in_protobuf_and_json_arrive_under_their_service(self):
        status, headers, body = self.send("/v1/metrics", otlp_request([otlp_gauge("queue.size", 3)], service_name="pb"), PROTOBUF)
        self.assertEqual((status, headers["Content-Type"], body), (200, "application/x-protobuf", b""))
        status, headers, body = self.send("/v1/metrics", metrics_json("js"), JSON)
        self.assertEqual((status, headers["Content-Type"], body), (200, "application/json", b"{}"))
        self.arrives("service/pb")
        self.arrives("service/js")
        self.assertEqual(entity_of(self.server, "service/js")["metrics"][0]["name"], "queue.size")

    def test_gzip_is_unpacked_and_a_bomb_is_not(self):
        packed = gzip.compress(metrics_json("zipped").encode())
        self.assertEqual(self.send("/v1/metrics", packed, {**JSON, "Content-Encoding": "gzip"})[0], 200)
        self.arrives("service/zipped")
        bomb = gzip.compress(b"[" * (8 << 20))
        self.assertEqual(self.send("/v1/metrics", bomb, {**JSON, "Content-Encoding": "gzip"})[0], 413)
        self.assertEqual(self.send("/v1/metrics", b"x" * (300 << 10), JSON)[0], 413)
        self.assertEqual(self.posts("otlp_metrics", "too_large"), 1)

    def test_logs_and_spans_arrive_under_their_service(self):
        log = number(2, 17) + text(5, text(1, "payment failed"))
        self.assertEqual(self.send("/v1/logs", otlp_request([log], service_name="logs"), PROTOBUF)[0], 200)
        self.arrives("service/logs")
        span = {"traceId": "0af7651916cd43dd8448eb211c80319c", "spanId": "b7ad6b7169203331", "name": "GET /", "kind": 3,
                "startTimeUnixNano": str(now_ns()), "endTimeUnixNano": str(now_ns() + 5_000_000),
                "attributes": [{"key": "peer.service", "value": {"stringValue": "auth"}}]}
        body = json.dumps({"resourceSpans": [{"resource": {"attributes": [
            {"key": "service.name", "value": {"stringValue": "spans"}}]}, "scopeSpans": [{"spans": [span]}]}]})
        self.assertEqual(self.send("/v1/traces", body, JSON)[0], 200)
        self.arrives("service/spans")

    def test_a_service_runs_on_its_host(self):
        body = otlp_request([otlp_gauge("queue.size", 3)], service_name="based", host_name="ground")
        self.assertEqual(self.send("/v1/metrics", body, PROTOBUF)[0], 200)
        eventually(lambda: [e for e in self.server.api("/api/v1/topology")["edges"]
                            if (e["from"], e["to"], e["kind"]) == ("service/based", "host/ground", "runs_on")], what="edge")

    def test_what_is_refused_is_told_as_partial_success_and_kept(self):
        things = [otlp_gauge("queue.size", 3), otlp_gauge("queue.size", 4, 1_000_000_000)]
        status, _, body = self.send("/v1/metrics", otlp_request(things, service_name="partly"), PROTOBUF)
        self.assertEqual(status, 200)
        self.assertTrue(body.startswith(text(1, b"")[:1]) and number(1, 1) in body and b"ts_unit" in body, body)
        status, _, body = self.send("/v1/metrics", metrics_json("partly", at_ns=now_ns() + 3600 * 10**9), JSON)
        self.assertEqual((status, json.loads(body)["partialSuccess"]["rejectedDataPoints"]), (200, "1"))
        self.arrives("service/partly")
        self.assertTrue(any(x["source"] == "http otlp_metrics 127.0.0.1" for x in self.letters("ts_in_future")))

    def test_garbage_is_refused_and_counted(self):
        before = self.posts("otlp_logs", "malformed")
        for body, headers, wanted in [(b"\xff\xff\xff", PROTOBUF, 400), (b"{", JSON, 400), (b"{\"resourceLogs\":3}", JSON, 400),
                                      (b"x", {"Content-Type": "text/plain"}, 415), (b"x", {**JSON, "Content-Encoding": "br"}, 415),
                                      (b"x", {**JSON, "Content-Encoding": "gzip"}, 400)]:
            self.assertEqual(self.send("/v1/logs", body, headers)[0], wanted, body)
        self.assertEqual(self.posts("otlp_logs", "malformed") - before, 4)
        self.assertEqual(self.posts("otlp_logs", "unsupported"), 2)
        eventually(lambda: len(self.letters("malformed_body")) >= 4, what="letters")  # written behind the answer
        self.assertEqual(self.server.request("GET", "/v1/logs")[0], 405)
        self.assertEqual(self.send("/v1/logs", b"{}", {**JSON, "Origin": "http://evil.example"})[0], 403)

    def test_no_resource_and_no_values_are_no_events(self):
        body = json.dumps({"resourceMetrics": [{"scopeMetrics": [{"metrics": [{"name": "a", "gauge": {"dataPoints": [
            {"asDouble": 1, "timeUnixNano": str(now_ns())}]}}]}]}]})
        status, _, answer = self.send("/v1/metrics", body, JSON)
        self.assertEqual((status, json.loads(answer)["partialSuccess"]["rejectedDataPoints"]), (200, "1"))
        self.assertEqual(self.send("/v1/metrics", b"", PROTOBUF)[0], 200)

    def test_a_delta_that_does_not_say_from_when_on_it_counted_is_told_as_rejected(self):
        point = {"asInt": "3", "timeUnixNano": str(now_ns())}
        body = json.dumps({"resourceMetrics": [{
            "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "deltas"}}]},
            "scopeMetrics": [{"metrics": [
                {"name": "n", "sum": {"isMonotonic": True, "aggregationTemporality": 1, "dataPoints": [point]}},
                {"name": "took", "histogram": {"aggregationTemporality": 1, "dataPoints": [{**point, "count": "3"}]}}]}]}]})
        status, _, answer = self.send("/v1/metrics", body, JSON)
        told = json.loads(answer)["partialSuccess"]
        self.assertEqual((status, told["rejectedDataPoints"]), (200, "2"))
        self.assertTrue(told["errorMessage"].startswith("no_begin: "), told)
        self.assertEqual(self.server.metric('faultline_samples_left_out_total{reason="no_begin",receiver="otlp_metrics"}'), 2)

    def test_nothing_is_taken_as_nothing(self):
        self.assertEqual(self.send("/v1/metrics", b"", PROTOBUF)[0], 200)
        self.assertEqual(self.send("/v1/metrics", b"{}", JSON)[0], 200)


class OtlpUnitsTest(unittest.TestCase):
    def test_a_unit_is_seen_where_the_name_or_the_sender_says_it_and_nowhere_else(self):
        server = Server().start()
        self.addCleanup(server.close)
        metrics = [{"name": name, "unit": unit, "gauge": {"dataPoints": [{"asDouble": 1, "timeUnixNano": str(now_ns())}]}}
                   for name, unit in [("http.server.request.duration", "s"), ("disk.free_bytes", ""), ("checkout", "ms"), ("jobs", "{job}")]]
        resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "units"}}]}
        body = json.dumps({"resourceMetrics": [{"resource": resource, "scopeMetrics": [{"metrics": metrics}]}]})
        self.assertEqual(post(server.http, "/v1/metrics", body, JSON)[0], 200)
        found = eventually(lambda: entity_of(server, "service/units").get("metrics"), what="metrics")
        self.assertEqual({m["name"]: m["unit"] for m in found},
                         {"http.server.request.duration": "seconds", "disk.free_bytes": "bytes", "checkout_milliseconds": "milliseconds", "jobs": ""})
        shown = subprocess.run([str(BIN / "faultline"), "--server", f"http://127.0.0.1:{server.http}", "entity", "show", "service/units"],
                               capture_output=True, text=True, timeout=30)
        self.assertRegex(shown.stdout, r"http\.server\.request\.duration +latency +gauge +seconds", shown.stderr)


class OtlpRestartTest(Case):
    def test_what_was_answered_is_there_once_after_kill_9(self):
        server = self.serve()
        for path, prefix, thing in [("/v1/metrics", "metric-", otlp_gauge("a", 1)), ("/v1/traces", "span-", otlp_span()),
                                    ("/v1/logs", "log-", number(2, 17) + text(5, text(1, "payment failed")))]:
            names = kill_under_load(server, path, lambda name: otlp_request([thing], service_name=prefix + name), PROTOBUF)
            self.each_once(server, "service/" + prefix, names)


class OtlpInstancesTest(unittest.TestCase):
    """Two processes of one service, which name no pod: `big` counts 100 requests a second and has 10 in its queue, the other 10 and 30."""

    STEP_MS = 10_000

    def setUp(self):
        self.server = Server("processing: {accept_past: true}\n").start()
        self.addCleanup(self.server.close)
        self.at_ms = self.begun_ms = 1_750_000_000_000
        self.processes = {}

    def begin(self, name, rate, depth, stands_at=0):
        self.processes[name] = {"rate": rate, "depth": depth, "value": stands_at, "begun_ms": self.at_ms}

    def export(self, name):
        p = self.processes[name]
        p["value"] += p["rate"] * self.STEP_MS // 1000
        times = {"timeUnixNano": str(self.at_ms * 10**6), "startTimeUnixNano": str(p["begun_ms"] * 10**6)}
        metrics = [{"name": "requests", "sum": {"isMonotonic": True, "aggregationTemporality": 2,
                                                "dataPoints": [{"asInt": str(p["value"]), **times}]}},
                   {"name": "depth", "gauge": {"dataPoints": [{"asInt": str(p["depth"]), **times}]}}]
        resource = [{"key": k, "value": {"stringValue": v}} for k, v in [("service.name", "shop"), ("service.instance.id", name)]]
        body = json.dumps({"resourceMetrics": [{"resource": {"attributes": resource}, "scopeMetrics": [{"metrics": metrics}]}]})
        self.assertEqual(post(self.server.http, "/v1/metrics", body, JSON)[0], 200)

    def rounds(self, count, pause_s=0.0):
        for _ in range(count):
            self.at_ms += self.STEP_MS
            for name in self.processes:
                self.export(name)
                self.at_ms += 1000
            self.at_ms -= 1000 * len(self.processes)
            time.sleep(pause_s)

    def told(self, metric):
        """The values of its window, by time."""
        window = self.server.api("/api/v1/entities/" + urllib.parse.quote("service/shop", safe="") + "/window?metric=" + metric)
        return {t: v for t, v in zip(window["ts"], window["values"]) if v is not None}

    def expect_only(self, metric, wanted, since_ms, least):
        """@returns once @p least values since then are there: all of them are @p wanted."""
        found = eventually(lambda: len(f := [v for t, v in self.told(metric).items() if t > since_ms]) >= least and f, what=metric)
        self.assertTrue(all(abs(v - wanted) < 0.1 * wanted for v in found), found)

    def test_two_instances_are_one_channel_and_so_they_are_when_one_or_the_server_begins_anew(self):
        self.begin("big", 100, 10, stands_at=10**9)
        self.begin("small", 10, 30)
        self.rounds(30)
        settled = self.begun_ms + 5 * self.STEP_MS
        self.expect_only("requests", 110, settled, 15)
        self.expect_only("depth", 20, settled, 15)
        changed = self.at_ms
        del self.processes["small"]
        self.begin("new", 10, 30)
        self.rounds(40, pause_s=0.2)  # the old one is waited for, 5 s
        self.expect_only("requests", 110, changed, 10)
        self.expect_only("depth", 20, changed, 10)
        self.server.kill()
        self.server.start()
        restarted = self.at_ms
        self.rounds(20)
        self.expect_only("requests", 110, restarted, 10)
        self.expect_only("depth", 20, restarted, 10)
        metrics = entity_of(self.server, "service/shop")["metrics"]
        self.assertEqual({m["name"]: m["kind"] for m in metrics}, {"requests": "counter", "depth": "gauge"})

    def test_deltas_and_histograms_of_instances_add_up(self):
        """Of a hundred requests in all, 95 took up to 0.1 s and five up to 1 s; those that waited lie at two eighths of a doubling from 1 s."""
        quick_and_slow = {"one": [15, 5], "two": [80, 0]}
        for i in range(30):
            self.at_ms += self.STEP_MS
            for name, count in [("one", 20), ("two", 80)]:
                times = {"timeUnixNano": str(self.at_ms * 10**6), "startTimeUnixNano": str((self.at_ms - self.STEP_MS) * 10**6)}
                metrics = [{"name": "sent", "sum": {"isMonotonic": True, "aggregationTemporality": 1,
                                                    "dataPoints": [{"asInt": str(count), **times}]}},
                           {"name": "took", "histogram": {"aggregationTemporality": 2, "dataPoints": [
                               {"count": str(count * (i + 1)), "sum": count * (i + 1) * 0.25, "timeUnixNano": times["timeUnixNano"],
                                "startTimeUnixNano": str(self.begun_ms * 10**6),
                                "explicitBounds": [0.1, 1], "bucketCounts": [str(n * (i + 1)) for n in quick_and_slow[name] + [0]]}]}},
                           {"name": "waited", "unit": "s", "exponentialHistogram": {"aggregationTemporality": 1, "dataPoints": [
                               {"count": str(count), "sum": count * 1.5, **times, "scale": 3, "zeroCount": "0",
                                "positive": {"offset": 0, "bucketCounts": [str(n) for n in [*quick_and_slow[name], 0]]}}]}}]
                resource = [{"key": k, "value": {"stringValue": v}} for k, v in [("service.name", "shop"), ("process.pid", name)]]
                body = json.dumps({"resourceMetrics": [{"resource": {"attributes": resource}, "scopeMetrics": [{"metrics": metrics}]}]})
                self.assertEqual(post(self.server.http, "/v1/metrics", body, JSON)[0], 200)
        settled = self.begun_ms + 5 * self.STEP_MS
        for metric, wanted in [("sent", 10), ("took.count", 10), ("took.sum", 2.5), ("took.mean", 0.25),
                               ("took.q99", 0.1 + 0.9 * 0.8), ("waited.p99_seconds", 2 ** 0.25 - (2 ** 0.25 - 1) / 100)]:
            self.expect_only(metric, wanted, settled, 15)
        self.assertFalse([m["name"] for m in entity_of(self.server, "service/shop")["metrics"] if "le=" in m["name"]])


class OtlpTokenTest(unittest.TestCase):
    def test_with_tokens_a_publisher_may_send_and_nothing_else_and_a_viewer_may_not(self):
        server = Server()
        tokens = server.directory / "tokens"
        made = {}
        for role in ["publisher", "viewer", "operator"]:
            made[role] = subprocess.run([str(BIN / "faultline"), "token", "create", role, "--role", role, "--file", str(tokens)],
                                        capture_output=True, text=True, timeout=30, check=True).stdout.strip()
        server.config.write_text(server.config.read_text().replace("web: {", f"web: {{tokens: {tokens}, "))
        self.addCleanup(server.remove)
        server.start(wait=False)
        eventually(server.is_ready, what="ready")

        def send(token):
            headers = {**PROTOBUF, **({"Authorization": "Bearer " + made[token]} if token else {})}
            return post(server.http, "/v1/metrics", otlp_request([otlp_gauge("a", 1)], service_name="x"), headers)[0]
        self.assertEqual([send(t) for t in ["publisher", "operator", "viewer", None]], [200, 200, 403, 401])
        self.assertEqual(self.read(server, made["publisher"]), 403)
        self.assertEqual(self.read(server, made["viewer"]), 200)

    @staticmethod
    def read(server, token):
        import urllib.error
        import urllib.request
        request = urllib.request.Request(f"http://127.0.0.1:{server.http}/api/v1/status",
                                         headers={"Authorization": "Bearer " + token})
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code


class OffTest(unittest.TestCase):
    PATHS = {"otlp": ["/v1/metrics", "/v1/logs", "/v1/traces"], "remote_write": ["/api/v1/write"],
             "influx": ["/write", "/api/v2/write"], "collectd": ["/collectd"], "alertmanager": ["/api/v2/alerts"]}

    def test_each_receiver_is_off_by_its_own_key_and_then_there_is_nothing_at_its_paths(self):
        for off in self.PATHS:
            server = Server(ingest=f"{off}: false").start()
            self.addCleanup(server.remove)
            for key, paths in self.PATHS.items():
                for path in paths:
                    status = post(server.http, path, b"{", JSON)[0]
                    nothing = 405 if path == "/api/v2/alerts" else 404  # who fires is read there
                    self.assertEqual(status == nothing, key == off, f"{path} is answered {status} where {off} is off")
            server.close()

    def test_the_guide_names_every_way_in_with_its_key(self):
        row = next(line for line in (ROOT / "docs/guide.md").read_text().splitlines() if line.startswith("| `ingest` |"))
        for key in [*self.PATHS, "pull", "router", "subscribe", "syslog", "statsd", "scrape"]:
            self.assertIn(f"`{key}`", row)


if __name__ == "__main__":
    unittest.main()
