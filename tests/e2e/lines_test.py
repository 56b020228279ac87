# SPDX-License-Identifier: Apache-2.0
"""Syslog and StatsD sockets: logger, rsyslog and a shell by the pages of docs/integrations, and what should not come there."""

import socket
import subprocess
import unittest

from integrations import Case, at, block, ingest_of
from support import free_ports
from wire import entity_of, eventually


def stream(port, data):
    with socket.create_connection(("127.0.0.1", port), 5) as s:
        s.sendall(data)


def datagram(port, data):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.sendto(data, ("127.0.0.1", port))


class StatsdTest(Case):
    def test_what_a_shell_sends_arrives_as_rates_and_garbage_is_counted(self):
        port = free_ports(1)[0]
        server = self.serve(at(ingest_of("statsd.md"), {8125: port}), "processing: {tick: 1s}\n")
        line = block("statsd.md", "line.sh").replace("/127.0.0.1/8125", f"/127.0.0.1/{port}")
        subprocess.run(["bash", "-c", line], check=True, timeout=30)
        self.arrives(server, "service/cart")
        names = {"orders", "queue", "checkout.rate", "checkout.mean", "checkout.p99", "checkout.max"}
        eventually(lambda: set(self.metrics_of(server, "service/cart")) >= names, what="names")
        self.assertEqual(set(self.metrics_of(server, "service/cart")), names)
        datagram(port, b"garbage\n" * 50 + b"x" * 9000 + b":1|c\ngood:1|c|#service:beside")
        eventually(lambda: server.metric('faultline_samples_left_out_total{reason="malformed",receiver="statsd"}') == 51, what="garbage")
        self.arrives(server, "service/beside")


class SyslogTest(Case):
    def test_logger_arrives_by_tcp_and_udp(self):
        port = free_ports(1)[0]
        server = self.serve(at(ingest_of("syslog.md"), {5514: port}))
        host = "host/" + socket.gethostname()
        line = at(block("syslog.md", "line.sh"), {5514: port})
        subprocess.run(["bash", "-c", line], check=True, timeout=30)
        self.arrives(server, host)
        subprocess.run(["bash", "-c", line.replace("--tcp", "--udp").replace("--rfc5424", "--rfc3164")], check=True, timeout=30)
        self.arrives(server, host, more_than=1)

    def test_what_is_no_syslog_is_a_dead_letter_and_the_lines_beside_it_arrive(self):
        port = free_ports(1)[0]
        server = self.serve(at(ingest_of("syslog.md"), {5514: port}))
        counted = b"<11>1 - counted - - - - x"
        stream(port, b"no syslog at all\n%d %s" % (len(counted), counted))
        self.arrives(server, "host/counted")
        # An event in JSON is no line of syslog: by this way nobody sends metrics of others.
        event = b'{"entity": "host/forged", "values": {"cpu": 1}}'
        stream(port, event + b"\n<11>1 - after - - - - x\n")
        datagram(port, event)
        self.arrives(server, "host/after")
        eventually(lambda: len(server.api("/api/v1/dead-letters?limit=10")["letters"]) == 3, what="letters")
        for letter in server.api("/api/v1/dead-letters?limit=10")["letters"]:
            self.assertEqual(letter["reason"], "malformed_body")
            self.assertTrue(letter["source"].startswith("syslog "), letter)
        self.assertEqual(entity_of(server, "host/forged"), {})

    def test_lines_of_devices_and_libraries_without_a_header_are_those_of_who_sent_them(self):
        tcp, udp = free_ports(2)
        server = self.serve(f"syslog: ['tcp://127.0.0.1:{tcp}', 'udp://127.0.0.1:{udp}']")
        me = "host/" + socket.gethostname()
        for line in [b"<14>a python program says hello\0", b"<134>Nov 27 02:34:34 haproxy[7]: proxy started",
                     b"<189>29: *Mar  1 18:48:50.483: %SYS-5-CONFIG_I: Configured from console", b"<11>caf\xe9 is closed"]:
            datagram(udp, line)
        stream(tcp, b"<14>first by stream\0<14>second thing comes\0")
        wanted = {"a python program says hello", "proxy started", "Configured from console", "caf\ufffd is closed", "first by stream", "second thing comes"}
        eventually(lambda: {x["example"] for x in entity_of(server, me)["logs"]} == wanted, what="lines")
        self.assertEqual([e["id"] for e in server.api("/api/v1/entities")["entities"]], [me])
        self.assertEqual(server.api("/api/v1/dead-letters")["total"], 0)

    def test_a_line_without_end_is_cut_and_a_count_that_cannot_be_ends_its_stream_alone(self):
        port = free_ports(1)[0]
        server = self.serve(at(ingest_of("syslog.md"), {5514: port}))
        with socket.create_connection(("127.0.0.1", port), 5) as beside:
            beside.sendall(b"<11>1 - beside - - - - 1\n")
            stream(port, b"<11>1 - endless - - - - " + b"x" * (8 << 20) + b"\n<11>1 - next - - - - x\n")
            with socket.create_connection(("127.0.0.1", port), 5) as broken:
                broken.sendall(b"99999999 <11>1 - never - - - - x\n")
                self.assertEqual(broken.recv(1), b"")  # closed by the server
            self.arrives(server, "host/endless")
            self.arrives(server, "host/next")
            beside.sendall(b"<11>1 - beside - - - - 2\n")
            self.arrives(server, "host/beside", more_than=1)
        self.assertEqual(server.metric('faultline_line_messages_total{fate="cut"}'), 1)
        self.assertEqual(server.metric('faultline_line_connections_closed_total{reason="broken"}'), 1)
        self.assertEqual(entity_of(server, "host/never"), {})

    def test_a_sender_faster_than_the_server_is_slowed_and_nothing_is_lost(self):
        port, size, count = free_ports(1)[0], 200, 25_000
        # Little room: what waits for the entity is soon too much, so listeners are held.
        server = self.serve(f"syslog: ['tcp://127.0.0.1:{port}'], max_lag_records: 800, http_waiting: 1MiB")
        lines = b"".join((b"<11>1 - fast app - - - line %d " % n).ljust(size - 1, b"x") + b"\n" for n in range(count))
        most_under_way = (3 << 20) // size  # buffers of both sockets, of the listener and of the desk
        with socket.create_connection(("127.0.0.1", port), 5) as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 16)
            s.settimeout(120)
            s.sendall(lines)
            there = server.metric('faultline_events_admitted_total{door="syslog"}')
            self.assertGreaterEqual(there, count - most_under_way)
        eventually(lambda: self.observations(server, "host/fast") == count, 60, "all lines")
        self.assertEqual(server.metric('faultline_events_shed_total'), 0)
        self.assertEqual(server.metric('faultline_line_messages_total'), count)

    def test_localhost_is_all_of_its_addresses(self):
        port, addresses = free_ports(1)[0], {a[4][0] for a in socket.getaddrinfo("localhost", None)}
        server = self.serve(f"syslog: ['udp://localhost:{port}', 'tcp://localhost:{port}']")
        for n, address in enumerate(sorted(addresses)):
            with socket.create_connection((address, port), 5) as s:
                s.sendall(b"<11>1 - local-%d app - - - x\n" % n)
            self.arrives(server, f"host/local-{n}")
            with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as s:
                s.sendto(b"<11>1 - local-%d app - - - x" % n, (address, port))
            self.arrives(server, f"host/local-{n}", more_than=1)

    def test_what_rsyslog_forwards_is_there_once_whichever_side_is_started_again(self):
        """Syslog acknowledges nothing: what is written when the server is killed is gone. What was there stays, once, and
        what rsyslog holds back comes, once. A rsyslog that ends while it cannot send may lose the batch it has in hand, or send lines of it again."""
        port, own = free_ports(2)
        server = self.serve(at(ingest_of("syslog.md"), {5514: port}))
        rsyslog = self.tool(["/usr/sbin/rsyslogd", "-n", "-f", "DIR/rsyslog.conf", "-i", "DIR/pid"])
        (rsyslog.directory / "rsyslog.conf").write_text(
            f'global(workDirectory="{rsyslog.directory}" preserveFQDN="on")\nmodule(load="imtcp")\n'
            f'input(type="imtcp" address="127.0.0.1" port="{own}")\n'
            + block("syslog.md", "forward.conf").replace("5514", str(port))
            + f'action(type="omfile" file="{rsyslog.directory}/read")\n')
        rsyslog.start()

        def listens():
            socket.create_connection(("127.0.0.1", own), 1).close()
            return True

        def send(*lines):
            stream(own, b"".join(f"<11>1 - rs-{n} app - - - line {n}\n".encode() for n in lines))

        def has_read(line):
            return f" rs-{line} " in (rsyslog.directory / "read").read_text()

        def there(lines):
            return {n: self.observations(server, f"host/rs-{n}") for n in lines}
        eventually(listens, what="rsyslogd")
        first, held, saved, batch = range(30), range(30, 60), range(60, 360), 128
        send(*first)
        eventually(lambda: there(first) == dict.fromkeys(first, 1), what="all lines")
        server.kill()
        send(*held)
        server.start()
        eventually(lambda: there(held[-1:]) == {held[-1]: 1}, what=f"what rsyslog held back\n{rsyslog.tail()}")
        server.wait_applied()
        self.assertEqual(there([*first, *held]), dict.fromkeys([*first, *held], 1))
        self.assertEqual(server.stop(), 0)
        send(*saved)
        eventually(lambda: has_read(saved[-1]), what="rsyslog's input")
        rsyslog.stop()
        rsyslog.start()
        server.start()
        eventually(lambda: there(saved[-1:]) == {saved[-1]: 1}, what=f"what rsyslog saved\n{rsyslog.tail()}")
        server.wait_applied()
        self.assertEqual(there([*first, *held]), dict.fromkeys([*first, *held], 1))
        counts = there(saved)
        self.assertEqual(sum(counts.values()), server.metric("faultline_line_messages_total"), "each that came is there once")
        self.assertLessEqual({n for n in saved if counts[n] == 0}, set(saved[:batch]), "more than the batch in hand")


if __name__ == "__main__":
    unittest.main()
