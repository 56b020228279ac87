# SPDX-License-Identifier: Apache-2.0
"""Holds a stopped store against what was sent and acknowledged (tests/campaigns/ledger.py).

    I1  acknowledged: stored exactly once            I2  stored: was sent, with these values
    I3  what every entity knows and every alert is what the stored log says, replayed on a fresh server
    I4  one history: no hole in any log, no publisher's seq missing, every checksum right
    I5  every alert that was decided is on the feed, in order, under its id
    I6  what was accepted and applied is what is stored, by the counters as well

I7, what a process takes, is measured while it lives (kill.py).
"""

import collections
import json
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
from support import BIN, Server  # noqa: E402
from wire import feed_is_quiet  # noqa: E402
from ledger import KINDS, START, TICK_MS, event_of, name_of, number_of  # noqa: E402

MOST = 5  # examples of a violation


class Violations:
    """Examples of what is broken, and how often, by invariant and kind."""

    def __init__(self):
        self.count = collections.Counter()
        self.examples = collections.defaultdict(list)

    def add(self, invariant, text, kind=""):
        """@kind: what is told apart within an invariant, with examples of its own."""
        self.count[invariant, kind] += 1
        if len(self.examples[invariant, kind]) < MOST:
            self.examples[invariant, kind].append(text)

    def lines(self):
        return [f"{i[0]} ({self.count[i]}): {text}" for i in sorted(self.examples) for text in self.examples[i]]

    def __bool__(self):
        return bool(self.count)


def lines_of(*words):
    """Lines that a program says; an error when it fails."""
    with subprocess.Popen(list(map(str, words)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        yield from process.stdout
        error = process.stderr.read()
    if process.returncode != 0:
        raise RuntimeError(f"{words[0]}: {error}")


def key_of(entity, tick, kind):
    """An event as a number: a campaign has millions."""
    return entity << 34 | tick << 2 | KINDS.index(kind)


def was_sent(event, kind, entity, tick):
    """Whether an event of the log says what was sent; a dump leaves out nothing that was said, and may say more."""
    sent = event_of(entity, tick, kind)
    return sent is not None and all(event.get(key) == value for key, value in sent.items() if key != "type")


def stored_events(store, found):
    """How often each event stands in the log; values that nobody sent are violations."""
    times = {}
    for line in lines_of(BIN / "faultline", "store", "dump", store, "--what", "log"):
        record = json.loads(line)
        if record["kind"] != "event" or record["event"]["type"] == "calls":  # the door's own, of spans it has joined
            continue
        event = record["event"]
        where = f"{record['partition']}/{record['position']}/{record['index']}"
        tick, rest = divmod(event["ts"] - START, TICK_MS)
        try:
            entity = number_of(event["entity"])
        except (IndexError, ValueError):
            entity = -1
        kind = {"metric": "values"}.get(event["type"], event["type"])
        if rest or entity < 0 or event["entity"] != name_of(entity) or kind not in KINDS or not was_sent(event, kind, entity, tick):
            found.add("I2", f"record {where} was never sent: {json.dumps(event)[:200]}")
        else:
            key = key_of(entity, tick, kind)
            times[key] = times.get(key, 0) + 1
    return times


def check_log(store, sources, found):
    """I1, I2. @returns events by entity, as stored."""
    times = stored_events(store, found)
    by_entity = collections.Counter()
    for key, n in times.items():
        by_entity[key >> 34] += n
    for source in sources:
        for seq in range(1, source.sent + 1):
            acknowledged = seq not in source.waiting
            for entity, tick, kind in source.events(seq):
                n = times.pop(key_of(entity, tick, kind), 0)
                if n > 1:
                    found.add("I1", f"{source.name} {seq}: {kind} of {name_of(entity)} at tick {tick} stands {n} times", "twice")
                if n == 0 and acknowledged:
                    found.add("I1", f"{source.name} {seq} was acknowledged: {kind} of {name_of(entity)} at tick {tick} is lost", "lost")
    for key in times:
        found.add("I2", f"{KINDS[key & 3]} of {name_of(key >> 34)} at tick {(key & 0x3ffffffff) >> 2} was never sent")
    return by_entity


def check_files(store, sources, found):
    """I4."""
    done = subprocess.run([str(BIN / "faultline"), "store", "check", store, "-o", "json"], capture_output=True, text=True)
    report = json.loads(done.stdout) if done.stdout else {"problems": [done.stderr]}
    for problem in report["problems"]:
        found.add("I4", f"store check: {problem}")
    seen = {p["publisher"]: p for p in map(json.loads, lines_of(BIN / "faultline", "store", "dump", store,
                                                                "--what", "publishers"))}
    for source in sources:
        has = seen.get(source.name, {"last": 0, "missing": []})
        if source.waiting:
            continue
        if has["last"] != source.sent or has["missing"]:
            found.add("I4", f"{source.name} sent {source.sent}, the store knows {has['last']} without {has['missing'][:3]}")


def digest_of(store, found, where):
    """Alert transitions of a store; I5: the feed is what its decisions say."""
    said = [line.rstrip("\n") for line in lines_of(BIN / "tests/store_tool", "digest", store)]
    for line in said:
        if line.startswith("FEED differs"):
            found.add("I5", f"{where}: {line}")
    return [line for line in said if not line.startswith(("FEED", "  "))]


def check_replay(store, config, scratch, found):
    """I3: a fresh server on the same log knows and decides the same."""
    alerts = digest_of(store, found, "store")
    known = list(lines_of(BIN / "tests/store_tool", "states", store))
    for _ in lines_of(BIN / "tests/store_tool", "relog", store, scratch / "store"):
        pass
    server = Server(config, keep=scratch)
    try:
        server.start()
        feed_is_quiet(server)
        if server.stop(sums=False) != 0:
            found.add("I3", "the server that replays did not end with 0")
        again = digest_of(scratch / "store", found, "replay")
        states = list(lines_of(BIN / "tests/store_tool", "states", scratch / "store"))
    finally:
        server.remove()
    for what, one, other in (("alert", alerts, again), ("state", known, states)):
        for line in sorted(set(one) ^ set(other))[:MOST]:
            found.add("I3", f"{what} only {'in the store' if line in set(one) else 'in the replay'}: {line.strip()}")
    if len(alerts) != len(set(alerts)):
        found.add("I5", "a transition was decided twice")
    return len(alerts)


def verify(store, sources, config, scratch, accepted, observations):
    """A stopped store. @accepted and @observations (by entity) are what its server said before it ended."""
    found = Violations()
    for source in sources:
        for text in source.wrong:
            found.add("I2", text)
    stored = check_log(store, sources, found)
    check_files(store, sources, found)
    if accepted is not None:
        if accepted != sum(stored.values()):
            found.add("I6", f"{accepted} accepted by the counter, {sum(stored.values())} stored")
        for entity in set(stored) | set(observations):
            if stored[entity] != observations.get(entity, 0):
                found.add("I6", f"{name_of(entity)}: {stored[entity]} stored, {observations.get(entity, 0)} applied")
    transitions = check_replay(store, config, scratch, found)
    return found, {"events": sum(stored.values()), "transitions": transitions}
