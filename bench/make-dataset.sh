#!/usr/bin/env bash
# Builds a data set of near-duplicates from Debian packages: what a home server meets, in 2.5 GB.
#   make-dataset.sh DIR     DIR/src (what is stored), DIR/debs (downloads, kept), DIR/MANIFEST
# The same package versions give the same bytes; MANIFEST names them. Needs about 6 GiB of room.
set -euo pipefail
dir=$(realpath -m "${1:?name a folder}")
mkdir -p "$dir/debs" "$dir/tmp"
rm -rf "$dir/src"
mkdir -p "$dir/src"
: >"$dir/MANIFEST"

# spread PACKAGE COUNT: versions that apt offers, from the oldest to the newest
spread() {
  local versions count=$2 i
  mapfile -t versions < <(apt-cache madison "$1" | awk '{print $3}' | sort -uV)
  [ ${#versions[@]} -gt 0 ] || { echo "apt offers no $1: run apt-get update" >&2; return 1; }
  if [ ${#versions[@]} -le "$count" ]; then
    printf '%s\n' "${versions[@]}"
  else
    for ((i = 0; i < count; i++)); do echo "${versions[$((i * (${#versions[@]} - 1) / (count - 1)))]}"; done
  fi
}

# get PACKAGE VERSION: the path of its .deb, downloaded once
get() {
  local found
  find_deb() { find "$dir/debs" -name "$1_${2//:/%3a}_*.deb" | head -n 1; }
  found=$(find_deb "$1" "$2")
  if [ -z "$found" ]; then
    (cd "$dir/debs" && apt-get download -q "$1=$2" >/dev/null)
    found=$(find_deb "$1" "$2")
  fi
  echo "$1 $2" >>"$dir/MANIFEST"
  echo "$found"
}

sources=$(apt-cache search --names-only '^linux-source-[0-9.]+$' | awk '{print $1}' | sort -V | head -n 1)
[ -n "$sources" ] || { echo "apt offers no linux-source: run apt-get update" >&2; exit 1; }

parts=(Documentation include net fs kernel mm lib tools arch/arm arch/x86)
tarred=(drivers/net sound crypto)

# Small files: parts of two releases of the kernel's tree. Big texts: one part of three releases, as plain tars.
release=0
for version in $(spread "$sources" 3); do
  release=$((release + 1))
  rm -rf "$dir/tmp/kernel"
  mkdir -p "$dir/tmp/kernel" "$dir/src/tars"
  dpkg-deb -x "$(get "$sources" "$version")" "$dir/tmp/kernel"
  wanted=("${tarred[@]}")
  [ "$release" = 2 ] || wanted+=("${parts[@]}")
  tar -C "$dir/tmp/kernel" -xJf "$dir/tmp/kernel/usr/src/$sources.tar.xz" "${wanted[@]/#/$sources/}"
  tree=$dir/tmp/kernel/$sources
  tar --sort=name --owner=0 --group=0 --numeric-owner -C "$tree" -cf "$dir/src/tars/net-sound-crypto-$release.tar" "${tarred[@]}"
  [ "$release" != 2 ] || continue
  for part in "${parts[@]}"; do
    mkdir -p "$dir/src/small/release-$release/$part"
    cp -a "$tree/$part/." "$dir/src/small/release-$release/$part/"
  done
done

# Big binaries of releases that hardly differ, unpacked; the packages themselves, which are compressed.
release=0
mkdir -p "$dir/src/archives"
for version in $(spread libreoffice-core 3); do
  release=$((release + 1))
  deb=$(get libreoffice-core "$version")
  mkdir -p "$dir/src/bin/$release"
  dpkg-deb -x "$deb" "$dir/src/bin/$release"
  cp "$deb" "$dir/src/archives/"
done

# Music: nothing to gain.
mkdir -p "$dir/src/media"
dpkg-deb -x "$(get wesnoth-1.16-music "$(spread wesnoth-1.16-music 1 | tail -n 1)")" "$dir/src/media"

# Disk images: an ext4 image, a copy with blocks written in place, a copy with bytes put in between.
mkdir -p "$dir/src/vm" "$dir/tmp/root"
cp -a "$dir/src/bin/1/usr/lib/libreoffice/program/." "$dir/src/small/release-1/include" "$dir/tmp/root/"
uuid=11111111-2222-3333-4444-555555555555
SOURCE_DATE_EPOCH=1700000000 mke2fs -q -F -t ext4 -b 4096 -U $uuid -E hash_seed=$uuid,lazy_itable_init=0 \
  -d "$dir/tmp/root" "$dir/src/vm/disk-1.img" 300M
python3 - "$dir/src/vm" <<'PYTHON'
import random
import sys

folder, chance = sys.argv[1], random.Random(42)
disk = open(folder + "/disk-1.img", "rb").read()
written = bytearray(disk)
for _ in range(300):  # as a guest writes
    size = 4096 * chance.choice([1, 1, 2, 4, 16])
    at = chance.randrange(0, (len(written) - size) // 4096) * 4096
    written[at:at + size] = chance.randbytes(size)
open(folder + "/disk-2.img", "wb").write(written)
piece = disk[:96 << 20]
with open(folder + "/shifted.bin", "wb") as out:
    out.write(piece)
    last = 0
    for at in sorted(chance.randrange(0, len(piece)) for _ in range(40)):
        out.write(piece[last:at] + chance.randbytes(chance.randrange(1, 3000)))
        last = at
    out.write(piece[last:])
PYTHON

# Regular files only, so that every contender stores the same.
rm -rf "$dir/tmp"
find "$dir/src" -type l -delete
find "$dir/src" -type d -empty -delete
find "$dir/src" -type f -exec chmod u+rw,a+r {} +
sort -u -o "$dir/MANIFEST" "$dir/MANIFEST"
for part in . small tars bin media archives vm; do
  find "$dir/src/$part" -type f -printf '%s\n' | awk -v part="$part" '{s += $1; n++} END {printf "%-9s %6d files %11.0f bytes\n", part, n, s}'
done | tee -a "$dir/MANIFEST"
