# SPDX-License-Identifier: Apache-2.0
"""A disk that fills up and is freed again: nothing acknowledged is lost, serving goes on, an operator is not needed.

On a small tmpfs of its own where that can be mounted (as root). Elsewhere it says so, and crosses the first
watermark alone, which is then set just below what is free.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

import msgpack
import zmq

from posts import post
from support import Publisher, Server

MIB = 1 << 20
STORAGE = "min_free: 64MiB, ballast: 16MiB, write_buffer: 8MiB, cache: 8MiB, partitions: 4"


def row(n):
    return {"entity": "host/space", "values": {"cpu": 0.5 + n % 3}}


class Disk:
    """A tmpfs of 256 MiB and a file that fills it."""

    def __init__(self):
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="faultline-disk-"))
        self.mounted = os.geteuid() == 0 and subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=256m", "tmpfs", str(self.path)],
            stderr=subprocess.DEVNULL, check=False).returncode == 0
        self.filler = self.path / "filler"

    def free(self):
        at = os.statvfs(self.path)
        return at.f_bavail * at.f_frsize

    def leave(self, size):
        """Fills the disk until @size bytes are free."""
        self.release()
        with open(self.filler, "wb") as file:
            os.posix_fallocate(file.fileno(), 0, max(1, self.free() - size))

    def release(self):
        self.filler.unlink(missing_ok=True)

    def close(self):
        self.release()
        if self.mounted:
            subprocess.run(["umount", str(self.path)], check=False)
        shutil.rmtree(self.path, ignore_errors=True)


def eventually(test, holds, what, seconds=90):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if holds():
            return
        time.sleep(0.05)
    test.fail(what)


def overload(server):
    return server.api("/api/v1/status")["overload"]


def notices(server):
    ask = zmq.Context.instance().socket(zmq.DEALER)
    ask.setsockopt(zmq.LINGER, 0)
    ask.connect(f"tcp://127.0.0.1:{server.replay}")
    ask.send(msgpack.packb({"op": "replay", "from": 1, "limit": 1000, "prefix": "notice/overload/no_space"}))
    if not ask.poll(30_000):
        raise AssertionError("the replay socket does not answer")
    page = msgpack.unpackb(ask.recv())
    ask.close()
    return [r["payload"]["text"].split(":")[0] for r in page["records"]]


class Space(unittest.TestCase):
    def setUp(self):
        self.disk = Disk()
        self.addCleanup(self.disk.close)

    def refused_until_space_returns(self, server, publisher, fill):
        """Fills, sees a request refused with the reason and the server serving; frees, sees it taken."""
        begun = len(notices(server))
        fill()
        eventually(self, lambda: overload(server) == "no_space", "status never said no_space")
        publisher.retries.clear()
        seq = publisher.send([row(7)])
        eventually(self, lambda: publisher.pump(50) and bool(publisher.retries), "never told to retry")
        self.assertIn("space", publisher.retries[0]["reason"])
        self.assertNotIn(seq, publisher.replies)
        status, _, answer = post(server.http, "/write", b"cpu,host=space idle=1\n")
        self.assertEqual((status, json.loads(answer)["error"]["code"]), (503, "no_space"))
        self.assertEqual(server.api("/api/v1/entities/host%2Fspace")["id"], "host/space")
        eventually(self, lambda: notices(server)[begun:] == ["begin"], "no notice of the full disk")
        self.disk.release()
        self.assertEqual(publisher.reply_to(seq, 90)["accepted"], 1)
        eventually(self, lambda: overload(server) == "none", "never said that space is back")
        eventually(self, lambda: notices(server)[begun:] == ["begin", "end"], "no notice that space is back")

    def test_below_the_watermark_publishers_wait_and_everything_else_goes_on(self):
        storage = STORAGE
        if not self.disk.mounted:
            print("space_test: no tmpfs can be mounted here: only the first watermark is crossed", file=sys.stderr)
            storage = f"min_free: {self.disk.free() - 512 * MIB}, ballast: 0"
        server = Server(store=self.disk.path / "store", storage=storage).start()
        self.addCleanup(server.close)
        publisher = Publisher(server.router, "space")
        self.addCleanup(publisher.close)
        for n in range(20):
            publisher.reply_to(publisher.send([row(n)]))
        if not self.disk.mounted:
            self.refused_until_space_returns(server, publisher, lambda: self.disk.leave(self.disk.free() - 1024 * MIB))
            return
        for _ in range(2):
            self.refused_until_space_returns(server, publisher, lambda: self.disk.leave(48 * MIB))
        self.assertEqual(server.api("/api/v1/entities/host%2Fspace")["observations"], 22)

    def test_a_start_between_the_watermarks_judges_by_a_configuration_that_has_changed(self):
        between = f"min_free: {self.disk.free() // 4 * 5}, ballast: 0, write_buffer: 8MiB, cache: 8MiB, partitions: 4"
        server = Server(store=self.disk.path / "store", storage=between).start()
        self.addCleanup(server.close)
        eventually(self, lambda: overload(server) == "no_space", "status never said no_space")
        first = server.api("/api/v1/rules")["since"]
        self.assertEqual(server.stop(), 0, server.tail())
        with open(server.config, "a", encoding="utf-8") as more:
            more.write("detection: {false_pages_per_entity_month: 3}\n")
        server.start()
        self.assertGreater(server.api("/api/v1/rules")["since"], first)
        self.assertEqual(server.stop(), 0, server.tail())

    def test_the_ballast_carries_work_an_end_and_a_start_on_a_full_disk(self):
        if not self.disk.mounted:
            print("space_test: no tmpfs can be mounted here: the ballast is not tested", file=sys.stderr)
            return
        server = Server(store=self.disk.path / "store", storage=STORAGE).start()
        self.addCleanup(server.close)
        publisher = Publisher(server.router, "space")
        self.addCleanup(publisher.close)
        publisher.reply_to(publisher.send([row(0)]))
        ballast = "faultline_store_ballast_bytes"
        eventually(self, lambda: server.metric(ballast) == 16 * MIB, "no ballast was built")
        self.refused_until_space_returns(server, publisher, lambda: self.disk.leave(20 * MIB))
        eventually(self, lambda: server.metric(ballast) == 16 * MIB, "the ballast was not built again")
        self.disk.leave(20 * MIB)
        eventually(self, lambda: server.metric(ballast) == 0, "the ballast was not given up")
        self.assertGreaterEqual(self.disk.free(), 32 * MIB)
        self.assertEqual(server.stop(), 0, server.tail())

        self.disk.leave(20 * MIB)
        server.start(wait=False)
        self.assertEqual(server.process.wait(timeout=30), 1, "half of min_free is not free, and no ballast")
        self.assertIn("no_space", server.tail())

        self.disk.release()
        server.start()
        eventually(self, lambda: server.metric(ballast) == 16 * MIB, "no ballast was built")
        self.assertEqual(server.stop(), 0, server.tail())
        self.disk.leave(20 * MIB)
        server.start()  # in the room of the ballast
        self.assertEqual(server.metric(ballast), 0)
        self.assertEqual(server.api("/api/v1/status")["observations"], 2)
        publisher.connect()
        seq = publisher.send([row(1)])
        eventually(self, lambda: publisher.pump(50) and bool(publisher.retries), "never told to retry")
        self.disk.release()
        self.assertEqual(publisher.reply_to(seq, 90)["accepted"], 1)

    def test_work_waits_for_room_and_nothing_is_lost_when_even_the_ballast_is_gone(self):
        if not self.disk.mounted:
            print("space_test: no tmpfs can be mounted here: a full disk is not tested", file=sys.stderr)
            return
        server = Server(store=self.disk.path / "store",
                        storage="min_free: 64MiB, ballast: 0, write_buffer: 8MiB, cache: 8MiB, partitions: 4").start()
        self.addCleanup(server.close)
        publisher = Publisher(server.router, "space")
        self.addCleanup(publisher.close)
        for n in range(50):
            publisher.send([row(n)])
        publisher.flush()
        self.disk.leave(16 * MIB)  # snapshots and notices find no room
        eventually(self, lambda: overload(server) == "no_space", "status never said no_space")
        self.assertEqual(server.api("/api/v1/entities/host%2Fspace")["observations"], 50)
        self.assertIsNone(server.process.poll())
        word = {"matchers": [{"name": "alertname", "value": "Slow"}], "duration_s": 3600, "created_by": "ann",
                "comment": "the disk", "force": True}
        said = []  # the first may wait with what is written
        eventually(self, lambda: said.append(server.request("POST", "/api/v1/silences", word)[0]) or 503 in said,
                   "words of operators wait as well")
        self.disk.release()
        self.assertEqual(publisher.reply_to(publisher.send([row(1)]), 90)["accepted"], 1)
        eventually(self, lambda: notices(server) == ["begin", "end"], "the notices were not written later")
        self.assertLess(len(server.api("/api/v1/silences")["silences"]), len(said), "one that was refused is done later")
        self.assertEqual(server.stop(), 0, server.tail())


if __name__ == "__main__":
    unittest.main()
