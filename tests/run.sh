#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Everything that must be green: what continuous integration runs. Installs what is missing,
# checks layers, format and scripts, builds, and runs every test. The last line reads
# "N passed, M failed"; the exit code is 0 only when nothing failed.
#
#   tests/run.sh [--preset release|dev|asan|tsan] [--only REGEX]
#
#   --preset NAME   how to build (default release, with warnings as errors)
#   --only REGEX    only the tests whose names match, without the checks of the sources
#
# JOBS=n sets the number of compilers. Tests on recordings read ../shared/data, or the
# directory that FAULTLINE_DATA names.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 2

preset=release
only=
while [ $# -gt 0 ]; do
  case "$1" in
    --preset | --only)
      [ $# -ge 2 ] || { echo "run.sh: $1 needs a value" >&2; exit 2; }
      declare "${1#--}=$2"
      shift 2
      ;;
    -h | --help)
      sed -n '4,15s/^# \{0,1\}//p' "$0"
      exit 0
      ;;
    *)
      echo "run.sh: unknown argument '$1' (try --help)" >&2
      exit 2
      ;;
  esac
done

# A proxy of this machine is for what is fetched, not for the servers that tests start.
export no_proxy="127.0.0.1,localhost,${no_proxy:-${NO_PROXY:-}}"

data=${FAULTLINE_DATA:-../shared/data}
passed=0
failed=0
summary=()

# check NAME COMMAND...: one line in the summary; the output stays on the screen.
check() {
  local name=$1 begin=$SECONDS word=ok
  shift
  echo
  echo "=== $name"
  if "$@" </dev/null; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    word=FAILED
  fi
  summary+=("$(printf '%-8s %5d s  %s' "$word" $((SECONDS - begin)) "$name")")
  [ "$word" = ok ]
}

# Prints what was done and leaves; the last line is the one that scripts read.
finish() {
  echo
  echo "=== summary (preset $preset, $SECONDS s)"
  printf '%s\n' "${summary[@]}"
  tell_about_data
  echo "$passed passed, $failed failed"
  [ "$failed" -eq 0 ]
  exit
}

tell_about_data() {
  if [ ! -d "$data" ]; then
    echo "NOTE: no recordings: $data is absent, so the tests that read them had nothing to read"
  fi
}

check_format() {
  git ls-files -z -- '*.hpp' '*.cpp' '*.h' |
    xargs -0 --no-run-if-empty clang-format --dry-run -Werror
}

# Every tracked script that bash runs, by its first line.
check_scripts() {
  local file status=0
  while IFS= read -r -d '' file; do
    [ -f "$file" ] || continue
    if head -n 1 "$file" | tr -d '\0' | grep -qE '^#!.*\b(ba)?sh\b'; then
      bash -n "$file" || status=1
    fi
  done < <(git ls-files -z -- '*.sh' .ci tools deploy)
  return "$status"
}

check_python() {
  /usr/bin/python3 -B -m unittest discover -s tests/tools -p '*_test.py'
}

build_all() {
  local arguments=()
  [ "$preset" = release ] && arguments=(-DFAULTLINE_WERROR=ON)
  deploy/build.sh "$preset" "${arguments[@]}"
}

# run_tests NAME PRESET [REGEX]: runs ctest and adds what single tests say to the two numbers.
run_tests() {
  local results=$PWD/build/$2/test-results begin=$SECONDS counts
  local arguments=(--preset "$2" --parallel 2 --no-tests=error --output-junit "$results/ctest.xml")
  [ -n "${3:-}" ] && arguments+=(--tests-regex "$3")
  rm -rf "$results"
  mkdir -p "$results"
  echo
  echo "=== $1"
  ctest "${arguments[@]}" </dev/null
  counts=$(/usr/bin/python3 -B tests/count_results.py "$results") || counts="0 1"
  passed=$((passed + ${counts% *}))
  failed=$((failed + ${counts#* }))
  summary+=("$(printf '%-8s %5d s  %s' tests $((SECONDS - begin)) \
    "$1: ${counts% *} passed, ${counts#* } failed")")
}

# What parses bytes of others and what is made of them, once more under AddressSanitizer and UBSan.
# What this takes: docs/reliability.md, "Sanitizers".
sanitized="messages_test transport_decode_test processing_door_test processing_labels_test"
sanitized+=" processing_logs_test processing_ticks_test processing_topology_test"
build_sanitized() {
  TARGETS=$sanitized deploy/build.sh asan-units
}

tell_about_data
check "dependencies" deploy/install-deps.sh --tests || finish
if [ -z "$only" ]; then
  check "layers" tools/check_layers.py
  check "format" check_format
  check "scripts" check_scripts
  check "tests of the tools" check_python
fi
check "build" build_all || finish
run_tests tests "$preset" "$only"
if [ -z "$only" ] && [ "$preset" = release ]; then
  check "build with sanitizers" build_sanitized &&
    run_tests "tests under AddressSanitizer and UBSan" asan-units "^(${sanitized// /|})\$"
fi
finish
