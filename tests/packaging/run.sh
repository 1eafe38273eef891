# shellcheck shell=bash
# The package's life on bookworm and trixie with a real systemd: sourced by tests/parts/packaging.sh.
# Each check is one line; what a suite needs is installed in its tree beforehand, since the container has no network:
# apt inside reaches only the signed repository that ./build.sh repo made.

. tests/packaging/container.sh
. tests/packaging/memory.sh
. tests/packaging/oci.sh

NEW=9.9.9 # the version to upgrade to: the same binaries under another number

check() { # check NAME COMMAND: passes when the command succeeds inside
  local out
  if out=$(inside "$2" 2>&1); then pass "$SUITE: $1"; else fail "$SUITE: $1" "$(tail -n 4 <<<"$out" | tr '\n' ' ')"; fi
}

static_checks() {
  local unit out
  for unit in packaging/systemd/*.service; do
    if out=$(systemd-analyze security --offline=true --threshold=15 "$unit" 2>&1); then
      pass "exposure of $(basename "$unit"): $(sed -n 's/.*: \([0-9.]* [A-Z]*\).*/\1/p' <<<"$out" | tail -n 1)"
    else
      fail "exposure of $(basename "$unit") is above 1.5" "$(tail -n 1 <<<"$out")"
    fi
  done
  if grep -q '^.SS store backup$' out/deb/man/fluxctl.1; then pass "fluxctl.1 explains every command"; else fail "fluxctl.1 explains no commands"; fi
  if out=$(lintian --fail-on error,warning out/fluxd_*_amd64.deb 2>&1); then pass "lintian"; else fail "lintian" "$out"; fi
  plist_check
}

plist_check() {
  local dir out
  dir=$(mktemp -d)
  tar -C "$dir" -xzf out/fluxd-portable.tar.gz
  if out=$(sh "$dir/fluxd-portable/install.sh" --prefix "$dir/p" --config "$dir/etc & more" --state "$dir/state" --logs "$dir/logs" \
    --plist-dir "$dir/plists" --user root --no-load 2>&1) &&
    python3 -c 'import plistlib,sys; p = plistlib.load(open(sys.argv[1], "rb")); assert p["Label"] == "io.fluxd" and p["ProgramArguments"][3].endswith("etc & more/fluxd.toml"), p' "$dir/plists/io.fluxd.plist" &&
    ! grep -q '@[A-Z]*@' "$dir/plists/io.fluxd.plist"; then
    pass "launchd: the plist that install.sh writes is a plist and names the chosen places"
  else
    fail "launchd: install.sh" "$(tail -n 3 <<<"$out")"
  fi
  if out=$(portable_serves "$dir" 2>&1); then pass "portable: dotnet fluxd.dll serves files from what install.sh made"; else fail "portable: dotnet fluxd.dll" "$(tail -n 4 <<<"$out" | tr '\n' ' ')"; fi
  if "$dir/fluxd-portable/uninstall.sh" --prefix "$dir/p" --config "$dir/etc & more" --state "$dir/state" --plist-dir "$dir/plists" >/dev/null &&
    [ -d "$dir/state" ] && [ ! -e "$dir/p/lib/fluxd" ]; then pass "launchd: uninstall keeps the files"; else fail "launchd: uninstall"; fi
  rm -rf "$dir"
}

portable_serves() ( # portable_serves DIR: the daemon as the plist starts it, but for its ports
  dir=$1 url=
  ctl() { "$dir/p/bin/fluxctl" --socket "$dir/state/admin.sock" "$@"; }
  "$dir/p/bin/fluxd" --config "$dir/etc & more/fluxd.toml" --set http.listen=127.0.0.1:0 --set sftp.enabled=false --set quic.enabled=false >"$dir/daemon.log" 2>&1 &
  daemon=$!
  for _ in $(seq 1 300); do ! grep -q 'is ready' "$dir/daemon.log" || break; sleep 0.2; done
  url=$(sed -n 's|.*http listens on \(http://[^, ]*\).*|\1|p' "$dir/daemon.log")/v1/files/a
  echo correct-horse-battery | ctl users add anna --password-stdin &&
    curl -fsS -u anna:correct-horse-battery -T fluxd.toml.example "$url" &&
    curl -fsS -u anna:correct-horse-battery -o "$dir/a" "$url" && cmp "$dir/a" fluxd.toml.example && kill "$daemon" && wait "$daemon" && return
  kill "$daemon" 2>/dev/null
  tail -n 3 "$dir/daemon.log"
  return 1
)

# The upgrade is the same program under a higher number: it takes seconds instead of another publish.
make_newer() {
  local tree=$PART_OUT/newer old
  old=$(find out -maxdepth 1 -name 'fluxd_*_amd64.deb' ! -name "fluxd_${NEW}_*" | sort -V | tail -n 1)
  rm -rf "$tree"
  dpkg-deb -R "$old" "$tree"
  sed -i "s/^Version: .*/Version: $NEW/" "$tree/DEBIAN/control"
  dpkg-deb --root-owner-group -Zgzip -z1 --build "$tree" "$PART_OUT/fluxd_${NEW}_amd64.deb" >/dev/null
  rm -rf "$tree"
}

stage() {
  local dir=$PART_OUT/stage
  rm -rf "$dir" out/repo
  ./build.sh repo >"$PART_OUT/repo.log" 2>&1 || { fail "the signed repository" "$(tail -n 3 "$PART_OUT/repo.log")"; return 1; }
  mkdir -p "$dir"
  cp -r out/repo "$dir/first"
  cp "$PART_OUT/fluxd_${NEW}_amd64.deb" out/
  ./build.sh repo >>"$PART_OUT/repo.log" 2>&1 || { fail "the signed repository with two versions" "$(tail -n 3 "$PART_OUT/repo.log")"; return 1; }
  rm "out/fluxd_${NEW}_amd64.deb"
  cp -r out/repo "$dir/second"
  keeps_three
  cp tests/packaging/inside/* "$dir/"
  chmod -R a+rX "$dir"
  FLUXD_BIND=$dir
}

# Two small packages more, and the oldest of the four is gone.
keeps_three() {
  local version tree=$PART_OUT/small found
  for version in "$NEW.1" "$NEW.2"; do
    mkdir -p "$tree/DEBIAN"
    printf 'Package: fluxd\nVersion: %s\nArchitecture: amd64\nMaintainer: nobody <nobody@fluxd.invalid>\nDescription: small\n' "$version" >"$tree/DEBIAN/control"
    dpkg-deb --root-owner-group --build "$tree" "out/fluxd_${version}_amd64.deb" >/dev/null
  done
  ./build.sh repo >>"$PART_OUT/repo.log" 2>&1 || true
  rm -r "$tree" "out/fluxd_$NEW.1_amd64.deb" "out/fluxd_$NEW.2_amd64.deb"
  found=$(sed -n '/^Package: fluxd$/,/^$/s/^Version: //p' out/repo/dists/stable/main/binary-amd64/Packages | sort -V | tr '\n' ' ')
  if [ "$found" = "$NEW $NEW.1 $NEW.2 " ]; then pass "the repository keeps the last three versions"; else fail "the repository keeps the last three versions" "it has $found"; fi
}

use_repo() { # use_repo first|second
  inside "mkdir -p /etc/apt/keyrings && rm -f /etc/apt/sources.list /etc/apt/sources.list.d/* && cp /srv/fluxd/first/fluxd-archive-keyring.gpg /etc/apt/keyrings/ &&
    printf 'Types: deb\nURIs: file:/srv/fluxd/$1\nSuites: stable\nComponents: main\nSigned-By: /etc/apt/keyrings/fluxd-archive-keyring.gpg\n' >/etc/apt/sources.list.d/fluxd.sources &&
    apt-get update -q"
}

wait_active='for i in $(seq 1 60); do systemctl is-active -q fluxd && fluxctl status >/dev/null 2>&1 && exit 0; sleep 0.5; done; systemctl status fluxd --no-pager; journalctl -u fluxd -n 20 --no-pager; exit 1'
SFTP='sshpass -p correct-horse-battery sftp -q -P 2022 -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o BatchMode=no -b - anna@127.0.0.1'

life() {
  check "apt accepts the signed repository" "true" && use_repo first >"$PART_OUT/$SUITE.apt.log" 2>&1 || { fail "$SUITE: apt update" "$(tail -n 3 "$PART_OUT/$SUITE.apt.log")"; return; }
  check "apt install fluxd, which says what to do next" "apt-get install -y -q fluxd | tee /root/installed && grep -q 'fluxctl users add' /root/installed"
  check "the daemon is active after the install" "$wait_active"
  check "the keyring package comes from the repository" "apt-get install -y -q fluxd-archive-keyring && test -s /usr/share/keyrings/fluxd-archive-keyring.gpg"
  check "man pages and completion are there" "for page in man8/fluxd.8 man1/fluxctl.1 man5/fluxd.toml.5; do dpkg -L fluxd | grep -q \$page || exit 1; done; bash -n /usr/share/bash-completion/completions/fluxctl && test -s /usr/share/zsh/vendor-completions/_fluxctl"
  check "fluxctl users add" "echo correct-horse-battery | fluxctl users add anna --password-stdin"
  check "a member of the group fluxd may administer, another may not" \
    "useradd -m in; useradd -m out; usermod -aG fluxd in; setpriv --reuid in --regid in --init-groups fluxctl status >/dev/null && ! setpriv --reuid out --regid out --init-groups fluxctl status 2>/dev/null"
  check "an SFTP upload and download" "head -c 3000000 /dev/urandom >/root/a && printf 'put /root/a a\nget a /root/b\n' | $SFTP && cmp /root/a /root/b"
  post_quantum
  check "an HTTP upload and download" "curl -fsS -u anna:correct-horse-battery -T /root/a http://127.0.0.1:8080/v1/files/h && curl -fsS -u anna:correct-horse-battery http://127.0.0.1:8080/v1/files/h | cmp - /root/a"
  http3 "the install"
  check "systemctl reload" "systemctl reload fluxd && systemctl is-active -q fluxd"
  check "a faulty configuration is refused by reload and the daemon goes on" \
    "cp /etc/fluxd/fluxd.toml /root/good && echo 'nonsense = 1' >>/etc/fluxd/fluxd.toml && ! systemctl reload fluxd; cp /root/good /etc/fluxd/fluxd.toml && systemctl is-active -q fluxd && fluxctl status >/dev/null"
  check "journal entries carry their fields" "journalctl -u fluxd -o json --no-pager | grep -q '\"FLUX_'"
  hammered "restart" "systemctl restart fluxd"
  watchdog
  as_documented
  upgrade
  downgrade
  end_of_life
}

hammered() { # hammered NAME COMMAND: 0 refused, 0 reset, and an upload begun before goes on after
  local met
  inside "python3 /srv/fluxd/resume.py begin 8080 anna correct-horse-battery '/resumed-$1' /root/upload-$1" >/dev/null 2>&1 || fail "$SUITE: begin a resumable upload before the $1"
  inside "rm -f /root/stop; python3 /srv/fluxd/hammer.py 8080 /root/stop >/root/met 2>&1" &
  local hammer=$!
  sleep 1
  check "$1 under four hammering clients" "$2"
  inside "$wait_active" >/dev/null 2>&1 || true
  sleep 1
  inside "touch /root/stop"
  wait "$hammer" || true
  met=$(inside "cat /root/met")
  if grep -q '"refused": 0, "reset": 0, "empty": 0, "cut": 0, "other": 0' <<<"$met" && ! grep -q '"ok": 0' <<<"$met"; then pass "$SUITE: $1: no connection refused or reset: $met"; else fail "$SUITE: $1: connections were lost" "$met"; fi
  check "an upload begun before the $1 is resumed after it" "python3 /srv/fluxd/resume.py finish 8080 anna correct-horse-battery '/resumed-$1' /root/upload-$1"
}

http3() { # http3 WHEN: the daemon has its UDP socket from systemd and nowhere else
  if ! inside 'curl -V | grep -qw HTTP3 && ldconfig -p | grep -q libngtcp2_crypto_gnutls'; then
    skip "$SUITE: an HTTP/3 request after $1" "this Debian has no libngtcp2 and no curl that speaks HTTP/3"
    return 0
  fi
  check "HTTP/3 downloads through systemd's UDP socket after $1" \
    "for i in \$(seq 1 20); do answer=\$(curl -sfk --http3-only --max-time 20 -u anna:correct-horse-battery -o /root/h3 -w 'HTTP/%{http_version}' https://127.0.0.1:8443/v1/files/h) && break; sleep 1; done; echo \"\$answer\"; [ \"\$answer\" = HTTP/3 ] && cmp /root/h3 /root/a && ss -Hulnp 'sport = :8443' | grep -q '\"systemd\"'"
}

post_quantum() { # Debian 13 has OpenSSL 3.5, whose ML-KEM the runtime gives, and an ssh that wants it; Debian 12 has neither
  local by="fluxd itself" kex=curve25519-sha256
  [ "$SUITE" = bookworm ] || { by="the system's OpenSSL"; kex=mlkem768x25519-sha256; }
  check "ML-KEM is done by $by" "journalctl -u fluxd --no-pager | grep -qF \"ML-KEM is done by $by\""
  check "ssh chooses $kex by itself" "printf 'get a /root/kex\n' | ${SFTP/ -q / -v } >/root/said 2>&1; grep 'kex: algorithm' /root/said; grep -q 'kex: algorithm: $kex' /root/said && cmp /root/a /root/kex"
}

watchdog() {
  # systemd counts every start of the last two minutes, ours too, and would take this one for a crash loop.
  inside 'systemctl reset-failed fluxd.service' || true
  check "the watchdog kills a hung daemon and systemd starts it anew" "
    mkdir -p /run/systemd/system/fluxd.service.d && printf '[Service]\nWatchdogSec=3\nRestartSec=1\n' >/run/systemd/system/fluxd.service.d/quick.conf &&
    systemctl daemon-reload && systemctl restart fluxd && old=\$(systemctl show -P MainPID fluxd) && kill -STOP \$old &&
    for i in \$(seq 1 60); do new=\$(systemctl show -P MainPID fluxd); [ \$new != 0 ] && [ \$new != \$old ] && systemctl is-active -q fluxd && break; sleep 0.5; done;
    rm -r /run/systemd/system/fluxd.service.d; systemctl daemon-reload; [ \$new != \$old ] && [ \$new != 0 ]"
  inside "$wait_active" >/dev/null 2>&1 || true
}

# The longer recipes of docs/ in their own words (root needs no sudo; runuser stands for sudo -u).
as_documented() {
  inside 'systemctl reset-failed fluxd.service' || true
  check "install.md: SFTP on port 22 by the example, without a capability" "
    mkdir -p /etc/systemd/system/fluxd-sftp.socket.d &&
    cp /usr/share/doc/fluxd/examples/port-22.conf /etc/systemd/system/fluxd-sftp.socket.d/listen.conf && systemctl daemon-reload &&
    systemctl stop 'fluxd*' && systemctl start fluxd && printf 'get a /root/22\n' | ${SFTP/2022/22} && cmp /root/a /root/22 &&
    rm -r /etc/systemd/system/fluxd-sftp.socket.d && systemctl daemon-reload && systemctl stop 'fluxd*' && systemctl start fluxd && $wait_active"
  check "systemctl stop 'fluxd*' stays stopped though clients knock" "
    systemctl stop 'fluxd*' && ! curl -s http://127.0.0.1:8080/health && ! fluxctl status 2>/dev/null && sleep 1 && ! systemctl is-active -q fluxd"
  check "install.md: the store on another disk by the example" "
    mkdir -p /mnt/data /root/disk && mount --bind /root/disk /mnt/data && cp -a /var/lib/fluxd/store /mnt/data/fluxd &&
    sed -i 's|^path = .*|path = \"/mnt/data/fluxd\"|' /etc/fluxd/fluxd.toml && mkdir -p /etc/systemd/system/fluxd.service.d &&
    cp /usr/share/doc/fluxd/examples/data-on-another-disk.conf /etc/systemd/system/fluxd.service.d/data.conf &&
    systemctl daemon-reload && systemctl start fluxd && fluxctl store fsck && printf 'put /root/a moved\nget a /root/e\n' | $SFTP && cmp /root/a /root/e"
  check "backup.md: a backup while it serves" "
    install -d -o fluxd -g fluxd -m 700 /mnt/backup/fluxd &&
    printf '[Service]\nReadWritePaths=/mnt/backup/fluxd\n' >/etc/systemd/system/fluxd.service.d/backup.conf && systemctl daemon-reload && systemctl restart fluxd &&
    fluxctl store backup /mnt/backup/fluxd"
  check "backup.md: the restored store serves the files, and every chunk is right" "
    systemctl stop 'fluxd*' && runuser -u fluxd -- fluxctl store restore /mnt/backup/fluxd /var/lib/fluxd/restored && rm -f /var/lib/fluxd/state/store-uuid &&
    sed -i 's|^path = .*|path = \"/var/lib/fluxd/restored\"|' /etc/fluxd/fluxd.toml && rm -r /etc/systemd/system/fluxd.service.d && systemctl daemon-reload &&
    systemctl start fluxd && fluxctl store fsck --read-data && printf 'get moved /root/f\n' | $SFTP && cmp /root/a /root/f"
  check "backup.md: a catalogue that is gone is made anew" "
    systemctl stop 'fluxd*' && rm /var/lib/fluxd/restored/catalog.db* &&
    runuser -u fluxd -- fluxctl store rebuild --config /etc/fluxd/fluxd.toml && systemctl start fluxd && fluxctl store fsck && printf 'get moved /root/g\n' | $SFTP && cmp /root/a /root/g"
}

upgrade() {
  inside 'systemctl reset-failed fluxd.service' || true
  inside "sed -i 's/^#\?level = .*/level = \"debug\"/' /etc/fluxd/fluxd.toml; echo '# edited by the admin' >>/etc/fluxd/fluxd.toml"
  use_repo second >>"$PART_OUT/$SUITE.apt.log" 2>&1
  hammered "upgrade" "apt-get install -y -q -o Dpkg::Options::=--force-confold fluxd"
  http3 "the upgrade"
  check "the new version runs" "dpkg-query -W -f '\${Version}' fluxd | grep -qx $NEW && systemctl is-active -q fluxd"
  check "the edited configuration was kept" "grep -q 'edited by the admin' /etc/fluxd/fluxd.toml"
  check "the files are there after the upgrade" "printf 'get a /root/c\n' | $SFTP && cmp /root/a /root/c"
}

downgrade() {
  inside 'systemctl reset-failed fluxd.service' || true
  check "upgrade.md: the version before can be had again" "
    old=\$(apt list -q --all-versions fluxd 2>/dev/null | sed -n 's/^[^ ]* \([^ ]*\) .*/\1/p' | grep -vx $NEW | head -n 1) &&
    apt-get install -y -q --allow-downgrades -o Dpkg::Options::=--force-confold fluxd=\$old && $wait_active"
  check "the files are there after the downgrade" "printf 'get moved /root/i\n' | $SFTP && cmp /root/a /root/i"
}

end_of_life() {
  check "remove keeps the files" "apt-get remove -y -q fluxd && test -d /var/lib/fluxd && test -e /etc/fluxd/fluxd.toml && ! systemctl is-active -q fluxd"
  check "reinstall finds the data" "apt-get install -y -q fluxd && $wait_active"
  check "the files are there after the reinstall" "printf 'get a /root/d\n' | $SFTP && cmp /root/a /root/d"
  check "purge keeps the users' files and says where" "apt-get purge -y -q fluxd 2>&1 | grep -q /var/lib/fluxd && test -d /var/lib/fluxd && ! test -e /etc/fluxd/fluxd.toml"
}

suite() { # suite NAME PACKAGE...
  SUITE=$1
  local dir
  make_root "$@" || { fail "$SUITE: no tree by debootstrap" "$(tail -n 2 "$ROOTS/$SUITE.log" | tr '\n' ' ')"; return; }
  dir=$(mktemp -d -p "$PART_OUT")
  if boot_container "fluxd-$SUITE-$$" "$SUITE" "$dir"; then
    life
    inside "journalctl -u fluxd --no-pager" >"$PART_OUT/$SUITE.journal.log" 2>&1 || true
    stop_container
  else
    fail "$SUITE: systemd does not come up in the container"
  fi
  rm -rf "$dir"
}

packaging_life() {
  local why
  FLUXD_DEB_COMPRESSION=gzip ./build.sh pack >"$PART_OUT/pack.log" 2>&1 || { fail "./build.sh pack" "$(tail -n 5 "$PART_OUT/pack.log" | tr '\n' ' ')"; return; }
  pass "./build.sh pack"
  static_checks
  memory_box
  why=$(container_possible)
  if [ -n "$why" ]; then
    skip "the package on bookworm and trixie" "$why"
    return
  fi
  oci_image
  make_newer
  stage || return 0
  local common="libsqlite3-0 libzstd1 ca-certificates tzdata openssh-client sshpass curl python3"
  # shellcheck disable=SC2086
  suite bookworm libssl3 $common
  # shellcheck disable=SC2086
  suite trixie libssl3t64 libngtcp2-16 libngtcp2-crypto-gnutls8 $common
}
