#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A server under a steady load for hours: does anything grow that should not?

    tests/campaigns/soak.py --hours 2 --load 0.7 [--entities 2000] [--seed 1] [--json]

Finds what the server applies a second when it is kept full, then sends that share of it, acknowledged, to the end. A tenth of
the entities takes turns with others every minute, so that some go to disk and come back. Resident memory, open
files and threads are sampled every five seconds. After the first quarter (at most half an hour) the slope of the resident
memory must be at most 1 MB an hour, open files and threads must not grow, everything must be acknowledged, and the sums of
docs/flow.md must hold in the end.
"""

import argparse
import collections
import json
import os
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from support import Server, check_sums  # noqa: E402
from ledger import Source  # noqa: E402

CONFIG = ("processing: {tick: 10s, accept_past: true}\n"
          "limits: [{entity: '*', metric: disk.used, above: 90}]\n"
          "retention: {log_bytes: 256MiB}\n")
EVERY_S = 5.0
SLOPE_MB_H = 1.0
OTHERS = 0.1  # share of the entities that take turns


def use_of(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    kinds = collections.Counter(kind_of(f) for f in pathlib.Path(f"/proc/{pid}/fd").iterdir())
    return {"rss_kib": int(status.split("VmRSS:")[1].split()[0]), "threads": int(status.split("Threads:")[1].split()[0]),
            "files": sum(kinds.values()), "kinds": dict(kinds), "cpu_s": cpu_of(pid)}


def kind_of(descriptor):
    """What is open: ".sst" of a table, ".log" of a write-ahead log, "socket", "anon_inode"."""
    try:
        target = os.readlink(descriptor)
    except OSError:
        return "closed"
    return pathlib.Path(target).suffix or target.split(":")[0].rsplit("/", 1)[-1]


def cpu_of(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def slope(points):
    """Of a line through [(seconds, kib)], in MB an hour."""
    n = len(points)
    if n < 2:
        return 0.0
    mean_t, mean_v = sum(t for t, _ in points) / n, sum(v for _, v in points) / n
    over = sum((t - mean_t) * (v - mean_v) for t, v in points)
    under = sum((t - mean_t) ** 2 for t, _ in points)
    return over / under * 3600 * 1024 / 1e6 if under else 0.0


class Load:
    """One publisher of the entities that are always there, one of those that take turns."""

    def __init__(self, server, entities, seed):
        others = int(entities * OTHERS)
        self.steady = Source(f"soak-{seed}", list(range(entities - others)), window=8)
        self.turns = [Source(f"soak-{seed}-{n}", list(range(entities + n * others, entities + (n + 1) * others)), window=2)
                      for n in range(2)]
        for source in [self.steady, *self.turns]:
            source.connect(server.router)
        self.begun = time.monotonic()

    def pump(self, period_s):
        turn = self.turns[int((time.monotonic() - self.begun) / period_s) % 2]
        got = self.steady.pump() + turn.pump()
        return got + sum(t.pump(more=False) for t in self.turns if t is not turn)

    def pace(self, events_per_second):
        for source in [self.steady, *self.turns]:
            share = OTHERS if source in self.turns else 1 - OTHERS
            source.pause = min(250, len(source.entities)) / (events_per_second * share)

    def rest(self):
        end = time.monotonic() + 120
        while any(s.waiting for s in [self.steady, *self.turns]) and time.monotonic() < end:
            for s in [self.steady, *self.turns]:
                s.pump(more=False)
            time.sleep(0.01)
        return sum(len(s.waiting) for s in [self.steady, *self.turns])


def full_rate(server, load, seconds):
    before, begin = server.metric("faultline_events_applied_total"), time.monotonic()
    while time.monotonic() - begin < seconds:
        if not load.pump(60):
            time.sleep(0.001)
    return (server.metric("faultline_events_applied_total") - before) / (time.monotonic() - begin)


def run(hours, share, entities, seed):
    server = Server(CONFIG).start()
    try:
        load = Load(server, entities, seed)
        rate = full_rate(server, load, min(20, hours * 360))
        load.pace(max(1.0, rate * share))
        begin, samples, due = time.monotonic(), [], 0.0
        applied = server.metric("faultline_events_applied_total")
        while time.monotonic() - begin < hours * 3600:
            if time.monotonic() - begin >= due:
                samples.append((time.monotonic() - begin, use_of(server.process.pid)))
                due += EVERY_S
            if not load.pump(60):
                time.sleep(0.002)
        left = load.rest()
        server.wait_applied(seconds=120)
        check_sums(server)
        applied = server.metric("faultline_events_applied_total") - applied
        return judge(samples, rate, share, left, applied)
    finally:
        server.close()


def judge(samples, rate, share, left, applied):
    seconds = samples[-1][0]
    warm = min(1800.0, seconds / 4)
    later = [(t, u) for t, u in samples if t >= warm]
    half = len(later) // 2
    figures = {"seconds": round(seconds), "full_events_per_second": round(rate), "load": share,
               "events": int(applied), "events_per_second": round(applied / seconds),
               "server_cores": round((samples[-1][1]["cpu_s"] - samples[0][1]["cpu_s"]) / seconds, 2),
               "slope_mb_per_hour": round(slope([(t, u["rss_kib"]) for t, u in later]), 2),
               "rss_mib_after_warm_up": later[0][1]["rss_kib"] >> 10, "rss_mib_end": later[-1][1]["rss_kib"] >> 10,
               "unanswered": left, "wrong": []}
    figures["kinds_of_files"] = [later[0][1]["kinds"], later[-1][1]["kinds"]]
    for what in ("files", "threads"):
        first, second = (max(u[what] for _, u in part) for part in (later[:half], later[half:]))
        figures[what] = [first, second]
        if second > first + 8:
            figures["wrong"].append(f"{what} grew from {first} to {second}")
    if figures["slope_mb_per_hour"] > SLOPE_MB_H:
        figures["wrong"].append("the resident memory grows")
    if left:
        figures["wrong"].append(f"{left} requests without an answer")
    return figures


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--hours", type=float, default=2.0)
    arguments.add_argument("--load", type=float, default=0.7)
    arguments.add_argument("--entities", type=int, default=2000)
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--json", action="store_true")
    wanted = arguments.parse_args()
    figures = run(wanted.hours, wanted.load, wanted.entities, wanted.seed)
    print(json.dumps(figures) if wanted.json else "\n".join(f"{k:26} {v}" for k, v in figures.items()))
    return 1 if figures["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
