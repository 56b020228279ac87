# SPDX-License-Identifier: Apache-2.0
"""The start after kill -9: doors take events while the log is replayed, nothing is lost or counted twice."""

import json
import subprocess
import time
import unittest

from support import BIN, Publisher, Server

START = 1_750_000_000_000


def rows(entities, n):
    return [{"entity": f"host/r-{e}", "ts": START + n * 10_000,
             "values": {"cpu": 0.5 + 0.001 * ((n * 7 + e) % 13), "net": 1000.0 + (n + e) % 17}}
            for e in range(entities)]


class Recovery(unittest.TestCase):
    def test_doors_acknowledge_while_the_log_is_replayed(self):
        # No snapshot in an hour of work: the whole log is replayed, which takes a while.
        server = Server("processing: {accept_past: true}\nrecovery: {max_replay: 1h, sweep_interval: 1h}\n").start()
        self.addCleanup(server.close)
        publisher = Publisher(server.router, "recovery")
        self.addCleanup(publisher.close)
        entities, ticks = 250, 0
        for ticks in range(1, 601):
            publisher.send(rows(entities, ticks))
            while len(publisher.waiting) > 16:
                publisher.pump(20)
        publisher.flush()
        acknowledged_before_ready = 0
        for _ in range(5):  # again when the machine held us up until the replay was over
            server.kill()
            server.start(wait=False)
            publisher.connect()
            while True:
                ticks += 1
                seq = publisher.send(rows(entities, ticks))
                publisher.reply_to(seq, 60)
                if server.is_ready():
                    break
                acknowledged_before_ready += 1
            if acknowledged_before_ready:
                break
        self.assertGreater(acknowledged_before_ready, 0)
        publisher.flush()
        server.wait_applied()
        for e in (0, entities - 1):
            self.assertEqual(server.api(f"/api/v1/entities/host%2Fr-{e}")["observations"], ticks)
        replayed = server.metrics()['faultline_events_read_total{from="restart"}']
        self.assertGreaterEqual(replayed, 600 * entities)
        self.assertGreater(server.metric("faultline_replay_records_per_second"), 0)

    def test_bench_recovery_counts_what_a_kill_leaves(self):
        done = subprocess.run(
            [str(BIN / "faultline"), "bench", "recovery", "--entities", "500", "--metrics", "4",
             "--seconds", "2", "--json"], capture_output=True, text=True, timeout=300)
        self.assertEqual(done.returncode, 0, done.stderr)
        result = json.loads(done.stdout)
        self.assertEqual(result["lost"], 0)
        self.assertEqual(result["duplicated"], 0)
        self.assertEqual(result["entities"], 500)
        self.assertGreater(result["seconds_to_ready"], 0)
        self.assertGreater(result["seconds_to_first_ack"], 0)

    def test_bench_memory_says_what_an_entity_takes(self):
        done = subprocess.run(
            [str(BIN / "faultline"), "bench", "memory", "--entities", "2000", "--ticks", "20",
             "--json"], capture_output=True, text=True, timeout=300)
        self.assertEqual(done.returncode, 0, done.stderr)
        result = json.loads(done.stdout)
        self.assertEqual(result["entities_active"], 2000)
        self.assertGreater(result["bytes_per_entity"], 6 * 1024)
        self.assertGreater(result["anonymous_settled_bytes"], result["anonymous_idle_bytes"])
        self.assertGreater(result["store_write_buffers_bytes"], 0)

    def test_bench_memory_refuses_no_entities(self):
        done = subprocess.run([str(BIN / "faultline"), "bench", "memory", "--entities", "0"],
                              capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 2)


if __name__ == "__main__":
    unittest.main()
