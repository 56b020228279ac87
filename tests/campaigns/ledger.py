# SPDX-License-Identifier: Apache-2.0
"""What was sent, as a function: every event of a campaign follows from its publisher and seq, so that a ledger of
seqs is a ledger of events, and a verifier can tell what a store must hold, to the last value.
"""

import time

import msgpack
import zmq

START = 1_750_000_000_000
TICK_MS = 10_000
BATCH = 250


def name_of(entity):
    return f"host/k-{entity:05}"


def number_of(name):
    return int(name.rsplit("-", 1)[1])


def values_of(entity, tick):
    """Calm figures; the disk of every fiftieth entity is full for a while, again and again."""
    full = entity % 50 == 3 and tick % 30 >= 20
    return {"cpu": ((tick * 7 + entity * 13) % 101) / 200,
            "disk.used": (95 if full else 40) + ((tick * 3 + entity) % 10) / 10,
            "net": 1000.0 + (tick * 5 + entity * 3) % 17}


def edge_of(entity, tick):
    """Whom an entity says it depends on at @tick, or None: some do, now and then."""
    return name_of((entity + 1 + tick) % 7) if entity % 100 == 7 and tick % 10 == 5 else None


def log_of(entity, tick):
    """What an entity writes at @tick, or None."""
    if entity % 20 != 11 or tick % 3:
        return None
    full = tick % 30 >= 20
    return {"severity": "error", "body": f"cannot write block {tick * 7} of /srv/{entity}"} if full else \
        {"severity": "info", "body": f"served {tick * 13 % 97} requests in {tick % 7} ms"}


def span_of(entity, tick):
    """A request that goes from every twentieth entity to the next one, and whom the door joins by its trace; or None."""
    if entity % 20 not in (13, 14) or tick % 2:
        return None
    trace = f"{tick:08x}{entity // 20:08x}"
    inner = {"parent": f"{trace[8:]}0d"} if entity % 20 == 14 else {}
    return {"trace": trace, "span": f"{trace[8:]}{entity % 20:02x}", **inner, "operation": "GET /",
            "duration_us": 1000 + (tick * 3 + entity) % 50 - (300 if inner else 0), "status": "ok"}


KINDS = ("values", "edge", "log", "span")


def event_of(entity, tick, kind):
    """One event, as it is sent; None where there is none of that kind."""
    said = {"values": lambda: {"values": values_of(entity, tick)},
            "edge": lambda: {"depends_on": [edge_of(entity, tick)]} if edge_of(entity, tick) else None,
            "log": lambda: log_of(entity, tick), "span": lambda: span_of(entity, tick)}[kind]()
    if said is None:
        return None
    head = {"entity": name_of(entity), "ts": START + tick * TICK_MS}
    return {**head, **({} if kind == "values" else {"type": kind}), **said}


class Source:
    """An acknowledged publisher that owns some entities: its seq says which of them at which tick."""

    def __init__(self, name, entities, sent=0, waiting=(), window=8, rate=0):
        self.name, self.entities, self.window = name, entities, window
        self.batches = (len(entities) + BATCH - 1) // BATCH
        self.sent = sent
        self.waiting = dict.fromkeys(waiting)  # seq -> payload, made when it is needed
        self.retry_at = {}
        self.pause = BATCH / rate if rate else 0.0  # between two requests
        self.next_at = 0.0
        self.wrong = []
        self.retries = []
        self.socket = None

    def rows(self, seq):
        tick, batch = divmod(seq - 1, self.batches)
        return tick, self.entities[batch * BATCH:(batch + 1) * BATCH]

    def events(self, seq):
        """[(entity, tick, kind)] of a request."""
        tick, entities = self.rows(seq)
        return [(e, tick, kind) for kind in KINDS for e in entities if kind == "values" or event_of(e, tick, kind)]

    def payload(self, seq):
        return msgpack.packb([event_of(*event) for event in self.events(seq)])

    def connect(self, port):
        self.close()
        self.socket = zmq.Context.instance().socket(zmq.DEALER)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.connect(f"tcp://127.0.0.1:{port}")
        self.retry_at = dict.fromkeys(self.waiting, 0.0)

    def close(self):
        if self.socket is not None:
            self.socket.close(linger=0)
            self.socket = None

    def put(self, seq):
        if self.waiting.get(seq) is None:
            self.waiting[seq] = self.payload(seq)
        header = msgpack.packb({"publisher": self.name, "epoch": "", "seq": seq})
        self.socket.send_multipart([header, self.waiting[seq]])
        self.retry_at[seq] = time.monotonic() + 3.0

    def pump(self, more=True):
        """Takes what replies there are, sends again what is due, and new requests while the window has room.
        @returns how many were acknowledged."""
        acknowledged = 0
        while True:
            try:
                reply = msgpack.unpackb(self.socket.recv(zmq.NOBLOCK))
            except zmq.Again:
                break
            if "ack" in reply:
                acknowledged += self.waiting.pop(reply["ack"], 0) != 0
                self.retry_at.pop(reply["ack"], None)
                if reply.get("rejected"):
                    self.wrong.append(f"{self.name} {reply['ack']}: {reply['rejected'][:1]}")
            elif "retry" in reply:
                self.retry_at[reply["retry"]] = time.monotonic() + reply["after_ms"] / 1000
                self.retries = [reply["reason"]]  # the newest
            else:
                self.wrong.append(f"{self.name}: {reply}")
        now = time.monotonic()
        for seq in sorted(s for s, at in self.retry_at.items() if at <= now and s in self.waiting):
            self.put(seq)
        while more and len(self.waiting) < self.window and now >= self.next_at:
            self.next_at = max(self.next_at, now - 0.1) + self.pause
            self.sent += 1
            self.put(self.sent)
        return acknowledged
