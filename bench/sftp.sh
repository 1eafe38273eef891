#!/usr/bin/env bash
# fluxd's SFTP beside what people would run instead (OpenSSH's sshd, rclone serve sftp, ProFTPD's mod_sftp), in one run,
# taken in turns, by ratio of medians. Installs its peers, runs everything in a network namespace of its own whose
# congestion control is set and printed, writes bench/results/sftp.md. Needs root (sshd and the namespace do).
# LONG=1 is the long form, of an hour: five rounds and 10,000 files.
#   ROUNDS=3 SIZE_MB=1024 FILES=600 SESSIONS=1000 ONLY=large,small,login,idle ./build.sh bench sftp
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
long_form ROUNDS=5 FILES=10000
need_packages openssh-client openssh-server rclone proftpd-core proftpd-mod-crypto lftp python3-asyncssh iproute2
mkdir -p /run/sshd
publish
in_own_network /usr/bin/python3 bench/sftp.py # the system's: asyncssh is a package
