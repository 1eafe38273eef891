#!/bin/sh
# The volume is the store: an empty one gets a store on the first start, unless FLUXD_REQUIRE_STORE says that it must be
# there already (then an unmounted volume stops the start instead of looking like an empty home).
set -eu
if [ ! -e /var/lib/fluxd/store/store.json ] && [ -z "${FLUXD_REQUIRE_STORE:-}" ]; then
  fluxctl store init --config /etc/fluxd/fluxd.toml
fi
exec fluxd --config /etc/fluxd/fluxd.toml "$@"
