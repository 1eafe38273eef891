#!/usr/bin/env bash
# /etc/fluxd/fluxd.toml from the example: every key stays, commented out, since the defaults are the safe settings;
# only what a packaged daemon needs is set.
set -euo pipefail
cat <<'TEXT'
# fluxd. Each line that begins with '#' and holds a key shows its default.
# Check before reloading: fluxd --config /etc/fluxd/fluxd.toml --check-config; then: systemctl reload fluxd
# Where it listens is said by the socket units (systemctl edit fluxd-sftp.socket), which replace every "listen".

TEXT
awk '
  /^\[/ { print; section = $0; if (section == "[store]") print "path = \"/var/lib/fluxd/store\""; if (section == "[daemon]") print "state = \"/var/lib/fluxd/state\""; if (section == "[admin]") print "socket = \"/run/fluxd/fluxd.sock\""; next }
  /^[ \t]*#/ || /^[ \t]*$/ { print; next }
  { if (section == "[daemon]" && $1 == "state") next; if (section == "[store]" && $1 == "path") next; if (section == "[admin]" && $1 == "socket") next; print "#" $0 }
' "$1"
