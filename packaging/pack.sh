#!/usr/bin/env bash
# Makes out/fluxd_VERSION_amd64.deb and out/fluxd-portable.tar.gz. Called by ./build.sh pack from the project's root.
#   FLUXD_VERSION=0.1.1 ./build.sh pack    another version (the packaging tests build two)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tests/parts/lib.sh
mkdir -p out

need_packages dpkg-dev debhelper build-essential fakeroot

version=${FLUXD_VERSION:-$(sed -n 's:.*<VersionPrefix>\(.*\)</VersionPrefix>.*:\1:p' Directory.Build.props)}
[ -n "$version" ] || { echo "no VersionPrefix in Directory.Build.props" >&2; exit 1; }
# The same commit makes the same package: its time is the clock.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}
export SOURCE_DATE_EPOCH

FLUXD_VERSION=$version ./build.sh publish >/dev/null

tree=out/deb
rm -rf "$tree"
mkdir -p "$tree/man" "$tree/completion" "$tree/docs"
cp -r packaging/deb/debian "$tree/debian"
cp -r packaging/systemd "$tree/systemd"
cp -r out/fluxd "$tree/publish"
cp fluxd.toml.example "$tree/"
cp docs/*.md docs/fluxd-reader.py "$tree/docs/"
cp CHANGELOG.md "$tree/docs/release-notes.md"
packaging/deb/conffile.sh fluxd.toml.example >"$tree/fluxd.toml"
packaging/deb/man.sh out/fluxd "$version" "$tree/man"
out/fluxd/fluxctl completion bash >"$tree/completion/fluxctl.bash"
out/fluxd/fluxctl completion zsh >"$tree/completion/_fluxctl"

# debhelper finds these by name.
cp packaging/systemd/fluxd.sysusers.conf "$tree/debian/fluxd.sysusers"
cp packaging/systemd/fluxd.tmpfiles.conf "$tree/debian/fluxd.tmpfiles"
cat >"$tree/debian/changelog" <<TEXT
fluxd ($version) unstable; urgency=medium

  * See /usr/share/doc/fluxd/release-notes.md.

 -- fluxd maintainers <maintainers@fluxd.invalid>  $(date -R -u -d "@$SOURCE_DATE_EPOCH")
TEXT

log=out/deb.log
(cd "$tree" && dpkg-buildpackage -b -us -uc -rfakeroot) >"$log" 2>&1 || { tail -n 30 "$log" >&2; exit 1; }
ls -1 "out/fluxd_${version}_amd64.deb"

# For machines that the package does not reach: needs the .NET 10 runtime, started by "dotnet fluxd.dll".
portable=out/portable/fluxd-portable
rm -rf out/portable
mkdir -p "$portable/lib/fluxd"
for project in src/Fluxd.Daemon src/fluxctl; do
  dotnet publish "$project" -c Release --self-contained false --nologo -v q -p:UseAppHost=false -p:DebugType=none \
    -p:PublishDocumentationFile=false -p:PublishReferencesDocumentationFiles=false -p:Version="$version" -o "$portable/lib/fluxd" >"$log" 2>&1 || { tail -n 30 "$log" >&2; exit 1; }
done
cp -r packaging/launchd "$portable/launchd"
mv "$portable/launchd/install.sh" "$portable/launchd/uninstall.sh" "$portable/"
cp fluxd.toml.example LICENSE README.md "$portable/"
tar --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" -C out/portable -czf out/fluxd-portable.tar.gz fluxd-portable
ls -1 out/fluxd-portable.tar.gz
