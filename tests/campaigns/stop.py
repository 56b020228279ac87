#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""SIGTERM under load, and at any time of a start: how long an end in order takes, and what it leaves to do.

    tests/campaigns/stop.py --times 20 --entities 10000 --rate 3000 [--most-s 5] [--seed 1] [--json]
    tests/campaigns/stop.py --early 100                    that many starts that are told to end within their first second

Four acknowledged publishers send metrics, log lines, spans and edges and go on after the signal until the server is gone. Each end must be with 0,
the next start must find nothing to read again (all that was applied is in a snapshot), and in the end every event that was acknowledged is
there once. With --most-s each end must be within so many seconds. A start that is told to end must end with 0; those that
were told while the dynamic linker was still at work, before any line of ours can run, are counted for themselves.
"""

import argparse
import json
import pathlib
import random
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from support import Server, check_sums  # noqa: E402
from kill import CONFIG, PUBLISHERS  # noqa: E402
from ledger import Source  # noqa: E402


def pump(sources, seconds, more=True):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not sum(s.pump(more) for s in sources):
            time.sleep(0.002)


def end_under_load(server, sources):
    """@returns seconds from SIGTERM to the end of the process."""
    server.process.send_signal(signal.SIGTERM)
    begin = time.monotonic()
    while server.process.poll() is None:
        assert time.monotonic() - begin < 120, "SIGTERM does not end it: " + server.tail()
        if not sum(s.pump() for s in sources):
            time.sleep(0.002)
    took = time.monotonic() - begin
    assert server.process.returncode == 0, f"ended with {server.process.returncode}: {server.tail()}"
    return took


def known_to_all(server, sources, entities, seconds=300):
    end = time.monotonic() + seconds
    while server.metric("faultline_entities") < entities:
        assert time.monotonic() < end, "the entities do not come"
        pump(sources, 0.2)


def sent(sources):
    return sum(len(s.events(seq)) for s in sources for seq in range(1, s.sent + 1))


def ends(times, entities, rate, seconds):
    """@returns the figures of so many ends under load; AssertionError where one is not in order."""
    sources = [Source(f"stop-{n}", list(range(n, entities, PUBLISHERS)), rate=rate / PUBLISHERS) for n in range(PUBLISHERS)]
    server = Server(CONFIG)
    took, again = [], []
    try:
        for n in range(times):
            server.start()
            again.append(int(server.metrics().get('faultline_events_read_total{from="restart"}', 0)))
            for source in sources:
                source.connect(server.router)
            if n == 0:
                known_to_all(server, sources, entities)
            pump(sources, seconds)
            took.append(end_under_load(server, sources))
        server.start()
        again.append(int(server.metrics().get('faultline_events_read_total{from="restart"}', 0)))
        for source in sources:
            source.connect(server.router)
        while any(s.waiting for s in sources):
            pump(sources, 0.1, more=False)
        m = check_sums(server)
        assert m['faultline_events_total{as="accepted"}'] == sent(sources), "what was acknowledged is not what is there"
        assert not any(again), f"events were read again after an end in order: {again}"
        assert not any(s.wrong for s in sources), [s.wrong[:1] for s in sources]
        return {"ends": times, "entities": entities, "events": sent(sources), "longest_s": round(max(took), 2),
                "median_s": round(sorted(took)[len(took) // 2], 2), "read_again": sum(again)}
    finally:
        for source in sources:
            source.close()
        server.close()


def links_still(pid):
    """Whether the process has no handler of ours yet: SIGTERM is bit 14 of SigCgt."""
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("SigCgt:"):
            return not int(line.split()[1], 16) >> (signal.SIGTERM - 1) & 1
    return False


def early(times, seed):
    """@returns how many starts that were told to end within their first second ended how."""
    chance, found = random.Random(seed), {"ended_with_0": 0, "while_linking": 0, "slowest_s": 0.0}
    server = Server(CONFIG)
    try:
        for n in range(times):
            server.start(wait=False)
            if n % 2 == 0:
                time.sleep(chance.random())
            else:  # the moment it can hear: before any library was constructed
                end = time.monotonic() + 60
                while links_still(server.process.pid) and time.monotonic() < end:
                    time.sleep(0.001)
            linking = links_still(server.process.pid)
            server.process.send_signal(signal.SIGTERM)
            begin = time.monotonic()
            status = server.process.wait(timeout=60)
            found["slowest_s"] = max(found["slowest_s"], round(time.monotonic() - begin, 2))
            if linking and status == -signal.SIGTERM:
                found["while_linking"] += 1
                continue
            assert status == 0, f"a start that was told to end ended with {status}: {server.tail()}"
            found["ended_with_0"] += 1
        return found
    finally:
        server.remove()


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--times", type=int, default=0)
    arguments.add_argument("--entities", type=int, default=10_000)
    arguments.add_argument("--rate", type=int, default=3000, help="events a second; 0: as many as are acknowledged")
    arguments.add_argument("--seconds", type=float, default=10, help="of load before each end")
    arguments.add_argument("--most-s", type=float, help="fail where an end takes longer")
    arguments.add_argument("--early", type=int, default=0)
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--json", action="store_true")
    wanted = arguments.parse_args()
    figures = {}
    if wanted.times or not wanted.early:
        figures = ends(wanted.times or 20, wanted.entities, wanted.rate, wanted.seconds)
    if wanted.early:
        figures["early"] = early(wanted.early, wanted.seed)
    print(json.dumps(figures) if wanted.json else "\n".join(f"{k:14} {v}" for k, v in figures.items()))
    return 1 if wanted.most_s and figures.get("longest_s", 0) > wanted.most_s else 0


if __name__ == "__main__":
    sys.exit(main())
