#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""How many samples a second come in by remote write, end to end: decoded, named, on the disk, and applied.

A real server; --senders connections post bodies like those of a Prometheus with --hosts targets of --series series each,
500 samples a body, made beforehand, one scrape after the other 15 s of event time apart (accept_past), each sender
its own hosts. It holds that every body was answered 204 (503 is sent again), and that every sample came in an event;
samples a second are told, from the first body to the last applied, and not judged.

    tests/campaigns/remote_write.py [--hosts 200] [--series 100] [--scrapes 60] [--senders 4] [--json]

Needs a build (FAULTLINE_BIN or build/release/bin). Ends with 0 when all of it held.
"""

import argparse
import http.client
import json
import pathlib
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
from posts import number, real, text  # noqa: E402
from remote_write_test import SNAPPY, label, snappy  # noqa: E402
from support import Server  # noqa: E402

CONFIG = "processing: {accept_past: true}\nentities: {max_new_per_second: 100000, max_per_publisher: 0}\n"
PER_BODY = 500
STEP_MS = 15_000


def bodies(hosts, series, scrapes, begin_ms):
    """Packed bodies in the order in which one Prometheus would send them."""
    known = [label("__name__", f"node_metric_{m}_total") + label("device", "eth0") + label("instance", f"{h}:9100") + label("job", "node")
             for h in hosts for m in range(series)]
    made = []
    for n in range(scrapes):
        at = begin_ms + n * STEP_MS
        lines = [text(1, labels + text(2, real(1, n * 10.0 + i % 7) + number(2, at))) for i, labels in enumerate(known)]
        made += [snappy(b"".join(lines[i:i + PER_BODY])) for i in range(0, len(lines), PER_BODY)]
    return made


def send(port, made, problems):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    for body in made:
        while True:
            connection.request("POST", "/api/v1/write", body=body, headers=SNAPPY)
            answer = connection.getresponse()
            said = answer.read()
            if answer.status == 204:
                break
            if answer.status != 503:
                return problems.append(f"{answer.status} {said[:200]}")
            time.sleep(0.05)


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--hosts", type=int, default=200)
    arguments.add_argument("--series", type=int, default=100)
    arguments.add_argument("--scrapes", type=int, default=60)
    arguments.add_argument("--senders", type=int, default=4)
    arguments.add_argument("--json", action="store_true")
    a = arguments.parse_args()
    begin = int(time.time() * 1000) - a.scrapes * STEP_MS
    made = [bodies([f"web-{h}" for h in range(s, a.hosts, a.senders)], a.series, a.scrapes, begin) for s in range(a.senders)]
    server = Server(CONFIG).start()
    problems = []
    try:
        threads = [threading.Thread(target=send, args=(server.http, m, problems)) for m in made]
        start = time.monotonic()
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        answered = time.monotonic() - start
        server.wait_applied(300)
        passed = time.monotonic() - start
        sent = a.hosts * a.series * a.scrapes
        taken = int(server.metric('faultline_samples_total{receiver="remote_write"}'))
        retried = int(server.metric('faultline_posts_total{outcome="retry",receiver="remote_write"}'))
        if taken != sent:
            problems.append(f"{sent} sent, {taken} taken")
        result = {"samples_per_second": round(sent / passed), "sent": sent, "taken": taken, "answered_s": round(answered, 2),
                  "applied_s": round(passed, 2), "told_to_wait": retried, "body_bytes": len(made[0][0]), "problems": problems}
        print(json.dumps(result) if a.json else "\n".join(f"{k}: {v}" for k, v in result.items()))
    finally:
        server.close()
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
