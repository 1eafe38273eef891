#!/bin/sh
# Takes fluxd away again. Configuration and the users' files stay; the last line says where.
#   sudo ./uninstall.sh [--prefix DIR] [--config DIR] [--state DIR] [--plist-dir DIR]
set -eu
prefix=/usr/local
config=/usr/local/etc/fluxd
state=/usr/local/var/lib/fluxd
plists=/Library/LaunchDaemons
while [ $# -gt 0 ]; do
  case "$1" in
    --prefix) prefix=$2; shift 2 ;;
    --config) config=$2; shift 2 ;;
    --state) state=$2; shift 2 ;;
    --plist-dir) plists=$2; shift 2 ;;
    *) echo "uninstall.sh: unknown option $1" >&2; exit 2 ;;
  esac
done
command -v launchctl >/dev/null 2>&1 && launchctl bootout system/io.fluxd 2>/dev/null || true
rm -f "$plists/io.fluxd.plist" "$prefix/bin/fluxd" "$prefix/bin/fluxctl"
rm -rf "$prefix/lib/fluxd"
echo "fluxd is gone. Kept: configuration in $config, files in $state."
