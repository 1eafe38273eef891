#!/usr/bin/env bash
# man.sh PUBLISHED VERSION DIR: fluxd.8, fluxctl.1 and fluxd.toml.5 from what the programs and the example say of themselves.
set -euo pipefail
published=$1 version=$2 dir=$3
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

roff() { sed -e 's/\\/\\e/g' -e "s/^\([.']\)/\\\\\&\1/" -e 's/-/\\-/g'; }
header() { printf '.TH %s %s "" "fluxd %s" "%s"\n' "$1" "$2" "$version" "$3"; }
explain() {
  printf '.SS %s\n' "$*"
  "$published/fluxctl" "$@" --help | block
}
block() { echo '.nf'; roff; echo '.fi'; }

{
  header FLUXD 8 "System administration"
  cat <<'TEXT'
.SH NAME
fluxd \- file transfer appliance with a deduplicating, crash\-safe store
.SH SYNOPSIS
.B fluxd
.RB [ \-\-config
.IR FILE ]
.RB [ \-\-check\-config ]
.RB [ \-\-version ]
.SH DESCRIPTION
One daemon keeps users' files in a content\-addressed store and serves them by SFTP, HTTP and QUIC.
It is administered by
.BR fluxctl (1)
and configured by
.BR fluxd.toml (5).
SIGHUP reads the configuration again; a faulty one leaves the old in force. SIGTERM stops accepting, lets transfers
finish for the configured time and then cuts them; a second signal cuts them at once. What was acknowledged stays.
.SH OPTIONS
TEXT
  "$published/fluxd" --help | block
  cat <<'TEXT'
.SH FILES
.TP
.I /etc/fluxd/fluxd.toml
the configuration
.TP
.I /var/lib/fluxd
the store, unless [store] path names another place
.TP
.I /run/fluxd/fluxd.sock
what fluxctl talks to
.TP
.I /usr/share/doc/fluxd
installation, upgrades, backups, proxies, trouble
.SH "SEE ALSO"
.BR fluxctl (1),
.BR fluxd.toml (5)
TEXT
} >"$dir/fluxd.8"

{
  header FLUXCTL 1 "User commands"
  cat <<'TEXT'
.SH NAME
fluxctl \- administer fluxd, and transfer files with it
.SH SYNOPSIS
.B fluxctl
.I COMMAND
.RI [ OPTION ...]
.SH DESCRIPTION
TEXT
  "$published/fluxctl" --help | block
  echo '.SH COMMANDS'
  # The overview has its commands under headings; what a command has below it stands under "Commands:".
  "$published/fluxctl" --help | awk '/^Getting started/ { exit } /^  [a-z]/ { print $1 }' | while read -r command; do
    explain "$command"
    "$published/fluxctl" "$command" --help | awk '/^Commands:/ { on = 1; next } on && /^  [a-z]/ { print $1 }' | while read -r below; do
      explain "$command" "$below"
    done
  done
  cat <<'TEXT'
.SH "SEE ALSO"
.BR fluxd (8),
.BR fluxd.toml (5)
TEXT
} >"$dir/fluxctl.1"

{
  header FLUXD.TOML 5 "File formats"
  cat <<'TEXT'
.SH NAME
fluxd.toml \- configuration of fluxd
.SH DESCRIPTION
TOML 1.0. Every key can also be set by an environment variable FLUXD_SECTION_KEY, which wins over the file.
An unknown key is a fault; all faults are reported at once. Below stands every key with its default.
TEXT
  block <"$root/fluxd.toml.example"
  cat <<'TEXT'
.SH "SEE ALSO"
.BR fluxd (8),
.BR fluxctl (1)
TEXT
} >"$dir/fluxd.toml.5"
