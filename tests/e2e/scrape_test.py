# SPDX-License-Identifier: Apache-2.0
"""The scraper: node_exporter alone, by the page of docs/integrations, and targets that answer what nobody should."""

import gzip
import http.server
import re
import threading
import unittest

from integrations import Case, at, block
from support import free_ports
from wire import eventually

LAST = "up{job=node}"


class Target:
    """A target that answers what it is told to, and counts its answers."""

    def __init__(self, port):
        self.body, self.headers = b"", {}
        self.lock, self.answers, self.asked, self.held, self.given_up = threading.Condition(), 0, 0, False, 0
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                if not outer.may_answer():
                    return
                self.send_response(200)
                for name, value in {**outer.headers, "Content-Length": str(len(outer.body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                try:
                    self.wfile.write(outer.body)
                except OSError:
                    pass  # the scraper has heard enough

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def may_answer(self):
        with self.lock:
            self.asked += 1
            mine = self.asked
            self.lock.wait_for(lambda: not self.held or mine <= self.given_up)
            if mine <= self.given_up:
                return False
            self.answers += 1
            return True

    def hold(self):
        """Whoever asks waits from now on."""
        with self.lock:
            self.held = True

    def go_on(self):
        """Whoever waits has gone; answers those who come."""
        with self.lock:
            self.held, self.given_up = False, self.asked
            self.lock.notify_all()

    def close(self):
        self.go_on()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


class Histogram:
    """One of a target: of a hundred requests ninety take up to 0.1 s, ten up to 1 s, so the 99th percentile is 0.91."""

    def __init__(self, target):
        self.target, self.asked = target, 0
        self.ask()

    def ask(self):
        self.asked += 1
        buckets = {"0.1": 90 * self.asked, "1": 100 * self.asked, "+Inf": 100 * self.asked}
        lines = [f'took_seconds_bucket{{path="/",le="{le}"}} {n}' for le, n in buckets.items()]
        self.target.body = "\n".join(["# TYPE took_seconds histogram", *lines, f'took_seconds_sum{{path="/"}} {20 * self.asked}',
                                      f'took_seconds_count{{path="/"}} {100 * self.asked}', ""]).encode()

    def seen(self, metrics):
        self.ask()  # so that there is something to count
        last = metrics.get("took_seconds_p99{path=/}", {}).get("last")
        return last is not None and abs(last - 0.91) < 0.02


class ScrapeTest(Case):
    def scraping(self, port, every=1):
        """A server that asks @p port every second, as the page says it."""
        lines = at(block("scrape.md", "faultline.yaml"), {9100: port}).splitlines()
        target = next(line.strip()[2:] for line in lines if "url:" in line)
        target = re.sub(r"interval: \d+s, timeout: \d+s", f"interval: {every}s, timeout: {every}s", target)
        return self.serve(f"scrape: [{target}]", "processing: {tick: 1s}\n")

    def up(self, server, value, seconds=90):
        eventually(lambda: self.metrics_of(server, "host/127.0.0.1")[LAST]["last"] == value, seconds=seconds, what=f"up {value}")

    def test_node_exporter_alone_arrives_and_its_silence_is_seen(self):
        node = free_ports(1)[0]
        exporter = self.tool(["/usr/bin/prometheus-node-exporter", f"--web.listen-address=127.0.0.1:{node}",
                              "--collector.disable-defaults", "--collector.loadavg"]).start()
        server = self.scraping(node)
        self.arrives(server, "host/127.0.0.1", more_than=2, tool=exporter)
        eventually(lambda: "node_load1" in self.metrics_of(server, "host/127.0.0.1"), what="metrics")
        self.up(server, 1)
        exporter.stop()
        self.up(server, 0)
        eventually(lambda: server.metric('faultline_scrapes_total{result="failed"}') > 0, what="a failed scrape")
        exporter.start()
        self.arrives(server, "host/127.0.0.1", more_than=self.observations(server, "host/127.0.0.1"), tool=exporter)
        self.up(server, 1)

    def test_each_answer_is_one_observation_over_kill_9(self):
        port = free_ports(1)[0]
        target = Target(port)
        self.addCleanup(target.close)
        target.body = b"queue 3\n"
        server = self.scraping(port, every=4)
        host = "host/127.0.0.1"

        def holds_each_answer_once():
            self.arrives(server, host, more_than=self.observations(server, host))
            target.hold()  # for less than a timeout, which would be another observation
            server.wait_applied()
            self.assertEqual(self.observations(server, host), target.answers)
        for _ in range(2):
            holds_each_answer_once()
            server.kill()
            target.go_on()
            server.start()
        holds_each_answer_once()

    def test_a_histogram_has_the_99th_percentile_of_a_tick_also_after_kill_9(self):
        port = free_ports(1)[0]
        target = Target(port)
        self.addCleanup(target.close)
        histogram = Histogram(target)
        server = self.scraping(port)

        def quantile():
            return histogram.seen(self.metrics_of(server, "host/127.0.0.1"))
        eventually(quantile, what="its 99th percentile")
        metrics = self.metrics_of(server, "host/127.0.0.1")
        self.assertFalse([name for name in metrics if "le=" in name], "buckets are no metrics")
        self.assertEqual((metrics["took_seconds_p99{path=/}"]["role"], metrics["took_seconds_p99{path=/}"]["unit"]), ("latency", "seconds"))
        server.kill()
        server.start()
        eventually(quantile, what="it again")

    def test_units_are_those_of_the_name_and_where_it_says_none_those_that_the_target_tells(self):
        port = free_ports(1)[0]
        target = Target(port)
        self.addCleanup(target.close)
        target.body = (b"# TYPE heat gauge\n# UNIT heat celsius\nheat 21\n# UNIT read_bytes seconds\nread_bytes 5\n"
                       b"# UNIT queue apples\nqueue 3\n# UNIT\n# EOF\n")
        server = self.scraping(port)
        def units():
            return {name: m["unit"] for name, m in self.metrics_of(server, "host/127.0.0.1").items()}
        wanted = {"heat": "celsius", "read_bytes": "bytes", "queue": ""}
        eventually(lambda: wanted.items() <= units().items(), what="units")

    def test_what_a_target_should_not_answer_is_refused_and_it_counts_as_down(self):
        port = free_ports(1)[0]
        target = Target(port)
        self.addCleanup(target.close)
        target.body = b"queue 3\n"
        server = self.scraping(port)
        self.up(server, 1)
        posts = 'faultline_posts_total{outcome="malformed",receiver="scrape"}'
        target.body = b"queue 4\n<html>" + b"x" * 100_000
        self.up(server, 0)
        eventually(lambda: server.metric(posts) > 0, what="a malformed body")
        letter = eventually(lambda: server.api("/api/v1/dead-letters?limit=1")["letters"], what="a letter")[0]
        self.assertEqual(letter["reason"], "malformed_body")
        target.body = b"queue 5\n"
        self.up(server, 1)
        target.headers = {"Content-Encoding": "gzip"}
        target.body = gzip.compress(b"a 1\n" * (8 << 20))  # 32 MiB unpacked
        self.up(server, 0)
        eventually(lambda: server.metric('faultline_scrapes_total{result="failed"}') > 0, what="a failed scrape")
        target.headers, target.body = {}, b"queue 6\n"
        self.up(server, 1)
        eventually(lambda: self.metrics_of(server, "host/127.0.0.1")["queue"]["last"] == 6, what="the next")


if __name__ == "__main__":
    unittest.main()
