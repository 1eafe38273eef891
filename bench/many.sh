#!/usr/bin/env bash
# Many clients at once (100 and 1,000 over HTTP, 100 SFTP sessions) and a folder of 100,000 files: rate, fairness, memory
# of each, beside nginx, rclone and sshd, in one run, taken in turns, in a network namespace of its own whose congestion
# control is set and printed. Installs its peers, needs root (sshd does); writes bench/results/many.md.
#   ROUNDS=3 SECS=3 CROWDS=100,1000 SFTP_SESSIONS=100 FILES=100000 ./build.sh bench many
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
mkdir -p /run/sshd
need_packages nginx-light rclone openssh-client openssh-server wrk python3 iproute2
publish
in_own_network python3 bench/many.py
