#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The same log gives the same alerts, whatever the machine does.

Makes the logs of an eventful system (silences, late events, single values, counters with resets,
gaps, edges, several faults, a retirement, new limits), with live clocks and of the past, each in many
blobs and in one blob a partition. Both kinds are replayed --runs times, the layouts in turn: other thread
counts, batches, waits and credits, every second life killed with SIGKILL on the way and begun again on
what it left. Alert ids, transitions and scores must be equal to the last digit, whatever the layout;
every feed, with acknowledgements and feedback in it, must be what its own decision
log says. Prints a digest a run and the
first difference.

    tests/campaigns/determinism.py --runs 20 [--bin build/release/bin] [--seed N]
"""
import argparse
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time


def spawn(program, *words):
    return subprocess.Popen([program, *words])


def replay(program, store, words, kills, expected_seconds, chance):
    """One life to the end, killed `kills` times on the way. Returns seconds and kills that hit."""
    hit = 0
    for _ in range(kills):
        child = spawn(program, "replay", store, *words)
        try:
            child.wait(timeout=chance.uniform(0.15, 0.95) * expected_seconds)
        except subprocess.TimeoutExpired:
            child.send_signal(signal.SIGKILL)
            child.wait()
            hit += 1
            continue
        break
    begin = time.monotonic()
    child = spawn(program, "replay", store, *words)
    try:
        if child.wait(timeout=300) != 0:
            raise SystemExit("a life ended with %d" % child.returncode)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
        raise SystemExit("a life did not come to its end in 300 s")
    return time.monotonic() - begin, hit


def digest(program, store):
    tool = os.path.join(os.path.dirname(program), "store_tool")
    said = subprocess.run([tool, "digest", store], check=True, capture_output=True, text=True,
                          timeout=120).stdout.splitlines()
    alerts = [line for line in said if not line.startswith(("FEED", "  "))]
    return alerts, [line for line in said if line.startswith(("FEED", "  "))]


def compare(expected, alerts):
    if expected == alerts:
        return True
    print("  %d transitions, expected %d" % (len(alerts), len(expected)))
    for line in sorted(set(expected) - set(alerts))[:3]:
        print("  missing:", line)
    for line in sorted(set(alerts) - set(expected))[:3]:
        print("  new:    ", line)
    return False


def run(program, folder, runs, live, chance):
    mode = ["--live"] if live else []
    logs = {"many": os.path.join(folder, "many"), "one": os.path.join(folder, "one")}
    for layout, log in logs.items():
        shutil.rmtree(log, ignore_errors=True)
        subprocess.run([program, "make", log, *mode, *(["--one-blob"] if layout == "one" else [])],
                       check=True, timeout=300)
    expected, seconds, good = None, 3.0, True
    for n in range(runs):
        store = os.path.join(folder, "run")
        layout = "one" if n // 2 % 2 else "many"
        shutil.rmtree(store, ignore_errors=True)
        shutil.copytree(logs[layout], store)
        words = ["--threads", str(chance.choice([1, 2, 3, 8])),
                 "--batch", str(chance.choice([1, 7, 64, 256])),
                 "--wait-us", str(chance.choice([0, 100, 3000, 20000])),
                 "--credit", str(chance.choice([16, 64, 256, 2000]))]
        kills = n % 2 * (1 + n // 4 % 2)
        took, hit = replay(program, store, words + mode, kills, seconds, chance)
        if n == 0:
            seconds = took
        alerts, feed = digest(program, store)
        if expected is None:
            expected = alerts
        print("%s %-4s %2d  %s  %d transitions  %s  killed %d times" % (
            "live" if live else "past", layout, n,
            hashlib.sha256("\n".join(alerts).encode()).hexdigest()[:16], len(alerts),
            " ".join(words), hit), flush=True)
        if not compare(expected, alerts):
            good = False
        for line in feed:
            if "differs" in line or line.startswith("  "):
                good = False
                print("  " + line[:400])
    silent = sum("alertname=EntitySilent" in line for line in expected)
    print("%d transitions, %d of silences" % (len(expected), silent))
    if silent < 4 or len(expected) < 20:
        print("too few to compare")
        good = False
    return good


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--runs", type=int, default=20)
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--bin", default=os.environ.get("FAULTLINE_BIN", "build/release/bin"))
    arguments.add_argument("--only", choices=["past", "live"])
    wanted = arguments.parse_args()
    program = os.path.join(wanted.bin, "tests", "determinism")
    chance = random.Random(wanted.seed)
    good = True
    for live in (False, True):
        if wanted.only and (wanted.only == "live") != live:
            continue
        with tempfile.TemporaryDirectory(prefix="faultline-determinism-") as folder:
            good = run(program, folder, wanted.runs, live, chance) and good
    print("identical" if good else "DIFFERENT")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
