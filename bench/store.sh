#!/usr/bin/env bash
# The store beside what bounds it and what a user would take instead, by ratio in one run. Each part has a section of its own
# in bench/results/store.md; a run replaces those of its parts and keeps the others.
#   bench/store.sh [PART...]     parts: cut big memory complete tree-off tree-auto small index socket (these if none is named), and
#                                million (small files) and index-large, the index at 200 million rows: an hour and 40 GB of disk
#   DATASET=DIR                  a folder that bench/make-dataset.sh made (its src/ is stored); made if it isn't there
#   ROWS=N                       rows of the index part; 10 million if not set
#   TURNS=N                      turns of what is taken in turns; 3 if not set
# CPU seconds are user + system. Where a loaded machine would spoil wall time, the ratio is of CPU time.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
rows=${ROWS:-10000000} turns=${TURNS:-3}
all=(cut big memory complete tree-off tree-auto small index socket)
parts=("$@")
[ ${#parts[@]} -gt 0 ] || parts=("${all[@]}")
results=${RESULTS:-bench/results/store.md}
need_packages openssl restic borgbackup time e2fsprogs python3 iproute2 >/dev/null
scratch=$(mktemp -d "${TMPDIR:-/var/tmp}/fluxd-bench-XXXXXX")
trap 'rm -rf "$scratch"' EXIT

dotnet build bench/Fluxd.Bench -c Release --nologo -v q >/dev/null
program=bench/Fluxd.Bench/bin/Release/net10.0/Fluxd.Bench.dll
bench() { dotnet "$program" "$@"; }
value() { awk -v name="$1" '$1 == name { print $2 }' "$2"; }
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", a / b }'; }
median() { sort -n | awk '{ v[NR] = $1 } END { print (NR % 2) ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }
spread() { sort -n | awk 'NR == 1 { a = $1 } { b = $1 } END { print a " to " b }'; }
now() { date +%s.%N; }

table=$scratch/table
# row WHAT FLUXD AGAINST RATIO BAR at-least|at-most|shown [SPREAD]; "shown" has no bar
row() {
  local verdict
  if [ "$6" = shown ]; then
    printf '| %s | %s | %s | %s | – | shown | %s |\n' "$1" "$2" "$3" "$4" "${7:-}" | tee -a "$table"
    return
  fi
  verdict=$(awk -v r="$4" -v b="$5" -v k="$6" 'BEGIN { print (k == "at-least" ? r >= b : r <= b) ? "yes" : "**no**" }')
  printf '| %s | %s | %s | %s | %s %s | %s | %s |\n' "$1" "$2" "$3" "$4" "${6/at-least/≥}" "$5" "$verdict" "${7:-}" | sed 's/at-most/≤/' | tee -a "$table"
}

part_cut() {
  local turn class
  for turn in $(seq "$turns"); do
    openssl speed -evp sha256 -bytes 65536 -seconds 3 2>/dev/null | awk '/^sha256/ { sub("k", "", $2); print $2 / 1000 }' >>"$scratch/openssl"
    bench cut-hash >"$scratch/cut"
    for class in fine media; do ratio "$(value "cut+hash-$class" "$scratch/cut")" "$(tail -n 1 "$scratch/openssl")" >>"$scratch/ratio-$class"; echo >>"$scratch/ratio-$class"; value "cut+hash-$class" "$scratch/cut" >>"$scratch/rate-$class"; done
  done
  for class in fine media; do
    sed -i '/^$/d' "$scratch/ratio-$class"
    row "cutting and hashing, $class class, one core" "$(median <"$scratch/rate-$class") MB/s" "openssl sha256 $(median <"$scratch/openssl") MB/s" \
      "$(median <"$scratch/ratio-$class")" 0.80 at-least "ratio $(spread <"$scratch/ratio-$class")"
  done
}

# noise BYTES: head is done first, and what openssl says of that is no failure
noise() { { openssl enc -aes-128-ctr -pass pass:bench -nosalt -pbkdf2 </dev/zero 2>/dev/null || true; } | head -c "$1"; }

part_big() {
  local turn start dd sha got low
  noise 1073741824 >"$scratch/big"
  for turn in $(seq "$turns"); do
    start=$(now)
    dd if="$scratch/big" of="$scratch/dd" bs=1M conv=fdatasync status=none
    dd=$(awk -v s="$start" -v e="$(now)" 'BEGIN { printf "%.0f", 1073.741824 / (e - s) }')
    rm -f "$scratch/dd"
    sha=$(openssl speed -multi 2 -evp sha256 -bytes 65536 -seconds 2 2>/dev/null | awk '/^(evp|sha256)/ { sub("k", "", $2); r = $2 / 1000 } END { printf "%.0f", r }')
    bench big-file "$scratch/big" "$scratch/big-$turn" >"$scratch/big-out"
    rm -rf "$scratch/big-$turn"
    got=$(value mb-per-s "$scratch/big-out")
    low=$(awk -v a="$dd" -v b="$sha" 'BEGIN { print (a < b) ? a : b }')
    echo "$got" >>"$scratch/big-got"; echo "$low" >>"$scratch/big-low"
    ratio "$got" "$low" >>"$scratch/big-ratio"; echo >>"$scratch/big-ratio"
  done
  sed -i '/^$/d' "$scratch/big-ratio"
  row "one big new file, durable, 1 GiB" "$(median <"$scratch/big-got") MB/s" "the lower of dd fdatasync and two cores' SHA-256: $(median <"$scratch/big-low") MB/s" \
    "$(median <"$scratch/big-ratio")" 0.60 at-least "ratio $(spread <"$scratch/big-ratio")"
}

# What the process of an upload session takes at its peak, however long the file.
part_memory() {
  local gib
  for gib in 1 10; do
    bench upload "$scratch/upload" $((gib * 1024)) >"$scratch/upload-out"
    rm -rf "$scratch/upload"
    row "upload of $gib GiB, peak memory" "$(value rss-mb "$scratch/upload-out") MiB" "200 MiB" "$(ratio "$(value rss-mb "$scratch/upload-out")" 200)" 1.0 at-most \
      "$(value cpu "$scratch/upload-out") CPU s, $(value wall "$scratch/upload-out") s"
  done
}

# The last byte and the publishing, 21 times each in turns: their time should not know the size.
part_complete() {
  bench complete "$scratch/complete" 21 >"$scratch/complete-out"
  rm -rf "$scratch/complete"
  local small big
  small=$(awk '/^turn/ { print $2 }' "$scratch/complete-out" | median)
  big=$(awk '/^turn/ { print $3 }' "$scratch/complete-out" | median)
  row "the last byte and the publishing of an upload of 10 GiB" "$big ms" "of 1 MiB: $small ms" "$(ratio "$big" "$small")" 1.5 at-most \
    "$(awk '/^turn/ { print $3 }' "$scratch/complete-out" | spread) ms; of 1 MiB $(awk '/^turn/ { print $2 }' "$scratch/complete-out" | spread) ms; median of 21"
}

# cpu COMMAND...: user + system seconds of a command
cpu() { /usr/bin/time -f '%U %S' -o "$scratch/time" "$@" >/dev/null && awk '{ print $1 + $2 }' "$scratch/time"; }
size() { du -sb "$1" | cut -f1; }
megabytes() { awk -v b="$1" 'BEGIN { printf "%.0f MB", b / 1e6 }'; }

part_tree-off() { tree off none; }
part_tree-auto() { tree auto lz4; }

tree() {
  local data=${DATASET:-$scratch/data} mode=$1 borg_mode=$2 mine restic borg again restic_again
  [ -d "$data/src" ] || bench/make-dataset.sh "$data" >/dev/null
  find "$data/src" -type f -exec cat {} + >/dev/null # warm for all
  export RESTIC_PASSWORD=bench RESTIC_CACHE_DIR=$scratch/cache BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK=yes BORG_BASE_DIR=$scratch/borg-home
  bench tree "$data/src" $mode "$scratch/fluxd" >"$scratch/tree-$mode"
  restic -q init --repository-version 2 -r "$scratch/restic"
  restic=$(cpu restic -q --compression $mode -r "$scratch/restic" backup "$data/src")
  borg init -e none "$scratch/borg"
  borg=$(cpu borg create -C "$borg_mode" "$scratch/borg::one" "$data/src")
  mine=$(value cpu "$scratch/tree-$mode")
  row "data set, CPU, compression $mode" "$mine s" "restic $mode $restic s" "$(ratio "$mine" "$restic")" 0.5 at-most
  row "data set, CPU, compression $mode" "$mine s" "borg $borg_mode $borg s" "$(ratio "$mine" "$borg")" 0.7 at-most
  mine=$(value stored "$scratch/tree-$mode")
  if [ $mode = off ]; then
    row "data set, stored, no compression" "$(megabytes "$mine")" "restic $(megabytes "$(size "$scratch/restic")")" "$(ratio "$mine" "$(size "$scratch/restic")")" 0.90 at-most
    row "data set, stored, no compression" "$(megabytes "$mine")" "borg $(megabytes "$(size "$scratch/borg")")" "$(ratio "$mine" "$(size "$scratch/borg")")" 0.80 at-most
  else
    row "data set, stored, zstd" "$(megabytes "$mine")" "restic auto $(megabytes "$(size "$scratch/restic")")" "$(ratio "$mine" "$(size "$scratch/restic")")" 1.0 at-most
  fi
  bench tree "$data/src" $mode "$scratch/fluxd" >"$scratch/again-$mode"
  restic_again=$(cpu restic -q --compression $mode -r "$scratch/restic" backup "$data/src")
  again=$(value cpu "$scratch/again-$mode")
  row "data set again, unchanged, CPU, compression $mode" "$again s" "restic $restic_again s" "$(ratio "$again" "$restic_again")" 0.5 at-most
  row "data set, peak memory, compression $mode" "$(value rss-mb "$scratch/tree-$mode") MiB" "200 MiB" "$(ratio "$(value rss-mb "$scratch/tree-$mode")" 200)" 1.0 at-most
  rm -rf "$scratch/fluxd" "$scratch/restic" "$scratch/borg"
}

part_small() {
  local turn
  for turn in $(seq "$turns"); do
    bench many "$scratch/many" 20000 1000 >"$scratch/many-out"
    rm -rf "$scratch/many"
    value files-per-s "$scratch/many-out" >>"$scratch/many-rate"
    value files-per-cpu-s "$scratch/many-out" >>"$scratch/many-cpu"
  done
  row "small files, durable, 256 clients" "$(median <"$scratch/many-rate")/s" "5,000/s" "$(ratio "$(median <"$scratch/many-rate")" 5000)" 1.0 at-least \
    "$(spread <"$scratch/many-rate")/s; $(median <"$scratch/many-cpu") a CPU second"
}

part_million() {
  local few
  bench many "$scratch/few" 10000 1000 >"$scratch/few-out"
  bench many "$scratch/million" 1000000 1000 >"$scratch/million-out"
  rm -rf "$scratch/few" "$scratch/million"
  few=$(value rss-mb "$scratch/few-out")
  row "a million small files, 256 clients, peak memory" "$(value rss-mb "$scratch/million-out") MiB" "200 MiB" "$(ratio "$(value rss-mb "$scratch/million-out")" 200)" 1.0 at-most \
    "10,000 files: $few MiB; $(value files-per-s "$scratch/million-out") files/s, $(value files-per-cpu-s "$scratch/million-out") a CPU second"
}

part_index() { index "$rows" at-least at-most; }
part_index-large() { index 200000000 shown shown; }

index() {
  local rows=$1 fast=$2 small=$3
  bench index "$scratch/index" "$rows" >"$scratch/index-out"
  rm -rf "$scratch/index"
  row "index, durable rows, $rows of them" "$(value rows-per-s "$scratch/index-out")/s" "150,000/s" "$(ratio "$(value rows-per-s "$scratch/index-out")" 150000)" 1.0 "$fast" \
    "$(value rows-per-cpu-s "$scratch/index-out") a CPU second; $(value lookups-per-s "$scratch/index-out") random look-ups/s; slowest commit $(value slowest-commit-ms "$scratch/index-out") ms; peak $(value rss-mb "$scratch/index-out") MiB; opened again in $(value reopen-s "$scratch/index-out") s, its file cached"
  row "index, bytes written a row (log, rows, index)" "$(value bytes-per-row "$scratch/index-out")" "500" "$(ratio "$(value bytes-per-row "$scratch/index-out")" 500)" 1.0 "$small" \
    "$(value catalogue-bytes-per-row "$scratch/index-out") of them stay in the catalogue"
}

part_socket() {
  local congestion
  noise 536870912 >"$scratch/plain"
  (in_own_network dotnet "$program" socket "$scratch/plain" "$scratch/socket") >"$scratch/socket-out"
  congestion=$(in_own_network env PYTHONPATH=bench python3 -c "import report; print(report.congestion())")
  rm -rf "$scratch/socket"
  awk '/^turn/ { printf "%.2f\n", $2 / $3 }' "$scratch/socket-out" >"$scratch/socket-ratio"
  row "cached contiguous file into a socket" "$(awk '/^turn/ { print $2 }' "$scratch/socket-out" | median) MB/s" \
    "read and send of a plain file: $(awk '/^turn/ { print $3 }' "$scratch/socket-out" | median) MB/s" "$(median <"$scratch/socket-ratio")" 0.80 at-least \
    "ratio $(spread <"$scratch/socket-ratio"); CPU $(awk '/^turn/ { print $4 / $5 }' "$scratch/socket-out" | median | cut -c1-4) of the plain file's; $congestion"
}

# section PART: what a run before wrote about it
section() { [ ! -e "$results" ] || awk -v part="$1" '/^## / { mine = $2 == part } mine' "$results"; }

measure() {
  local load began=$SECONDS
  load=$(cut -d' ' -f1 /proc/loadavg)
  printf '| what | fluxd | against | ratio | bar | holds | spread and more |\n|---|---|---|---|---|---|---|\n' | tee "$table"
  "part_$1"
  {
    echo "## $1"
    echo
    echo "$(date -u +%Y-%m-%d), commit $FLUXD_COMMIT, $(nproc) x $(awk -F': ' '/model name/ { print $2; exit }' /proc/cpuinfo), $(free -g | awk '/^Mem/ { print $2 }') GiB," \
      "kernel $(uname -r), $(stat -f -c %T "$scratch"), load $load before and $(cut -d' ' -f1 /proc/loadavg) after, $((SECONDS - began)) s;" \
      ".NET $(dotnet --version), $(openssl version | cut -d' ' -f1-2), restic $(restic version | awk '{ print $2 }'), $(borg --version). Medians of $turns turns where a spread is shown."
    echo
    cat "$table"
    echo
  } >"$scratch/section-$1"
}

# After each part, so that one that fails takes nothing from those before it.
for part in "${parts[@]}"; do
  measure "$part"
  {
    printf '# The store, measured\n\nBy `./build.sh bench store`, part by part; each section says when and where.\n\n'
    for name in "${all[@]}" million index-large; do
      if [ "$name" = "$part" ]; then cat "$scratch/section-$name"; else section "$name"; fi
    done
  } >"$scratch/result.md"
  cp "$scratch/result.md" "$results"
done
