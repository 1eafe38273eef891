#!/usr/bin/env bash
# What does fluxd cost while it does nothing, and fluxctl to say how it is used? All frontends listen.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
[ -x out/fluxd/fluxd ] || ./build.sh publish >/dev/null
folder=$(mktemp -d)
pid=
trap '[ -z "$pid" ] || { kill "$pid" 2>/dev/null || true; wait "$pid" 2>/dev/null || true; }; rm -rf "$folder"' EXIT

start() {
  out/fluxd/fluxd --try "$folder/$1" --set http.listen=127.0.0.1:0 --set sftp.listen=127.0.0.1:0 --set quic.listen=127.0.0.1:0 >"$folder/out" 2>&1 &
  pid=$!
  for _ in $(seq 600); do
    grep -q 'users passwd' "$folder/out" && break
    kill -0 "$pid" 2>/dev/null || { cat "$folder/out"; exit 1; }
    sleep 0.1
  done
  sleep 5 # what the start allocated has been collected or stays
}

median() { sort -n | awk '{a[NR] = $1} END {print a[int((NR + 1) / 2)]}'; }

rss=
for run in 1 2 3; do
  start "$run"
  frontends=$(FLUXCTL_SOCKET=$folder/$run/fluxd.sock out/fluxd/fluxctl status --json | grep -o '"name": *"[a-z]*"' | grep -o '[a-z]*"$' | tr -d '"' | tr '\n' ' ')
  rss+="$(awk '/^VmRSS/ {print $2}' "/proc/$pid/status")"$'\n'
  kill "$pid"; wait "$pid" 2>/dev/null || true; pid=
done
idle=$(printf %s "$rss" | median)
spread="$(printf %s "$rss" | sort -n | head -1)-$(printf %s "$rss" | sort -n | tail -1)"
TIMEFORMAT='%U %S'
cpus=$( { for _ in 1 2 3 4 5 6 7; do time out/fluxd/fluxctl --help >/dev/null; done; } 2>&1 | awk '{printf "%.0f\n", ($1 + $2) * 1000}')
cpu=$(printf '%s\n' "$cpus" | median)
verdict() { [ "$1" -lt "$2" ] && echo met || echo missed; }

mkdir -p bench/results
{
  echo '# Memory of an idle daemon, CPU of the help'
  echo
  echo "$(date -u +%F), $(out/fluxd/fluxd --version), $(nproc) cores, $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1), Linux $(uname -r)"
  echo
  echo "Frontends that ran: ${frontends% }. Five seconds after the start, nothing stored; \`./build.sh bench memory\`."
  echo
  echo '| figure | median | spread | bar | |'
  echo '|---|---|---|---|---|'
  echo "| fluxd idle RSS, 3 starts | $((idle / 1024)) MB | ${spread} KiB | under 120 MB | $(verdict "$((idle / 1024))" 120) |"
  echo "| fluxctl --help, user + system, 7 runs | ${cpu} ms | $(printf '%s\n' "$cpus" | sort -n | head -1)-$(printf '%s\n' "$cpus" | sort -n | tail -1) ms | under 150 ms | $(verdict "$cpu" 150) |"
} | tee bench/results/memory.md
