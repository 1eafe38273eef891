# shellcheck shell=bash
# What the scripts of bench/ begin with: the project's folder, packages, the commit, the fluxd under test, a network of their own.
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tests/parts/lib.sh
mkdir -p "$TEST_OUT" bench/results
export RUNLEVEL=1 # no package starts its service

# The commit that is measured, as `git describe --always --dirty` says it; but what these scripts write makes it no other.
FLUXD_COMMIT=$(git describe --always 2>/dev/null || echo unknown)
git diff --quiet HEAD -- . ':!bench/results' ':!docs/BENCHMARKS.md' 2>/dev/null || FLUXD_COMMIT+=-dirty
export FLUXD_COMMIT

# publish: out/fluxd from these sources, so that nobody measures an older one. REBUILD=0 takes what is there, and the table says so.
publish() {
  if [ "${REBUILD:-1}" = 0 ] && [ -x out/fluxd/fluxd ]; then
    FLUXD_COMMIT+=", fluxd as it was built before"
  else
    ./build.sh publish >/dev/null
  fi
}

# in_own_network COMMAND...: becomes the command, with a loopback of its own whose congestion control is CUBIC for all. By the routes,
# since a new network may choose only among what the machine allows everybody; report.py asks a connection, and the table says it.
in_own_network() {
  local map=()
  [ "$(id -u)" = 0 ] || map=(-r)
  # shellcheck disable=SC2016
  exec unshare "${map[@]}" -n bash -c '
    ip link set lo up
    for addresses in 127.0.0.0/8 127.0.0.1; do
      ip route replace local "$addresses" dev lo table local proto kernel scope host src 127.0.0.1 congctl cubic
    done
    exec "$@"' in_own_network "$@"
}

# long_form NAME=VALUE...: with LONG=1 these are what the script takes unless the caller says otherwise, and the table is one of its own
# (NAME-long.md), which the short form of fifteen minutes doesn't replace.
long_form() {
  [ "${LONG:-0}" = 1 ] || return 0
  local setting
  for setting in "$@"; do
    local name=${setting%%=*}
    [ -n "${!name:-}" ] || export "${setting?}"
  done
  export RESULTS=${RESULTS:-bench/results/$(basename "$0" .sh)-long.md} FORM=", the long form"
}
