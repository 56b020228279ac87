#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Installs what building faultline needs, from Debian 12 by package name. Does nothing, and
# asks nobody, when all is there. Needs root (or sudo) only to install.
#
#   deploy/install-deps.sh            what the build needs
#   deploy/install-deps.sh --tests    that, and what tests/run.sh needs besides
#   deploy/install-deps.sh --check    installs nothing; exits 1 when something is missing
set -euo pipefail

# Programs are looked for by command: a machine may have them from elsewhere.
# command:package
commands=(
  g++:g++ cmake:cmake ninja:ninja-build ccache:ccache git:git /usr/bin/python3:python3 npm:npm)
packages=(
  libcaf-dev libzmq3-dev cppzmq-dev librocksdb-dev liblz4-dev libtorch-dev libopenblas0-pthread
  libmsgpack-cxx-dev libboost-dev nlohmann-json3-dev libyaml-cpp-dev libspdlog-dev libfmt-dev
  libcli11-dev libxxhash-dev zlib1g-dev libsodium-dev libre2-dev libssl-dev libprotobuf-dev libsnappy-dev libcurl4-openssl-dev
  libjemalloc-dev libhowardhinnant-date-dev prometheus-cpp-dev libgtest-dev
  libgmock-dev libbenchmark-dev)
test_commands=(clang-format:clang-format curl:curl clang++-14:clang-14 node:nodejs chromium:chromium)
# The wire tests use /usr/bin/python3, the one these belong to.
test_packages=(openssl googletest libclang-rt-14-dev python3-zmq python3-msgpack python3-jsonschema rsyslog rsyslog-czmq
  prometheus prometheus-alertmanager prometheus-node-exporter collectd-core libyajl2)

check_only=no
for argument in "$@"; do
  case "$argument" in
    --tests)
      commands+=("${test_commands[@]}")
      packages+=("${test_packages[@]}")
      ;;
    --check) check_only=yes ;;
    -h | --help)
      sed -n '4,10s/^# \{0,1\}//p' "$0"
      exit 0
      ;;
    *)
      echo "install-deps: unknown argument '$argument' (try --help)" >&2
      exit 2
      ;;
  esac
done

if ! command -v dpkg-query >/dev/null; then
  echo "install-deps: this is not a Debian system. Install the equivalents of:" >&2
  echo "  ${packages[*]} ${commands[*]#*:}" >&2
  exit 1
fi

is_installed() {
  [ "$(dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

missing=()
for pair in "${commands[@]}"; do
  command -v "${pair%%:*}" >/dev/null || missing+=("${pair#*:}")
done
for package in "${packages[@]}"; do
  is_installed "$package" || missing+=("$package")
done

if [ ${#missing[@]} -eq 0 ]; then
  echo "install-deps: everything is there"
  exit 0
fi
if [ "$check_only" = yes ]; then
  echo "install-deps: missing: ${missing[*]}"
  exit 1
fi

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  # sudo asks for a password only where somebody can type one.
  if command -v sudo >/dev/null && { [ -t 0 ] || sudo -n true 2>/dev/null; }; then
    as_root=(sudo)
  else
    echo "install-deps: these packages are missing, and installing them takes root:" >&2
    echo "  apt-get install ${missing[*]}" >&2
    exit 1
  fi
fi

# The tests run these servers themselves: their services are not wanted. A policy of the machine's own stays.
policy=/usr/sbin/policy-rc.d
if [[ " ${missing[*]}" =~ \ (rsyslog|prometheus|collectd) ]] && [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
  "${as_root[@]}" chmod 755 "$policy"
  trap '"${as_root[@]}" rm -f "$policy"' EXIT
fi

echo "install-deps: installing ${missing[*]}"
apt_get=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive
  apt-get -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3)
"${apt_get[@]}" update -q </dev/null
"${apt_get[@]}" install -q -y --no-install-recommends "${missing[@]}" </dev/null
echo "install-deps: done"
