#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Many pages that follow at once: 1,000 live streams (GET /api/v1/stream?brief=true) while alerts fire and resolve.

A server with the file limit of a usual shell (1,024). First alerts at --rate a second for --seconds with nobody who follows;
then --streams of them open, and one more, which must be refused with words; the same load again, one in ten streams not
reading for all of it; then all are closed.

It holds that every stream that reads has every message once and in order, without a gap, and those that did not read have
them afterwards or were cut; that acknowledgements took at most --ack milliseconds (the 99th in a hundred) or twice what they
took before, and answers of the API at most --answer; that nothing was shed; that anonymous memory grew by at most --memory
MiB; and that afterwards no stream is left.

    tests/campaigns/streams.py [--streams 1000] [--rate 20] [--seconds 20] [--json]

Needs a build (FAULTLINE_BIN or build/release/bin). Ends with 0 when all of it held.
"""

import argparse
import json
import multiprocessing
import pathlib
import re
import resource
import selectors
import socket
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from support import Publisher, Server  # noqa: E402
from loads import CYCLE, STORM, memory_of, storm_rows  # noqa: E402

USUAL_FILES = 1024
ID = re.compile(rb"^id: (\d+)$", re.MULTILINE)


class Stream:
    """One reader: the seqs it has had, in order, from pieces of any size."""

    def __init__(self, port, streams):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self.socket.sendall(b"GET /api/v1/stream?brief=true HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n")
        self.rest, self.seqs, self.gaps, self.ended = b"", [], 0, False
        self.head = self.socket.recv(65536)
        self.socket.setblocking(False)
        streams.append(self)

    def take(self):
        try:
            piece = self.socket.recv(1 << 18)
        except BlockingIOError:
            return
        except OSError:
            piece = b""
        if not piece:
            self.ended = True
            return
        whole, _, self.rest = (self.rest + piece).rpartition(b"\n")
        self.gaps += whole.count(b"event: gap")
        self.seqs += [int(n) for n in ID.findall(whole)]


def follow(port, count, orders, answers):
    """A process of its own: opens streams, reads them, says what came."""
    streams = []
    begin = time.monotonic()
    for _ in range(count):
        Stream(port, streams)
    accepted = sum(b" 200 " in s.head.split(b"\r\n")[0] for s in streams)
    answers.put({"opened": accepted, "seconds": round(time.monotonic() - begin, 2)})
    selector = selectors.DefaultSelector()
    still = set(range(0, count, 10)) if orders.get() == "read, one in ten not" else set()
    for n, s in enumerate(streams):
        if n not in still:
            selector.register(s.socket, selectors.EVENT_READ, s)
    while True:
        for key, _ in selector.select(0.05):
            key.data.take()
            if key.data.ended:
                selector.unregister(key.data.socket)
        if orders.empty():
            continue
        order = orders.get()
        if order == "all":
            for n in still:
                selector.register(streams[n].socket, selectors.EVENT_READ, streams[n])
        elif order == "close":
            break
        else:  # up to which seq
            last, end = int(order), time.monotonic() + 30
            behind = [s for n, s in enumerate(streams) if n not in still]
            while time.monotonic() < end and any(not s.ended and (not s.seqs or s.seqs[-1] < last) for s in behind):
                for key, _ in selector.select(0.05):
                    key.data.take()
                    if key.data.ended:
                        selector.unregister(key.data.socket)
            answers.put([told(n in still, s) for n, s in enumerate(streams)])
    for s in streams:
        s.socket.close()
    answers.put("closed")


def told(still, s):
    return {"still": still, "n": len(s.seqs), "first": s.seqs[0] if s.seqs else 0, "last": s.seqs[-1] if s.seqs else 0,
            "in_order": all(b == a + 1 for a, b in zip(s.seqs, s.seqs[1:])), "gaps": s.gaps, "ended": s.ended}


def percentile(values, q):
    values = sorted(values)
    return values[min(len(values) - 1, int(q * len(values)))] if values else 0.0


class Asker(threading.Thread):
    """Asks the API now and then, as somebody who opens the page does."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self.server, self.ms, self.failed, self.done = server, [], 0, threading.Event()
        self.start()

    def run(self):
        while not self.done.wait(0.1):
            begin = time.monotonic()
            try:
                self.failed += self.server.get("/api/v1/overview")[0] != 200
            except OSError:
                self.failed += 1
            self.ms.append((time.monotonic() - begin) * 1000)


def load(server, publisher, from_tick, options):
    """Ticks at the rate; @returns (next tick, figures)."""
    entities = 50
    per_tick = 2 * entities / CYCLE
    asker, acks, begin, n, peak = Asker(server), [], time.monotonic(), 0, 0
    while time.monotonic() - begin < options.seconds:
        sent = time.monotonic()
        seq = publisher.send(storm_rows(from_tick + n, entities))
        publisher.reply_to(seq)
        acks.append((time.monotonic() - sent) * 1000)
        peak = max(peak, memory_of(server.process.pid, "RssAnon"))
        n += 1
        time.sleep(max(0.0, begin + n * per_tick / options.rate - time.monotonic()))
    asker.done.set()
    asker.join()
    server.wait_applied()
    return from_tick + n, {"ack_p99_ms": round(percentile(acks, 0.99), 1), "answer_p99_ms": round(percentile(asker.ms, 0.99), 1),
                           "answers": len(asker.ms), "failed": asker.failed, "ticks": n, "peak_bytes": peak}


def settled_seq(server):
    last, quiet = -1, 0
    while quiet < 5:
        seq = server.api("/api/v1/status")["feed"]["seq"]
        quiet = quiet + 1 if seq == last else 0
        last = seq
        time.sleep(0.2)
    return last


def run(server, options):
    publisher = Publisher(server.router, "storm")
    figures = {}
    tick, _ = load(server, publisher, 0, argparse.Namespace(seconds=5, rate=options.rate))  # buffers are filled
    tick, figures["before"] = load(server, publisher, tick, options)
    orders, answers = multiprocessing.Queue(), multiprocessing.Queue()
    reader = multiprocessing.Process(target=follow, args=(server.http, options.streams, orders, answers), daemon=True)
    figures["alone_bytes"] = memory_of(server.process.pid, "RssAnon")
    reader.start()
    figures["open"] = answers.get(timeout=120)
    first = settled_seq(server)
    figures["open_bytes"] = memory_of(server.process.pid, "RssAnon")
    status, body = server.get("/api/v1/stream")
    figures["refused"] = {"status": status, "says": json.loads(body)["error"]["message"] if status != 200 else ""}
    orders.put("read, one in ten not")
    tick, figures["with"] = load(server, publisher, tick, options)
    last = settled_seq(server)
    orders.put("all")
    orders.put(str(last))
    streams = answers.get(timeout=120)
    quick = [s for s in streams if not s["still"]]
    figures["messages"] = last - first
    figures["whole"] = sum(s["in_order"] and s["last"] == last and s["gaps"] == 0 and s["n"] >= last - first for s in quick)
    figures["reading"] = len(quick)
    orders.put(str(last))  # those that stood still have had their time to catch up
    time.sleep(5)
    slow = [s for s in answers.get(timeout=120) if s["still"]]
    figures["slow"] = {"all": len(slow), "caught_up": sum(s["in_order"] and s["last"] == last for s in slow), "cut": sum(s["ended"] for s in slow)}
    orders.put("close")
    answers.get(timeout=60)
    reader.join(timeout=30)
    end = time.monotonic() + 30
    while server.metric("faultline_http_streams") > 0 and time.monotonic() < end:
        time.sleep(0.2)
    figures["left"] = int(server.metric("faultline_http_streams"))
    figures["shed"] = int(server.metric("faultline_events_shed_total"))
    figures["grown_bytes"] = figures["with"]["peak_bytes"] - figures["before"]["peak_bytes"]
    publisher.close()
    return figures


def verdict(f, options):
    """What did not hold, in words."""
    ack = max(options.ack, 2 * f["before"]["ack_p99_ms"])
    checks = [
        (f["open"]["opened"] == options.streams, f"{f['open']['opened']} streams opened"),
        (f["refused"]["status"] == 503 and f["refused"]["says"], f"one more: {f['refused']}"),
        (f["messages"] > 0 and f["whole"] == f["reading"], f"{f['whole']} of {f['reading']} streams have all {f['messages']} messages"),
        (f["slow"]["caught_up"] + f["slow"]["cut"] == f["slow"]["all"], f"streams that stood still: {f['slow']}"),
        (f["with"]["ack_p99_ms"] <= ack, f"acknowledgements: p99 {f['with']['ack_p99_ms']} ms"),
        (f["with"]["answer_p99_ms"] <= options.answer and f["with"]["failed"] == 0, f"answers: p99 {f['with']['answer_p99_ms']} ms, {f['with']['failed']} failed"),
        (f["shed"] == 0, f"{f['shed']} events shed"),
        (f["grown_bytes"] <= options.memory * 2**20, f"{f['grown_bytes'] / 2**20:.1f} MiB more"),
        (f["left"] == 0, f"{f['left']} streams left"),
    ]
    return [text for good, text in checks if not good]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, default=1000)
    parser.add_argument("--rate", type=float, default=20.0, help="alert records a second")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--ack", type=float, default=100.0, help="ms")
    parser.add_argument("--answer", type=float, default=500.0, help="ms")
    parser.add_argument("--memory", type=float, default=64.0, help="MiB")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    server = Server(STORM + "detection: {learning: 90d}\n")
    server.config.write_text(server.config.read_text().replace("web: {", f"web: {{max_streams: {options.streams}, "))
    try:
        server.start(files=(USUAL_FILES, most))
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, options.streams + 512), most))
        figures = run(server, options)
    finally:
        server.remove()
    wrong = verdict(figures, options)
    if options.json:
        print(json.dumps({**figures, "wrong": wrong}, indent=1))
    else:
        b, w = figures["before"], figures["with"]
        print(f"streams    {figures['open']['opened']} open in {figures['open']['seconds']} s, {(figures['open_bytes'] - figures['alone_bytes']) / 2**20:.1f} MiB for them idle")
        print(f"one more   {figures['refused']['status']}: {figures['refused']['says']}")
        print(f"messages   {figures['messages']} to each of {figures['reading']}: {figures['whole']} have all; {figures['slow']['all']} stood still: "
              f"{figures['slow']['caught_up']} caught up, {figures['slow']['cut']} cut")
        print(f"ack p99    {b['ack_p99_ms']} ms before, {w['ack_p99_ms']} ms with them; answers p99 {b['answer_p99_ms']} ms, {w['answer_p99_ms']} ms; {w['failed']} failed")
        print(f"memory     {figures['grown_bytes'] / 2**20:.1f} MiB more at its peak; {figures['left']} streams left")
        print("held" if not wrong else "not held: " + "; ".join(wrong))
    return 0 if not wrong else 1


if __name__ == "__main__":
    sys.exit(main())
