#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A subscriber that stops for a while, at thousands of alert records a second, hurts nobody and misses nothing.

A real server, real alerts: every entity has an operator limit, crosses it for two ticks and is well for three, again and
again; event time runs as fast as it is sent (accept_past), so that alerts fire and resolve at --rate a second. The
entities are still learning: their alerts open no incidents; with --incidents they have learned, and every episode opens
one whose cause is looked for. One subscriber is stopped (SIGSTOP) for --seconds, two others read on.

It holds that: the others got every record, in order and in time; the server's anonymous memory grew by 64 MiB at most while
the subscriber stood still; afterwards that subscriber, which compares by seq and asks for a replay, has every record.

    tests/campaigns/slow_subscriber.py [--rate 5000] [--seconds 60] [--warm-up 90] [--incidents] [--json]

Needs a build (FAULTLINE_BIN or build/release/bin). Ends with 0 when all of it held.
"""

import argparse
import dataclasses
import json
import multiprocessing
import os
import pathlib
import signal
import sys
import time

import msgpack
import zmq

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from support import Publisher, Server  # noqa: E402
from loads import CYCLE, STORM, memory_of, storm_rows  # noqa: E402

MEMORY_BUDGET = 64 * 1024 * 1024


def server_with_small_buffers(incidents):
    """Small RocksDB buffers fill in the warm-up: what grows afterwards is not theirs. Who is still learning opens no
    incidents."""
    server = Server(STORM + f"detection: {{learning: {'1h' if incidents else '90d'}}}\n")
    text = server.config.read_text()
    server.config.write_text(text.replace("storage: {", "storage: {cache: 32MiB, write_buffer: 32MiB, "))
    return server


def publish(port, entities, rate, told):
    """Sends ticks so that @p rate alert records a second come of them, until told.stop."""
    publisher = Publisher(port, "storm")
    per_tick = 2 * entities / CYCLE
    begin, n = time.monotonic(), 0
    while not told["stop"].is_set():
        batch = storm_rows(n, entities)
        for at in range(0, entities, 500):
            publisher.send(batch[at:at + 500])
        while len(publisher.waiting) > 16:
            publisher.pump(20)
        n += 1
        ahead = begin + n * per_tick / rate - time.monotonic()
        if ahead > 0:
            time.sleep(ahead)
        begin += max(0, -1 - ahead)  # after a stall no more than a second is caught up with at once
    publisher.flush()
    told["ticks"].value = n
    publisher.close()


def replay(port, start, end, seen):
    """Records start..end from the replay socket into @p seen; how many came."""
    s = zmq.Context.instance().socket(zmq.DEALER)
    s.setsockopt(zmq.LINGER, 0)
    s.connect(f"tcp://127.0.0.1:{port}")
    found = 0
    while start <= end:
        s.send(msgpack.packb({"op": "replay", "from": start, "limit": 1000}))
        if not s.poll(20_000):
            raise RuntimeError("no answer to replay")
        page = msgpack.unpackb(s.recv())
        for r in page["records"]:
            if r["payload"]["seq"] <= end:
                note(seen, r["payload"])
                found += 1
        if page["next"] == start:
            break
        start = page["next"]
    s.close()
    return found


def note(seen, record):
    """A record by seq; one that says something else under the same seq is a fault."""
    what = (record.get("id"), record.get("transition"), record.get("state"), record["kind"])
    if seen.setdefault(record["seq"], what) != what:
        raise RuntimeError(f"record {record['seq']} changed")


def subscribe(server_ports, out, told, buffer_bytes):
    """Reads the feed until told to stop and up to the last seq; fills gaps by replay. Reports what it saw."""
    publish_port, replay_port = server_ports
    s = zmq.Context.instance().socket(zmq.SUB)
    if buffer_bytes:
        s.setsockopt(zmq.RCVBUF, buffer_bytes)
    else:
        s.setsockopt(zmq.RCVHWM, 10_000)  # as transport/feed_client
    s.setsockopt(zmq.LINGER, 0)
    s.subscribe(b"")
    s.connect(f"tcp://127.0.0.1:{publish_port}")
    seen, report = {}, {"live": 0, "gaps": 0, "replayed": 0, "worst_lag_ms": 0}
    last = 0
    while s.recv_multipart()[0] != b"feed/heartbeat":  # who hears is subscribed; one comes every second
        pass
    told["ready"].release()
    while True:
        if not s.poll(200):
            if told["stop"].is_set() and last >= told["last"].value > 0:
                break
            continue
        topic, payload = s.recv_multipart()
        record = msgpack.unpackb(payload)
        if record["kind"] == "heartbeat":
            if record["seq"] > last:
                report["gaps"] += 1
                report["replayed"] += replay(replay_port, last + 1, record["seq"], seen)
                last = record["seq"]
            continue
        report["live"] += 1
        lag = time.time() * 1000 - record["published"]
        report["worst_lag_ms"] = max(report["worst_lag_ms"], lag)
        if record["seq"] > last + 1:
            report["gaps"] += 1
            report["replayed"] += replay(replay_port, last + 1, record["seq"] - 1, seen)
        note(seen, record)
        last = max(last, record["seq"])
    report["incidents"] = sum(1 for what in seen.values() if what[3] == "incident")
    s.close()
    out.send((report, seen))


class Subscribers:
    """The stopped one and two that read on, each a process of its own."""

    def __init__(self, server):
        self.told = {"stop": multiprocessing.Event(), "last": multiprocessing.Value("Q", 0),
                     "ready": multiprocessing.Semaphore(0)}
        self.pipes, self.processes = {}, {}
        for name in ("slow", "one", "other"):
            mine, theirs = multiprocessing.Pipe(duplex=False)
            process = multiprocessing.Process(
                target=subscribe, daemon=True,
                args=((server.publish, server.replay), theirs, self.told, 65536 if name == "slow" else 0))
            process.start()
            self.pipes[name], self.processes[name] = mine, process
        for _ in self.processes:
            if not self.told["ready"].acquire(timeout=120):
                raise RuntimeError("a subscriber does not hear")

    def signal(self, name, what):
        os.kill(self.processes[name].pid, what)

    def reports(self, last, seconds):
        self.told["last"].value = last
        self.told["stop"].set()
        found = {}
        for name, pipe in self.pipes.items():
            if not pipe.poll(seconds):
                raise RuntimeError(f"subscriber {name} did not catch up in {seconds} s")
            found[name] = pipe.recv()
        return found

    def close(self):
        for process in self.processes.values():
            if process.is_alive():
                os.kill(process.pid, signal.SIGCONT)
                process.terminate()
            process.join(20)


def feed_seq(server):
    return server.api("/api/v1/status")["feed"]["seq"]


def watch(server, seconds, samples, records=0):
    """Waits so long and until so many records came, sampling the server's memory. @returns the seq before and after."""
    begin, first = time.monotonic(), feed_seq(server)
    while time.monotonic() - begin < seconds or feed_seq(server) - first < records:
        if time.monotonic() - begin > seconds + 120:
            raise RuntimeError(f"only {feed_seq(server) - first} records came")
        samples.append(memory_of(server.process.pid, "RssAnon"))
        time.sleep(0.25)
    return first, feed_seq(server)


def run(rate, seconds, warm_up, entities, records=0, budget=MEMORY_BUDGET, incidents=False):
    """One campaign; the result says under "wrong" what did not hold. The subscriber stands still for @p seconds and
    until @p records have passed it by."""
    server = server_with_small_buffers(incidents).start()
    subscribers = Subscribers(server)
    told = {"stop": multiprocessing.Event(), "ticks": multiprocessing.Value("Q", 0)}
    sender = multiprocessing.Process(target=publish, args=(server.router, entities, rate, told), daemon=True)
    try:
        sender.start()
        watch(server, warm_up, [])
        before = []
        watch(server, 2, before)
        subscribers.signal("slow", signal.SIGSTOP)
        during, begin = [], time.monotonic()
        begin_cpu = cpu_seconds(server.process.pid)
        span = watch(server, seconds, during, records)
        seconds = time.monotonic() - begin
        spent = cpu_seconds(server.process.pid) - begin_cpu
        subscribers.signal("slow", signal.SIGCONT)
        awake = time.monotonic()
        told["stop"].set()
        sender.join(120)
        server.wait_applied(120)
        last = settled(server)
        reports = subscribers.reports(last, 300)
        caught_up = time.monotonic() - awake
        status = server.stop()
        return judge(Seen(rate=rate, seconds=seconds, entities=entities, span=span, cpu_s=spent, memory_before=max(before),
                          memory_grown=max(during) - max(before), last=last, reports=reports, caught_up_s=caught_up, status=status),
                     budget)
    finally:
        told["stop"].set()
        if sender.is_alive():
            sender.terminate()
        subscribers.close()
        server.close()


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def settled(server):
    last, quiet = -1, 0
    while quiet < 5:
        now = feed_seq(server)
        quiet = quiet + 1 if now == last else 0
        last = now
        time.sleep(0.2)
    return last


@dataclasses.dataclass
class Seen:
    """What came of a campaign."""

    rate: int  # asked for
    seconds: float  # that the subscriber stood still
    entities: int
    span: tuple  # seq of the feed before and after these
    cpu_s: float  # of the server meanwhile
    memory_before: int  # bytes
    memory_grown: int
    last: int  # seq of the record that all waited for
    reports: dict  # by subscriber: its counts, and what it saw by seq
    caught_up_s: float
    status: int  # the server's exit


def judge(seen, budget):
    """@returns the result; under "wrong" what did not hold."""
    wrong, reports = [], seen.reports
    # Causes that are still being looked for are told later: what counts is up to the record that all waited for.
    told = {name: {seq: what for seq, what in reports[name][1].items() if seq <= seen.last} for name in reports}
    everything = told["one"]
    if sorted(everything) != list(range(1, seen.last + 1)):
        wrong.append("a subscriber that read on has not every record")
    for name in ("slow", "other"):
        if told[name] != everything:
            wrong.append(f"{name} has other records than the first")
    for name in ("one", "other"):
        if reports[name][0]["gaps"] > 0:
            wrong.append(f"{name} lost messages though it read: {reports[name][0]['gaps']} gaps")
    if reports["slow"][0]["replayed"] == 0:
        wrong.append("the stopped subscriber missed nothing: it was not tested")
    first, after = seen.span
    alerts = sum(1 for seq in range(first + 1, after + 1) if everything.get(seq, ("",) * 4)[3] == "alert")
    if seen.memory_grown > budget:
        wrong.append(f"the server grew by {seen.memory_grown >> 20} MiB")
    if seen.status != 0:
        wrong.append(f"exit status {seen.status}")
    return {
        "rate_asked": seen.rate, "rate_reached": round(alerts / seen.seconds),
        "records_per_second": round((after - first) / seen.seconds), "seconds": round(seen.seconds), "entities": seen.entities,
        "records": seen.last, "of_incidents": reports["one"][0]["incidents"],
        "memory_before_mib": seen.memory_before >> 20, "memory_grown_mib": round(seen.memory_grown / (1 << 20), 1),
        "slow_replayed": reports["slow"][0]["replayed"], "caught_up_s": round(seen.caught_up_s, 1),
        "others_worst_lag_ms": round(max(reports[n][0]["worst_lag_ms"] for n in ("one", "other"))),
        "server_cpu_s_per_second": round(seen.cpu_s / seen.seconds, 2), "wrong": wrong,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rate", type=int, default=5000, help="alert records a second")
    parser.add_argument("--seconds", type=int, default=60, help="how long the subscriber stands still")
    parser.add_argument("--warm-up", type=int, default=90,
                        help="seconds of the same load before: what the server itself grows by until it is steady")
    parser.add_argument("--entities", type=int, default=2500)
    parser.add_argument("--json", action="store_true", help="the result as one line of JSON")
    parser.add_argument("--incidents", action="store_true", help="by entities that have learned: alerts open incidents")
    options = parser.parse_args()
    result = run(options.rate, options.seconds, options.warm_up, options.entities, incidents=options.incidents)
    if options.json:
        print(json.dumps(result))
    else:
        for key, value in result.items():
            print(f"{key:24} {value}")
    reached = result["rate_reached"] >= 0.95 * options.rate
    if not reached:
        print(f"only {result['rate_reached']} alert records a second of {options.rate}", file=sys.stderr)
    sys.exit(1 if result["wrong"] or not reached else 0)


if __name__ == "__main__":
    main()
