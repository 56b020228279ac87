# SPDX-License-Identifier: Apache-2.0
"""The sockets as a stranger sees them: one function per kind of client, each with a deadline."""

import json
import time
import urllib.parse

import msgpack
import zmq


def wait_for(what, seconds=90):
    """@returns the first true value of what(), or its last one."""
    end = time.monotonic() + seconds
    while True:
        value = what()
        if value or time.monotonic() > end:
            return value
        time.sleep(0.02)


def answers_to(port, requests, seconds=90):
    """Sends all @p requests (lists of frames) before it reads an answer; gives as many answers as come, at most one each."""
    socket = zmq.Context.instance().socket(zmq.DEALER)
    try:
        for option in (zmq.SNDHWM, zmq.RCVHWM, zmq.LINGER):
            socket.setsockopt(option, 0)
        socket.connect(f"tcp://127.0.0.1:{port}")
        for frames in requests:
            socket.send_multipart(frames)
        answers, end = [], time.monotonic() + seconds
        while len(answers) < len(requests) and time.monotonic() < end:
            if socket.poll(1000):
                answers.append(socket.recv_multipart())
        return answers
    finally:
        socket.close()


def eventually(holds, seconds=90, what="it"):
    """What @p holds returns once it is true; an error after the deadline. A key that is not there yet is not yet,
    nor is an answer that does not come."""
    end = time.monotonic() + seconds
    while True:
        try:
            found = holds()
            if found:
                return found
        except (KeyError, IndexError, OSError):
            pass
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not come true in {seconds} s")
        time.sleep(0.05)


def connect(kind, port, *subscriptions):
    s = zmq.Context.instance().socket(kind)
    s.setsockopt(zmq.LINGER, 0)
    for prefix in subscriptions:
        s.subscribe(prefix)
    s.connect(f"tcp://127.0.0.1:{port}")
    return s


def receive(s, seconds=30):
    """The frames of the next message."""
    if not s.poll(int(seconds * 1000)):
        raise AssertionError(f"no message in {seconds} s")
    return s.recv_multipart()


def exchange(port, frames, kind=zmq.DEALER, seconds=30):
    """One request on a connection of its own: the frames of the answer."""
    s = connect(kind, port)
    try:
        s.send_multipart(frames)
        return receive(s, seconds)
    finally:
        s.close()


def push(port, *frames):
    """One message, fire and forget, on a connection of its own; gone out when this returns."""
    s = connect(zmq.PUSH, port)
    s.setsockopt(zmq.LINGER, 5000)
    s.send_multipart(list(frames))
    s.close()


def ask(port, request, encoding="msgpack", seconds=30):
    """A request to the replay socket and its answer, both in @p encoding."""
    if encoding == "json":
        return json.loads(exchange(port, [json.dumps(request).encode()], seconds=seconds)[0])
    return msgpack.unpackb(exchange(port, [msgpack.packb(request)], seconds=seconds)[0])


def replay_all(port, prefix=""):
    """Every record of the feed that the server has, as (topic, payload)."""
    s = connect(zmq.DEALER, port)
    found, at = [], 1
    try:
        while True:
            s.send(msgpack.packb({"op": "replay", "from": at, "limit": 1000, "prefix": prefix}))
            page = msgpack.unpackb(receive(s)[0])
            found += [(r["topic"], r["payload"]) for r in page["records"]]
            if page["next"] > page["last"]:
                return found
            at = page["next"]
    finally:
        s.close()


def quoted(entity):
    return urllib.parse.quote(entity, safe="")


def entity_of(server, name):
    """What the API says of an entity, or {}."""
    status, body = server.get("/api/v1/entities/" + quoted(name))
    return json.loads(body) if status == 200 else {}


def feed_is_quiet(server):
    """Waits until everything is applied and the feed grows no more; its last seq. Nothing outside says that a decision is
    under way to the feed: quiet is what is longer than two slow writes, or a look for a cause."""
    server.wait_applied()
    last, quiet, end = -1, 0, time.monotonic() + 60
    while quiet < 25 and time.monotonic() < end:
        seq = server.api("/api/v1/status")["feed"]["seq"]
        quiet = quiet + 1 if seq == last else 0
        last = seq
        time.sleep(0.1)
    return last
