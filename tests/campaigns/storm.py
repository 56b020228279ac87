#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A storm: thousands of alerts within a second. How long until they are correlated, and who gets an answer meanwhile?

A real server; every entity has an operator limit and is well for some ticks; then all of them cross it, their rows sent
within a second. The entities depend on one another in a tree (--fan callees each; 0: nobody depends on anybody) and have
learned, so that their alerts become incidents. One thread reads the feed, one asks the API every 20 ms (alerts, incidents,
status, in turn), one asks the replay socket.

It holds that every alert was on the feed within --within seconds of the first row that crossed (the feed is written by
the correlator, after it has folded the alert), and that the 99th percentile of both kinds of answers stayed below --p99 ms
from that row until the feed was quiet.

    tests/campaigns/storm.py [--alerts 10000] [--fan 8] [--within 2] [--p99 100] [--json]

The sender takes a second of --within; what is left is the server's. Needs a build (FAULTLINE_BIN or build/release/bin).
Ends with 0 when all of it held.
"""

import argparse
import http.client
import json
import pathlib
import sys
import threading
import time

import msgpack
import zmq

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from support import Publisher, Server  # noqa: E402
from loads import CALM, SERVICES, service_edges, service_rows  # noqa: E402


def send(publisher, events, seconds=0.0):
    """All of @p events in requests of 250, spread over @p seconds."""
    begun = time.monotonic()
    for at in range(0, len(events), 250):
        due = begun + seconds * at / len(events)
        while time.monotonic() < due:
            publisher.pump(1)
        publisher.send(events[at:at + 250])
        while len(publisher.waiting) > 32:
            publisher.pump(20)


class Asker(threading.Thread):
    """Asks again and again, until told to stop; remembers when and how long it took."""

    def __init__(self, ask):
        super().__init__(daemon=True)
        self.ask, self.over, self.took, self.failed = ask, threading.Event(), [], 0

    def run(self):
        while not self.over.is_set():
            begun = time.monotonic()
            try:
                self.ask()
            except OSError:
                self.failed += 1
            self.took.append((begun, 1000 * (time.monotonic() - begun)))
            self.over.wait(0.02)

    def stop(self, start, end):
        """Milliseconds of what was asked between the two times."""
        self.over.set()
        self.join()
        return sorted(ms for at, ms in self.took if start <= at <= end)


def ask_api(server):
    paths = ["/api/v1/alerts?limit=50", "/api/v1/incidents?limit=50", "/api/v1/status"]
    turn = [0]

    def ask():
        connection = http.client.HTTPConnection("127.0.0.1", server.http, timeout=30)
        connection.request("GET", paths[turn[0] % len(paths)])
        turn[0] += 1
        reply = connection.getresponse()
        reply.read()
        connection.close()
        if reply.status != 200:
            raise OSError(f"status {reply.status}")
    return ask


def ask_replay(server):
    socket = zmq.Context.instance().socket(zmq.DEALER)
    socket.setsockopt(zmq.LINGER, 0)
    socket.connect(f"tcp://127.0.0.1:{server.replay}")

    def ask():
        socket.send(msgpack.packb({"op": "replay", "from": 1, "limit": 50}))
        if not socket.poll(30_000):
            raise OSError("no answer to replay")
        socket.recv()
    return ask


def listen(server, heard, over):
    """When the alert of each entity came, and when the last record of any kind did."""
    s = zmq.Context.instance().socket(zmq.SUB)
    s.setsockopt(zmq.RCVHWM, 100_000)
    s.setsockopt(zmq.LINGER, 0)
    s.subscribe(b"alert/")
    s.subscribe(b"incident/")
    s.connect(f"tcp://127.0.0.1:{server.publish}")
    while not over.is_set():
        if not s.poll(100):
            continue
        record = msgpack.unpackb(s.recv_multipart()[1])
        now = time.monotonic()
        heard["last"] = now
        if record["kind"] == "alert" and record["state"] == "firing":
            heard["alerts"].setdefault(record["entity"], now)
        elif record["kind"] == "incident":
            heard["incidents"].add(record["id"])
    s.close()


def at(values, share):
    return values[min(len(values) - 1, int(share * len(values)))] if values else float("nan")


def measure(server, args):
    publisher = Publisher(server.router, "storm", resend_s=30)
    if args.fan:
        send(publisher, service_edges(args.alerts, args.fan))
    for n in range(CALM):
        send(publisher, service_rows(n, range(args.alerts), 40.0 + n % 3))
    heard, over = {"alerts": {}, "incidents": set(), "last": 0.0}, threading.Event()
    feed = threading.Thread(target=listen, args=(server, heard, over), daemon=True)
    api, replays = Asker(ask_api(server)), Asker(ask_replay(server))
    for thread in (feed, api, replays):
        thread.start()
    time.sleep(2)
    storm = service_rows(CALM, range(args.alerts), 99.0)
    begun = time.monotonic()
    send(publisher, storm, 1.0)
    sent = time.monotonic()
    publisher.flush(120)
    end = time.monotonic() + 60
    while len(heard["alerts"]) < args.alerts and time.monotonic() < end:
        time.sleep(0.02)
    while time.monotonic() - heard["last"] < 1.0 and time.monotonic() < end:
        time.sleep(0.05)
    quiet = heard["last"]
    over.set()
    asked = {"api": api.stop(begun, quiet), "replay": replays.stop(begun, quiet)}
    feed.join()
    publisher.close()
    times = sorted(t - begun for t in heard["alerts"].values())
    result = {
        "alerts": len(times), "incidents": len(heard["incidents"]), "seconds_to_send": round(sent - begun, 3),
        "seconds_to_half": round(at(times, 0.5), 3), "seconds_to_all": round(times[-1], 3) if times else None,
        "seconds_until_quiet": round(quiet - begun, 3), "failed_answers": api.failed + replays.failed,
    }
    for kind, ms in asked.items():
        result[f"{kind}_answers"] = len(ms)
        result[f"{kind}_p50_ms"], result[f"{kind}_p99_ms"] = round(at(ms, 0.5), 1), round(at(ms, 0.99), 1)
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--alerts", type=int, default=10_000)
    parser.add_argument("--fan", type=int, default=8)
    parser.add_argument("--within", type=float, default=2.0, help="seconds from the first row to the last alert")
    parser.add_argument("--p99", type=float, default=100.0, help="milliseconds for an answer")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    server = Server(SERVICES)
    try:
        server.start()
        result = measure(server, args)
    finally:
        server.close()
    broken = []
    if result["alerts"] != args.alerts:
        broken.append(f"{result['alerts']} of {args.alerts} alerts came")
    elif result["seconds_to_all"] > args.within:
        broken.append(f"the last alert came after {result['seconds_to_all']} s")
    if result["failed_answers"]:
        broken.append(f"{result['failed_answers']} questions had no answer")
    for kind in ("api", "replay"):
        if not result[f"{kind}_p99_ms"] <= args.p99:
            broken.append(f"answers of {kind} took {result[f'{kind}_p99_ms']} ms (p99)")
    if args.json:
        print(json.dumps({**result, "broken": broken}, indent=1))
    else:
        for key, value in result.items():
            print(f"{key:22} {value}")
        print("held" if not broken else "BROKEN: " + "; ".join(broken))
    return 0 if not broken else 1


if __name__ == "__main__":
    sys.exit(main())
