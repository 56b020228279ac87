#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Publishes one event with acknowledgement: an example to copy (needs python3-zmq).

Usage: publish.py [--endpoint tcp://127.0.0.1:7802] --entity KIND/NAME [--counter] METRIC=VALUE...

Ends with 0 when the server has it on disk; 1 when it was refused, or not answered in a minute. Sends again
until then: the same publisher, epoch and seq, so that it is taken once, however often it comes.
"""

import argparse
import json
import sys
import time
import uuid

import zmq

DEADLINE_S = 60
AGAIN_S = 2


def publish(endpoint, event, publisher="publish.py"):
    """The server's reply to one event, sent until it is answered; None after the deadline."""
    header = json.dumps({"publisher": publisher, "epoch": uuid.uuid4().hex, "seq": 1}).encode()
    payload = json.dumps(event).encode()
    context = zmq.Context.instance()
    end = time.monotonic() + DEADLINE_S
    s = context.socket(zmq.DEALER)
    s.setsockopt(zmq.LINGER, 0)
    s.connect(endpoint)
    try:
        while time.monotonic() < end:
            s.send_multipart([header, payload])
            if not s.poll(AGAIN_S * 1000):
                continue
            reply = json.loads(s.recv())
            if "retry" not in reply:
                return reply
            time.sleep(reply["after_ms"] / 1000)
        return None
    finally:
        s.close()


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--endpoint", default="tcp://127.0.0.1:7802")
    arguments.add_argument("--entity", required=True)
    arguments.add_argument("--counter", action="store_true", help="the values are totals that only grow")
    arguments.add_argument("values", nargs="+", metavar="METRIC=VALUE")
    a = arguments.parse_args()
    try:
        values = {name: float(value) for name, value in (v.rsplit("=", 1) for v in a.values)}
    except ValueError:
        arguments.error("a value is METRIC=NUMBER")
    event = {"entity": a.entity, "ts": int(time.time() * 1000), "counters" if a.counter else "values": values}
    reply = publish(a.endpoint, event)
    if reply is None:
        print("publish.py: no answer", file=sys.stderr)
        return 1
    if reply.get("accepted") == 1 or reply.get("duplicate"):
        return 0
    print(f"publish.py: refused: {json.dumps(reply)}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
