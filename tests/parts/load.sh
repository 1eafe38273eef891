# shellcheck shell=bash
# Load and chaos: the scenario runner's own tests, and the real daemon's hard life with clients of all protocols.

load_packages() {
  . tests/parts/quic.sh
  quic_packages
  printf '%s\n' openssh-client sshpass faketime util-linux
}

# chaos SECONDS MEGABYTES: all kinds of trouble at least once, then until the time is over; everything acknowledged is read back.
chaos() {
  local quic=
  ldconfig -p | grep -q libngtcp2_crypto_gnutls || quic=--no-quic
  if dotnet tests/Fluxd.LoadTests/bin/Debug/net10.0/Fluxd.LoadTests.dll chaos --seconds "$1" --megabytes "$2" $quic \
    --fluxd src/Fluxd.Daemon/bin/Debug/net10.0 --fluxctl src/fluxctl/bin/Debug/net10.0 >"$PART_OUT/chaos.log" 2>&1; then
    pass "chaos: $(grep 'changes acknowledged' "$PART_OUT/chaos.log" | sed 's/.* s  //'); $(tail -n 1 "$PART_OUT/chaos.log"); $(grep '^upkeep:' "$PART_OUT/chaos.log")"
  else
    fail "chaos" "$(grep -E 'seed|LOST|faults|Exception|log is' "$PART_OUT/chaos.log" | head -n 12 | tr '\n' ' ')"
  fi
}

# scenarios [--long]: each frontend under load; counts and sizes decide, never times. The report stays in out/test/load.
scenarios() {
  local quic=
  ldconfig -p | grep -q libngtcp2_crypto_gnutls || quic=--no-quic
  if dotnet tests/Fluxd.LoadTests/bin/Debug/net10.0/Fluxd.LoadTests.dll load "$@" $quic --out "$PART_OUT" \
    --fluxd src/Fluxd.Daemon/bin/Debug/net10.0 --fluxctl src/fluxctl/bin/Debug/net10.0 >"$PART_OUT/scenarios.log" 2>&1; then
    pass "load: $(grep -c '^good ' "$PART_OUT/load.txt") scenarios, nothing failed, nothing lost; ${PART_OUT#"$PWD/"}/load.html"
  else
    fail "load" "$(grep -E '^BAD|failed [0-9]+ times|not so:|Exception' "$PART_OUT/scenarios.log" | head -n 12 | tr '\n' ' ')"
  fi
}

load_run() {
  dotnet_tests unit tests/Fluxd.Tests Fluxd.Tests.LoadTests.
  if [ "$FLUXD_TEST_MODE" = long ]; then
    scenarios --long
    chaos 900 800
  else
    scenarios
    chaos 1 40
  fi
}
