#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Fuzzes what reads bytes of others, with libFuzzer, AddressSanitizer and UndefinedBehaviorSanitizer (clang 14).

    tests/fuzz/fuzz.py --seconds 60                all targets, so long in all
    tests/fuzz/fuzz.py --runs 10000000 [TARGET...] so many executions of each
        --state FILE                               in rounds of a minute each, most of them of short inputs; goes on where it was interrupted
    tests/fuzz/fuzz.py --report FILE               what stands in it
    tests/fuzz/fuzz.py --coverage [TARGET...]      lines of the parsers that corpus/ reaches; 95 of 100 in each file, or it fails
    tests/fuzz/fuzz.py --merge [TARGET...]         puts what reaches more into corpus/

Builds into build/fuzz. Each target begins with corpus/TARGET; what it finds new stays in build/fuzz/found/TARGET, an input that
breaks it in build/fuzz/broken. Exit status 0: nothing broke.
"""

import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
HERE = ROOT / "tests/fuzz"
BUILD = pathlib.Path(os.environ.get("FUZZ_BUILD", ROOT / "build/fuzz"))
COMPILER = os.environ.get("FUZZ_CXX", "clang++-14")
MESSAGES = sorted(str(f.relative_to(ROOT)) for f in (ROOT / "messages").glob("*.cpp"))
# What those need of messages that need little of it.
BASIC = ["messages/error.cpp", "messages/text.cpp"]
# What decodes other protocols, and names what they tell.
FOREIGN = sorted(str(f.relative_to(ROOT)) for f in (ROOT / "transport/decode").glob("*.cpp")) + [
    "processing/naming.cpp", "processing/naming_instances.cpp", "processing/naming_metrics.cpp", "processing/instance_rounds.cpp", "processing/name_register.cpp",
    "processing/roles.cpp", "processing/unit_book.cpp"] + MESSAGES
FOREIGN_LIBRARIES = ["-lprotobuf", "-lsnappy", "-lz", "-lxxhash"]
# Target: its sources beside its own file, libraries, and what its coverage is of.
TARGETS = {
    "events": (MESSAGES, ["-lxxhash"], ["messages/event_codec.cpp", "messages/event_builder.cpp", "messages/event_fields.cpp",
                                        "messages/event_metrics.cpp", "messages/syslog.cpp", "messages/event_pieces.cpp"]),
    "requests": (MESSAGES, ["-lxxhash"], ["messages/request.cpp"]),
    "records": (MESSAGES, ["-lxxhash"], ["messages/record.cpp", "messages/decision.cpp", "messages/alert.cpp",
                                         "messages/incident.cpp"]),
    "configuration": (sorted(str(f.relative_to(ROOT)) for f in (ROOT / "config").glob("*.cpp")) + MESSAGES,
                      ["-lyaml-cpp", "-lxxhash", "-ldate-tz"], ["config/config.cpp", "config/settings.cpp", "config/units.cpp",
                                                   "config/yaml_map.cpp", "config/limits.cpp", "config/edges.cpp",
                                                   "config/roles.cpp", "config/runbooks.cpp"]),
    "model_file": (["inference/model_file.cpp"] + BASIC, ["-lsodium"], ["inference/model_file.cpp"]),
    "recording": (["lab/recording.cpp", "lab/recording_json.cpp", "lab/csv_table.cpp", "lab/csv_events.cpp", "lab/gzip_file.cpp"]
                  + MESSAGES, ["-lz", "-lxxhash"], ["lab/recording.cpp", "lab/recording_json.cpp", "lab/csv_table.cpp",
                                                    "lab/csv_events.cpp"]),
    "otlp": (FOREIGN, FOREIGN_LIBRARIES, ["transport/decode/otlp.cpp", "transport/decode/otlp_json.cpp", "transport/decode/otlp_protobuf.cpp"]),
    "prometheus": (FOREIGN, FOREIGN_LIBRARIES, ["transport/decode/prometheus.cpp", "transport/decode/exposition.cpp"]),
    "lines": (FOREIGN, FOREIGN_LIBRARIES, ["transport/decode/influx.cpp", "transport/decode/collectd.cpp", "transport/decode/statsd.cpp",
                                           "transport/decode/frames.cpp", "transport/decode/syslog_header.cpp"]),
    "content": (["transport/decode/content.cpp"] + BASIC, ["-lsnappy", "-lz"], ["transport/decode/content.cpp"]),
    "key_file": (["transport/key_file.cpp", "transport/right_files.cpp", "transport/client_file.cpp", "transport/zpl.cpp", "transport/tokens.cpp",
                  "transport/token_file.cpp", "transport/seal.cpp", "transport/access.cpp", "transport/secret.cpp", "messages/rfc3339.cpp"] + BASIC,
                 ["-lzmq", "-lsodium"], ["transport/client_file.cpp", "transport/zpl.cpp", "transport/token_file.cpp",
                                                        "transport/seal.cpp"]),
    "http": (["transport/http_text.cpp"] + BASIC, [], ["transport/http_text.cpp"]),
}
# Those that look inside a room stand with its tests.
ELSEWHERE = {"http": "tests/transport/http_fuzz.cpp"}
SANITIZE = ["-fsanitize=fuzzer-no-link,address,undefined", "-fno-sanitize-recover=undefined"]
FLAGS = ["-std=c++17", "-O1", "-g1", "-fno-omit-frame-pointer", "-DMSGPACK_NO_BOOST", "-DFMT_HEADER_ONLY", "-DSPDLOG_FMT_EXTERNAL", "-DFAULTLINE_VERSION=\"fuzz\"", f"-I{ROOT}"]
LEAST_COVERAGE = 0.95  # of the lines of each parser
ROUND_S = 60
INTERRUPTED = 72  # how libFuzzer ends after SIGINT
NO_RUNS = {"executions": 0, "seconds": 0, "rounds": 0, "broken": 0}
# Energy by rare features costs more executions than it is worth (docs/reliability.md, Fuzzing).
LIMITS = ["-entropic=0", "-timeout=10", "-rss_limit_mb=2048", "-print_final_stats=1", "-verbosity=0"]
LONGEST = 65536
# Longest input of a round, in turn: what is read is made of short pieces, and short inputs are tried up to ten times as often.
LENGTHS = [512, 512, 4096, LONGEST]


def compile_all(sources, extra, objects):
    """Compiles what has changed, two at a time. @returns the objects."""
    objects.mkdir(parents=True, exist_ok=True)
    cache = [shutil.which("ccache")] if shutil.which("ccache") else []
    made, waiting, running = [], [], []
    for source in sources:
        to = objects / (source.replace("/", "_") + ".o")
        made.append(str(to))
        waiting.append([*cache, COMPILER, *FLAGS, *extra, "-c", str(ROOT / source), "-o", str(to)])
    while waiting or running:
        while waiting and len(running) < int(os.environ.get("JOBS", "2")):
            running.append(subprocess.Popen(waiting.pop()))
        if running.pop(0).wait() != 0:
            raise SystemExit("fuzz: a source does not compile")
    return made


def build(target, kind="fuzz"):
    extra = SANITIZE if kind == "fuzz" else ["-O0", "-fsanitize=fuzzer-no-link", "-fprofile-instr-generate", "-fcoverage-mapping"]
    sources, libraries, _ = TARGETS[target]
    made = compile_all(sources + [ELSEWHERE.get(target, f"tests/fuzz/targets/{target}.cpp")], extra, BUILD / kind)
    program = BUILD / f"{kind}-{target}"
    link = [e.replace("fuzzer-no-link", "fuzzer") for e in extra]
    subprocess.run([COMPILER, *FLAGS, *link, *made, *libraries, "-o", str(program)], check=True)
    return program


def fuzz(target, program, limits, longest=LONGEST):
    """@returns (good, executions)."""
    found, broken = BUILD / "found" / target, BUILD / "broken"
    found.mkdir(parents=True, exist_ok=True)
    broken.mkdir(parents=True, exist_ok=True)
    words = HERE / "dictionaries" / f"{target}.dict"
    done = subprocess.run([str(program), *LIMITS, f"-max_len={longest}", *limits, f"-artifact_prefix={broken}/{target}-",
                           *([f"-dict={words}"] if words.exists() else []), str(found), str(HERE / "corpus" / target)],
                          capture_output=True, text=True, errors="replace")
    runs = re.search(r"stat::number_of_executed_units:\s*(\d+)", done.stderr)
    good = done.returncode in (0, INTERRUPTED)
    print(f"{target:14} {int(runs.group(1)) if runs else 0:>12,} executions  {'' if good else 'BROKEN'}", flush=True)
    if not good:
        print(done.stderr[-4000:])
    return good, int(runs.group(1)) if runs else 0


def merge(target):
    """What reaches more than the corpus does goes into it, the smallest inputs that do."""
    program, corpus = build(target), HERE / "corpus" / target
    fresh = BUILD / "merged" / target
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    subprocess.run([str(program), "-merge=1", "-verbosity=0", "-max_len=4096", str(fresh), str(corpus), str(BUILD / "found" / target)],
                   check=True, capture_output=True)
    for file in fresh.iterdir():
        if not any(file.read_bytes() == known.read_bytes() for known in corpus.iterdir()):
            shutil.copy(file, corpus / file.name[:12])
    print(f"{target}: {len(list(corpus.iterdir()))} inputs")


def coverage(target):
    """Lines of its parsers that the corpus reaches. @returns [(file, lines, of which are reached)]."""
    program = build(target, "coverage")
    raw, data = BUILD / f"{target}.profraw", BUILD / f"{target}.profdata"
    subprocess.run([str(program), "-runs=0", "-verbosity=0", str(HERE / "corpus" / target)], check=True, capture_output=True,
                   env=dict(os.environ, LLVM_PROFILE_FILE=str(raw)))
    subprocess.run(["llvm-profdata-14", "merge", "-sparse", str(raw), "-o", str(data)], check=True)
    said = subprocess.run(["llvm-cov-14", "export", "-summary-only", str(program), f"-instr-profile={data}",
                           *[str(ROOT / f) for f in TARGETS[target][2]]], check=True, capture_output=True, text=True).stdout
    files = json.loads(said)["data"][0]["files"]
    return [(os.path.relpath(f["filename"], ROOT), f["summary"]["lines"]["count"], f["summary"]["lines"]["covered"])
            for f in files]


def coverage_of(targets):
    """Prints a row for each parser. @returns whether each is reached as far as it must be."""
    good = True
    print(f"{'target':14} {'parser':34} {'lines':>6} {'reached':>8}")
    for target in targets:
        for file, lines, reached in coverage(target):
            enough = reached >= LEAST_COVERAGE * lines
            good = good and enough
            print(f"{target:14} {file:34} {lines:>6} {reached / lines:>8.1%}{'' if enough else '  TOO LITTLE'}", flush=True)
    return good


def known_runs(state):
    """What FILE says of runs before: target -> {executions, seconds, rounds, broken}."""
    file = pathlib.Path(state)
    return json.loads(file.read_text()) if file.exists() else {}


def fuzz_on(targets, runs, seed, state):
    """Until each target has so many executions in FILE: a round of each in turn, each with a seed of its own. @returns whether nothing broke."""
    known = known_runs(state)
    programs = {target: build(target) for target in targets}
    waiting = [t for t in targets if known.setdefault(t, dict(NO_RUNS))["executions"] < runs]
    while waiting:
        for target in list(waiting):
            so_far, begun = known[target], time.monotonic()
            good, done = fuzz(target, programs[target], [f"-runs={runs - so_far['executions']}", f"-max_total_time={ROUND_S}",
                                                         f"-seed={seed + so_far['rounds']}"],
                              LENGTHS[so_far["rounds"] % len(LENGTHS)])
            for what, more in (("executions", done), ("seconds", round(time.monotonic() - begun)), ("rounds", 1), ("broken", int(not good))):
                so_far[what] += more
            part = pathlib.Path(f"{state}.part")
            part.write_text(json.dumps(known, indent=1))
            part.replace(state)
            if not good or so_far["executions"] >= runs:  # the same input would end the next round, too
                waiting.remove(target)
    return report(state)


def report(state):
    known = known_runs(state)
    print(f"{'target':14} {'executions':>12} {'seconds':>8} {'rounds':>6} {'broken':>6}")
    for target, r in known.items():
        print(f"{target:14} {r['executions']:>12,} {r['seconds']:>8} {r['rounds']:>6} {r['broken']:>6}")
    return not any(r["broken"] for r in known.values())


def fuzz_once(targets, wanted):
    good, begun = True, time.monotonic()
    for target in targets:
        limit = f"-runs={wanted.runs}" if wanted.runs else f"-max_total_time={max(1, round(wanted.seconds / len(targets)))}"
        good = fuzz(target, build(target), [limit, f"-seed={wanted.seed}"])[0] and good
    print(f"{len(targets)} targets in {time.monotonic() - begun:.0f} s: {'nothing broke' if good else 'BROKEN'}")
    return good


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(TARGETS))
    arguments.add_argument("--seconds", type=float, default=60, help="in all")
    arguments.add_argument("--runs", type=int, help="executions of each target instead")
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--state", metavar="FILE", help="with --runs: what was done so far")
    arguments.add_argument("--report", metavar="FILE")
    arguments.add_argument("--merge", action="store_true")
    arguments.add_argument("--coverage", action="store_true")
    wanted = arguments.parse_args()
    targets = wanted.targets or list(TARGETS)
    if wanted.report:
        return 0 if report(wanted.report) else 1
    if wanted.merge:
        for target in targets:
            merge(target)
        return 0
    if wanted.coverage:
        return 0 if coverage_of(targets) else 1
    if wanted.runs and wanted.state:
        return 0 if fuzz_on(targets, wanted.runs, wanted.seed, wanted.state) else 1
    return 0 if fuzz_once(targets, wanted) else 1


if __name__ == "__main__":
    sys.exit(main())
