# SPDX-License-Identifier: Apache-2.0
"""Bodies of other protocols by HTTP, and how they are sent."""

import http.client
import struct
import threading
import time

from wire import eventually


def post(port, path, body, headers=(), timeout=20):
    """@returns status, headers and body of the answer."""
    c = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        c.request("POST", path, body=body, headers=dict(headers))
        answer = c.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        c.close()


def kill_under_load(server, path, body_of, headers=()):
    """Four senders post the body of one name after the other until the server is killed with requests under way; it is
    started again. @returns the names that were acknowledged, and those nobody knows about."""
    taken, in_doubt, wrong = [], [], []

    def send(sender):
        for n in range(1_000_000):
            name = f"kill-{sender}-{n}"
            in_doubt.append(name)
            try:
                status, _, answer = post(server.http, path, body_of(name), headers)
            except (OSError, http.client.HTTPException):
                return
            in_doubt.remove(name)
            if status >= 300:
                wrong.append(f"{name}: {status} {answer}")
                return
            taken.append(name)

    senders = [threading.Thread(target=send, args=(n,)) for n in range(4)]
    for s in senders:
        s.start()
    eventually(lambda: len(taken) > 100, what="posts")
    server.kill()
    for s in senders:
        s.join()
    assert not wrong, wrong
    server.start()
    server.wait_applied()
    return taken, in_doubt


def varint(n):
    out = b""
    while n >= 0x80:
        out += bytes([n & 0x7f | 0x80])
        n >>= 7
    return out + bytes([n])


def number(field, n):
    return varint(field << 3) + varint(n)


def text(field, value):
    value = value.encode() if isinstance(value, str) else value
    return varint(field << 3 | 2) + varint(len(value)) + value


def fixed(field, n):
    return varint(field << 3 | 1) + struct.pack("<Q", n)


def real(field, value):
    return varint(field << 3 | 1) + struct.pack("<d", value)


def now_ns():
    return time.time_ns()


def otlp_resource(**labels):
    """resource of an OTLP group: service_name="cart" is service.name."""
    return text(1, b"".join(text(1, text(1, k.replace("_", ".")) + text(2, text(1, v))) for k, v in labels.items()))


def otlp_gauge(name, value, at_ns=None):
    return text(1, name) + text(5, text(1, fixed(3, at_ns or now_ns()) + real(4, value)))


def otlp_span():
    ids = text(1, bytes(15) + b"\1") + text(2, bytes(7) + b"\1")
    return ids + text(5, "GET /") + fixed(7, now_ns()) + fixed(8, now_ns())


def otlp_request(things, **labels):
    return text(1, otlp_resource(**labels) + text(2, b"".join(text(2, t) for t in things)))
