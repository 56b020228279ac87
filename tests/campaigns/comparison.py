#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The same observations into faultline, two time-series databases and a small Python program; one table.

    tests/campaigns/comparison.py [--entities 10000] [--metrics 8] [--ticks 40] [--json]

Every row of every entity is encoded beforehand, for each in its own format: msgpack with acknowledgement for
faultline, Influx lines over HTTP for victoria-metrics, remote write for prometheus, msgpack over PUSH for a program of
pyzmq, msgpack and torch that scores an event at a time with the same LSTM (a share of the rows, for it takes long).
Each gets them as fast as it takes them; it is over when all of them are counted by the one that took them, for
faultline when they are scored. CPU is what the process and its children took from the first row to then. One sender,
in this process; the databases over four connections.

faultline scores and stores, the databases store, the program scores. Needs, from Debian: victoria-metrics, prometheus,
python3-torch, python3-snappy, python3-numpy, python3-zmq, python3-msgpack; and a build (FAULTLINE_BIN or
build/release/bin).
"""

import argparse
import concurrent.futures
import http.client
import json
import os
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import urllib.request

import msgpack
import numpy
import snappy
import zmq

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
from support import ROOT, Publisher, Server, free_ports  # noqa: E402

METRICS = ("cpu_utilization", "memory_used_bytes", "disk_io_util", "network_bytes", "connections_in_use",
           "requests_rate", "errors_rate", "latency_p95_ms")
BATCH, TICK_MS, WINDOW, CONNECTIONS = 500, 10_000, 16, 4


class Rows:
    """Values of every entity, metric and tick: a level of its own and a slow wander."""

    def __init__(self, entities, metrics, ticks):
        chance = numpy.random.default_rng(1)
        level = chance.uniform(10, 1000, (1, entities, metrics))
        self.values = level * (1 + 0.02 * chance.standard_normal((ticks, entities, metrics)).cumsum(axis=0))
        self.entities, self.metrics, self.ticks = entities, metrics, ticks
        now = int(time.time() * 1000) // TICK_MS * TICK_MS
        self.ts = [now - (ticks - n) * TICK_MS for n in range(ticks)]
        self.names = [f"service/cart-{e:05}" for e in range(entities)]
        self.metric_names = [METRICS[m % 8] + (f"_{m // 8}" if m >= 8 else "") for m in range(metrics)]

    def batches(self):
        for n in range(self.ticks):
            for begin in range(0, self.entities, BATCH):
                yield self.ts[n], self.names[begin:begin + BATCH], self.values[n, begin:begin + BATCH].tolist()


def as_msgpack(rows):
    keys = rows.metric_names
    return [msgpack.packb([{"entity": e, "ts": ts, "values": dict(zip(keys, v))} for e, v in zip(names, values)])
            for ts, names, values in rows.batches()]


def as_influx(rows):
    keys = [k + "=" for k in rows.metric_names]
    return ["\n".join(f"row,entity={e} {','.join(k + repr(x) for k, x in zip(keys, v))} {ts}000000"
                      for e, v in zip(names, values)).encode() for ts, names, values in rows.batches()]


def varint(n):
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    out.append(n)
    return bytes(out)


def field(number, payload):
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def label(name, value):
    return field(1, field(1, name.encode()) + field(2, value.encode()))


def as_remote_write(rows):
    heads = {e: [label("__name__", m) + label("entity", e) for m in rows.metric_names] for e in rows.names}
    out = []
    for ts, names, values in rows.batches():
        when = b"\x10" + varint(ts)
        out.append(snappy.compress(b"".join(
            field(1, head + field(2, b"\x09" + struct.pack("<d", x) + when))
            for e, v in zip(names, values) for head, x in zip(heads[e], v))))
    return out


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return sum(int(f) for f in fields[11:15]) / os.sysconf("SC_CLK_TCK")


def measured(pid, rows, send):
    """Runs @p send, which returns when all is counted; the line of the table."""
    cpu, begin = cpu_seconds(pid), time.monotonic()
    send()
    took, cpu = time.monotonic() - begin, cpu_seconds(pid) - cpu
    return line(rows, took, cpu)


def line(rows, took, cpu):
    samples = rows * line.metrics
    return {"observations": rows, "seconds": round(took, 2), "observations_per_second": round(rows / took),
            "samples_per_second": round(samples / took), "cpu_s_per_million_samples": round(cpu / samples * 1e6, 3)}


def faultline(rows, payloads):
    server = Server("processing: {accept_past: true}\nentities: {max_new_per_second: 1000000, max_per_publisher: 0}\n"
                    ).start()
    try:
        publisher = Publisher(server.router, "comparison", resend_s=30.0)
        publisher.pack = lambda value: value if isinstance(value, bytes) else msgpack.packb(value)

        def send():
            for payload in payloads:
                publisher.send(payload)
                while len(publisher.waiting) >= WINDOW:
                    publisher.pump(50)
            publisher.flush(120)
            server.wait_applied(120)

        out = measured(server.process.pid, rows, send)
        accepted = sum(r.get("accepted", 0) for r in publisher.replies.values())
        assert accepted == rows, f"{accepted} of {rows} accepted"
        return out
    finally:
        server.close()


class Database:
    """A database on a free port and an empty directory; ended by its own process id."""

    def __init__(self, words, ready):
        self.directory = tempfile.mkdtemp(prefix="faultline-comparison-")
        self.port = free_ports(1)[0]
        self.log = open(os.path.join(self.directory, "log"), "wb")
        words = [w.format(port=self.port, dir=self.directory) for w in words]
        self.process = subprocess.Popen(words, stdout=self.log, stderr=self.log, cwd=self.directory)
        end = time.monotonic() + 30
        while True:
            try:
                self.get(ready)
                break
            except OSError:
                if time.monotonic() > end or self.process.poll() is not None:
                    self.close()
                    raise
                time.sleep(0.1)

    def get(self, path):
        return urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=30).read().decode()

    def count(self, name):
        return sum(float(text.rsplit(" ", 1)[1]) for text in self.get("/metrics").splitlines() if text.startswith(name))

    def post(self, path, payloads, headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        for payload in payloads:
            connection.request("POST", path, payload, headers)
            answer = connection.getresponse()
            body = answer.read()
            if answer.status >= 300:
                raise RuntimeError(f"{path}: {answer.status} {body[:200]}")

    def post_all(self, path, payloads, headers, name, expected):
        """Over several connections; an entity has one of them, so that its rows keep their order."""
        shares = [[] for _ in range(CONNECTIONS)]
        for i, payload in enumerate(payloads):
            shares[i % line.batches_per_tick % CONNECTIONS].append(payload)
        with concurrent.futures.ThreadPoolExecutor(CONNECTIONS) as pool:
            list(pool.map(lambda share: self.post(path, share, headers), shares))
        end = time.monotonic() + 60
        while self.count(name) < expected:
            assert time.monotonic() < end, f"{self.count(name)} of {expected} counted"
            time.sleep(0.05)

    def close(self):
        self.process.terminate()
        self.process.wait(timeout=60)
        self.log.close()
        shutil.rmtree(self.directory, ignore_errors=True)


def victoria(rows, payloads):
    db = Database(["victoria-metrics", "-storageDataPath={dir}/data", "-httpListenAddr=127.0.0.1:{port}",
                   "-retentionPeriod=12"], "/health")
    try:
        return measured(db.process.pid, rows, lambda: db.post_all(
            "/write", payloads, {}, 'vm_rows_inserted_total{type="influx"}', rows * line.metrics))
    finally:
        db.close()


def prometheus(rows, payloads):
    config = pathlib.Path(tempfile.mkdtemp(prefix="faultline-comparison-")) / "prometheus.yml"
    config.write_text("global: {}\n")
    db = Database(["prometheus", f"--config.file={config}", "--storage.tsdb.path={dir}/data",
                   "--web.listen-address=127.0.0.1:{port}", "--web.enable-remote-write-receiver"], "/-/ready")
    headers = {"Content-Encoding": "snappy", "Content-Type": "application/x-protobuf",
               "X-Prometheus-Remote-Write-Version": "0.1.0"}
    try:
        return measured(db.process.pid, rows, lambda: db.post_all(
            "/api/v1/write", payloads, headers, "prometheus_tsdb_head_samples_appended_total", rows * line.metrics))
    finally:
        db.close()
        shutil.rmtree(config.parent, ignore_errors=True)


def kernels():
    """The environment in which OpenBLAS takes the kernels that the server takes, on processors younger than itself, too."""
    knows = "avx2" in pathlib.Path("/proc/cpuinfo").read_text()
    return {**({"OPENBLAS_CORETYPE": "Haswell"} if knows else {}), **os.environ}


def program(rows, payloads):
    port = free_ports(1)[0]
    process = subprocess.Popen([sys.executable, str(pathlib.Path(__file__).with_name("python_scorer.py")), str(port),
                                str(ROOT / "models/lstm.flm"), str(rows)], stdout=subprocess.PIPE, text=True, env=kernels())
    context = zmq.Context()
    socket = context.socket(zmq.PUSH)
    try:
        socket.connect(f"tcp://127.0.0.1:{port}")
        assert process.stdout.readline() == "ready\n"
        for payload in payloads:
            socket.send(payload)
        said = json.loads(process.communicate(timeout=240)[0])
        return line(rows, said["seconds"], said["cpu_seconds"])
    finally:
        if process.poll() is None:
            process.terminate()
        socket.close(linger=0)
        context.term()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--entities", type=int, default=10_000)
    parser.add_argument("--metrics", type=int, default=8, choices=range(1, 65), metavar="1..64")
    parser.add_argument("--ticks", type=int, default=40)
    parser.add_argument("--program-rows", type=int, default=20_000, help="for the Python program, in whole batches")
    parser.add_argument("--json", action="store_true")
    o = parser.parse_args()
    if o.entities % BATCH or o.program_rows % BATCH or o.ticks < 1:
        parser.error(f"entities and rows come in batches of {BATCH}")
    line.metrics, line.batches_per_tick = o.metrics, o.entities // BATCH
    rows = Rows(o.entities, o.metrics, o.ticks)
    count, packed = o.entities * o.ticks, as_msgpack(rows)
    few = min(o.program_rows, count)
    out = {"faultline": faultline(count, packed), "program": program(few, packed[:few // BATCH])}
    del packed
    out["victoria-metrics"] = victoria(count, as_influx(rows))
    out["prometheus"] = prometheus(count, as_remote_write(rows))
    for entry in out.values():
        entry["faultline_rate_ratio"] = round(out["faultline"]["samples_per_second"] / entry["samples_per_second"], 2)
        entry["faultline_per_cpu_ratio"] = round(
            entry["cpu_s_per_million_samples"] / out["faultline"]["cpu_s_per_million_samples"], 2)
    if o.json:
        print(json.dumps(out))
        return
    print(f"{'':18}{'observations/s':>16}{'samples/s':>12}{'CPU s/M':>9}{'faultline is':>14}{'per CPU':>9}")
    for name, e in out.items():
        print(f"{name:18}{e['observations_per_second']:>16,}{e['samples_per_second']:>12,}"
              f"{e['cpu_s_per_million_samples']:>9}{e['faultline_rate_ratio']:>13}x{e['faultline_per_cpu_ratio']:>8}x")


if __name__ == "__main__":
    main()
