#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Follows the feed from a shell: a line for every alert that begins, rises or ends, and that nobody has silenced,
# inhibited or planned. Shows how little it takes; put what should happen where the line is printed.
#
#   tools/clients/feed.sh                      # a server with its default addresses
#   tools/clients/feed.sh --from 1             # from the first record that is kept; options of `faultline tail`
set -euo pipefail

faultline -o json tail --prefix alert/ "$@" |
  /usr/bin/python3 -u -c '
import json, sys
last = {}
for line in sys.stdin:
    try:
        a = json.loads(line)
    except ValueError:
        continue
    if a.get("kind") != "alert":
        continue
    now = (a["state"], a["severity"])
    quiet = a["silenced"] or a.get("inhibited_by") or a.get("maintenance")
    if (quiet and a["id"] not in last) or last.get(a["id"]) == now:
        continue
    last[a["id"]] = now
    if a["state"] == "resolved":
        del last[a["id"]]
    text = " ".join(now) + " " + a["entity"] + ": " + a["explanation"]
    print("".join(c if c.isprintable() else "?" for c in text))'
