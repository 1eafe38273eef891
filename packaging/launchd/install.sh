#!/bin/sh
# Installs fluxd from the portable archive as a launchd daemon.
#   sudo ./install.sh [--prefix DIR] [--config DIR] [--state DIR] [--logs DIR] [--user NAME] [--plist-dir DIR] [--no-load]
# Needs the ASP.NET Core 10 runtime (dotnet). Run it from the unpacked archive. Existing configuration and data stay.
set -eu

prefix=/usr/local
config=/usr/local/etc/fluxd
state=/usr/local/var/lib/fluxd
logs=/usr/local/var/log/fluxd
user=${SUDO_USER:-$(id -un)} # who asked for it, not root
plists=/Library/LaunchDaemons
load=yes
while [ $# -gt 0 ]; do
  case "$1" in
    --prefix) prefix=$2; shift 2 ;;
    --config) config=$2; shift 2 ;;
    --state) state=$2; shift 2 ;;
    --logs) logs=$2; shift 2 ;;
    --user) user=$2; shift 2 ;;
    --plist-dir) plists=$2; shift 2 ;;
    --no-load) load=no; shift ;;
    *) echo "install.sh: unknown option $1" >&2; exit 2 ;;
  esac
done

here=$(cd "$(dirname "$0")" && pwd)
app=$here/lib/fluxd
[ -e "$app/fluxd.dll" ] || { echo "install.sh: run it from the unpacked fluxd-portable archive; $app/fluxd.dll is not there" >&2; exit 1; }
dotnet=$(command -v dotnet) || { echo "install.sh: the ASP.NET Core 10 runtime is missing; install it so that 'dotnet' is on the path" >&2; exit 1; }

mkdir -p "$prefix/lib/fluxd" "$prefix/bin" "$config" "$state" "$logs" "$plists"
chmod 0700 "$state"
cp -R "$app/." "$prefix/lib/fluxd/"
for tool in fluxd fluxctl; do
  printf '#!/bin/sh\nexec "%s" "%s/lib/fluxd/%s.dll" "$@"\n' "$dotnet" "$prefix" "$tool" >"$prefix/bin/$tool"
  chmod 0755 "$prefix/bin/$tool"
done
if [ ! -e "$config/fluxd.toml" ]; then
  printf '[store]\npath = "%s/store"\n\n[admin]\nsocket = "%s/admin.sock"\n' "$state" "$state" >"$config/fluxd.toml"
  chmod 0640 "$config/fluxd.toml"
  "$prefix/bin/fluxctl" store init --config "$config/fluxd.toml"
fi
chown -R "$user" "$state" "$logs" "$config"
# First for XML, then for sed.
escaped() { printf '%s' "$1" | sed -e 's/&/\&amp;/g' -e 's/</\&lt;/g' | sed 's/[&|\\]/\\&/g'; }
sed -e "s|@DOTNET@|$(escaped "$dotnet")|" -e "s|@PREFIX@|$(escaped "$prefix")|" -e "s|@CONFIG@|$(escaped "$config")|" \
    -e "s|@STATE@|$(escaped "$state")|" -e "s|@LOGS@|$(escaped "$logs")|" -e "s|@USER@|$(escaped "$user")|" \
    "$here/launchd/io.fluxd.plist" >"$plists/io.fluxd.plist"
chmod 0644 "$plists/io.fluxd.plist"
if [ "$load" = yes ]; then
  launchctl bootout system/io.fluxd 2>/dev/null || true
  launchctl bootstrap system "$plists/io.fluxd.plist"
  echo "fluxd runs. Next: $prefix/bin/fluxctl --socket $state/admin.sock users add NAME"
else
  echo "installed; load it with: launchctl bootstrap system $plists/io.fluxd.plist"
fi
