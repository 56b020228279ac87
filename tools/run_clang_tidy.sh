#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Runs clang-tidy with the checks of .clang-tidy over the sources; every finding is an error.
# Takes minutes (LibTorch and CAF headers), so it is no part of tests/run.sh.
#
#   tools/run_clang_tidy.sh [build directory] [file or folder...]
#
# The build directory (default build/release) must be configured; by default all rooms are read.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

build=${1:-build/release}
shift || true
if ! command -v clang-tidy >/dev/null; then
  echo "run_clang_tidy: clang-tidy is not installed (apt-get install clang-tidy)" >&2
  exit 2
fi
if [ ! -f "$build/compile_commands.json" ]; then
  echo "run_clang_tidy: $build is not configured (deploy/build.sh)" >&2
  exit 2
fi

# GCC's precompiled headers and a few of its flags mean nothing to clang.
database=$(mktemp -d)
trap 'rm -rf "$database"' EXIT
sed -E 's/-include [^ ]*cmake_pch\.hxx//g; s/-Winvalid-pch//g; s/-fpch-preprocess//g' \
  "$build/compile_commands.json" >"$database/compile_commands.json"

mapfile -t files < <(git ls-files --cached --others --exclude-standard -- "${@:-.}" |
  grep -E '\.cpp$' | grep -v '^tests/' || true)
known=()
for file in "${files[@]}"; do
  grep -qF "\"$PWD/$file\"" "$database/compile_commands.json" && known+=("$file")
done
if [ ${#known[@]} -eq 0 ]; then
  echo "run_clang_tidy: no source file to read" >&2
  exit 2
fi

echo "run_clang_tidy: ${#known[@]} files"
printf '%s\0' "${known[@]}" |
  xargs -0 -n 1 -P "$(nproc)" clang-tidy --quiet -p "$database"
echo "run_clang_tidy: clean"
