# SPDX-License-Identifier: Apache-2.0
"""Plays a simulated fault into a server of its own and shows what the server makes of it."""

import argparse
import fcntl
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

# Its server is its own and on this machine, whatever the environment says of others.
urllib.request.install_opener(urllib.request.build_opener(urllib.request.ProxyHandler({})))
for name in [name for name in os.environ if name.startswith("FAULTLINE_")]:
    del os.environ[name]

COLOUR = sys.stdout.isatty() and "NO_COLOR" not in os.environ


def paint(code, text):
    return f"\033[{code}m{text}\033[0m" if COLOUR else text


def say(text=""):
    print(text, flush=True)


def clock(ms):
    return time.strftime("%H:%M:%S", time.gmtime(ms / 1000))


# Byte PORT of it is locked by whoever has taken that port: demos and tests beside this one (tests/e2e/support.py).
PORT_LOCKS = pathlib.Path(tempfile.gettempdir()) / f"faultline-test-ports-{os.getuid()}"


def free_ports(count):
    """Ports that nobody uses and no demo or test beside this will until it ends, all different; below those that the kernel
    hands out to connections, so that nobody takes one by chance before it is bound."""
    locks = os.open(PORT_LOCKS, os.O_CREAT | os.O_RDWR, 0o600)  # until this process ends
    ports = []
    while len(ports) < count:
        port = random.SystemRandom().randrange(12000, 32000)
        try:
            fcntl.lockf(locks, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
            with socket.socket() as s:
                s.bind(("127.0.0.1", port))
        except OSError:
            continue
        if port not in ports:
            ports.append(port)
    return ports


class Demo:
    def __init__(self, options):
        self.options = options
        self.bin = pathlib.Path(options.bin)
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="faultline-demo-"))
        self.children = []
        # The documented ports where they are free, so that what is printed can be typed again.
        self.ports = [7800, 7801, 7802, 7803, 7804]
        if options.free_ports or not all(map(self.is_free, self.ports)):
            self.ports = free_ports(5)

    @staticmethod
    def is_free(port):
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
                return True
            except OSError:
                return False

    def start(self, command, **more):
        child = subprocess.Popen([str(c) for c in command], **more)
        self.children.append(child)
        return child

    def run(self, *command, check=True):
        done = subprocess.run([str(c) for c in command], stdout=subprocess.PIPE, text=True, timeout=600)
        if check and done.returncode != 0:
            raise SystemExit(f"{' '.join(map(str, command))} failed with {done.returncode}")
        return done.stdout

    def api(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.ports[0]}{path}", timeout=10) as answer:
            return json.load(answer)

    def serve(self):
        http, pull, router, publish, replay = self.ports
        config = self.directory / "faultline.yaml"
        config.write_text(
            f"storage: {{path: {self.directory}/store, min_free: 64MiB}}\n"
            f"web: {{listen_address: 127.0.0.1:{http}}}\n"
            f"ingest: {{pull: ['tcp://127.0.0.1:{pull}'], router: ['tcp://127.0.0.1:{router}'],"
            # Three hours pass in seconds: no entity may run far ahead of another.
            f" max_lag_records: 150, retry_after_ms: 2}}\n"
            f"feed: {{publish: 'tcp://127.0.0.1:{publish}', replay: 'tcp://127.0.0.1:{replay}'}}\n"
            "processing: {tick: 10s, accept_past: true}\n"
        )
        log = open(self.directory / "faultlined.log", "wb")
        server = self.start([self.bin / "faultlined", "--config.file", config], stdout=log, stderr=log)
        end = time.monotonic() + 60
        while time.monotonic() < end:
            if server.poll() is not None:
                raise SystemExit("faultlined ended: " + (self.directory / "faultlined.log").read_text())
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{http}/-/ready", timeout=2):
                    return
            except OSError:
                time.sleep(0.05)
        raise SystemExit("faultlined is not ready after a minute")

    def simulate(self):
        recording = self.directory / "recording"
        command = [self.bin / "faultline", "simulate", "--seed", self.options.seed, "--out", recording]
        if self.options.quiet:
            command.append("--quiet")
        else:
            command += ["--shape", self.options.shape]
        self.run(*command)
        self.recording = json.loads((recording / "recording.json").read_text())
        return recording

    def play(self, recording):
        endpoint = f"tcp://127.0.0.1:{self.ports[2]}"
        tail = None
        if not self.options.silent:
            tail = self.start([self.bin / "faultline", "tail",
                               "--endpoint", f"tcp://127.0.0.1:{self.ports[3]}",
                               "--replay-endpoint", f"tcp://127.0.0.1:{self.ports[4]}", "--from", "1",
                               # Of the notices only what is told of incidents: how the replay is paced is none of the story.
                               "--prefix", "alert/", "--prefix", "incident/", "--prefix", "notice/split"])
        speed = ["--fast", "--batch", "30", "--window", "2"] if self.options.once else ["--speed", str(self.options.speed)]
        self.run(self.bin / "faultline", "replay", recording, "--keep-time", "--endpoint", endpoint, *speed)
        self.settle()
        if tail:
            time.sleep(0.5)
            tail.terminate()  # SIGINT is ignored by whatever a script has started behind itself
            tail.wait(timeout=10)

    def settle(self):
        """Until everything sent is applied and the feed has gone quiet for longer than a look for a cause takes."""
        last, quiet, end = None, 0, time.monotonic() + 60
        while quiet < 25 and time.monotonic() < end:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.ports[0]}/metrics", timeout=10) as answer:
                lag = next(line.split()[-1] for line in answer.read().decode().splitlines()
                           if line.startswith("faultline_log_lag_records "))
            now = (lag, self.api("/api/v1/status")["feed"]["seq"])
            quiet = quiet + 1 if now == last and float(lag) == 0 else 0
            last = now
            time.sleep(0.1)

    @staticmethod
    def main_incident(incidents):
        """The one an operator would open first: critical before warning, then the one with most alerts."""
        return max(incidents, key=lambda i: (i["severity"] == "critical", len(i["alerts"])), default=None)

    def page(self, incidents):
        """Where a browser shows the incident."""
        worst = self.main_incident(incidents)
        return f"http://127.0.0.1:{self.ports[0]}/" + (f"#/incident/{worst['id']}" if worst else "")

    def verdict(self):
        """Whether the promise was kept, and the sentences that say so."""
        incidents = self.api("/api/v1/incidents?limit=100")["incidents"]
        fault = next(iter(self.recording["faults"]), None)
        if fault is None:
            return not incidents, [f"quiet system: {len(incidents)} incidents"], incidents
        full = fault["full_effect"]
        alerts = self.api("/api/v1/alerts?limit=1000")["alerts"]
        early = [a["started"] for a in alerts if fault["start"] <= a["started"] < full]
        mine = [i for i in incidents if i["started"] <= fault["end"] and (i.get("ended") or full) >= fault["start"]]
        shown = self.main_incident(mine)
        ranks = [n for n, c in enumerate(shown["causes"], 1) if c["entity"] in fault["root"]] if shown else []
        lines = [f"the truth: {fault['type']} in {', '.join(fault['root'])} from {clock(fault['start'])}, "
                 f"full effect at {clock(full)}"]
        if early:
            lines.append(f"first warning {clock(min(early))}: {(full - min(early)) / 60000:.1f} minutes "
                         "before the full effect")
        else:
            lines.append("no warning before the full effect")
        lines.append(f"the true cause is ranked {min(ranks)}" if ranks else "the true cause is not ranked")
        return bool(early) and bool(ranks) and min(ranks) <= 2, lines, mine

    def close(self):
        for child in reversed(self.children):
            if child.poll() is None:
                child.terminate()
                try:
                    child.wait(timeout=30)
                except subprocess.TimeoutExpired:
                    child.kill()
                    child.wait()
        shutil.rmtree(self.directory, ignore_errors=True)

    def tell(self):
        say(paint("1", "faultline: a fault in a small service system, as it happens"))
        recording = self.simulate()
        systems = len(self.recording["entities"])
        self.serve()
        say(f"{systems} entities, {len(self.recording['edges'])} dependencies, seed {self.options.seed}; "
            "the server starts with an empty store and learns as it goes.")
        say()
        self.play(recording)
        kept, lines, incidents = self.verdict()
        say()
        if incidents and not self.options.silent:
            worst = self.main_incident(incidents)
            say(self.run(self.bin / "faultline", "--server", f"http://127.0.0.1:{self.ports[0]}",
                         "incident", "show", worst["id"], check=False))
        for line in lines:
            say(line)
        say(paint("1;32", "kept") if kept else paint("1;31", "not kept"))
        if not self.options.once:
            say()
            say(f"See it: {paint('1', self.page(incidents))}")
            say(f"The API is at http://127.0.0.1:{self.ports[0]}/api/v1. Ctrl-C ends.")
            signal.pause()
        return kept


def main():
    parser = argparse.ArgumentParser(prog="deploy/demo.sh")
    parser.add_argument("--bin", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--once", action="store_true", help="end by itself, exit 0 only if the promise was kept")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--quiet", action="store_true", help="no fault")
    parser.add_argument("--speed", type=float, default=120, help="times faster than it happened (without --once)")
    parser.add_argument("--silent", action="store_true", help="only the verdict")
    parser.add_argument("--shape", choices=["linear", "exponential", "abrupt", "intermittent"], default="linear",
                        help="how the fault comes; an abrupt one leaves no time to warn")
    parser.add_argument("--free-ports", action="store_true", help="do not use the documented ports")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    demo = Demo(options)
    try:
        return 0 if demo.tell() else 1
    except KeyboardInterrupt:
        return 0
    finally:
        demo.close()


if __name__ == "__main__":
    sys.exit(main())
