#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares the speed of two builds as ratios: each round runs the one, then the other.

  tests/bench/compare.py OLD NEW                      # all benchmarks that both builds have
  tests/bench/compare.py OLD NEW --bench lane_bench --filter there_and_back
  tests/bench/compare.py OLD NEW --ingest "--entities 10000 --seconds 8"

OLD and NEW are build directories (build/release). A benchmark's figure is the smallest CPU time of
its rounds: whatever else runs on the machine only adds to it. With --ingest the servers of both
builds run under `faultline bench ingest` of NEW with these arguments, and the figure is the median.
A ratio below 1 says that NEW needs less. Between two runs of the same build ratios differ by some
per cent: give it OLD twice to see by how many.
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import sys


def benchmarks_of(build, only):
    there = sorted(p.name for p in (build / "bin/bench").glob("*_bench"))
    return [name for name in there if not only or name in only]


def run_benchmark(program, pattern):
    """Name of each benchmark of a program, and its CPU time in nanoseconds per iteration."""
    call = [str(program), "--benchmark_format=json", f"--benchmark_filter={pattern}"]
    done = subprocess.run(call, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"{program}: {done.stderr.strip() or 'failed'}")
    if not done.stdout.strip():
        return {}
    units = {"ns": 1, "us": 1e3, "ms": 1e6, "s": 1e9}
    # Where real time counts (other threads do the work) that is the figure.
    return {
        b["name"]: b["real_time" if "real_time" in b["name"] else "cpu_time"] * units[b["time_unit"]]
        for b in json.loads(done.stdout)["benchmarks"]
        if not b.get("error_occurred")
    }


def compare_benchmarks(old, new, args):
    rows = []
    names = [n for n in benchmarks_of(new, args.bench) if (old / "bin/bench" / n).exists()]
    if not names:
        sys.exit("no benchmark that both builds have")
    for name in names:
        best = {old: {}, new: {}}
        for _ in range(args.rounds):
            for build in (old, new):
                for case, ns in run_benchmark(build / "bin/bench" / name, args.filter).items():
                    best[build][case] = min(ns, best[build].get(case, ns))
        for case, ns in best[new].items():
            if case in best[old]:
                rows.append((f"{name} {case}", best[old][case] / 1e3, ns / 1e3))
    return rows, "us"


def compare_ingest(old, new, args):
    figures = {old: [], new: []}
    for _ in range(args.rounds):
        for build in (old, new):
            call = [str(new / "bin/faultline"), "bench", "ingest", "--json", "--faultlined",
                    str(build / "bin/faultlined"), *args.ingest.split()]
            done = subprocess.run(call, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            if done.returncode != 0:
                sys.exit(f"{' '.join(call)}: {done.stderr.strip()}")
            figures[build].append(json.loads(done.stdout))

    def median(build, of):
        return statistics.median(of(f) for f in figures[build])

    wanted = {
        "server CPU s per million samples": lambda f: f["server_cpu_seconds_per_million_samples"],
        "us per observation (1 / rate)": lambda f: 1e6 / f["observations_per_second"],
        "send to decision, p50 ms": lambda f: f["latency_ms"]["p50"],
        "send to decision, p99 ms": lambda f: f["latency_ms"]["p99"],
        "memory, MiB": lambda f: f["server_rss_peak_bytes"] / 2**20,
        "bytes written per observation": lambda f: f["server_written_bytes"] / max(f["sent"], 1),
    }
    return [(k, median(old, of), median(new, of)) for k, of in wanted.items()], ""


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0],
                                     epilog="\n\n".join(__doc__.split("\n\n")[1:]),
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old", type=pathlib.Path)
    parser.add_argument("new", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--bench", action="append", default=[], help="one program; may be repeated")
    parser.add_argument("--filter", default=".", help="regular expression of benchmarks' names")
    parser.add_argument("--ingest", help="arguments of `faultline bench ingest`, instead")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    if args.rounds < 1:
        parser.error("--rounds: at least 1")
    for build in (args.old, args.new):
        if not (build / "bin").is_dir():
            parser.error(f"{build} is no build directory: it has no bin/")
    compare = compare_benchmarks if args.ingest is None else compare_ingest
    rows, unit = compare(args.old, args.new, args)
    if args.json:
        print(json.dumps([{"name": n, "old": a, "new": b, "ratio": b / a if a else None}
                          for n, a, b in rows], indent=1))
        return
    wide = max(len(n) for n, _, _ in rows)
    print(f"{'':{wide}}  {'old ' + unit:>12}  {'new ' + unit:>12}  ratio")
    for name, a, b in rows:
        print(f"{name:{wide}}  {a:12.3f}  {b:12.3f}  {b / a if a else float('nan'):5.2f}")


if __name__ == "__main__":
    main()
