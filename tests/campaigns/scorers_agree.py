#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Whether `faultline evaluate report` and the scorer of the recordings say the same.

    tests/campaigns/scorers_agree.py SET [--bin build/release/bin] [--eval ../shared/eval]

SET is a directory of recordings, ../shared/data/smd for example. Compared at 1 false page a month, pooled: faults
found by where an episode begins, false episodes, time under alarm, AP and VUS-PR. About a minute for smd. Give it
an interpreter with numpy, the scorer is slow without.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile


def run(*command):
    subprocess.run([str(part) for part in command], check=True, stdout=subprocess.DEVNULL)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("set", type=pathlib.Path)
    parser.add_argument("--bin", type=pathlib.Path, default=pathlib.Path("build/release/bin"))
    parser.add_argument("--eval", type=pathlib.Path, default=pathlib.Path("../shared/eval"))
    options = parser.parse_args()
    recordings = sorted(path.parent for path in options.set.glob("*/recording.json"))
    if not recordings:
        raise SystemExit(f"no recordings in {options.set}")
    with tempfile.TemporaryDirectory(prefix="faultline-scorers-") as folder:
        work = pathlib.Path(folder)
        run(options.bin / "faultline", "evaluate", "detection", *recordings, "--false-pages", 1, "--out", work / "out")
        run(sys.executable, options.eval / "score_detection.py", options.set, work / "out", "--json", work / "theirs.json")
        run(options.bin / "faultline", "evaluate", "report", *recordings, "--budgets", 1, "--out", work / "report")
        theirs = json.loads((work / "theirs.json").read_text())["pooled"]
        report = json.loads((work / "report" / "report.json").read_text())
    ours = report["sets"][options.set.resolve().name][0]
    days = theirs["fault_free_entity_days"]
    paged = [case["paged"] for case in report["cases"]]  # also of faults that nobody can see
    pairs = {
        "faults": (theirs["faults"], len(paged), 0),
        "found, strict": (theirs["detection_rate_strict"], sum(paged) / len(paged) if paged else None, 1e-9),
        "fault-free entity-days": (days, ours["entity_days"], 1e-6),
        "false episodes, strict": (theirs["false_per_entity_day_strict"] * days, ours["false_episodes"], 1e-6),
        "time under alarm": (theirs["alarm_share"], ours["alarm_share"], 1e-9),
        # The scores are written with nine digits and read back: ties may fall elsewhere.
        "AP": (theirs["ap"], ours["average_precision"], 1e-3),
        "VUS-PR": (theirs["vus_pr"], ours["vus_pr"], 1e-3),
    }
    wrong = 0
    for name, (a, b, tolerance) in pairs.items():
        same = (a is None and b is None) or (a is not None and b is not None and abs(a - b) <= tolerance)
        wrong += not same
        print(f"{name:26} scorer {a}  report {b}{'' if same else '   DIFFERENT'}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
