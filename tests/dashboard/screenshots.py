#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Screenshots of every page, light and dark, on a desk and on a phone: a server of its own in the middle of a recorded fault.

    tests/dashboard/screenshots.py DIRECTORY            all of them
    tests/dashboard/screenshots.py --readme             the one of the README, docs/images/incident.png

Needs a build (FAULTLINE_BIN or build/release/bin), node and chromium. Ends with 1 when the browser reported an error, a
violation of the policy, or a page that is wider than its window.
"""

import argparse
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/e2e"))
import page_test  # noqa: E402
from support import Server  # noqa: E402


def say_something(server, cause):
    """Words of operators, so that lists and figures are not empty."""
    incident = page_test.worst_of(server)["id"]
    for path, word in [
            ("/api/v1/silences", {"matchers": [{"name": "entity", "value": "service/ratings"}], "duration_s": 7200, "created_by": "ann", "comment": "moves to the new cluster, ticket 4711"}),
            (f"/api/v1/incidents/{incident}/feedback", {"verdict": "right", "cause": cause, "by": "ann", "comment": "the pool was too small"})]:
        status, body = server.request("POST", path, word)
        if status not in (200, 202):
            raise SystemExit(f"{path}: {status} {body}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", nargs="?")
    parser.add_argument("--readme", action="store_true")
    options = parser.parse_args()
    if bool(options.directory) == options.readme:
        parser.error("a directory, or --readme")
    page_test.libraries()
    files = pathlib.Path(tempfile.mkdtemp(prefix="faultline-page-"))
    server = Server(page_test.CONFIG, ingest="max_lag_records: 150, retry_after_ms: 2").start()
    try:
        _, end = page_test.recording_until_the_middle_of_its_effect(files)
        page_test.replay(server, files)
        cause = page_test.tell_of_the_cause(server, end)
        say_something(server, cause)
        where = ["--readme", str(ROOT / "docs/images/incident.png")] if options.readme else [options.directory]
        return subprocess.run(["node", str(ROOT / "tests/dashboard/screenshots.mjs"), f"http://127.0.0.1:{server.http}", *where], timeout=300).returncode
    finally:
        server.remove()
        shutil.rmtree(files, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
