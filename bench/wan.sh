#!/usr/bin/env bash
# How much of a bad link's rate becomes file: fluxd/1 up and down, scp on CUBIC and HTTP/2 on BBR, over links emulated
# between two network namespaces, in one run, taken in turns; what an outage and a new address cost; first byte on a
# resumed connection. Writes bench/results/wan.md. Needs root (namespaces and TUN devices).
#   ROUNDS=1 ONLY=links,outage,address,first LINKS=1,2,3 ./build.sh bench wan
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need_packages openssh-client openssh-server curl iproute2 iputils-ping python3 libngtcp2-16 libngtcp2-crypto-gnutls8
publish
dotnet build bench/Fluxd.Bench -c Release --nologo -v q >/dev/null
exec python3 bench/wan.py
