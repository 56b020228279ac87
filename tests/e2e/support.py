# SPDX-License-Identifier: Apache-2.0
"""A real faultlined on free loopback ports, and the wire contract in Python.

Knows nothing of the server but docs/wire-protocol.md: python3-zmq and python3-msgpack from Debian.
"""

import fcntl
import json
import os
import pathlib
import random
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

import msgpack
import zmq

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("FAULTLINE_BIN", ROOT / "build/release/bin"))


RESERVED = set()  # ports of this process, until it ends
PORT_LOCKS = os.open(pathlib.Path(tempfile.gettempdir()) / f"faultline-test-ports-{os.getuid()}",
                     os.O_CREAT | os.O_RDWR, 0o600)


def reserve(port):
    """@returns whether the port is free and no test that runs has taken it: byte PORT of a file that
    all of them share is locked by whoever has it."""
    if port in RESERVED:
        return False
    try:
        fcntl.lockf(PORT_LOCKS, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except OSError:
        return False
    try:
        with socket.socket() as s:
            s.bind(("127.0.0.1", port))
    except OSError:
        fcntl.lockf(PORT_LOCKS, fcntl.LOCK_UN, 1, port)
        return False
    RESERVED.add(port)
    return True


def free_ports(count):
    """Ports that nobody uses and no other test will, all different; below those that the kernel
    hands out to connections, so that nobody takes one by chance before it is bound."""
    ports = []
    while len(ports) < count:
        port = random.SystemRandom().randrange(12000, 32000)
        if reserve(port):
            ports.append(port)
    return ports


class Server:
    """faultlined in a directory of its own; ended by its own process id."""

    def __init__(self, config="", keep=None, program="faultlined", store=None, storage="min_free: 64MiB",
                 ingest=""):
        self.program = program
        self.directory = pathlib.Path(keep or tempfile.mkdtemp(prefix="faultline-e2e-"))
        self.http, self.pull, self.router, self.publish, self.replay = free_ports(5)
        self.config = self.directory / "faultline.yaml"
        self.config.write_text(
            f"storage: {{path: {store or self.directory / 'store'}, {storage}}}\n"
            f"web: {{listen_address: 127.0.0.1:{self.http}}}\n"
            f"ingest: {{pull: ['tcp://127.0.0.1:{self.pull}'],"
            f" router: ['tcp://127.0.0.1:{self.router}'], {ingest}}}\n"
            f"feed: {{publish: 'tcp://127.0.0.1:{self.publish}',"
            f" replay: 'tcp://127.0.0.1:{self.replay}'}}\n" + config
        )
        self.process = None
        self.log = open(self.directory / "faultlined.log", "ab")

    def start(self, wait=True, environment=None, files=None):
        """@param files (soft, hard) bound of open files."""
        self.process = subprocess.Popen(
            [str(BIN / self.program), "--config.file", str(self.config)],
            cwd=ROOT, stdout=self.log, stderr=self.log, env=environment,
            preexec_fn=files and (lambda: resource.setrlimit(resource.RLIMIT_NOFILE, files)),
        )
        if wait:
            self.wait_ready()
        return self

    def is_ready(self):
        try:
            return self.get("/-/ready")[0] == 200
        except OSError:
            return False

    def wait_ready(self, seconds=60):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise RuntimeError(f"faultlined ended with {self.process.returncode}: {self.tail()}")
            try:
                status, _ = self.get("/-/ready")
                if status == 200:
                    return
            except OSError:
                pass
            time.sleep(0.02)
        raise RuntimeError("faultlined is not ready: " + self.tail())

    def tail(self):
        return (self.directory / "faultlined.log").read_text(errors="replace")[-2000:]

    def request(self, method, path, body=None, timeout=10):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.http}{path}", data=data, method=method,
            headers={"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def get(self, path):
        return self.request("GET", path)

    def api(self, path):
        status, body = self.get(path)
        for _ in range(100):
            if status not in (503, 504):  # a part of it starts anew, or has much to do: ask again
                break
            time.sleep(0.1)
            status, body = self.get(path)
        if status != 200:
            raise RuntimeError(f"GET {path}: {status} {body}")
        return json.loads(body)

    def command(self, *words, status=0, timeout=60):
        """What `faultline` says, against this server. It must end with @p status."""
        done = subprocess.run([str(BIN / "faultline"), "--server", f"http://127.0.0.1:{self.http}", *words],
                              capture_output=True, text=True, timeout=timeout)
        assert done.returncode == status, f"ended with {done.returncode}: {done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def metric(self, name):
        """Sum of a metric's samples on /metrics."""
        total = 0.0
        for line in self.get("/metrics")[1].splitlines():
            if line.startswith(name) and line[len(name)] in " {":
                total += float(line.rsplit(" ", 1)[1])
        return total

    def metrics(self):
        """Every sample of /metrics: name, and name with labels, to its value; a name alone is the sum."""
        samples = {}
        for line in self.get("/metrics")[1].splitlines():
            if line and not line.startswith("#"):
                key, value = line.rsplit(" ", 1)
                samples[key] = float(value)
                if "{" in key:
                    name = key.split("{")[0]
                    samples[name] = samples.get(name, 0.0) + float(value)
        return samples

    def wait_applied(self, seconds=60):
        """Until every record of the log has been applied and scored, those that are replayed after a start too."""
        end = time.monotonic() + seconds
        quiet = 0
        while time.monotonic() < end:
            m = self.metrics()
            idle = m.get("faultline_log_lag_records") == 0 and m.get("faultline_events_in_flight") == 0
            quiet = quiet + 1 if idle else 0
            if quiet >= 3:
                return
            time.sleep(0.05)
        raise RuntimeError("the log is not applied")

    def kill(self):
        self.process.kill()
        self.process.wait(timeout=30)

    def stop(self, sums=True):
        """SIGTERM; returns the exit status. Before it, everything that was counted must add up."""
        if self.process and self.process.poll() is None:
            if sums:
                check_sums(self)
            self.process.send_signal(signal.SIGTERM)
            try:
                return self.process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(timeout=30)
                return None
        return self.process.returncode if self.process else None

    def close(self):
        """The end of a test: what the server counted must add up, whatever the test did to it."""
        try:
            if self.process and self.process.poll() is None and self.is_ready():
                check_sums(self)
        finally:
            self.remove()

    def remove(self):
        if self.process and self.process.poll() is None:
            self.kill()
        self.log.close()
        shutil.rmtree(self.directory, ignore_errors=True)


def broken_sums(m):
    """The equations of docs/flow.md ("Sums") that do not hold in the samples @m, as text."""
    def value(name):
        return m.get(name, 0.0)

    sums = [
        ("messages read = requests by fate + messages by fate",
         value("faultline_door_requests_total") + value("faultline_door_bad_requests_total")
         + value("faultline_door_event_messages_total"),
         value("faultline_requests_total") + value("faultline_messages_total")),
        ("offered = admitted + rejected + shed",
         value("faultline_events_offered_total"),
         value("faultline_events_admitted_total") + value("faultline_events_rejected_total")
         + value("faultline_events_shed_total")),
        ("accepted ever = accepted at start + admitted",
         value('faultline_events_total{as="accepted"}'),
         value("faultline_events_accepted_at_start") + value("faultline_events_admitted_total")),
        ("read = applied + in flight",
         value("faultline_events_read_total"),
         value("faultline_events_applied_total") + value("faultline_events_in_flight")),
        ("nothing in flight", value("faultline_events_in_flight"), 0),
        ("no lag", value("faultline_log_lag_records"), 0),
    ]
    if value("faultline_partition_restarts_total") == 0:
        sums.append(("admitted + derived = read from the log",
                     value("faultline_events_admitted_total")
                     + value("faultline_events_derived_total"),
                     value('faultline_events_read_total{from="log"}')))
    return [f"{name}: {left:.0f} is not {right:.0f}" for name, left, right in sums if left != right]


def check_sums(server, seconds=60):
    """Every event offered is in exactly one counter, once the server is quiet: waits until it is so,
    and fails with the equations that do not hold."""
    end = time.monotonic() + seconds
    while True:
        samples = server.metrics()
        broken = broken_sums(samples)
        if not broken:
            return samples
        if time.monotonic() > end:
            raise AssertionError("counters do not add up:\n  " + "\n  ".join(broken))
        time.sleep(0.1)


class Publisher:
    """An acknowledged publisher: requests in flight are sent again, oldest first, until answered."""

    def __init__(self, port, name, epoch="", encoding="msgpack", resend_s=2.0):
        self.context = zmq.Context.instance()
        self.port, self.name, self.epoch, self.encoding = port, name, epoch, encoding
        self.resend_s = resend_s
        self.seq = 0
        self.waiting = {}
        self.replies = {}
        self.retries = []
        self.socket = None
        self.connect()

    def connect(self):
        if self.socket is not None:
            self.socket.close(linger=0)
        self.socket = self.context.socket(zmq.DEALER)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.connect(f"tcp://127.0.0.1:{self.port}")
        self.sent_at = time.monotonic()

    def pack(self, value):
        return msgpack.packb(value) if self.encoding == "msgpack" else json.dumps(value).encode()

    def unpack(self, frame):
        return msgpack.unpackb(frame) if self.encoding == "msgpack" else json.loads(frame)

    def header(self, **more):
        return self.pack({"publisher": self.name, "epoch": self.epoch, **more})

    def send(self, events):
        self.seq += 1
        self.waiting[self.seq] = self.pack(events)
        self.socket.send_multipart([self.header(seq=self.seq), self.waiting[self.seq]])
        return self.seq

    def send_raw(self, payload, seq=None):
        if seq is None:
            self.seq += 1
            seq = self.seq
        self.socket.send_multipart([self.header(seq=seq), payload])
        return seq

    def resend(self):
        for seq in sorted(self.waiting):
            self.socket.send_multipart([self.header(seq=seq), self.waiting[seq]])
        self.sent_at = time.monotonic()

    def pump(self, timeout_ms=0):
        """Takes what replies there are."""
        if not self.socket.poll(timeout_ms):
            if self.waiting and time.monotonic() - self.sent_at > self.resend_s:
                self.resend()
            return False
        reply = self.unpack(self.socket.recv())
        if "ack" in reply:
            self.waiting.pop(reply["ack"], None)
            self.replies[reply["ack"]] = reply
            self.sent_at = time.monotonic()
        elif "retry" in reply:
            self.retries.append(reply)
            time.sleep(reply["after_ms"] / 1000)
            seq = reply["retry"]
            if seq in self.waiting:
                self.socket.send_multipart([self.header(seq=seq), self.waiting[seq]])
        else:
            self.replies[reply.get("seq", -1)] = reply
            self.waiting.pop(reply.get("seq", -1), None)
        return True

    def reply_to(self, seq, seconds=20):
        end = time.monotonic() + seconds
        while seq not in self.replies:
            if time.monotonic() > end:
                raise RuntimeError(f"no reply to {seq}")
            self.pump(50)
        return self.replies[seq]

    def flush(self, seconds=60):
        end = time.monotonic() + seconds
        while self.waiting:
            if time.monotonic() > end:
                raise RuntimeError(f"{len(self.waiting)} requests without an answer")
            self.pump(50)

    def publish(self, events, size=500, seconds=60):
        """All of @p events in their order, whatever the server has no room for: with one request in flight none overtakes
        another that was told to come again."""
        for at in range(0, len(events), size):
            self.reply_to(self.send(events[at:at + size]), seconds)

    def close(self):
        self.socket.close(linger=0)
