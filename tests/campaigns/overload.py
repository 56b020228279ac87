#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Ten times what the server can apply, for a while, on a real server.

    tests/campaigns/overload.py [--seconds 30] [--times 10] [--seed 1] [--short] [--json]

Finds what the server applies a second when acknowledged publishers keep it full, and beside a first flood. Then it floods it
with so many times that, from messages that were encoded before (`faultline bench generate`): a PUSH publisher without
pause and an acknowledged one that never waits, beside a quiet publisher of each kind. Fails unless

- the flood was at least as many times what was applied as asked for (not with --short),
- every event of the quiet acknowledged publisher is acknowledged, and none of the quiet PUSH publisher's is shed,
- what was acknowledged is what was admitted from acknowledged publishers, to the event,
- the events that PUSH publishers sent are exactly those admitted and shed, and the sums of docs/flow.md hold,
- the resident memory stays within a tenth of the budget that the configuration gives,
- overload is told by notices, a few and not a flood, and is over within 10 s.

Says how much longer the quiet publisher waits than without the flood (`quiet_p99_ratio`; the bar is 2).
"""

import argparse
import json
import multiprocessing
import pathlib
import subprocess
import sys
import threading
import time

import msgpack
import zmq

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
from support import BIN, Publisher, Server, check_sums  # noqa: E402
from wire import eventually  # noqa: E402

ENTITIES = 8000
BATCH = 4000
CONFIG = "processing: {tick: 1s}\n"
# storage.cache + storage.write_buffer + twice ingest.max_pending + 12 KiB an entity + 150 MiB that an idle server takes.
BUDGET_MIB = 128 + 256 + 2 * 16 + ENTITIES * 12 // 1024 + 150


def name_of(entity):
    """As the generator calls it."""
    kinds = ("service/cart", "service/checkout", "db/orders", "service/search", "host/node", "cache/session",
             "service/payment", "queue/mail")
    return f"{kinds[entity % len(kinds)]}-{entity:05}"


def generator(seconds, per_second, *words):
    """`faultline bench generate` as a process of its own: pre-encoded messages; with `told()` for what it sent."""
    return subprocess.Popen(
        [str(BIN / "faultline"), "bench", "generate", "--json", "--seconds", str(seconds), "--entities", str(ENTITIES),
         "--metrics", "1", "--batch", str(BATCH), "--rate", str(per_second), *words],
        stdout=subprocess.PIPE, text=True)


def told(process):
    out = process.communicate(timeout=180)[0]
    assert process.returncode == 0, out
    return json.loads(out)


def push_flood(server, per_second, seconds, seed):
    return generator(seconds, per_second, "--publishers", "0", "--push", "1", "--pull",
                     f"tcp://127.0.0.1:{server.pull}", "--seed", str(seed))


def router_flood(server, name, per_second, seconds, seed):
    """An acknowledged publisher that does not heed `retry`: sends on, and never sends again."""
    return generator(seconds, per_second, "--router", f"tcp://127.0.0.1:{server.router}", "--name", name,
                     "--unheeding", "--seed", str(seed))


class Watch:
    """Memory of the server and how long its health page takes, sampled until it is stopped."""

    def __init__(self, server):
        self.server, self.peak, self.slowest, self.steps = server, 0, 0.0, set()
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        status = pathlib.Path(f"/proc/{self.server.process.pid}/status")
        while not self.over.wait(0.2):
            for line in status.read_text().splitlines():
                if line.startswith("VmRSS:"):
                    self.peak = max(self.peak, int(line.split()[1]) * 1024)
            begin = time.monotonic()
            try:
                self.server.get("/-/healthy")
                self.slowest = max(self.slowest, time.monotonic() - begin)
                self.steps.add(self.server.api("/api/v1/status")["overload"])
            except (OSError, RuntimeError):  # no answer is a slow one
                self.slowest = max(self.slowest, time.monotonic() - begin)

    def stop(self):
        self.over.set()
        self.thread.join()
        return self


def capacity(server, seconds):
    """Events applied a second while two acknowledged publishers keep the server full, and its memory then."""
    floods = [router_flood(server, f"full-{n}", 10**9, seconds + 2, n) for n in range(2)]
    watch = Watch(server)
    arrives(server)
    rate = applied_rate(server, seconds)
    for f in floods:
        told(f)
    return rate, watch.stop().peak


def arrives(server):
    """Until what was just begun to be sent is being applied: a generator on a busy machine begins late."""
    before = server.metric("faultline_events_applied_total")
    eventually(lambda: server.metric("faultline_events_applied_total") >= before + BATCH, what="the flood")


def applied_rate(server, seconds):
    before, begin = server.metric("faultline_events_applied_total"), time.monotonic()
    time.sleep(seconds)
    return (server.metric("faultline_events_applied_total") - before) / (time.monotonic() - begin)


def flooded_rate(server, full, times, seconds):
    """Events applied a second beside a flood: ticks are scored by the cheap views then, so more than when merely full."""
    f = push_flood(server, full * times, seconds + 2, 7)
    arrives(server)
    rate = applied_rate(server, seconds)
    told(f)
    return max(rate, full)


def quiet_push(port, seconds, told):
    context = zmq.Context()
    socket = context.socket(zmq.PUSH)
    socket.connect(f"tcp://127.0.0.1:{port}")
    end, sent = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        socket.send(msgpack.packb({"entity": "host/quiet-push", "values": {"cpu": 0.5}}))
        sent += 1
        time.sleep(0.05)
    socket.close(linger=60_000)
    context.term()
    told.put(sent)


def quiet_router(server, seconds):
    """Sends an event, and the next 10 ms after its answer: a p99 wants thousands. @returns sent, acknowledged, retries, times of the answers."""
    quiet = Publisher(server.router, "quiet", epoch=str(time.monotonic_ns()), resend_s=5.0)
    end, times, retries = time.monotonic() + seconds, [], 0
    acknowledged = 0
    while time.monotonic() < end:
        begin = time.monotonic()
        seq = quiet.send([{"entity": "host/quiet", "values": {"cpu": 0.5}}])
        reply = quiet.reply_to(seq)
        acknowledged += reply.get("accepted", 0)
        times.append(time.monotonic() - begin)
        time.sleep(0.01)
    rows = server.api("/api/v1/publishers?limit=1000")["publishers"]
    retries = sum(p["retried"] for p in rows if p["publisher"] == "quiet")
    quiet.close()
    times.sort()
    return {"sent": quiet.seq, "acknowledged": acknowledged, "retried": retries, "slowest_s": round(times[-1], 3),
            "p50_ms": round(times[len(times) // 2] * 1000, 1), "p99_ms": round(times[len(times) * 99 // 100] * 1000, 1)}


def shed_rows(server):
    rows = server.api("/api/v1/publishers?limit=1000")["publishers"]
    return {p["publisher"]: p["shed"] for p in rows if p["door"] == "pull"}


def notices(server, prefix="notice/overload/"):
    ask = zmq.Context.instance().socket(zmq.DEALER)
    ask.setsockopt(zmq.LINGER, 0)
    ask.connect(f"tcp://127.0.0.1:{server.replay}")
    ask.send(msgpack.packb({"op": "replay", "from": 1, "limit": 1000, "prefix": prefix}))
    if not ask.poll(30_000):
        raise AssertionError("no answer to replay")
    page = msgpack.unpackb(ask.recv())
    ask.close()
    return [(r["topic"].split("/")[2], r["payload"]["text"].split(":")[0]) for r in page["records"]]


def notices_when_over(server, seconds=60):
    """The feed tells of the end a moment after it: as they are then, or after so many seconds."""
    end = time.monotonic() + seconds
    while True:
        found = notices(server)
        words = [word for _, word in found]
        if (found and words.count("begin") == words.count("end")) or time.monotonic() > end:
            return found
        time.sleep(0.2)


def settle(server, seconds):
    """Seconds until nothing of the overload is left, or None."""
    begin = time.monotonic()
    while time.monotonic() - begin < seconds:
        if (server.api("/api/v1/status")["overload"] == "none"
                and server.metric("faultline_log_lag_records") == 0):
            return round(time.monotonic() - begin, 1)
        time.sleep(0.1)
    return None


def flood(server, seconds, per_second, seed):
    quietly = multiprocessing.Queue()
    quiet_pusher = multiprocessing.Process(target=quiet_push, args=(server.pull, seconds, quietly))
    quiet_pusher.start()
    pushing = push_flood(server, per_second * 0.9, seconds, seed)
    asking = router_flood(server, "noisy", per_second * 0.1, seconds, seed)
    quiet = quiet_router(server, seconds)
    pushed, asked, quiet_sent = told(pushing), told(asking)["acknowledged"], quietly.get()
    quiet_pusher.join()
    noisy = {"accepted": asked["accepted"], "given_up": asked["given_up_requests"] * BATCH, "sent": asked["events"]}
    return {"pushed": pushed["pushed"]["events"], "noisy": noisy, "quiet": quiet, "quiet_pushed": quiet_sent,
            "generator_cpu_s": round(pushed["cpu_seconds"], 1)}


def run(seconds=30, times=10, seed=1, short=False, config=CONFIG):
    """@returns the figures; raises AssertionError where one is not as it must be."""
    server = Server(config).start()
    try:
        maker = Publisher(server.router, "maker")
        for begin in range(0, ENTITIES, BATCH):
            maker.reply_to(maker.send([{"entity": name_of(n), "values": {"cpu.utilization": 0.5}}
                                       for n in range(begin, begin + BATCH)]))
        maker.close()
        full_rate, full = capacity(server, 3 if short else 10)
        assert settle(server, 90) is not None, "did not settle before the flood"
        rate = flooded_rate(server, full_rate, times, 1 if short else 5)
        assert settle(server, 90) is not None, "did not settle between the floods"
        calm = quiet_router(server, 3 if short else max(20, min(60, seconds / 5)))
        before, shed_before = server.metrics(), shed_rows(server)
        watch = Watch(server)
        begin = time.monotonic()
        out = flood(server, seconds, rate * times * 1.15, seed)
        passed = time.monotonic() - begin
        normal = settle(server, 60 if short else 10)
        watch.stop()
        after = check_sums(server)

        def grown(name):
            return int(after.get(name, 0) - before.get(name, 0))

        pull = '{door="pull"}'
        offered = grown("faultline_events_offered_total")
        refused = out["noisy"]["given_up"]
        applied = grown("faultline_events_applied_total")
        out.update({
            "seconds": round(passed, 1), "full_events_per_second": round(full_rate), "flooded_events_per_second": round(rate),
            "times": round((offered + refused) / max(1, applied), 1),
            "applied_per_second": round(applied / passed),
            "admitted_pull": grown("faultline_events_admitted_total" + pull),
            "shed_pull": grown("faultline_events_shed_total" + pull),
            "rss_full_mib": full >> 20, "rss_peak_mib": watch.peak >> 20,
            "health_slowest_s": round(watch.slowest, 3), "normal_after_s": normal,
            "steps": sorted(watch.steps), "notices": notices_when_over(server),
            "ticks_degraded": grown("faultline_ticks_degraded_total"),
            "admitted_router": grown('faultline_events_admitted_total{door="router"}'), "calm": calm,
            "quiet_p99_ratio": round(out["quiet"]["p99_ms"] / max(0.1, calm["p99_ms"]), 1),
            "shed_by_publisher": {p: n - shed_before.get(p, 0) for p, n in shed_rows(server).items()},
        })
        judge(out, times, short)
        return out
    finally:
        server.close()


def judge(o, times, short):
    def must(holds, what):
        assert holds, f"{what}: {json.dumps(o)}"

    sent = o["pushed"] + o["quiet_pushed"]
    must(o["admitted_pull"] + o["shed_pull"] == sent, f"of {sent} events pushed, admitted + shed are not all")
    must(o["noisy"]["accepted"] + o["noisy"]["given_up"] == o["noisy"]["sent"],
         "of the noisy publisher's requests, taken + told to wait are not all")
    must(sorted(o["shed_by_publisher"].values())[:-1] == [0] * (len(o["shed_by_publisher"]) - 1),
         "more than the noisy publisher was shed")
    must(o["shed_pull"] > 0, "nothing was shed: that was no overload")
    must(o["quiet"]["acknowledged"] == o["quiet"]["sent"], "the quiet publisher's events are not all acknowledged")
    must(o["admitted_router"] == o["quiet"]["acknowledged"] + o["noisy"]["accepted"], "acknowledged and admitted differ")
    must(o["quiet"]["retried"] == 0, "the quiet publisher was told to wait")
    must(o["normal_after_s"] is not None, "not back to normal in time")
    must("shedding" in o["steps"], "status never said shedding")
    must(("shedding", "begin") in o["notices"] and o["notices"][-1][1] == "end", "notices do not tell of it")
    must(len(o["notices"]) <= 4 * (4 + o["seconds"] / 3), "a flood of notices")
    must(o["rss_peak_mib"] <= BUDGET_MIB * 1.1, "memory is more than a tenth above its budget")
    if not short:
        must(o["times"] >= times, "the flood was too small")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--times", type=float, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--short", action="store_true", help="6 s, for continuous integration")
    parser.add_argument("--json", action="store_true")
    a = parser.parse_args()
    figures = run(6 if a.short else a.seconds, a.times, a.seed, a.short)
    if a.json:
        print(json.dumps(figures))
    else:
        for name, value in figures.items():
            print(f"{name:24} {value}")


if __name__ == "__main__":
    main()
