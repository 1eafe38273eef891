#!/usr/bin/env bash
# What does fluxd cost while it does nothing, and fluxctl to say how it is used? Writes bench/results/memory.md.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tests/parts/lib.sh
mkdir -p "$TEST_OUT" bench/results
need_packages python3
[ -x out/fluxd/fluxd ] || ./build.sh publish >/dev/null
exec python3 bench/memory.py
