# SPDX-License-Identifier: Apache-2.0
"""A client of faultline in one file: publish with acknowledgement, follow the feed without a gap, ask and tell
the server. Needs Debian's python3-zmq and python3-msgpack; docs/wire-protocol.md is the contract.

    from faultline import Api, Feed, Publisher

    with Publisher("tcp://127.0.0.1:7802", "my-agent") as p:
        p.publish([{"entity": "host/web-1", "values": {"cpu": 0.42}}])

    for record in Feed(prefix="alert/"):
        print(record["seq"], record["kind"], record.get("entity"), record.get("state"))

    Api("http://127.0.0.1:7800").silence({"entity": "host/web-1"}, hours=2, by="ann", comment="new disk")

Sockets that are not loopback ask for keys: keys=("server.pub", "my-agent.secret"), files of `faultline keygen`.
"""

import collections
import json
import os
import time
import urllib.error
import urllib.parse
import urllib.request

import msgpack
import zmq


ANEW_S = 5.0  # without a connection, or a heartbeat: libzmq gives one up for good whose key is refused, so another is made
LONGEST = 4 * 1024 * 1024 - 1024  # bytes of a request: doors hang up on longer ones, and a header goes before


class Rejected(Exception):
    """The server takes a request for wrong, or (`overloaded`, `not_ready`) not now. `code` says why in a word."""

    def __init__(self, text, code=None):
        super().__init__(text)
        self.code = code


def _key_of(file, name):
    with open(file, encoding="utf-8") as lines:
        for line in lines:
            if line.strip().startswith(name + " ="):
                return line.split('"')[1].encode()
    raise ValueError(f"{file} has no {name}")


def _connected(kind, endpoint, keys):
    socket = zmq.Context.instance().socket(kind)
    socket.linger = 0
    if kind == zmq.DEALER:
        socket.immediate = 1  # nothing is queued for a server that is not there
        socket.sndtimeo = 2000
    if keys is not None:
        server, own = keys
        socket.curve_serverkey = _key_of(server, "public-key")
        socket.curve_publickey, socket.curve_secretkey = _key_of(own, "public-key"), _key_of(own, "secret-key")
    socket.connect(endpoint)
    return socket


class Publisher:
    """Publishes events so that none is lost, none counts twice and none overtakes another: one request is under way,
    the others wait behind it, and it is sent again until the server says that it is durable. Not for several threads.

    `rejected` has what the server said of the last 1,000 events that break a rule: {seq, index, error}. A request that
    is refused as a whole keeps no other from being taken; flush() raises Rejected of the first one at its end.

    A server that acknowledges nothing for `timeout_s` is a TimeoutError of whoever waits for it; None: for ever."""

    def __init__(self, endpoint, name, window=16, resend_s=2.0, keys=None, timeout_s=60.0):
        self.name, self.window, self.resend_s, self.timeout_s = name, window, resend_s, timeout_s
        self.epoch, self.seq = os.urandom(8).hex(), 0
        self.rejected, self.refused = collections.deque(maxlen=1000), []
        self.waiting = collections.deque()  # (seq, payload), the oldest is under way
        self.due = 0.0  # when that one is to be sent (again)
        self.endpoint, self.keys = endpoint, keys
        self._connect()

    def publish(self, events):
        """Takes a list of events; waits only while `window` requests do. After a TimeoutError these events were not
        taken: publish them again, the others still wait."""
        payload = msgpack.packb(events)
        if len(payload) > LONGEST:
            raise ValueError(f"{len(payload)} bytes in one request: the server hangs up on more than {LONGEST}")
        self._wait_until(lambda: len(self.waiting) < self.window, self.timeout_s)
        self.seq += 1
        self.waiting.append((self.seq, payload))
        self.poll()

    def poll(self):
        """Takes what the server has answered and sends what is due; for who publishes rarely."""
        while self.waiting and self._turn(0):
            pass

    def flush(self, seconds=None):
        """Until everything is durable, at most so long [as long as the server acknowledges something each `timeout_s`].
        After a TimeoutError what waits still waits."""
        if seconds is None:
            while self.waiting:
                before = len(self.waiting)
                self._wait_until(lambda: len(self.waiting) < before, self.timeout_s)
        else:
            self._wait_until(lambda: not self.waiting, seconds)
        if self.refused:
            seq, text, code = self.refused[0]
            self.refused.clear()
            raise Rejected(f"request {seq}: {text}", code)

    def close(self):
        self.socket.close()

    def _connect(self):
        self.socket = _connected(zmq.DEALER, self.endpoint, self.keys)
        self.anew = time.monotonic() + ANEW_S  # where nobody can be sent anything until then

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        try:
            if kind is None:
                self.flush()
        finally:
            self.close()

    def _wait_until(self, done, seconds):
        end = None if seconds is None else time.monotonic() + seconds
        while not done():
            left = None if end is None else end - time.monotonic()
            if left is not None and left <= 0:
                raise TimeoutError(f"{len(self.waiting)} requests are not acknowledged")
            self._turn(left)

    def _turn(self, seconds=None):
        """Sends what is due and takes one reply, or waits for it, at most so long. @returns whether there was one."""
        seq, payload = self.waiting[0]
        now = time.monotonic()
        if now >= self.due:
            header = {"publisher": self.name, "epoch": self.epoch, "seq": seq}
            try:
                self.socket.send_multipart([msgpack.packb(header), payload], zmq.NOBLOCK)
                self.due = now + self.resend_s
                self.anew = self.due + ANEW_S
            except zmq.Again:  # nobody is connected
                self.due = now + 0.05
                if now >= self.anew:
                    self.close()
                    self._connect()
        wait = self.due - now if seconds is None else min(seconds, self.due - now)
        if not self.socket.poll(int(max(0.0, wait) * 1000 + (seconds != 0))):
            return False
        self._take(seq, msgpack.unpackb(self.socket.recv()))
        return True

    def _take(self, seq, reply):
        if reply.get("retry") == seq:
            self.due = time.monotonic() + reply["after_ms"] / 1000
        elif reply.get("ack") == seq:
            self._next()
            self.rejected += [{"seq": seq, **one} for one in reply.get("rejected", [])]
        elif "error" in reply and reply.get("seq", seq) == seq:
            if reply.get("code") == "not_allowed":  # it waits, and may be sent when the right is back
                raise Rejected(reply["error"], reply["code"])
            self._next()
            self.refused.append((seq, reply["error"], reply.get("code")))
        # else: to an earlier request that was sent twice

    def _next(self):
        self.waiting.popleft()
        self.due = 0.0


class Feed:
    """Iterates over feed records, for ever: each once, in order, without a gap. Begins with record `after` + 1, by
    default with what comes from now on. Remember `seq` of the last record to go on where you were.

    What the server does not keep any more is told: {"kind": "gap", "seq", "first", "last"}, numbers of records that
    are gone (of all topics); a server whose feed has begun anew, with another store, as {"kind": "anew", "seq": 0}.
    With `timeout_s` a server that says nothing for so long is a TimeoutError; without, it is waited for."""

    def __init__(self, publish="tcp://127.0.0.1:7803", replay="tcp://127.0.0.1:7804", prefix="", after=None,
                 timeout_s=None, keys=None):
        self.prefix, self.timeout_s = prefix, timeout_s
        self.publish, self.replay, self.keys = publish, replay, keys
        self._subscribe()
        self.past = _connected(zmq.DEALER, replay, keys)
        self.seen = self._ask({"op": "replay", "from": 1, "limit": 1})["last"] if after is None else after

    def snapshot(self):
        """What fires and is open now: {as_of, alerts, incidents}."""
        return self._ask({"op": "snapshot"})

    def __iter__(self):
        yield from self._catch_up()
        while True:
            topic, payload = self._hear()
            if topic.startswith(b"json/"):
                continue  # the same again for others
            # A heartbeat names the newest record; whatever lies between is asked for, in order.
            if msgpack.unpackb(payload)["seq"] != self.seen:
                yield from self._catch_up()

    def close(self):
        self.live.close()
        self.past.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _subscribe(self):
        self.live = _connected(zmq.SUB, self.publish, self.keys)
        for topic in {self.prefix, "feed/heartbeat"}:
            self.live.subscribe(topic.encode())

    def _hear(self):
        end = None if self.timeout_s is None else time.monotonic() + self.timeout_s
        while True:
            wait = ANEW_S if end is None else max(0.0, min(ANEW_S, end - time.monotonic()))
            if self.live.poll(int(wait * 1000)):
                return self.live.recv_multipart()
            if end is not None and time.monotonic() >= end:
                raise TimeoutError("no heartbeat")
            self.live.close()
            self._subscribe()

    def _catch_up(self):
        while True:
            page = self._ask({"op": "replay", "from": self.seen + 1, "prefix": self.prefix})
            if page["last"] < self.seen:
                self.seen = 0
                yield {"kind": "anew", "seq": 0}
                continue
            if page["oldest"] > self.seen + 1:
                gap = {"kind": "gap", "first": self.seen + 1, "last": page["oldest"] - 1, "seq": page["oldest"] - 1}
                self.seen = gap["last"]
                yield gap
            for record in page["records"]:
                if record["payload"]["seq"] > self.seen:
                    self.seen = record["payload"]["seq"]
                    yield record["payload"]
            self.seen = max(self.seen, page["next"] - 1)
            if page["next"] > page["last"]:
                return

    def _ask(self, request):
        """Asked again every two seconds, by a new connection: the server may be on its way up, or down."""
        end = None if self.timeout_s is None else time.monotonic() + self.timeout_s
        while True:
            try:
                self.past.send(msgpack.packb(request))
                answered = self.past.poll(2000)
            except zmq.Again:  # nobody is connected
                answered = False
            if answered:
                reply = msgpack.unpackb(self.past.recv())
                if "error" not in reply:
                    return reply
                if reply.get("code") in ("bad_request", "not_allowed"):
                    raise Rejected(reply["error"], reply["code"])
                time.sleep(0.2)
            if end is not None and time.monotonic() > end:
                raise TimeoutError("the server does not answer")
            self.past.close()  # so that no answer comes late
            self.past = _connected(zmq.DEALER, self.replay, self.keys)


class Api:
    """The HTTP API: get() and post() for all of it, and what is said most by name."""

    def __init__(self, address="http://127.0.0.1:7800", token=None, timeout_s=10):
        self.address, self.token, self.timeout_s = address, token, timeout_s

    def call(self, method, path, body=None):
        headers = {"Content-Type": "application/json"}
        if self.token:
            headers["Authorization"] = "Bearer " + self.token
        request = urllib.request.Request(self.address + path, method=method, headers=headers,
                                         data=None if body is None else json.dumps(body).encode())
        try:
            with urllib.request.urlopen(request, timeout=self.timeout_s) as answer:
                text = answer.read().decode()
                return json.loads(text) if "json" in answer.headers.get("Content-Type", "") else text
        except urllib.error.HTTPError as error:
            text, code = error.read().decode(errors="replace"), str(error.code)
            try:
                said = json.loads(text)["error"]
                text, code = said["message"], said["code"]
            except (ValueError, KeyError, TypeError):
                pass
            raise Rejected(f"{error.code}: {text}", code) from None

    def get(self, path, **query):
        """A list as a value is a parameter that is said several times; `from` is a word of Python: **{"from": 5}."""
        query = {k: str(v).lower() if isinstance(v, bool) else v for k, v in query.items()}
        return self.call("GET", path + ("?" + urllib.parse.urlencode(query, doseq=True) if query else ""))

    def post(self, path, body):
        return self.call("POST", path, body)

    def pages(self, path, key, **query):
        """Every item of a list that comes in pages."""
        following = ""
        while following is not None:
            page = self.get(path, next=following, **query)
            yield from page[key]
            following = page["next"]

    def alerts(self, **query):
        return self.pages("/api/v1/alerts", "alerts", **query)

    def incidents(self, **query):
        return self.pages("/api/v1/incidents", "incidents", **query)

    def history(self, matchers=(), since=None, until=None, **query):
        """Alerts of the past, the newest first: matchers as text (severity=critical), times in milliseconds, text."""
        for name, value in (("matcher", list(matchers)), ("from", since), ("to", until)):
            if value:
                query[name] = value
        return self.pages("/api/v1/history", "alerts", **query)

    def acknowledge(self, subject, by, comment="", assign="", kind="alert"):
        """`kind` is alert or incident (all its alerts that fire); `assign`: who is to look after it."""
        return self.post(f"/api/v1/{kind}s/{urllib.parse.quote(subject, safe='')}/acknowledge",
                         {"by": by, "comment": comment, "assign": assign})

    def silence(self, labels, by, comment, hours=1.0, force=False):
        """Silences alerts that have all these labels. Returns the id."""
        return self.post("/api/v1/silences", {
            "matchers": [{"name": n, "value": v} for n, v in labels.items()], "created_by": by, "comment": comment,
            "duration_s": int(hours * 3600), "force": force})["id"]

    def expire_silence(self, silence, by=""):
        return self.call("DELETE", f"/api/v1/silences/{silence}?" + urllib.parse.urlencode({"by": by}))
