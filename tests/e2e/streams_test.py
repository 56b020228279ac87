# SPDX-License-Identifier: Apache-2.0
"""Many pages that follow: as many as web.max_streams says, one more is refused in words, and the rest of the server goes on.

At length, with load: tests/campaigns/streams.py.
"""

import json
import resource
import socket
import unittest

from support import Publisher, Server


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

    def serve(self, files, config=""):
        server = Server(config)
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


if __name__ == "__main__":
    unittest.main()
