#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Builds faultline; the programs are in build/<preset>/bin afterwards.
#
#   deploy/build.sh [release|dev|asan|asan-units|tsan] [cmake argument...]
#
# JOBS=n sets the number of compilers; by default one per core, as far as memory goes: a
# file that includes LibTorch takes up to 2 GiB to compile. TARGETS="a b" builds only those.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

case "${1:-}" in
  -h | --help)
    sed -n '4,9s/^# \{0,1\}//p' "$0"
    exit 0
    ;;
esac
preset=release
if [ $# -gt 0 ] && [[ "$1" != -* ]]; then
  preset=$1
  shift
fi

deploy/install-deps.sh

gib_available=$(awk '/^MemAvailable:/ { print int($2 / 1024 / 1024) }' /proc/meminfo)
jobs=$(nproc)
[ $((gib_available / 2)) -lt "$jobs" ] && jobs=$((gib_available / 2))
[ "$jobs" -lt 1 ] && jobs=1
jobs=${JOBS:-$jobs}

# With the compiler of continuous integration warnings are errors here as well, so that
# building and then running tests/run.sh compiles everything once.
warnings=()
if [[ "$preset" =~ ^(release|dev)$ ]] && [ "$(g++ -dumpversion)" = 12 ]; then
  warnings=(-DFAULTLINE_WERROR=ON)
fi

targets=()
if [ -n "${TARGETS:-}" ]; then
  read -ra targets <<<"--target $TARGETS"
fi

echo "build: preset $preset, $jobs jobs"
cmake --preset "$preset" "${warnings[@]}" "$@"
cmake --build --preset "$preset" --parallel "$jobs" "${targets[@]}"
echo "build: programs are in build/$preset/bin"
