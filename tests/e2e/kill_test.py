# SPDX-License-Identifier: Apache-2.0
"""kill -9 under load: every acknowledged event applied once, the same alerts with the same ids.

FAULTLINE_KILLS and FAULTLINE_SEED choose how often and when; the default is ten kills.
"""

import math
import os
import random
import time
import unittest
import urllib.parse

from support import Publisher, Server
from wire import feed_is_quiet

CONFIG = (
    "processing: {tick: 10s, accept_past: true}\n"
    "detection: {learning: 10m}\n"
    "limits: [{entity: '*', metric: disk.used, above: 90}]\n"
    "recovery: {max_replay: 100ms}\n"
)
START = 1_750_000_000_000
ENTITIES = 40
TICKS = 600


def rows(n):
    """One row per entity at tick n; every tenth entity's disk fills up and is cleaned, twice."""
    batch = []
    for e in range(ENTITIES):
        noise = random.Random(n * 1000 + e)
        disk = 40.0 + noise.random()
        if e % 10 == 3 and (200 + e <= n < 260 + e or 420 + e <= n < 470 + e):
            disk = 95.0 + noise.random()
        batch.append({
            "entity": f"host/kill-{e}", "ts": START + n * 10_000,
            "values": {"cpu": 0.3 + 0.1 * math.sin(n / 30 + e) + 0.02 * noise.random(),
                       "disk.used": disk, "net": 1000 + 50 * noise.random()},
        })
    return batch


def alerts_of(server):
    """Every alert transition on the feed, as (id, transition) -> (entity, state, severity, updated)."""
    import msgpack
    import zmq
    ask = zmq.Context.instance().socket(zmq.DEALER)
    ask.setsockopt(zmq.LINGER, 0)
    ask.connect(f"tcp://127.0.0.1:{server.replay}")
    found, repeats, start = {}, 0, 1
    while True:
        ask.send(msgpack.packb({"op": "replay", "from": start, "limit": 1000, "prefix": "alert/"}))
        if not ask.poll(30_000):
            raise RuntimeError("no answer to replay")
        page = msgpack.unpackb(ask.recv())
        for record in page["records"]:
            a = record["payload"]
            key = (a["id"], a["transition"])
            repeats += key in found
            found[key] = (a["entity"], a["state"], a["severity"], a["updated"])
        if page["next"] > page["last"]:
            break
        start = page["next"]
    ask.close()
    return found, repeats


def run(kills, seed):
    """Sends everything, killing and restarting @kills times at random moments."""
    chance = random.Random(seed)
    server = Server(CONFIG).start()
    try:
        publisher = Publisher(server.router, "kill", resend_s=0.5)
        at = sorted(chance.sample(range(1, TICKS), kills))
        for n in range(TICKS):
            publisher.send(rows(n))
            while len(publisher.waiting) > 8:
                publisher.pump(20)
            if at and n == at[0]:
                at.pop(0)
                time.sleep(chance.random() * 0.05)
                server.kill()
                server.start(wait=chance.random() < 0.5)
                publisher.connect()
                publisher.resend()
        publisher.flush()
        server.wait_ready()
        feed_is_quiet(server)
        counts = {
            e: server.api("/api/v1/entities/" + urllib.parse.quote(f"host/kill-{e}", safe=""))["observations"]
            for e in range(ENTITIES)
        }
        status = server.api("/api/v1/status")
        alerts, repeats = alerts_of(server)
        publisher.close()
        return counts, status["observations"], alerts, repeats
    finally:
        server.close()


class Kill(unittest.TestCase):
    # Complaint: lost-at-restart, restart-floods
    def test_kill_under_load_loses_nothing_doubles_nothing_and_keeps_every_alert(self):
        kills = int(os.environ.get("FAULTLINE_KILLS", "10"))
        seed = int(os.environ.get("FAULTLINE_SEED", "1"))
        _, _, calm, _ = run(0, seed)
        self.assertGreaterEqual(len(calm), 8, "the load must raise and resolve alerts")
        counts, accepted, alerts, repeats = run(kills, seed)
        self.assertEqual(set(counts.values()), {TICKS})
        self.assertEqual(accepted, TICKS * ENTITIES)
        self.assertEqual(repeats, 0)
        self.assertEqual(alerts, calm)


if __name__ == "__main__":
    unittest.main()
