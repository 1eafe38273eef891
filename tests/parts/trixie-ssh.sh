# shellcheck shell=bash
# Debian 13's ssh, which knows mlkem768x25519-sha256, and its ssh-audit, which judges it, for machines whose own do not: out
# of a tree that is there already, or their packages laid out in a folder. Nothing is installed.

# trixie_ssh DIR: prints the program to call; fails where it can't be had. It runs with its own loader and libraries.
trixie_ssh() {
  local dir=$1 root
  root=$(trixie_root "$dir" usr/bin/ssh openssh-client libc6 libssl3t64 zlib1g libzstd1 libselinux1 libpcre2-8-0 \
    libgssapi-krb5-2 libkrb5-3 libk5crypto3 libkrb5support0 libcom-err2 libkeyutils1) || return 1
  printf '#!/bin/sh\nexec %q --library-path %q %q "$@"\n' \
    "$(echo "$root"/usr/lib*/ld-linux-x86-64.so.2)" "$root/usr/lib/x86_64-linux-gnu" "$root/usr/bin/ssh" >"$dir/ssh"
  chmod +x "$dir/ssh"
  "$dir/ssh" -Q kex | grep -q mlkem768x25519-sha256 || return 1
  echo "$dir/ssh"
}

# trixie_audit DIR: as trixie_ssh; the program is in Python, and this machine's runs it.
trixie_audit() {
  local dir=$1 root
  root=$(trixie_root "$dir" usr/bin/ssh-audit ssh-audit) || return 1
  printf '#!/bin/sh\nPYTHONPATH=%q exec python3 %q "$@"\n' "$root/usr/lib/python3/dist-packages" "$root/usr/bin/ssh-audit" >"$dir/ssh-audit"
  chmod +x "$dir/ssh-audit"
  "$dir/ssh-audit" --help >/dev/null || return 1
  echo "$dir/ssh-audit"
}

# trixie_root DIR FILE PACKAGE...: prints a folder that holds FILE, DIR's own made of the packages where no other does.
trixie_root() {
  local dir=$1 file=$2 root=${FLUXD_ROOTS:-$PWD/out/roots}/trixie
  shift 2
  if [ ! -x "$root/$file" ]; then
    root=$dir/root
    [ -x "$root/$file" ] || trixie_fetch "$dir" "$@" >"$dir.log" 2>&1 || { tail -n 3 "$dir.log" >&2; return 1; }
  fi
  mkdir -p "$dir"
  echo "$root"
}

trixie_fetch() {
  local dir=$1 mirror apt package
  shift
  mirror=$(apt-get indextargets --format '$(REPO_URI) $(CODENAME) $(ORIGIN)' 'Created-By: Packages' |
    awk '$3 == "Debian" && $2 !~ /security/ { sub(/\/$/, "", $1); print $1; exit }')
  [ -n "$mirror" ] || { echo "apt knows no Debian archive"; return 1; }
  mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial" "$dir/debs" "$dir/root"
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror trixie main" >"$dir/sources.list"
  apt=(apt-get -q -o "Dir::Etc::sourcelist=$dir/sources.list" -o Dir::Etc::sourceparts=- -o Dir::Etc::preferences=- -o Dir::Etc::preferencesparts=-
    -o "Dir::State::lists=$dir/lists" -o "Dir::Cache=$dir/cache" -o APT::Sandbox::User=root)
  "${apt[@]}" update || return 1
  (cd "$dir/debs" && "${apt[@]}" download "$@") || return 1
  for package in "$dir"/debs/*.deb; do dpkg -x "$package" "$dir/root" || return 1; done
  rm -r "$dir/debs" "$dir/lists" "$dir/cache"
}
