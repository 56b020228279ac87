#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Traces that name no peers: is the dependency graph recovered from them, and how many spans a second are taken in?

A real server, and the traces of a simulated system. The spans' `peer` is taken away, and their order is that of a
network: each entity sends its own, a few seconds late and none in order with those of others; --lose of them never
arrive (sampling). First the system's traces as they are, once; then, with new trace ids, until --spans were sent, flat
out. The graph that GET /api/v1/topology tells is held against the system's own.

It holds that precision and recall of the edges are at least --bar (0.98), that every span was accepted once, and that
the sums of docs/flow.md are right. Spans a second and the server's CPU time for each are told, from the first to the last
applied, and not judged.

--live SECONDS: the same traces as they would come now. Event time is the wall clock, --rate spans a second, each entity's
1 to 5 s behind its own. Beside the edges, the share of calls that were joined, of those whose two spans arrived, must be
at least --bar. --join-memory: `ingest.join_memory`.

    tests/campaigns/spans.py [--services 60] [--hours 6] [--spans 1000000] [--lose 0.05] [--seed 1] [--json]
    tests/campaigns/spans.py --live 60 --rate 5000 [--join-memory 64MiB]

Needs a build (FAULTLINE_BIN or build/release/bin). Ends with 0 when all of it held.
"""

import argparse
import csv
import gzip
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
from support import BIN, Publisher, Server, check_sums  # noqa: E402

CONFIG = (
    "processing: {accept_past: true}\n"
    "entities: {max_new_per_second: 100000, max_per_publisher: 0}\n"
)
BATCH = 1000


def simulate(directory, services, hours, seed):
    """@returns (spans, edges) of a quiet system: rows of spans.csv as dicts, and pairs."""
    out = pathlib.Path(directory) / "system"
    subprocess.run([f"{BIN}/faultline", "simulate", "--edition", "2", "--services", str(services), "--quiet", "--spans",
                    "--duration", f"{hours}h", "--interval", "60s", "--seed", str(seed), "--out", str(out)],
                   check=True, stdout=subprocess.DEVNULL)
    recording = json.loads((out / "recording.json").read_text())
    with gzip.open(out / "spans.csv.gz", "rt") as file:
        spans = list(csv.DictReader(file))
    called = {(s["entity"], s["trace"], s["span"]) for s in spans}
    owner = {(trace, span): entity for entity, trace, span in called}
    shown = {(owner[(s["trace"], s["parent"])], s["entity"]) for s in spans if (s["trace"], s["parent"]) in owner}
    edges = {tuple(edge[:2]) for edge in recording["edges"]}
    return spans, edges & shown  # what no trace ever used cannot be seen


def events_of(spans, draw, copy):
    """Events in the order of their arrival."""
    late = {}
    events = []
    for s in spans:
        delay = late.setdefault(s["entity"], draw.uniform(0, 4000)) + draw.uniform(0, 1000)
        at = int(s["ts"]) + int(s["duration_us"]) / 1000 + delay  # a span is sent when it is over
        event = {"type": "span", "entity": s["entity"], "ts": int(s["ts"]), "trace": f"{s['trace']}{copy:04x}",
                 "span": s["span"], "operation": s["operation"], "duration_us": int(s["duration_us"]),
                 "status": s["status"] or "ok"}
        if s["parent"]:
            event["parent"] = s["parent"]
        events.append((at, event))
    events.sort(key=lambda e: e[0])
    return [event for _, event in events]


def live_schedule(spans, draw, rate, seconds):
    """(arrival, event) by arrival, in ms from the beginning, of traces drawn one after the other."""
    traces = {}
    for s in spans:
        traces.setdefault(s["trace"], []).append(s)
    traces = list(traces.values())
    late = {}
    schedule, at, copy = [], 0.0, 0
    while at < seconds * 1000:
        trace = traces[copy % len(traces)]
        copy += 1
        begin = min(int(s["ts"]) for s in trace)
        for s in trace:
            ts = at + int(s["ts"]) - begin
            delay = late.setdefault(s["entity"], draw.uniform(1000, 4000)) + draw.uniform(0, 1000)
            event = {"type": "span", "entity": s["entity"], "ts": int(ts), "trace": f"{s['trace']}{copy:08x}",
                     "span": s["span"], "operation": s["operation"], "duration_us": int(s["duration_us"]),
                     "status": s["status"] or "ok"}
            if s["parent"]:
                event["parent"] = s["parent"]
            schedule.append((ts + int(s["duration_us"]) / 1000 + delay, event))
        at += 1000 * len(trace) / rate
    schedule.sort(key=lambda e: e[0])
    return schedule


def send_live(publisher, schedule):
    """@returns spans a second."""
    begun = time.time()
    sent = 0
    while sent < len(schedule):
        now = (time.time() - begun) * 1000
        batch = []
        while sent < len(schedule) and schedule[sent][0] <= now and len(batch) < BATCH:
            event = schedule[sent][1]
            event["ts"] += int(begun * 1000)
            batch.append(event)
            sent += 1
        if batch:
            publisher.send(batch)
        publisher.pump(1 if batch else 5)
        while len(publisher.waiting) > 24:
            publisher.pump(20)
    publisher.flush()
    return len(schedule) / (time.time() - begun)


def live(services=60, hours=1, lose=0.05, seed=1, bar=0.98, seconds=60, rate=5000, join_memory="64MiB"):
    draw = random.Random(seed)
    with tempfile.TemporaryDirectory() as directory:
        rows, _ = simulate(directory, services, hours, seed)
    schedule = [e for e in live_schedule(rows, draw, rate, seconds) if draw.random() >= lose]
    came = {(e["trace"], e["span"]): e["entity"] for _, e in schedule}
    calls = [(came[outer], e["entity"]) for _, e in schedule
             if (outer := (e["trace"], e.get("parent"))) in came]
    server = Server(CONFIG.replace("accept_past: true", "accept_past: false"), ingest=f"join_memory: {join_memory}")
    server.start()
    try:
        publisher = Publisher(server.router, "spans")
        cpu = cpu_seconds(server)
        pace = send_live(publisher, schedule)
        server.wait_applied()
        cpu = cpu_seconds(server) - cpu
        samples = settled(server)
        told = {(e["from"], e["to"]) for e in server.api("/api/v1/topology")["edges"] if e["source"] == "span"}
        joined = int(samples["faultline_spans_joined_total"])
        report = {
            "spans": len(schedule), "accepted": int(samples['faultline_events_total{as="accepted"}']),
            "spans_per_second": round(pace), "server_cpu_us_per_span": round(cpu * 1e6 / len(schedule), 2), "calls": len(calls), "joined": joined,
            "recall_of_calls": joined / max(1, len(calls)),
            "edges_right": told == {c for c in calls if c[0] != c[1]},
            "left_early": int(samples["faultline_spans_left_early_total"]),
            "join_bytes": int(samples["faultline_span_join_bytes"]),
        }
        report["held"] = (report["recall_of_calls"] >= bar and report["edges_right"] and
                          report["accepted"] == report["spans"])
        return report
    except Exception:
        print(server.tail(), file=sys.stderr)
        raise
    finally:
        server.close()


def cpu_seconds(server):
    """Of the whole process, so far."""
    fields = pathlib.Path(f"/proc/{server.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def send(publisher, events):
    for at in range(0, len(events), BATCH):
        publisher.send(events[at:at + BATCH])
        while len(publisher.waiting) > 24:
            publisher.pump(20)


def settled(server):
    """The counters once no more calls are told: the door does so every five seconds."""
    before, same = -1, 0
    for _ in range(60):
        told = server.metric("faultline_events_derived_total")
        same = same + 1 if told == before else 0
        if same == 12:
            break
        before = told
        time.sleep(0.5)
    return check_sums(server)


def campaign(services=60, hours=6, spans=1_000_000, lose=0.05, seed=1, bar=0.98):
    draw = random.Random(seed)
    with tempfile.TemporaryDirectory() as directory:
        rows, truth = simulate(directory, services, hours, seed)
    kept = [r for r in rows if draw.random() >= lose]
    server = Server(CONFIG)
    server.start()
    try:
        publisher = Publisher(server.router, "spans")
        send(publisher, events_of(kept, draw, 0))
        publisher.flush()
        server.wait_applied()
        sent = len(kept)
        batches = [events_of(kept, draw, copy) for copy in range(1, max(1, spans // len(kept)))]
        begun, cpu = time.monotonic(), cpu_seconds(server)
        for batch in batches:
            send(publisher, batch)
            sent += len(batch)
        publisher.flush(300)
        server.wait_applied(300)
        took, cpu = time.monotonic() - begun, cpu_seconds(server) - cpu
        samples = settled(server)
        told = {(e["from"], e["to"]) for e in server.api("/api/v1/topology")["edges"] if e["source"] == "span"}
        right = len(told & truth)
        report = {
            "spans": sent, "accepted": int(samples['faultline_events_total{as="accepted"}']), "edges": len(truth),
            "precision": right / max(1, len(told)), "recall": right / max(1, len(truth)),
            "spans_per_second": round((sent - len(kept)) / took) if batches else None,
            "server_cpu_us_per_span": round(cpu * 1e6 / (sent - len(kept)), 2) if batches else None,
            "joined": int(samples["faultline_spans_joined_total"]),
            "orphaned": int(samples["faultline_spans_orphaned_total"]),
            "records_of_calls": int(samples["faultline_events_derived_total"]),
        }
        report["held"] = (report["precision"] >= bar and report["recall"] >= bar and
                          report["accepted"] == report["spans"])
        return report
    except Exception:
        print(server.tail(), file=sys.stderr)
        raise
    finally:
        server.close()


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--services", type=int, default=60)
    arguments.add_argument("--hours", type=int, default=6)
    arguments.add_argument("--spans", type=int, default=1_000_000)
    arguments.add_argument("--lose", type=float, default=0.05)
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--bar", type=float, default=0.98)
    arguments.add_argument("--live", type=int, default=0, metavar="SECONDS")
    arguments.add_argument("--rate", type=int, default=5000)
    arguments.add_argument("--join-memory", default="64MiB")
    arguments.add_argument("--json", action="store_true")
    given = vars(arguments.parse_args())
    as_json = given.pop("json")
    seconds, rate, memory = given.pop("live"), given.pop("rate"), given.pop("join_memory")
    if seconds:
        given.pop("spans")
        report = live(**given, seconds=seconds, rate=rate, join_memory=memory)
    else:
        report = campaign(**given)
    if as_json:
        print(json.dumps(report))
    else:
        for key, value in report.items():
            print(f"{key:18} {value}")
    return 0 if report["held"] else 1


if __name__ == "__main__":
    sys.exit(main())
