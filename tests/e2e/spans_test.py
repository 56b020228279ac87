# SPDX-License-Identifier: Apache-2.0
"""Spans that name no peer: what lies within what draws the graph, is nobody's observation, and is there after a kill."""

import time
import unittest

from support import Publisher, Server
from wire import entity_of, eventually

START = 1_750_000_000_000
CONFIG = "processing: {tick: 1s, accept_past: true}\n"


def span(entity, trace, number, parent=None, ts=START, took=1000, **more):
    event = {"type": "span", "entity": entity, "ts": ts, "trace": f"{trace:04x}", "span": f"{number:02x}",
             "operation": "GET /", "duration_us": took, **more}
    if parent is not None:
        event["parent"] = f"{parent:02x}"
    return event


def trace(n, ts=START):
    """web > cart > orders, the innermost first, as collectors send them."""
    return [span("db/orders", n, 3, 2, ts), span("service/cart", n, 2, 1, ts), span("service/web", n, 1, None, ts)]


def span_edges(server):
    return {(e["from"], e["to"]) for e in server.api("/api/v1/topology")["edges"] if e["source"] == "span"}


EDGES = {("service/web", "service/cart"), ("service/cart", "db/orders")}


class SpansTest(unittest.TestCase):
    def setUp(self):
        self.server = Server(CONFIG).start()
        self.addCleanup(self.server.close)

    def send(self, events, name="p"):
        publisher = Publisher(self.server.router, name, epoch=str(time.monotonic()))
        self.addCleanup(publisher.close)
        publisher.send(events)
        publisher.flush()

    def test_nested_spans_draw_the_graph_though_nobody_names_a_peer(self):
        self.send([e for n in range(40) for e in trace(n)])
        eventually(lambda: span_edges(self.server) == EDGES)
        eventually(lambda: self.server.metric("faultline_events_derived_total") >= 2)
        self.assertEqual(self.server.metric("faultline_spans_joined_total"), 80)
        for entity in ("service/web", "service/cart", "db/orders"):
            eventually(lambda: entity_of(self.server, entity)["observations"] >= 40, what=entity)
        self.server.wait_applied()
        for entity in ("service/web", "service/cart", "db/orders"):
            self.assertEqual(entity_of(self.server, entity)["observations"], 40, "calls are nobody's observation")

    def test_publishers_of_one_trace_are_joined_whoever_comes_first(self):
        for n, entity in enumerate(("service/web", "db/orders", "service/cart")):
            self.send([e for t in range(10) for e in trace(t) if e["entity"] == entity], f"p{n}")
        eventually(lambda: span_edges(self.server) == EDGES)

    def test_strangers_and_other_traces_draw_nothing(self):
        self.send([span("service/web", 1, 1), span("service/cart", 2, 2, 1), span("service/cart", 3, 3, 9),
                   span("service/web", 4, 1), span("service/web", 4, 2, 1)])
        eventually(lambda: self.server.metric("faultline_spans_joined_total") == 1)
        self.server.wait_applied()
        self.assertEqual(span_edges(self.server), set())

    def test_an_entity_has_its_operations_with_rate_failures_and_durations(self):
        def spans(begin):
            for n in range(50):
                at = begin + n * 100
                yield span("service/cart", n + begin % 1000, 1, None, at, 10_000, operation="GET /list")
                if n % 5 == 0:
                    yield span("service/cart", n, 2, None, at, 200_000, operation="POST /order",
                               status="error" if n % 10 == 0 else "ok")
                if n % 10 == 0:
                    yield span("service/cart", n, 3, None, at, 3_000, operation="SELECT", peer="db/orders")
        self.send(list(spans(START)) + [span("service/cart", 77, 9, None, START + 9_000, operation="GET /list")])
        self.server.wait_applied()
        e = self.server.api("/api/v1/entities/service%2Fcart")
        self.assertEqual([(o["operation"], o["peer"]) for o in e["operations"]],
                         [("GET /list", ""), ("POST /order", ""), ("SELECT", "db/orders")])
        listed, posted, asked = e["operations"]
        self.assertGreater(listed["rate"], posted["rate"])
        self.assertEqual((listed["error_share"], posted["error_share"], asked["error_share"]), (0, 0.5, 0))
        self.assertAlmostEqual(posted["p50_ms"], 200, delta=10)
        self.assertAlmostEqual(asked["p95_ms"], 3, delta=0.2)
        self.assertIsNone(listed["usual_p95_ms"], "not known after seconds")
        self.assertEqual((asked["last_ts"], e["calls_left_out"]), (START + 4_000, 0))
        self.assertTrue({"span.worst_operation"} <= {m["name"] for m in e["metrics"]}, e["metrics"])

    def test_calls_that_spans_show_have_rate_failures_and_quantiles_also_after_a_kill(self):
        """Of each trace the inner spans first, as collectors send them; the slow ones are one in ten and lie in one outer span."""
        def spans():
            for n in range(40):
                at = START + n * 100
                for k in range(10):
                    yield span("service/cart", n, 2 + k, 1, at, 300_000 if k == 0 else 20_000, status="error" if k == 0 else "ok")
                yield span("service/web", n, 1, None, at, 400_000)
        def seen():
            operations = self.server.api("/api/v1/entities/service%2Fweb")["operations"]
            return [o for o in operations if (o["operation"], o["peer"]) == ("", "service/cart")]
        self.send(list(spans()))
        eventually(lambda: len(seen()) == 1 and self.server.metric("faultline_spans_joined_total") == 400)
        self.server.wait_applied()
        before = seen()
        self.assertAlmostEqual(before[0]["p50_ms"], 20, delta=0.4)
        self.assertAlmostEqual(before[0]["p95_ms"], 300, delta=6)
        self.assertAlmostEqual(before[0]["error_share"], 0.1)
        self.assertGreater(before[0]["rate"], 0)
        self.assertIsNone(before[0]["usual_p95_ms"])
        self.server.kill()
        self.server.start()
        self.server.wait_applied()

        def durations(found):
            return [{k: o[k] for k in ("p50_ms", "p95_ms", "p99_ms", "error_share")} for o in found]
        eventually(lambda: durations(seen()) == durations(before))

    def test_the_graph_is_there_after_a_kill(self):
        self.send([e for n in range(10) for e in trace(n)])
        eventually(lambda: span_edges(self.server) == EDGES)
        self.server.kill()
        self.server.start()
        eventually(lambda: span_edges(self.server) == EDGES)
        self.send([e for n in range(10, 20) for e in trace(n, START + 60_000)])
        eventually(lambda: self.server.metric("faultline_spans_joined_total") == 20)
        self.server.wait_applied()
        self.assertEqual(entity_of(self.server, "service/cart")["observations"], 20)


if __name__ == "__main__":
    unittest.main()
