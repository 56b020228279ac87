#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A recorded fault in a small service system, told as it happens: warned of, grouped, explained.
#
#   deploy/demo.sh            builds what is missing, plays the fault, shows the incident, stays until Ctrl-C
#   deploy/demo.sh --once     ends by itself; exit 0 only if the fault was warned of before its full
#                             effect and the true cause is ranked first or second
#   deploy/demo.sh --seed N   another system, another fault
#   deploy/demo.sh --quiet    the same system without a fault; with --once: exit 0 only without an incident
set -euo pipefail
cd "$(dirname "$0")/.."
for argument in "$@"; do
  case "$argument" in
    -h|--help) sed -n '3,10s/^# \{0,1\}//p' deploy/demo.sh; exit 0 ;;
  esac
done
bin="${FAULTLINE_BIN:-build/release/bin}"
if [ ! -x "$bin/faultlined" ] || [ ! -x "$bin/faultline" ]; then
  TARGETS="faultlined faultline" deploy/build.sh release
fi
exec python3 deploy/demo.py --bin "$bin" "$@"
