# SPDX-License-Identifier: Apache-2.0
"""Prometheus' remote write: the real Prometheus by the page of docs/integrations, and bodies that no Prometheus sends."""

import json
import time
import unittest
import urllib.request

from integrations import Case, at, block
from posts import kill_under_load, number, post, real, text, varint
from scrape_test import Histogram, Target
from support import Server, free_ports
from wire import entity_of, eventually
from witness import remote_write_events, series_of

SNAPPY = {"Content-Encoding": "snappy", "Content-Type": "application/x-protobuf"}


def snappy(body):
    """A block of literals alone."""
    out = bytearray(varint(len(body)))
    for at_byte in range(0, len(body), 60):
        piece = body[at_byte:at_byte + 60]
        out.append((len(piece) - 1) << 2)
        out += piece
    return bytes(out)


def snappy_repeated(byte, count):
    """@p count times one byte: 64 of them in three bytes."""
    whole, rest = divmod(count - 1, 64)
    copies = bytes([63 << 2 | 2, 1, 0]) * whole + (bytes([(rest - 1) << 2 | 2, 1, 0]) if rest else b"")
    return varint(count) + b"\x00" + byte + copies


def label(key, value):
    return text(1, text(1, key) + text(2, value))


def sample(value, at_ms=None):
    return text(2, real(1, value) + number(2, at_ms or int(time.time() * 1000)))


def series(name, *rest, instance="web-1:9100"):
    return text(1, label("__name__", name) + label("instance", instance) + b"".join(rest))


class PrometheusTest(Case):
    def test_the_real_prometheus_arrives_under_its_host_and_outlives_both_sides(self):
        server = self.serve()
        witness = self.witness(server)
        web, node = free_ports(2)
        self.tool(["/usr/bin/prometheus-node-exporter", f"--web.listen-address=127.0.0.1:{node}",
                   "--collector.disable-defaults", "--collector.loadavg", "--collector.meminfo", "--collector.cpu"]).start()
        config = (f"global: {{scrape_interval: 1s}}\nscrape_configs: [{{job_name: node, static_configs: [{{targets: ['127.0.0.1:{node}']}}]}}]\n"
                  + at(block("prometheus.md", "prometheus.yml"), {7800: witness.port})
                  + "    queue_config: {batch_send_deadline: 1s, max_backoff: 500ms}\n")
        prometheus = self.tool(["/usr/bin/prometheus", "--config.file=DIR/prometheus.yml", "--storage.tsdb.path=DIR/data",
                                "--storage.remote.flush-deadline=1s", f"--web.listen-address=127.0.0.1:{web}"], {"prometheus.yml": config}).start()
        host = "host/127.0.0.1"
        self.arrives(server, host, more_than=2, tool=prometheus)
        for name, kind in [("node_load1", "gauge"), ("node_cpu_seconds_total{cpu=0,mode=idle}", "counter"), ("up{job=node}", "gauge")]:
            eventually(lambda: self.metrics_of(server, host)[name]["kind"] == kind, what=name)
        self.goes_on_after_kill(server, witness, host, remote_write_events, prometheus)
        self.lacks_nothing_that_prometheus_has(witness, web)
        before = self.observations(server, host)
        prometheus.stop()
        prometheus.start()
        self.arrives(server, host, more_than=before, tool=prometheus)
        self.holds_what_it_acknowledged(server, witness, host, remote_write_events)
        self.assertEqual(server.metric('faultline_posts_total{outcome="malformed",receiver="remote_write"}'), 0)


    def test_a_histogram_that_the_real_prometheus_scrapes_has_its_99th_percentile(self):
        server = self.serve(config="processing: {tick: 1s}\n")
        web, port = free_ports(2)
        histogram = Histogram(Target(port))
        self.addCleanup(histogram.target.close)
        config = (f"global: {{scrape_interval: 1s}}\nscrape_configs: [{{job_name: shop, static_configs: [{{targets: ['127.0.0.1:{port}']}}]}}]\n"
                  + at(block("prometheus.md", "prometheus.yml"), {7800: server.http}) + "    queue_config: {batch_send_deadline: 1s, max_samples_per_send: 3}\n")
        self.tool(["/usr/bin/prometheus", "--config.file=DIR/prometheus.yml", "--storage.tsdb.path=DIR/data",
                   f"--web.listen-address=127.0.0.1:{web}"], {"prometheus.yml": config}).start()
        eventually(lambda: histogram.seen(self.metrics_of(server, "host/127.0.0.1")), what="its 99th percentile")
        self.assertFalse([name for name in self.metrics_of(server, "host/127.0.0.1") if "le=" in name], "buckets are no metrics")

    def lacks_nothing_that_prometheus_has(self, witness, web):
        """What Prometheus scraped while the server was down, or was killed, was sent again and acknowledged."""
        def times():
            with urllib.request.urlopen(f"http://127.0.0.1:{web}/api/v1/query?query=up[1h]", timeout=10) as answer:
                return {round(at * 1000) for at, _ in json.load(answer)["data"]["result"][0]["values"]}
        scraped = eventually(lambda: len(found := times()) > 8 and found, what="samples in Prometheus")
        acknowledged = set()

        def remember(exchange):
            acknowledged.update(at for labels, samples in series_of(exchange) if labels["__name__"] == "up" for at, _ in samples)
            return {}

        def all_there():
            witness.counted(remember)
            return scraped <= acknowledged
        eventually(all_there, seconds=30, what="every sample")


class RemoteWriteRestartTest(Case):
    def test_what_was_answered_is_there_once_after_kill_9(self):
        server = self.serve()
        names = kill_under_load(server, "/api/v1/write", lambda name: snappy(series("m", sample(1), instance=name)), SNAPPY)
        self.each_once(server, "host/", names)


class RemoteWriteTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(block("prometheus.md", "faultline.yaml"), ingest="http_body: 2MiB, http_unpacked: 4MiB").start()

    @classmethod
    def tearDownClass(cls):
        cls.server.close()

    def send(self, body, headers=None):
        return post(self.server.http, "/api/v1/write", snappy(body), headers or SNAPPY)

    def refused(self, status, body, headers=None):
        got, _, answer = post(self.server.http, "/api/v1/write", body, headers or SNAPPY)
        self.assertEqual(got, status, answer)
        self.assertRegex(answer, rb'"message":"[^"]{10,}')
        self.assertEqual(self.send(series("good", sample(1)))[0], 204)  # the next is taken

    def posts(self, outcome):
        return self.server.metric(f'faultline_posts_total{{outcome="{outcome}",receiver="remote_write"}}')

    def left_out(self, reason):
        return self.server.metric(f'faultline_samples_left_out_total{{reason="{reason}",receiver="remote_write"}}')

    def metrics(self, entity):
        return {m["name"]: m for m in entity_of(self.server, entity).get("metrics", [])}

    def test_what_is_answered_is_there_and_survives_kill_9(self):
        at = int(time.time() * 1000)  # samples of one time are one observation
        body = series("queue", sample(7, at), instance="kept:1") + series("jobs_total", sample(3, at), instance="kept:1")
        status, _, answer = self.send(body)
        self.assertEqual((status, answer), (204, b""))
        self.server.kill()
        self.server.start()
        eventually(lambda: set(self.metrics("host/kept")) == {"queue", "jobs_total"}, what="metrics")
        self.assertEqual(self.metrics("host/kept")["jobs_total"]["kind"], "counter")
        self.assertEqual(entity_of(self.server, "host/kept")["observations"], 1)

    def test_the_page_drops_and_joins_what_it_says(self):
        self.assertEqual(self.send(series("go_threads", sample(1), instance="localhost:1") + series("m", sample(2), instance="localhost:1"))[0], 204)
        eventually(lambda: set(self.metrics("host/here")) == {"m"}, what="alias")
        self.assertGreaterEqual(self.left_out("dropped"), 1)

    def test_a_bomb_of_snappy_is_refused_by_what_it_claims_and_by_what_it_holds(self):
        before = self.posts("too_large")
        self.refused(413, varint((1 << 32) - 1) + b"\x00x")
        self.refused(413, snappy_repeated(b"\x00", 16 << 20))
        self.assertEqual(self.posts("too_large"), before + 2)

    def test_small_bytes_that_stand_for_much_are_refused(self):
        """A sample of a few bytes would be a row of its own."""
        before = self.posts("too_large")
        many = b"".join(text(2, number(2, n)) for n in range(1, 180_000))
        self.refused(413, snappy(series("m", many, instance="bomb:1")))
        self.assertEqual(self.posts("too_large"), before + 1)
        self.assertEqual(entity_of(self.server, "host/bomb"), {})

    def test_garbage_and_other_versions_are_refused(self):
        before = self.posts("malformed"), self.posts("unsupported")
        self.refused(400, b"garbage")
        self.refused(400, snappy(b"garbage"))
        self.refused(400, snappy(series("m", sample(1)))[:-3])
        self.refused(415, snappy(series("m", sample(1))), {**SNAPPY, "Content-Type": "application/x-protobuf;proto=io.prometheus.write.v2.Request"})
        self.refused(415, b"x", {**SNAPPY, "Content-Encoding": "br"})
        self.assertEqual((self.posts("malformed"), self.posts("unsupported")), (before[0] + 3, before[1] + 2))
        eventually(lambda: {"malformed_body"} <= {x["reason"] for x in self.server.api("/api/v1/dead-letters?limit=100")["letters"]}, what="letters")

    def test_a_bomb_of_labels_takes_nothing_from_the_others_of_its_host(self):
        good = series("good", sample(5), instance="labels:1")
        many = series("many", *[label(f"l{n}", "x" * 100) for n in range(2000)], sample(1), instance="labels:1")
        odd = series("odd", label("error", "two\nlines"), sample(1), instance="labels:1")
        long = series("l" * 5000, sample(1), instance="labels:1")
        wide = b"".join(series("wide", label("id", str(n)), sample(1), instance="labels:1") for n in range(1000))
        self.assertEqual(self.send(odd + many + long + wide + good)[0], 204)
        def all_there():
            known = self.metrics("host/labels")
            return "good" in known and sum(n.startswith("wide{") for n in known) >= 32 and known
        names = eventually(all_there, what="metrics")
        self.assertEqual(names["good"]["last"], 5)
        self.assertEqual(len([n for n in names if n.startswith("wide{")]), 32)
        self.assertTrue(all(len(n.encode()) <= 128 for n in names))
        self.assertGreaterEqual(self.left_out("malformed"), 1)
        self.assertGreaterEqual(self.left_out("too_many"), 968)

    def test_names_without_end_are_left_out_and_the_others_count(self):
        before = self.left_out("no_entity")
        body = series("m", sample(1), instance="x" * 10_000) + series("m", sample(1), instance="two\nlines") + series("m", sample(1), instance="beside:1")
        self.assertEqual(self.send(body)[0], 204)
        eventually(lambda: self.metrics("host/beside"), what="the other")
        self.assertEqual(self.left_out("no_entity"), before + 2)

    def test_times_that_cannot_be_are_refused_with_400_only_when_nothing_could_be_taken(self):
        future = int(time.time() * 1000) + 3_600_000
        status, _, answer = self.send(series("m", sample(1, future), instance="times:1"))
        self.assertEqual(status, 400)
        self.assertIn(b"ts_in_future", answer)
        self.assertEqual(self.send(series("m", sample(1, future), instance="times:1") + series("m", sample(1), instance="times:1"))[0], 204)

    def test_a_request_of_which_nothing_was_taken_is_refused_whatever_the_reason(self):
        before = self.posts("refused")
        nameless = text(1, label("__name__", "m") + sample(1))
        for body, why in [(nameless, b"no_entity"), (series("m", sample(float("nan")), instance="nan:1"), b"not_finite")]:
            status, _, answer = self.send(body)
            self.assertEqual(status, 400, why)
            self.assertIn(why, answer)
            self.assertEqual(self.send(body + series("m", sample(1), instance="taken:1"))[0], 204)
        self.assertEqual(self.posts("refused"), before + 2)

    def test_more_metrics_than_an_entity_may_have_are_counted_and_no_failure_of_the_sender(self):
        """Of a target with thousands of series Prometheus sends requests that are beyond the bound as a whole."""
        batch = lambda first: b"".join(series(f"big_{n}", sample(1), instance="big:1") for n in range(first, first + 250))
        before = self.left_out("too_many")
        self.assertEqual([self.send(batch(first))[0] for first in (0, 250, 500, 750)], [204] * 4)
        eventually(lambda: len(self.metrics("host/big")) == 256, what="as many as it may have")
        self.assertEqual(self.left_out("too_many"), before + 1000 - 256)
        idle = series("took", label("quantile", "0.5"), sample(float("nan")), instance="big:1")
        self.assertEqual(self.send(batch(500) + idle)[0], 204, "a quantile of nothing among them")

    def test_what_is_left_out_on_purpose_is_no_reason_to_refuse(self):
        stale = b"\x09" + (0x7ff0000000000002).to_bytes(8, "little")
        bucket = series("took_bucket", label("le", "1"), sample(1), instance="purpose:1")
        for body in [series("m", text(2, stale + number(2, int(time.time() * 1000))), instance="purpose:1"), bucket,
                     series("go_threads", sample(1), instance="purpose:1"), b""]:
            self.assertEqual(self.send(body)[0], 204, body)


if __name__ == "__main__":
    unittest.main()
