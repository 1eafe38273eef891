#!/usr/bin/env bash
# What does fluxd cost while it does nothing, and fluxctl to say how it is used? Writes bench/results/memory.md.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need_packages python3
publish
exec python3 bench/memory.py
