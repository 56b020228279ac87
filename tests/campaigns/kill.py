#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Kills a real server under full load, again and again, and holds its store against what was sent.

    tests/campaigns/kill.py --kills 1000 --seed 1 --state DIR     goes on where it was interrupted
    tests/campaigns/kill.py --report DIR...                       adds up what stands in them
    tests/campaigns/kill.py --kills 30 --life 0.3 --controls 1    a short one, and the proof that it would notice

  --how random   kill -9 at any time, also while it starts (default: two of three kills)
  --how points   kill -9 at a named point of its way to the disk, see kill_point.cpp (default: every third)
  --how power    at any time, and what was not synced is gone: bytes, new files, renames (power_loss.cpp)

Four acknowledged publishers send without pause (or --rate) and send again what was not acknowledged. After every --verify kills the
load ends, the server is stopped, and verifier.py looks at its store; then it goes on. Every life follows from --seed and its number.
"""

import argparse
import json
import os
import pathlib
import random
import shutil
import signal
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from support import BIN, Server, check_sums  # noqa: E402
from wire import eventually, feed_is_quiet, push  # noqa: E402
import verifier  # noqa: E402
from ledger import Source, number_of  # noqa: E402

CONFIG = ("processing: {tick: 10s, accept_past: true}\n"
          "detection: {learning: 10m}\n"
          "limits: [{entity: '*', metric: disk.used, above: 90}]\n"
          "recovery: {max_replay: 500ms}\n"
          "entities: {max_new_per_second: 1000000}\n")
PUBLISHERS = 4
POINTS = [("wal-write", ("before", "half", "after"), 400), ("wal-sync", ("before", "after"), 400),
          ("table-write", ("before", "half", "after"), 12), ("table-sync", ("before", "after"), 6),
          ("manifest-write", ("before", "half", "after"), 8), ("manifest-sync", ("before", "after"), 6),
          ("rename", ("before", "after"), 3), ("directory-sync", ("before", "after"), 4),
          ("answer", ("before", "after"), 400)]
POINT_PATIENCE = 5  # times a life, for a point to be met
# cache + write buffers + twice max_pending + what an idle server takes, and 12 KiB an entity.
MOST_FILES = 1024 + 256  # tables that the store keeps open, and all else
BUDGET_MIB = 128 + 256 + 32 + 150


class Stopped(Exception):
    pass


class Campaign:
    def __init__(self, directory, seed, entities, how, rate=0, life=1.2, storage="min_free: 64MiB"):
        self.directory = pathlib.Path(directory)
        self.file = self.directory / "campaign.json"
        self.how, self.life = how, life
        self.data = {"seed": seed, "entities": entities, "how": how, "kills": {}, "unmet": 0, "lives": 0, "acknowledged": 0,
                     "ready_s": [], "answer_s": [], "verified": [], "violations": [], "rss_mib": 0, "files": 0, "threads": 0,
                     "seconds": 0.0, "sources": []}
        if self.file.exists():
            kept = json.loads(self.file.read_text())
            same = ("seed", "entities", "how")
            if [kept[k] for k in same] != [self.data[k] for k in same]:
                raise SystemExit(f"{self.file} is of another campaign: " + ", ".join(f"{k} {kept[k]}" for k in same))
            self.data = kept
        known = self.data["sources"] or [{}] * PUBLISHERS
        self.sources = [Source(f"kill-{n}", list(range(n, entities, PUBLISHERS)), known[n].get("sent", 0),
                               known[n].get("waiting", ()), rate=rate / PUBLISHERS) for n in range(PUBLISHERS)]
        (self.directory / "run").mkdir(parents=True, exist_ok=True)
        self.journal = self.directory / "journal"
        program = "power_faultlined" if how == "power" else "faultlined"
        self.server = Server(CONFIG, keep=self.directory / "run", program=program, storage=storage)
        self.begun = time.monotonic()

    # ---- what lasts

    def save(self):
        now = time.monotonic()
        self.data["seconds"] += now - self.begun
        self.begun = now
        self.data["sources"] = [{"sent": s.sent, "waiting": sorted(s.waiting)} for s in self.sources]
        part = self.file.with_suffix(".part")
        part.write_text(json.dumps(self.data))
        part.replace(self.file)

    def kills(self):
        return sum(self.data["kills"].values())

    # ---- a life

    def plan(self):
        """How the next life ends: (name, environment, seconds after its start or after ready)."""
        chance = random.Random(f"{self.data['seed']}/{self.data['lives']}")
        environment = dict(os.environ)
        if self.how == "power":
            shutil.rmtree(self.journal, ignore_errors=True)
            self.journal.mkdir()
            environment.update(FAULTLINE_POWER_JOURNAL=str(self.journal), FAULTLINE_POWER_SEED=str(chance.randrange(1 << 30)))
        points = self.how == "points" or (self.how == "all" and self.data["lives"] % 3 == 2)
        if points:
            call, moments, most = chance.choice(POINTS)
            moment = chance.choice(moments)
            environment.update(LD_PRELOAD=str(BIN / "tests/libkill_point.so"),
                               FAULTLINE_KILL_POINT=f"{call}:{moment}:{chance.randrange(1, most + 1)}")
            return f"{call} {moment}", environment, None, POINT_PATIENCE * self.life
        if chance.random() < 0.25:
            return "starting", environment, chance.uniform(0.02, 0.7), None
        return "running", environment, None, chance.uniform(0.02, self.life)

    def live(self):
        """Starts, loads, ends. @returns what ended it."""
        name, environment, after_start, after_ready = self.plan()
        self.data["lives"] += 1
        self.server.start(wait=False, environment=environment)
        process, start = self.server.process, time.monotonic()
        for source in self.sources:
            source.connect(self.server.router)
        ready = answered = None
        acknowledged = 0
        while process.poll() is None:
            now = time.monotonic()
            if ready is None and self.server.is_ready():
                ready = time.monotonic() - start
            got = sum(s.pump() for s in self.sources)
            acknowledged += got
            if got and answered is None:
                answered = time.monotonic() - start
            due = now - start >= after_start if after_start else ready is not None and now - start - ready >= after_ready
            if due or now - start > 120:
                break
            if not got:
                time.sleep(0.002)
        by_itself = process.poll() is not None
        if not by_itself:
            self.note_use(process.pid)
        self.server.kill()
        for source in self.sources:  # answers that are on their way count
            acknowledged += source.pump(more=False)
            source.close()
        if by_itself and process.returncode != -signal.SIGKILL:
            raise Stopped(f"the server ended with {process.returncode}: {self.server.tail()}")
        if ready is None and not after_start and not by_itself:
            raise Stopped("the server was not ready in 120 s: " + self.server.tail())
        if self.how == "power":
            self.lose_names(random.Random(name))
        unmet = " " in name and not by_itself
        self.data["unmet"] += unmet
        key = "point not met" if unmet else "power " + name if self.how == "power" else name
        self.data["kills"][key] = self.data["kills"].get(key, 0) + 1
        self.data["acknowledged"] += acknowledged
        if ready is not None:
            self.data["ready_s"].append(round(ready, 3))
        if answered is not None:
            self.data["answer_s"].append(round(answered, 3))
        self.save()

    def lose_names(self, chance):
        """New files and renames whose directory was not synced: a power failure may undo the last of them."""
        file = self.journal / "journal"
        if not file.exists():
            return
        pending = []
        for line in file.read_text().splitlines():
            pending = [] if line == "=" else pending + [line.split(" ")]
        keep = chance.randrange(len(pending) + 1)
        for words in reversed(pending[keep:]):
            if words[0] == "+":
                pathlib.Path(words[1]).unlink(missing_ok=True)
                continue
            copy, to, source = words[1:]
            if pathlib.Path(to).exists():
                pathlib.Path(to).replace(source)
            if copy != "-":
                shutil.copyfile(copy, to)

    def note_use(self, pid):
        """I7: what the process takes."""
        try:
            status = pathlib.Path(f"/proc/{pid}/status").read_text()
            use = {"rss_mib": int(status.split("VmRSS:")[1].split()[0]) // 1024,
                   "threads": int(status.split("Threads:")[1].split()[0]),
                   "files": len(list(pathlib.Path(f"/proc/{pid}/fd").iterdir()))}
        except (OSError, IndexError):
            return
        for what, n in use.items():
            self.data[what] = max(self.data[what], n)

    # ---- the look at it

    def rest(self):
        """Load ends, everything is acknowledged and applied, the server stops. @returns what it had counted."""
        self.server.start(environment=dict(os.environ))
        for source in self.sources:
            source.connect(self.server.router)
        end = time.monotonic() + 120
        while any(s.waiting for s in self.sources):
            if time.monotonic() > end:
                raise Stopped("requests without an answer for 120 s")
            if not sum(s.pump(more=False) for s in self.sources):
                time.sleep(0.002)
        for source in self.sources:
            source.close()
        feed_is_quiet(self.server)
        check_sums(self.server)
        accepted = self.server.api("/api/v1/status")["observations"]
        observations, after = {}, ""
        while True:
            page = self.server.api("/api/v1/entities?limit=1000" + (f"&next={after}" if after else ""))
            observations.update((number_of(e["id"]), e["observations"]) for e in page["entities"])
            after = page["next"]
            if not after:
                break
        if self.server.stop() != 0:
            raise Stopped("SIGTERM did not end it with 0: " + self.server.tail())
        return accepted, observations

    def verify(self):
        accepted, observations = self.rest()
        scratch = self.directory / "replay"
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir()
        found, facts = verifier.verify(self.server.directory / "store", self.sources, CONFIG, scratch, accepted, observations)
        budget = (BUDGET_MIB + self.data["entities"] * 12 / 1024) * 1.1
        if self.data["rss_mib"] > budget or self.data["files"] > MOST_FILES or self.data["threads"] > 64:
            found.add("I7", f"{self.data['rss_mib']} MiB of {budget:.0f}, {self.data['files']} files, {self.data['threads']} threads")
        self.data["verified"].append({"kills": self.kills(), **facts})
        self.data["violations"] += found.lines()
        self.save()
        return found

    def close(self):
        for source in self.sources:
            source.close()
        if self.server.process and self.server.process.poll() is None:
            self.server.kill()
        self.server.log.close()


def share(values, p):
    values = sorted(values)
    return values[min(len(values) - 1, int(p * len(values)))] if values else float("nan")


def report(directories):
    """What campaigns came to, added up."""
    total = {"kills": {}, "acknowledged": 0, "events": 0, "violations": [], "ready": [], "answer": [], "lives": 0, "seconds": 0}
    for directory in directories:
        d = json.loads((pathlib.Path(directory) / "campaign.json").read_text())
        for name, n in d["kills"].items():
            total["kills"][name] = total["kills"].get(name, 0) + n
        total["acknowledged"] += d["acknowledged"]
        total["events"] += d["verified"][-1]["events"] if d["verified"] else 0
        total["violations"] += d["violations"]
        total["ready"] += d["ready_s"]
        total["answer"] += d["answer_s"]
        total["seconds"] += d["seconds"]
        last = d["verified"][-1] if d["verified"] else {"kills": 0, "transitions": 0}
        print(f"{directory}: seed {d['seed']}, {d['entities']} entities, {d['how']}: {sum(d['kills'].values())} kills "
              f"({last['kills']} verified, {len(d['verified'])} times), {last['transitions']} transitions, "
              f"at most {d['rss_mib']} MiB, {d['files']} files, {d['threads']} threads")
    for name in sorted(total["kills"]):
        print(f"  {total['kills'][name]:5} {name}")
    print(f"{sum(total['kills'].values())} kills, {total['acknowledged']} requests acknowledged, {total['events']} events verified, "
          f"{len(total['violations'])} violations, ready p50 {share(total['ready'], .5):.2f} s p99 {share(total['ready'], .99):.2f} s, "
          f"first answer p99 {share(total['answer'], .99):.2f} s, {total['seconds']:.0f} s")
    for line in total["violations"]:
        print("  " + line)
    return not total["violations"]


def run(directory, wanted):
    kills, each = wanted.kills, wanted.verify
    campaign = Campaign(directory, wanted.seed, wanted.entities, wanted.how, wanted.rate, wanted.life)
    try:
        while campaign.kills() < kills:
            campaign.live()
            if campaign.kills() % each == 0 or campaign.kills() == kills:
                found = campaign.verify()
                print(f"{campaign.kills()} kills, {campaign.data['verified'][-1]['events']} events, "
                      f"{'VIOLATED' if found else 'all invariants hold'}", flush=True)
                if found:
                    print("\n".join(found.lines()), flush=True)
                    return False
        return True
    except KeyboardInterrupt:
        print(f"interrupted after {campaign.kills()} kills; the same command goes on")
        return False
    finally:
        campaign.close()


def control(directory, seed, how):
    """A campaign that must fail: a disk that lies (or a server that does not sync), an event that nobody sent, one that
    comes twice under another name."""
    environment, storage = dict(os.environ), "min_free: 64MiB"
    if how == "power":
        storage += ", sync: false"
    else:
        environment.update(LD_PRELOAD=str(BIN / "tests/libkill_point.so"), FAULTLINE_KILL_POINT="wal-write:lose:150")
    campaign = Campaign(directory, seed, 200, how, storage=storage)
    try:
        server = campaign.server
        for needed in (200, 250, 300, 350, 400, 450) if how == "power" else (200,):  # the disk may keep all, once
            server.start(environment=environment)
            for source in campaign.sources:
                source.connect(server.router)
            end = time.monotonic() + 60
            while min(s.sent - len(s.waiting) for s in campaign.sources) < needed and time.monotonic() < end:
                sum(s.pump() for s in campaign.sources)
            if min(s.sent - len(s.waiting) for s in campaign.sources) < needed:
                raise Stopped("the control had no load")
            server.kill()
            for source in campaign.sources:
                source.pump(more=False)
        server.start(environment=dict(os.environ))
        twin = Source("twin", campaign.sources[0].entities)
        twin.connect(server.router)
        twin.window = 1
        twin.pump()
        while twin.waiting:
            twin.pump(more=False)
        twin.close()
        push(server.pull, b'{"entity": "host/k-00001", "ts": 1750000000000, "values": {"cpu": 77}}')
        eventually(lambda: server.metric("faultline_door_event_messages_total"))
        server.stop(sums=False)
        found = campaign.verify()
    finally:
        campaign.close()
    text = "\n".join(found.lines())
    print(text)
    signs = ["is lost"] if how == "power" else ["is lost", "stands 2 times", "was never sent"]
    missed = [what for what in signs if what not in text]
    print("the control was found out" if not missed else f"the control was NOT found out: {missed}")
    return not missed


def interrupt(*_):
    raise KeyboardInterrupt


def main():
    signal.signal(signal.SIGTERM, interrupt)
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--kills", type=int, default=30)
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--entities", type=int, default=1000)
    arguments.add_argument("--how", choices=["all", "random", "points", "power"], default="all")
    arguments.add_argument("--rate", type=int, default=0, help="events a second; 0: as many as are acknowledged")
    arguments.add_argument("--verify", type=int, default=100, help="kills between two looks at the store")
    arguments.add_argument("--state", help="where the campaign stands; a directory of its own, removed, by default")
    arguments.add_argument("--life", type=float, default=1.2, help="seconds that a ready server lives at most")
    arguments.add_argument("--controls", type=int, default=0, help="then so many campaigns that must fail")
    arguments.add_argument("--report", nargs="+", metavar="DIR")
    wanted = arguments.parse_args()
    if wanted.report:
        return 0 if report(wanted.report) else 1
    good = True
    with tempfile.TemporaryDirectory(prefix="faultline-kill-") as scratch:
        state = wanted.state or os.path.join(scratch, "campaign")
        if wanted.kills:
            good = run(state, wanted)
            report([state])
        for n in range(wanted.controls if good else 0):
            good = control(os.path.join(scratch, f"control-{n}"), wanted.seed + n, wanted.how) and good
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
