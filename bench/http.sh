#!/usr/bin/env bash
# HTTP beside nginx, Caddy and @tus/server, in one run, taken in turns; medians, ratios and CPU go to bench/results/http.md.
#   ROUNDS=3    rounds of everything that is timed
#   MIB=512     size of the large file
#   FILES=10000 small files of a batch
#   SECS=1      seconds of each run of wrk and h2load
#   ONLY=put,tus  only the figures whose names begin so (get, small, h2, range, put, tus, batch, delta)
# LONG=1 is the long form, of about 40 minutes: five rounds and a file of 1 GiB. Needs about 8 GiB of room. Every server listens on 127.0.0.1 of a network
# namespace whose congestion control is set and printed, and is stopped at the end.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
long_form ROUNDS=5 MIB=1024
need_packages curl nginx-light caddy wrk nghttp2-client openssl python3 iproute2
command -v npm >/dev/null 2>&1 || need_packages nodejs npm

peers=$PWD/out/bench-node
if [ ! -e "$peers/node_modules/@tus/file-store" ]; then
  mkdir -p "$peers"
  echo '{"private":true}' >"$peers/package.json"
  npm install --silent --no-audit --no-fund --prefix "$peers" @tus/server@2.4.5 @tus/file-store@2.1.1
fi
publish
cp bench/http/tus.mjs "$peers/tus.mjs"

scratch=$(mktemp -d "${TMPDIR:-/var/tmp}/fluxd-bench-XXXXXX")
trap 'rm -rf "$scratch"' EXIT
export PYTHONPATH=bench
(in_own_network python3 bench/http/measure.py --scratch "$scratch" --peers "$peers" --fluxd out/fluxd --rounds "${ROUNDS:-3}" --mib "${MIB:-512}" \
  --seconds "${SECS:-1}" --files "${FILES:-10000}" --only "${ONLY:-}")
