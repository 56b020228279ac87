# SPDX-License-Identifier: Apache-2.0
"""What several campaigns send: services that cross a limit, and a storm that never ends; and what a server takes of memory."""

import pathlib

TICK_MS = 600_000
START = 1_700_000_000_000 // TICK_MS * TICK_MS

# Services that depend on one another in a tree, calm, and then beyond their limit.
CALM = 60  # ticks of ten minutes: learning takes some hours of them
SERVICES = (
    "processing: {tick: 10m, accept_past: true}\n"
    "detection: {learning: 1h}\n"
    "entities: {max_new_per_second: 100000, max_per_publisher: 0}\n"
    "limits: [{entity: 'service/*', metric: level, above: 90}]\n"
)


def service_rows(n, numbers, level):
    """Tick @n of the services with these @numbers."""
    ts = START + n * TICK_MS
    return [{"entity": f"service/s{e}", "ts": ts, "values": {"level": level, "requests": 100.0 + (n * 7 + e) % 5}} for e in numbers]


def service_edges(count, fan):
    """A tree: service e is called by (e - 1) / fan."""
    callees = {}
    for e in range(1, count):
        callees.setdefault((e - 1) // fan, []).append(f"service/s{e}")
    return [{"type": "edge", "entity": f"service/s{caller}", "ts": START, "depends_on": all_of} for caller, all_of in callees.items()]


# Entities that cross their limit and come back, again and again.
HIGH, LOW = 2, 3  # ticks over the limit and below it: two alert records in five ticks
CYCLE = HIGH + LOW
STORM = "processing: {tick: 10m, accept_past: true}\nlimits: [{entity: 'storm/*', metric: level, above: 90}]\n"


def storm_rows(n, entities):
    """Tick @n of every entity; their cycles are spread, so that every tick fires and resolves as many."""
    ts = START + n * TICK_MS
    return [{"entity": f"storm/{e}", "ts": ts, "values": {"level": 99.0 if (n + e) % CYCLE < HIGH else 40.0}} for e in range(entities)]


def memory_of(pid, which):
    """Bytes of /proc/PID/status: RssAnon, VmRSS."""
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(which + ":"):
            return int(line.split()[1]) * 1024
    raise AssertionError(f"process {pid} is gone")
