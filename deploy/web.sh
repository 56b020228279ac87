#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Puts the page together: dashboard/web and the libraries of dashboard/package-lock.json, as they
# come, each file also packed. The build calls it.
#
#   deploy/web.sh DIRECTORY    writes DIRECTORY whole, or leaves it as it is
#
# The libraries come by `npm ci` once, into DIRECTORY.npm. Where that cannot be done it says what
# is missing and succeeds: the server then serves its API alone, and says so at "/".
set -euo pipefail
case "${1:-}" in
  "" | -h | --help) sed -n '4,10s/^# \{0,1\}//p' "$0"; [ -n "${1:-}" ]; exit ;;
esac
out=$(realpath -m "$1")
cd "$(dirname "${BASH_SOURCE[0]}")/.."
libraries=$out.npm

missing() {
  echo "web: THE PAGE IS NOT BUILT: $1" >&2
  echo "web: without it the server serves its API alone. Mend that, and build again." >&2
  exit 0
}

if ! cmp -s dashboard/package-lock.json "$libraries/package-lock.json" 2>/dev/null; then
  command -v npm >/dev/null || missing "there is no npm (apt-get install npm, or deploy/install-deps.sh)"
  rm -rf "$libraries"
  mkdir -p "$libraries"
  cp dashboard/package.json dashboard/.npmrc "$libraries/"
  cp dashboard/package-lock.json "$libraries/"
  if ! (cd "$libraries" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error); then
    rm -f "$libraries/package-lock.json"  # try again with the next build
    missing "npm ci could not fetch the libraries of dashboard/package-lock.json (no network?)"
  fi
fi

fresh=$out.new
rm -rf "$fresh"
mkdir -p "$fresh/vendor"
cp -R dashboard/web/. "$fresh/"
from=$libraries/node_modules
install -m 644 "$from/htm/preact/standalone.module.js" "$fresh/vendor/htm.js"
install -m 644 "$from/htm/dist/htm.module.js" "$fresh/vendor/template.js"
install -m 644 "$from/uplot/dist/uPlot.esm.js" "$fresh/vendor/uplot.js"
install -m 644 "$from/uplot/dist/uPlot.min.css" "$fresh/vendor/uplot.css"
install -m 644 "$from/cytoscape/dist/cytoscape.esm.min.mjs" "$fresh/vendor/cytoscape.mjs"
for library in htm uplot cytoscape; do
  install -m 644 "$from/$library/LICENSE" "$fresh/vendor/$library.LICENSE.txt"
done
find "$fresh" -type f \( -name '*.js' -o -name '*.mjs' -o -name '*.css' -o -name '*.svg' \) -exec gzip --keep --best --no-name {} +
rm -rf "$out"
mv "$fresh" "$out"
echo "web: $(find "$out" -name '*.gz' | wc -l) files, $(cat "$out"/*.gz "$out"/*/*.gz | wc -c) bytes packed, in $out"
