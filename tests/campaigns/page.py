#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The page before 10,000 firing alerts and 1,000 topology nodes, in Debian's Chromium.

Entities with an operator limit are well for some ticks, then all cross it; the first --nodes of them depend on one another
in a tree, so that their alerts become incidents. Then the browser opens every page without a cache and scrolls; last, one
more entity crosses its limit, and it is timed until its row stands in the list.

It holds that on every page the first paint comes within --paint seconds, at most --bytes KiB are transferred (as packed),
no task while scrolling or moving the graph takes over --task ms, and an update is seen within --update seconds of the
event's being sent (the median of --updates).

    tests/campaigns/page.py [--alerts 10000] [--nodes 1000] [--during] [--screenshots DIRECTORY] [--json]

Needs a build (FAULTLINE_BIN or build/release/bin), node, chromium and tests/dashboard/node_modules (npm ci). Ends with 0
when all of it held.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/e2e"))
sys.path.insert(0, str(ROOT / "tests/campaigns"))
from support import Publisher, Server  # noqa: E402
from loads import CALM, SERVICES, service_edges, service_rows  # noqa: E402


def send(publisher, events):
    for at in range(0, len(events), 2000):
        publisher.send(events[at:at + 2000])
        while len(publisher.waiting) > 8:
            publisher.pump(20)
    publisher.flush(300)


def storm(server, publisher, options):
    spare = range(options.alerts, options.alerts + options.updates)  # they cross later, one by one
    everybody = [*range(options.alerts), *spare]
    send(publisher, service_edges(options.nodes, 8))
    for n in range(CALM):
        send(publisher, service_rows(n, everybody, 40.0))
    send(publisher, service_rows(CALM, range(options.alerts), 95.0) + service_rows(CALM, spare, 40.0))
    send(publisher, service_rows(CALM + 1, everybody[:options.alerts], 96.0) + service_rows(CALM + 1, spare, 40.0))
    if options.during:
        return
    end = time.monotonic() + 300
    while (firing := sum(server.api("/api/v1/overview")["firing"][s] for s in ("critical", "warning"))) < options.alerts:
        if time.monotonic() > end:
            raise SystemExit(f"{firing} of {options.alerts} alerts fire")
        time.sleep(0.5)
    server.wait_applied(300)
    last, quiet = None, 0  # until the causes of all incidents have been told: what the stream brings is not the page's
    while quiet < 10 and time.monotonic() < end:
        seq = server.api("/api/v1/status")["feed"]["seq"]
        quiet = quiet + 1 if seq == last else 0
        last = seq
        time.sleep(0.5)


def browse(server, publisher, options):
    """Runs the browser; for each line `cross N` it writes, entity N crosses its limit and the time goes back."""
    command = ["node", str(ROOT / "tests/dashboard/measure.mjs"), f"http://127.0.0.1:{server.http}", str(options.alerts), str(options.updates)]
    if options.screenshots:
        command.append(options.screenshots)
    browser = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    figures = None
    for line in browser.stdout:
        word, _, rest = line.partition(" ")
        if word == "cross":
            browser.stdin.write(f"{time.time() * 1000}\n")
            browser.stdin.flush()
            n = int(rest)
            tick = CALM + 2 + 2 * (n - options.alerts)  # its partition's clock goes on with it; the second row closes the first
            publisher.send(service_rows(tick, [n], 97.0) + service_rows(tick + 1, [n], 97.0))
            publisher.flush()
        elif word == "figures":
            figures = json.loads(rest)
        else:
            print(line, end="", file=sys.stderr)
    if browser.wait(timeout=60) != 0 or figures is None:
        raise SystemExit("the browser failed")
    return figures


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--alerts", type=int, default=10_000)
    parser.add_argument("--nodes", type=int, default=1_000)
    parser.add_argument("--updates", type=int, default=9)
    parser.add_argument("--paint", type=float, default=1.0)
    parser.add_argument("--bytes", type=float, default=500.0, help="KiB")
    parser.add_argument("--task", type=float, default=100.0, help="ms")
    parser.add_argument("--update", type=float, default=1.0)
    parser.add_argument("--during", action="store_true", help="open the pages while the storm is still being told; of Now, what its stream brings counts")
    parser.add_argument("--screenshots", help="also: screenshots of these pages into this directory")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    server = Server(SERVICES).start()
    try:
        publisher = Publisher(server.router, "page")
        storm(server, publisher, options)
        figures = browse(server, publisher, options)
        publisher.close()
    finally:
        server.remove()
    worst = {key: max(p[key] for p in figures["pages"].values()) for key in ("first_paint_ms", "transferred_bytes", "longest_task_ms")}
    if options.during:  # what the stream brings in some three seconds counts, too
        worst["transferred_bytes"] = max(worst["transferred_bytes"], figures["pages"]["now"]["with_moving_bytes"])
    update = sorted(figures["updates_ms"])[len(figures["updates_ms"]) // 2]
    held = (worst["first_paint_ms"] <= options.paint * 1000 and worst["transferred_bytes"] <= options.bytes * 1024
            and worst["longest_task_ms"] <= options.task and update <= options.update * 1000)
    if options.json:
        print(json.dumps({**figures, "worst": worst, "update_ms": update, "held": held}, indent=1))
    else:
        for name, page in figures["pages"].items():
            print(f"{name:10s} first paint {page['first_paint_ms']:6.0f} ms   whole {page['whole_ms']:6.0f} ms   "
                  f"{page['transferred_bytes'] / 1024:6.1f} KiB in {page['requests']} requests ({page['with_moving_bytes'] / 1024:.1f} with moving)   longest task {page['longest_task_ms']:4.0f} ms while moving")
        print(f"update     median {update:.0f} ms, worst {max(figures['updates_ms']):.0f} ms of {len(figures['updates_ms'])}")
        print("held" if held else "not held")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
