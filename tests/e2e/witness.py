# SPDX-License-Identifier: Apache-2.0
"""A witness between a tool and the server: it hands requests on and keeps what was sent and what was answered, so that
what the server says it has can be held against what it acknowledged. Reads the bodies by itself."""

import collections
import gzip
import http.client
import http.server
import json
import math
import struct
import threading
import zlib

from support import free_ports

HOP = {"host", "connection", "transfer-encoding", "content-length", "keep-alive"}


class Exchange:
    """@p status: None while nobody knows whether the server took it."""

    def __init__(self, path, headers, body):
        self.path, self.headers, self.body, self.status = path, headers, body, None

    def unpacked(self):
        encoding = self.headers.get("content-encoding", "")
        if encoding == "gzip":
            return gzip.decompress(self.body)
        if encoding == "deflate":
            return zlib.decompress(self.body)
        return unsnap(self.body) if encoding == "snappy" else self.body


class Witness:
    """Listens on `port` and hands on to @p to. A request that finds nobody there is answered by nobody, as the tool
    would have had it."""

    def __init__(self, to):
        self.to, self.port = to, free_ports(1)[0]
        self.lock = threading.Condition()
        self.exchanges, self.under_way, self.held = [], 0, False
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                outer.serve(self)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.thread.start()

    def close(self):
        self.go_on()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def serve(self, client):
        body = read_body(client)
        headers = {k.lower(): v for k, v in client.headers.items() if k.lower() not in HOP}
        exchange = Exchange(client.path, headers, body)
        with self.lock:
            self.lock.wait_for(lambda: not self.held)
            self.under_way += 1
        try:
            answer = self.hand_on(exchange)
        finally:
            with self.lock:
                self.under_way -= 1
                self.lock.notify_all()
        if answer is None:
            client.close_connection = True
            return
        got, content = answer
        client.send_response(got.status)
        for name, value in got.getheaders():
            if name.lower() not in HOP:
                client.send_header(name, value)
        if got.status != 204:
            client.send_header("Content-Length", str(len(content)))
        try:
            client.end_headers()
            client.wfile.write(content)
        except OSError:
            client.close_connection = True  # it has ended meanwhile

    def hand_on(self, exchange):
        connection = http.client.HTTPConnection("127.0.0.1", self.to, timeout=30)
        try:
            connection.connect()
        except OSError:
            return None  # never came there
        with self.lock:
            self.exchanges.append(exchange)
        try:
            connection.request("POST", exchange.path, body=exchange.body, headers=exchange.headers)
            got = connection.getresponse()
            content = got.read()
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()
        with self.lock:
            exchange.status = got.status
        return got, content

    def hold(self, seconds=30):
        """Whoever comes waits from now on; returns when nothing is under way."""
        with self.lock:
            self.held = True
            if not self.lock.wait_for(lambda: self.under_way == 0, seconds):
                raise AssertionError(f"{self.under_way} requests are under way")

    def go_on(self):
        with self.lock:
            self.held = False
            self.lock.notify_all()

    def counted(self, events_of, taken=lambda status: status is not None and status < 300):
        """Events of each entity in what was acknowledged; @p taken chooses by status."""
        with self.lock:
            chosen = [e for e in self.exchanges if taken(e.status)]
        total = collections.Counter()
        for e in chosen:
            total.update(events_of(e))
        return total

    def in_doubt(self, events_of):
        """The same of what the server may have taken and did not answer: a sender repeats it, or gives it up."""
        return self.counted(events_of, lambda status: status is None)


def read_body(client):
    length = client.headers.get("Content-Length")
    if length is not None:
        return client.rfile.read(int(length))
    body = b""
    while (size := int(client.rfile.readline().split(b";")[0] or b"0", 16)) > 0:
        body += client.rfile.read(size)
        client.rfile.readline()
    client.rfile.readline()
    return body


def unsnap(data):
    """A block of snappy."""
    _, at = read_varint(data, 0)
    out = bytearray()
    while at < len(data):
        tag, at = data[at], at + 1
        kind = tag & 3
        if kind == 0:
            size = (tag >> 2) + 1
            if size > 60:
                width = size - 60
                size, at = int.from_bytes(data[at:at + width], "little") + 1, at + width
            out += data[at:at + size]
            at += size
            continue
        if kind == 1:
            size, back = (tag >> 2 & 7) + 4, tag >> 5 << 8 | data[at]
            at += 1
        else:
            width = 2 if kind == 2 else 4
            size, back = (tag >> 2) + 1, int.from_bytes(data[at:at + width], "little")
            at += width
        for _ in range(size):
            out.append(out[-back])
    return bytes(out)


def read_varint(data, at):
    value, shift = 0, 0
    while True:
        value |= (data[at] & 0x7f) << shift
        shift += 7
        at += 1
        if not data[at - 1] & 0x80:
            return value, at


def fields(data):
    """(number, value) of a message of Protocol Buffers: integers, or the bytes of what has a length or a fixed width."""
    at = 0
    while at < len(data):
        key, at = read_varint(data, at)
        if key & 7 == 0:
            value, at = read_varint(data, at)
        elif key & 7 == 2:
            size, at = read_varint(data, at)
            value, at = data[at:at + size], at + size
        else:
            width = 8 if key & 7 == 1 else 4
            value, at = data[at:at + width], at + width
        yield key >> 3, value


def all_of(data, number):
    return [value for n, value in fields(data) if n == number]


def rows(entities_and_times):
    """One event for each entity and time."""
    return collections.Counter(entity for entity, _ in set(entities_and_times))


def series_of(exchange):
    """(labels, [(time in ms, value)]) of a body of remote write."""
    for one in all_of(exchange.unpacked(), 1):
        labels = {}
        for label in all_of(one, 1):
            pair = dict(fields(label))
            labels[pair[1].decode()] = pair.get(2, b"").decode()
        samples = []
        for sample in all_of(one, 2):
            pair = dict(fields(sample))
            samples.append((pair.get(2, 0), struct.unpack("<d", pair.get(1, bytes(8)))[0]))
        yield labels, samples


def remote_write_events(exchange):
    return rows((f"host/{labels['instance'].rsplit(':', 1)[0]}", at)
                for labels, samples in series_of(exchange) for at, value in samples
                if "le" not in labels and math.isfinite(value))


def collectd_events(exchange):
    return rows((f"host/{x['host']}", int(x["time"] * 1000)) for x in json.loads(exchange.unpacked())
                if any(v is not None for v in x["values"]))


def otlp_events(exchange):
    """Of one resource each, by service.name. JSON, or Protocol Buffers."""
    kind = exchange.path.rsplit("/", 1)[1]
    body = exchange.unpacked()
    if "json" in exchange.headers.get("content-type", ""):
        return otlp_json_events(kind, json.loads(body))
    total = collections.Counter()
    for resource in all_of(body, 1):
        entity = None
        for attribute in all_of(all_of(resource, 1)[0], 1):
            pair = dict(fields(attribute))
            if pair[1] == b"service.name":
                entity = "service/" + dict(fields(pair[2]))[1].decode()
        things = [t for scope in all_of(resource, 2) for t in all_of(scope, 2)]
        if kind == "metrics":
            # gauge, sum and histogram have their points in field 1, a point has its time in field 3
            total += rows((entity, struct.unpack("<Q", all_of(point, 3)[0])[0] // 1_000_000)
                          for thing in things for n, data in fields(thing) if n in (5, 7, 9) for point in all_of(data, 1))
        else:
            total[entity] += len(things)
    return total


def otlp_json_events(kind, body):
    groups, scopes, things = {"metrics": ("resourceMetrics", "scopeMetrics", "metrics"),
                              "logs": ("resourceLogs", "scopeLogs", "logRecords"),
                              "traces": ("resourceSpans", "scopeSpans", "spans")}[kind]
    total = collections.Counter()
    for group in body[groups]:
        name = next(a["value"]["stringValue"] for a in group["resource"]["attributes"] if a["key"] == "service.name")
        found = [t for scope in group[scopes] for t in scope[things]]
        if kind == "metrics":
            total += rows((f"service/{name}", int(point["timeUnixNano"]) // 1_000_000)
                          for t in found for data in t.values() if isinstance(data, dict) for point in data.get("dataPoints", []))
        else:
            total[f"service/{name}"] += len(found)
    return total
