#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Damages files of a store and the models, one place at a time, and asks whether anybody notices.

    tests/campaigns/damage.py --count 300 --seed 1 --state FILE    goes on where it was interrupted
    tests/campaigns/damage.py --control                            one that must find other records in whole files

A server makes a store with everything in it and is killed, so that its write-ahead log is full. Every case is a copy of it
with one bit turned, a page zeroed or the end cut off, in a write-ahead log, a table, the manifest, CURRENT, OPTIONS, or a
model file. Then `faultline store check` looks, a server starts, and all records are read. Good ends are

    refused    the server ends with an error, without a signal, that names the file (a model: that says which)
    told       it serves, and `faultline store check` names the file or record
    harmless   it serves, and every record that can be read is the same

Fails on anything else: records that differ and nobody says so, or a server that ends by a signal.
"""

import argparse
import collections
import hashlib
import json
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from support import BIN, ROOT, Server  # noqa: E402
from wire import eventually, feed_is_quiet, push  # noqa: E402
from kill import CONFIG  # noqa: E402
from ledger import Source  # noqa: E402

KINDS = ("wal", "table", "manifest", "current", "options", "model")
WAYS = ("bit", "zero", "cut")
RECORDS = ("log", "outbox", "decisions", "feed", "snapshots", "letters", "publishers")
MODELS = ("lstm.flm", "ranker.flm")


def make_store(directory):
    """Killed once with tables and once with a full write-ahead log."""
    server = Server(CONFIG, keep=directory)
    source = Source("damage", list(range(200)), window=4)
    try:
        for ticks in (60, 40):
            server.start()
            source.connect(server.router)
            until = source.sent + ticks
            while source.sent < until or source.waiting:
                if not source.pump(more=source.sent < until):
                    time.sleep(0.002)
            feed_is_quiet(server)
            server.kill()
    finally:
        source.close()
        server.log.close()
    return server


def add_an_event(directory):
    server = Server(CONFIG, keep=directory)
    server.start()
    push(server.pull, b'{"entity": "host/k-00001", "ts": 1760000000000, "values": {"cpu": 1}}')
    eventually(lambda: server.metric("faultline_events_applied_total"))
    feed_is_quiet(server)
    server.kill()
    server.log.close()


def files_of(store, kind):
    ends = {"wal": "*.log", "table": "*.sst", "manifest": "MANIFEST-*", "current": "CURRENT", "options": "OPTIONS-*"}
    return sorted(f for f in (store / "store").glob(ends[kind]) if f.stat().st_size)


def damage(file, way, chance):
    """@returns what was done, in words."""
    content = bytearray(file.read_bytes())
    at = chance.randrange(len(content))
    if way == "bit":
        bit = chance.randrange(8)
        content[at] ^= 1 << bit
    elif way == "zero":
        at -= at % 4096
        content[at:at + 4096] = bytes(len(content[at:at + 4096]))
    else:
        del content[at:]
    file.write_bytes(content)
    return f"{way} at {at} of {file.name}"


def records_of(store):
    """A digest of each kind of record; None where reading says that something is wrong."""
    found = {}
    for what in RECORDS:
        done = subprocess.run([str(BIN / "faultline"), "store", "dump", str(store), "--what", what], capture_output=True)
        found[what] = hashlib.sha256(done.stdout).hexdigest() if done.returncode == 0 else None
    return found


def store_check(store):
    done = subprocess.run([str(BIN / "faultline"), "store", "check", str(store), "-o", "json"], capture_output=True, text=True)
    if done.returncode < 0:
        return [f"store check ended by signal {-done.returncode}"]
    return json.loads(done.stdout)["problems"] if done.stdout else [done.stderr.strip() or "refused"]


def start(directory, models):
    """@returns (exit status or None while it serves, what it said)."""
    config = CONFIG + (f"model: {{lstm: {models / MODELS[0]}, ranker: {models / MODELS[1]}}}\n" if models else "")
    server = Server(config, keep=directory)
    try:
        server.start(wait=False)
        end = time.monotonic() + 60
        while server.process.poll() is None and not server.is_ready() and time.monotonic() < end:
            time.sleep(0.02)
        status = server.process.poll()
        if status is None:
            if not server.is_ready():
                return "never ready", server.tail()
            feed_is_quiet(server)
            server.kill()
        return status, server.tail()
    finally:
        if server.process.poll() is None:
            server.kill()
        server.log.close()


def damaged_copy(case, base, scratch, seed):
    """@returns (the damaged file, what was done to it, where the models are or None); the same for the same case."""
    chance = random.Random(f"{seed}/{case}")
    kind, way = KINDS[case % len(KINDS)], WAYS[case // len(KINDS) % len(WAYS)]
    shutil.rmtree(scratch, ignore_errors=True)
    shutil.copytree(base, scratch)
    (scratch / "faultlined.log").unlink(missing_ok=True)
    if kind != "model":
        file = chance.choice(files_of(scratch / "store", kind))
        return file, damage(file, way, chance), None
    models = scratch / "models"
    shutil.copytree(ROOT / "models", models)
    file = models / chance.choice(MODELS)
    return file, damage(file, way, chance), models


def one(case, base, good, scratch, seed):
    """@returns (end, what was done, detail)."""
    file, done, models = damaged_copy(case, base, scratch, seed)
    status, said = start(scratch, models)
    if isinstance(status, int):
        if status < 0:
            return "SIGNAL", done, f"signal {-status}: {said}"
        return ("refused" if file.name in said else "UNNAMED"), done, said[-300:]
    if status is not None:
        return "STUCK", done, said[-300:]
    if models:
        return "SILENT", done, "a damaged model is in use"
    damaged_copy(case, base, scratch, seed)  # as it was before the server wrote
    problems = store_check(scratch / "store")
    if any("signal" in str(p) for p in problems):
        return "SIGNAL", done, problems[0]
    if problems:
        return "told", done, problems[0]
    found = records_of(scratch / "store")
    wrong = [what for what in RECORDS if found[what] != good[what]]
    return ("SILENT" if wrong else "harmless"), done, f"differs: {wrong}" if wrong else ""


def known_cases(state):
    """What FILE says of cases that were looked at before: case -> (end, what was done, detail)."""
    if not state or not pathlib.Path(state).exists():
        return {}
    return {case: rest for case, *rest in map(json.loads, pathlib.Path(state).read_text().splitlines())}


def run_cases(count, seed, state, kinds, look_at):
    """Looks at the cases that @state does not know, and prints how many of each kind ended how. @returns the bad ones."""
    known, bad = known_cases(state), []
    ends = collections.defaultdict(collections.Counter)
    for case in range(count):
        if case not in known:
            known[case] = look_at(case)
            if state:
                with open(state, "a", encoding="utf-8") as out:
                    out.write(json.dumps([case, *known[case]]) + "\n")
        end, done, detail = known[case]
        ends[kinds[case % len(kinds)]][end] += 1
        if end.isupper():
            bad.append(f"case {case}: {end}: {done}: {detail}")
            print(bad[-1], flush=True)
    for kind in kinds:
        print(f"{kind:9}", dict(ends[kind]))
    print(f"{count} cases, seed {seed}: {len(bad)} unnoticed or ended badly")
    return bad


def run(count, seed, state=None, control=False):
    with tempfile.TemporaryDirectory(prefix="faultline-damage-") as scratch:
        base = pathlib.Path(scratch) / "base"
        base.mkdir()
        make_store(base)
        good = records_of(base / "store")
        assert None not in good.values() and not store_check(base / "store"), "the store is damaged before we begin"
        if control:
            add_an_event(base)
        bad = run_cases(count, seed, state, KINDS, lambda case: one(case, base, good, pathlib.Path(scratch) / "case", seed))
    return any("SILENT" in line and "'log'" in line for line in bad) if control else not bad


def read_arguments(description, count, control):
    """The command line of a campaign of damage; @control says what that one must find. SIGTERM ends it in order from now on."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    arguments = argparse.ArgumentParser(description=description.splitlines()[0])
    arguments.add_argument("--count", type=int, default=count)
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--control", action="store_true", help=control)
    arguments.add_argument("--state", help="a line for each case")
    return arguments.parse_args()


def main():
    wanted = read_arguments(__doc__, 36, "a campaign that must find whole files with other records")
    return 0 if run(wanted.count, wanted.seed, wanted.state, wanted.control) else 1


if __name__ == "__main__":
    sys.exit(main())
