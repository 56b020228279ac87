# SPDX-License-Identifier: Apache-2.0
"""OpenTelemetry's exporters for Node.js and our own publishers, by the pages of docs/integrations."""

import os
import shutil
import subprocess
import unittest

from integrations import Case, at, block
from support import ROOT
from wire import eventually
from witness import otlp_events

OTEL = ROOT / "tests/e2e/otel"


def otel_modules():
    """The exporters of tests/e2e/otel/package-lock.json in the build directory; None where there is no Node.js."""
    if not shutil.which("node") or not shutil.which("npm"):
        return None
    to = ROOT / "build/otel"
    to.mkdir(parents=True, exist_ok=True)
    lock = (OTEL / "package-lock.json").read_bytes()
    stamp = to / "installed"
    if not stamp.exists() or stamp.read_bytes() != lock:
        for name in ["package.json", "package-lock.json", ".npmrc"]:
            shutil.copy(OTEL / name, to / name)
        subprocess.run(["npm", "ci", "--silent", "--ignore-scripts"], cwd=to, check=True, timeout=300)
        stamp.write_bytes(lock)
    return to


class OpenTelemetryTest(Case):
    def test_exporters_of_node_js_arrive_in_both_encodings(self):
        modules = otel_modules()
        if modules is None:
            self.skipTest("there is no Node.js")
        server = self.serve()
        witness = self.witness(server)
        script = modules / "exporter.mjs"
        script.write_text(block("opentelemetry.md", "exporter.mjs"))
        for encoding in ["proto", "http"]:
            service = f"js-{encoding}"
            environment = {**os.environ, "ENCODING": encoding, "OTEL_SERVICE_NAME": service,
                           "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{witness.port}"}

            def export():
                done = subprocess.run(["node", str(script)], cwd=modules, env=environment, capture_output=True, text=True, timeout=60)
                self.assertEqual(done.returncode, 0, done.stderr)
            export()
            self.arrives(server, f"service/{service}", more_than=2)  # metrics, a log, a span
            eventually(lambda: {"orders{paid=yes}", "queue.size", "checkout.duration.count"} <= set(self.metrics_of(server, f"service/{service}")),
                       what="metrics")
            eventually(lambda: [e for e in server.api("/api/v1/topology")["edges"]
                                if (e["from"], e["to"]) == (f"service/{service}", "service/payment")], what="edge")
            server.kill()  # and the exporter has ended
            server.start()
            first = self.holds_what_it_acknowledged(server, witness, f"service/{service}", otlp_events)
            witness.go_on()
            export()
            self.assertGreater(self.holds_what_it_acknowledged(server, witness, f"service/{service}", otlp_events), first)
            witness.go_on()
            self.assertEqual(witness.in_doubt(otlp_events), {}, "so it was exactly that")
        for receiver in ["otlp_metrics", "otlp_logs", "otlp_traces"]:  # since it was killed last
            self.assertGreater(server.metric(f'faultline_posts_total{{outcome="taken",receiver="{receiver}"}}'), 0)


class OwnProgramsTest(Case):
    def test_our_own_clients_publish(self):
        server = self.serve()
        lines = at(block("zeromq.md", "line.sh"), {7800: server.http, 7802: server.router})
        for line in lines.strip().splitlines():
            done = subprocess.run(["bash", "-c", line.replace("python3", "/usr/bin/python3")], cwd=ROOT, capture_output=True, text=True, timeout=60)
            self.assertEqual(done.returncode, 0, done.stderr)
        self.arrives(server, "host/web-1")
        self.arrives(server, "service/cart")
        self.assertEqual(set(self.metrics_of(server, "host/web-1")), {"cpu", "disk.used"})
        self.assertEqual(set(self.metrics_of(server, "service/cart")), {"queue.size"})


if __name__ == "__main__":
    unittest.main()
