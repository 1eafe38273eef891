#!/usr/bin/env bash
# packaging/oci/build.sh [SUITE]: an OCI image from Debian's packages and out/fluxd_*.deb, by buildah, without any base
# image: debootstrap makes the root, apt installs the package in it. Needs root. Result: out/fluxd-oci.tar (docker-archive).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
. tests/parts/lib.sh
. tests/packaging/container.sh
mkdir -p out
export BUILDAH_FORMAT=docker # OCI's own format knows no health check
need_packages buildah debootstrap

suite=${1:-trixie}
deb=$(find out -maxdepth 1 -name 'fluxd_*_amd64.deb' | sort -V | tail -n 1)
[ -n "$deb" ] || { echo "there is no out/fluxd_*_amd64.deb; run ./build.sh pack first" >&2; exit 1; }
case "$suite" in trixie) ssl=libssl3t64 quic="libngtcp2-16 libngtcp2-crypto-gnutls8" ;; *) ssl=libssl3 quic= ;; esac

root=$(mktemp -d)
chmod 0755 "$root" # it becomes / of the image, which is not root's alone
trap 'rm -rf "$root"' EXIT
# shellcheck disable=SC2086
include=$(echo $ssl $quic libsqlite3-0 libzstd1 ca-certificates tzdata libstdc++6 libgcc-s1 | tr ' ' ',')
debootstrap --variant=minbase --include="$include" "$suite" "$root" "$(debian_mirror)" >out/oci.log 2>&1 || { tail -n 5 out/oci.log >&2; exit 1; }

# The files of the package without its maintainer scripts: there is no systemd in a container.
dpkg-deb -x "$deb" "$root"
echo 'fluxd:x:1000:1000:fluxd:/var/lib/fluxd:/usr/sbin/nologin' >>"$root/etc/passwd"
echo 'fluxd:x:1000:' >>"$root/etc/group"
install -d -o 1000 -g 1000 -m 0700 "$root/var/lib/fluxd" "$root/run/fluxd"
chown 0:1000 "$root/etc/fluxd/fluxd.toml"
install -m 0755 packaging/oci/entrypoint.sh "$root/usr/local/bin/fluxd-entrypoint"
rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/* "$root"/usr/share/doc/* "$root"/usr/share/man/*

image=$(buildah from scratch)
# Copied and not added: "buildah add" gives every file to root, and the daemon's folders are its own.
mounted=$(buildah mount "$image")
cp -a "$root/." "$mounted/"
buildah umount "$image" >/dev/null
buildah config --user 1000:1000 --workingdir /var/lib/fluxd --volume /var/lib/fluxd \
  --env DOTNET_EnableDiagnostics=0 --env FLUXCTL_SOCKET=/run/fluxd/fluxd.sock \
  --port 2022/tcp --port 8080/tcp --port 8443/tcp --port 8443/udp \
  --entrypoint '["/usr/local/bin/fluxd-entrypoint"]' --stop-signal SIGTERM \
  --healthcheck 'CMD /usr/bin/fluxctl status --json' --healthcheck-interval 30s --healthcheck-timeout 10s \
  --healthcheck-retries 3 --healthcheck-start-period 10s "$image"
buildah commit --quiet --format docker "$image" fluxd:latest >/dev/null
rm -f out/fluxd-oci.tar # an archive is never added to
buildah push --quiet fluxd:latest docker-archive:out/fluxd-oci.tar:fluxd:latest
buildah rm "$image" >/dev/null
ls -1sh out/fluxd-oci.tar
