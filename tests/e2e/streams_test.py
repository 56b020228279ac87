# SPDX-License-Identifier: Apache-2.0
"""Many pages that follow: as many as web.max_streams says, one more is refused in words, and the rest of the server goes on.
Many connections to a ZeroMQ socket, which takes all: the store has its files.

At length, with load: tests/campaigns/streams.py.
"""

import json
import os
import resource
import socket
import struct
import unittest

from support import Publisher, Server
from wire import wait_for


def zmtp(port):
    """A connection to a socket that asks for no keys, its handshake done: it stays."""
    metadata = b"".join(bytes([len(name)]) + name + struct.pack(">I", len(value)) + value
                        for name, value in ((b"Socket-Type", b"DEALER"), (b"Identity", b"")))
    ready = b"\x05READY" + metadata
    s = socket.create_connection(("127.0.0.1", port), timeout=20)
    s.sendall(b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"NULL".ljust(20, b"\0") + bytes(32)
              + bytes([4, len(ready)]) + ready)
    return s


def follow(port):
    """A stream that was asked for: its socket and the status line."""
    s = socket.create_connection(("127.0.0.1", port), timeout=20)
    s.sendall(b"GET /api/v1/stream?brief=true HTTP/1.1\r\nHost: localhost\r\n\r\n")
    return s, s.recv(4096)


class Streams(unittest.TestCase):
    def setUp(self):
        _, self.most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(self.most, 4096), self.most))
        self.open = []
        self.addCleanup(lambda: [s.close() for s in self.open])

    def serve(self, files, config="", **more):
        server = Server(config, **more)
        self.addCleanup(server.close)
        return server.start(files=files)

    def take_in(self, server, count):
        """Opens @p count streams; how many were taken, and what the first that was not said."""
        taken, refused = 0, b""
        for _ in range(count):
            s, head = follow(server.http)
            self.open.append(s)
            if head.startswith(b"HTTP/1.1 200 "):
                taken += 1
            elif not refused:
                refused = head
        return taken, refused

    def goes_on(self, server):
        p = Publisher(server.router, "probe")
        self.addCleanup(p.close)
        p.send([{"entity": "host/1", "values": {"a": 1}}])
        p.flush(20)
        self.assertEqual(server.api("/api/v1/status")["overload"], "none")

    # Complaint: storms
    def test_the_file_bound_of_a_shell_does_not_bound_the_pages_that_follow(self):
        server = self.serve((1024, self.most))
        taken, refused = self.take_in(server, 1001)
        self.assertEqual(taken, 1000)
        self.assertIn(b"503", refused.split(b"\r\n")[0])
        self.assertIn(b"as many follow already as may, try again later", refused)
        self.assertEqual(server.metric("faultline_http_streams"), 1000)
        self.goes_on(server)

    def test_fewer_pages_follow_where_the_machine_permits_fewer_files(self):
        server = self.serve((1400, 1400))
        taken, refused = self.take_in(server, 130)
        self.assertEqual(taken, 1400 - 1024 - 256)
        self.assertIn(b"503", refused.split(b"\r\n")[0])
        self.assertIn("120 pages may follow instead of 1000", server.tail())
        self.goes_on(server)
        self.assertEqual(json.loads(server.get("/api/v1/overview")[1])["open"], 0)

    def test_more_connections_than_files_leave_half_of_them_to_the_pages_that_follow(self):
        server = Server()
        self.addCleanup(server.close)
        server.config.write_text(server.config.read_text().replace("web: {", "web: {max_connections: 60000, "))
        server.start(files=(1624, 1624))
        taken, refused = self.take_in(server, 305)
        self.assertEqual(taken, (1624 - 1024) // 2)
        self.assertIn(b"503", refused.split(b"\r\n")[0])
        self.assertIn("300 other connections instead of 60000", server.tail())
        self.goes_on(server)

    def test_connections_without_number_leave_the_store_its_files(self):
        server = self.serve((1400, 1400), storage="min_free: 64MiB, ballast: 0, write_buffer: 1MiB")  # no ballast, whose file is asked for some time after the start
        p = Publisher(server.router, "probe")
        self.addCleanup(p.close)
        p.send([{"entity": "host/1", "values": {"a": 1}}])
        p.flush(20)
        descriptors = f"/proc/{server.process.pid}/fd"
        for _ in range(1500):
            self.open.append(zmtp(server.router))
        self.assertTrue(wait_for(lambda: len(os.listdir(descriptors)) > 1250), "nobody else can connect")
        for _ in range(60):  # six write buffers: tables and logs are begun
            p.send([{"entity": f"host/{n}", "attributes": {"text": os.urandom(500).hex()}, "values": {"a": n}} for n in range(100)])
            p.flush(20)
        for s in self.open:
            s.close()
        server.wait_ready()
        self.goes_on(server)
        self.assertNotIn("Too many open files", server.tail())


if __name__ == "__main__":
    unittest.main()
