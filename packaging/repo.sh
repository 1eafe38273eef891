#!/usr/bin/env bash
# Makes a signed apt repository in out/repo from out/*.deb, keeping the last three versions of each package, and the
# package fluxd-archive-keyring. Any static web server can hold it.
#   FLUXD_SIGNING_KEY=FINGERPRINT ./build.sh repo     sign with a key of your own GnuPG home
# Without it a key is made once under var/signing: fit for a test or a home network, not for the world.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tests/parts/lib.sh
mkdir -p out
need_packages apt-utils gnupg dpkg-dev

keep=3
repo=out/repo
pool=$repo/pool/main/f/fluxd
key=${FLUXD_SIGNING_KEY:-}
if [ -z "$key" ]; then
  export GNUPGHOME=$PWD/var/signing
  mkdir -p "$GNUPGHOME"
  chmod 0700 "$GNUPGHOME"
  gpg --batch --list-secret-keys --with-colons 2>/dev/null | grep -q '^sec' ||
    gpg --batch --quiet --passphrase '' --quick-generate-key 'fluxd archive (made here)' ed25519 sign never
  key=$(gpg --batch --list-secret-keys --with-colons | sed -n 's/^fpr:::::::::\([0-9A-F]*\):.*/\1/p' | head -n 1)
fi

mkdir -p "$pool"
find out -maxdepth 1 -name 'fluxd_*.deb' -exec cp {} "$pool/" \;
ls "$pool"/fluxd_*.deb >/dev/null 2>&1 || { echo "there is no out/fluxd_*.deb; run ./build.sh pack first" >&2; exit 1; }

# The keyring, so that the key can change one day by an ordinary upgrade.
ring=out/keyring
rm -rf "$ring"
mkdir -p "$ring/DEBIAN" "$ring/usr/share/keyrings"
gpg --batch --export "$key" >"$ring/usr/share/keyrings/fluxd-archive-keyring.gpg"
chmod 0644 "$ring/usr/share/keyrings/fluxd-archive-keyring.gpg"
cat >"$ring/DEBIAN/control" <<TEXT
Package: fluxd-archive-keyring
Version: $(date -u +%Y.%m.%d)
Section: misc
Priority: optional
Architecture: all
Maintainer: fluxd maintainers <maintainers@fluxd.invalid>
Description: key of the fluxd package archive
 The public key by which apt trusts the archive that fluxd comes from.
TEXT
dpkg-deb --root-owner-group --build "$ring" "$pool/fluxd-archive-keyring_$(date -u +%Y.%m.%d)_all.deb" >/dev/null

# Oldest first; all but the newest three go.
for package in fluxd fluxd-archive-keyring; do
  find "$pool" -name "${package}_*.deb" -printf '%f\n' | sort -t_ -k2,2V | head -n "-$keep" | while read -r old; do rm "$pool/$old"; done
done

cp "$ring/usr/share/keyrings/fluxd-archive-keyring.gpg" "$repo/"
mkdir -p "$repo/dists/stable/main/binary-amd64"
(cd "$repo" && apt-ftparchive --arch amd64 packages pool >dists/stable/main/binary-amd64/Packages)
gzip -9 -n -k -f "$repo/dists/stable/main/binary-amd64/Packages"
rm -f "$repo/dists/stable/Release" "$repo/dists/stable/InRelease" "$repo/dists/stable/Release.gpg"
(cd "$repo" && apt-ftparchive -o APT::FTPArchive::Release::Origin=fluxd -o APT::FTPArchive::Release::Label=fluxd \
  -o APT::FTPArchive::Release::Suite=stable -o APT::FTPArchive::Release::Codename=stable \
  -o APT::FTPArchive::Release::Architectures=amd64 -o APT::FTPArchive::Release::Components=main \
  release dists/stable >Release.new && mv Release.new dists/stable/Release)
gpg --batch --yes --local-user "$key" --clearsign -o "$repo/dists/stable/InRelease" "$repo/dists/stable/Release"
gpg --batch --yes --local-user "$key" --armor --detach-sign -o "$repo/dists/stable/Release.gpg" "$repo/dists/stable/Release"
echo "$repo: $(find "$pool" -name 'fluxd_*.deb' | wc -l) version(s), signed by $key"
