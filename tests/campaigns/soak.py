#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A server under a steady load for hours: does anything grow that should not?

    tests/campaigns/soak.py --hours 2 --load 0.7 [--entities 2000] [--seed 1] [--samples FILE] [--json]

Finds what the server applies a second when it is kept full, then sends that share of it, acknowledged, to the end. A tenth of
the entities takes turns with others every minute, so that some go to disk and come back. Resident memory, open
files and threads are sampled every five seconds, what the memory is made of every minute (`--samples`: each minute, a line of
JSON). After the first quarter (at most half an hour) the slope of the resident
memory must be at most 1 MB an hour, open files and threads must not grow, everything must be acknowledged, and the sums of
docs/flow.md must hold in the end. The slopes of the parts say what a growth is: "held" is what is allocated beyond the store's
write buffers and cache, "apart" what the allocator holds beyond what is allocated, "of_files" pages of programs and files.
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
PARTS_EVERY_S = 60.0
SLOPE_MB_H = 1.0
OTHERS = 0.1  # share of the entities that take turns


def use_of(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    kinds = collections.Counter(kind_of(f) for f in pathlib.Path(f"/proc/{pid}/fd").iterdir())
    return {"rss_kib": kib_of(status, "VmRSS"), "of_files_kib": kib_of(status, "RssFile"), "threads": int(status.split("Threads:")[1].split()[0]),
            "files": sum(kinds.values()), "kinds": dict(kinds), "cpu_s": cpu_of(pid)}


def kib_of(status, name):
    return int(status.split(name + ":")[1].split()[0])


def parts_of(server, pid):
    """What the memory of the server is made of, in KiB, and how much the store holds."""
    page = server.metrics()
    part = {name: page.get(f'faultline_memory_bytes{{part="{name}"}}', 0.0) / 1024
            for name in ("anonymous", "allocated", "active", "allocator", "store_write_buffers", "store_cache")}
    part["held"] = part["allocated"] - part["store_write_buffers"] - part["store_cache"]
    part["apart"] = part["anonymous"] - part["allocated"]
    part["of_files"] = float(kib_of(pathlib.Path(f"/proc/{pid}/status").read_text(), "RssFile"))
    return {name: round(kib) for name, kib in part.items()}


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

    def rows(self):
        """Rows that were sent: an event of values each, some with logs and spans beside it."""
        return sum(s.sent * len(s.entities) / s.batches for s in [self.steady, *self.turns])

    def pace(self, rows_per_second):
        for source in [self.steady, *self.turns]:
            share = OTHERS if source in self.turns else 1 - OTHERS
            source.pause = len(source.entities) / source.batches / (rows_per_second * share)

    def rest(self):
        end = time.monotonic() + 120
        while any(s.waiting for s in [self.steady, *self.turns]) and time.monotonic() < end:
            for s in [self.steady, *self.turns]:
                s.pump(more=False)
            time.sleep(0.01)
        return sum(len(s.waiting) for s in [self.steady, *self.turns])


def full_rate(server, load, seconds):
    """Events a second that are applied when the server is kept full, and rows for each event."""
    before, rows, begin = server.metric("faultline_events_applied_total"), load.rows(), time.monotonic()
    while time.monotonic() - begin < seconds:
        if not load.pump(60):
            time.sleep(0.001)
    events, seconds = server.metric("faultline_events_applied_total") - before, time.monotonic() - begin
    return events / seconds, (load.rows() - rows) / max(1.0, events)


class Watch:
    """Samples of a server's use, on time, and of what its memory is made of, each written at once."""

    def __init__(self, server, file):
        self.server, self.file = server, open(file, "a", encoding="utf-8") if file else None
        self.begun, self.uses, self.parts, self.due, self.parts_due = time.monotonic(), [], [], 0.0, 0.0

    def look(self):
        now = time.monotonic() - self.begun
        if self.server.process.poll() is not None:
            raise SystemExit(f"soak: the server ended with {self.server.process.returncode} after {now:.0f} s:\n{self.server.tail()}")
        if now >= self.due:
            self.uses.append((now, use_of(self.server.process.pid)))
            self.due += EVERY_S
        if now >= self.parts_due:
            self.parts.append((now, parts_of(self.server, self.server.process.pid)))
            self.parts_due += PARTS_EVERY_S
            if self.file:
                print(json.dumps({"seconds": round(now), **self.uses[-1][1], "parts_kib": self.parts[-1][1]}),
                      file=self.file, flush=True)
        return now


def run(hours, share, entities, seed, file):
    server = Server(CONFIG).start()
    try:
        load = Load(server, entities, seed)
        rate, rows_per_event = full_rate(server, load, min(20, hours * 360))
        load.pace(max(1.0, rate * share * rows_per_event))
        applied = server.metric("faultline_events_applied_total")
        watch = Watch(server, file)
        while watch.look() < hours * 3600:
            if not load.pump(60):
                time.sleep(0.002)
        left = load.rest()
        server.wait_applied(seconds=120)
        check_sums(server)
        applied = server.metric("faultline_events_applied_total") - applied
        return judge(watch, rate, share, left, applied)
    finally:
        server.close()


def judge(watch, rate, share, left, applied):
    samples = watch.uses
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
    parts = [(t, u) for t, u in watch.parts if t >= warm]
    figures["parts_mib"] = {name: {"first": round(parts[0][1][name] / 1024, 1), "last": round(parts[-1][1][name] / 1024, 1),
                                   "slope_mb_per_hour": round(slope([(t, u[name]) for t, u in parts]), 2)}
                            for name in (parts[0][1] if parts else ())}
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
    arguments.add_argument("--samples", metavar="FILE")
    arguments.add_argument("--json", action="store_true")
    wanted = arguments.parse_args()
    figures = run(wanted.hours, wanted.load, wanted.entities, wanted.seed, wanted.samples)
    print(json.dumps(figures) if wanted.json else "\n".join(f"{k:26} {v}" for k, v in figures.items()))
    return 1 if figures["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
