#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Publishes values of one entity from a shell: an example to copy (needs curl). OTLP in JSON.
#
#   publish.sh [--server http://127.0.0.1:7800] KIND/NAME METRIC=VALUE...
#
# KIND is service, host or pod. Ends with 0 when the server has them on disk. A token stands in
# FAULTLINE_TOKEN_FILE.
set -euo pipefail

server=http://127.0.0.1:7800
if [ "${1:-}" = --server ]; then
  server=$2
  shift 2
fi
if [ $# -lt 2 ]; then
  sed -n '4,9s/^# \{0,1\}//p' "$0" >&2
  exit 2
fi
case "$1" in
  service/?*) label=service.name ;;
  host/?*) label=host.name ;;
  pod/?*) label=k8s.pod.name ;;
  *)
    echo "publish.sh: '$1' is not service/NAME, host/NAME or pod/NAME" >&2
    exit 2
    ;;
esac
name=${1#*/}
shift

quoted() {
  local text=${1//\\/\\\\}
  printf '"%s"' "${text//\"/\\\"}"
}

metrics=
for pair in "$@"; do
  value=${pair##*=}
  if ! [[ $pair == *=* && $value =~ ^-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?$ ]]; then
    echo "publish.sh: '$pair' is not METRIC=NUMBER" >&2
    exit 2
  fi
  metrics+=${metrics:+,}'{"name":'$(quoted "${pair%=*}")',"gauge":{"dataPoints":[{"asDouble":'$value',"timeUnixNano":"'$(date +%s%N)'"}]}}'
done
body='{"resourceMetrics":[{"resource":{"attributes":[{"key":"'$label'","value":{"stringValue":'$(quoted "$name")'}}]},"scopeMetrics":[{"metrics":['$metrics']}]}]}'

# By curl's standard input: arguments can be seen by everybody on the machine.
secret=
if [ -n "${FAULTLINE_TOKEN_FILE:-}" ]; then
  secret='header = "Authorization: Bearer '$(cat "$FAULTLINE_TOKEN_FILE")'"'
fi
# 503 is told with Retry-After, which curl heeds.
answer=$(curl -sS -f --retry 5 --retry-connrefused --max-time 60 --config - -H 'Content-Type: application/json' --data-binary "$body" \
  "$server/v1/metrics" <<<"$secret")
if [ "$answer" != '{}' ]; then
  echo "publish.sh: refused: $answer" >&2
  exit 1
fi
