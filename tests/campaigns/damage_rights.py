#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Damages files of keys, clients and tokens, one place at a time, and asks whether anybody gets another right by it.

    tests/campaigns/damage_rights.py --count 50 --seed 1 --state FILE    goes on where it was interrupted
    tests/campaigns/damage_rights.py --control                           a bit of a file without a seal: its other right must be found

Every case is a copy of what `faultline keygen` and `faultline token create` wrote, with one bit turned, a page zeroed or the end cut
off, and a server that starts on it. Good ends are

    refused    the server ends with 2 or 1 and names the file
    told       it serves, and its log says of the file that it is not what was sealed, or lets nobody in
    harmless   it serves, and a reload of the whole files finds that no client and no token has changed

Fails on anything else: rights that differ and nobody says so, or a server that ends by a signal.
"""

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
from support import BIN, Server  # noqa: E402
from damage import WAYS, damage, read_arguments, run_cases  # noqa: E402

KINDS = {"key": ["server.secret"], "client": ["clients.d/probe.pub", "clients.d/pager.pub", "clients.d/hub.pub"],
         "tokens": ["tokens"]}
CLIENTS = (("probe", ["--allow", "ingest", "--entity", "host/", "--entity", "service/cart", "--rate", "5000", "--max-entities", "200",
                      "--not-after", "2099-12-31"]),
           ("pager", ["--allow", "feed"]), ("hub", ["--allow", "ingest", "feed", "--endpoint", "tcp://127.0.0.1:9"]))


def faultline(*arguments):
    done = subprocess.run([str(BIN / "faultline"), *map(str, arguments)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def make_files(directory, seals):
    """A server's key, three clients with rights of every kind, four tokens."""
    (directory / "clients.d").mkdir(parents=True)
    faultline("keygen", "server", "--out", directory)
    for name, rights in CLIENTS:
        faultline("keygen", name, *rights, "--out", directory / "clients.d")
        (directory / "clients.d" / f"{name}.secret").unlink()
    for role in ("publisher", "viewer", "operator", "admin"):
        faultline("token", "create", f"a-{role}", "--role", role, "--file", directory / "tokens", "--not-after", "2099-12-31")
    if not seals:
        for file in [directory / "tokens", *directory.glob("clients.d/*.pub")]:
            file.write_text(file.read_text().split("\n", 1)[1])


def copy(source, target):
    """In place: the server reads the same paths again."""
    for file in source.rglob("*"):
        if file.is_file():
            (target / file.relative_to(source)).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(file, target / file.relative_to(source))


def what_a_reload_says(server):
    """The lines of the log about it."""
    log = server.directory / "faultlined.log"
    before = log.stat().st_size
    server.process.send_signal(signal.SIGHUP)
    end = time.monotonic() + 60
    while time.monotonic() < end:
        said = log.read_text(errors="replace")[before:]
        if "nothing has changed" in said or "is in force" in said or "reload refused" in said:
            return said
        time.sleep(0.02)
    raise AssertionError("a reload says nothing: " + server.tail())


def one(case, good, scratch, seed):
    """@returns (end, what was done, detail)."""
    chance = random.Random(f"{seed}/{case}")
    kinds = list(KINDS)
    kind, way = kinds[case % len(kinds)], WAYS[case // len(kinds) % len(WAYS)]
    shutil.rmtree(scratch, ignore_errors=True)
    copy(good, scratch / "keys")
    file = scratch / "keys" / chance.choice(KINDS[kind])
    return serve_on(file, damage(file, way, chance), good, scratch)


def serve_on(file, done, good, scratch):
    """A server on the damaged @file, of which @done was done. @returns (end, what was done, detail)."""
    keys = scratch / "keys"
    server = Server(f"security: {{key: {keys / 'server.secret'}, clients: {keys / 'clients.d'}, curve: always}}\n", keep=scratch)
    text = server.config.read_text().replace("web: {", f"web: {{tokens: {keys / 'tokens'}, ")
    server.config.write_text(text)
    try:
        server.start(wait=False)
        end = time.monotonic() + 60
        while server.process.poll() is None and not server.is_ready() and time.monotonic() < end:
            time.sleep(0.02)
        status = server.process.poll()
        if status is not None:
            good_end = status in (1, 2) and file.name in server.tail()
            return ("refused" if good_end else "SIGNAL" if status < 0 else "UNNAMED"), done, server.tail()[-300:]
        if any(f"{file} {word}" in server.tail() for word in ("holds no token", "is not what was sealed")):
            return "told", done, ""
        copy(good, keys)
        said = what_a_reload_says(server)
        return ("harmless", done, "") if "nothing has changed" in said else ("SILENT", done, said[-300:])
    finally:
        if server.process.poll() is None:
            server.kill()
        server.log.close()


def control():
    """One bit of the rate of a client without a seal. @returns whether the other right was found."""
    with tempfile.TemporaryDirectory(prefix="faultline-damage-") as scratch:
        good, case = pathlib.Path(scratch) / "good", pathlib.Path(scratch) / "case"
        make_files(good, seals=False)
        copy(good, case / "keys")
        file = case / "keys/clients.d/probe.pub"
        file.write_text(file.read_text().replace('"5000"', '"7000"'))
        end, done, detail = serve_on(file, "a bit of a rate", good, case)
        print(f"control: {end}: {done}: {detail}")
        return end == "SILENT" and "probe changed" in detail


def run(count, seed, state=None):
    with tempfile.TemporaryDirectory(prefix="faultline-damage-") as scratch:
        good = pathlib.Path(scratch) / "good"
        make_files(good, seals=True)
        return not run_cases(count, seed, state, list(KINDS), lambda case: one(case, good, pathlib.Path(scratch) / "case", seed))


def main():
    wanted = read_arguments(__doc__, 50, "one that must find another right")
    return 0 if (control() if wanted.control else run(wanted.count, wanted.seed, wanted.state)) else 1


if __name__ == "__main__":
    sys.exit(main())
