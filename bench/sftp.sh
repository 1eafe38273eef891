#!/usr/bin/env bash
# fluxd's SFTP beside what people would run instead (OpenSSH's sshd, rclone serve sftp, ProFTPD's mod_sftp), in one run,
# taken in turns, by ratio of medians. Installs its peers, runs everything in a network namespace of its own whose
# congestion control is set and printed, writes bench/results/sftp.md. Needs root (sshd and the namespace do).
# The long form, of an hour: ROUNDS=5 FILES=10000.
#   ROUNDS=3 SIZE_MB=1024 FILES=600 SESSIONS=1000 ONLY=large,small,login,idle ./build.sh bench sftp
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tests/parts/lib.sh
mkdir -p "$TEST_OUT" bench/results
export RUNLEVEL=1 # no package starts its service
need_packages openssh-client openssh-server rclone proftpd-core proftpd-mod-crypto lftp python3-asyncssh
mkdir -p /run/sshd
[ -x out/fluxd/fluxd ] && [ -z "${PUBLISH:-}" ] || ./build.sh publish >/dev/null
exec unshare -n bash -c '
  ip link set lo up
  # A new namespace may choose among what the machine allows everybody: CUBIC, or Reno, which does the same where nothing is lost.
  for name in ${CONGESTION:-cubic reno}; do
    echo "$name" 2>/dev/null >/proc/sys/net/ipv4/tcp_congestion_control && break
  done
  exec /usr/bin/python3 bench/sftp.py'
