#!/usr/bin/env bash
# One large file over QUIC on loopback: fluxd's HTTP/3 and fluxd/1 beside gtlsserver (the C++ reference server of the
# library that fluxd uses) and Caddy, in one run, taken in turns; rate and the server's CPU. Writes bench/results/quic.md.
#   ROUNDS=5 MIB=1024 ./build.sh bench quic
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. tests/parts/quic.sh
mapfile -t names < <(quic_packages)
need_packages "${names[@]}" caddy openssl
publish
exec python3 bench/quic.py
