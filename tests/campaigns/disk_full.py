#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Fills the disk under a server that takes events, frees it, again and again, and holds its store against what was sent.

    tests/campaigns/disk_full.py --cycles 50 --seed 1 --state FILE     goes on with the round where it was interrupted
    tests/campaigns/disk_full.py --control                             a disk that loses what was acknowledged: must be noticed

A round has a tmpfs of 256 MiB of its own, a server on it, and ten cycles; after them verifier.py looks at the store. Where
nothing can be mounted (not root) it says so, and crosses the first watermark alone, which is then just below what is free. In a cycle the disk is filled to some place below the watermark, down to nothing but the ballast, at once or bit by
bit, while publishers send. Then, by chance, it is just freed; or the server is ended, by SIGTERM or kill -9, and started on the
full disk first. Fails on an invariant that is broken, on a server that ends by itself, on a publisher that is not told why
within a second, and on a first acknowledgement later than 30 s after the space is back.
"""

import argparse
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from kill import Campaign, Stopped  # noqa: E402

MIB = 1 << 20
DISK_MIB = 256
STORAGE = "min_free: 64MiB, ballast: 16MiB, write_buffer: 8MiB, cache: 8MiB, partitions: 4"
ROUND = 10  # cycles that share a store
REFUSAL_S, SERVING_S = 1.0, 30.0
LOOK_S = 0.2  # how old the server's own knowledge of the space may be


class Disk:
    def __init__(self, path):
        self.path, self.storage = path, STORAGE
        path.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m", "tmpfs", str(path)], capture_output=True,
                              check=False)
        self.mounted = done.returncode == 0
        if not self.mounted:
            print("disk_full: no tmpfs can be mounted here: only the first watermark is crossed", file=sys.stderr)
            self.low = self.free() - 1024 * MIB
            self.storage = f"min_free: {self.free() - 512 * MIB}, ballast: 0, write_buffer: 8MiB, cache: 8MiB, partitions: 4"
        self.filler = path / "filler"

    def free(self):
        at = os.statvfs(self.path)
        return at.f_bavail * at.f_frsize

    def leave(self, size):
        """Takes more of the disk, until @size bytes are free."""
        with open(self.filler, "ab") as file:
            more = self.free() - (size if self.mounted else self.low)
            if more > 0:
                os.posix_fallocate(file.fileno(), file.seek(0, os.SEEK_END), more)

    def release(self):
        self.filler.unlink(missing_ok=True)

    def close(self):
        self.release()
        if self.mounted:
            subprocess.run(["umount", "-l", str(self.path)], check=False)


class Round(Campaign):
    """Ten cycles on one store. Of kill.py: the publishers, the look at the store."""

    def __init__(self, directory, seed, number):
        self.disk = Disk(directory / "run" / "store")  # the log stays outside
        super().__init__(directory, seed, 100, "disk", rate=2000, storage=self.disk.storage)
        self.chance = random.Random(f"{seed}/{number}")
        self.refused_s, self.serving_s, self.ends = [], [], {}

    def close(self):
        try:
            super().close()
        finally:
            self.disk.close()

    def connect(self):
        for source in self.sources:
            source.connect(self.server.router)

    def pump(self, until, seconds, what):
        """Load, until @until says so. @returns seconds it took."""
        begin = time.monotonic()
        while not until():
            if self.server.process.poll() is not None:
                raise Stopped(f"the server ended with {self.server.process.returncode}: {self.server.tail()}")
            if time.monotonic() - begin > seconds:
                raise Stopped(f"{what}: not within {seconds:.0f} s")
            if not sum(s.pump() for s in self.sources):
                time.sleep(0.002)
        return time.monotonic() - begin

    def acknowledged(self):
        return sum(s.sent - len(s.waiting) for s in self.sources)

    def fill(self):
        """Below the watermark somewhere. @returns what is left."""
        left = self.chance.choice([48, 40, 24, 8, 1]) * MIB
        if self.chance.random() < 0.5:
            for part in (80 * MIB, 60 * MIB):
                self.disk.leave(max(part, left))
                self.pump(lambda end=time.monotonic() + 0.1: time.monotonic() > end, 5, "a pause")
        self.disk.leave(left)
        return left

    def refused(self):
        """Every publisher is told to wait, and why. @returns how long that took."""
        told = {}
        for source in self.sources:
            source.retries.clear()

        def all_told():
            for source in self.sources:
                if source.retries:
                    told[source.name] = source.retries[-1]
            return len(told) == len(self.sources)

        took = self.pump(all_told, 30, "a publisher was not told to wait")
        for name, reason in told.items():
            if "space" not in reason:
                raise Stopped(f"{name} was told to wait for another reason: {reason}")
        return took

    def end_and_start(self, how):
        """On the full disk. A start may be refused there, in so many words."""
        if how == "term":
            if self.server.stop(sums=False) != 0:
                raise Stopped("SIGTERM on a full disk did not end it with 0: " + self.server.tail())
        else:
            self.server.kill()
        for source in self.sources:
            source.pump(more=False)
            source.close()
        self.server.start(wait=False)
        end = time.monotonic() + 20
        while self.server.process.poll() is None and not self.server.is_ready() and time.monotonic() < end:
            time.sleep(0.05)
        status = self.server.process.poll()
        if status is None:
            return "served"
        if status != 1 or "no_space" not in self.server.tail():
            raise Stopped(f"a start on a full disk ended with {status}: {self.server.tail()}")
        return "refused"

    def cycle(self):
        before = self.acknowledged()
        self.pump(lambda: self.acknowledged() > before + 20, 60, "no load before the disk is full")
        left = self.fill()
        self.refused_s.append(self.refused())
        how = self.chance.choice(["freed", "freed", "term", "kill"])
        end = how
        if how != "freed":
            end += " " + self.end_and_start(how)
        self.disk.release()
        freed = time.monotonic()
        if end.endswith("refused"):
            self.server.start(wait=False)
            while not self.server.is_ready():
                if self.server.process.poll() is not None or time.monotonic() - freed > 60:
                    raise Stopped("no start after the space was back: " + self.server.tail())
                time.sleep(0.05)
        if how != "freed":
            self.connect()
        before = self.acknowledged()
        self.pump(lambda: self.acknowledged() > before, SERVING_S + 30, "nothing is taken after the space was back")
        self.serving_s.append(time.monotonic() - freed)
        self.ends[end] = self.ends.get(end, 0) + 1
        return f"{left // MIB} MiB left, {end}"

    def run(self, cycles, refusal_s):
        """@returns what is wrong, as text."""
        self.server.start()
        self.connect()
        for _ in range(cycles):
            self.cycle()
        for source in self.sources:
            source.pump(more=False)
            source.close()
        if self.server.stop(sums=False) != 0:
            raise Stopped("no orderly end: " + self.server.tail())
        wrong = self.verify().lines()
        wrong += [f"told to wait after {s:.2f} s" for s in self.refused_s if s > refusal_s + LOOK_S]
        wrong += [f"taken again after {s:.1f} s" for s in self.serving_s if s > SERVING_S]
        return wrong


def one_round(scratch, seed, number, cycles, refusal_s):
    directory = pathlib.Path(tempfile.mkdtemp(prefix="round-", dir=scratch))
    campaign = Round(directory, seed, number)
    try:
        wrong = campaign.run(cycles, refusal_s)
        return {"round": number, "cycles": cycles, "ends": campaign.ends, "refused_s": campaign.refused_s,
                "serving_s": campaign.serving_s, "events": campaign.data["verified"][-1]["events"], "wrong": wrong}
    except Stopped as why:
        return {"round": number, "cycles": cycles, "ends": campaign.ends, "refused_s": [], "serving_s": [], "events": 0,
                "wrong": [str(why)]}
    finally:
        campaign.close()
        shutil.rmtree(directory, ignore_errors=True)


def known_rounds(state, seed):
    if not state or not pathlib.Path(state).exists():
        return {}
    rows = [json.loads(line) for line in pathlib.Path(state).read_text().splitlines()]
    return {r["round"]: r for r in rows if r["seed"] == seed}


def run(cycles, seed, state=None, refusal_s=REFUSAL_S):
    rounds = known_rounds(state, seed)
    with tempfile.TemporaryDirectory(prefix="faultline-full-") as scratch:
        for number in range((cycles + ROUND - 1) // ROUND):
            if number in rounds:
                continue
            rounds[number] = {"seed": seed, **one_round(scratch, seed, number, min(ROUND, cycles - number * ROUND), refusal_s)}
            if state:
                with open(state, "a", encoding="utf-8") as out:
                    out.write(json.dumps(rounds[number]) + "\n")
            print(f"round {number}: {rounds[number]['ends']}, {rounds[number]['events']} events, "
                  f"{rounds[number]['wrong'] or 'all invariants hold'}", flush=True)
    return report(rounds.values(), seed)


def report(rounds, seed):
    rounds = list(rounds)
    ends, wrong = {}, [text for r in rounds for text in r["wrong"]]
    for r in rounds:
        for end, n in r["ends"].items():
            ends[end] = ends.get(end, 0) + n
    refused = sorted(s for r in rounds for s in r["refused_s"])
    serving = sorted(s for r in rounds for s in r["serving_s"])
    print(f"{sum(ends.values())} cycles, seed {seed}: {ends}, {sum(r['events'] for r in rounds)} events verified, "
          f"told to wait after at most {max(refused, default=0):.2f} s, taken again after at most {max(serving, default=0):.1f} s, "
          f"{len(wrong)} violations")
    return not wrong


def control(seed):
    """A request that was acknowledged and is taken for one that was not: the look at the store must say so."""
    with tempfile.TemporaryDirectory(prefix="faultline-full-") as scratch:
        directory = pathlib.Path(tempfile.mkdtemp(prefix="round-", dir=scratch))
        campaign = Round(directory, seed, 0)
        try:
            campaign.server.start()
            campaign.connect()
            campaign.cycle()
            campaign.sources[0].sent += 1  # "acknowledged", and never sent
            for source in campaign.sources:
                source.close()
            campaign.server.stop(sums=False)
            found = campaign.verify()
            return any("is lost" in line for line in found.lines())
        finally:
            campaign.close()


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--cycles", type=int, default=3)
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--state", help="a line for each round")
    arguments.add_argument("--control", action="store_true")
    arguments.add_argument("--refusal-s", type=float, default=REFUSAL_S,
                           help="a publisher must be told to wait within so many seconds; more on a machine that is busy otherwise")
    wanted = arguments.parse_args()
    if wanted.control:
        return 0 if control(wanted.seed) else 1
    return 0 if run(wanted.cycles, wanted.seed, wanted.state, wanted.refusal_s) else 1


if __name__ == "__main__":
    sys.exit(main())
