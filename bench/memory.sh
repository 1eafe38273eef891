#!/usr/bin/env bash
# What does fluxd cost while it does nothing, and fluxctl to say how it is used? Prints both; judges neither.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
[ -x out/fluxd/fluxd ] || ./build.sh publish >/dev/null
folder=$(mktemp -d)
out/fluxd/fluxd --try "$folder" --set http.listen=127.0.0.1:0 --set sftp.listen=127.0.0.1:0 --set quic.listen=127.0.0.1:0 >"$folder/out" 2>&1 &
pid=$!
trap 'kill "$pid" 2>/dev/null || true; wait "$pid" 2>/dev/null || true; rm -rf "$folder"' EXIT
for _ in $(seq 300); do
  grep -q 'users passwd' "$folder/out" && break
  kill -0 "$pid" 2>/dev/null || { cat "$folder/out"; exit 1; }
  sleep 0.1
done
sleep 5 # what the start allocated has been collected or stays
rss=$(awk '/^VmRSS/ {print $2}' "/proc/$pid/status")
TIMEFORMAT='%U %S'
cpu=$( { for _ in 1 2 3 4 5; do time out/fluxd/fluxctl --help >/dev/null; done; } 2>&1 | awk '{print ($1 + $2) * 1000}' | sort -n | sed -n 3p)
printf 'hardware              %s cores, %s\n' "$(nproc)" "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1)"
printf 'fluxd idle RSS        %s MB (goal: under 120)\n' "$((rss / 1024))"
printf 'fluxctl --help CPU    %s ms, median of 5 (goal: under 150)\n' "$cpu"
