#!/usr/bin/env bash
# Many clients at once (100 and 1,000 over HTTP, 100 SFTP sessions) and a folder of 100,000 files: rate, fairness, memory
# of each, beside nginx, rclone and sshd, in one run, taken in turns. Installs its peers; writes bench/results/many.md.
#   ROUNDS=3 SECS=3 CROWDS=100,1000 SFTP_SESSIONS=100 FILES=100000 ./build.sh bench many
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tests/parts/lib.sh
mkdir -p "$TEST_OUT" bench/results /run/sshd
export RUNLEVEL=1 # no package starts its service
need_packages nginx-light rclone openssh-client openssh-server wrk python3
[ -x out/fluxd/fluxd ] && [ -z "${PUBLISH:-}" ] || ./build.sh publish >/dev/null
exec python3 bench/many.py
