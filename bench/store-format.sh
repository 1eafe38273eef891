#!/usr/bin/env bash
# The store's format by itself, beside what bounds it and what a user would take instead, by ratio in one run:
#   cutting and hashing on one core   against  openssl speed sha256     (CPU time)
#   durable writes into packs         against  dd conv=fdatasync        (wall, same disk, taken in turns)
#   bytes stored and CPU for a folder against  restic and borg          (CPU time; only with DATASET=folder)
# bench/make-dataset.sh DIR makes a fitting folder: DATASET=DIR/src.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tests/parts/lib.sh
mkdir -p "$TEST_OUT"
need_packages openssl
scratch=$(mktemp -d "${TMPDIR:-/var/tmp}/fluxd-bench-XXXXXX")
trap 'rm -rf "$scratch"' EXIT

dotnet build bench/Fluxd.Bench -c Release --nologo -v q >/dev/null
bench() { dotnet bench/Fluxd.Bench/bin/Release/net10.0/Fluxd.Bench.dll "$@"; }
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", a / b }'; }
value() { awk -v name="$1" '$1 == name { print $2 }'; }

echo "machine: $(nproc) x $(awk -F': ' '/model name/ { print $2; exit }' /proc/cpuinfo), load $(cut -d' ' -f1 /proc/loadavg), kernel $(uname -r)"

openssl_mb=$(openssl speed -evp sha256 -bytes 65536 -seconds 3 2>/dev/null | awk '/^sha256/ { sub("k", "", $2); print $2 / 1000 }')
bench cut-hash | tee "$scratch/cut"
for class in fine media; do
  echo "cut+hash $class / openssl sha256: $(ratio "$(value "cut+hash-$class" <"$scratch/cut")" "$openssl_mb") (bar 0.80)"
done

# In turns, best of three: a shared disk's speed changes from second to second.
best_dd=0 best_packs=0
for turn in 1 2 3; do
  start=$(date +%s.%N)
  dd if=/dev/zero of="$scratch/dd" bs=1M count=512 conv=fdatasync status=none
  best_dd=$(awk -v s="$start" -v e="$(date +%s.%N)" -v b="$best_dd" 'BEGIN { r = 536.870912 / (e - s); printf "%.0f", (r > b) ? r : b }')
  rm -f "$scratch/dd"
  packs=$(bench packs "$scratch/packs-$turn" 512 | value packs)
  best_packs=$(awk -v a="$packs" -v b="$best_packs" 'BEGIN { print ((a > b) ? a : b) }')
  rm -rf "$scratch/packs-$turn"
done
echo "durable pack writes $best_packs MB/s, dd $best_dd MB/s: $(ratio "$best_packs" "$best_dd") (bar 0.90)"

[ -n "${DATASET:-}" ] || { echo "DATASET is not set: no comparison with restic and borg"; exit 0; }
need_packages restic borgbackup time
# cpu COMMAND...: prints the user + system seconds of a command
cpu() { /usr/bin/time -f '%U %S' -o "$scratch/time" "$@" >/dev/null && awk '{ print $1 + $2 }' "$scratch/time"; }
size() { du -sb "$1" | cut -f1; }
find "$DATASET" -type f -exec cat {} + >/dev/null # warm for all
export RESTIC_PASSWORD=bench RESTIC_CACHE_DIR=$scratch/cache BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK=yes BORG_BASE_DIR=$scratch/borg-home
for mode in off auto; do
  bench dedup "$DATASET" $mode "$scratch/fluxd-$mode" >"$scratch/dedup-$mode"
  restic -q init --repository-version 2 -r "$scratch/restic-$mode"
  restic_cpu=$(cpu restic -q --compression $mode -r "$scratch/restic-$mode" backup "$DATASET")
  borg_mode=$([ $mode = off ] && echo none || echo lz4)
  borg init -e none "$scratch/borg-$mode"
  borg_cpu=$(cpu borg create -C "$borg_mode" "$scratch/borg-$mode::one" "$DATASET")
  stored=$(value stored <"$scratch/dedup-$mode") used=$(value cpu <"$scratch/dedup-$mode")
  echo "compression $mode: stored $stored; restic $mode $(size "$scratch/restic-$mode") (ratio $(ratio "$stored" "$(size "$scratch/restic-$mode")")); borg $borg_mode $(size "$scratch/borg-$mode") (ratio $(ratio "$stored" "$(size "$scratch/borg-$mode")"))"
  echo "compression $mode: CPU ${used} s without a catalogue; restic $restic_cpu s (ratio $(ratio "$used" "$restic_cpu")); borg $borg_cpu s (ratio $(ratio "$used" "$borg_cpu")); peak $(value rss-mb <"$scratch/dedup-$mode") MB"
  rm -rf "$scratch/fluxd-$mode" "$scratch/restic-$mode" "$scratch/borg-$mode"
done
